// Charts as SVG, each with a table of the same values.

import { h, show, svg } from './dom.js';
import { minuteOf } from './format.js';

const HEIGHT = 170;
const [LEFT, RIGHT, TOP, BOTTOM] = [52, 8, 10, 22];

/** Which point of which chart the pointer is on. */
let hovered = null;

/**
 * A chart of `points`, oldest first: `{ at, to, values }` with a value, or null, for each of `series`, which are
 * `{ name, tone }`. `kind`: `bars` or `lines`. `logarithmic`: spans from milliseconds to hours; shorter ones than `least` are at the foot. `write`: how a value is
 * written.
 */
export function chart(id, title, { kind, series, points, write, logarithmic, least = 1, note }) {
  const figure = h('figure', { key: id, class: 'card chart' });
  const spec = { id, title, kind, series, points, write, logarithmic, least, note };
  show(figure, parts(spec));
  return figure;
}

function parts(spec) {
  const { id, title, series, points, write, note } = spec;
  const at = hovered?.id === id && points[hovered.at] ? hovered.at : points.length - 1;
  const values = points[at]?.values ?? [];
  return [
    h('figcaption', {}, h('h3', {}, title), note && h('span', { class: 'note' }, note)),
    h('ul', { class: 'legend' },
      series.map(({ name, tone }, n) =>
        h('li', {}, h('i', { class: `mark ${tone}`, 'aria-hidden': 'true' }), `${name} `, h('b', {}, written(values[n], write)))),
      points[at] && h('li', { class: 'note' }, minuteOf(points[at].at))),
    points.some((point) => point.values.some((value) => value !== null)) ? drawing(spec, at) : h('p', { class: 'nothing' }, 'Nothing yet in this time.'),
    h('details', {}, h('summary', {}, 'As a table'),
      // The frame scrolls, so the keyboard must reach it.
      h('div', { class: 'frame', tabindex: '0', role: 'group', 'aria-label': `${title}, as a table` },
        h('table', {},
          h('thead', {}, h('tr', {}, h('th', { scope: 'col' }, 'Time'), series.map(({ name }) => h('th', { scope: 'col' }, name)))),
          h('tbody', {}, [...points].reverse().map((point) =>
            h('tr', {}, h('th', { scope: 'row' }, minuteOf(point.at)), point.values.map((value) => h('td', {}, written(value, write))))))))),
  ];
}

function written(value, write) {
  return value === null || value === undefined ? '–' : write(value);
}

function drawing(spec, at) {
  const { id, title, kind, series, points, write } = spec;
  const width = widthOf();
  const [w, height] = [width - LEFT - RIGHT, HEIGHT - TOP - BOTTOM];
  const { y, ticks } = scale(spec, height);
  const slot = w / Math.max(1, points.length);
  const x = (n) => LEFT + slot * (n + 0.5);
  const every = Math.max(1, Math.ceil(points.length / Math.max(2, Math.floor(w / 90))));
  const last = points.at(-1)?.values.map((value, n) => `${series[n].name} ${written(value, write)}`).join(', ');
  const drawn = svg('svg', { viewBox: `0 0 ${width} ${HEIGHT}`, role: 'img', 'aria-label': `${title}. At last: ${last}. All values follow as a table.` },
    ticks.map((tick) => [
      svg('line', { class: 'grid', x1: LEFT, x2: width - RIGHT, y1: y(tick), y2: y(tick) }),
      svg('text', { class: 'axis end', x: LEFT - 6, y: y(tick) + 4 }, `${tick === spec.least && tick > 1 ? '≤ ' : ''}${write(tick)}`),
    ]),
    points.map((point, n) => (points.length - 1 - n) % every === 0 && x(n) > LEFT + 16 && x(n) < width - 18 &&
      svg('text', { class: 'axis middle', x: x(n), y: HEIGHT - 6 }, minuteOf(point.at))),
    svg('line', { class: 'cursor', x1: x(at), x2: x(at), y1: TOP, y2: TOP + height }),
    kind === 'bars' ? bars(spec, slot, y, TOP + height) : series.map((one, n) => line(points, n, one, x, y)));
  drawn.onpointermove = (event) => {
    const box = event.currentTarget.getBoundingClientRect();
    const place = ((event.clientX - box.left) / box.width) * width;
    const near = Math.min(points.length - 1, Math.max(0, Math.floor((place - LEFT) / slot)));
    if (hovered?.id === id && hovered.at === near) return;
    hovered = { id, at: near };
    show(event.currentTarget.closest('figure'), parts(spec));
  };
  drawn.onpointerleave = (event) => {
    hovered = null;
    show(event.currentTarget.closest('figure'), parts(spec));
  };
  return drawn;
}

function bars({ series, points }, slot, y, bottom) {
  const wide = Math.max(1, Math.min(14, slot * 0.8) / series.length);
  return series.map(({ tone }, s) =>
    svg('path', { class: `bar ${tone}`, d: points.map((point, n) => {
      const value = point.values[s];
      if (!value) return '';
      const left = LEFT + slot * (n + 0.5) - (wide * series.length) / 2 + wide * s;
      // A small number is still seen.
      const top = Math.min(y(value), bottom - 2);
      return `M${left.toFixed(1)} ${bottom}V${top.toFixed(1)}h${wide.toFixed(1)}V${bottom}z`;
    }).join('') }));
}

/** A line with gaps where there is no value; a value between two gaps is a dot. */
function line(points, series, { tone }, x, y) {
  const has = (n) => points[n] !== undefined && points[n].values[series] !== null;
  const path = points.map((point, n) => has(n) && `${has(n - 1) ? 'L' : 'M'}${x(n).toFixed(1)} ${y(point.values[series]).toFixed(1)}`).filter(Boolean).join('');
  const dots = points.map((point, n) => has(n) && !has(n - 1) && !has(n + 1) && `M${x(n).toFixed(1)} ${y(point.values[series]).toFixed(1)}h0`).filter(Boolean).join('');
  return [svg('path', { class: `line ${tone}`, d: path }), dots && svg('path', { class: `line dots ${tone}`, d: dots })];
}

const SPANS = [1, 10, 100, 1_000, 10_000, 60_000, 600_000, 3_600_000, 36_000_000, 86_400_000, 864_000_000];

function scale({ points, logarithmic, least }, height) {
  const values = points.flatMap((point) => point.values).filter((value) => value !== null);
  const most = Math.max(0, ...values);
  if (!logarithmic) {
    const step = nice(most / 3);
    const top = Math.max(step, Math.ceil(most / step) * step);
    const ticks = Array.from({ length: Math.round(top / step) + 1 }, (_, n) => n * step);
    return { ticks, y: (value) => TOP + height * (1 - value / top) };
  }
  const from = Math.max(least, SPANS.findLast((span) => span <= Math.min(...values)) ?? 1);
  const to = SPANS.find((span) => span >= Math.max(most, from * 10)) ?? SPANS.at(-1);
  const log = (value) => Math.log(Math.max(from, value) / from) / Math.log(to / from);
  return { ticks: SPANS.filter((span) => span >= from && span <= to), y: (value) => TOP + height * (1 - Math.min(1, log(value))) };
}

/** The next of 1, 2, 5, 10, 20, … */
function nice(value) {
  if (value <= 1) return 1;
  const unit = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 5, 10].map((n) => n * unit).find((n) => n >= value);
}

/** Two charts stand side by side where the style sheet makes room for it. */
function widthOf() {
  const inner = document.getElementById('main').clientWidth - 32;
  return Math.max(260, Math.round((inner >= 860 ? (inner - 16) / 2 : inner) - 32));
}
