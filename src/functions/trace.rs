//! W3C trace context: that of a request if it is well-formed, otherwise a new one.

use crate::{
    domain::{message::Headers, traceparent::trace_id},
    telemetry::spans::Span,
};
use uuid::Uuid;
use warp::http::HeaderMap;

/// The trace context of a request, which is sent with the message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Trace(Headers);

/// The specification requires 512 characters to be kept; a longer state may be dropped.
const STATE_CHARS_MAX: usize = 512;

impl Trace {
    /// The caller's. None: the request has none that is well-formed.
    pub(super) fn given(headers: &HeaderMap) -> Option<Headers> {
        let mut parents = headers.get_all("traceparent").iter();
        let (first, second) = (parents.next(), parents.next());
        let text = first.and_then(|value| value.to_str().ok());
        let text = text.filter(|text| second.is_none() && trace_id(text).is_some())?;
        let mut given = Headers::of_trace(text);
        given.0.extend(state_of(headers).map(|state| ("tracestate".to_owned(), state)));
        Some(given)
    }

    /// That of the request's span, where it is recorded; otherwise the caller's, or a new one.
    pub(super) fn of(given: Option<Headers>, span: &Span) -> Self {
        let mut headers = given.unwrap_or_else(fresh);
        span.put(&mut headers);
        Self(headers)
    }

    pub(super) fn id(&self) -> String {
        self.0.trace_id().unwrap_or_default()
    }

    pub(super) fn headers(&self) -> Headers {
        self.0.clone()
    }
}

fn fresh() -> Headers {
    let (trace, span) = (Uuid::new_v4().simple().to_string(), Uuid::new_v4().simple().to_string());
    Headers::of_trace(&format!("00-{trace}-{}-01", &span[..16]))
}

fn state_of(headers: &HeaderMap) -> Option<String> {
    let values: Vec<&str> = headers.get_all("tracestate").iter().map(|v| v.to_str().ok()).collect::<Option<_>>()?;
    let state = values.join(",");
    let fine = !state.is_empty() && state.len() <= STATE_CHARS_MAX && state.bytes().all(|b| (0x20..0x7f).contains(&b));
    fine.then_some(state)
}

#[cfg(test)]
mod tests {
    use super::*;
    use warp::http::HeaderValue;

    const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn a_valid_trace_context_is_kept_and_an_invalid_one_is_replaced() {
        let mut headers = HeaderMap::new();
        headers.insert("traceparent", HeaderValue::from_static(PARENT));
        headers.insert("tracestate", HeaderValue::from_static("a=1"));
        let of = |headers: &HeaderMap| Trace::of(Trace::given(headers), &Span::default());
        let trace = of(&headers);
        assert_eq!(trace.id(), "0af7651916cd43dd8448eb211c80319c");
        assert_eq!(trace.headers().0["traceparent"], PARENT);
        assert_eq!(trace.headers().0["tracestate"], "a=1");
        headers.append("traceparent", HeaderValue::from_static(PARENT));
        assert_ne!(of(&headers).id(), trace.id(), "two headers are invalid");
        for bad in ["", "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"] {
            headers.insert("traceparent", HeaderValue::from_static(bad));
            let made = of(&headers);
            assert!(made.id().len() == 32 && made.headers().0.len() == 1, "{bad}");
        }
    }
}
