//! The way to the namespace's broker: TCP, TLS around it, and WebSocket around that where only port 443 is open.

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
/// Where Service Bus speaks AMQP over WebSocket.
const WEBSOCKET_PATH: &str = "/$servicebus/websocket";
/// Bytes of ours without a word of the peer for so long: the connection is gone, and the system says so.
const UNACKNOWLEDGED_MAX: Duration = Duration::from_secs(10);
const KEEPALIVE_AFTER: Duration = Duration::from_secs(30);

pub(super) trait Io: AsyncRead + AsyncWrite + fmt::Debug + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + fmt::Debug + Send + Unpin> Io for T {}

pub(super) struct Dialer {
    /// For TLS and for the token: always the namespace's own.
    host: String,
    /// Asked of DNS anew for each connection: after a failover the name leads elsewhere.
    address: String,
    tls: Option<TlsConnector>,
    websocket: bool,
    /// What the environment names for this address. Plain AMQP passes it by, as Microsoft's clients do.
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
        // TLS is ours, below.
        let url = format!("ws://{host}{WEBSOCKET_PATH}");
        let stream = WebSocketStream::connect_with_stream(url, stream);
        Ok(Box::new(stream.await.map_err(|e| failed("WebSocket", e.to_string()))?))
    }

    /// Where nobody answers at an address.
    pub(super) fn advice(&self) -> String {
        match (&self.tls, self.websocket, &self.proxy) {
            (None, ..) => "is it up, and the Endpoint right?".to_owned(),
            (Some(_), true, None) => "is the name right, and port 443 open?".to_owned(),
            (Some(_), true, Some(Proxy { address, .. })) => {
                format!(
                    "through the proxy {address} of HTTPS_PROXY: is it up, and does it let one there? NO_PROXY excepts a host"
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

    /// A certificate is what a person can do something about.
    fn distrust(&self, error: &std::io::Error) -> String {
        match error.get_ref().and_then(|inner| inner.downcast_ref()) {
            Some(rustls::Error::InvalidCertificate(why)) => format!(
                "the certificate shown for {} is not trusted here ({why}): is there a proxy that opens TLS between, or \
                 does this machine lack its root certificate?",
                self.host
            ),
            _ => error.to_string(),
        }
    }
}

/// Small frames go at once; a peer that went without a word is noticed.
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
