//! The log level.

use super::reader::Reader;
use tracing_subscriber::EnvFilter;

const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

/// `Log__Level`, otherwise `RUST_LOG`, as usual in Rust, otherwise the default.
pub(super) fn level(reader: &mut Reader<'_>) -> String {
    let (name, text) = match (reader.given("Log__Level"), reader.given("RUST_LOG").filter(|text| !text.is_empty())) {
        (None, Some(text)) => ("RUST_LOG", text),
        (Some(_) | None, _) => ("Log__Level", reader.text("Log__Level")),
    };
    // The filter reads any single word as the name of a module, and a misspelt level would log nothing.
    let is_directive = |part: &str| part.contains(['=', '[']) || LEVELS.contains(&part.to_ascii_lowercase().as_str());
    if !text.split(',').all(|part| is_directive(part.trim())) || EnvFilter::try_new(text).is_err() {
        reader.invalid(name, "expected error, warn, info, debug or a tracing filter");
    }
    text.to_owned()
}
