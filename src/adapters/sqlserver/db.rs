//! The pool, and the two ways to use it: a question, and a write whose lost answer is told as such.

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

#[derive(Clone)]
pub struct SqlServerOptions {
    /// An ADO connection string: a secret.
    pub connection: String,
    /// What the environment says of an identity that the string leaves open.
    pub azure: AzureEnvironment,
    pub pool: PoolOptions,
    /// Added to the database's clock in every statement. 0 outside tests; shared, so that a test can move time.
    pub skew_ms: Arc<AtomicI64>,
    /// How long an idempotency key is remembered.
    pub key_lifetime_ms: i64,
}

impl SqlServerOptions {
    #[must_use]
    pub fn at(connection: impl Into<String>) -> Self {
        Self {
            connection: connection.into(),
            azure: AzureEnvironment::default(),
            pool: PoolOptions::default(),
            skew_ms: Arc::default(),
            key_lifetime_ms: 24 * 3_600_000,
        }
    }

    pub(super) fn connector(&self) -> StoreResult<Connector> {
        let broken =
            |what| StoreError::Broken { step: "open", reason: format!("SqlConnectionString {what}"), source: None };
        let parsed = ConnectionString::parse(&self.connection, &self.azure).map_err(|all| broken(all.join("; ")))?;
        Connector::new(&parsed, self.pool.connect_timeout, self.pool.command_timeout).map_err(broken)
    }
}

/// Cheap to clone; all clones share one pool.
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
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.keeper.abort();
    }
}

/// A connection is replaced after so long, so that a failed-over or rescaled database is found again.
const LIFETIME: Duration = Duration::from_mins(30);

/// What failed so often in a row has a defect behind it, or an outage that the caller should hear of.
const TURNS_MAX: u32 = 8;

/// An error number that nobody told us of may pass; one that does not should not keep its caller for long.
const UNLISTED_TURNS_MAX: u32 = 3;

impl SqlServer {
    /// Opens a migrated database; never creates or changes its tables.
    ///
    /// # Errors
    /// It cannot be reached, or has another schema version; says the command that mends it.
    pub async fn open(options: &SqlServerOptions) -> StoreResult<Self> {
        let connector = options.connector()?;
        let mut session = first(&connector, options.pool.wait).await.map_err(|e| e.into_store_error("open"))?;
        migrate::check(&mut session, connector.command_timeout()).await?;
        let db = Self::kept(options, connector, Presence::Here);
        // The one that checked the schema is the pool's first; a full pool has no use for it.
        let _ = db.0.pool.add(session);
        Ok(db)
    }

    /// As `open`, for a process that is up before its database: calls wait while it is reached the first time, and
    /// fail at once while it is away. To be called within a runtime.
    ///
    /// # Errors
    /// The connection string or the identity in it can be none; nothing is asked yet.
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
            // The keeper does, and hears of every failure.
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
            // A caller who waits hears of it before its own wait is over.
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
            key_lifetime_ms,
        }))
    }

    /// Whether the database is there, now and whenever that changes.
    #[must_use]
    pub fn presence(&self) -> watch::Receiver<Presence> {
        self.0.presence.subscribe()
    }

    pub(super) fn key_lifetime_ms(&self) -> i64 {
        self.0.key_lifetime_ms
    }

    /// Asks without changing anything, so a failure leaves nothing behind, and it may go again.
    pub(super) async fn query(&self, step: &'static str, statement: Statement) -> StoreResult<Results> {
        self.tried(step, Intent::Read, statement).await
    }

    /// One batch that is a whole transaction. Runs to its end also where the caller goes away.
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

    /// Tries again what certainly was not done, and what may be done twice; for as long as a caller waits for a
    /// connection, and the last answer's time.
    async fn tried(&self, step: &'static str, intent: Intent, statement: Statement) -> StoreResult<Results> {
        let patient = statement.is_patient();
        let until = Instant::now() + if patient { self.0.patience } else { self.0.wait };
        let mut statement = statement.skewed(self.0.skew_ms.load(Ordering::Relaxed));
        let repeatable = intent == Intent::Read || statement.is_repeatable();
        // An answer that was lost is what the caller is told, whatever a later try met.
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
                // A lock was waited for already: only who is patient does so again.
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

    /// A connection that gave a sign of life. Nothing is sent, so every failure leaves nothing behind.
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
                        // It went away while we waited.
                        _ = presence.changed() => continue,
                        () = tokio::time::sleep_until(until) => return Err(busy()),
                    }
                }
                Presence::Away { reason } if !patient => return Err(unavailable(reason)),
                Presence::Away { reason } => reason,
                Presence::Opening => "it was not reached yet".to_owned(),
            };
            tokio::select! {
                _ = presence.changed() => {}
                () = tokio::time::sleep_until(until) => return Err(unavailable(reason)),
            }
        }
    }
}

/// Goes on only where the server says itself that it will pass: a wrong name or port is told at once to who waits.
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

/// Apart from the one it met, and longer each time. A deadlock is over when it is told; an outage is not.
fn pause_after(error: &Error, turn: u32) -> Duration {
    if error.code() == Some(DEADLOCK) {
        return Duration::from_millis(fastrand::u64(5..=25) * u64::from(turn));
    }
    pause(turn - 1).mul_f64(0.5 + fastrand::f64() / 2.0)
}

/// A wait as DATEADD takes it: an int of milliseconds, about 23 days at most.
pub(super) fn millis(ms: i64) -> i32 {
    i32::try_from(ms.clamp(0, 2_000_000_000)).unwrap_or_default()
}

/// For what was read: the step that read it.
pub(super) fn read<T>(step: &'static str, read: Result<T, Error>) -> StoreResult<T> {
    read.map_err(|e| errors::map(step, Intent::Read, e))
}
