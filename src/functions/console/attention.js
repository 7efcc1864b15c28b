// What needs a person, each with the way to its remedy.

import { link } from './address.js';
import { h } from './dom.js';
import { counted, plain, said } from './format.js';
import { openPause } from './pause.js';
import { openRemedy } from './remedy.js';

const URGENT = ['heartbeat-late', 'heartbeat-failed', 'lag', 'dead-rows', 'breaker-open', 'stalled', 'mails-refused'];

export function attention(overview, page) {
  const items = overview.attention;
  if (items.length === 0) return h('p', { class: 'card well', key: 'attention' }, 'All is well: nothing needs you.');
  return h('section', { key: 'attention', 'aria-labelledby': 'attention' },
    h('h2', { id: 'attention' }, counted(items.length, 'thing needs', 'things need'), ' you'),
    h('ul', { class: 'attention' }, items.map((item) =>
      h('li', { key: `${item.kind} ${item.about}`, class: `card ${URGENT.includes(item.kind) ? 'bad' : 'warn'}` },
        h('p', {}, said(item.text, 1_000)),
        item.remedy && h('p', { class: 'note' }, 'Remedy: ', h('code', {}, said(item.remedy, 500))),
        h('div', { class: 'buttons' }, ways(item, page))))));
}

/** Where to look, and what to do. */
function ways({ kind, about }, page) {
  const to = (text, view, asked) => h('a', { class: 'button', href: link(view, asked) }, text);
  const remedy = (text, action, selection, words) => h('button', { class: 'main', onclick: () => openRemedy({ action, selection, about: words }, page) }, text);
  const isMail = about.startsWith('mail:');
  const name = plain(about, 100);
  // As the API names the place of rows without a destination.
  const place = about === '(not routed)' ? '' : about;
  const failures = place !== '' && to('Failures', 'failures', { name: place });
  switch (kind) {
    case 'dead-rows':
      return [remedy('Requeue…', 'requeue', { messages: { destination: place, state: 'dead' } }, `all dead messages to ${name}`), failures, to('Messages', 'messages', { destination: place, state: 'dead' })];
    case 'breaker-open':
      return [failures, h('button', { onclick: () => openPause('resume', about, page) }, 'Try now…')];
    case 'paused':
      return [h('button', { class: 'main', onclick: () => openPause('resume', about, page) }, 'Resume…'), !isMail && to('Waiting messages', 'messages', { destination: place, state: 'pending' })];
    case 'lag':
      return [to('Waiting messages', 'messages', { destination: place, state: 'pending' }), failures];
    case 'unrouted':
      return [remedy('Route…', 'route', { messages: { eventType: about, destination: '', state: 'pending' } }, `all messages of type ${name} without a destination`), to('Messages', 'messages', { eventType: about, destination: '', state: 'pending' })];
    case 'mails-refused':
      return [remedy('Resend…', 'resend-mail', { mails: { state: 'refused' } }, 'all refused mails'), failures, to('Mails', 'mails', { state: 'refused' })];
    case 'mails-in-doubt':
      return [to('Mails in doubt', 'mails', { state: 'in-doubt' }), failures];
    case 'mails-parked':
      return [failures, to('Parked mails', 'mails', { state: 'parked' })];
    default:
      return [];
  }
}
