//! One connection: how it is asked, when it must be reset, and when it must not be used again.

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
    /// The socket again, only to be looked at.
    line: Line,
    /// A question is under way or went wrong: a later answer could be this one's. Thrown away, never asked again.
    spoilt: bool,
    /// An error ended the last batch, or it went where SET lasts: what it may have left is undone before the next.
    shaken: bool,
    used: Instant,
    losses: Losses,
    /// How many were known when it last gave a sign of life.
    losses_known: u64,
}

/// Connections lost so far. What broke one (a failover, a restart) most likely broke the idle ones too, so each of
/// them is asked for a sign of life once before it is used again.
#[derive(Debug, Clone, Default)]
pub(super) struct Losses(Arc<AtomicU64>);

impl Losses {
    fn known(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// What every batch of ours counts on, whatever the login's or the server's defaults are, and whatever an earlier user
/// of the connection left. Filtered indexes need the first lines; without XACT_ABORT an error would leave a
/// transaction open half-way. A lock is waited for 10 s: error 1222 says that nothing was done, where our own time-out
/// would leave it open.
const RESET: &str = "IF @@TRANCOUNT > 0 ROLLBACK TRAN; \
    SET QUOTED_IDENTIFIER ON; SET ANSI_NULLS ON; SET ANSI_PADDING ON; SET ANSI_WARNINGS ON; SET ARITHABORT ON; \
    SET CONCAT_NULL_YIELDS_NULL ON; SET NUMERIC_ROUNDABORT OFF; SET NOCOUNT ON; SET XACT_ABORT ON; \
    SET LOCK_TIMEOUT 10000; SET TRANSACTION ISOLATION LEVEL READ COMMITTED;";

/// A firewall may have dropped a connection that nobody used for so long: it is asked for a sign of life first.
const STALE: Duration = Duration::from_secs(20);

impl Session {
    pub(super) fn new(client: Client<Compat<TcpStream>>, line: Line, losses: Losses) -> Self {
        let losses_known = losses.known();
        Self { client, line, spoilt: false, shaken: false, used: Instant::now(), losses, losses_known }
    }

    pub(super) fn is_spoilt(&self) -> bool {
        self.spoilt
    }

    /// One round trip, read to its end: an error may stand behind the last row. A caller that goes away while it is
    /// under way leaves the session spoilt.
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

    /// As `ask`, without parameters: what is SET here lasts, as it would not inside sp_executesql. So the next user
    /// resets it.
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
    /// It must not be used again; nothing was asked of it.
    pub(super) async fn is_alive(&mut self, limit: Duration) -> Result<(), Error> {
        self.is_quiet()?;
        if self.used.elapsed() < STALE && self.losses_known == self.losses.known() {
            return Ok(());
        }
        self.losses_known = self.losses.known();
        self.reset(limit).await
    }

    /// Nothing may stand to be read from a connection that is not asked: neither its end, nor the rest of an answer.
    fn is_quiet(&self) -> Result<(), Error> {
        match self.line.peek(&mut [0]) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(()),
            Err(error) => Err(error.into()),
            Ok(0) => Err(Error::Io { kind: IoErrorKind::ConnectionReset, message: "closed while idle".to_owned() }),
            Ok(_) => Err(Error::Protocol("an answer that nobody waits for".into())),
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
            // Part of our daily work, and certainly rolled back. After anything else a new connection is the safe one.
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
