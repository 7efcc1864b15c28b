// Descriptions of entities, as https://learn.microsoft.com/rest/api/servicebus/get-entity and Microsoft's own clients
// define them; an unknown name returns an empty feed.
'use strict';

const INSIDE = 'xmlns="http://schemas.microsoft.com/netservices/2010/10/servicebus/connect"';
const COUNTS = 'xmlns:d2p1="http://schemas.microsoft.com/netservices/2011/06/servicebus"';
const ATOM = 'xmlns="http://www.w3.org/2005/Atom"';

function answer(entity, name, respond) {
  if (name.startsWith('gone-')) return respond(404, '<Error><Code>404</Code><Detail>gone</Detail></Error>');
  const typed = { 'Content-Type': 'application/atom+xml;type=entry;charset=utf-8' };
  if (!entity) return respond(200, `<feed ${ATOM}><title type="text">Publicly Listed Services</title></feed>`, typed);
  if (entity.manage === false) {
    const detail = 'Manage,EntityRead claims required for this operation. TrackingId:0';
    return respond(401, `<Error><Code>401</Code><Detail>${detail}</Detail></Error>`);
  }
  return respond(200, entry(entity), typed);
}

function entry(entity) {
  const name = entity.topic ? 'TopicDescription' : 'QueueDescription';
  const receiving = entity.topic
    ? `<SubscriptionCount>${entity.subscriptions ?? 1}</SubscriptionCount>`
    : `<LockDuration>${entity.lock ?? 'PT1M'}</LockDuration><RequiresSession>${entity.sessions}</RequiresSession>`
      + `<MaxDeliveryCount>${entity.maxDeliveryCount ?? 10}</MaxDeliveryCount>`;
  return `<entry ${ATOM}><title type="text">${entity.name}</title><content type="application/xml">`
    + `<${name} ${INSIDE} xmlns:i="http://www.w3.org/2001/XMLSchema-instance">${receiving}`
    + '<MaxSizeInMegabytes>1024</MaxSizeInMegabytes>'
    + `<RequiresDuplicateDetection>${entity.duplicateDetection}</RequiresDuplicateDetection>`
    + `<DefaultMessageTimeToLive>${entity.life ?? 'P14D'}</DefaultMessageTimeToLive>`
    + `<DuplicateDetectionHistoryTimeWindow>${entity.window ?? 'PT10M'}</DuplicateDetectionHistoryTimeWindow>`
    + '<SizeInBytes>0</SizeInBytes><AuthorizationRules></AuthorizationRules>'
    + `<Status>${entity.disabled ? 'Disabled' : 'Active'}</Status>`
    + `<CountDetails ${COUNTS}><d2p1:ActiveMessageCount>${entity.messages.length}</d2p1:ActiveMessageCount>`
    + `<d2p1:DeadLetterMessageCount>${entity.dead.length}</d2p1:DeadLetterMessageCount></CountDetails>`
    + `<EnablePartitioning>${entity.partitioned}</EnablePartitioning>`
    + `<MaxMessageSizeInKilobytes>${entity.maxMessageSize / 1024}</MaxMessageSizeInKilobytes>`
    + `</${name}></content></entry>`;
}

module.exports = { answer };
