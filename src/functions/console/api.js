// Calls the API of Operations with the key of this tab.

import { query } from './address.js';

const KEY = 'client-organizer-key';
const WITHIN_MS = 30_000;
const REPEAT_WITHIN_MS = 60_000;

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

/** Reads `path` below `ops/`. */
export async function read(path, asked, signal) {
  const { value } = await call('GET', path + query(asked), undefined, {}, signal);
  return value;
}

/** Searches that hold what no address line may: the body is not logged. */
export async function search(path, body, signal) {
  const { value } = await call('POST', path, body, {}, signal);
  return value;
}

/**
 * The writes of one dialog, each answered by `{ value, isRepeated }`. Where an answer was lost, the same write within a minute
 * has the same key, so it is not done twice. Later it is a new wish: what the lost one did may have been undone since.
 */
export function writer() {
  const unanswered = new Map();
  return async (path, body) => {
    const named = `${path} ${JSON.stringify(body)}`;
    const lost = unanswered.get(named);
    const { key, at } = lost && Date.now() - lost.at < REPEAT_WITHIN_MS ? lost : { key: crypto.randomUUID(), at: Date.now() };
    unanswered.set(named, { key, at });
    try {
      const answer = await call('POST', path, body, { 'idempotency-key': key });
      unanswered.delete(named);
      return answer;
    } catch (error) {
      if (error.status > 0 && error.status < 500) unanswered.delete(named);
      throw error;
    }
  };
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
  if (answer.ok && value !== undefined) return { value, isRepeated: answer.headers.get('idempotency-replayed') === 'true' };
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
