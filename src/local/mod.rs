//! The small host for newcomers: plays the Azure Functions host and a Service Bus queue on one machine.
//!
//! It reads the real `host.json` and `function.json` files, starts the handler as a child process, passes HTTP on,
//! fires timers and delivers queue messages. Its behavior follows the sources of the Azure host and is compared with
//! recorded runs of it (`tests/cases/host.json`). It reaches the handler by process start and HTTP only, and the queue
//! by HTTP only, so whatever works here can also work in Azure.
//!
//! Without `--demo` it books nothing. It prints each event once, when it happens, and nothing while idle. `--json`
//! prints every event, including those that are not shown to people.
//!
//! Choices:
//! - The queue's key is new at every start. The handler gets it, and while it runs `<data>/queue-connection` (readable by
//!   its owner alone) holds it for `doctor` and `ops`.
//! - If the data folder is removed or replaced while the host runs, the host reports it and ends: whatever it booked
//!   from then on would be lost.
//! - If a handler outlives its host, the next host waits 10 s for it to end, then gives up. A handler locks
//!   `<data>/handler.lock` for as long as it lives.

mod child;
mod connection_file;
pub mod child_side;
pub mod demo;
mod demo_data;
mod envelope;
pub mod events;
mod host;
mod invoke;
mod keys;
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

pub use child::{HandlerCommand, free_port};
pub use child_side::{LOCAL_VARIABLE, LOCK_VARIABLE, SECRET_HEADER, end_with_host};
pub use connection_file::CONNECTION_FILE;
pub use host::run;
pub use keys::KEYS_FILE;
pub use lock::DataLock;
pub use manifest::{Function, Manifest, Trigger};

use crate::ports::clock::Clock;
use events::EventSink;
use std::{collections::BTreeSet, io, path::PathBuf, sync::Arc, time::Duration};

/// What a local host runs, where it keeps its data, and how its queue behaves.
pub struct LocalOptions {
    /// The port for HTTP on 127.0.0.1. 0: the system selects one, and the `listening` event reports it.
    pub port: u16,
    /// The folder for the databases, mails and locks; one host uses it at a time.
    pub data: PathBuf,
    /// The handler's program, folder and settings. The host adds ports, ids and the connection of the bus.
    pub handler: HandlerCommand,
    /// Queues and topics that exist besides the queues with a trigger: the destinations of the handler's routes.
    pub entities: BTreeSet<String>,
    /// Which of `entities` are topics.
    pub topics: BTreeSet<String>,
    /// How long the queue locks a delivered message; Service Bus's default is one minute.
    pub lock_duration: Duration,
    /// Deliveries before a message is dead-lettered; Service Bus's default is 10.
    pub max_delivery_count: u32,
    /// The window in which the queue drops a repeated message id. `None`, Service Bus's default: no detection.
    pub duplicate_detection: Option<Duration>,
    /// The connection string of another bus, to which the handler sends instead of to the queue of this host.
    pub bus: Option<String>,
    /// Whether HTTP functions need their keys, as function.json has them in Azure.
    pub auth: bool,
    /// For tests of crash points: the queue delivers nothing until the handler has exited once.
    pub hold_deliveries_until_exit: bool,
    /// Where the host reports what happens.
    pub events: EventSink,
    /// The time of events, timers, locks and signatures.
    pub clock: Arc<dyn Clock>,
}

impl LocalOptions {
    /// Service Bus's defaults, a port that the system selects, and no entities besides the queues with a trigger.
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
            auth: false,
            hold_deliveries_until_exit: false,
            events,
            clock,
        }
    }
}

/// Why the local host cannot start or go on.
#[derive(Debug, thiserror::Error)]
pub enum LocalError {
    /// host.json or a function.json is missing, unreadable or not playable here.
    #[error("{}: {reason}", path.display())]
    Manifest {
        /// The file or folder that was read.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The data folder cannot be created, read, written or locked.
    #[error("the data folder {} cannot be used", path.display())]
    Data {
        /// The data folder.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// Another local host uses the data folder.
    #[error("the data folder {} belongs to a local host that is running; stop it, or give another --data", path.display())]
    DataInUse {
        /// The data folder.
        path: PathBuf,
    },
    /// The data folder disappeared while the host ran.
    #[error("the data folder {} was removed or replaced while the host ran: its contents are gone, so the host ends", path.display())]
    DataGone {
        /// The data folder.
        path: PathBuf,
    },
    /// The handler of an earlier host did not end within 10 s.
    #[error("the handler of an earlier local host still uses the data folder {}; end it, or give another --data", path.display())]
    HandlerLeft {
        /// The data folder.
        path: PathBuf,
    },
    /// The port for HTTP is taken or not permitted.
    #[error("cannot listen on port {port}; give another --port")]
    Port {
        /// The requested port.
        port: u16,
        /// The system's error.
        source: io::Error,
    },
    /// The queue could not open its database or its port.
    #[error("the queue stand-in cannot start")]
    Queue(#[from] queue::QueueError),
    /// The handler's program is missing or not executable.
    #[error("the handler {} cannot be started", path.display())]
    Spawn {
        /// The handler's program.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// The handler ended with code 0, after which the Azure host never starts it again.
    #[error("the handler exited with code 0; the Azure host would never start it again")]
    ExitedZero,
    /// The task that supervises the handler panicked or was cancelled.
    #[error("a task of the host was lost")]
    Lost(#[source] tokio::task::JoinError),
}
