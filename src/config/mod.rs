//! Settings: read once from a map of names and values, every problem reported at once.

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
pub use checks::FUNCTION_TIMEOUT_MS;
pub use connection::sql_login::AzureEnvironment;
pub use identity::Identity;
pub use reader::Problem;
pub use setting::{Choice, Kind, Setting};
pub use unsubscribe::Unsubscribe;

/// Of this build.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

use crate::domain::{
    flow_settings::{DispatchSettings, NotifySettings, PruneSettings},
    message::MessageLimits,
    recipient::RecipientKey,
    route::{Destination, Routes},
};
use connection::bus::ConnectionString;
use reader::Reader;
use std::{collections::BTreeMap, path::PathBuf, sync::Arc, time::Duration};

#[derive(Debug, Clone)]
pub struct Settings {
    /// The namespace, and what opens it.
    pub service_bus: Option<ConnectionString>,
    pub bus: BusSettings,
    pub routes: Arc<Routes>,
    /// The queue that SendEmail reads (`EmailQueueName`); there in all settings that are sound.
    pub email_queue: Option<Destination>,
    pub limits: MessageLimits,
    pub dispatch: DispatchSettings,
    pub notify: NotifySettings,
    /// Under which the inbox remembers to whom it mailed.
    pub recipients: RecipientKey,
    pub prune: PruneSettings,
    pub store: StoreSettings,
    pub email: EmailSettings,
    /// A filter of `tracing`.
    pub log_level: String,
    /// The process runs in Azure (`WEBSITE_SITE_NAME` is set).
    pub in_azure: bool,
    /// Of settings under a former name: what is read all the same, and should be changed.
    pub warnings: Vec<Problem>,
}

/// Which database, with what only it needs.
#[derive(Debug, Clone)]
pub enum StoreKind {
    Sqlite,
    SqlServer { connection: Secret, pool: PoolOptions, azure: Box<AzureEnvironment> },
}

#[derive(Debug, Clone, Copy)]
pub struct PoolOptions {
    pub connections_max: u32,
    /// How long a caller waits for a connection, made or given back, and goes on trying after transient errors.
    pub wait: Duration,
    /// A connection unused for so long is closed.
    pub idle: Duration,
    pub connect_timeout: Duration,
    pub command_timeout: Duration,
    /// How long a delivery waits for a database that is away. The queue gives it again at once, and dead-letters it
    /// after ten times: who answered at once would lose the queue to an outage of seconds.
    pub patience: Duration,
    /// Between tries while a login is refused or a certificate not trusted: sooner could lock the account.
    pub refused_pause: Duration,
}

#[derive(Debug, Clone)]
pub struct StoreSettings {
    pub kind: StoreKind,
    pub path: PathBuf,
    pub skew_ms: i64,
    /// While idle, timers ask the database only so often; zero: always.
    pub idle: Duration,
    pub key_lifetime_ms: i64,
}

#[derive(Debug, Clone)]
pub struct BusSettings {
    pub transport: Transport,
    pub timeout_ms: u64,
    pub concurrency_max: u32,
    pub duplicate_window_ms: i64,
    pub queue_life_days: i64,
    pub idle_ms: u64,
    pub gateway: Option<String>,
    pub session_destinations: Vec<Destination>,
    pub partitioned_destinations: Vec<Destination>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    Amqp,
    WebSocket,
    Rest,
}

impl Choice for Transport {
    const WORDS: &'static [(&'static str, Self)] =
        &[("amqp", Self::Amqp), ("websocket", Self::WebSocket), ("rest", Self::Rest)];
}

#[derive(Debug, Clone)]
pub struct EmailSettings {
    pub provider: EmailProvider,
    pub folder: PathBuf,
    /// Read also where the provider is another.
    pub smtp: SmtpSettings,
    pub acs: AcsSettings,
    pub from: String,
    pub reply_to: Option<String>,
    /// In the mails' signature.
    pub office_address: Option<String>,
    pub office_phone: Option<String>,
    pub unsubscribe: Option<Unsubscribe>,
    pub language: Language,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EmailProvider {
    Folder,
    Smtp,
    Acs,
}

impl Choice for EmailProvider {
    const WORDS: &'static [(&'static str, Self)] =
        &[("folder", Self::Folder), ("smtp", Self::Smtp), ("acs", Self::Acs)];
}

/// Azure Communication Services: by a connection string, else by an endpoint and who is at hand there.
#[derive(Debug, Clone)]
pub struct AcsSettings {
    pub connection: Option<Secret>,
    pub endpoint: String,
    pub identity: Option<Identity>,
    pub timeout_ms: u64,
}

#[derive(Debug, Clone)]
pub struct SmtpSettings {
    pub host: String,
    pub port: u16,
    pub security: SmtpSecurity,
    pub user: Option<String>,
    pub password: Option<Secret>,
    pub ca_file: Option<PathBuf>,
    pub timeout_ms: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SmtpSecurity {
    /// Plain at first, then encrypted, or nothing is sent (port 587).
    Starttls,
    /// Encrypted from the first byte (port 465).
    Tls,
    /// Not at all: only to this machine itself.
    None,
}

impl Choice for SmtpSecurity {
    const WORDS: &'static [(&'static str, Self)] =
        &[("starttls", Self::Starttls), ("tls", Self::Tls), ("none", Self::None)];
}

/// A text that Debug does not show.
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
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
    /// For commands that touch no bus (`migrate`, `ops`).
    ///
    /// # Errors
    /// Every problem there is, each by the setting's name.
    pub fn read(env: &BTreeMap<String, String>) -> Result<Self, Vec<Problem>> {
        Self::gather(env, false)
    }

    /// For `serve` and `dispatch`: without `ServiceBusConnection` they could only fail.
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
            log_level: log::level(&mut reader),
            in_azure,
            warnings: renamed.warnings,
        };
        routes::schedules(&mut reader);
        reader.unknown_names();
        let alone = reader.problems.len();
        bus::check(&mut reader, &settings);
        checks::contradictions(&mut reader, &settings);
        reader.drop_consequences(alone);
        if reader.problems.is_empty() { Ok(settings) } else { Err(reader.problems) }
    }
}
