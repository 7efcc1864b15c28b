// Starts the broker on free ports of this machine, and prints them as one JSON line; ends with its stdin. Its argument is
// JSON: ports, those of a broker before it; journal, a file that keeps what was accepted, also when the broker is killed.
'use strict';
const { Doors } = require('./doors');
const { Store } = require('./store');
const amqp = require('./amqp');
const rest = require('./rest');
const control = require('./control');

async function main() {
  const { ports: before, journal } = JSON.parse(process.argv[2] ?? '{}');
  const store = new Store(journal);
  const doors = new Doors();
  const interfaces = { ...amqp.open(store), rest: rest.open(store) };
  const ports = {};
  for (const name of ['amqp', 'websocket', 'rest']) {
    ports[name] = await doors.start(() => interfaces[name](), before?.[name]);
  }
  ports.control = await control.open(store, doors, interfaces);
  process.stdin.resume();
  process.stdin.on('end', () => process.exit(0));
  console.log(JSON.stringify(ports));
}

main();
