// Failures in groups: those that are alike, with the remedies of all of them at once.

import { link, messageLink } from './address.js';
import { read } from './api.js';
import { h } from './dom.js';
import { counted, destination, plain, said, since } from './format.js';
import { openRemedy, verb } from './remedy.js';
import { pages } from './table.js';

export const title = 'Failures';

export function load({ name, before }, signal) {
  return read('groups', { name, before, limit: 50 }, signal);
}

export function render({ items, next }, asked, page) {
  return [
    h('h1', {}, title),
    h('p', { class: 'lead' }, 'Messages and mails that fail alike are one group: same place, same kind of failure, same text but for ids, numbers and addresses.'),
    asked.name && h('p', { class: 'note' }, 'Only at ', h('b', {}, said(asked.name, 200)), '. ', h('a', { href: link('failures') }, 'Show all')),
    items.length === 0 && h('p', { class: 'card well' }, 'No message and no mail is failing.'),
    h('ul', { class: 'groups' }, items.map((group) => h('li', { key: group.fingerprint }, card(group, page)))),
    pages('failures', asked, next),
  ];
}

function card(group, page) {
  const { fingerprint, name, error, waiting, setAside, firstSeenOn, lastSeenOn, sampleId } = group;
  const isMail = name.startsWith('mail:');
  const about = `the group “${plain(error, 80)}”`;
  const remedy = (action) =>
    h('button', { key: action, onclick: () => openRemedy({ action, selection: { group: fingerprint }, about }, page) }, `${verb(action)}…`);
  return h('article', { class: 'card group', 'aria-label': plain(error, 80) },
    h('header', {},
      h('p', { class: 'where' }, destination(name), ' ', h('span', { class: `state ${setAside > 0 ? 'bad' : 'warn'}` }, group.class.replace('-', ' '))),
      h('p', { class: 'numbers' },
        setAside > 0 && h('b', { class: 'bad' }, `${counted(setAside, isMail ? 'mail' : 'message')} ${setAside === 1 ? 'waits' : 'wait'} for you`),
        setAside > 0 && waiting > 0 && ' · ',
        waiting > 0 && `${counted(waiting, isMail ? 'mail' : 'message')} ${waiting === 1 ? 'is' : 'are'} tried again`)),
    h('pre', { class: 'error' }, said(error)),
    h('p', { class: 'note' }, 'First seen ', since(firstSeenOn), ', last ', since(lastSeenOn), ' · ', h('a', { href: messageLink(sampleId) }, 'the last one'), ' · ',
      h('a', { href: link(isMail ? 'mails' : 'messages', { fingerprint }) }, isMail ? 'its mails' : 'its messages')),
    h('div', { class: 'buttons' }, isMail
      ? setAside > 0 && [remedy('resend-mail'), group.class === 'in-doubt' && remedy('assume-mail-sent')]
      : [setAside > 0 && remedy('requeue'), remedy('route'), remedy('discard')]));
}
