//! The byte order mark before a JSON text: Windows tools write it, and RFC 8259 lets a reader ignore it.

const MARK: &[u8] = "\u{feff}".as_bytes();

/// At every door alike: the API, a row that another program wrote, a message of the queue.
#[must_use]
pub fn without_mark(json: &[u8]) -> &[u8] {
    json.strip_prefix(MARK).unwrap_or(json)
}
