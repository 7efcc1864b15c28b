//! Connections through the HTTP proxy of `HTTPS_PROXY` and `NO_PROXY`, as reqwest makes them for REST.

use bytes::Bytes;
use http_body_util::Empty;
use hyper::{
    Request, StatusCode,
    client::conn::http1,
    header::{HOST, HeaderValue, PROXY_AUTHORIZATION},
    http::uri::Scheme,
    upgrade,
};
use hyper_util::{client::proxy::matcher::Matcher, rt::TokioIo};
use tokio::net::TcpStream;

pub(super) struct Proxy {
    /// `host:port`.
    pub address: String,
    login: Option<HeaderValue>,
}

impl Proxy {
    /// None: `address` (`host:port`) is reached directly.
    ///
    /// # Errors
    /// The environment names a proxy that is not supported.
    pub(super) fn towards(address: &str) -> Result<Option<Self>, String> {
        Self::of(&Matcher::from_env(), address)
    }

    /// Names the proxy in the reason of a failed request that reqwest sent through it.
    pub(super) fn note(host: &str) -> String {
        match Self::towards(&format!("{host}:443")) {
            Ok(None) => String::new(),
            Ok(Some(Self { address, .. })) => format!(" (through the proxy {address} of HTTPS_PROXY)"),
            Err(_) => " (through the proxy of HTTPS_PROXY)".to_owned(),
        }
    }

    fn of(environment: &Matcher, address: &str) -> Result<Option<Self>, String> {
        let to =
            format!("https://{address}").parse().map_err(|_| format!("'{address}' is invalid: expected host:port"))?;
        let Some(found) = environment.intercept(&to) else { return Ok(None) };
        let uri = found.uri();
        if uri.scheme() != Some(&Scheme::HTTP) {
            return Err("HTTPS_PROXY (or ALL_PROXY) is invalid: expected http://[user:password@]host:port".to_owned());
        }
        let address = format!("{}:{}", uri.host().unwrap_or_default(), uri.port_u16().unwrap_or(80));
        Ok(Some(Self { address, login: found.basic_auth().cloned() }))
    }

    /// Sends CONNECT for `address` to the proxy at the other end of `to_proxy`.
    ///
    /// # Errors
    /// What the proxy answered, in words for an operator; never the login.
    pub(super) async fn lead(&self, to_proxy: TcpStream, address: &str) -> Result<TcpStream, String> {
        let (mut sender, connection) = http1::handshake(TokioIo::new(to_proxy)).await.map_err(|e| e.to_string())?;
        let driving = tokio::spawn(connection.with_upgrades());
        let mut request = Request::connect(address).header(HOST, address);
        if let Some(login) = &self.login {
            request = request.header(PROXY_AUTHORIZATION, login);
        }
        let request = request.body(Empty::<Bytes>::new()).map_err(|e| e.to_string())?;
        let answer = sender.send_request(request).await.map_err(|e| e.to_string())?;
        match answer.status() {
            status if status.is_success() => {}
            StatusCode::PROXY_AUTHENTICATION_REQUIRED => {
                return Err(
                    "it requires another login (407): expected HTTPS_PROXY=http://user:password@host:port".to_owned()
                );
            }
            status => return Err(format!("it answered {}", status.as_u16())),
        }
        let through = upgrade::on(answer).await.map_err(|e| e.to_string())?;
        let _ = driving.await;
        let parts = through.downcast::<TokioIo<TcpStream>>().map_err(|_| "its connection was lost")?;
        // In TLS the client speaks first.
        if !parts.read_buf.is_empty() {
            return Err("it sent more than its answer".to_owned());
        }
        Ok(parts.io.into_inner())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(https: &str, no: &str) -> Result<Option<(String, bool)>, String> {
        let matcher = Matcher::builder().https(https).no(no).build();
        let proxy = Proxy::of(&matcher, "office.servicebus.windows.net:443")?;
        Ok(proxy.map(|proxy| (proxy.address, proxy.login.is_some())))
    }

    #[test]
    fn the_proxy_is_read_from_the_usual_variables() {
        assert_eq!(of("", ""), Ok(None));
        assert_eq!(of("http://proxy.office:3128", ""), Ok(Some(("proxy.office:3128".to_owned(), false))));
        assert_eq!(of("me:secret@[::1]", ""), Ok(Some(("[::1]:80".to_owned(), true))));
        for no in ["*", ".windows.net", "other, office.servicebus.windows.net"] {
            assert_eq!(of("http://proxy.office:3128", no), Ok(None), "{no}");
        }
        for other in ["https://me:secret@proxy", "socks5://me:secret@proxy"] {
            let why = of(other, "").unwrap_err();
            assert!(why.contains("http://") && !why.contains("secret"), "{why}");
        }
    }
}
