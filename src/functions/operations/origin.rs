//! Refuses what a page of another origin sends: a browser adds the Origin header, and no page can change it.

use crate::functions::problem::{Kind, Problem};
use warp::http::{HeaderMap, HeaderValue, header};

/// # Errors
/// `foreign-origin`: the request's Origin is not the address that it was sent to.
pub(super) fn check(headers: &HeaderMap) -> Result<(), Problem> {
    let mut origins = headers.get_all(header::ORIGIN).iter();
    let why = "the request's Origin is not this service's address: only the console of this service may send it";
    let Some(origin) = origins.next() else {
        // A page of another site can make a browser send a GET without Origin, such as for an image.
        let foreign = |site: &HeaderValue| site == "cross-site" || site == "same-site";
        let foreign = headers.get("sec-fetch-site").is_some_and(foreign);
        return if foreign { Err(Problem::new(Kind::ForeignOrigin, why)) } else { Ok(()) };
    };
    // Behind a gateway with a name of its own the browser alone knows which address the page and the request share.
    if headers.get("sec-fetch-site").is_some_and(|site| site == "same-origin") {
        return Ok(());
    }
    // Proxied, Host is the handler's own.
    let host = headers.get("x-forwarded-host").or_else(|| headers.get(header::HOST));
    let own = host.zip(origins.next().is_none().then_some(origin)).is_some_and(|(host, origin)| {
        host.to_str().ok().zip(origin.to_str().ok()).is_some_and(|(host, origin)| is_at(origin, host))
    });
    if own { Ok(()) } else { Err(Problem::new(Kind::ForeignOrigin, why)) }
}

/// Whether an origin's authority is this Host; an origin leaves its scheme's default port out.
fn is_at(origin: &str, host: &str) -> bool {
    let (authority, port) = match origin.split_once("://") {
        Some(("https", authority)) => (authority, ":443"),
        Some(("http", authority)) => (authority, ":80"),
        Some(_) | None => return false,
    };
    !authority.is_empty() && host.strip_suffix(port).unwrap_or(host).eq_ignore_ascii_case(authority)
}

#[cfg(test)]
mod tests {
    use super::*;
    use warp::http::HeaderName;

    fn passes(headers: &[(&str, &str)]) -> bool {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(name.parse::<HeaderName>().unwrap(), HeaderValue::from_str(value).unwrap());
        }
        check(&map).is_ok()
    }

    #[test]
    fn only_the_own_origin_passes() {
        let host = ("host", "office.azurewebsites.net");
        assert!(passes(&[host]), "a program sends none");
        for (site, may) in [("cross-site", false), ("same-site", false), ("same-origin", true), ("none", true)] {
            assert_eq!(passes(&[host, ("sec-fetch-site", site)]), may, "a browser's GET has no Origin: {site}");
        }
        for own in ["https://office.azurewebsites.net", "https://OFFICE.azurewebsites.net"] {
            assert!(passes(&[host, ("origin", own)]), "{own}");
        }
        assert!(passes(&[("host", "localhost:7071"), ("origin", "http://localhost:7071")]));
        assert!(passes(&[("host", "office:443"), ("origin", "https://office")]));
        let proxied = [("host", "127.0.0.1:5000"), ("x-forwarded-host", "office"), ("origin", "https://office")];
        assert!(passes(&proxied));
        for foreign in ["https://evil.example", "null", "", "https://", "office.azurewebsites.net", "file://"] {
            assert!(!passes(&[host, ("origin", foreign)]), "{foreign}");
        }
        assert!(!passes(&[("host", "localhost:7071"), ("origin", "http://localhost:8080")]));
        assert!(!passes(&[("host", "127.0.0.1:1"), ("x-forwarded-host", "office"), ("origin", "http://127.0.0.1:1")]));
        let own = ("origin", "https://office.azurewebsites.net");
        assert!(!passes(&[host, own, ("origin", "https://evil.example")]), "two of them");
        assert!(!passes(&[own]), "no Host");
    }

    #[test]
    fn behind_a_gateway_the_browser_states_that_the_origin_is_the_same() {
        let headers = [("host", "office.azurewebsites.net"), ("origin", "https://office.example")];
        assert!(!passes(&headers));
        for (site, passes_with_it) in [("same-origin", true), ("same-site", false), ("cross-site", false)] {
            let with: Vec<_> = headers.into_iter().chain([("sec-fetch-site", site)]).collect();
            assert_eq!(passes(&with), passes_with_it, "{site}");
        }
    }
}
