//! Descriptions of the stand-in's queues and topics, as Service Bus's management interface returns them: Atom entries.

use super::{QueueError, Stand};
use crate::local::web::{Body, full};
use hyper::{Response, header, header::HeaderValue};

const INSIDE: &str = "http://schemas.microsoft.com/netservices/2010/10/servicebus/connect";
const COUNTS: &str = "http://schemas.microsoft.com/netservices/2011/06/servicebus";

/// An entry, or, for an unknown name, a feed without entries, as in Service Bus.
pub(super) async fn answer(stand: &Stand, entity: &str) -> Result<Response<Body>, QueueError> {
    let atom = if stand.entities.contains(entity) {
        entry(stand, entity).await?
    } else {
        r#"<feed xmlns="http://www.w3.org/2005/Atom"><title type="text">Publicly Listed Services</title></feed>"#
            .to_owned()
    };
    let mut response = Response::new(full(atom));
    let kind = HeaderValue::from_static("application/atom+xml;type=entry;charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    Ok(response)
}

async fn entry(stand: &Stand, entity: &str) -> Result<String, QueueError> {
    let counts = stand.store.counts(entity.to_owned()).await?;
    let traits = &stand.traits;
    let topic = traits.topics.contains(entity);
    let name = if topic { "TopicDescription" } else { "QueueDescription" };
    let window = traits.duplicate_window_s.unwrap_or(600);
    let receiving = if topic {
        String::new()
    } else {
        format!(
            "<LockDuration>PT{}S</LockDuration><RequiresSession>false</RequiresSession><MaxDeliveryCount>{}</MaxDeliveryCount>",
            traits.lock_s, traits.deliveries_max
        )
    };
    // Names of entities are letters, digits and ._-/ only, so nothing needs escaping.
    Ok(format!(
        "<entry xmlns=\"http://www.w3.org/2005/Atom\"><title type=\"text\">{entity}</title>\
         <content type=\"application/xml\"><{name} xmlns=\"{INSIDE}\">{receiving}\
         <MaxSizeInMegabytes>1024</MaxSizeInMegabytes>\
         <RequiresDuplicateDetection>{}</RequiresDuplicateDetection>\
         <DefaultMessageTimeToLive>P14D</DefaultMessageTimeToLive>\
         <DuplicateDetectionHistoryTimeWindow>PT{window}S</DuplicateDetectionHistoryTimeWindow>\
         <Status>Active</Status><EnablePartitioning>false</EnablePartitioning>\
         <CountDetails xmlns:d2p1=\"{COUNTS}\"><d2p1:ActiveMessageCount>{}</d2p1:ActiveMessageCount>\
         <d2p1:DeadLetterMessageCount>{}</d2p1:DeadLetterMessageCount></CountDetails>\
         <MaxMessageSizeInKilobytes>256</MaxMessageSizeInKilobytes></{name}></content></entry>",
        traits.duplicate_window_s.is_some(),
        counts.active + counts.locked,
        counts.dead,
    ))
}
