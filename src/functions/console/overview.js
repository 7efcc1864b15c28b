// The overview: what needs a person, what waits and why, what was done, and whether the timers run.

import { link } from './address.js';
import { read } from './api.js';
import { attention } from './attention.js';
import { charts, remember } from './charts.js';
import { h } from './dom.js';
import { ago, count, counted, destination, plain, said, setClock, since, span, state, time } from './format.js';
import { openPause } from './pause.js';
import { table } from './table.js';

export const title = 'Overview';

const SPANS = { 60: 'hour', 360: '6 hours', 1440: 'day' };

export async function load({ minutes }, signal) {
  const overview = await read('overview', { minutes: Object.hasOwn(SPANS, minutes) ? minutes : 60 }, signal);
  setClock(overview.at);
  remember(overview);
  return overview;
}

export function render(overview, asked, page) {
  const minutes = Object.hasOwn(SPANS, asked.minutes) ? Number(asked.minutes) : 60;
  return [
    h('h1', {}, title),
    attention(overview, page),
    tiles(overview),
    h('section', { 'aria-labelledby': 'rates' },
      h('div', { class: 'titled' }, h('h2', { id: 'rates' }, 'Now and before'),
        h('nav', { 'aria-label': 'Time span', class: 'spans' }, Object.entries(SPANS).map(([value, text]) =>
          h('a', { href: link('overview', { minutes: value === '60' ? '' : value }), 'aria-current': Number(value) === minutes ? 'true' : null }, text)))),
      h('div', { class: 'charts' }, charts(overview, minutes))),
    h('section', { 'aria-labelledby': 'destinations' },
      h('div', { class: 'titled' }, h('h2', { id: 'destinations' }, 'Destinations'),
        h('div', { class: 'buttons' }, ['pause', 'drain', 'resume'].map((action) => control(action, 'all', page, `${word(action)} all…`)))),
      destinations(overview, page)),
    h('section', { 'aria-labelledby': 'mailing' }, h('h2', { id: 'mailing' }, 'Mails'), mailing(overview.mails, page)),
    h('section', { 'aria-labelledby': 'heartbeats' }, h('h2', { id: 'heartbeats', tabindex: '-1' }, 'Timers'), heartbeats(overview.heartbeats)),
    h('p', { class: 'note' }, 'The database’s time is ', time(overview.at), ` · schema ${overview.schemaVersion}`),
  ];
}

function tiles({ destinations: all, mails, minutes, at }) {
  const sum = (name) => all.reduce((total, one) => total + one[name], 0);
  const oldest = Math.max(-1, ...all.map((one) => one.oldestClaimableMs ?? -1));
  const notSent = mails.states.reduce((total, one) => total + one.rows, 0);
  const within = minutes.filter(({ minute }) => Date.parse(at) - Date.parse(minute) < 5 * 60_000);
  const done = (isMail) => within.filter(({ name }) => name.startsWith('mail:') === isMail).reduce((total, one) => total + one.done, 0);
  const tile = (label, value, href, tone) => h('a', { class: `tile ${tone ?? ''}`, href }, h('span', {}, label), h('b', {}, value));
  return h('div', { class: 'tiles' },
    tile('waiting', count(sum('pending') + sum('leased')), link('messages', { state: 'pending' })),
    tile('oldest waits', oldest < 0 ? '–' : span(oldest), link('messages', { state: 'pending' }), oldest > 300_000 ? 'bad' : ''),
    tile('dead', count(sum('dead')), link('failures'), sum('dead') > 0 ? 'bad' : ''),
    tile('mails not sent', count(notSent), link('mails'), mails.states.some((one) => one.held > 0 || one.state === 'refused') ? 'warn' : ''),
    tile('sent in 5 min', count(done(false)), link('messages', { state: 'sent' })),
    tile('mailed in 5 min', count(done(true)), link('mails', { state: 'sent' })));
}

function word(action) {
  return { pause: 'Pause', drain: 'Drain', resume: 'Resume' }[action];
}

function control(action, name, page, text = `${word(action)}…`) {
  return h('button', { class: 'small', key: action, 'aria-label': `${word(action)} ${name === 'all' ? 'all destinations' : plain(name, 100)}`, onclick: () => openPause(action, name, page) }, text);
}

/** The pause and the breaker, in words. */
function condition({ pause, breaker, leased }) {
  return [
    pause && h('p', { class: 'condition' }, state('paused'), ' by ', said(pause.by ?? 'somebody, before names were stored', 100), ' ', since(pause.on), pause.until ? `, until ${plain(ago(pause.until))}` : ', until resumed',
      pause.reason && [': ', said(pause.reason, 300)], leased > 0 && ` (${count(leased)} still being sent)`),
    breaker && h('p', { class: 'condition' }, state('breaker open'), breaker.since && [' since ', since(breaker.since)], ', next probe ', since(breaker.nextProbeOn), `, ${counted(breaker.failures, 'failure')} in a row`,
      breaker.reason && [': ', said(breaker.reason, 300)]),
    !pause && !breaker && h('span', { class: 'state good' }, 'ready'),
  ];
}

function destinations({ destinations: all, unrouted }, page) {
  const number = (name, wanted) => (one) =>
    one[name] > 0 ? h('a', { href: link('messages', { state: wanted, destination: one.name }) }, count(one[name])) : '0';
  const columns = [
    { head: 'Destination', word: true, cell: (one) => destination(one.name, 60) },
    { head: 'Waiting', number: true, cell: number('pending', 'pending') },
    { head: 'Being sent', number: true, cell: number('leased', 'leased') },
    { head: 'Dead', number: true, cell: number('dead', 'dead') },
    { head: 'Lag', number: true, cell: (one) => (one.oldestClaimableMs === undefined ? '–' : span(one.oldestClaimableMs)) },
    { head: 'Last accepted', cell: (one) => (one.lastAcceptedOn ? since(one.lastAcceptedOn) : '–') },
    { head: 'Condition', wide: true, cell: (one) => (one.name === '' ? 'waits for a route' : condition(one)) },
    { head: 'Control', cell: (one) => one.name !== '' && h('span', { class: 'buttons' }, one.pause ? control('resume', one.name, page) : [control('pause', one.name, page), control('drain', one.name, page), one.breaker && control('resume', one.name, page)]) },
  ];
  return [
    all.length === 0 ? h('p', { class: 'card' }, 'No destination has had a message yet.') : table('Destinations', columns, all, (one) => one.name || '(none)'),
    unrouted.length > 0 && h('p', { class: 'card' }, 'Without a route: ', unrouted.map(({ eventType, rows }, at) => [at > 0 && ', ', h('a', { href: link('messages', { eventType, destination: '', state: 'pending' }) }, said(eventType, 100)), ` (${count(rows)})`])),
  ];
}

function mailing(mails, page) {
  const { provider, states, oldestParkedMs, room, rateLimitedUntil, pause } = mails;
  return h('div', { class: 'card' },
    h('div', { class: 'titled' }, h('p', {}, h('b', {}, said(provider, 100)), ' '),
      h('div', { class: 'buttons' }, pause ? control('resume', provider, page) : [control('pause', provider, page), control('drain', provider, page), mails.breaker && control('resume', provider, page)])),
    condition({ ...mails, leased: states.find((one) => one.state === 'sending')?.rows ?? 0 }),
    h('ul', { class: 'states' },
      states.filter((one) => one.rows > 0).map(({ state: name, rows, held }) =>
        h('li', { key: name }, h('a', { href: link('mails', { state: name }) }, state(name), ` ${count(rows)}`), held > 0 && `, ${count(held)} held for you`)),
      states.every((one) => one.rows === 0) && h('li', {}, 'Every mail was sent.')),
    oldestParkedMs !== undefined && h('p', {}, `The oldest parked mail waits ${span(oldestParkedMs)}.`),
    room.length > 0 && h('p', { class: 'note' }, 'Room in the rate limit: ', room.map(({ window, limit, left }) => `${count(left)} of ${count(limit)} a ${window}`).join(', '), rateLimitedUntil && [' · full, free again ', since(rateLimitedUntil)]));
}

function heartbeats(all) {
  if (all.length === 0) return h('p', { class: 'card' }, 'No timer function has run within a day.');
  return h('ul', { class: 'card beats' }, all.map(({ function: name, instance, lastRunOn, nextBy, late, error }) =>
    h('li', { key: `${name} ${instance}` }, h('span', { class: `state ${late ? 'bad' : error ? 'warn' : 'good'}` }, late ? 'late' : error ? 'failed' : 'on time'), ' ',
      h('b', {}, said(name, 60)), ' last ran ', since(lastRunOn), ' on ', said(instance, 100), late ? [', expected ', since(nextBy)] : '', error && [': ', said(error, 300)])));
}
