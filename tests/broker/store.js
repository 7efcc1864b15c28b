// The broker's state: entities, their stored messages, and their planned faults.
'use strict';
const { Journal } = require('./journal');

const KEY_NAME = 'sender';
const KEY = 'c2VjcmV0LWtleS1vZi10aGUtdGVzdHM=';

class Store {
  // `journal`: a file that keeps entities and the ids of their messages; none: they end with the process.
  constructor(journal) {
    this.entities = new Map();
    this.keys = { [KEY_NAME]: KEY };
    this.tokens = new Map();
    this.aheadMs = 0;
    this.counters = { connections: 0, goodbyes: 0, links: 0, transfers: 0 };
    this.journal = null;
    if (!journal) return;
    for (const { create, name, ids } of Journal.read(journal)) {
      if (create) this.create(create);
      else store(this.entity(name), ids.map((messageId) => ({ messageId })));
    }
    this.journal = new Journal(journal);
    for (const entity of this.entities.values()) entity.journal = this.journal;
  }

  // The time, moved ahead by the tests.
  now() {
    return Date.now() + this.aheadMs;
  }

  create(settings) {
    const entity = {
      name: settings.name,
      duplicateDetection: false,
      sessions: false,
      partitioned: false,
      maxMessageSize: 262144,
      quota: Infinity,
      disabled: false,
      latencyMs: 0,
      // From when a message is stored to its confirmation.
      confirmMs: 0,
      // Keeps no message, only its id and when it arrived first: for a load that would not fit into memory.
      tally: false,
      ...settings,
      messages: [],
      dead: [],
      ids: new Set(),
      times: [],
      repeats: 0,
      waiting: new Set(),
      faults: [],
      chance: null,
      dice: 1,
      seen: { links: 0, goodbyes: 0, transfers: 0, hasty: 0, refusals: 0, puts: [], faults: {} },
      busyUntil: 0,
      journal: this.journal,
    };
    this.journal?.keep({ create: settings });
    this.entities.set(entity.name, entity);
    return entity;
  }

  entity(name) {
    return this.entities.get(name);
  }

  // Counts a token that does not permit access to the entity.
  refused(name) {
    const entity = this.entity(name);
    if (!entity) return;
    entity.seen.refusals += 1;
    entity.waiting.forEach((look) => look());
  }
}

// The next fault: a planned one, else by the entity's own dice (a plain LCG, so that a seed repeats a run). `together`:
// messages of this transfer; a fault for batches only does not affect a single message.
function nextFault(entity, together) {
  entity.seen.transfers += 1;
  // Sent during a pause that the entity had requested.
  if (Date.now() < entity.busyUntil) entity.seen.hasty += 1;
  const fault = entity.faults.length > 0 ? entity.faults.shift() : thrown(entity);
  if (!fault || (fault.batches && together === 1)) return null;
  const name = fault.reject ?? fault.detach ?? fault;
  entity.seen.faults[name] = (entity.seen.faults[name] ?? 0) + 1;
  if (name === 'com.microsoft:server-busy') entity.busyUntil = Date.now() + pauseSeconds(fault.description) * 1000;
  return fault;
}

function thrown(entity) {
  if (!entity.chance) return null;
  entity.dice = (Math.imul(entity.dice, 1664525) + 1013904223) >>> 0;
  if ((entity.dice >>> 8) % 1000 >= entity.chance.perMille) return null;
  entity.dice = (Math.imul(entity.dice, 1664525) + 1013904223) >>> 0;
  return entity.chance.kinds[(entity.dice >>> 8) % entity.chance.kinds.length];
}

// Service Bus states in its description how long a throttled sender has to wait.
const pauseSeconds = (description) => Number(/wait (\d+) seconds/.exec(description ?? '')?.[1] ?? 10);

// Why Service Bus would refuse the messages of one transfer; null: it accepts them.
function refusal(entity, messages) {
  const bytes = messages.reduce((sum, message) => sum + message.bytes, 0);
  if (entity.disabled) return ['com.microsoft:entity-disabled', 'the messaging entity is disabled'];
  if (bytes > entity.maxMessageSize) {
    return ['amqp:link:message-size-exceeded', `${bytes} bytes, ${entity.maxMessageSize} are allowed`];
  }
  if (entity.messages.length + messages.length > entity.quota) {
    return ['amqp:resource-limit-exceeded', 'the maximum size of the entity has been reached'];
  }
  const different = (field) => new Set(messages.map((message) => message[field])).size > 1;
  if (entity.sessions && messages.some((message) => !message.sessionId)) {
    return ['amqp:not-allowed', 'The SessionId was not set on a message, and it cannot be sent to the entity.'];
  }
  if (entity.sessions && different('sessionId')) {
    return ['amqp:not-allowed', 'all messages of a batch must have one SessionId'];
  }
  if (entity.partitioned && different('partitionKey')) {
    return ['amqp:not-allowed', 'all messages of a batch must have one PartitionKey'];
  }
  if (entity.partitioned && entity.duplicateDetection && different('messageId')) {
    return ['amqp:not-allowed', 'batches with several MessageIds are not supported with duplicate detection'];
  }
  const poisoned = messages.some((message) => message.body.includes('poison'));
  return poisoned ? ['amqp:not-allowed', 'this message is refused by the test'] : null;
}

// A duplicate is reported as accepted, and dropped. With a journal the messages are on the disk before this returns, so
// before they are accepted.
function store(entity, messages) {
  entity.journal?.keep({ name: entity.name, ids: messages.map((message) => message.messageId) });
  for (const message of messages) {
    if (entity.duplicateDetection && entity.ids.has(message.messageId)) continue;
    if (entity.tally) {
      if (entity.ids.has(message.messageId)) entity.repeats += 1;
      else entity.times.push(performance.timeOrigin + performance.now());
      entity.ids.add(message.messageId);
      continue;
    }
    entity.ids.add(message.messageId);
    entity.messages.push(message);
    entity.arrived?.();
  }
  entity.waiting.forEach((look) => look());
}

module.exports = { Store, KEY, KEY_NAME, pauseSeconds, nextFault, refusal, store };
