// AMQP over TCP and over WebSocket: tokens, transfers and their outcomes, and peek-lock for a receiver.
'use strict';
const http = require('http');
const https = require('https');
const net = require('net');
const tls = require('tls');
const rhea = require('rhea');
const { WebSocketServer } = require('ws');
const deadletters = require('./deadletters');
const message = require('./message');
const sas = require('./sas');
const { nextFault, refusal, store } = require('./store');

const BATCH = 0x80013700;
const OPTIONS = {
  max_frame_size: 65536,
  receiver_options: { autoaccept: false, autosettle: false, credit_window: 2000 },
  sender_options: { autosettle: false },
};

const EXPIRED = { condition: 'amqp:unauthorized-access', description: 'ExpiredToken: the token has expired' };

// 'q', or as some clients write it, 'amqps://namespace/q'.
const entityOf = (address) => address.replace(/^[a-z]+:\/\/[^/]*\//, '');

function open(broker) {
  const container = rhea.create_container({ id: 'broker' });
  const receivers = new Set();
  // Connection → entity → {token, until}.
  const granted = new WeakMap();
  const replies = new WeakMap();

  container.on('connection_open', (context) => {
    broker.counters.connections += 1;
    granted.set(context.connection, new Map());
  });
  container.on('connection_close', ({ connection }) => {
    broker.counters.goodbyes += 1;
    for (const name of granted.get(connection)?.keys() ?? []) {
      if (broker.entity(name)) broker.entity(name).seen.goodbyes += 1;
    }
  });
  container.on('sender_open', ({ sender, connection }) => {
    const { source, target } = sender.remote.attach;
    sender.set_source(source);
    sender.set_target(target);
    // In any other settle mode a broker may settle what it sends, and a dead letter is gone once it is read.
    if (/\$deadletterqueue$/i.test(source.address) && sender.remote.attach.snd_settle_mode !== 0) {
      sender.close({ condition: 'amqp:not-allowed', description: 'dead letters are delivered unsettled only' });
    } else if (source.address === '$cbs') replies.set(connection, sender);
    else deliver(broker, sender, entityOf(source.address));
  });
  container.on('receiver_open', ({ receiver, connection }) => {
    const { source, target } = receiver.remote.attach;
    receiver.set_source(source);
    receiver.set_target(target);
    if (target.address === '$cbs') return;
    broker.counters.links += 1;
    const name = entityOf(target.address);
    const entity = broker.entity(name);
    if (!isGranted(connection, name)) {
      receiver.close({ condition: 'amqp:unauthorized-access', description: `no token for ${name}` });
    } else if (!entity) {
      receiver.close({ condition: 'amqp:not-found', description: `there is no ${name}` });
    } else {
      entity.seen.links += 1;
      receivers.add(receiver);
      // rhea has no setter for this field.
      receiver.local.attach.max_message_size = entity.maxMessageSize;
    }
  });
  container.on('receiver_close', ({ receiver }) => receivers.delete(receiver));
  container.on('message', (context) => {
    const name = entityOf(context.receiver.target.address);
    if (name === '$cbs') put(broker, context, granted.get(context.connection), replies.get(context.connection));
    else if (isGranted(context.connection, name)) transfer(broker, context, broker.entity(name));
    else context.receiver.close(EXPIRED);
  });
  container.on('accepted', ({ delivery }) => delivery.settled || delivery.update(true));
  // Connections that a fault cuts or a client leaves are expected.
  for (const event of ['disconnected', 'error', 'protocol_error', 'connection_error', 'session_error']) {
    container.on(event, () => {});
  }

  const isGranted = (connection, name) => granted.get(connection)?.get(name)?.until > broker.now();
  const take = (socket) => container.create_connection(OPTIONS).accept(socket);
  return {
    amqp: (secure) => (secure ? tls.createServer(secure, take) : net.createServer(take)),
    websocket: (secure) => {
      const server = secure ? https.createServer(secure) : http.createServer();
      const sockets = new WebSocketServer({
        server, path: '/$servicebus/websocket', handleProtocols: (offered) => offered.has('amqp') && 'amqp',
      });
      sockets.on('connection', (socket) => container.websocket_accept(socket, OPTIONS));
      return server;
    },
    detach: (name) => receivers.forEach((receiver) => {
      if (entityOf(receiver.target.address) !== name) return;
      receiver.detach({ condition: 'amqp:link:detach-forced', description: 'the link was idle for 10 minutes' });
    }),
    revoke: (token) => receivers.forEach((receiver) => {
      const grants = granted.get(receiver.connection);
      const name = entityOf(receiver.target.address);
      if (grants?.get(name)?.token !== token) return;
      grants.delete(name);
      receiver.close(EXPIRED);
    }),
  };
}

// $cbs: replies go by connection, since each client selects its own reply address.
function put(broker, context, granted, reply) {
  const request = context.message;
  const { name: audience, type } = request.application_properties;
  const entity = decodeURIComponent(new URL(audience.replace(/^[a-z]+:/, 'http:')).pathname.slice(1));
  const token = request.body.content ?? request.body;
  // Microsoft's Python SDK calls a signature 'jwt' too.
  const signed = token.startsWith('SharedAccessSignature');
  const known = () => (broker.tokens.get(token) > broker.now() ? null : 'unknown or expired token');
  const why = signed ? sas.refusal(broker, token, entity) : known();
  if (why) broker.refused(entity);
  broker.entity(entity)?.seen.puts.push({ type, audience, granted: !why });
  if (!why) {
    granted.set(entity, { token, until: signed ? Number(/&se=(\d+)/.exec(token)[1]) * 1000 : broker.tokens.get(token) });
  }
  context.delivery.accept();
  reply?.send({
    correlation_id: request.message_id,
    application_properties: {
      'status-code': rhea.types.wrap_int(why ? 401 : 202), 'status-description': why || 'Accepted',
    },
    body: '',
  });
}

function transfer(broker, { delivery, receiver, connection, message: received }, entity) {
  broker.counters.transfers += 1;
  const batch = delivery.format === BATCH;
  const messages = batch ? message.batch(received) : [message.single(received)];
  const fault = nextFault(entity, messages.length);
  // rhea's wrapper of a WebSocket can only close, not cut.
  const cut = () => (connection.socket.destroy ? connection.socket.destroy() : connection.socket.end());
  const take = () => {
    if (fault?.reject) {
      return delivery.reject({ condition: fault.reject, description: fault.description || 'requested by the test' });
    }
    if (fault === 'release') return delivery.release();
    if (fault === 'modify') return delivery.modified({ delivery_failed: true });
    if (fault === 'cut-before') return cut();
    if (fault === 'close-before') return connection.close({ condition: 'amqp:connection:forced', description: 'requested by the test' });
    if (fault?.detach) return receiver.close({ condition: fault.detach, description: 'requested by the test' });
    if (fault === 'detach-before') return receiver.close({ condition: 'amqp:internal-error', description: 'requested by the test' });
    const refused = refusal(entity, messages);
    if (refused) return delivery.reject({ condition: refused[0], description: refused[1] });
    store(entity, messages);
    if (fault === 'cut-after') return cut();
    if (fault === 'detach-after') {
      return receiver.close({ condition: 'amqp:link:detach-forced', description: 'the link was moved' });
    }
    if (fault === 'close-after') return connection.close({ condition: 'amqp:connection:forced', description: 'requested by the test' });
    if (entity.confirmMs > 0) setTimeout(() => delivery.accept(), entity.confirmMs);
    else if (fault !== 'never') delivery.accept();
  };
  if (entity.latencyMs > 0) setTimeout(take, entity.latencyMs);
  // Each outcome in its own turn: of two settled in one turn, rhea 3.0 reports the second with the first's outcome
  // (session.js, write_dispositions: nothing is compared while first === last).
  else setImmediate(take);
}

// Peek-lock: a message leaves when the receiver accepts it.
function deliver(broker, sender, address) {
  const dead = deadletters.named(broker, address);
  if (dead) return deadletters.deliver(dead, sender);
  const entity = broker.entity(address);
  if (!entity) return sender.close({ condition: 'amqp:not-found', description: `there is no ${address}` });
  if (entity.listen === false) {
    return sender.close({ condition: 'amqp:unauthorized-access', description: "'Listen' claim(s) are required" });
  }
  let next = 0;
  const more = () => {
    while (sender.is_open() && sender.sendable() && next < entity.messages.length) {
      sender.send(entity.messages[next].raw, require('crypto').randomBytes(16));
      next += 1;
    }
  };
  entity.arrived = more;
  sender.on('sendable', more);
  // The receiver's outcome is confirmed with the same outcome.
  sender.on('accepted', ({ delivery }) => delivery.update(true, rhea.message.accepted().described()));
  return more();
}

module.exports = { open };
