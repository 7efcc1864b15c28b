// The page's addresses: which view is shown, and what it is asked for. A key or a recipient's address is never in one.

import { h } from './dom.js';
import { said } from './format.js';

/** The address of a view. What is empty is left out. */
export function link(view, asked = {}) {
  const given = Object.entries(asked).filter(([, value]) => value !== undefined && value !== null && value !== '');
  const query = new URLSearchParams(given).toString();
  return `#/${view}${query ? `?${query}` : ''}`;
}

/** A client's number, with a link to its messages or mails. */
export function clientLink(subject, view, otherwise = '–') {
  const [, client] = /^clients\/([0-9]{1,18})$/.exec(subject ?? '') ?? [];
  return client ? h('a', { href: link(view, { client }), title: `The ${view} of client ${client}` }, client) : subject ? said(subject, 40) : otherwise;
}

/** The address of a message. An id that no path can hold is reached by its row's number. */
export function messageLink(id, seq) {
  return link('message', { id: /^[A-Za-z0-9][A-Za-z0-9._:~-]*$/.test(id) ? id : (seq ?? id) });
}
