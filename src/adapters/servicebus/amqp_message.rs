//! The AMQP form of a message: alone, or as one item of a batch.

use super::{Shape, properties};
use crate::ports::bus::Outgoing;
use fe2o3_amqp::link::delivery::Sendable;
use fe2o3_amqp_types::{
    messaging::{
        ApplicationProperties, Batch, Data, Header, Message, MessageAnnotations, MessageId, Properties,
        message::__private::Serializable,
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

/// An encoded message, and nothing else of it: some thousands are in memory at once, and `Message` takes as much again.
pub(super) struct Wire {
    /// Only messages with the same key share a batch.
    pub key: Option<String>,
    encoded: Box<[u8]>,
}

impl Wire {
    /// # Errors
    /// Why this message can never be sent over AMQP.
    pub(super) fn of(outgoing: &Outgoing, shape: Shape) -> Result<Self, String> {
        let message = message(outgoing, shape, properties::custom(outgoing)?);
        let encoded = serde_amqp::to_vec(&Serializable(&message)).map_err(|e| format!("it cannot be encoded: {e}"))?;
        let key = (shape.sessions || shape.partitioned).then(|| key_of(outgoing));
        Ok(Self { key, encoded: encoded.into() })
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
    /// Encoded messages with the same key, and the first of them, which `Wire::of` has accepted.
    pub(super) fn of(first: &Outgoing, shape: Shape, wires: &[&Wire]) -> Self {
        if wires.len() == 1 {
            return Self::One(message(first, shape, properties::custom(first).unwrap_or_default()).into());
        }
        let items: Vec<Data> = wires.iter().map(|wire| Data(Binary::from(wire.encoded.to_vec()))).collect();
        // Each message has its own time and properties; the envelope has what the broker routes by.
        let annotations = partition_key(first, shape);
        let envelope = Message {
            header: None,
            delivery_annotations: None,
            message_annotations: (!annotations.0.is_empty()).then_some(annotations),
            properties: Some(identity(first, shape)),
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
    let first = messages.first().ok_or("no message")?;
    let encoded = match Parcel::of(first, shape, &wires.iter().collect::<Vec<_>>()) {
        Parcel::One(sendable) => serde_amqp::to_vec(&Serializable(&sendable.message)),
        Parcel::Many(sendable) => serde_amqp::to_vec(&Serializable(&sendable.message)),
    };
    encoded.map_err(|e| e.to_string())
}

fn message(outgoing: &Outgoing, shape: Shape, custom: Vec<(String, String)>) -> Message<Data> {
    let custom = custom.into_iter().map(|(name, value)| (name, SimpleValue::String(value)));
    let properties = Properties {
        subject: Some(outgoing.event_type.clone()),
        correlation_id: properties::correlation_id(outgoing).map(MessageId::String),
        content_type: Some(Symbol::from(outgoing.content_type.as_str())),
        ..identity(outgoing, shape)
    };
    let mut annotations = partition_key(outgoing, shape);
    if let Some(at) = outgoing.timing.not_before {
        let at = Value::Timestamp(Timestamp::from_milliseconds(at.timestamp_millis()));
        annotations.0.insert(Symbol::from(ENQUEUE_AT).into(), at);
    }
    let header = outgoing.timing.live_ms.map(|ms| Header { ttl: Some(ms), ..Header::default() });
    Message {
        header,
        delivery_annotations: None,
        message_annotations: (!annotations.0.is_empty()).then_some(annotations),
        properties: Some(properties),
        application_properties: Some(ApplicationProperties(custom.collect())),
        body: Data(Binary::from(outgoing.body.to_vec())),
        footer: None,
    }
}

fn identity(outgoing: &Outgoing, shape: Shape) -> Properties {
    Properties {
        message_id: Some(MessageId::String(outgoing.id.as_str().to_owned())),
        group_id: shape.sessions.then(|| key_of(outgoing)),
        ..Properties::default()
    }
}

/// With sessions, the session is the partition key.
fn partition_key(outgoing: &Outgoing, shape: Shape) -> MessageAnnotations {
    let mut annotations = MessageAnnotations::default();
    if shape.partitioned && !shape.sessions {
        annotations.0.insert(Symbol::from(PARTITION_KEY).into(), Value::String(key_of(outgoing)));
    }
    annotations
}

fn key_of(outgoing: &Outgoing) -> String {
    outgoing.ordering_key.clone().unwrap_or_else(|| outgoing.id.as_str().to_owned())
}
