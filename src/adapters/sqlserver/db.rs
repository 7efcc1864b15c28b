//! The pool, and the two ways to use it: a query, and a write that reports a lost answer as unknown.

use super::{
    connect::Connector,
    error_numbers::DEADLOCK,
    errors::{self, ConnectError, Fate, Intent},
    migrate,
    presence::{Keeper, Presence, Trouble, pause},
    session::{Results, Session},
    statement::Statement,
};
use crate::{
    config::{AzureEnvironment, PoolOptions, connection::sql::ConnectionString},
    ports::error::{StoreError, StoreResult},
};
use bb8::{Pool, PooledConnection};
use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};
use tiberius::error::Error;
use tokio::{sync::watch, task::JoinHandle, time::Instant};

/// Where the database is, how to log in, and how the store behaves.
#[derive(Clone)]
pub struct SqlServerOptions {
    /// An ADO.NET connection string; it may contain a password.
    pub connection: String,
    /// The identity from the environment, for what the connection string leaves open.
    pub azure: AzureEnvironment,
    /// The size and the time-outs of the connection pool.
    pub pool: PoolOptions,
    /// Milliseconds added to the database's clock in every statement: 0 outside tests. Shared, so that a test can move
    /// time.
    pub skew_ms: Arc<AtomicI64>,
    /// How long an idempotency key is kept, in milliseconds.
    pub key_lifetime_ms: i64,
    /// The name of this process in what it stores about attempts and runs; at most 100 characters.
    pub instance: String,
}

impl SqlServerOptions {
    /// The database of this connection string, with the default pool and no skew; idempotency keys are kept for a day.
    #[must_use]
    pub fn at(connection: impl Into<String>) -> Self {
        Self {
            connection: connection.into(),
            azure: AzureEnvironment::default(),
            pool: PoolOptions::default(),
            skew_ms: Arc::default(),
            key_lifetime_ms: 24 * 3_600_000,
            instance: "here".to_owned(),
        }
    }

    pub(super) fn connector(&self) -> StoreResult<Connector> {
        let broken =
            |what| StoreError::Broken { step: "open", reason: format!("SqlConnectionString {what}"), source: None };
        let parsed = ConnectionString::parse(&self.connection, &self.azure).map_err(|all| broken(all.join("; ")))?;
        Connector::new(&parsed, self.pool.connect_timeout, self.pool.command_timeout).map_err(broken)
    }
}

/// The store on one SQL Server database. Cheap to clone; all clones share one pool.
#[derive(Clone)]
pub struct SqlServer(Arc<Inner>);

struct Inner {
    pool: Pool<Connector>,
    presence: Arc<watch::Sender<Presence>>,
    keeper: JoinHandle<()>,
    wait: Duration,
    patience: Duration,
    command_timeout: Duration,
    skew_ms: Arc<AtomicI64>,
    key_lifetime_ms: i64,
    instance: String,
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.keeper.abort();
    }
}

/// A connection is replaced after this time, so that a failed-over or rescaled database is found again.
const LIFETIME: Duration = Duration::from_mins(30);

/// How many tries one call makes; more failures in a row mean a defect, or an outage that the caller should learn of.
const TURNS_MAX: u32 = 8;

/// An unlisted error number may be transient; if it is not, its caller should not wait for long.
const UNLISTED_TURNS_MAX: u32 = 3;

impl SqlServer {
    /// Opens a migrated database; never creates or changes its tables.
    ///
    /// # Errors
    /// The database cannot be reached, or has another schema version; the error names the command that fixes it.
    pub async fn open(options: &SqlServerOptions) -> StoreResult<Self> {
        let connector = options.connector()?;
        let mut session = first(&connector, options.pool.wait).await.map_err(|e| e.into_store_error("open"))?;
        migrate::check(&mut session, connector.command_timeout()).await?;
        let db = Self::kept(options, connector, Presence::Here);
        // The connection that checked the schema becomes the pool's first; a full pool drops it.
        let _ = db.0.pool.add(session);
        Ok(db)
    }

    /// Like `open`, for a process that starts before its database: calls wait until it is first reached, and fail at
    /// once while it is away. Must be called within a Tokio runtime.
    ///
    /// # Errors
    /// The connection string or the identity in it is invalid; the server is not contacted yet.
    pub fn begin(options: &SqlServerOptions) -> StoreResult<Self> {
        Ok(Self::kept(options, options.connector()?, Presence::Opening))
    }

    fn kept(options: &SqlServerOptions, connector: Connector, presence: Presence) -> Self {
        let numbers = options.pool;
        let command_timeout = connector.command_timeout();
        let trouble = Trouble::default();
        let pool = Pool::builder()
            .max_size(numbers.connections_max)
            .connection_timeout(numbers.wait)
            .idle_timeout(numbers.idle)
            .max_lifetime(LIFETIME)
            // The presence task does, and learns of every failure.
            .retry_connection(false)
            .error_sink(Box::new(trouble.clone()))
            .build_unchecked(connector.clone());
        let known_here = presence == Presence::Here;
        let presence = Arc::new(watch::Sender::new(presence));
        let keeper = Keeper {
            connector,
            pool: pool.clone(),
            presence: presence.clone(),
            trouble,
            // A waiting caller gets this error before its own wait ends.
            grace: numbers.wait / 2,
            refused_pause: numbers.refused_pause,
        };
        let keeper = tokio::spawn(keeper.run(known_here));
        let (skew_ms, key_lifetime_ms) = (options.skew_ms.clone(), options.key_lifetime_ms);
        Self(Arc::new(Inner {
            pool,
            presence,
            keeper,
            wait: numbers.wait,
            patience: numbers.patience,
            command_timeout,
            skew_ms,
            instance: options.instance.clone(),
            key_lifetime_ms,
        }))
    }

    /// Whether the database is reachable; the receiver sees every change.
    #[must_use]
    pub fn presence(&self) -> watch::Receiver<Presence> {
        self.0.presence.subscribe()
    }

    pub(super) fn key_lifetime_ms(&self) -> i64 {
        self.0.key_lifetime_ms
    }

    pub(super) fn instance(&self) -> &str {
        &self.0.instance
    }

    /// A query changes nothing, so a failed one can be repeated.
    pub(super) async fn query(&self, step: &'static str, statement: Statement) -> StoreResult<Results> {
        self.tried(step, Intent::Read, statement).await
    }

    /// One batch that is a whole transaction. It runs to its end even if the caller is dropped.
    pub(super) async fn execute(&self, step: &'static str, statement: Statement) -> StoreResult<Results> {
        let db = self.clone();
        let task = tokio::spawn(async move { db.tried(step, Intent::Write, statement).await });
        task.await.unwrap_or_else(|lost| {
            Err(StoreError::Broken {
                step,
                reason: "the database task panicked".to_owned(),
                source: Some(Box::new(lost)),
            })
        })
    }

    /// Retries what certainly was not done and what may be done twice, for as long as a caller waits for a connection
    /// plus the time of the last answer.
    async fn tried(&self, step: &'static str, intent: Intent, statement: Statement) -> StoreResult<Results> {
        let patient = statement.is_patient();
        let until = Instant::now() + if patient { self.0.patience } else { self.0.wait };
        let mut statement = statement.skewed(self.0.skew_ms.load(Ordering::Relaxed));
        let repeatable = intent == Intent::Read || statement.is_repeatable();
        // Once an answer was lost, the caller gets that error, whatever a later try met.
        let mut lost = None;
        for turn in 1.. {
            let mut session = match self.session(step, until, patient).await {
                Ok(session) => session,
                Err(error) => return Err(lost.unwrap_or(error)),
            };
            let error = match session.query(statement.clone(), self.0.command_timeout).await {
                Ok(results) => return Ok(results),
                Err(error) => error,
            };
            drop(session);
            let (fate, pause) = (errors::fate(&error), pause_after(&error, turn));
            let error = errors::map(step, intent, error);
            let again = match fate {
                // It has waited for a lock already: only a patient statement waits again.
                Fate::Undone => patient || !matches!(error, StoreError::Locked { .. }),
                Fate::Unlisted => turn < UNLISTED_TURNS_MAX,
                Fate::Unanswered => repeatable,
                Fate::Final => false,
            };
            if !again || turn >= TURNS_MAX || Instant::now() + pause >= until {
                return Err(lost.unwrap_or(error));
            }
            if fate == Fate::Unanswered && intent == Intent::Write {
                statement.again();
                lost = lost.or(Some(error));
            }
            tokio::time::sleep(pause).await;
        }
        unreachable!("the last turn answers")
    }

    /// A live connection. Nothing was sent yet, so no failure here leaves anything behind.
    async fn session(
        &self,
        step: &'static str,
        until: Instant,
        patient: bool,
    ) -> StoreResult<PooledConnection<'_, Connector>> {
        let mut presence = self.0.presence.subscribe();
        let unavailable = |reason| StoreError::Unavailable { step, reason, source: None };
        loop {
            let now = presence.borrow_and_update().clone();
            let reason = match now {
                Presence::Here => {
                    let busy = || unavailable("no connection became free or could be made in time".to_owned());
                    tokio::select! {
                        got = self.0.pool.get() => return got.map_err(|_| busy()),
                        // The database went away while we waited.
                        _ = presence.changed() => continue,
                        () = tokio::time::sleep_until(until) => return Err(busy()),
                    }
                }
                Presence::Away { reason } if !patient => return Err(unavailable(reason)),
                Presence::Away { reason } => reason,
                Presence::Opening => "the database was not reached yet".to_owned(),
            };
            tokio::select! {
                _ = presence.changed() => {}
                () = tokio::time::sleep_until(until) => return Err(unavailable(reason)),
            }
        }
    }
}

/// Retries only where the server's own error is transient: a wrong name or port is reported at once.
async fn first(connector: &Connector, wait: Duration) -> Result<Session, ConnectError> {
    let until = Instant::now() + wait;
    for turn in 0.. {
        match connector.session().await {
            Err(ConnectError::Driver(error))
                if matches!(error, Error::Server(_))
                    && errors::fate(&error) != Fate::Final
                    && Instant::now() + pause(turn) < until =>
            {
                tokio::time::sleep(pause(turn)).await;
            }
            ended => return ended,
        }
    }
    unreachable!("the time ends")
}

/// Random, so that two colliding writers separate, and longer each time. A deadlock is over when it is reported, so
/// its pause is short; an outage is not.
fn pause_after(error: &Error, turn: u32) -> Duration {
    if error.code() == Some(DEADLOCK) {
        return Duration::from_millis(fastrand::u64(5..=25) * u64::from(turn));
    }
    pause(turn - 1).mul_f64(0.5 + fastrand::f64() / 2.0)
}

/// A duration as DATEADD takes it: an int of milliseconds, at most 2,000,000,000 (23 days).
pub(super) fn millis(ms: i64) -> i32 {
    i32::try_from(ms.clamp(0, 2_000_000_000)).unwrap_or_default()
}

/// Maps an error in reading an answer; `step` names the statement that was read.
pub(super) fn read<T>(step: &'static str, read: Result<T, Error>) -> StoreResult<T> {
    read.map_err(|e| errors::map(step, Intent::Read, e))
}
