// Form fields, each with its label.

import { h } from './dom.js';

const NAME = 'client-organizer-operator';

/** A field of one line. */
export function field(name, label, value, attributes = {}) {
  const id = `field-${name}`;
  const { hint, ...rest } = attributes;
  return h('div', { class: 'field' },
    h('label', { for: id }, label),
    h('input', { id, name, type: 'text', value: value ?? '', autocomplete: 'off', spellcheck: 'false', 'aria-describedby': hint ? `${id}-hint` : null, ...rest }),
    hint && h('small', { id: `${id}-hint` }, hint));
}

/** A choice; the empty one comes first. */
export function choice(name, label, value, any, words) {
  const id = `field-${name}`;
  const option = (word, text) => h('option', { value: word, selected: word === (value ?? '') }, text);
  return h('div', { class: 'field' },
    h('label', { for: id }, label),
    h('select', { id, name }, option('', any), words.map((word) => option(word, word.replace('-', ' ')))));
}

/** Who acts and why, which the audit records. The name is kept for the tab. */
export function signature() {
  return [
    field('reason', 'Reason', '', { required: true, maxlength: 1000, hint: 'Recorded with the action, for whoever reads the audit.' }),
    field('by', 'Your name', sessionStorage.getItem(NAME) ?? '', { required: true, maxlength: 200, hint: 'Where the platform knows who you are, it records that instead.' }),
  ];
}

/** What `signature` was filled with. */
export function signed(form) {
  const { reason, by } = filled(form);
  sessionStorage.setItem(NAME, by);
  return { reason, by };
}

/** The fields of a form that are not empty. */
export function filled(form) {
  const entries = [...new FormData(form)].map(([name, value]) => [name, value.trim()]);
  return Object.fromEntries(entries.filter(([, value]) => value !== ''));
}

/** `datetime-local` knows no time zone: it means this computer's. */
export function localTime(on) {
  if (!on || Number.isNaN(Date.parse(on))) return '';
  const at = new Date(on);
  return new Date(at - at.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

export function utc(local) {
  return local ? new Date(local).toISOString() : '';
}
