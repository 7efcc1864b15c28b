// Converts messages received over AMQP to the form in which the store keeps them.
'use strict';
const rhea = require('rhea');

const text = (value) => (value === undefined || value === null ? null : String(value));

function kept(decoded, bytes, batch) {
  const body = decoded.body?.content ?? Buffer.from(decoded.body ?? '');
  return {
    messageId: text(decoded.message_id),
    sessionId: text(decoded.group_id),
    partitionKey: text(decoded.message_annotations?.['x-opt-partition-key']),
    subject: text(decoded.subject),
    correlationId: text(decoded.correlation_id),
    contentType: text(decoded.content_type),
    ttlMs: decoded.ttl ?? null,
    enqueueAt: decoded.message_annotations?.['x-opt-scheduled-enqueue-time']?.getTime() ?? null,
    application: decoded.application_properties ?? {},
    body,
    bytes,
    batch,
    raw: decoded,
  };
}

function single(decoded) {
  return kept(decoded, rhea.message.encode(decoded).length, 1);
}

// Each Data section of the envelope holds one encoded message.
function batch(received) {
  const envelope = Buffer.isBuffer(received) ? rhea.message.decode(received) : received;
  const { content } = envelope.body;
  const parts = Array.isArray(content) ? content : [content];
  return parts.map((part) => kept(rhea.message.decode(part), part.length, parts.length));
}

module.exports = { single, batch };
