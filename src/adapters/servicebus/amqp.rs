//! The bus port over AMQP: several batches under way at once, and an outcome for each message.

use super::{
    ConnectionString, Shape,
    access::{Access, Right},
    amqp_message::{ENVELOPE_BYTES, Parcel, Wire},
    amqp_outcome::Refusal,
    destination_state::DestinationState,
    link::{Answer, Failure, Link},
    outcome::{self, Target},
    packing::{self, Bounds, Item},
    socket::Dialer,
};
use crate::{
    domain::{route::Destination, verdict::PublishOutcome},
    ports::bus::{Bus, Outgoing},
};
use async_trait::async_trait;
use futures::{StreamExt, stream::FuturesUnordered};
use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex as Lock, PoisonError},
    time::Duration,
};
use tokio::{sync::Mutex, time::Instant};

/// Service Bus accepts no larger batch, whatever a link allows for one message.
const BATCH_BYTES_MAX: usize = 1_048_576;
const BATCH_COUNT_MAX: usize = 4_500;

/// A broker that refuses a link does so immediately after attaching it.
const LASTS_FOR: Duration = Duration::from_secs(1);

/// How `AmqpBus` connects and sends.
#[derive(Debug, Clone)]
pub struct AmqpOptions {
    /// How long one transfer may wait for its outcome, and how long opening a connection may take.
    pub timeout: Duration,
    /// Transfers under way at once in one publish; 0 counts as 1.
    pub concurrency: usize,
    /// A link that was idle for this long is replaced: the broker may have dropped it.
    pub idle_max: Duration,
    /// AMQP inside WebSocket, for networks that allow only port 443.
    pub websocket: bool,
    /// `host:port` to connect to instead of the namespace (a gateway). TLS names and tokens stay the namespace's.
    pub gateway: Option<String>,
    /// What the destinations require of messages.
    pub shapes: Shapes,
}

/// The shapes of all destinations, as the settings name them.
#[derive(Debug, Clone, Default)]
pub struct Shapes {
    /// Destinations that require a session.
    pub sessions: Vec<Destination>,
    /// Destinations that are partitioned.
    pub partitioned: Vec<Destination>,
    /// Whether all destinations detect duplicates.
    pub duplicate_detection: bool,
}

impl Shapes {
    fn of(&self, to: &Destination) -> Shape {
        Shape {
            sessions: self.sessions.contains(to),
            partitioned: self.partitioned.contains(to),
            duplicate_detection: self.duplicate_detection,
        }
    }
}

/// A destination's link; None: there is none yet, or it was dropped.
type Slot = Arc<Mutex<Option<Arc<Link>>>>;

/// Service Bus over AMQP, with one connection and link per destination.
pub struct AmqpBus {
    connection: ConnectionString,
    access: Access,
    dialer: Dialer,
    options: AmqpOptions,
    slots: Lock<HashMap<Destination, Slot>>,
}

impl AmqpBus {
    /// Connects to nothing yet.
    ///
    /// # Errors
    /// TLS cannot be set up on this machine.
    pub fn new(connection: ConnectionString, options: AmqpOptions) -> Result<Self, String> {
        let dialer = Dialer::new(&connection, options.websocket, options.gateway.as_deref())?;
        let access = Access::of(&connection).map_err(|e| e.to_string())?;
        Ok(Self { connection, access, dialer, options, slots: Lock::default() })
    }

    fn target<'a>(&'a self, to: &'a Destination) -> Target<'a> {
        Target { namespace: self.connection.namespace(), entity: to.entity(), access: &self.access, needs: Right::Send }
    }

    fn slot(&self, to: &Destination) -> Slot {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner).entry(to.clone()).or_default().clone()
    }

    /// The destination's link; a new one if the old one ended or was idle for too long.
    async fn link(&self, to: &Destination, deadline: Instant) -> Result<Arc<Link>, PublishOutcome> {
        let target = self.target(to);
        let until = deadline.min(Instant::now() + self.options.timeout);
        let waited = |what: &str| PublishOutcome::Blocked {
            after_ms: None,
            reason: format!(
                "{}/{}: {what} within {} ms",
                target.namespace,
                target.entity,
                self.options.timeout.as_millis()
            ),
        };
        let access = &self.access;
        let slot = self.slot(to);
        let Ok(mut held) = tokio::time::timeout_at(until, slot.lock()).await else {
            return Err(waited("no connection was free"));
        };
        if let Some(link) = held.as_ref().filter(|link| link.is_usable(self.options.idle_max)) {
            // If renewing fails, a new link tries with a new token, and the failure is reported below.
            if let Ok(Ok(())) = tokio::time::timeout_at(until, link.renew(access)).await {
                return Ok(link.clone());
            }
        }
        // Other tasks may still wait for answers on the old link: it closes when the last one drops it.
        *held = None;
        let host = self.connection.host();
        let open = Link::open(&self.dialer, &host, to.entity(), access);
        match tokio::time::timeout_at(until, open).await {
            Ok(Ok(link)) => {
                let link = Arc::new(link);
                *held = Some(link.clone());
                Ok(link)
            }
            Ok(Err(failure)) => Err(failed(target, &failure)),
            Err(_) => Err(waited(&format!("no connection was opened ({})", self.dialer.advice()))),
        }
    }
}

#[async_trait]
impl Bus for AmqpBus {
    async fn publish(&self, to: &Destination, batch: &[Outgoing], deadline: Instant) -> Vec<PublishOutcome> {
        let shape = self.options.shapes.of(to);
        let mut outcomes = vec![PublishOutcome::NotTried; batch.len()];
        let mut wires = Vec::with_capacity(batch.len());
        for (message, outcome) in batch.iter().zip(&mut outcomes) {
            wires.push(match Wire::of(message, shape) {
                Ok(wire) => Some(wire),
                Err(reason) => {
                    *outcome = outcome::permanent(reason);
                    None
                }
            });
        }
        if wires.iter().any(Option::is_some) {
            Publish { bus: self, to, shape, deadline, batch, wires: &wires, outcomes: &mut outcomes }.run().await;
        }
        outcomes
    }

    async fn reach(&self, to: &Destination, deadline: Instant) -> Option<Result<(), String>> {
        let link = match self.link(to, deadline).await {
            Ok(link) => link,
            Err(outcome) => return Some(Err(outcome.reason().to_owned())),
        };
        let lasted = link.lasts(deadline.min(Instant::now() + LASTS_FOR)).await;
        Some(lasted.map_err(|failure| failed(self.target(to), &failure).reason().to_owned()))
    }

    async fn close(&self) {
        let slots: Vec<Slot> = {
            let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
            slots.drain().map(|(_, slot)| slot).collect()
        };
        let closing = slots.into_iter().map(|slot| async move {
            let link = slot.lock().await.take();
            if let Some(link) = link {
                link.close().await;
            }
        });
        futures::future::join_all(closing).await;
    }
}

/// One publish under way.
struct Publish<'a> {
    bus: &'a AmqpBus,
    to: &'a Destination,
    shape: Shape,
    deadline: Instant,
    batch: &'a [Outgoing],
    wires: &'a [Option<Wire>],
    outcomes: &'a mut [PublishOutcome],
}

impl Publish<'_> {
    async fn run(mut self) {
        let mut link = match self.bus.link(self.to, self.deadline).await {
            Ok(link) => link,
            Err(outcome) => {
                let all: Vec<usize> = (0..self.wires.len()).filter(|i| self.wires[*i].is_some()).collect();
                return self.note(&all, &outcome);
            }
        };
        let mut waiting = self.packs(link.message_bytes_max);
        let destination_state = DestinationState::default();
        let mut relinked = false;
        let mut under_way = FuturesUnordered::new();
        let concurrency = self.bus.options.concurrency.max(1);
        loop {
            while under_way.len() < concurrency
                && !destination_state.is_failing(concurrency)
                && Instant::now() < self.deadline
            {
                let Some(pack) = waiting.pop_front() else { break };
                under_way.push(self.send(link.clone(), pack));
            }
            let Some((sent_on, pack, answer)) = under_way.next().await else { break };
            let target = self.bus.target(self.to);
            let outcome = match answer {
                // Halved until it is known which message was refused.
                Answer::Refused(refusal) if pack.len() > 1 && refusal.blames_a_message() => {
                    // The outcome if the deadline passes before a half's turn comes: certainly not stored.
                    self.note(&pack, &not_alone(&refusal.outcome(target)));
                    packing::halve_into(&mut waiting, &pack);
                    continue;
                }
                Answer::NotSent(_) if !Arc::ptr_eq(&sent_on, &link) => {
                    waiting.push_front(pack);
                    continue;
                }
                // The link had ended while idle: nothing was sent, so a new link is tried once.
                Answer::NotSent(_) if !relinked => {
                    relinked = true;
                    match self.bus.link(self.to, self.deadline).await {
                        Ok(fresh) => {
                            link = fresh;
                            waiting.push_front(pack);
                            continue;
                        }
                        Err(outcome) => outcome,
                    }
                }
                answer => self.outcome(&answer),
            };
            destination_state.note(&outcome);
            self.note(&pack, &outcome);
        }
    }

    fn packs(&self, message_bytes_max: usize) -> VecDeque<Vec<usize>> {
        let going: Vec<(usize, &Wire)> =
            self.wires.iter().enumerate().filter_map(|(i, wire)| Some((i, wire.as_ref()?))).collect();
        let items: Vec<Item<'_>> =
            going.iter().map(|(_, wire)| Item { key: wire.key.as_deref(), bytes: wire.bytes_in_batch() }).collect();
        // Service Bus refuses several MessageIds in one batch when both are on.
        let alone = self.shape.partitioned && self.shape.duplicate_detection;
        let bounds = Bounds {
            bytes_max: message_bytes_max.min(BATCH_BYTES_MAX).saturating_sub(ENVELOPE_BYTES),
            count_max: if alone { 1 } else { BATCH_COUNT_MAX },
        };
        let packs = packing::pack(&items, bounds);
        packs.into_iter().map(|pack| pack.into_iter().map(|i| going[i].0).collect()).collect()
    }

    fn send(&self, link: Arc<Link>, pack: Vec<usize>) -> impl Future<Output = (Arc<Link>, Vec<usize>, Answer)> + use<> {
        let wires: Vec<&Wire> = pack.iter().filter_map(|i| self.wires[*i].as_ref()).collect();
        let oversize = match wires.as_slice() {
            [one] if one.bytes_alone() > link.message_bytes_max => Some(one.bytes_alone()),
            _ => None,
        };
        let parcel = Parcel::of(&self.batch[pack[0]], self.shape, &wires);
        let until = self.deadline.min(Instant::now() + self.bus.options.timeout);
        async move {
            let answer = match oversize {
                Some(bytes) => Answer::Refused(Refusal::too_large(bytes, link.message_bytes_max)),
                None => link.send(parcel, until).await,
            };
            (link, pack, answer)
        }
    }

    fn outcome(&self, answer: &Answer) -> PublishOutcome {
        let target = self.bus.target(self.to);
        let at = format!("{}/{}", target.namespace, target.entity);
        match answer {
            Answer::Accepted => PublishOutcome::Accepted,
            Answer::Refused(refusal) => refusal.outcome(target),
            Answer::Released => {
                PublishOutcome::Retry { after_ms: None, reason: format!("{at} released the message without a reason") }
            }
            Answer::TimedOut => outcome::timed_out(target, self.bus.options.timeout.as_millis()),
            Answer::Cut(Failure::Refused(refusal)) => refusal.outcome_under_way(target),
            Answer::Cut(Failure::Other(why)) => {
                PublishOutcome::Cut { reason: format!("{at} ended the connection before its answer: {why}") }
            }
            Answer::NotSent(failure) => failed(target, failure),
            Answer::NotBegun => PublishOutcome::NotTried,
        }
    }

    fn note(&mut self, pack: &[usize], outcome: &PublishOutcome) {
        for index in pack {
            self.outcomes[*index] = outcome.clone();
        }
    }
}

pub(super) fn failed(target: Target<'_>, failure: &Failure) -> PublishOutcome {
    match failure {
        // A refused link judges no message.
        Failure::Refused(refusal) => match refusal.outcome(target) {
            PublishOutcome::Permanent { reason } | PublishOutcome::Retry { reason, .. } => {
                PublishOutcome::Blocked { after_ms: None, reason }
            }
            outcome => outcome,
        },
        Failure::Other(reason) => PublishOutcome::Blocked {
            after_ms: None,
            reason: format!("{}/{} accepts no messages: {reason}", target.namespace, target.entity),
        },
    }
}

/// The outcome of each message of a refused batch while it is unknown which message was refused.
fn not_alone(refused: &PublishOutcome) -> PublishOutcome {
    match refused {
        PublishOutcome::Permanent { reason } | PublishOutcome::Retry { reason, .. } => PublishOutcome::Retry {
            after_ms: None,
            reason: format!("refused in a batch, and no time was left to find the message that caused it: {reason}"),
        },
        other => other.clone(),
    }
}
