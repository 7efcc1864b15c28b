// Starts the broker's doors on free ports of this machine, and says where in one JSON line; ends with its stdin.
'use strict';
const { Store } = require('./store');
const amqp = require('./amqp');
const rest = require('./rest');
const control = require('./control');

async function main() {
  const store = new Store();
  const doors = amqp.open(store);
  const ports = {
    amqp: await doors.tcp(0),
    websocket: await doors.websocket(0),
    rest: await rest.open(store),
  };
  ports.control = await control.open(store, doors);
  process.stdin.resume();
  process.stdin.on('end', () => process.exit(0));
  console.log(JSON.stringify(ports));
}

main();
