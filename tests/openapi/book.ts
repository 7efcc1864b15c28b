// A client of the types made of the OpenAPI document: books a record, reads it back and finds its message.
// `node book.js <url> <keys.json>`.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import createClient from 'openapi-fetch';
import type { paths } from './api.js';

const [baseUrl = '', keys = ''] = process.argv.slice(2);
const { functions } = JSON.parse(readFileSync(keys, 'utf8')) as { functions: Record<string, string> };
const of = (name: string) => createClient<paths>({ baseUrl, headers: { 'x-functions-key': functions[name] } });
const [books, operations] = [of('Finance'), of('Operations')];

const draft = { name: 'Żółw Ts', address: 'ul. Prosta 1, Kraków', nipNb: '5260250274', email: 'ts@example.pl' };
const client = await books.POST('/api/clients', { body: draft });
assert(client.data, JSON.stringify(client.error));
const id = client.data.id;

const figures = { year: 2031, month: 3, incomeTax: 1234.56, vat: 230, insuranceAmount: 0.1 };
const booking = { params: { path: { id }, header: { 'Idempotency-Key': 'book-ts' } }, body: figures };
const booked = await books.POST('/api/clients/{id}/finance', booking);
assert(booked.data, JSON.stringify(booked.error));
const again = await books.POST('/api/clients/{id}/finance', booking);
assert.equal(again.response.headers.get('idempotency-replayed'), 'true');

const read = await books.GET('/api/clients/{id}/finance/{year}/{month}', { params: { path: { id, year: 2031, month: 3 } } });
assert(read.data);
const { year, month, incomeTax, vat, insuranceAmount } = read.data;
assert.deepEqual({ year, month, incomeTax, vat, insuranceAmount }, figures);

const wrong = await books.POST('/api/clients/{id}/finance', { params: { path: { id } }, body: { ...figures, month: 13 } });
assert.deepEqual([wrong.response.status, wrong.error?.errors?.map((error) => error.field)], [422, ['month']]);
const closed = await operations.GET('/api/clients');
assert.equal(closed.response.status, 401);

const message = await operations.GET('/api/ops/messages/{id}', {
  params: { path: { id: booked.response.headers.get('outbox-message-id') ?? '' } },
});
assert(message.data, JSON.stringify(message.error));
const dryRun = await operations.POST('/api/ops/remedies', {
  body: { action: 'replay', selection: { ids: ['unknown'] }, dryRun: true },
});
assert(dryRun.data, JSON.stringify(dryRun.error));
