//! A queue's dead letters over AMQP: one receiving link with peek-lock; a message is accepted only to remove it.

use super::{
    ConnectionString,
    access::{Access, Right},
    amqp::failed,
    amqp_outcome::Refusal,
    endings::state_of,
    link::Failure,
    outcome::Target,
    session,
    socket::Dialer,
};
use crate::{
    adapters::quoted::quoted,
    domain::{delivery::Delivery, route::Destination, traceparent},
    ports::dead_letters::{DeadLetter, DeadLetterQueue, DeadLetters},
};
use async_trait::async_trait;
use chrono::DateTime;
use fe2o3_amqp::{
    Receiver,
    connection::ConnectionHandle,
    link::{ReceiverAttachError, RecvError, delivery::DeliveryInfo, receiver::CreditMode},
    session::SessionHandle,
};
use fe2o3_amqp_types::{
    definitions::SenderSettleMode,
    messaging::{Body, Message, MessageId, annotations::AnnotationKey},
    primitives::{SimpleValue, Value},
};
use std::time::Duration;

/// A broker delivers a message at once, but does not report that there is none: silence this long means none.
const NONE_AFTER: Duration = Duration::from_secs(3);
/// A broker that refuses a link does so immediately after attaching it.
const LASTS_FOR: Duration = Duration::from_secs(1);
/// How long closing may wait for the broker.
const CLOSE_WAIT: Duration = Duration::from_secs(2);

/// Reads and removes dead letters over AMQP.
pub struct AmqpDeadLetters {
    connection: ConnectionString,
    access: Access,
    dialer: Dialer,
    timeout: Duration,
}

impl AmqpDeadLetters {
    /// Connects to nothing yet. `timeout` bounds opening a queue's dead letters.
    ///
    /// # Errors
    /// TLS cannot be set up on this machine.
    pub fn new(
        connection: ConnectionString,
        websocket: bool,
        gateway: Option<&str>,
        timeout: Duration,
    ) -> Result<Self, String> {
        let dialer = Dialer::new(&connection, websocket, gateway)?;
        let access = Access::of(&connection).map_err(|e| e.to_string())?;
        Ok(Self { connection, access, dialer, timeout })
    }

    async fn attach(&self, queue: &str, address: &str) -> Result<AmqpDeadLetterQueue, Failure> {
        let host = self.connection.host();
        let audience = format!("amqps://{host}/{address}");
        let granted = self.access.token(&audience).await.map_err(Failure::Other)?;
        let name = format!("client-organizer-{}", uuid::Uuid::new_v4());
        let (mut connection, mut session) = session::begin(&self.dialer, &host, &name).await?;
        let attached = async {
            let _client = session::authorise(&mut session, &name, &audience, &granted).await?;
            // Names a target, as every client does: our library cannot read an answer with an empty one.
            let receiver = Receiver::builder().name(&name).source(address).target(name.as_str());
            // Otherwise a broker may settle what it delivers, and the message is gone before it is stored. The library
            // does not show which mode the broker grants.
            let receiver = receiver.sender_settle_mode(SenderSettleMode::Unsettled).credit_mode(CreditMode::Manual);
            receiver.attach(&mut session).await.map_err(|error| match error {
                ReceiverAttachError::RemoteClosedWithError(error) => Failure::Refused(Refusal::of(Some(&error))),
                other => Failure::Other(format!("the link could not be attached: {other}")),
            })
        };
        let receiver = tokio::select! {
            attached = attached => attached?,
            closed = connection.on_close() => return Err(ended("connection", closed)),
        };
        let (namespace, access, queue) =
            (self.connection.namespace().to_owned(), self.access.clone(), queue.to_owned());
        Ok(AmqpDeadLetterQueue { namespace, access, queue, receiver, session, connection, held: Vec::new() })
    }

    /// `address` is that of the queue or of its dead letters.
    async fn opened(&self, queue: &str, address: &str) -> Result<AmqpDeadLetterQueue, String> {
        let namespace = self.connection.namespace();
        match tokio::time::timeout(self.timeout, self.attach(queue, address)).await {
            Ok(Ok(letters)) => Ok(letters),
            Ok(Err(failure)) => Err(described(namespace, &self.access, queue, &failure)),
            Err(_) => Err(format!("{namespace}/{address} could not be opened within {} ms", self.timeout.as_millis())),
        }
    }
}

#[async_trait]
impl DeadLetters for AmqpDeadLetters {
    async fn open(&self, queue: &Destination) -> Result<Box<dyn DeadLetterQueue>, String> {
        let queue = queue.entity();
        Ok(Box::new(self.opened(queue, &format!("{queue}/$deadletterqueue")).await?))
    }

    async fn may_listen(&self, queue: &Destination) -> Option<Result<(), String>> {
        let queue = queue.entity();
        let mut link = match self.opened(queue, queue).await {
            Ok(link) => link,
            Err(why) => return Some(Err(why)),
        };
        let lasted =
            link.lasts().await.map_err(|failure| described(self.connection.namespace(), &self.access, queue, &failure));
        Box::new(link).close().await;
        Some(lasted)
    }
}

type Received = fe2o3_amqp::link::delivery::Delivery<Body<Value>>;

struct AmqpDeadLetterQueue {
    namespace: String,
    access: Access,
    queue: String,
    receiver: Receiver,
    session: SessionHandle<()>,
    connection: ConnectionHandle<()>,
    /// The locked messages by number; None: removed.
    held: Vec<Option<DeliveryInfo>>,
}

impl AmqpDeadLetterQueue {
    /// Waits briefly for the link to end: a broker may attach a link first, and refuse it in the next frame.
    async fn lasts(&mut self) -> Result<(), Failure> {
        tokio::select! {
            biased;
            // Without credit no message arrives: only the end of the link can.
            ended = self.receiver.recv::<Body<Value>>() => ended.map(drop).map_err(|error| of_receiving(&error)),
            closed = self.connection.on_close() => Err(ended("connection", closed)),
            closed = self.session.on_end() => Err(ended("session", closed)),
            () = tokio::time::sleep(LASTS_FOR) => Ok(()),
        }
    }
}

#[async_trait]
impl DeadLetterQueue for AmqpDeadLetterQueue {
    async fn next(&mut self) -> Result<Option<DeadLetter>, String> {
        let received = tokio::select! {
            biased;
            received = received(&mut self.receiver) => received,
            closed = self.connection.on_close() => Err(ended("connection", closed)),
            closed = self.session.on_end() => Err(ended("session", closed)),
            () = tokio::time::sleep(NONE_AFTER) => return Ok(None),
        };
        let delivery = received.map_err(|failure| described(&self.namespace, &self.access, &self.queue, &failure))?;
        let (info, message) = delivery.into_parts();
        self.held.push(Some(info));
        Ok(Some(letter(self.held.len() - 1, message)))
    }

    async fn remove(&mut self, number: usize) -> Result<(), String> {
        let Some(info) = self.held.get_mut(number).and_then(Option::take) else {
            return Err("it is not locked by this command".to_owned());
        };
        self.receiver.accept(info).await.map_err(|e| words(&e))
    }

    async fn close(mut self: Box<Self>) {
        let Self { receiver, mut session, mut connection, held, .. } = *self;
        let closing = async {
            // If the broker is gone, the messages become free when their locks expire.
            let _ = receiver.release_all(held.into_iter().flatten()).await;
            let _ = receiver.close().await;
            let _ = session.end().await;
            let _ = connection.close().await;
        };
        let _ = tokio::time::timeout(CLOSE_WAIT, closing).await;
    }
}

fn letter(number: usize, message: Message<Body<Value>>) -> DeadLetter {
    let annotation = |name: &str| message.message_annotations.as_ref()?.0.get(&name as &dyn AnnotationKey);
    let sequence_number = match annotation("x-opt-sequence-number") {
        Some(Value::Long(number)) => Some(*number),
        Some(Value::Int(number)) => Some(i64::from(*number)),
        _ => None,
    };
    let enqueued_on = match annotation("x-opt-enqueued-time") {
        Some(Value::Timestamp(at)) => DateTime::from_timestamp_millis(at.milliseconds()),
        _ => None,
    };
    let property = |name: &str| match message.application_properties.as_ref()?.0.get(name) {
        Some(SimpleValue::String(text)) => Some(text.clone()),
        _ => None,
    };
    let message_id = match message.properties.as_ref().and_then(|properties| properties.message_id.as_ref()) {
        Some(MessageId::String(text)) => text.clone(),
        Some(MessageId::Ulong(number)) => number.to_string(),
        Some(MessageId::Uuid(id)) => uuid::Uuid::from_bytes(*id.as_inner()).to_string(),
        Some(MessageId::Binary(_)) | None => String::new(),
    };
    let delivery_count = message.header.as_ref().map_or(0, |header| i64::from(header.delivery_count));
    let (reason, description) = (property("DeadLetterReason"), property("DeadLetterErrorDescription"));
    let traceparent = traceparent::among(property);
    let delivery = Delivery { message_id, body: bytes(message.body), delivery_count, enqueued_on, traceparent };
    DeadLetter { number, sequence_number, delivery, reason, description }
}

/// The body's bytes. Other programs may send text as a value; a body that is neither text nor bytes is not one of our
/// events, and reads as empty.
fn bytes(body: Body<Value>) -> Vec<u8> {
    match body {
        Body::Data(parts) => parts.into_iter().flat_map(|part| part.0.into_vec()).collect(),
        Body::Value(value) => match value.0 {
            Value::String(text) => text.into_bytes(),
            Value::Binary(bytes) => bytes.into_vec(),
            _ => Vec::new(),
        },
        Body::Sequence(_) | Body::Empty => Vec::new(),
    }
}

async fn received(receiver: &mut Receiver) -> Result<Received, Failure> {
    receiver.set_credit(1).await.map_err(|e| Failure::Other(words(&e)))?;
    receiver.recv().await.map_err(|error| of_receiving(&error))
}

fn of_receiving(error: &RecvError) -> Failure {
    match error {
        RecvError::LinkStateError(error) => state_of(error),
        other => Failure::Other(words(other)),
    }
}

/// The failure in words for an operator.
fn described(namespace: &str, access: &Access, queue: &str, failure: &Failure) -> String {
    let target = Target { namespace, entity: queue, access, needs: Right::Listen };
    failed(target, failure).reason().to_owned()
}

fn ended<E: std::fmt::Display>(what: &str, end: Result<(), E>) -> Failure {
    let why = end.map_or_else(|error| words(&error), |()| "closed by the bus".to_owned());
    Failure::Other(format!("the {what} ended: {why}"))
}

fn words(error: &impl std::fmt::Display) -> String {
    quoted(&error.to_string())
}
