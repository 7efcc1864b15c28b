// The control interface for tests: creates entities, plans faults, and shows what was stored. JSON in, JSON out.
'use strict';
const http = require('http');
const { deadLetter } = require('./deadletters');

function open(store, doors, interfaces) {
  const server = http.createServer((request, response) => {
    const parts = [];
    request.on('data', (part) => parts.push(part));
    request.on('end', () => {
      const body = parts.length > 0 ? JSON.parse(Buffer.concat(parts)) : {};
      Promise.resolve(COMMANDS[request.url.slice(1)](store, body, doors, interfaces)).then((answer) => {
        response.writeHead(200, { 'Content-Type': 'application/json' });
        response.end(JSON.stringify(answer ?? {}));
      });
    });
  });
  return new Promise((done) => server.listen(0, '127.0.0.1', () => done(server.address().port)));
}

const COMMANDS = {
  create: (store, body) => void store.create(body),
  change: (store, body) => void Object.assign(store.entity(body.name), body),
  counters: (store) => store.counters,
  // What arrived for one entity, since several tests share the broker.
  seen: (store, body) => store.entity(body.name).seen,
  // {name, faults: [...]}: for the next transfers, in this order; null means no fault.
  faults: (store, body) => void store.entity(body.name).faults.push(...body.faults),
  // {name, reason, description, deliveries}: dead-letters all stored messages.
  deadLetter: (store, body) => void deadLetter(store.entity(body.name), body),
  // The remaining dead letters, oldest first, and whether each is locked (`held`).
  dead: (store, body) => store.entity(body.name).dead.map(({ message, lock }) => ({ id: message.messageId, held: lock !== null })),
  // Accepts a token of Entra ID for `lifeMs`, as if its signature were verified.
  allow: (store, body) => void store.tokens.set(body.token, store.now() + (body.lifeMs ?? 3600_000)),
  // The token is refused from now on, and links that it authorized are detached.
  revoke: (store, body, doors, interfaces) => {
    store.tokens.delete(body.token);
    interfaces.revoke(body.token);
  },
  clock: (store, body) => void (store.aheadMs = body.aheadMs),
  stored: (store, body) => store.entity(body.name).messages.map((message) => ({
    ...message, raw: undefined, body: message.body.toString('base64'),
  })),
  ids: (store, body) => store.entity(body.name).messages.map((message) => message.messageId),
  // Of an entity that tallies: {id: milliseconds since 1970}.
  times: (store, body) => {
    const { ids, times } = store.entity(body.name);
    return Object.fromEntries([...ids].map((id, n) => [id, times[n]]));
  },
  count: (store, body) => counted(store.entity(body.name)),
  // {name, distinct, ms}: returns the counts once `distinct` different ids are stored, or after `ms`.
  until: (store, body) => waited(store, body, (entity) => entity.ids.size >= body.distinct),
  // {name, count, ms}: the same, once `count` tokens were refused.
  refusals: (store, body) => waited(store, body, (entity) => entity.seen.refusals >= body.count),
  // {key, cert}: opens the same interfaces again inside TLS. Returns their ports.
  secure: async (store, body, doors, interfaces) => {
    const ports = {};
    for (const name of ['amqp', 'websocket', 'rest']) ports[name] = await doors.start(() => interfaces[name](body));
    return ports;
  },
  // Cuts every connection; the ports stay open for new ones.
  cut: (store, body, doors) => doors.cut(),
  restart: (store, body, doors) => doors.restart(body.ms),
  detach: (store, body, doors, interfaces) => interfaces.detach(body.name),
};

const waited = (store, body, isSo) => new Promise((done) => {
  const entity = store.entity(body.name);
  const answer = () => {
    clearTimeout(late);
    entity.waiting.delete(look);
    done(counted(entity));
  };
  const look = () => isSo(entity) && answer();
  const late = setTimeout(answer, body.ms);
  entity.waiting.add(look);
  look();
});

const counted = (entity) => ({ stored: entity.messages.length, distinct: entity.ids.size, repeats: entity.repeats });

module.exports = { open };
