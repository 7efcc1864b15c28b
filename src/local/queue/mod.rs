//! A small durable stand-in for Service Bus queues: REST over loopback, messages in a SQLite file of its own.
//!
//! It implements what senders and receivers rely on (verified signatures, peek-lock, delivery count, dead letters, lock
//! expiry, optional duplicate detection) and nothing else: no sessions, rules or subscriptions. A topic is a queue
//! without readers.

mod control;
mod description;
mod http;
pub mod sas;
mod store;
mod wire;

use super::{
    events::{EventSink, What},
    web,
};
use crate::ports::clock::Clock;
use sas::Policy;
use std::{
    collections::{BTreeSet, HashSet},
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use store::{Settled, Store};
use tokio::{net::TcpListener, sync::Notify};

pub(super) use wire::properties;

/// The namespace in the stand-in's addresses: `https://local.servicebus.windows.net/<entity>`.
pub const NAMESPACE: &str = "local";
/// The only policy of the stand-in; it has all rights, as in a new namespace.
pub const POLICY: &str = "RootManageSharedAccessKey";

const DEAD_LETTERS: &str = "/$deadletterqueue";

/// Where the stand-in keeps its messages, which entities it has, and how they behave.
#[derive(Debug, Clone)]
pub struct QueueOptions {
    /// The SQLite file; created where it is missing.
    pub path: PathBuf,
    /// Queues and topics that exist; requests for others are answered 404, as in Azure.
    pub entities: BTreeSet<String>,
    /// Which of `entities` are described as topics.
    pub topics: BTreeSet<String>,
    /// How long a delivered message is locked; Service Bus's default is one minute.
    pub lock_duration: Duration,
    /// Deliveries before a message is dead-lettered; Service Bus's default is 10.
    pub max_delivery_count: u32,
    /// The window in which a repeated message id is dropped. `None`, Service Bus's default: no detection.
    pub duplicate_detection: Option<Duration>,
}

impl QueueOptions {
    /// Service Bus's defaults, without topics.
    #[must_use]
    pub fn at(path: &Path, entities: impl IntoIterator<Item = String>) -> Self {
        Self {
            path: path.to_owned(),
            entities: entities.into_iter().collect(),
            topics: BTreeSet::new(),
            lock_duration: Duration::from_mins(1),
            max_delivery_count: 10,
            duplicate_detection: None,
        }
    }
}

/// Why the stand-in failed.
#[derive(Debug, thiserror::Error)]
pub enum QueueError {
    /// SQLite failed.
    #[error("the queue's database failed")]
    Store(#[source] rusqlite::Error),
    /// The file has 1 GB, the smallest size of a Service Bus queue, or the disk is full.
    #[error("the queue's database has reached its largest size")]
    Full(#[source] rusqlite::Error),
    /// No port could be opened.
    #[error("the queue cannot listen")]
    Io(#[from] io::Error),
    /// The task that used the database panicked or was cancelled.
    #[error("the queue's database task was lost")]
    Lost,
}

impl From<rusqlite::Error> for QueueError {
    fn from(error: rusqlite::Error) -> Self {
        if error.sqlite_error_code() == Some(rusqlite::ErrorCode::DiskFull) {
            Self::Full(error)
        } else {
            Self::Store(error)
        }
    }
}

/// An open stand-in. It listens at once, and answers while `run` is polled.
pub struct Queue {
    listener: TcpListener,
    stand: Stand,
}

/// Stops and resumes the deliveries of all entities.
pub struct Gate(Stand);

impl Gate {
    /// Stops deliveries; sends and settlements continue.
    pub fn close(&self) {
        self.set(true);
    }

    /// Resumes deliveries.
    pub fn open(&self) {
        self.set(false);
    }

    fn set(&self, held: bool) {
        for entity in self.0.entities.iter() {
            self.0.hold(entity, held);
        }
    }
}

/// What every request sees.
#[derive(Clone)]
struct Stand {
    store: Store,
    policy: Policy,
    entities: Arc<BTreeSet<String>>,
    traits: Arc<Traits>,
    held: Arc<Mutex<HashSet<String>>>,
    changed: Arc<Notify>,
    events: EventSink,
    port: u16,
}

/// What the stand-in reports of its queues and topics.
struct Traits {
    topics: BTreeSet<String>,
    lock_s: u64,
    deliveries_max: u32,
    duplicate_window_s: Option<u64>,
}

impl Queue {
    /// Opens the file and a port on 127.0.0.1 that the system selects, with a new key. Releases the locks of an earlier
    /// host, which is gone.
    ///
    /// # Errors
    /// The file is not a database or cannot be written, or no port is free.
    pub async fn open(options: &QueueOptions, clock: Arc<dyn Clock>, events: EventSink) -> Result<Self, QueueError> {
        let store = Store::open(&options.path, options, clock)?;
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let port = listener.local_addr()?.port();
        // A new key at each start, so that an old connection string is useless.
        let key = format!("{}{}", uuid::Uuid::new_v4().simple(), uuid::Uuid::new_v4().simple());
        let policy = Policy { name: POLICY.to_owned(), key };
        let entities = Arc::new(options.entities.iter().map(|name| name.to_lowercase()).collect());
        let traits = Arc::new(Traits {
            topics: options.topics.iter().map(|name| name.to_lowercase()).collect(),
            lock_s: options.lock_duration.as_secs(),
            deliveries_max: options.max_delivery_count,
            duplicate_window_s: options.duplicate_detection.map(|window| window.as_secs()),
        });
        let stand =
            Stand { store, policy, entities, traits, held: Arc::default(), changed: Arc::default(), events, port };
        Ok(Self { listener, stand })
    }

    /// The port on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.stand.port
    }

    /// The policy whose signatures it accepts.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        &self.stand.policy
    }

    /// The value for `ServiceBusConnection`: a plain HTTP endpoint on this machine.
    #[must_use]
    pub fn connection_string(&self) -> String {
        let Policy { name, key } = self.policy();
        let port = self.port();
        format!(
            "Endpoint=sb://127.0.0.1:{port};SharedAccessKeyName={name};SharedAccessKey={key};\
             UseDevelopmentEmulator=true;"
        )
    }

    /// A handle that stops and resumes deliveries while `run` is polled.
    #[must_use]
    pub fn gate(&self) -> Gate {
        Gate(self.stand.clone())
    }

    /// Answers requests until the future is dropped.
    pub async fn run(self) {
        let stand = self.stand;
        web::serve(self.listener, move |request| http::handle(stand.clone(), request)).await;
    }
}

impl Stand {
    fn is_held(&self, entity: &str) -> bool {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).contains(entity)
    }

    fn hold(&self, entity: &str, held: bool) {
        let mut all = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if held {
            all.insert(entity.to_owned());
        } else {
            all.remove(entity);
            self.changed.notify_waiters();
        }
    }

    fn report_dead(&self, entity: &str, dead: Vec<Settled>) {
        for Settled { message_id, delivery_count } in dead {
            let reason = "MaxDeliveryCountExceeded".to_owned();
            self.events.emit(What::DeadLettered { entity: entity.to_owned(), message_id, delivery_count, reason });
        }
    }
}
