//! Connects to the namespace's broker: TCP, TLS on it, and WebSocket on that where only port 443 is open.

use super::{ConnectionString, proxy::Proxy};
use fe2o3_amqp_ws::WebSocketStream;
use rustls::{ClientConfig, pki_types::ServerName};
use rustls_platform_verifier::BuilderVerifierExt;
use std::{fmt, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};
use tokio_rustls::TlsConnector;

const AMQPS_PORT: u16 = 5671;
const WEBSOCKET_PORT: u16 = 443;
/// The path of Service Bus's AMQP over WebSocket.
const WEBSOCKET_PATH: &str = "/$servicebus/websocket";
/// If sent bytes stay unacknowledged for this long, the operating system ends the connection.
const UNACKNOWLEDGED_MAX: Duration = Duration::from_secs(10);
const KEEPALIVE_AFTER: Duration = Duration::from_secs(30);

pub(super) trait Io: AsyncRead + AsyncWrite + fmt::Debug + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + fmt::Debug + Send + Unpin> Io for T {}

pub(super) struct Dialer {
    /// The namespace's own name, for TLS and for the token.
    host: String,
    /// Resolved anew for each connection: after a failover the name has another address.
    address: String,
    tls: Option<TlsConnector>,
    websocket: bool,
    /// The environment's proxy for this address. AMQP without WebSocket ignores it, as in Microsoft's clients.
    proxy: Option<Proxy>,
}

impl Dialer {
    /// # Errors
    /// TLS cannot be set up on this machine.
    pub(super) fn new(connection: &ConnectionString, websocket: bool, gateway: Option<&str>) -> Result<Self, String> {
        let host = connection.host();
        if let Some(local) = &connection.local {
            return Ok(Self { host, address: local.clone(), tls: None, websocket, proxy: None });
        }
        let config = ClientConfig::builder()
            .with_platform_verifier()
            .map_err(|e| format!("TLS cannot be set up: {e}"))?
            .with_no_client_auth();
        let port = if websocket { WEBSOCKET_PORT } else { AMQPS_PORT };
        let address = gateway.map_or_else(|| format!("{host}:{port}"), str::to_owned);
        let proxy = match Proxy::towards(&address) {
            Err(_) if !websocket => None,
            proxy => proxy?,
        };
        Ok(Self { host, address, tls: Some(TlsConnector::from(Arc::new(config))), websocket, proxy })
    }

    /// # Errors
    /// At which step it failed, and how.
    pub(super) async fn dial(&self) -> Result<Box<dyn Io>, String> {
        let failed = |step: &str, why: String| format!("no connection to {}: {step} failed: {why}", self.address);
        let proxy = self.proxy.as_ref().filter(|_| self.websocket);
        let first = proxy.map_or(&self.address, |proxy| &proxy.address);
        let tcp = TcpStream::connect(first).await;
        let mut tcp = tcp.map_err(|e| failed("TCP", format!("{e} ({})", self.advice())))?;
        ready(&tcp).map_err(|e| failed("setting up the socket", e.to_string()))?;
        if let Some(proxy) = proxy {
            let led = proxy.lead(tcp, &self.address).await;
            tcp = led.map_err(|e| failed("CONNECT", format!("{e} ({})", self.advice())))?;
        }
        let stream: Box<dyn Io> = match &self.tls {
            None => Box::new(tcp),
            Some(tls) => {
                let name = ServerName::try_from(self.host.clone()).map_err(|e| failed("TLS", e.to_string()))?;
                Box::new(tls.connect(name, tcp).await.map_err(|e| failed("TLS", self.distrust(&e)))?)
            }
        };
        if !self.websocket {
            return Ok(stream);
        }
        let host = if self.tls.is_some() { &self.host } else { &self.address };
        // `ws`, not `wss`: the TLS stream is already there.
        let url = format!("ws://{host}{WEBSOCKET_PATH}");
        let stream = WebSocketStream::connect_with_stream(url, stream);
        Ok(Box::new(stream.await.map_err(|e| failed("WebSocket", e.to_string()))?))
    }

    /// What to check when no connection can be made.
    pub(super) fn advice(&self) -> String {
        match (&self.tls, self.websocket, &self.proxy) {
            (None, ..) => "is it up, and the Endpoint right?".to_owned(),
            (Some(_), true, None) => "is the name right, and port 443 open?".to_owned(),
            (Some(_), true, Some(Proxy { address, .. })) => {
                format!(
                    "through the proxy {address} of HTTPS_PROXY: is it up, and does it allow this host? NO_PROXY excepts a host"
                )
            }
            (Some(_), false, None) => {
                "is the name right, and port 5671 open? ServiceBus__Transport=websocket goes through 443".to_owned()
            }
            (Some(_), false, Some(_)) => {
                "is the name right, and port 5671 open? AMQP on 5671 does not use HTTPS_PROXY, which is set; \
                 ServiceBus__Transport=websocket does, through 443"
                    .to_owned()
            }
        }
    }

    /// The reason of a failed handshake. A refused certificate is explained: an operator can repair it.
    fn distrust(&self, error: &std::io::Error) -> String {
        match error.get_ref().and_then(|inner| inner.downcast_ref()) {
            Some(rustls::Error::InvalidCertificate(why)) => format!(
                "the certificate of {} is not trusted by this machine ({why}): does a proxy open TLS, or does this \
                 machine lack the root certificate?",
                self.host
            ),
            _ => error.to_string(),
        }
    }
}

/// Sends small frames at once, and notices a peer that went away silently.
fn ready(tcp: &TcpStream) -> std::io::Result<()> {
    tcp.set_nodelay(true)?;
    let socket = socket2::SockRef::from(tcp);
    socket.set_tcp_keepalive(
        &socket2::TcpKeepalive::new().with_time(KEEPALIVE_AFTER).with_interval(KEEPALIVE_AFTER / 3),
    )?;
    #[cfg(target_os = "linux")]
    socket.set_tcp_user_timeout(Some(UNACKNOWLEDGED_MAX))?;
    Ok(())
}
