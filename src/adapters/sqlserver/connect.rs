//! Makes connections: TCP, TLS and login, redirected where Azure SQL requires it, prepared for our batches.

use super::{
    errors::{ConnectError, odd, timed_out},
    session::{Losses, Session},
};
use crate::{
    adapters::entra::{SQL_SCOPE, Tokens},
    config::connection::{sql::ConnectionString, sql_login::Login},
};
use futures::future::select_ok;
use std::{io, net::SocketAddr, sync::Arc, time::Duration};
use tiberius::{AuthMethod, Client, Config, error::Error};
use tokio::net::TcpStream;
use tokio_util::compat::TokioAsyncWriteCompatExt;

/// Cheap to clone; clones share the tokens.
#[derive(Clone)]
pub(super) struct Connector {
    config: Config,
    host: String,
    port: u16,
    /// Tries all addresses of a host at once (MultiSubnetFailover).
    at_once: bool,
    /// Queried for every new connection; a token that was used is valid as long as its connection lives.
    tokens: Option<Arc<Tokens>>,
    connect_timeout: Duration,
    command_timeout: Duration,
    losses: Losses,
}

/// The number of addresses that .NET tries per host.
const ADDRESSES_MAX: usize = 64;

/// Azure SQL redirects a client to the node that has its database: once, or twice during a failover.
const ROUTES_MAX: u32 = 3;

impl Connector {
    /// # Errors
    /// The identity is invalid; the error does not contain its secret.
    pub(super) fn new(
        parsed: &ConnectionString,
        connect_timeout: Duration,
        command_timeout: Duration,
    ) -> Result<Self, String> {
        let mut config = Config::new();
        config.host(&parsed.host);
        config.port(parsed.port);
        config.encryption(parsed.encryption);
        config.application_name(parsed.application.as_deref().unwrap_or("client-organizer"));
        // One or the other: both together panic in the driver and were refused when the string was parsed.
        if parsed.trust_any_certificate {
            config.trust_cert();
        } else if let Some(path) = &parsed.trusted_ca {
            config.trust_cert_ca(path.display());
        }
        if let Some(database) = &parsed.database {
            config.database(database);
        }
        if let Some(name) = &parsed.certificate_host {
            config.hostname_in_certificate(name);
        }
        if let Some(name) = &parsed.workstation {
            config.client_name(name);
        }
        if let Some(bytes) = parsed.packet_bytes {
            config.packet_size(bytes);
        }
        let tokens = match &parsed.login {
            Login::None => None,
            Login::Sql { user, password } => {
                config.authentication(AuthMethod::sql_server(user, password));
                None
            }
            Login::Entra(identity) => Some(Arc::new(Tokens::new(identity, SQL_SCOPE).map_err(|e| e.to_string())?)),
        };
        config.handshake_timeout(Some(connect_timeout));
        // Our limit bounds the whole answer; the driver's bounds each wait for a part of it.
        config.command_timeout(Some(command_timeout));
        // A row with an unpaired surrogate must not fail a claim of a hundred others.
        config.lossy_utf16_decoding(true);
        Ok(Self {
            config,
            host: parsed.host.clone(),
            port: parsed.port,
            at_once: parsed.at_once,
            tokens,
            connect_timeout,
            command_timeout,
            losses: Losses::default(),
        })
    }

    pub(super) async fn session(&self) -> Result<Session, ConnectError> {
        let limit = self.connect_timeout;
        let mut sent_on = None;
        // Boxed: the driver's handshake future has 17 kB and would be part of every call.
        let connected = tokio::time::timeout(limit, Box::pin(self.connected(&mut sent_on))).await;
        let connected = connected.unwrap_or_else(|_| Err(timed_out(limit).into()));
        connected.map_err(|error| match (error, sent_on) {
            (ConnectError::Driver(error @ Error::Io { .. }), Some((host, port))) => {
                ConnectError::SentOn { host, port, error }
            }
            (error, _) => error,
        })
    }

    /// `sent_on`: the node to which the server redirected us, until it is reached.
    async fn connected(&self, sent_on: &mut Option<(String, u16)>) -> Result<Session, ConnectError> {
        let mut config = self.config.clone();
        if let Some(tokens) = &self.tokens {
            config.authentication(AuthMethod::aad_token(tokens.get().await?.text));
        }
        let (mut host, mut port) = (self.host.clone(), self.port);
        for _ in 0..ROUTES_MAX {
            let stream = self.line(&host, port).await.map_err(Error::from)?;
            *sent_on = None;
            stream.set_nodelay(true).map_err(Error::from)?;
            // A second handle of the same socket, to detect a closed connection without sending anything.
            let stream = stream.into_std().map_err(Error::from)?;
            let line = stream.try_clone().map_err(Error::from)?;
            let stream = TcpStream::from_std(stream).map_err(Error::from)?;
            match Box::pin(Client::connect(config.clone(), stream.compat_write())).await {
                Ok(client) => {
                    let mut session = Session::new(client, line, self.losses.clone());
                    session.reset(self.command_timeout).await?;
                    return Ok(session);
                }
                Err(Error::Routing { host: next_host, port: next_port }) => {
                    (host, port) = (next_host, next_port);
                    *sent_on = Some((host.clone(), port));
                    config.host(&host);
                    config.port(port);
                }
                Err(error) => return Err(error.into()),
            }
        }
        Err(odd("redirected too often").into())
    }

    async fn line(&self, host: &str, port: u16) -> io::Result<TcpStream> {
        let addresses: Vec<_> = tokio::net::lookup_host((host, port)).await?.take(ADDRESSES_MAX).collect();
        reached(&addresses, self.at_once).await
    }

    pub(super) fn command_timeout(&self) -> Duration {
        self.command_timeout
    }
}

async fn reached(addresses: &[SocketAddr], at_once: bool) -> io::Result<TcpStream> {
    if addresses.is_empty() {
        return Err(io::Error::new(io::ErrorKind::NotFound, "the host has no address"));
    }
    if !at_once {
        return TcpStream::connect(addresses).await;
    }
    let tries = addresses.iter().map(|address| Box::pin(TcpStream::connect(address)));
    Ok(select_ok(tries).await?.0)
}

impl bb8::ManageConnection for Connector {
    type Connection = Session;
    type Error = ConnectError;

    async fn connect(&self) -> Result<Session, ConnectError> {
        self.session().await
    }

    async fn is_valid(&self, session: &mut Session) -> Result<(), ConnectError> {
        Ok(session.is_alive(self.connect_timeout).await?)
    }

    fn has_broken(&self, session: &mut Session) -> bool {
        session.is_spoilt()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_silent_address_does_not_delay_others_that_are_tried_at_once() {
        // Its backlog of connections is full: a try there is neither accepted nor refused.
        let silent = tokio::net::TcpSocket::new_v4().unwrap();
        silent.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let silent = silent.listen(0).unwrap();
        let _fills_it = TcpStream::connect(silent.local_addr().unwrap()).await.unwrap();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let here = listener.local_addr().unwrap();
        let addresses = [silent.local_addr().unwrap(), here];
        let stream = tokio::time::timeout(Duration::from_secs(30), reached(&addresses, true)).await;
        assert_eq!(stream.unwrap().unwrap().peer_addr().unwrap(), here);
        let in_turn = tokio::time::timeout(Duration::from_millis(200), reached(&addresses, false)).await;
        assert!(in_turn.is_err(), "the first address answered: this test shows nothing");
        assert!(reached(&[], true).await.is_err());
    }
}
