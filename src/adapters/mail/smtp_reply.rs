//! Reads an SMTP reply from its bytes: the code decides, and the text is only for people (RFC 5321, 4.2).
//!
//! So the text may be anything: in an unknown encoding, empty, longer than allowed, or with lines that have another
//! code or none. The last line's code counts.

use std::io;
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncReadExt};

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Reply {
    pub code: u16,
    /// The texts of its lines, within the bounds below.
    pub lines: Vec<String>,
}

impl Reply {
    pub(super) fn text(&self) -> String {
        self.lines.join(" ").trim().to_owned()
    }
}

/// How much of a line and of a reply is kept, and how much of a reply is read: far more than any server sends.
const LINE_KEPT_MAX: usize = 1_000;
const LINES_KEPT_MAX: usize = 100;
const REPLY_BYTES_MAX: u64 = 1_048_576;

/// # Errors
/// The connection's; `InvalidData`: the first line has no code, so it is not SMTP; `UnexpectedEof`: the connection
/// ended within the reply, or the reply is too long.
pub(super) async fn read(stream: &mut (dyn AsyncBufRead + Send + Unpin)) -> io::Result<Reply> {
    let mut stream = stream.take(REPLY_BYTES_MAX);
    let mut lines: Vec<String> = Vec::new();
    let mut line = Vec::new();
    loop {
        line.clear();
        stream.read_until(b'\n', &mut line).await?;
        let Some(whole) = line.strip_suffix(b"\n") else {
            let what =
                if stream.limit() == 0 { "its reply did not end" } else { "the connection ended before a reply" };
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, what));
        };
        let whole = whole.strip_suffix(b"\r").unwrap_or(whole);
        let coded = code(whole);
        if coded.is_none() && lines.is_empty() {
            return Err(io::Error::new(io::ErrorKind::InvalidData, format!("is not SMTP: {}", kept(whole))));
        }
        if lines.len() < LINES_KEPT_MAX {
            lines.push(kept(coded.map_or(whole, |(_, text)| text)));
        }
        match coded {
            Some((_, [b'-', ..])) | None => {}
            Some((code, _)) => {
                let lines = lines.iter().map(|line| line.trim_start_matches(['-', ' ']).to_owned()).collect();
                return Ok(Reply { code, lines });
            }
        }
    }
}

/// A line's code and the rest, which begins with the separator.
fn code(line: &[u8]) -> Option<(u16, &[u8])> {
    let (code, text) = line.split_at_checked(3)?;
    let digits = code.iter().all(u8::is_ascii_digit) && !text.first().is_some_and(u8::is_ascii_digit);
    let code = digits.then(|| code.iter().fold(0, |sum, digit| sum * 10 + u16::from(digit - b'0')))?;
    (200..600).contains(&code).then_some((code, text))
}

fn kept(text: &[u8]) -> String {
    String::from_utf8_lossy(&text[..text.len().min(LINE_KEPT_MAX)]).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read_of(bytes: &[u8]) -> (io::Result<Reply>, usize) {
        let mut rest = bytes;
        let reply = read(&mut rest).await;
        (reply, rest.len())
    }

    #[tokio::test]
    async fn the_code_decides_whatever_the_text_is() {
        let long = [b"250 ".as_slice(), &b"x".repeat(100_000), b"\r\n"].concat();
        let many = [b"250-x\r\n".repeat(5_000), b"250 y\r\n".to_vec()].concat();
        for (bytes, code, text) in [
            (b"250 2.0.0 queued\r\n".as_slice(), 250, Some("2.0.0 queued")),
            (b"250\r\n", 250, Some("")),
            (b"250 \r\n", 250, Some("")),
            (b"250\n", 250, Some("")),
            (b"250 ok\n", 250, Some("ok")),
            (b"250OK\r\n", 250, Some("OK")),
            (b"250 przyj\xeate\r\n", 250, Some("przyj\u{fffd}te")),
            (b"250 \xff\xfe\x00\r\n", 250, Some("\u{fffd}\u{fffd}\0")),
            (b"250-queued\r\n250 as 77\r\n", 250, Some("queued as 77")),
            (b"250-\r\n250-\r\n250\r\n", 250, Some("")),
            (b"250-queued\r\n as 77\r\n\r\n250 done\r\n", 250, Some("queued as 77  done")),
            (b"250-one\r\n451 two\r\n", 451, Some("one two")),
            (b"550-5.7.1 no\r\n550 5.7.1 really\r\n", 550, Some("5.7.1 no 5.7.1 really")),
            (&long, 250, None),
            (&many, 250, None),
        ] {
            let (reply, rest) = read_of(bytes).await;
            let reply = reply.unwrap();
            assert_eq!((reply.code, rest), (code, 0), "{}", String::from_utf8_lossy(&bytes[..bytes.len().min(40)]));
            assert!(text.is_none_or(|text| reply.text() == text), "{reply:?}");
            assert!(reply.text().len() <= LINE_KEPT_MAX * LINES_KEPT_MAX);
        }
    }

    #[tokio::test]
    async fn an_invalid_reply_is_an_error_and_bytes_after_a_reply_stay_unread() {
        for bytes in [
            b"".as_slice(),
            b"250",
            b"250 cut off",
            b"250-more\r\n",
            b"* OK IMAP4 ready\r\n",
            b"HTTP/1.1 400 Bad Request\r\n",
            b"\r\n",
            b"2500 x\r\n",
            b"999 x\r\n",
            b"020 x\r\n",
        ] {
            assert!(read_of(bytes).await.0.is_err(), "{}", String::from_utf8_lossy(bytes));
        }
        let endless = b"250-x\r\n".repeat(200_000);
        assert!(read_of(&endless).await.0.unwrap_err().to_string().contains("did not end"));
        assert_eq!(read_of(b"250 a\r\n220 b\r\n").await.1, 7);
    }
}
