// One message: where it stands, and everything that happened to it, from the commit to the mail.

import { clientLink, link } from './address.js';
import { pathOf, read } from './api.js';
import { fault, openDialog } from './dialog.js';
import { h } from './dom.js';
import { signature, signed } from './fields.js';
import { count, destination, plain, said, since, span, state, time } from './format.js';
import { actions as mailActions } from './mails.js';
import { openRemedy, verb } from './remedy.js';
import { table } from './table.js';

export const title = 'Message';

/** The payload as it was revealed, and of which message, until another view is opened. */
let revealed = null;

export function opened() {
  revealed = null;
}

export function load({ id }, signal) {
  return read(`messages/${pathOf(id ?? '')}`, {}, signal);
}

const KINDS = {
  committed: ['good', 'Committed with the books'],
  failed: ['warn', 'Attempt failed, another follows'],
  released: ['calm', 'Put back untried'],
  dead: ['bad', 'Dead: waits for a person'],
  sent: ['good', 'Accepted by the bus'],
  discarded: ['dull', 'Discarded'],
  delivered: ['calm', 'Delivered by the queue'],
  'mail-parked': ['warn', 'Mail parked: sent later'],
  'mail-sent': ['good', 'Mail taken by the provider'],
  'mail-refused': ['bad', 'Mail refused'],
  'mail-in-doubt': ['warn', 'Mail in doubt: may or may not have been sent'],
  action: ['you', 'An operator acted'],
};

const FITTING = { pending: ['discard', 'route'], dead: ['requeue', 'route', 'discard'], sent: ['replay'] };

export function render(message, asked, page) {
  const { id, summary, rows, mail, timeline } = message;
  return [
    h('p', { class: 'note' }, h('a', { href: link('messages') }, 'Messages'), ' / '),
    h('h1', {}, 'Message ', h('code', { class: 'id' }, said(id, 200))),
    h('p', { class: 'summary card' }, said(summary)),
    h('section', { 'aria-labelledby': 'timeline' },
      h('h2', { id: 'timeline' }, 'Timeline'),
      h('ol', { class: 'timeline' }, timeline.map((event, at) => h('li', { key: `${at} ${event.kind}`, class: KINDS[event.kind]?.[0] ?? 'dull' }, happened(event, timeline[0]))))),
    rows.length > 0 && h('section', { 'aria-labelledby': 'rows' }, h('h2', { id: 'rows' }, 'Outbox'), outbox(rows, page)),
    mail && h('section', { 'aria-labelledby': 'mail' }, h('h2', { id: 'mail' }, 'Mail'), inbox(mail, page)),
    h('section', { 'aria-labelledby': 'content' }, h('h2', { id: 'content' }, 'Content'), content(message, asked, page)),
    h('p', {}, h('a', { href: link('audit', { messageId: id }) }, 'What operators did to it')),
  ];
}

function happened({ on, kind, name, instance, outcome, text, by }, first) {
  const after = Date.parse(on) - Date.parse(first.on);
  return [
    h('p', { class: 'when' }, time(on), after > 0 && h('small', {}, ` +${span(after)}`)),
    h('div', {},
      h('p', {}, h('b', {}, KINDS[kind]?.[1] ?? plain(kind)), name && [' · ', destination(name)], outcome && [' · ', outcome.replace('-', ' ')], by && [' · ', said(by, 100)]),
      text && h('p', { class: 'text' }, said(text)),
      instance && h('p', { class: 'note' }, 'on ', said(instance, 100))),
  ];
}

function outbox(rows, page) {
  const remedy = (row) => (FITTING[row.state] ?? []).map((action) =>
    h('button', { class: 'small', onclick: () => openRemedy({ action, selection: { ids: [row.id] }, only: row.destination || undefined, about: `the message to ${row.destination || 'no destination yet'}` }, page) }, `${verb(action)}…`));
  const columns = [
    { head: 'Destination', word: true, cell: (row) => destination(row.destination, 60) },
    { head: 'State', cell: (row) => state(row.state) },
    { head: 'Event', word: true, cell: (row) => said(row.eventType, 60) },
    { head: 'Client', cell: (row) => clientLink(row.subject, 'mails') },
    { head: 'Ordering key', cell: (row) => said(row.orderingKey ?? '–', 100) },
    { head: 'Due', cell: (row) => (row.processedOn ? '–' : since(row.dueAt)) },
    { head: 'Retries', number: true, cell: (row) => count(row.retryCount) },
    { head: 'Row', number: true, cell: (row) => String(row.seq) },
    { head: 'Remedy', cell: (row) => h('span', { class: 'buttons' }, remedy(row)) },
  ];
  return table('Rows', columns, rows, (row) => String(row.seq));
}

function inbox(mail, page) {
  return h('div', { class: 'card facts' },
    fact('State', state(mail.state)),
    fact('Attempts', count(mail.attempts)),
    fact('In doubt', count(mail.doubts)),
    fact('Deliveries', count(mail.deliveries)),
    mail.provider && fact('Provider', said(mail.provider, 100)),
    mail.reference && fact('Reference', said(mail.reference, 200)),
    mail.dueAt && fact('Next try', since(mail.dueAt)),
    mail.finishedOn && fact('Ended', time(mail.finishedOn)),
    mail.lastError && fact('Last failure', said(mail.lastError)),
    h('div', { class: 'buttons' }, mailActions(mail, page)));
}

function fact(name, value) {
  return h('div', {}, h('span', { class: 'note' }, name), ' ', value);
}

function content(message, asked, page) {
  const { contentType, traceId, headers } = message;
  const payload = revealed?.id === message.id ? revealed.payload : message.payload;
  return h('div', { class: 'card' },
    h('div', { class: 'facts' }, contentType && fact('Content type', said(contentType, 100)), traceId && fact('Trace', h('code', {}, said(traceId, 64)))),
    Object.keys(headers).length > 0 && h('details', {}, h('summary', {}, 'Headers'),
      h('dl', {}, Object.entries(headers).map(([name, value]) => [h('dt', {}, said(name, 100)), h('dd', {}, said(value, 500))]))),
    payload ? [
      h('p', { class: 'note' }, `Payload, ${count(payload.bytes)} bytes${payload.masked ? '; personal data is masked' : '; shown whole, which the audit records'}`),
      // It scrolls, so the keyboard must reach it.
      h('pre', { class: 'payload', tabindex: '0', role: 'group', 'aria-label': 'Payload' }, said(indented(payload.text), 300_000)),
      payload.masked && h('button', { onclick: () => reveal(asked.id, page) }, 'Reveal…'),
    ] : h('p', { class: 'note' }, 'There is no payload to show: the outbox has no row of it any more.'));
}

function indented(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

/** `id`: as the message was opened by, which a path can hold. */
function reveal(id, page) {
  const { dialog, fill, close } = openDialog('Reveal personal data', () => page.redraw());
  const draw = (error) => fill(
    h('p', {}, 'The payload is shown with the client’s data. The audit records that you looked, and why.'),
    fault(error),
    h('form', { class: 'sign', onsubmit: submit, key: 'sign' }, signature(), h('div', { class: 'buttons' }, h('button', { class: 'main' }, 'Reveal'))));
  const submit = async (event) => {
    event.preventDefault();
    try {
      const whole = await read(`messages/${pathOf(id)}`, { reveal: 'true', ...signed(event.target) });
      // Closed meanwhile: it is not wanted any more, or another message is shown.
      if (!dialog.open) return;
      revealed = whole.payload ? { id: whole.id, payload: whole.payload } : null;
      close();
    } catch (error) {
      draw(error);
    }
  };
  draw();
}
