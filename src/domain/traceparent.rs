//! W3C `traceparent`: checks its form and extracts the trace id.

/// The names of the trace context: W3C's, and the name that Microsoft's clients and the Functions host read.
pub const NAMES: [&str; 2] = ["traceparent", "Diagnostic-Id"];

/// The trace context among a message's properties. If the two names differ, W3C's counts; a value that is not a trace
/// context is none.
pub fn among(property: impl Fn(&str) -> Option<String>) -> Option<String> {
    NAMES.into_iter().find_map(|name| property(name).filter(|value| trace_id(value).is_some()))
}

/// The trace id, 32 hexadecimal digits. None: the traceparent is malformed.
#[must_use]
pub fn trace_id(traceparent: &str) -> Option<&str> {
    let hex = |part: &str, length: usize| {
        part.len() == length && part.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    };
    let zero = |part: &str| part.bytes().all(|b| b == b'0');
    let parts: Vec<&str> = traceparent.splitn(5, '-').collect();
    let [version, trace, span, flags] = parts[..] else { return None };
    let fine = hex(version, 2)
        && version != "ff"
        && hex(trace, 32)
        && !zero(trace)
        && hex(span, 16)
        && !zero(span)
        && hex(flags, 2);
    fine.then_some(trace)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_id_is_taken_only_from_a_real_traceparent() {
        let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        assert_eq!(trace_id(parent), Some("0af7651916cd43dd8448eb211c80319c"));
        for bad in [
            "",
            "00",
            "00-xyz-1-1",
            "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "00-0AF7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-x",
        ] {
            assert_eq!(trace_id(bad), None, "{bad}");
        }
    }
}
