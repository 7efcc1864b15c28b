// The record of what operators did.

import { link, messageLink } from './address.js';
import { read } from './api.js';
import { h } from './dom.js';
import { count, said, time } from './format.js';
import { pages, table } from './table.js';

export const title = 'Audit';

export function load({ messageId, before }, signal) {
  return read('audit', { messageId, before, limit: 50 }, signal);
}

export function render({ items, next }, asked) {
  const columns = [
    { head: 'When', cell: (entry) => time(entry.on) },
    { head: 'Who', cell: (entry) => said(entry.by, 100) },
    { head: 'What', cell: (entry) => h('b', {}, said(entry.action, 60)) },
    { head: 'To what', wide: true, cell: (entry) => said(entry.target, 300) },
    { head: 'Why', wide: true, cell: (entry) => said(entry.reason, 1000) },
    { head: 'Changed', number: true, cell: (entry) => count(entry.rows) },
  ];
  return [
    h('h1', {}, title),
    h('p', { class: 'lead' }, 'Every action, who took it and why. It is written in the action’s own transaction.'),
    asked.messageId && h('p', { class: 'note' }, 'Only what was done to ', h('a', { href: messageLink(asked.messageId) }, said(asked.messageId, 100)), '. ', h('a', { href: link('audit') }, 'Show all')),
    items.length === 0 ? h('p', { class: 'card' }, 'Nobody did anything yet.') : table('Actions', columns, items, (entry) => String(entry.id)),
    pages('audit', asked, next),
  ];
}
