//! A proxy in front of a real TDS server, without encryption: cuts or halts where a named statement passes.

use super::wire_names;
use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::oneshot,
    task::{JoinHandle, JoinSet},
};

#[derive(Default)]
struct State {
    cuts: Vec<String>,
    /// From the next cut on, new connections are refused.
    shut_at_cut: bool,
    shut: bool,
    seen: Vec<Vec<String>>,
    holds: Vec<(String, oneshot::Sender<()>, oneshot::Receiver<()>)>,
}

/// A request that is held before the server: `here` when it has arrived, `go` to pass it on.
pub struct Held {
    pub here: oneshot::Receiver<()>,
    pub go: oneshot::Sender<()>,
}

pub struct TdsProxy {
    pub address: SocketAddr,
    state: Arc<Mutex<State>>,
    serving: JoinHandle<()>,
}

impl Drop for TdsProxy {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl TdsProxy {
    pub async fn start(server: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(Mutex::new(State::default()));
        let shared = state.clone();
        let serving = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (client, _) = listener.accept().await.unwrap();
                let (state, server) = (shared.clone(), server.clone());
                if state.lock().unwrap().shut {
                    continue;
                }
                connections.spawn(async move {
                    // Errors are expected: tests cut the connection.
                    let _ = pass(client, &server, &state).await;
                });
            }
        });
        Self { address, state, serving }
    }

    /// The next answer to this statement is read whole from the server, so the work is done, and is then dropped.
    pub fn cut_answer(&self, statement: &str) {
        self.state.lock().unwrap().cuts.push(statement.to_owned());
    }

    /// Like `cut_answer`; from then on every connection is cut until `open`.
    pub fn cut_answer_and_shut(&self, statement: &str) {
        self.cut_answer(statement);
        self.state.lock().unwrap().shut_at_cut = true;
    }

    /// The next request with this statement waits before it reaches the server.
    pub fn hold(&self, statement: &str) -> Held {
        let ((came, here), (go, gone)) = (oneshot::channel(), oneshot::channel());
        self.state.lock().unwrap().holds.push((statement.to_owned(), came, gone));
        Held { here, go }
    }

    pub fn open(&self) {
        self.state.lock().unwrap().shut = false;
    }

    /// How many requests with this statement went to the server.
    pub fn requests(&self, statement: &str) -> usize {
        let state = self.state.lock().unwrap();
        state.seen.iter().filter(|names| names.iter().any(|name| name == statement)).count()
    }
}

async fn pass(mut client: TcpStream, server: &str, state: &Mutex<State>) -> std::io::Result<()> {
    let mut server = TcpStream::connect(server).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    loop {
        // A client sends a request, then reads the whole answer: TDS without attention signals.
        let request = message(&mut client).await?;
        let names = wire_names::statements(&request);
        let held = {
            let mut state = state.lock().unwrap();
            let place = state.holds.iter().position(|(held, ..)| names.contains(held));
            place.map(|place| state.holds.remove(place))
        };
        if let Some((_, came, gone)) = held {
            let _ = came.send(());
            let _ = gone.await;
        }
        let cut = {
            let mut state = state.lock().unwrap();
            let place = state.cuts.iter().position(|cut| names.contains(cut));
            state.seen.push(names);
            place.map(|place| state.cuts.remove(place)).is_some()
        };
        server.write_all(&request).await?;
        let answer = message(&mut server).await?;
        let ended = {
            let mut state = state.lock().unwrap();
            if cut {
                state.shut |= std::mem::take(&mut state.shut_at_cut);
            }
            cut || state.shut
        };
        if ended {
            return Ok(());
        }
        client.write_all(&answer).await?;
    }
}

/// A whole message with its headers.
async fn message(stream: &mut (impl AsyncRead + Unpin)) -> std::io::Result<Vec<u8>> {
    let mut message = Vec::new();
    loop {
        let mut header = [0; 8];
        stream.read_exact(&mut header).await?;
        let length = usize::from(u16::from_be_bytes([header[2], header[3]])) - header.len();
        message.extend(header);
        let start = message.len();
        message.resize(start + length, 0);
        stream.read_exact(&mut message[start..]).await?;
        if header[1] & 1 == 1 {
            return Ok(message);
        }
    }
}
