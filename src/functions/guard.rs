//! Refuses invocations that do not come from the Functions host itself.
//!
//! The host forwards HTTP requests to the same port on which it invokes functions. So a request whose path was changed
//! on the way, or a page in a browser on a developer's machine, could look like an invocation, and a mail with invented
//! figures would be sent. This module checks for what only the host sends, and for what only clients send. It comes on
//! top of the constraint on each route (`routes`) and of proxying (host.json).

use super::{request::Head, routes::Endpoint};
use warp::http::{HeaderMap, header};

/// What the handler knows about its host.
pub struct Guard {
    /// The handler's own port, which the host calls on 127.0.0.1.
    pub port: u16,
    #[cfg(feature = "local")]
    /// Under the local host: the header and the secret value that its invocations carry.
    pub local: Option<(&'static str, String)>,
}

/// Headers that clients, browsers and front ends send, and that the host never adds to an invocation.
const OF_CLIENTS: [&str; 6] = ["x-functions-key", "origin", "cookie", "referer", "authorization", "x-ms-invocation-id"];
const OF_CLIENTS_BEGINNINGS: [&str; 3] = ["sec-fetch-", "x-forwarded-", "x-arr-"];
const PRODUCT: &str = "Azure-Functions-Host/";

impl Guard {
    /// Why this request is refused; None: it is accepted. The reason repeats no part of the request.
    pub(super) fn refusal(&self, endpoint: Option<Endpoint>, head: &Head) -> Option<&'static str> {
        #[cfg(feature = "local")]
        if self.local.is_some() && !is_loopback(single(&head.headers, "host")) {
            // A page of another site whose name was bound to 127.0.0.1 (DNS rebinding).
            return Some("Host is not this machine's loopback");
        }
        if !endpoint.is_some_and(Endpoint::is_invocation) {
            return None;
        }
        let headers = &head.headers;
        if single(headers, "host") != Some(&format!("127.0.0.1:{}", self.port)) {
            return Some("Host is not the handler's own address");
        }
        if !single(headers, header::USER_AGENT.as_str()).is_some_and(is_the_host) {
            return Some("User-Agent is not the Functions host's");
        }
        if !single(headers, "x-azure-functions-invocationid").is_some_and(|id| !id.is_empty() && !id.contains(',')) {
            return Some("the invocation id is missing, empty or repeated");
        }
        if !head.query.is_empty() {
            return Some("there is a query string");
        }
        let of_clients = |name: &str| {
            OF_CLIENTS.contains(&name) || OF_CLIENTS_BEGINNINGS.iter().any(|beginning| name.starts_with(beginning))
        };
        if headers.keys().any(|name| of_clients(name.as_str())) {
            return Some("a header of a client's request is present");
        }
        #[cfg(feature = "local")]
        if let Some((name, secret)) = &self.local
            && single(headers, name) != Some(secret)
        {
            return Some("the local host's secret is missing or wrong");
        }
        None
    }
}

fn single<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => value.to_str().ok(),
        (None | Some(_), _) => None,
    }
}

/// The host's product and nothing else: a forwarded request has its client's before it.
fn is_the_host(user_agent: &str) -> bool {
    let version = user_agent.strip_prefix(PRODUCT);
    version.is_some_and(|v| !v.is_empty() && v.bytes().all(|b| b.is_ascii_alphanumeric() || b".-+".contains(&b)))
}

/// With any port: a forwarded request names its host's.
#[cfg(feature = "local")]
fn is_loopback(host: Option<&str>) -> bool {
    let name = host.map(|host| match host.rsplit_once(':') {
        Some((name, port)) if !port.ends_with(']') => name,
        Some(_) | None => host,
    });
    name.is_some_and(|name| ["127.0.0.1", "localhost", "[::1]"].iter().any(|ours| ours.eq_ignore_ascii_case(name)))
}

#[cfg(test)]
#[cfg(feature = "local")]
mod tests {
    use super::*;
    use warp::http::{HeaderName, HeaderValue, Method};

    const OWN: [(&str, &str); 4] = [
        ("host", "127.0.0.1:7000"),
        ("user-agent", "Azure-Functions-Host/4.1037.0.0"),
        ("x-azure-functions-invocationid", "6f7e0c1d-7d8a-4f1e-9a3e-0f6f2f7f1a11"),
        ("x-azure-functions-hostversion", "4.1037.0.0"),
    ];

    fn refusal(local: bool, path: &str, query: &str, headers: &[(&str, &str)]) -> Option<&'static str> {
        let guard = Guard { port: 7000, local: local.then(|| ("x-local", "secret".to_owned())) };
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(name.parse::<HeaderName>().unwrap(), HeaderValue::from_str(value).unwrap());
        }
        let head = Head { method: Method::POST, path: path.to_owned(), query: query.to_owned(), headers: map };
        guard.refusal(Endpoint::find(path), &head)
    }

    #[test]
    fn only_the_host_itself_may_invoke() {
        assert_eq!(refusal(false, "/SendEmail", "", &OWN), None);
        let traced: Vec<_> = OWN.into_iter().chain([("traceparent", "00-x"), ("content-type", "x/y")]).collect();
        assert_eq!(refusal(false, "/SendEmail", "", &traced), None, "the host may add more headers");
        for (at, one) in OWN.into_iter().enumerate().take(3) {
            let without: Vec<_> = OWN.into_iter().enumerate().filter(|(n, _)| *n != at).map(|(_, h)| h).collect();
            assert!(refusal(false, "/SendEmail", "", &without).is_some(), "without {one:?}");
            let twice: Vec<_> = OWN.into_iter().chain([one]).collect();
            assert!(refusal(false, "/SendEmail", "", &twice).is_some(), "two of {one:?}");
        }
        for (at, other) in [
            (0, "127.0.0.1:7001"),
            (0, "127.0.0.1"),
            (0, "localhost:7000"),
            (0, "app.azurewebsites.net"),
            (1, "Mozilla/5.0 Azure-Functions-Host/4.1037.0.0"),
            (1, "Azure-Functions-Host/4.1 Azure-Functions-Host/4.1037.0.0"),
            (1, "Azure-Functions-Host/"),
            (1, "azure-functions-host/4.1037.0.0"),
            (2, "mine, 6f7e0c1d-7d8a-4f1e-9a3e-0f6f2f7f1a11"),
            (2, ""),
        ] {
            let mut headers = OWN;
            headers[at].1 = other;
            assert!(refusal(false, "/SendEmail", "", &headers).is_some(), "{other}");
        }
        assert!(refusal(false, "/SendEmail", "code=k", &OWN).is_some());
        for name in [
            "x-functions-key",
            "origin",
            "cookie",
            "referer",
            "authorization",
            "sec-fetch-site",
            "sec-fetch-mode",
            "x-forwarded-for",
            "x-forwarded-host",
            "x-arr-log-id",
            "x-arr-ssl",
            "x-ms-invocation-id",
        ] {
            for path in ["/SendEmail", "/DispatchOutbox", "/RetryEmail", "/PruneOutbox"] {
                let headers: Vec<_> = OWN.into_iter().chain([(name, "x")]).collect();
                assert!(refusal(false, path, "", &headers).is_some(), "{name} on {path}");
            }
        }
    }

    #[test]
    fn the_api_serves_every_client_and_under_local_only_this_machine() {
        let proxied = [("host", "127.0.0.1:7000"), ("x-forwarded-for", "10.0.0.1"), ("origin", "https://office")];
        assert_eq!(refusal(false, "/api/clients", "code=k", &proxied), None);
        assert_eq!(refusal(false, "/api/clients", "", &[("host", "app.azurewebsites.net")]), None);
        for host in ["127.0.0.1:7000", "localhost:7071", "LOCALHOST", "[::1]:7071", "[::1]"] {
            assert_eq!(refusal(true, "/api/clients", "", &[("host", host)]), None, "{host}");
        }
        for path in ["/api/clients", "/api/health", "/", "/nowhere"] {
            for host in ["evil.example", "evil.example:7000", "127.0.0.1.evil:7000", "", "localhost:1:2", "::1"] {
                assert!(refusal(true, path, "", &[("host", host)]).is_some(), "{host} on {path}");
            }
            assert!(refusal(true, path, "", &[]).is_some());
        }
    }

    #[test]
    fn under_local_an_invocation_needs_the_secret() {
        assert!(refusal(true, "/SendEmail", "", &OWN).is_some());
        let with = |secret| OWN.into_iter().chain([("x-local", secret)]).collect::<Vec<_>>();
        assert!(refusal(true, "/SendEmail", "", &with("other")).is_some());
        assert_eq!(refusal(true, "/SendEmail", "", &with("secret")), None);
    }
}
