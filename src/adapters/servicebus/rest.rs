//! The bus port over REST: one request per message, several under way at once, an outcome for each.

use super::{
    ConnectionString,
    access::{Access, Right},
    destination_state::DestinationState,
    http_client::{BusHttp, Ended},
    outcome::{self, Target},
    properties,
};
use crate::{
    domain::{
        route::{Destination, EntityKind},
        verdict::PublishOutcome,
    },
    ports::bus::{Bus, Outgoing},
};
use async_trait::async_trait;
use azure_core::HttpClient;
use azure_messaging_servicebus::service_bus::{QueueClient, SendMessageOptions, TopicClient, TopicSender};
use futures::StreamExt;
use std::{sync::Arc, time::Duration};
use tokio::time::Instant;

/// How `RestBus` sends.
#[derive(Debug, Clone, Copy)]
pub struct RestOptions {
    /// How long one message may wait for its answer.
    pub timeout: Duration,
    /// Requests under way at once in one publish; 0 counts as 1.
    pub concurrency: usize,
}

/// Service Bus over REST.
pub struct RestBus {
    connection: ConnectionString,
    access: Access,
    http: Arc<dyn HttpClient>,
    options: RestOptions,
}

impl RestBus {
    /// Connects to nothing yet.
    ///
    /// # Errors
    /// TLS cannot be set up on this machine.
    pub fn new(connection: ConnectionString, options: RestOptions) -> Result<Self, String> {
        let access = Access::of(&connection).map_err(|e| e.to_string())?;
        let http = Arc::new(BusHttp::new(&connection, access.clone(), options)?);
        Ok(Self { connection, access, http, options })
    }

    fn sender(&self, to: &Destination) -> Result<Sender, String> {
        // The URL is normalised after it was signed, and would name another entity.
        if to.entity().split('/').any(|segment| matches!(segment, "" | "." | "..")) {
            return Err(format!("'{to}' cannot be named in a URL: correct the route"));
        }
        let (http, namespace) = (self.http.clone(), self.connection.namespace.as_str());
        // Our client replaces the crate's signature.
        let none = "none";
        let sender = match to.kind() {
            EntityKind::Queue => QueueClient::new(http, namespace, to.entity(), none, none).map(Sender::Queue),
            EntityKind::Topic => TopicClient::new(http, namespace, to.entity(), none, none)
                .map(|topic| Sender::Topic(topic.topic_sender())),
        };
        sender.map_err(|e| format!("the connection string cannot be used: {e}"))
    }

    async fn send(&self, sender: &Sender, target: Target<'_>, message: &Outgoing, deadline: Instant) -> PublishOutcome {
        let Ok(body) = std::str::from_utf8(&message.body) else {
            return outcome::permanent("its body is not UTF-8, and REST carries text only".to_owned());
        };
        let options = match properties::options(message) {
            Ok(options) => options,
            Err(reason) => return outcome::permanent(reason),
        };
        let begun = Instant::now();
        let until = deadline.min(begun + self.options.timeout);
        match tokio::time::timeout_at(until, sender.send(body, options)).await {
            Err(_) => outcome::timed_out(target, begun.elapsed().as_millis()),
            Ok(Ok(())) => PublishOutcome::Accepted,
            Ok(Err(error)) => match error.downcast_ref::<Ended>() {
                Some(Ended::Answered(answer)) => outcome::of_answer(target, answer),
                Some(Ended::NoAnswer(end)) => outcome::of_no_answer(target, end),
                // The crate's own error, before anything was sent: it cannot use the URL or the key.
                None => PublishOutcome::Blocked {
                    after_ms: None,
                    reason: format!("no request can be built for {}: {error}", target.entity),
                },
            },
        }
    }
}

#[async_trait]
impl Bus for RestBus {
    async fn publish(&self, to: &Destination, batch: &[Outgoing], deadline: Instant) -> Vec<PublishOutcome> {
        let sender = match self.sender(to) {
            Ok(sender) => sender,
            Err(reason) => return vec![PublishOutcome::Blocked { after_ms: None, reason }; batch.len()],
        };
        let target = Target {
            namespace: self.connection.namespace(),
            entity: to.entity(),
            access: &self.access,
            needs: Right::Send,
        };
        let destination_state = DestinationState::default();
        let (sender, destination_state) = (&sender, &destination_state);
        let mut sends = Vec::with_capacity(batch.len());
        for message in batch {
            sends.push(async move {
                if destination_state.is_failing(self.options.concurrency) || Instant::now() >= deadline {
                    return PublishOutcome::NotTried;
                }
                let outcome = self.send(sender, target, message, deadline).await;
                destination_state.note(&outcome);
                outcome
            });
        }
        futures::stream::iter(sends).buffered(self.options.concurrency.max(1)).collect().await
    }
}

enum Sender {
    Queue(QueueClient),
    Topic(TopicSender),
}

impl Sender {
    async fn send(&self, body: &str, options: SendMessageOptions) -> azure_core::Result<()> {
        match self {
            Self::Queue(queue) => queue.send_message(body, Some(options)).await,
            Self::Topic(topic) => topic.send_message(body, Some(options)).await,
        }
    }
}
