//! A request with its body, which is read whole, within a size and a deadline, before it is used.

use super::trace::Trace;
use futures::{Stream, StreamExt};
use std::{pin::pin, time::Duration};
use warp::{
    Buf,
    http::{HeaderMap, Method},
};

pub(super) struct Head {
    pub(super) method: Method,
    /// Raw, as it arrived.
    pub(super) path: String,
    pub(super) query: String,
    pub(super) headers: HeaderMap,
}

pub(super) struct Request {
    pub(super) head: Head,
    pub(super) body: Body,
    pub(super) trace: Trace,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Body {
    Whole(Vec<u8>),
    TooLarge,
    /// The peer disconnected, or its chunks are malformed.
    Cut,
    /// It was not complete after `READ_WITHIN`.
    Slow,
}

/// The host is on this machine and has the whole body, or streams it from a caller that it bounds itself.
const READ_WITHIN: Duration = Duration::from_secs(30);
/// A body that is too large is still read and dropped up to this size (the Azure host accepts 100 MB): an answer in the
/// middle breaks the connection, and a client that sends everything before it reads would not see the 413.
const DROPPED_BYTES_MAX: usize = 128 * 1024 * 1024;

/// Reads the whole body. No Content-Length is required: in Azure the host's own bodies are chunked.
pub(super) async fn read<B: Buf, E>(stream: impl Stream<Item = Result<B, E>>, bytes_max: usize) -> Body {
    let whole = async {
        let mut stream = pin!(stream);
        let (mut body, mut bytes) = (Vec::new(), 0_usize);
        while let Some(piece) = stream.next().await {
            let Ok(mut piece) = piece else { return Body::Cut };
            bytes = bytes.saturating_add(piece.remaining());
            if bytes > DROPPED_BYTES_MAX {
                break;
            }
            if bytes > bytes_max {
                body = Vec::new();
                continue;
            }
            while piece.has_remaining() {
                let chunk = piece.chunk();
                body.extend_from_slice(chunk);
                piece.advance(chunk.len());
            }
        }
        if bytes > bytes_max { Body::TooLarge } else { Body::Whole(body) }
    };
    tokio::time::timeout(READ_WITHIN, whole).await.unwrap_or(Body::Slow)
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::stream;

    #[tokio::test]
    async fn the_size_limit_counts_all_chunks() {
        let chunks = |sizes: &[usize]| {
            stream::iter(sizes.iter().map(|n| Ok::<_, ()>(vec![b'x'; *n])).collect::<Vec<_>>())
                .map(|chunk| chunk.map(std::io::Cursor::new))
        };
        assert_eq!(read(chunks(&[3, 4]), 7).await, Body::Whole(vec![b'x'; 7]));
        assert_eq!(read(chunks(&[3, 4, 1]), 7).await, Body::TooLarge);
        assert_eq!(read(chunks(&[]), 7).await, Body::Whole(Vec::new()));
        let cut = stream::iter([Ok(&b"x"[..]), Err(())]);
        assert_eq!(read(cut, 7).await, Body::Cut);
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_never_ends_times_out() {
        assert_eq!(read(stream::pending::<Result<&[u8], ()>>(), 7).await, Body::Slow);
    }
}
