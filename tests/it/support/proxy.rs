//! A TCP proxy between us and a server: it passes bytes on, swallows them, or leads to another server.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicBool, Ordering},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    task::{JoinHandle, JoinSet},
};

pub struct Proxy {
    pub port: u16,
    state: Arc<Mutex<State>>,
    serving: JoinHandle<()>,
}

struct State {
    target: u16,
    /// Shared by the connections made since the last silence.
    silent: Arc<AtomicBool>,
    /// Clients first send their target, as with HTTP's CONNECT.
    asked: bool,
    targets: Vec<String>,
    connections: usize,
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Proxy {
    pub async fn to(target: u16) -> Self {
        Self::start(target, false).await
    }

    /// An HTTP proxy: every CONNECT leads to this server, whatever its target.
    pub async fn of_http(target: u16) -> Self {
        Self::start(target, true).await
    }

    async fn start(target: u16, asked: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = State { target, silent: Arc::default(), asked, targets: Vec::new(), connections: 0 };
        let state = Arc::new(Mutex::new(state));
        let shared = state.clone();
        let serving = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                // Connections may end: tests cut them.
                connections.spawn(pass(client, shared.clone()));
            }
        });
        Self { port, state, serving }
    }

    /// Existing connections stay open but carry nothing more in either direction; new ones work.
    pub fn swallow(&self) {
        let mut state = self.state.lock().unwrap();
        state.silent.store(true, Ordering::SeqCst);
        state.silent = Arc::default();
    }

    /// New connections lead to another server.
    pub fn lead_to(&self, target: u16) {
        self.state.lock().unwrap().target = target;
    }

    pub fn connections(&self) -> usize {
        self.state.lock().unwrap().connections
    }

    /// The targets that CONNECT requests named.
    pub fn targets(&self) -> Vec<String> {
        self.state.lock().unwrap().targets.clone()
    }
}

async fn pass(mut client: TcpStream, state: Arc<Mutex<State>>) -> std::io::Result<()> {
    let (target, silent, asked) = {
        let mut state = state.lock().unwrap();
        state.connections += 1;
        (state.target, state.silent.clone(), state.asked)
    };
    if asked {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(client.read_u8().await?);
        }
        let place = String::from_utf8_lossy(&head).split(' ').nth(1).unwrap_or_default().to_owned();
        state.lock().unwrap().targets.push(place);
        client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await?;
    }
    let server = TcpStream::connect(("127.0.0.1", target)).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let ((from_client, to_client), (from_server, to_server)) = (client.into_split(), server.into_split());
    let (there, back) = (copy(from_client, to_server, silent.clone()), copy(from_server, to_client, silent));
    // As in TCP, each direction ends by itself.
    let _ = tokio::join!(there, back);
    Ok(())
}

async fn copy(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, silent: Arc<AtomicBool>) -> std::io::Result<()> {
    let mut buffer = vec![0; 16_384];
    loop {
        let read = from.read(&mut buffer).await.unwrap_or(0);
        if silent.load(Ordering::SeqCst) {
            if read == 0 {
                std::future::pending::<()>().await;
            }
            continue;
        }
        if read == 0 {
            return to.shutdown().await;
        }
        to.write_all(&buffer[..read]).await?;
    }
}
