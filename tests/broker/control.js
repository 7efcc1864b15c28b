// The tests' own door: makes entities, plans faults, and shows what was stored. JSON in, JSON out.
'use strict';
const http = require('http');
const { bury } = require('./deadletters');

function open(store, doors, faces) {
  const server = http.createServer((request, response) => {
    const parts = [];
    request.on('data', (part) => parts.push(part));
    request.on('end', () => {
      const told = parts.length > 0 ? JSON.parse(Buffer.concat(parts)) : {};
      Promise.resolve(COMMANDS[request.url.slice(1)](store, told, doors, faces)).then((answer) => {
        response.writeHead(200, { 'Content-Type': 'application/json' });
        response.end(JSON.stringify(answer ?? {}));
      });
    });
  });
  return new Promise((done) => server.listen(0, '127.0.0.1', () => done(server.address().port)));
}

const COMMANDS = {
  create: (store, told) => void store.create(told),
  change: (store, told) => void Object.assign(store.entity(told.name), told),
  counters: (store) => store.counters,
  // What came for one entity, whoever shares the broker.
  told: (store, told) => store.entity(told.name).told,
  // {name, faults: [...]}: for the next transfers, in this order; null in the list is none.
  faults: (store, told) => void store.entity(told.name).faults.push(...told.faults),
  // {name, reason, description, deliveries}: what is stored becomes dead letters.
  bury: (store, told) => void bury(store.entity(told.name), told),
  // Those that are left, oldest first, and whether somebody holds them.
  dead: (store, told) => store.entity(told.name).dead.map(({ message, lock }) => ({ id: message.messageId, held: lock !== null })),
  // A token of Entra ID, as if it had verified its signature: good for so long.
  allow: (store, told) => void store.tokens.set(told.token, store.now() + (told.lifeMs ?? 3600_000)),
  // It opens nothing any more, and what it had opened is detached.
  revoke: (store, told, doors, faces) => {
    store.tokens.delete(told.token);
    faces.revoke(told.token);
  },
  clock: (store, told) => void (store.aheadMs = told.aheadMs),
  stored: (store, told) => store.entity(told.name).messages.map((message) => ({
    ...message, raw: undefined, body: message.body.toString('base64'),
  })),
  ids: (store, told) => store.entity(told.name).messages.map((message) => message.messageId),
  count: (store, told) => counted(store.entity(told.name)),
  // {name, distinct, ms}: answers `count` once so many different ids are stored, or after so long.
  until: (store, told) => waited(store, told, (entity) => entity.ids.size >= told.distinct),
  // {name, count, ms}: likewise, once so many tokens were refused.
  refusals: (store, told) => waited(store, told, (entity) => entity.told.refusals >= told.count),
  // {key, cert}: the same doors once more, inside TLS. Answers their ports.
  secure: async (store, told, doors, faces) => {
    const ports = {};
    for (const name of ['amqp', 'websocket', 'rest']) ports[name] = await doors.start(() => faces[name](told));
    return ports;
  },
  // Every connection ends, and the same ports are open for who connects anew.
  cut: (store, told, doors) => doors.cut(),
  restart: (store, told, doors) => doors.restart(told.ms),
  detach: (store, told, doors, faces) => faces.detach(told.name),
};

const waited = (store, told, isSo) => new Promise((done) => {
  const entity = store.entity(told.name);
  const answer = () => {
    clearTimeout(late);
    entity.waiting.delete(look);
    done(counted(entity));
  };
  const look = () => isSo(entity) && answer();
  const late = setTimeout(answer, told.ms);
  entity.waiting.add(look);
  look();
});

const counted = (entity) => ({ stored: entity.messages.length, distinct: entity.ids.size });

module.exports = { open };
