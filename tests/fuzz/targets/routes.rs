//! Two route templates and a path, between NUL bytes: templates that both match it are known to overlap.

use super::parts;
use client_organizer::local::routes::{Template, overlap};

/// A pattern may nest repetitions; the compiler's own bound on its size is tested by others.
const TEMPLATE_BYTES_MAX: usize = 120;

pub(super) fn run(input: &[u8]) {
    let texts: [String; 3] = parts(input).map(|part| String::from_utf8_lossy(part).into_owned());
    if texts[..2].iter().any(|text| text.len() > TEMPLATE_BYTES_MAX) {
        return;
    }
    let parse = |text: &str| Template::parse("api", text);
    let [Ok(one), Ok(other)] = [parse(&texts[0]), parse(&texts[1])] else { return };
    assert_eq!(overlap(&one, &other), overlap(&other, &one), "{one} | {other}");
    let again = Template::parse("", &one.to_string()).unwrap_or_else(|why| panic!("{one}: {why}"));
    let path = format!("/api/{}", texts[2]);
    assert_eq!(again.matches(&path), one.matches(&path), "{one} at {path}");
    if one.matches(&path) && other.matches(&path) {
        assert!(overlap(&one, &other), "{one} | {other} at {path}");
    }
}
