// An entity's dead letters: created by the test, peek-locked over AMQP or REST, removed when accepted or deleted.
'use strict';
const crypto = require('crypto');
const rhea = require('rhea');

const NAME = /^(.+)\/\$deadletterqueue$/i;
const PATH = /^(.+)\/\$deadletterqueue\/messages\/(head|[^/]+\/[^/]+)$/i;

// {name, reason, description, deliveries}: moves all stored messages to the dead letters.
function deadLetter(entity, { reason, description, deliveries }) {
  for (const message of entity.messages.splice(0)) {
    entity.dead.push({
      message, reason, description, deliveries, seq: entity.dead.length + 1, enqueued: new Date(1_790_000_000_000), lock: null,
    });
  }
}

const free = (entity) => entity.dead.find((dead) => dead.lock === null);

function take(entity) {
  const dead = free(entity);
  if (dead) dead.lock = crypto.randomUUID();
  return dead;
}

const remove = (entity, dead) => entity.dead.splice(entity.dead.indexOf(dead), 1);

// The entity whose dead letters an address names; null: it does not name dead letters.
const named = (broker, address) => (NAME.test(address) ? broker.entity(NAME.exec(address)[1]) ?? undefined : null);

function deliver(entity, sender) {
  const held = new Map();
  const more = () => {
    // rhea reduces the credit only when it writes, which is later.
    for (let credit = sender.is_open() ? sender.credit : 0; credit > 0; credit -= 1) {
      const dead = take(entity);
      if (!dead) return;
      held.set(sender.send(asAmqp(dead), crypto.randomBytes(16)), dead);
    }
  };
  const settle = (how) => ({ delivery }) => {
    const dead = held.get(delivery);
    if (!dead) return;
    held.delete(delivery);
    how(dead);
    if (!delivery.settled) delivery.update(true);
  };
  sender.on('accepted', settle((dead) => remove(entity, dead)));
  sender.on('released', settle((dead) => { dead.lock = null; }));
  sender.on('sendable', more);
  // A lock outlives its link, as in Service Bus.
  more();
}

function asAmqp({ message, reason, description, deliveries, seq, enqueued }) {
  const { application, body, messageId, subject, contentType } = message;
  return {
    message_id: messageId,
    subject,
    content_type: contentType,
    delivery_count: deliveries,
    message_annotations: { 'x-opt-sequence-number': seq, 'x-opt-enqueued-time': enqueued },
    application_properties: { ...application, DeadLetterReason: reason, DeadLetterErrorDescription: description },
    body: rhea.message.data_section(body),
  };
}

// JSON in ASCII, for a header.
const line = (value) => JSON.stringify(value)
  .replace(/[^ -~]/g, (letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`);

function rest(entity, what, request, respond) {
  if (what === 'head') {
    const dead = request.method === 'POST' ? take(entity) : null;
    if (!dead) return respond(204, '');
    const { message, reason, description, deliveries, seq, enqueued, lock } = dead;
    const properties = {
      MessageId: message.messageId, DeliveryCount: deliveries, SequenceNumber: seq, LockToken: lock,
      EnqueuedTimeUtc: enqueued.toUTCString(), State: 'Active',
    };
    return respond(201, message.body, {
      BrokerProperties: line(properties),
      DeadLetterReason: line(reason),
      DeadLetterErrorDescription: line(description),
      Location: `https://local.servicebus.windows.net/${entity.name}/$deadletterqueue/messages/${seq}/${lock}`,
    });
  }
  const dead = entity.dead.find((one) => one.lock === what.split('/')[1]);
  if (!dead) return respond(404, 'no message under this lock');
  if (request.method === 'DELETE') remove(entity, dead);
  else if (request.method === 'PUT') dead.lock = null;
  else return respond(405, '');
  return respond(200, '');
}

module.exports = { PATH, deadLetter, deliver, named, rest };
