//! One connection: how it is made, prepared and asked, and when it must not be used again.

use super::{
    errors::{DEADLOCK, RACES, odd, timed_out},
    statement::Statement,
};
use std::time::Duration;
use tiberius::{Client, Config, error::Error};
use tokio::{net::TcpStream, time::Instant};
use tokio_util::compat::{Compat, TokioAsyncWriteCompatExt};

pub(super) type Results = Vec<Vec<tiberius::Row>>;

/// Makes connections for the pool.
#[derive(Clone)]
pub(super) struct Connector {
    config: Config,
    connect_timeout: Duration,
    command_timeout: Duration,
}

pub(super) struct Session {
    client: Client<Compat<TcpStream>>,
    /// A question is under way or went wrong: a later answer could be this one's. Thrown away, never asked again.
    spoilt: bool,
    /// An error ended the last batch; XACT_ABORT rolled it back, and the next one makes sure of it.
    shaken: bool,
    used: Instant,
}

/// What every batch of ours counts on, whatever the login's or the server's defaults are. Filtered indexes need the
/// first line; without XACT_ABORT an error would leave a transaction open half-way.
const PREPARE: &str = "SET QUOTED_IDENTIFIER ON; SET ANSI_NULLS ON; SET ANSI_PADDING ON; SET ANSI_WARNINGS ON; \
    SET ARITHABORT ON; SET CONCAT_NULL_YIELDS_NULL ON; SET NUMERIC_ROUNDABORT OFF; SET NOCOUNT ON; SET XACT_ABORT ON; \
    SET TRANSACTION ISOLATION LEVEL READ COMMITTED;";

/// A firewall may have dropped a connection that nobody used for so long: it is asked for a sign of life first.
const STALE: Duration = Duration::from_secs(20);

/// Azure SQL sends a client on to the node that has its database: once, or twice during a failover.
const ROUTES_MAX: u32 = 3;

impl Connector {
    /// # Errors
    /// The connection string cannot be read; says what of it, never its values.
    pub(super) fn new(ado: &str, connect_timeout: Duration, command_timeout: Duration) -> Result<Self, String> {
        let mut config = Config::from_ado_string(ado).map_err(|_| unreadable())?;
        config.application_name("client-organizer");
        config.handshake_timeout(Some(connect_timeout));
        // Ours bounds the whole answer; the driver's each wait for a part of it.
        config.command_timeout(Some(command_timeout));
        // A row with half a surrogate pair must not fail a claim of a hundred others.
        config.lossy_utf16_decoding(true);
        Ok(Self { config, connect_timeout, command_timeout })
    }

    pub(super) async fn session(&self) -> Result<Session, Error> {
        let limit = self.connect_timeout;
        // Boxed: the driver's handshake is 17 kB of future, and would be part of every call.
        tokio::time::timeout(limit, Box::pin(self.connected())).await.unwrap_or_else(|_| Err(timed_out(limit)))
    }

    async fn connected(&self) -> Result<Session, Error> {
        let mut config = self.config.clone();
        for _ in 0..ROUTES_MAX {
            let stream = TcpStream::connect(config.get_addr()).await?;
            stream.set_nodelay(true)?;
            match Box::pin(Client::connect(config.clone(), stream.compat_write())).await {
                Ok(client) => {
                    let mut session = Session { client, spoilt: false, shaken: false, used: Instant::now() };
                    session.batch(PREPARE, self.command_timeout).await?;
                    return Ok(session);
                }
                Err(Error::Routing { host, port }) => {
                    config.host(&host);
                    config.port(port);
                }
                Err(error) => return Err(error),
            }
        }
        Err(odd("routed too often"))
    }

    pub(super) fn command_timeout(&self) -> Duration {
        self.command_timeout
    }
}

impl bb8::ManageConnection for Connector {
    type Connection = Session;
    type Error = Error;

    async fn connect(&self) -> Result<Session, Error> {
        self.session().await
    }

    async fn is_valid(&self, session: &mut Session) -> Result<(), Error> {
        if session.used.elapsed() < STALE {
            return Ok(());
        }
        session.batch("SELECT 1", self.connect_timeout).await.map(drop)
    }

    fn has_broken(&self, session: &mut Session) -> bool {
        session.spoilt
    }
}

impl Session {
    /// One round trip, read to its end: an error may stand behind the last row. A caller that goes away while it is
    /// under way leaves the session spoilt.
    pub(super) async fn ask(&mut self, statement: Statement, limit: Duration) -> Result<Results, Error> {
        if self.shaken {
            self.batch("IF @@TRANCOUNT > 0 ROLLBACK TRAN;", limit).await?;
            self.shaken = false;
        }
        self.spoilt = true;
        let asked = async {
            let stream = statement.bound().query(&mut self.client).await?;
            stream.into_results().await
        };
        let answer = tokio::time::timeout(limit, asked).await.unwrap_or_else(|_| Err(timed_out(limit)));
        self.judged(answer)
    }

    /// As `ask`, without parameters: what is SET here lasts, as it would not inside sp_executesql.
    pub(super) async fn batch(&mut self, sql: &str, limit: Duration) -> Result<Results, Error> {
        self.spoilt = true;
        let asked = async { self.client.simple_query(sql).await?.into_results().await };
        let answer = tokio::time::timeout(limit, asked).await.unwrap_or_else(|_| Err(timed_out(limit)));
        self.judged(answer)
    }

    fn judged(&mut self, answer: Result<Results, Error>) -> Result<Results, Error> {
        self.used = Instant::now();
        match &answer {
            Ok(_) => self.spoilt = false,
            // Part of our daily work, and certainly rolled back. After anything else a new connection is the safe one.
            Err(Error::Server(token)) if token.code() == DEADLOCK || RACES.contains(&token.code()) => {
                (self.spoilt, self.shaken) = (false, true);
            }
            Err(_) => {}
        }
        answer
    }
}

/// The driver's own message could quote the password.
fn unreadable() -> String {
    "is no ADO connection string: expected Server=tcp:<host>,1433;Database=<name>;User ID=<login>;Password=<password>; \
     a value with ; or a leading quote stands in quotes"
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unreadable_connection_string_is_told_without_its_password() {
        let second = Duration::from_secs(1);
        let why = Connector::new("Server=x;Password='geheim;Encrypt=perhaps", second, second).err().unwrap();
        assert!(!why.contains("geheim"), "{why}");
    }
}
