//! The JSON body of a write: present, small enough, UTF-8, and declared as application/json.

use super::{
    problem::{Kind, Problem},
    request::{Body, Request},
};
use crate::domain::byte_order_mark::without_mark;
use warp::http::{HeaderMap, header};

/// Bound of an API request's body; a client or record takes a fraction of it.
pub(super) const BODY_BYTES_MAX: usize = 64 * 1024;

/// The body's bytes, for the fingerprint. A GET or DELETE may have any body or none.
pub(super) fn bytes(request: &Request) -> Result<&[u8], Problem> {
    match &request.body {
        Body::Whole(bytes) => Ok(bytes),
        Body::TooLarge => Err(Problem::new(Kind::BodyTooLarge, format!("a body has at most {BODY_BYTES_MAX} bytes"))),
        Body::Cut => Err(Problem::new(Kind::Malformed, "the body ended early")),
        Body::Slow => Err(Problem::new(Kind::SlowBody, "the body did not arrive in time: send it again")),
    }
}

pub(super) fn json_text(request: &Request) -> Result<&str, Problem> {
    let bytes = bytes(request)?;
    if bytes.is_empty() {
        return Err(Problem::new(Kind::Malformed, "there is no body: send JSON"));
    }
    is_json(&request.head.headers)?;
    std::str::from_utf8(without_mark(bytes)).map_err(|_| Problem::new(Kind::Malformed, "the body is not UTF-8"))
}

fn is_json(headers: &HeaderMap) -> Result<(), Problem> {
    let encoded =
        headers.get_all(header::CONTENT_ENCODING).iter().any(|v| !v.as_bytes().eq_ignore_ascii_case(b"identity"));
    if encoded {
        return Err(Problem::new(Kind::NotJson, "the body must not be compressed"));
    }
    let mut types = headers.get_all(header::CONTENT_TYPE).iter();
    let fine = match (types.next().map(|value| value.to_str()), types.next()) {
        (Some(Ok(text)), None) => is_json_type(text),
        (None | Some(_), _) => false,
    };
    if fine { Ok(()) } else { Err(Problem::new(Kind::NotJson, "Content-Type must be application/json, in UTF-8")) }
}

fn is_json_type(text: &str) -> bool {
    let mut parts = text.split(';').map(str::trim);
    let essence = parts.next().is_some_and(|essence| essence.eq_ignore_ascii_case("application/json"));
    let utf8 = |value: &str| ["utf-8", "utf8"].iter().any(|name| value.trim_matches('"').eq_ignore_ascii_case(name));
    essence
        && parts.all(|parameter| match parameter.split_once('=') {
            Some((name, value)) if name.trim().eq_ignore_ascii_case("charset") => utf8(value.trim()),
            Some(_) | None => true,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_json_in_utf8_is_accepted() {
        for fine in [
            "application/json",
            "Application/JSON; charset=UTF-8",
            "application/json;charset=\"utf-8\"",
            "application/json; v=1",
        ] {
            assert!(is_json_type(fine), "{fine}");
        }
        for other in
            ["", "text/json", "application/jsonp", "application/problem+json", "application/json; charset=iso-8859-2"]
        {
            assert!(!is_json_type(other), "{other}");
        }
    }
}
