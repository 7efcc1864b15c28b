// The page's addresses: which view is shown, and what it is asked for. A key or a recipient's address is never in one.

import { h } from './dom.js';
import { said } from './format.js';

/** Whether a condition is given. What is empty is not, but for a destination: no destination is what rows without a route have. */
export function isGiven(name, value) {
  return value !== undefined && value !== null && (value !== '' || name === 'destination');
}

/** The conditions that are given, as a query with its `?`, or nothing. */
export function query(asked = {}) {
  const given = Object.entries(asked).filter(([name, value]) => isGiven(name, value));
  return given.length > 0 ? `?${new URLSearchParams(given)}` : '';
}

/** The address of a view. */
export function link(view, asked) {
  return `#/${view}${query(asked)}`;
}

/** A client's number, with a link to its messages or mails. */
export function clientLink(subject, view, otherwise = '–') {
  const [, client] = /^clients\/([0-9]{1,18})$/.exec(subject ?? '') ?? [];
  return client ? h('a', { href: link(view, { client }), title: `The ${view} of client ${client}` }, client) : subject ? said(subject, 40) : otherwise;
}

/** The address of a message. An id that no path can hold is reached by its row's number, where that is known, else through the list. */
export function messageLink(id, seq) {
  const fits = /^[A-Za-z0-9][A-Za-z0-9._:~-]*$/.test(id);
  return fits || seq !== undefined ? link('message', { id: fits ? id : seq }) : link('messages', { id });
}
