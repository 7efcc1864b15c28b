// The overview's charts: throughput, latencies, and the age of the oldest message that could be sent.

import { chart } from './chart.js';
import { count, span } from './format.js';

const MINUTE_MS = 60_000;
const POINTS_MAX = 60;
const SAMPLES_MAX = 2_000;
const SAMPLED_MS = 5_000;

/** The oldest age at each refresh since the page was opened: the database keeps no history of it. */
const samples = [];

export function remember({ at, destinations }) {
  const ages = destinations.map((one) => one.oldestClaimableMs).filter((age) => age !== undefined);
  samples.push({ at, values: [Math.max(0, ...ages)] });
  if (samples.length > SAMPLES_MAX) samples.shift();
}

export function charts({ at, minutes }, minutesShown) {
  const points = grouped(minutes, at, minutesShown);
  const each = minutesShown / points.length;
  const note = each > 1 ? `per minute, ${count(each)} minutes a bar` : 'per minute';
  const slowest = each > 1 ? 'the slowest minute of each point' : '';
  const rate = (value) => (value < 10 && value % 1 > 0 ? value.toFixed(1) : count(Math.round(value)));
  const series = [{ name: 'sent', tone: 'one' }, { name: 'mailed', tone: 'two' }, { name: 'failed attempts', tone: 'three' }];
  const rates = points.map((point) => ({ at: point.at, values: [point.bus.done / each, point.mail.done / each, (point.bus.failed + point.mail.failed) / each] }));
  const latencies = (side) => points.map((point) => ({ at: point.at, values: ['p50Ms', 'p95Ms', 'p99Ms'].map((name) => point[side][name]) }));
  const percentiles = [{ name: 'p50', tone: 'one' }, { name: 'p95', tone: 'two' }, { name: 'p99', tone: 'three' }];
  return [
    chart('throughput', 'Throughput', { kind: 'bars', series, points: rates, write: rate, note }),
    chart('oldest', 'Oldest that could be sent', { kind: 'lines', series: [{ name: 'age', tone: 'one' }], points: padded(thinned(samples)), write: (age) => (age === 0 ? 'none' : span(age)), logarithmic: true, least: 1_000, note: 'since this page was opened' }),
    chart('to-bus', 'From the commit to the bus', { kind: 'lines', series: percentiles, points: latencies('bus'), write: span, logarithmic: true, note: slowest }),
    chart('to-mail', 'From the queue to the mail provider', { kind: 'lines', series: percentiles, points: latencies('mail'), write: span, logarithmic: true, note: slowest }),
  ];
}

/** At most 60 points; each sums its minutes, and has the worst of their percentiles, since these cannot be added. */
function grouped(minutes, at, minutesShown) {
  const each = Math.max(1, Math.ceil(minutesShown / POINTS_MAX));
  const last = Math.floor(Date.parse(at) / MINUTE_MS);
  const side = () => ({ done: 0, failed: 0, p50Ms: null, p95Ms: null, p99Ms: null });
  const first = last - minutesShown + 1;
  const points = Array.from({ length: Math.ceil(minutesShown / each) }, (_, n) => ({ at: (first + n * each) * MINUTE_MS, bus: side(), mail: side() }));
  for (const one of minutes) {
    const point = points[Math.floor((Math.floor(Date.parse(one.minute) / MINUTE_MS) - first) / each)];
    if (!point) continue;
    const sums = one.name.startsWith('mail:') ? point.mail : point.bus;
    sums.done += one.done;
    sums.failed += one.failed + one.givenUp;
    for (const name of ['p50Ms', 'p95Ms', 'p99Ms']) {
      if (one[name] !== undefined) sums[name] = Math.max(sums[name] ?? 0, one[name]);
    }
  }
  return points;
}

/** A page that was just opened draws its first samples at the right. */
function padded(points) {
  const first = Date.parse(points[0].at);
  const before = Array.from({ length: Math.max(0, POINTS_MAX - points.length) }, (_, n) => ({ at: first - (n + 1) * SAMPLED_MS, values: [null] }));
  return [...before.reverse(), ...points];
}

/** The oldest of every few samples, so that a peak is not lost. */
function thinned(all) {
  const each = Math.ceil(all.length / 120);
  if (each <= 1) return all;
  const points = [];
  for (let n = 0; n < all.length; n += each) {
    const some = all.slice(n, n + each);
    points.push({ at: some[0].at, values: [Math.max(...some.map((one) => one.values[0]))] });
  }
  return points;
}
