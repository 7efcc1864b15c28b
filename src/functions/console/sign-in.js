// Asks for the function key of Operations.

import { h } from './dom.js';
import { plain } from './format.js';

/** `refused`: why the last key was not taken. */
export function signIn(refused, enter) {
  const submit = (event) => {
    event.preventDefault();
    const key = new FormData(event.target).get('key').trim();
    if (key) enter(key);
  };
  return h('section', { class: 'sign-in card', key: 'sign-in', 'aria-labelledby': 'sign-in' },
    h('h1', { id: 'sign-in' }, 'Sign in'),
    h('p', {}, 'Enter the key of the function ', h('code', {}, 'Operations'), '. It stays in this tab until it is closed.'),
    h('form', { onsubmit: submit },
      h('label', { for: 'key' }, 'Function key'),
      // Without a name for browsers' stores: the key belongs to the tab.
      h('input', { id: 'key', name: 'key', type: 'password', required: true, autocomplete: 'off', spellcheck: 'false', 'aria-describedby': refused ? 'refused' : null }),
      refused && h('p', { id: 'refused', class: 'fault', role: 'alert' }, plain(refused)),
      h('button', { class: 'main' }, 'Sign in')),
    h('p', { class: 'note' }, 'In Azure: the function app, Functions, Operations, Function keys. With ', h('code', {}, 'local --auth'), ': ',
      h('code', {}, 'keys.json'), ' in the data folder.'));
}
