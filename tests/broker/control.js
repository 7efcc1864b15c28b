// The tests' own door: makes entities, plans faults, and shows what was stored. JSON in, JSON out.
'use strict';
const http = require('http');
const { bury } = require('./deadletters');

function open(store, doors) {
  const server = http.createServer((request, response) => {
    const parts = [];
    request.on('data', (part) => parts.push(part));
    request.on('end', () => {
      const told = parts.length > 0 ? JSON.parse(Buffer.concat(parts)) : {};
      Promise.resolve(COMMANDS[request.url.slice(1)](store, told, doors)).then((answer) => {
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
  // {name, faults: [...]}: for the next transfers, in this order; null in the list is none.
  faults: (store, told) => void store.entity(told.name).faults.push(...told.faults),
  allow: (store, told) => void store.tokens.add(told.token),
  // {name, reason, description, deliveries}: what is stored becomes dead letters.
  bury: (store, told) => void bury(store.entity(told.name), told),
  // Those that are left, oldest first, and whether somebody holds them.
  dead: (store, told) => store.entity(told.name).dead.map(({ message, lock }) => ({ id: message.messageId, held: lock !== null })),
  stored: (store, told) => store.entity(told.name).messages.map((message) => ({
    ...message, body: message.body.toString('base64'),
  })),
  count: (store, told) => {
    const { messages } = store.entity(told.name);
    return { stored: messages.length, distinct: new Set(messages.map((message) => message.messageId)).size };
  },
  // Every connection ends, and the same ports are open again for who connects anew.
  cut: (store, told, doors) => void doors.cut(),
  // {ms}: nobody listens for so long.
  restart: (store, told, doors) => doors.restart(told.ms),
  detach: (store, told, doors) => void doors.detach(told.name),
};

module.exports = { open };
