// A dialog: keeps the focus inside, closes by Escape, and gives the focus back to what opened it.

import { h, show } from './dom.js';
import { plain } from './format.js';

/** Opens a dialog. `fill(...children)` of the result shows its content; `closed` runs once it is closed. */
export function openDialog(title, closed) {
  const opener = document.activeElement;
  const content = h('div', { class: 'content' });
  const dialog = h('dialog', { 'aria-labelledby': 'dialog-title' },
    h('header', {}, h('h2', { id: 'dialog-title', tabindex: '-1' }, title), h('button', { class: 'quiet', 'aria-label': 'Close', onclick: () => dialog.close() }, '✕')),
    content);
  dialog.addEventListener('close', () => {
    dialog.remove();
    // What opened it may be gone: then the view itself.
    const back = opener?.isConnected ? opener : document.getElementById('main');
    back.focus();
    closed?.();
  });
  document.body.append(dialog);
  dialog.showModal();
  document.getElementById('dialog-title').focus();
  return { dialog, fill: (...children) => show(content, ...children), close: () => dialog.close() };
}

/** That an answer is of an earlier try. */
export function repeated(isRepeated) {
  return isRepeated && h('p', { class: 'note' }, 'An earlier try did this; only its answer was lost. Nothing was done twice, and what is said here was so then.');
}

/** Why something did not work. */
export function fault(error) {
  return error && h('p', { class: 'fault', role: 'alert' }, plain(error.message));
}
