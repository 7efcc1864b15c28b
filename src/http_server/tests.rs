//! The server against clients that hold slots, dribble and never finish.

use super::*;
use http_body_util::BodyExt;
use std::net::SocketAddr;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpSocket,
    task::JoinHandle,
};

/// Only a failing test waits this long.
const DEADLINE: Duration = Duration::from_secs(20);

/// Longer than `DEADLINE`, so that no test passes because of a limit it does not test.
const LIMIT: Duration = Duration::from_mins(2);

const LIMITS: Limits = Limits {
    slots: 4,
    headers_within: LIMIT,
    body_within: LIMIT,
    patience: Duration::from_millis(50),
    slot_within: LIMIT,
};

struct Server {
    at: SocketAddr,
    task: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Never answers `/never`. Answers everything else when its body has ended: 200, or 400 if it is incomplete.
async fn server(limits: Limits) -> Server {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let at = listener.local_addr().unwrap();
    let service = service_fn(|request: Request<Inbound>| async {
        if request.uri().path() == "/never" {
            std::future::pending::<()>().await;
        }
        let whole = request.into_body().collect().await;
        let mut response = Response::new(Full::<Bytes>::default());
        *response.status_mut() = if whole.is_ok() { StatusCode::OK } else { StatusCode::BAD_REQUEST };
        Ok::<_, Infallible>(response)
    });
    Server { at, task: tokio::spawn(serve(listener, limits, service, std::future::pending())) }
}

/// A connection from the given loopback address, on which `bytes` were sent.
async fn sent(server: &Server, from: &str, bytes: &str) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(format!("{from}:0").parse().unwrap()).unwrap();
    let mut stream = socket.connect(server.at).await.unwrap();
    stream.write_all(bytes.as_bytes()).await.unwrap();
    stream
}

/// The status of the answer; 0: the connection was closed without one.
async fn status(stream: &mut TcpStream) -> u16 {
    let mut head = [0_u8; 1024];
    let read = tokio::time::timeout(DEADLINE, stream.read(&mut head)).await.expect("neither answered nor closed");
    let text = String::from_utf8_lossy(&head[..read.unwrap_or(0)]).into_owned();
    text.split(' ').nth(1).map_or(0, |status| status.parse().unwrap())
}

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const NEVER: &str = "GET /never HTTP/1.1\r\nHost: a\r\n\r\n";
const CHUNKED: &str = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n";
const SIZED: &str = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n{";

#[tokio::test]
async fn a_new_connection_is_answered_whatever_the_others_dribble() {
    for held in ["", "GET / HT", CHUNKED, SIZED] {
        let server = server(LIMITS).await;
        let mut holders = Vec::new();
        for _ in 0..LIMITS.slots * 3 {
            holders.push(sent(&server, "127.0.0.1", held).await);
        }
        assert_eq!(status(&mut sent(&server, "127.0.0.1", GET).await).await, 200, "{held}");
    }
}

#[tokio::test]
async fn an_idle_connection_loses_its_slot_to_a_new_one() {
    let server = server(LIMITS).await;
    let mut idle = Vec::new();
    for _ in 0..LIMITS.slots {
        let mut stream = sent(&server, "127.0.0.1", GET).await;
        assert_eq!(status(&mut stream).await, 200);
        idle.push(stream);
    }
    assert_eq!(status(&mut sent(&server, "127.0.0.1", GET).await).await, 200);
    assert_eq!(status(&mut idle[0]).await, 0, "the connection that was idle longest");
}

#[tokio::test]
async fn the_peer_with_the_most_slots_loses_one_first() {
    let server = server(LIMITS).await;
    let mut modest = sent(&server, "127.0.0.1", "").await;
    let mut greedy = Vec::new();
    for _ in 0..LIMITS.slots {
        greedy.push(sent(&server, "127.0.0.2", SIZED).await);
    }
    assert_eq!(status(&mut sent(&server, "127.0.0.3", GET).await).await, 200);
    modest.write_all(GET.as_bytes()).await.unwrap();
    assert_eq!(status(&mut modest).await, 200, "it was there first, and idle longest");
}

#[tokio::test]
async fn when_every_slot_is_being_answered_a_new_connection_gets_503_in_time() {
    let server = server(Limits { slot_within: Duration::from_millis(200), ..LIMITS }).await;
    let mut busy = Vec::new();
    for _ in 0..LIMITS.slots {
        busy.push(sent(&server, "127.0.0.1", NEVER).await);
    }
    let pending = (0..PENDING_MAX + 2).map(|_| async {
        let mut stream = sent(&server, "127.0.0.1", CHUNKED).await;
        status(&mut stream).await
    });
    assert!(futures::future::join_all(pending).await.iter().all(|status| *status == 503));
    drop(busy);
    assert_eq!(status(&mut sent(&server, "127.0.0.1", GET).await).await, 200, "once they are gone");
}

#[tokio::test]
async fn a_body_has_one_deadline_whatever_its_framing() {
    let server = server(Limits { body_within: Duration::from_millis(300), ..LIMITS }).await;
    for (head, more) in [(CHUNKED, "1\r\n \r\n"), (SIZED, " ")] {
        let mut stream = sent(&server, "127.0.0.1", head).await;
        let (mut reading, mut writing) = stream.split();
        let dribble = async {
            // Never long without a byte.
            while writing.write_all(more.as_bytes()).await.is_ok() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            std::future::pending::<()>().await;
        };
        let mut answer = [0; 12];
        tokio::select! {
            read = tokio::time::timeout(DEADLINE, reading.read_exact(&mut answer)) => { read.expect("it is never cut").unwrap(); }
            () = dribble => {}
        }
        assert_eq!(&answer, b"HTTP/1.1 400", "{head}");
    }
}

#[tokio::test]
async fn headers_that_never_end_are_cut() {
    let server = server(Limits { headers_within: Duration::from_millis(100), ..LIMITS }).await;
    for begun in ["", "GET / HTTP/1.1\r\nHost: a\r\nX-"] {
        let answered = status(&mut sent(&server, "127.0.0.1", begun).await).await;
        assert!(matches!(answered, 0 | 408), "{begun}: {answered}");
    }
}

#[test]
fn the_number_of_slots_follows_the_limit_of_open_files() {
    let limits = Limits::sharing(1);
    assert!((SLOTS_MIN..=SLOTS_MAX).contains(&limits.slots));
    assert!(Limits::sharing(2).slots <= limits.slots);
    assert_eq!(Limits::sharing(u64::MAX).slots, SLOTS_MIN);
}
