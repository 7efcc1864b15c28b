// What the broker holds: entities, the messages they stored, and the faults they were told to make.
'use strict';

const KEY_NAME = 'sender';
const KEY = 'c2VjcmV0LWtleS1vZi10aGUtdGVzdHM=';

class Store {
  constructor() {
    this.entities = new Map();
    this.keys = { [KEY_NAME]: KEY };
    this.tokens = new Set();
    this.counters = { connections: 0, links: 0, transfers: 0, puts: 0 };
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
      ...settings,
      messages: [],
      dead: [],
      seen: new Set(),
      faults: [],
      chance: null,
      dice: 1,
    };
    this.entities.set(entity.name, entity);
    return entity;
  }

  entity(name) {
    return this.entities.get(name);
  }
}

// The next fault: one told in advance, else by the entity's own dice (a plain LCG, so that a seed repeats a run).
function nextFault(entity) {
  if (entity.faults.length > 0) return entity.faults.shift();
  if (!entity.chance) return null;
  entity.dice = (Math.imul(entity.dice, 1664525) + 1013904223) >>> 0;
  if ((entity.dice >>> 8) % 1000 >= entity.chance.perMille) return null;
  entity.dice = (Math.imul(entity.dice, 1664525) + 1013904223) >>> 0;
  return entity.chance.kinds[(entity.dice >>> 8) % entity.chance.kinds.length];
}

// Why Service Bus would refuse these messages, which came in one transfer; null: it takes them.
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
  return poisoned ? ['amqp:not-allowed', 'this message is refused, by the test'] : null;
}

// A duplicate is reported accepted, and dropped.
function store(entity, messages) {
  for (const message of messages) {
    if (entity.duplicateDetection) {
      if (entity.seen.has(message.messageId)) continue;
      entity.seen.add(message.messageId);
    }
    entity.messages.push(message);
    entity.arrived?.();
  }
}

module.exports = { Store, KEY, KEY_NAME, nextFault, refusal, store };
