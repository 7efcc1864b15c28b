//! The small host for newcomers: plays the Azure Functions host and a Service Bus queue on one machine.
//!
//! It reads the real `host.json` and `function.json` files, starts the handler as a child process, passes HTTP on,
//! fires timers and delivers queue messages, all as Azure does: read from the host's sources, and compared with runs
//! of it (`tests/cases/host.json`). The handler is reached by process start and HTTP only, the queue by HTTP only, so nothing works here
//! that could not work there.
//!
//! Without `--demo` it books nothing, and prints what happens as it happens, each thing once and nothing while idle
//! (all of it with `--json`).
//!
//! Choices:
//! - The queue's key is new at every start. The handler gets it, and while it runs `<data>/queue-connection` (readable by
//!   its owner alone) holds it for `doctor` and `ops`.
//! - If the data folder is removed or replaced under a running host, the host says so and ends: what it would book from
//!   then on is lost.
//! - If a handler outlives its host, the next host waits 10 s for its end, then gives up; the handler holds
//!   `<data>/handler.lock` as long as it lives.

mod child;
mod connection_file;
pub mod child_side;
pub mod demo;
mod demo_data;
mod envelope;
pub mod events;
mod host;
mod invoke;
mod lock;
mod manifest;
mod paths;
mod proxy;
mod pump;
pub mod queue;
mod relay;
pub mod routes;
mod timers;
mod web;

pub use child::HandlerCommand;
pub use child_side::{LOCAL_VARIABLE, LOCK_VARIABLE, SECRET_HEADER, end_with_host};
pub use connection_file::CONNECTION_FILE;
pub use host::run;
pub use manifest::{Function, Manifest, Trigger};

use crate::ports::clock::Clock;
use events::EventSink;
use std::{collections::BTreeSet, io, path::PathBuf, sync::Arc, time::Duration};

pub struct LocalOptions {
    /// 0: the system chooses; the `listening` event tells.
    pub port: u16,
    /// The folder of everything that lasts; locked against a second host.
    pub data: PathBuf,
    /// What to start, where, and with which settings; the host adds its own (ports, ids, the bus's connection).
    pub handler: HandlerCommand,
    /// Queues and topics that exist beside those with a trigger: the destinations of the handler's routes.
    pub entities: BTreeSet<String>,
    /// Those of them that are topics.
    pub topics: BTreeSet<String>,
    pub lock_duration: Duration,
    pub max_delivery_count: u32,
    /// None, as in Azure unless chosen: off.
    pub duplicate_detection: Option<Duration>,
    /// Where the handler sends in the place of the queue here.
    pub bus: Option<String>,
    /// For tests of crash points: the queue hands nothing out until the handler has exited once.
    pub hold_deliveries_until_exit: bool,
    pub events: EventSink,
    pub clock: Arc<dyn Clock>,
}

impl LocalOptions {
    /// Service Bus's defaults, and no entities but those with a trigger.
    #[must_use]
    pub fn new(data: PathBuf, handler: HandlerCommand, events: EventSink, clock: Arc<dyn Clock>) -> Self {
        Self {
            port: 0,
            data,
            handler,
            entities: BTreeSet::new(),
            topics: BTreeSet::new(),
            lock_duration: Duration::from_mins(1),
            max_delivery_count: 10,
            duplicate_detection: None,
            bus: None,
            hold_deliveries_until_exit: false,
            events,
            clock,
        }
    }
}

#[derive(Debug, thiserror::Error)]
pub enum LocalError {
    #[error("{}: {reason}", path.display())]
    Manifest { path: PathBuf, reason: String },
    #[error("the data folder {} cannot be used", path.display())]
    Data { path: PathBuf, source: io::Error },
    #[error("the data folder {} belongs to a local host that is running; stop it, or give another --data", path.display())]
    DataInUse { path: PathBuf },
    #[error("the data folder {} was removed or replaced while the host ran: what it held is gone, so the host ends", path.display())]
    DataGone { path: PathBuf },
    #[error("a handler of an earlier local host still works on the data folder {}; end it, or give another --data", path.display())]
    HandlerLeft { path: PathBuf },
    #[error("port {port} cannot be listened on; give another --port")]
    Port { port: u16, source: io::Error },
    #[error("the queue stand-in cannot start")]
    Queue(#[from] queue::QueueError),
    #[error("the handler {} cannot be started", path.display())]
    Spawn { path: PathBuf, source: io::Error },
    #[error("the handler exited with code 0; the Azure host would never start it again")]
    ExitedZero,
    #[error("a task of the host was lost")]
    Lost(#[source] tokio::task::JoinError),
}
