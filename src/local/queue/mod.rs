//! A small durable stand-in for Service Bus queues: REST over loopback, messages in a SQLite file of its own.
//!
//! It keeps what senders and receivers rely on (verified signatures, peek-lock, delivery count, dead letters, lock
//! expiry, optional duplicate detection) and nothing else: no sessions, rules or subscriptions. A topic is a queue
//! that nobody reads.

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

/// The name the stand-in's addresses carry: `https://local.servicebus.windows.net/<entity>`.
pub const NAMESPACE: &str = "local";
/// The one policy of the stand-in, which may do everything, as in a fresh namespace.
pub const POLICY: &str = "RootManageSharedAccessKey";

const DEAD_LETTERS: &str = "/$deadletterqueue";

#[derive(Debug, Clone)]
pub struct QueueOptions {
    /// The SQLite file.
    pub path: PathBuf,
    /// Queues and topics that exist; others are 404, as in Azure.
    pub entities: BTreeSet<String>,
    /// Those of them that are topics, for who asks what they are.
    pub topics: BTreeSet<String>,
    pub lock_duration: Duration,
    pub max_delivery_count: u32,
    /// The window; None, the default of Azure too: off.
    pub duplicate_detection: Option<Duration>,
}

impl QueueOptions {
    /// Azure's defaults.
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

#[derive(Debug, thiserror::Error)]
pub enum QueueError {
    #[error("the queue's database failed")]
    Store(#[source] rusqlite::Error),
    #[error("the queue's database is as large as it may get")]
    Full(#[source] rusqlite::Error),
    #[error("the queue cannot listen")]
    Io(#[from] io::Error),
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

/// An open stand-in that listens but answers only while `run` is polled.
pub struct Queue {
    listener: TcpListener,
    stand: Stand,
}

/// While it is closed nothing is handed out, of any entity.
pub struct Gate(Stand);

impl Gate {
    pub fn close(&self) {
        self.set(true);
    }

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

/// What it says of its queues and topics.
struct Traits {
    topics: BTreeSet<String>,
    lock_s: u64,
    deliveries_max: u32,
    duplicate_window_s: Option<u64>,
}

impl Queue {
    /// Opens the file and a port of the system's choice. Locks of an earlier host are freed: it is gone.
    ///
    /// # Errors
    /// The file is no database or cannot be written, or no port is free.
    pub async fn open(options: &QueueOptions, clock: Arc<dyn Clock>, events: EventSink) -> Result<Self, QueueError> {
        let store = Store::open(&options.path, options, clock)?;
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let port = listener.local_addr()?.port();
        // A new key each time: a connection string of yesterday opens nothing.
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

    #[must_use]
    pub fn port(&self) -> u16 {
        self.stand.port
    }

    #[must_use]
    pub fn policy(&self) -> &Policy {
        &self.stand.policy
    }

    /// For `ServiceBusConnection`: a plain HTTP endpoint on this machine.
    #[must_use]
    pub fn connection_string(&self) -> String {
        let Policy { name, key } = self.policy();
        let port = self.port();
        format!(
            "Endpoint=sb://127.0.0.1:{port};SharedAccessKeyName={name};SharedAccessKey={key};\
             UseDevelopmentEmulator=true;"
        )
    }

    #[must_use]
    pub fn gate(&self) -> Gate {
        Gate(self.stand.clone())
    }

    /// Answers until dropped.
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
