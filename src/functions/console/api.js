// Calls the API of Operations with the key of this tab.

const KEY = 'client-organizer-key';
const WITHIN_MS = 30_000;

/** What the API refused, in its own words. `status` 0: it could not be reached. */
export class Refusal extends Error {
  constructor(status, text) {
    super(text);
    this.status = status;
  }
}

export function setKey(key) {
  if (key) sessionStorage.setItem(KEY, key);
  else sessionStorage.removeItem(KEY);
}

export function hasKey() {
  return sessionStorage.getItem(KEY) !== null;
}

/** Reads `path` below `ops/`. What is empty in `query` is left out. */
export function read(path, query, signal) {
  const given = Object.entries(query ?? {}).filter(([, value]) => value !== undefined && value !== null && value !== '');
  const search = new URLSearchParams(given).toString();
  return call('GET', search ? `${path}?${search}` : path, undefined, {}, signal);
}

/** Searches that hold what no address line may: the body is not logged. */
export function search(path, body, signal) {
  return call('POST', path, body, {}, signal);
}

/** Keys of writes whose answer was lost: a repeat of the same write under the same key changes nothing. */
const unanswered = new Map();

/** Writes. */
export async function write(path, body) {
  const named = `${path} ${JSON.stringify(body)}`;
  const key = unanswered.get(named) ?? crypto.randomUUID();
  unanswered.set(named, key);
  try {
    const answer = await call('POST', path, body, { 'idempotency-key': key });
    unanswered.delete(named);
    return answer;
  } catch (error) {
    if (error.status > 0 && error.status < 500) unanswered.delete(named);
    throw error;
  }
}

/** An id or name as a path: its slashes and colons are its own. */
export function pathOf(name) {
  return encodeURIComponent(name).replaceAll('%3A', ':').replaceAll('%2F', '/');
}

async function call(method, path, body, headers, signal) {
  const key = sessionStorage.getItem(KEY);
  const sent = { accept: 'application/json, application/problem+json', ...headers };
  if (key) sent['x-functions-key'] = key;
  if (body !== undefined) sent['content-type'] = 'application/json';
  const limit = AbortSignal.timeout(WITHIN_MS);
  const options = { method, headers: sent, cache: 'no-store', signal: signal ? AbortSignal.any([signal, limit]) : limit };
  if (body !== undefined) options.body = JSON.stringify(body);
  let answer;
  let text;
  try {
    answer = await fetch(`ops/${path}`, options);
    text = await answer.text();
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Refusal(0, error.name === 'TimeoutError' ? 'The API did not answer within 30 s.' : 'The API cannot be reached.');
  }
  const value = parsed(text);
  if (answer.ok && value !== undefined) return value;
  throw new Refusal(answer.status, reason(answer.status, value));
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function reason(status, problem) {
  if (status === 401) return 'The key was not accepted.';
  const fields = (problem?.errors ?? []).map(({ field, message }) => (field ? `${field}: ${message}` : message));
  const parts = [problem?.detail ?? problem?.title, ...fields].filter(Boolean);
  return parts.length > 0 ? parts.join(' · ') : `The API answered ${status}.`;
}
