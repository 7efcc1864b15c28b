//! The pool, and the two ways to use it: a question, and a write whose lost answer is told as such.

use super::{
    errors::{self, DEADLOCK, Intent},
    migrate,
    session::{Connector, Results},
    statement::Statement,
};
use crate::ports::error::{StoreError, StoreResult};
use bb8::Pool;
use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

#[derive(Clone)]
pub struct SqlServerOptions {
    /// An ADO connection string: a secret.
    pub connection: String,
    pub pool: PoolOptions,
    /// Added to the database's clock in every statement. 0 outside tests; shared, so that a test can move time.
    pub skew_ms: Arc<AtomicI64>,
    /// How long an idempotency key is remembered.
    pub key_lifetime_ms: i64,
}

#[derive(Debug, Clone, Copy)]
pub struct PoolOptions {
    pub connections_max: u32,
    /// How long a caller waits for a connection, made or given back.
    pub wait: Duration,
    /// A connection unused for so long is closed.
    pub idle: Duration,
    pub connect_timeout: Duration,
    pub command_timeout: Duration,
}

impl Default for PoolOptions {
    fn default() -> Self {
        Self {
            connections_max: 16,
            wait: Duration::from_secs(10),
            idle: Duration::from_mins(5),
            connect_timeout: Duration::from_secs(10),
            command_timeout: Duration::from_secs(30),
        }
    }
}

impl SqlServerOptions {
    #[must_use]
    pub fn at(connection: impl Into<String>) -> Self {
        let connection = connection.into();
        Self { connection, pool: PoolOptions::default(), skew_ms: Arc::default(), key_lifetime_ms: 24 * 3_600_000 }
    }

    pub(super) fn connector(&self) -> StoreResult<Connector> {
        let (connect, command) = (self.pool.connect_timeout, self.pool.command_timeout);
        Connector::new(&self.connection, connect, command).map_err(|what| StoreError::Broken {
            step: "open",
            reason: format!("SqlConnectionString {what}"),
            source: None,
        })
    }
}

/// Cheap to clone; all clones share one pool.
#[derive(Clone)]
pub struct SqlServer {
    pool: Pool<Connector>,
    command_timeout: Duration,
    skew_ms: Arc<AtomicI64>,
    key_lifetime_ms: i64,
}

/// A connection is replaced after so long, so that a failed-over or rescaled database is found again.
const LIFETIME: Duration = Duration::from_mins(30);

/// A victim of so many deadlocks in a row has a defect behind it.
const DEADLOCKS_MAX: u32 = 8;

impl SqlServer {
    /// Opens a migrated database; never creates or changes its tables.
    ///
    /// # Errors
    /// It cannot be reached, or has another schema version; says the command that mends it.
    pub async fn open(options: &SqlServerOptions) -> StoreResult<Self> {
        let connector = options.connector()?;
        let command_timeout = connector.command_timeout();
        let mut session = connector.session().await.map_err(|e| errors::map("open", Intent::Read, e))?;
        migrate::check(&mut session, command_timeout).await?;
        let pool = Pool::builder()
            .max_size(options.pool.connections_max)
            .connection_timeout(options.pool.wait)
            .idle_timeout(options.pool.idle)
            .max_lifetime(LIFETIME)
            .build_unchecked(connector);
        // The one that checked the schema is the pool's first; a full pool has no use for it.
        let _ = pool.add(session);
        let (skew_ms, key_lifetime_ms) = (options.skew_ms.clone(), options.key_lifetime_ms);
        Ok(Self { pool, command_timeout, skew_ms, key_lifetime_ms })
    }

    pub(super) fn key_lifetime_ms(&self) -> i64 {
        self.key_lifetime_ms
    }

    /// Asks without changing anything, so a failure leaves nothing behind.
    pub(super) async fn ask(&self, step: &'static str, statement: Statement) -> StoreResult<Results> {
        self.tried(step, Intent::Read, statement).await
    }

    /// One batch that is a whole transaction. Runs to its end also where the caller goes away.
    pub(super) async fn tell(&self, step: &'static str, statement: Statement) -> StoreResult<Results> {
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

    async fn tried(&self, step: &'static str, intent: Intent, statement: Statement) -> StoreResult<Results> {
        let statement = statement.skewed(self.skew_ms.load(Ordering::Relaxed));
        for turn in 1.. {
            let mut session = self.pool.get().await.map_err(|e| errors::map_connect(step, e))?;
            match session.ask(statement.clone(), self.command_timeout).await {
                Ok(results) => return Ok(results),
                Err(error) if error.code() == Some(DEADLOCK) && turn < DEADLOCKS_MAX => {
                    drop(session);
                    // Apart from the one it met, and longer each time.
                    tokio::time::sleep(Duration::from_millis(fastrand::u64(5..=25) * u64::from(turn))).await;
                }
                Err(error) => return Err(errors::map(step, intent, error)),
            }
        }
        unreachable!("the last turn answers")
    }
}

/// A wait as DATEADD takes it: an int of milliseconds, about 23 days at most.
pub(super) fn millis(ms: i64) -> i32 {
    i32::try_from(ms.clamp(0, 2_000_000_000)).unwrap_or_default()
}

/// For what was read: the step that read it.
pub(super) fn read<T>(step: &'static str, read: Result<T, tiberius::error::Error>) -> StoreResult<T> {
    read.map_err(|e| errors::map(step, Intent::Read, e))
}
