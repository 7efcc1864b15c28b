// Service Bus's REST interface, as far as a sender and a preflight use it.
'use strict';
const http = require('http');
const https = require('https');
const atom = require('./atom');
const deadletters = require('./deadletters');
const sas = require('./sas');
const { pauseSeconds, nextFault, refusal, store } = require('./store');

const STATUS = {
  'com.microsoft:server-busy': 503,
  'amqp:resource-limit-exceeded': 403,
  'amqp:link:message-size-exceeded': 413,
  'amqp:unauthorized-access': 401,
  'amqp:not-found': 404,
  'com.microsoft:entity-disabled': 410,
  'com.microsoft:timeout': 504,
  'amqp:internal-error': 500,
  'amqp:not-allowed': 400,
};

// Makes servers; with `secure` ({key, cert}), TLS servers.
const open = (broker) => (secure) => {
  const take = (request, response) => {
    const parts = [];
    request.on('data', (part) => parts.push(part));
    request.on('end', () => answer(broker, request, response, Buffer.concat(parts)));
  };
  return secure ? https.createServer(secure, take) : http.createServer(take);
};

function answer(broker, request, response, body) {
  const respond = (status, text, headers = {}) => {
    response.writeHead(status, headers);
    response.end(text);
  };
  const url = new URL(request.url, 'http://broker');
  const name = decodeURIComponent(url.pathname.slice(1).replace(/\/messages$/, ''));
  const dead = deadletters.PATH.exec(name);
  const why = authorised(broker, request, dead ? dead[1] : name);
  if (why) broker.refused(dead ? dead[1] : name);
  if (why) return respond(401, `<Error><Code>401</Code><Detail>${why}</Detail></Error>`);
  const entity = broker.entity(dead ? dead[1] : name);
  if (dead && entity) return deadletters.rest(entity, dead[2], request, respond);
  if (request.method === 'GET') return atom.answer(entity, name, respond);
  if (!entity) return respond(404, '<Error><Code>404</Code><Detail>no such entity</Detail></Error>');
  if (request.method !== 'POST') return respond(405, '');
  broker.counters.transfers += 1;
  const message = read(request, body);
  const fault = nextFault(entity, 1);
  const refuse = ([condition, detail]) => {
    const headers = condition === 'com.microsoft:server-busy' ? { 'Retry-After': String(pauseSeconds(detail)) } : {};
    respond(STATUS[condition] || 500, `<Error><Detail>${detail}</Detail></Error>`, headers);
  };
  const take = () => {
    if (fault?.reject) return refuse([fault.reject, fault.description || 'requested by the test']);
    if (fault === 'release' || fault === 'modify') return refuse(['amqp:internal-error', fault]);
    if (['cut-before', 'detach-before', 'close-before'].includes(fault)) return request.socket.destroy();
    const refused = refusal(entity, [message]);
    if (refused) return refuse(refused);
    store(entity, [message]);
    if (['cut-after', 'detach-after', 'close-after'].includes(fault)) return request.socket.destroy();
    if (fault !== 'never') respond(201, '');
  };
  if (entity.latencyMs > 0) setTimeout(take, entity.latencyMs);
  else take();
}

function authorised(broker, request, name) {
  const header = request.headers.authorization || '';
  const bearer = /^Bearer (.*)$/.exec(header);
  if (bearer) return broker.tokens.get(bearer[1]) > broker.now() ? null : 'unknown or expired token';
  return sas.refusal(broker, header, name);
}

function read(request, body) {
  const properties = JSON.parse(request.headers.brokerproperties || '{}');
  const known = new Set(['authorization', 'host', 'content-length', 'content-type', 'brokerproperties', 'accept',
    'accept-encoding', 'user-agent', 'connection', 'x-process-at']);
  const application = {};
  for (const [name, value] of Object.entries(request.headers)) {
    if (!known.has(name)) application[name] = value.startsWith('"') ? JSON.parse(value) : value;
  }
  return {
    messageId: properties.MessageId,
    sessionId: properties.SessionId || null,
    partitionKey: properties.PartitionKey || null,
    subject: properties.Label,
    correlationId: properties.CorrelationId || null,
    contentType: request.headers['content-type'],
    ttlMs: properties.TimeToLive ? properties.TimeToLive * 1000 : null,
    enqueueAt: enqueueAt(properties.ScheduledEnqueueTimeUtc),
    application,
    body,
    bytes: body.length,
    batch: 1,
  };
}

// Only the form 'Wed, 02 Jul 2014 01:32:27 GMT' is accepted.
function enqueueAt(text) {
  if (text === undefined) return null;
  const at = new Date(text);
  if (at.toUTCString() !== text) throw new Error(`invalid time: expected RFC 1123, got ${text}`);
  return at.getTime();
}

module.exports = { open };
