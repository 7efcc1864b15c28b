//! W3C trace context: that of a request if it is well-formed, otherwise a new one.

use crate::domain::{message::Headers, traceparent::trace_id};
use std::collections::BTreeMap;
use uuid::Uuid;
use warp::http::HeaderMap;

/// The trace context of a request, which is sent with the message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Trace {
    traceparent: String,
    tracestate: Option<String>,
}

/// The specification requires 512 characters to be kept; a longer state may be dropped.
const STATE_CHARS_MAX: usize = 512;

impl Trace {
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let mut parents = headers.get_all("traceparent").iter();
        let (first, second) = (parents.next(), parents.next());
        match first.and_then(|value| value.to_str().ok()).filter(|text| second.is_none() && trace_id(text).is_some()) {
            Some(text) => Self { traceparent: text.to_owned(), tracestate: state_of(headers) },
            None => Self::fresh(),
        }
    }

    pub(super) fn fresh() -> Self {
        let (trace, span) = (Uuid::new_v4().simple().to_string(), Uuid::new_v4().simple().to_string());
        Self { traceparent: format!("00-{trace}-{}-01", &span[..16]), tracestate: None }
    }

    pub(super) fn id(&self) -> &str {
        trace_id(&self.traceparent).unwrap_or_default()
    }

    pub(super) fn headers(&self) -> Headers {
        let mut headers = BTreeMap::from([("traceparent".to_owned(), self.traceparent.clone())]);
        headers.extend(self.tracestate.clone().map(|state| ("tracestate".to_owned(), state)));
        Headers(headers)
    }
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
        let trace = Trace::of(&headers);
        assert_eq!(trace.id(), "0af7651916cd43dd8448eb211c80319c");
        assert_eq!(trace.headers().0["traceparent"], PARENT);
        assert_eq!(trace.headers().0["tracestate"], "a=1");
        headers.append("traceparent", HeaderValue::from_static(PARENT));
        assert_ne!(Trace::of(&headers).id(), trace.id(), "two headers are invalid");
        for bad in ["", "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"] {
            headers.insert("traceparent", HeaderValue::from_static(bad));
            let made = Trace::of(&headers);
            assert!(trace_id(&made.traceparent).is_some_and(|id| id == made.id()), "{bad}");
            assert_eq!(made.tracestate, None);
        }
    }
}
