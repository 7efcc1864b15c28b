// The page's frame: which view is shown, refreshed every 5 s while the page is seen.

import { link } from './address.js';
import { hasKey, setKey } from './api.js';
import * as audit from './audit.js';
import { h, show } from './dom.js';
import * as failures from './failures.js';
import { plain } from './format.js';
import * as mails from './mails.js';
import * as message from './message.js';
import * as messages from './messages.js';
import * as overview from './overview.js';
import { signIn } from './sign-in.js';

const VIEWS = { overview, failures, messages, message, mails, audit };
const NAVIGATION = ['overview', 'failures', 'messages', 'mails', 'audit'];
const EVERY_MS = 5_000;

const [main, nav, live, trouble, spoken] = ['main', 'nav', 'live', 'trouble', 'spoken'].map((id) => document.getElementById(id));

/** What is shown now: the view, what its address asks for, its last data, and what its render may do. */
let shown = null;
let timer = 0;
let reading = null;

const page = {
  /** Reads anew and shows it. */
  refresh: () => refresh(),
  /** Shows the last data again, after a choice within the view changed. */
  redraw: () => shown?.data && draw(),
  /** Goes to another view, or to the same one with other conditions. */
  go: (view, asked) => {
    location.hash = link(view, asked);
  },
  /** Announces to a screen reader. */
  say: (text) => {
    spoken.textContent = text;
  },
};

function open() {
  const [path, query] = location.hash.replace(/^#\/?/, '').split('?');
  const name = Object.hasOwn(VIEWS, path) ? path : 'overview';
  const asked = Object.fromEntries(new URLSearchParams(query ?? ''));
  const isSame = shown?.name === name;
  shown = { name, view: VIEWS[name], asked, data: null, isNew: !isSame };
  document.querySelector('dialog[open]')?.close();
  shown.view.opened?.(asked, isSame);
  document.title = `${shown.view.title} · ClientOrganizer operations`;
  if (!isSame) show(main, h('p', { class: 'note' }, 'Reading…'));
  refresh();
}

async function refresh() {
  const about = shown;
  clearTimeout(timer);
  reading?.abort();
  reading = new AbortController();
  const { signal } = reading;
  try {
    const data = await about.view.load(about.asked, signal);
    if (signal.aborted) return;
    about.data = data;
    show(trouble);
    draw();
    show(live, h('span', { class: 'dot', 'aria-hidden': 'true' }), 'live');
    live.title = 'Refreshed every 5 s while this page is seen';
  } catch (error) {
    if (signal.aborted) return;
    if (error.status === 401) {
      ask(error);
      return;
    }
    failed(error);
  }
  if (!document.hidden) timer = setTimeout(refresh, EVERY_MS);
}

function draw() {
  const { name, view, asked, data, isNew } = shown;
  navigation();
  const hadFocus = main.contains(document.activeElement);
  show(main, h('div', { key: name, class: `view ${name}` }, view.render(data, asked, page)));
  // What had the focus may be gone, such as the button of a remedy that was used.
  if (hadFocus && !main.contains(document.activeElement)) main.focus();
  if (isNew) {
    shown.isNew = false;
    // A reader of the screen starts at the view's beginning; the first view leaves the browser's own start.
    if (document.activeElement !== document.body) main.focus();
    scrollTo(0, 0);
  }
}

function navigation() {
  const links = NAVIGATION.map((other) => {
    const isCurrent = other === shown.name || (shown.name === 'message' && other === 'messages');
    return h('a', { href: link(other), 'aria-current': isCurrent ? 'page' : null }, VIEWS[other].title);
  });
  show(nav, links, hasKey() && h('button', { class: 'quiet', onclick: signOut }, 'Sign out'));
  nav.hidden = false;
  live.hidden = false;
}

function failed(error) {
  const text = error.status === undefined ? 'This page has a fault: ' : '';
  if (error.status === undefined) console.error(error);
  show(trouble, h('p', {}, text, plain(error.message), shown.data ? ' What is shown may be old.' : ''));
  show(live, 'not live');
  navigation();
  if (shown.data) return;
  show(main, h('div', { key: 'nothing', class: 'view' },
    h('h1', {}, shown.view.title),
    h('p', { class: 'card' }, 'There is nothing to show: the reason is above.'),
    h('div', { class: 'buttons' }, h('button', { onclick: refresh }, 'Try again'), shown.name !== 'message' && h('a', { class: 'button', href: link(shown.name) }, 'Without conditions'))));
}

/** Without a key first: a local host is open. */
function ask(refusal) {
  const hadKey = hasKey();
  setKey(null);
  nav.hidden = true;
  live.hidden = true;
  show(trouble);
  document.title = 'Sign in · ClientOrganizer operations';
  const enter = (key) => {
    setKey(key);
    shown.isNew = true;
    refresh();
  };
  show(main, signIn(hadKey ? refusal.message : null, enter));
  main.querySelector('input').focus();
}

function signOut() {
  setKey(null);
  location.reload();
}

// The address says which view is shown, so it is not for this link.
document.querySelector('.skip').onclick = (event) => {
  event.preventDefault();
  main.focus();
};
addEventListener('hashchange', open);
// Charts are drawn for their width.
addEventListener('resize', page.redraw);
document.addEventListener('visibilitychange', () => (document.hidden ? clearTimeout(timer) : shown && nav.hidden === false && refresh()));
open();
