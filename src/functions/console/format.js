// How values are written: times, ages, numbers, and text that may hold anything.

import { h } from './dom.js';

const DAY_MS = 86_400_000;
const number = new Intl.NumberFormat('en-GB');
const clock = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' });
const hourMinute = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit' });
const dated = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit', second: '2-digit' });

// Controls, marks that turn the direction of text, and characters without a shape: shown by their numbers.
const UNSEEN = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/g;
const TEXT_MAX = 2_000;

/** How far the database's clock is ahead of this computer's. */
let aheadMs = 0;

/** Ages are counted by the database's clock, whose time was just `at`. */
export function setClock(at) {
  aheadMs = Date.parse(at) - Date.now();
}

/** Text of unknown origin, as it can be shown: nothing in it is hidden, moves other text, or is endless. */
export function plain(text, most = TEXT_MAX) {
  const whole = String(text ?? '');
  const cut = whole.length > most ? `${whole.slice(0, most)}… (${count(whole.length)} characters)` : whole;
  return cut.replace(UNSEEN, (c) => `⟨U+${c.codePointAt(0).toString(16).toUpperCase().padStart(4, '0')}⟩`);
}

/** The same on its own, so that its direction does not reach what stands beside it. */
export function said(text, most) {
  return h('bdi', {}, plain(text, most));
}

export function count(n) {
  return number.format(n);
}

/** `1 row`, `2 rows`. */
export function counted(n, one, many = `${one}s`) {
  return `${count(n)} ${Number(n) === 1 ? one : many}`;
}

/** A span of time in its two largest units. */
export function span(ms) {
  if (ms < 1_000) return `${Math.max(0, Math.round(ms))} ms`;
  if (ms < 10_000) return `${(ms / 1_000).toFixed(1).replace('.0', '')} s`;
  const s = Math.round(ms / 1_000);
  if (s < 60) return `${s} s`;
  const [days, hours, minutes] = [Math.floor(s / 86_400), Math.floor(s / 3_600) % 24, Math.floor(s / 60) % 60];
  if (days > 0) return hours > 0 && days < 10 ? `${days} d ${hours} h` : `${days} d`;
  if (hours > 0) return minutes > 0 ? `${hours} h ${minutes} min` : `${hours} h`;
  return s < 600 && s % 60 > 0 ? `${minutes} min ${s % 60} s` : `${minutes} min`;
}

/** How long ago, or in how long. */
export function ago(on) {
  const ms = Date.now() + aheadMs - Date.parse(on);
  if (Math.abs(ms) < 1_000) return 'now';
  return ms > 0 ? `${span(ms)} ago` : `in ${span(-ms)}`;
}

/** A point in time: short, with the exact one as its title. */
export function time(on) {
  return h('time', { datetime: on, title: `${on} (${ago(on)})` }, stamp(on));
}

/** How long ago, with the exact time as its title. */
export function since(on) {
  return h('time', { datetime: on, title: on }, ago(on));
}

/** The time of day, and the date where it is another one. */
export function stamp(on) {
  const at = new Date(on);
  const isToday = Math.abs(Date.now() - at) < DAY_MS && at.getDate() === new Date().getDate();
  return (isToday ? clock : dated).format(at);
}

export function minuteOf(on) {
  return hourMinute.format(new Date(on));
}

/** A destination, as a person reads it: an empty name stands for rows that have none yet. */
export function destination(name, most = 300) {
  return name === '' ? h('i', {}, 'not routed') : said(name, most);
}

/** A state, by word, colour and shape. */
export function state(word) {
  const tone = {
    sent: 'good', accepted: 'calm', pending: 'calm', leased: 'calm', sending: 'calm', discarded: 'dull', parked: 'warn',
    dead: 'bad', refused: 'bad', 'in-doubt': 'warn', paused: 'warn', 'breaker open': 'bad',
  }[word] ?? 'dull';
  return h('span', { class: `state ${tone}` }, word.replace('-', ' '));
}
