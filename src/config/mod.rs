//! Settings: read once from a map of names to values; all problems are reported together.

mod build;
pub mod catalogue;
pub mod connection;
pub mod env;
pub mod identity;
pub mod mailbox;
mod setting;
pub mod printed;
mod formerly;
mod reader;
mod routes;
mod outbox;
mod email;
mod bus;
mod log;
mod unsubscribe;
mod checks;

pub use crate::domain::language::Language;
pub use build::version;
pub use checks::FUNCTION_TIMEOUT_MS;
pub use connection::sql_login::AzureEnvironment;
pub use email::{AcsSettings, EmailProvider, EmailSettings, SmtpSecurity, SmtpSettings};
pub use identity::Identity;
pub use reader::Problem;
pub use routes::Schedules;
pub use setting::{Choice, Kind, Setting};
pub use unsubscribe::Unsubscribe;

use crate::domain::{
    flow_settings::{DispatchSettings, NotifySettings, PruneSettings},
    message::MessageLimits,
    recipient::RecipientKey,
    route::{Destination, Routes},
};
use connection::bus::ConnectionString;
use reader::Reader;
use std::{collections::BTreeMap, path::PathBuf, sync::Arc, time::Duration};

/// All settings, valid and consistent. Bounds and defaults are in `catalogue`.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The Service Bus namespace and its credential; None: not set, which `serve` and `dispatch` refuse.
    pub service_bus: Option<ConnectionString>,
    /// How messages are sent.
    pub bus: BusSettings,
    /// Where each event type goes.
    pub routes: Arc<Routes>,
    /// When the timer functions run.
    pub schedules: Schedules,
    /// The queue that SendEmail reads (`EmailQueueName`); never None in valid settings.
    pub email_queue: Option<Destination>,
    /// Bounds of a message's body and headers.
    pub limits: MessageLimits,
    /// The dispatcher.
    pub dispatch: DispatchSettings,
    /// Sending mails.
    pub notify: NotifySettings,
    /// Key of the recipients' hashes in the inbox; an error is the reason why a person's command has none.
    pub recipients: Result<RecipientKey, Problem>,
    /// Retention.
    pub prune: PruneSettings,
    /// The database.
    pub store: StoreSettings,
    /// The mail provider and the letters.
    pub email: EmailSettings,
    /// Whether App Service authentication states who an operator is.
    pub principal_header: bool,
    /// A filter of `tracing`.
    pub log_level: String,
    /// The process runs in Azure (`WEBSITE_SITE_NAME` is set).
    pub in_azure: bool,
    /// Settings given under a former name: they are read, and should be renamed.
    pub warnings: Vec<Problem>,
}

/// The database, with what only that one needs.
#[derive(Debug, Clone)]
pub enum StoreKind {
    /// A file, for one machine.
    Sqlite,
    /// SQL Server or Azure SQL.
    SqlServer {
        /// `SqlConnectionString`.
        connection: Secret,
        /// Connections and timeouts.
        pool: PoolOptions,
        /// Azure's own variables, for a login by Entra ID.
        azure: Box<AzureEnvironment>,
    },
}

/// Connections to SQL Server.
#[derive(Debug, Clone, Copy)]
pub struct PoolOptions {
    /// Connection limit of this process.
    pub connections_max: u32,
    /// How long a caller waits for a connection and repeats a call after transient errors.
    pub wait: Duration,
    /// A connection unused for this long is closed.
    pub idle: Duration,
    /// Bounds connecting, with TLS and login.
    pub connect_timeout: Duration,
    /// Bounds one batch.
    pub command_timeout: Duration,
    /// How long a delivery waits for an unavailable database. The queue redelivers at once and dead-letters after ten
    /// deliveries: with immediate failures, an outage of seconds would dead-letter the whole queue.
    pub patience: Duration,
    /// Between tries while the login is refused or the certificate not trusted: a shorter one could lock the account.
    pub refused_pause: Duration,
}

/// The database.
#[derive(Debug, Clone)]
pub struct StoreSettings {
    /// Which one.
    pub kind: StoreKind,
    /// The SQLite file; unused with SQL Server.
    pub path: PathBuf,
    /// Added to the database's clock; for tests only, 0 in Azure.
    pub skew_ms: i64,
    /// Once idle, timers query the database only this often; zero: always.
    pub idle: Duration,
    /// How long an idempotency key is remembered.
    pub key_lifetime_ms: i64,
    /// The name of this process in what it stores about attempts and runs.
    pub instance: String,
}

/// How messages are sent, and what the destinations are.
#[derive(Debug, Clone)]
pub struct BusSettings {
    /// The protocol.
    pub transport: Transport,
    /// Bounds one send.
    pub timeout_ms: u64,
    /// Concurrent sends per claim.
    pub concurrency_max: u32,
    /// Duplicate detection window of the queues and topics; 0: none.
    pub duplicate_window_ms: i64,
    /// How long a message may wait in the queue.
    pub queue_life_days: i64,
    /// An AMQP connection unused for this long is replaced.
    pub idle_ms: u64,
    /// `host:port` to connect to in place of the namespace (AMQP only).
    pub gateway: Option<String>,
    /// Destinations that require sessions.
    pub session_destinations: Vec<Destination>,
    /// Destinations that are partitioned.
    pub partitioned_destinations: Vec<Destination>,
}

/// The protocol of sending.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// AMQP over TLS, port 5671.
    Amqp,
    /// AMQP over WebSocket, port 443.
    WebSocket,
    /// One HTTPS request per message.
    Rest,
}

impl Choice for Transport {
    const WORDS: &'static [(&'static str, Self)] =
        &[("amqp", Self::Amqp), ("websocket", Self::WebSocket), ("rest", Self::Rest)];
}

/// A text that `Debug` does not print.
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    /// The text itself: never print it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl Settings {
    /// For commands that need no bus (`migrate`, `ops`).
    ///
    /// # Errors
    /// All problems, each with the name of its setting.
    pub fn read(env: &BTreeMap<String, String>) -> Result<Self, Vec<Problem>> {
        Self::gather(env, false)
    }

    /// For `serve` and `dispatch`, which need `ServiceBusConnection`.
    ///
    /// # Errors
    /// As `read`.
    pub fn read_with_bus(env: &BTreeMap<String, String>) -> Result<Self, Vec<Problem>> {
        Self::gather(env, true)
    }

    fn gather(env: &BTreeMap<String, String>, bus_needed: bool) -> Result<Self, Vec<Problem>> {
        let renamed = formerly::renamed(env);
        let env = &renamed.env;
        let mut reader = Reader::new(env);
        reader.problems = renamed.problems;
        let in_azure = reader.given("WEBSITE_SITE_NAME").is_some();
        let email_queue = routes::email_queue(&mut reader);
        let settings = Self {
            service_bus: bus::connection(&mut reader, env, bus_needed),
            bus: bus::read(&mut reader),
            routes: Arc::new(routes::read(&mut reader, env, email_queue.as_ref())),
            email_queue,
            limits: outbox::limits(&mut reader),
            dispatch: outbox::dispatch(&mut reader),
            notify: email::notify(&mut reader),
            recipients: email::recipients(&mut reader),
            prune: outbox::prune(&mut reader),
            store: outbox::store(&mut reader),
            email: email::read(&mut reader),
            principal_header: reader.choice("Ops__PrincipalHeader"),
            log_level: log::level(&mut reader),
            in_azure,
            warnings: renamed.warnings,
            schedules: routes::schedules(&mut reader),
        };
        reader.unknown_names();
        // Who runs `ops` may not be allowed to read the secrets that only some commands, or only the app itself, need.
        let spared: &[&str] = if bus_needed || in_azure { &[] } else { &[email::RECIPIENT_KEY, email::SMTP_PASSWORD] };
        reader.unresolved_references(spared);
        let alone = reader.problems.len();
        bus::check(&mut reader, &settings);
        checks::contradictions(&mut reader, &settings);
        reader.drop_consequences(alone);
        if reader.problems.is_empty() { Ok(settings) } else { Err(reader.problems) }
    }
}
