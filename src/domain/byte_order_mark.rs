//! The byte order mark before a JSON text: Windows tools write it, and RFC 8259 lets a reader ignore it.

const MARK: &[u8] = "\u{feff}".as_bytes();

/// The text without a leading byte order mark. Used for everything that comes in: API requests, rows that another
/// program wrote, messages of the queue.
#[must_use]
pub fn without_mark(json: &[u8]) -> &[u8] {
    json.strip_prefix(MARK).unwrap_or(json)
}
