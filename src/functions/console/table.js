// Tables: rows of cells on a wide screen, one card for each row on a narrow one.

import { link } from './address.js';
import { h } from './dom.js';

/**
 * `columns`: `{ head, cell(row), number, wide, word }`; the first one names the row. A `word` is not broken in the middle. `keyOf(row)` names it among the others.
 * Roles are written out: a table that is laid out as cards would lose them.
 */
export function table(label, columns, rows, keyOf) {
  const heads = columns.map(({ head, number }) => h('th', { scope: 'col', role: 'columnheader', class: number ? 'number' : null }, head));
  const line = (row) =>
    columns.map(({ head, cell, number, wide, word }, at) =>
      h(at === 0 ? 'th' : 'td', {
        role: at === 0 ? 'rowheader' : 'cell', scope: at === 0 ? 'row' : null, 'data-label': head || null,
        class: [number && 'number', wide && 'wide', word && 'word'].filter(Boolean).join(' ') || null,
      }, h('div', {}, cell(row))));
  return h('div', { class: 'table' },
    h('table', { role: 'table', 'aria-label': label },
      h('thead', { role: 'rowgroup' }, h('tr', { role: 'row' }, heads)),
      h('tbody', { role: 'rowgroup' }, rows.map((row) => h('tr', { role: 'row', key: keyOf(row) }, line(row))))));
}

/** Links to the newest page and the next older one. */
export function pages(view, asked, next) {
  if (!next && !asked.before) return null;
  return h('nav', { class: 'pages', 'aria-label': 'Pages' },
    asked.before && h('a', { class: 'button', href: link(view, { ...asked, before: '' }) }, 'Newest'),
    next && h('a', { class: 'button', href: link(view, { ...asked, before: next }) }, 'Older'));
}
