// Mails: by client, address or state, with their remedies.

import { clientLink, link, messageLink } from './address.js';
import { read, search as searchBy } from './api.js';
import { h } from './dom.js';
import { choice, field, filled } from './fields.js';
import { count, said, since, state, time } from './format.js';
import { openRemedy, verb } from './remedy.js';
import { pages, table } from './table.js';

export const title = 'Mails';

const CONDITIONS = ['id', 'client', 'state', 'fingerprint'];

/** Kept out of the page's address: a browser's history and a server's log would keep it. */
let address = '';

/** A search by address has no other condition in the page's address; its older pages go on with it. */
export function opened(asked, wasShown) {
  if (!wasShown || CONDITIONS.some((name) => asked[name])) address = '';
}

export function load(asked, signal) {
  return address ? searchBy('mails/find', { address, before: asked.before, limit: 50 }, signal) : read('mails', { ...asked, limit: 50 }, signal);
}

export function render({ items, next }, asked, page) {
  const columns = [
    { head: 'Message', cell: (mail) => h('a', { href: messageLink(mail.messageId) }, h('code', {}, said(mail.messageId, 60))) },
    { head: 'State', cell: (mail) => [state(mail.state), mail.state === 'in-doubt' && !mail.dueAt && h('small', {}, ' held for you')] },
    { head: 'Client', cell: (mail) => clientLink(mail.subject, 'messages', 'unknown or erased') },
    { head: 'Received', cell: (mail) => time(mail.receivedOn) },
    { head: 'Next try', cell: (mail) => (mail.dueAt ? since(mail.dueAt) : mail.finishedOn ? h('span', {}, 'ended ', since(mail.finishedOn)) : 'never by itself') },
    { head: 'Attempts', number: true, cell: (mail) => [count(mail.attempts), mail.doubts > 0 && h('small', {}, ` ${count(mail.doubts)} in doubt`)] },
    { head: 'Reason or reference', wide: true, cell: (mail) => said(mail.lastError ?? mail.reference ?? '', 200) },
    { head: 'Remedy', cell: (mail) => h('span', { class: 'buttons' }, actions(mail, page)) },
  ];
  const isFiltered = address || CONDITIONS.some((name) => asked[name]);
  return [
    h('h1', {}, title),
    search(asked, page),
    !isFiltered && h('p', { class: 'note' }, 'Mails that are not sent yet, newest first. Choose a condition to find the others.'),
    items.length === 0
      ? h('p', { class: `card ${isFiltered ? '' : 'well'}` }, isFiltered ? 'No mail matches.' : 'Every mail was sent.')
      : table('Mails', columns, items, (mail) => mail.messageId),
    pages('mails', asked, next),
    h('section', { class: 'card', 'aria-labelledby': 'dead-letters' },
      h('h2', { id: 'dead-letters' }, 'Dead letters of the email queue'),
      h('p', {}, 'Messages that the queue gave up on, since this program could not store them. Taken in, they are mailed from the inbox.'),
      h('button', { onclick: () => openRemedy({ action: 'take-in', selection: 'deadLetters', about: 'all dead letters of the email queue' }, page) }, 'Take in…')),
  ];
}

function search(asked, page) {
  const submit = (event) => {
    event.preventDefault();
    const { address: given, ...rest } = filled(event.target);
    find(given ?? '', given ? {} : rest);
  };
  const find = (by, conditions) => {
    address = by;
    // Nothing is opened anew where the page's address stays.
    if (location.hash === link('mails', conditions)) page.refresh();
    else page.go('mails', conditions);
  };
  // The link goes elsewhere, unless only the address is to be cleared.
  const clear = (event) => {
    address = '';
    event.target.closest('form').reset();
    if (location.hash === link('mails')) page.refresh();
  };
  return h('form', { class: 'card find', key: `find ${location.hash}`, role: 'search', onsubmit: submit },
    field('id', 'Message id', asked.id),
    field('client', 'Client number', asked.client, { inputmode: 'numeric', pattern: '[0-9]+' }),
    choice('state', 'State', asked.state, 'not sent', ['accepted', 'sending', 'sent', 'parked', 'in-doubt', 'refused']),
    field('address', 'E-mail address', address, { type: 'email', hint: 'Used alone. It stays out of the page’s address.' }),
    h('div', { class: 'buttons' }, h('button', { class: 'main' }, 'Find'), h('a', { class: 'button', href: link('mails'), onclick: clear }, 'Clear')),
    asked.fingerprint && h('p', { class: 'note' }, 'Only the failure group ', h('code', {}, said(asked.fingerprint, 40)), '. '));
}

/** The remedies of one mail. */
export function actions({ messageId, state: now }, page) {
  const offered = { refused: ['resend-mail'], 'in-doubt': ['resend-mail', 'assume-mail-sent'] }[now] ?? [];
  return offered.map((action) =>
    h('button', { class: 'small', onclick: () => openRemedy({ action, selection: { ids: [messageId] }, about: `the mail ${messageId}` }, page) }, `${verb(action)}…`));
}
