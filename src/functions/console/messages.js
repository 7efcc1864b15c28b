// Messages: how they are found, and remedies for those that are selected or that match.

import { clientLink, isGiven, link, messageLink } from './address.js';
import { read } from './api.js';
import { h } from './dom.js';
import { choice, field, filled, localTime, utc } from './fields.js';
import { counted, destination, said, state, time } from './format.js';
import { openRemedy, verb } from './remedy.js';
import { pages, table } from './table.js';

export const title = 'Messages';

const CONDITIONS = ['id', 'client', 'eventType', 'destination', 'orderingKey', 'state', 'fingerprint', 'since', 'until'];
const ACTIONS = ['requeue', 'discard', 'replay', 'route'];
const selected = new Set();

export function opened() {
  selected.clear();
}

export function load(asked, signal) {
  return read('messages', { ...asked, limit: 50 }, signal);
}

export function render({ items, next }, asked, page) {
  const columns = [
    { head: 'Message', cell: (row) => h('span', { class: 'picked' }, pick(row, page), h('a', { href: messageLink(row.id, row.seq) }, h('code', {}, said(row.id, 60)))) },
    { head: 'State', cell: (row) => [state(row.state), row.mail && row.mail !== 'sent' && h('small', {}, ' mail ', state(row.mail))] },
    { head: 'Event', word: true, cell: (row) => said(row.eventType, 60) },
    { head: 'Client', cell: (row) => clientLink(row.subject, 'mails') },
    { head: 'Destination', word: true, cell: (row) => destination(row.destination, 60) },
    { head: 'Happened', cell: (row) => time(row.occurredOn) },
    { head: 'Last failure', wide: true, cell: (row) => (row.lastError ? said(row.lastError, 160) : '') },
  ];
  return [
    h('h1', {}, title),
    search(asked, page),
    remedies(items, asked, page),
    items.length === 0
      ? h('p', { class: 'card' }, next ? 'None in this piece of the history. Go on with “Older”.' : 'No message matches.')
      : table('Messages', columns, items, (row) => String(row.seq)),
    pages('messages', asked, next),
  ];
}

function search(asked, page) {
  const submit = (event) => {
    event.preventDefault();
    const { since, until, ...rest } = filled(event.target);
    // A destination that is typed replaces the choice of none.
    page.go('messages', { destination: asked.destination === '' ? '' : undefined, ...rest, fingerprint: asked.fingerprint, since: utc(since), until: utc(until) });
  };
  // Made anew for other conditions, so that the fields show them.
  return h('form', { class: 'card find', key: `find ${location.hash}`, role: 'search', onsubmit: submit },
    field('id', 'Id or row number', asked.id),
    field('client', 'Client number', asked.client, { inputmode: 'numeric', pattern: '[0-9]+' }),
    choice('state', 'State', asked.state, 'any', ['pending', 'leased', 'sent', 'dead', 'discarded']),
    field('destination', 'Destination', asked.destination, { placeholder: 'queue:client-emails' }),
    h('details', { open: ['eventType', 'orderingKey', 'since', 'until'].some((name) => asked[name]) }, h('summary', {}, 'More conditions'),
      h('div', { class: 'more' },
        field('eventType', 'Event type', asked.eventType),
        field('orderingKey', 'Ordering key', asked.orderingKey),
        field('since', 'Happened from', localTime(asked.since), { type: 'datetime-local' }),
        field('until', 'Happened before', localTime(asked.until), { type: 'datetime-local' }))),
    h('div', { class: 'buttons' },
      h('button', { class: 'main' }, 'Find'),
      CONDITIONS.some((name) => isGiven(name, asked[name])) && h('a', { class: 'button', href: link('messages') }, 'Clear')),
    asked.destination === '' && h('p', { class: 'note' }, 'Only messages without a destination.'),
    asked.fingerprint && h('p', { class: 'note' }, 'Only the failure group ', h('code', {}, said(asked.fingerprint, 40)), '.'));
}

function pick(row, page) {
  const change = (event) => {
    if (event.target.checked) selected.add(row.id);
    else selected.delete(row.id);
    page.redraw();
  };
  return h('input', { type: 'checkbox', 'aria-label': `Select ${row.id.slice(0, 60)}`, onchange: change });
}

/** For the selected ones, else for all that match, if anything limits them. */
function remedies(items, asked, page) {
  const conditions = Object.fromEntries(CONDITIONS.filter((name) => isGiven(name, asked[name])).map((name) => [name, name === 'client' ? Number(asked[name]) : asked[name]]));
  const isSelected = selected.size > 0;
  if (!isSelected && (Object.keys(conditions).length === 0 || items.length === 0)) return null;
  const selection = isSelected ? { ids: [...selected] } : { messages: conditions };
  const about = isSelected ? counted(selected.size, 'selected message') : `all messages with ${Object.entries(conditions).map(([name, value]) => (value === '' ? `no ${name}` : `${name} ${value}`)).join(', ')}`;
  const button = (action) => h('button', { onclick: () => openRemedy({ action, selection, about }, page) }, `${verb(action)}…`);
  const fits = (action) => isSelected || !asked.state || ({ dead: ['requeue', 'discard', 'route'], pending: ['discard', 'route'], sent: ['replay'] }[asked.state] ?? []).includes(action);
  return h('div', { class: 'remedies', role: 'group', 'aria-label': 'Remedies' },
    h('span', {}, isSelected ? `${counted(selected.size, 'message')} selected:` : 'All that match:'),
    ACTIONS.filter(fits).map(button));
}
