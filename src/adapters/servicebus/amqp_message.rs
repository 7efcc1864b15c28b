//! The AMQP form of a message: alone, or as one item of a batch.

use super::{Shape, properties};
use crate::ports::bus::Outgoing;
use fe2o3_amqp::link::delivery::Sendable;
use fe2o3_amqp_types::{
    messaging::{
        ApplicationProperties, Batch, Data, Header, Message, MessageAnnotations, MessageId, Properties,
        annotations::AnnotationKey, message::__private::Serializable,
    },
    primitives::{Binary, SimpleValue, Symbol, Timestamp, Value},
};

/// The message format of Service Bus's batches: each Data section holds one encoded message.
const BATCH_FORMAT: u32 = 0x8001_3700;
const PARTITION_KEY: &str = "x-opt-partition-key";
const ENQUEUE_AT: &str = "x-opt-scheduled-enqueue-time";
/// Overhead of an item: the Data section's descriptor, and the longer form of a length.
const ITEM_HEAD_BYTES: usize = 8;
/// Overhead of a batch: the envelope with the longest id, session and partition key, and the frame's header.
pub(super) const ENVELOPE_BYTES: usize = 2_048;

/// An encoded message.
pub(super) struct Wire {
    /// Only messages with the same key share a batch.
    pub key: Option<String>,
    message: Message<Data>,
    encoded: Vec<u8>,
}

impl Wire {
    /// # Errors
    /// Why this message can never be sent over AMQP.
    pub(super) fn of(outgoing: &Outgoing, shape: Shape) -> Result<Self, String> {
        let message = message(outgoing, shape)?;
        let encoded = serde_amqp::to_vec(&Serializable(&message)).map_err(|e| format!("it cannot be encoded: {e}"))?;
        let key = (shape.sessions || shape.partitioned).then(|| key_of(outgoing));
        Ok(Self { key, message, encoded })
    }

    pub(super) fn bytes_alone(&self) -> usize {
        self.encoded.len()
    }

    pub(super) fn bytes_in_batch(&self) -> usize {
        self.encoded.len() + ITEM_HEAD_BYTES
    }
}

/// One transfer.
pub(super) enum Parcel {
    One(Sendable<Data>),
    Many(Sendable<Batch<Data>>),
}

impl Parcel {
    /// `wires` is not empty, and all have the same key.
    pub(super) fn of(wires: &[&Wire]) -> Self {
        if let [one] = wires {
            return Self::One(one.message.clone().into());
        }
        let first = wires.first().map(|wire| &wire.message);
        let properties = first.and_then(|message| message.properties.as_ref()).map(|of| Properties {
            message_id: of.message_id.clone(),
            group_id: of.group_id.clone(),
            ..Properties::default()
        });
        let items: Vec<Data> = wires.iter().map(|wire| Data(Binary::from(wire.encoded.clone()))).collect();
        let envelope = Message {
            header: None,
            delivery_annotations: None,
            message_annotations: first.and_then(partition_key),
            properties,
            application_properties: None,
            body: Batch::new(items),
            footer: None,
        };
        Self::Many(Sendable { message: envelope, message_format: BATCH_FORMAT, settled: Some(false) })
    }
}

/// The bytes of one transfer's payload, for tests that compare them with other clients.
///
/// # Errors
/// As `Wire::of`.
pub(super) fn payload(messages: &[Outgoing], shape: Shape) -> Result<Vec<u8>, String> {
    let wires = messages.iter().map(|message| Wire::of(message, shape)).collect::<Result<Vec<_>, _>>()?;
    let encoded = match Parcel::of(&wires.iter().collect::<Vec<_>>()) {
        Parcel::One(sendable) => serde_amqp::to_vec(&Serializable(&sendable.message)),
        Parcel::Many(sendable) => serde_amqp::to_vec(&Serializable(&sendable.message)),
    };
    encoded.map_err(|e| e.to_string())
}

fn message(outgoing: &Outgoing, shape: Shape) -> Result<Message<Data>, String> {
    let mut custom = ApplicationProperties::default();
    for (name, value) in properties::custom(outgoing)? {
        custom.0.insert(name, SimpleValue::String(value));
    }
    let properties = Properties {
        message_id: Some(MessageId::String(outgoing.id.as_str().to_owned())),
        subject: Some(outgoing.event_type.clone()),
        correlation_id: properties::correlation_id(outgoing).map(MessageId::String),
        content_type: Some(Symbol::from(outgoing.content_type.as_str())),
        group_id: shape.sessions.then(|| key_of(outgoing)),
        ..Properties::default()
    };
    let mut annotations = MessageAnnotations::default();
    // With sessions, the session is the partition key.
    if shape.partitioned && !shape.sessions {
        annotations.0.insert(Symbol::from(PARTITION_KEY).into(), Value::String(key_of(outgoing)));
    }
    if let Some(at) = outgoing.timing.not_before {
        let at = Value::Timestamp(Timestamp::from_milliseconds(at.timestamp_millis()));
        annotations.0.insert(Symbol::from(ENQUEUE_AT).into(), at);
    }
    let header = outgoing.timing.live_ms.map(|ms| Header { ttl: Some(ms), ..Header::default() });
    Ok(Message {
        header,
        delivery_annotations: None,
        message_annotations: (!annotations.0.is_empty()).then_some(annotations),
        properties: Some(properties),
        application_properties: Some(custom),
        body: Data(Binary::from(outgoing.body.to_vec())),
        footer: None,
    })
}

/// The annotations of a batch's envelope: the partition key only, since each message has its own time.
fn partition_key(message: &Message<Data>) -> Option<MessageAnnotations> {
    let key = message.message_annotations.as_ref()?.0.get(&PARTITION_KEY as &dyn AnnotationKey)?.clone();
    let mut annotations = MessageAnnotations::default();
    annotations.0.insert(Symbol::from(PARTITION_KEY).into(), key);
    Some(annotations)
}

fn key_of(outgoing: &Outgoing) -> String {
    outgoing.ordering_key.clone().unwrap_or_else(|| outgoing.id.as_str().to_owned())
}
