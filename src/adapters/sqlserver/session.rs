//! One connection: how it runs batches, when it must be reset, and when it must not be used again.

use super::{
    error_numbers::{DEADLOCK, LOCK_WAIT_OVER, RACES},
    errors::{self, Fate, timed_out},
    statement::Statement,
};
use std::{
    io::ErrorKind,
    net::TcpStream as Line,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tiberius::{
    Client,
    error::{Error, IoErrorKind},
};
use tokio::{net::TcpStream, time::Instant};
use tokio_util::compat::Compat;

pub(super) type Results = Vec<Vec<tiberius::Row>>;

pub(super) struct Session {
    client: Client<Compat<TcpStream>>,
    /// A second handle of the socket, only to peek at.
    line: Line,
    /// A batch is running or failed, so a later answer could belong to it. The connection is dropped, never used again.
    spoilt: bool,
    /// The last batch ended with an error, or its SETs outlast it: the connection is reset before the next batch.
    shaken: bool,
    used: Instant,
    losses: Losses,
    /// The number of losses when the connection was last known to be alive.
    losses_known: u64,
}

/// The number of connections lost so far. What broke one (a failover, a restart) most likely broke the idle ones too,
/// so each of them is tested once before it is used again.
#[derive(Debug, Clone, Default)]
pub(super) struct Losses(Arc<AtomicU64>);

impl Losses {
    fn known(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The state that our batches rely on, whatever the defaults of the login and the server are, and whatever an earlier
/// user of the connection left. Filtered indexes need the first lines; without XACT_ABORT an error would leave a
/// transaction open half-way. A batch waits 10 s for a lock: error 1222 means that nothing was done, where our own
/// time-out would leave the outcome unknown.
const RESET: &str = "IF @@TRANCOUNT > 0 ROLLBACK TRAN; \
    SET QUOTED_IDENTIFIER ON; SET ANSI_NULLS ON; SET ANSI_PADDING ON; SET ANSI_WARNINGS ON; SET ARITHABORT ON; \
    SET CONCAT_NULL_YIELDS_NULL ON; SET NUMERIC_ROUNDABORT OFF; SET NOCOUNT ON; SET XACT_ABORT ON; \
    SET LOCK_TIMEOUT 10000; SET TRANSACTION ISOLATION LEVEL READ COMMITTED;";

/// A firewall may have dropped a connection that was idle this long, so it is tested first.
const STALE: Duration = Duration::from_secs(20);

impl Session {
    pub(super) fn new(client: Client<Compat<TcpStream>>, line: Line, losses: Losses) -> Self {
        let losses_known = losses.known();
        Self { client, line, spoilt: false, shaken: false, used: Instant::now(), losses, losses_known }
    }

    pub(super) fn is_spoilt(&self) -> bool {
        self.spoilt
    }

    /// One round trip, read to its end: an error may follow the last row. A caller that is dropped meanwhile leaves the
    /// session spoilt.
    pub(super) async fn query(&mut self, statement: Statement, limit: Duration) -> Result<Results, Error> {
        if self.shaken {
            self.reset(limit).await?;
        }
        self.spoilt = true;
        let queried = async {
            let stream = statement.bound().query(&mut self.client).await?;
            stream.into_results().await
        };
        let answer = tokio::time::timeout(limit, queried).await.unwrap_or_else(|_| Err(timed_out(limit)));
        self.judged(answer)
    }

    /// Like `query`, without parameters: a SET outlasts the batch, unlike inside sp_executesql. So the next user resets
    /// the connection.
    pub(super) async fn batch(&mut self, sql: &str, limit: Duration) -> Result<Results, Error> {
        let answer = self.raw(sql, limit).await;
        self.shaken = true;
        answer
    }

    pub(super) async fn reset(&mut self, limit: Duration) -> Result<(), Error> {
        self.raw(RESET, limit).await?;
        self.shaken = false;
        Ok(())
    }

    /// # Errors
    /// The connection must not be used again; nothing was sent on it.
    pub(super) async fn is_alive(&mut self, limit: Duration) -> Result<(), Error> {
        self.is_quiet()?;
        if self.used.elapsed() < STALE && self.losses_known == self.losses.known() {
            return Ok(());
        }
        self.losses_known = self.losses.known();
        self.reset(limit).await
    }

    /// An idle connection must have nothing to read: neither its end, nor the rest of an answer.
    fn is_quiet(&self) -> Result<(), Error> {
        match self.line.peek(&mut [0]) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(()),
            Err(error) => Err(error.into()),
            Ok(0) => Err(Error::Io { kind: IoErrorKind::ConnectionReset, message: "closed while idle".to_owned() }),
            Ok(_) => Err(Error::Protocol("an answer without a request".into())),
        }
    }

    async fn raw(&mut self, sql: &str, limit: Duration) -> Result<Results, Error> {
        self.spoilt = true;
        let queried = async { self.client.simple_query(sql).await?.into_results().await };
        let answer = tokio::time::timeout(limit, queried).await.unwrap_or_else(|_| Err(timed_out(limit)));
        self.judged(answer)
    }

    fn judged(&mut self, answer: Result<Results, Error>) -> Result<Results, Error> {
        self.used = Instant::now();
        match &answer {
            Ok(_) => self.spoilt = false,
            // Ordinary conflicts, certainly rolled back. After any other error a new connection is safer.
            Err(Error::Server(token))
                if [DEADLOCK, LOCK_WAIT_OVER].contains(&token.code()) || RACES.contains(&token.code()) =>
            {
                (self.spoilt, self.shaken) = (false, true);
            }
            Err(error) if errors::fate(error) == Fate::Unanswered => {
                self.losses.0.fetch_add(1, Ordering::Relaxed);
            }
            Err(_) => {}
        }
        answer
    }
}
