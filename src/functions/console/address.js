// The page's addresses: which view is shown, and what it is asked for. A key or a recipient's address is never in one.

/** The address of a view. What is empty is left out. */
export function link(view, asked = {}) {
  const given = Object.entries(asked).filter(([, value]) => value !== undefined && value !== null && value !== '');
  const query = new URLSearchParams(given).toString();
  return `#/${view}${query ? `?${query}` : ''}`;
}

/** The address of a message. An id that no path can hold is reached by its row's number. */
export function messageLink(id, seq) {
  return link('message', { id: /^[A-Za-z0-9][A-Za-z0-9._:~-]*$/.test(id) ? id : (seq ?? id) });
}
