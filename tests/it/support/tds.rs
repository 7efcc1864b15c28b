//! A stand-in for SQL Server on the wire: accepts every login, answers by the names that our statements open with, and
//! fails where a test orders it. It runs no SQL. (Microsoft's mssql-mock-tds has no strings and needs OpenSSL.)

pub mod tokens;

use super::wire_names;
use bytes::{BufMut, BytesMut};
use std::{
    collections::VecDeque,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard},
};
use tokens::{Cell, Table, table};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpSocket,
    sync::watch,
    task::{JoinHandle, JoinSet},
};

/// What happens to one request or one login.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// At a login: the database is on a node at this port of this machine.
    SentOn(u16),
    /// The connection ends when the request has only begun to arrive.
    CutRequest,
    /// It arrived whole, and was carried out; then the connection ends without an answer.
    CutAnswer,
    /// Carried out; then the connection ends in the middle of the answer.
    CutInAnswer,
    /// Carried out; then every connection ends, and so does each new one.
    CutForGood,
    /// Carried out, and answered by a packet of no tokens.
    Garbage,
    /// Carried out, and never answered.
    Stall,
    /// Refused with an error's number.
    Error(u32),
    /// Carried out; then an error of the class that ends the connection, and its end.
    Fatal(u32),
}

/// A request as it arrived.
#[derive(Debug, Clone)]
pub struct Request {
    /// The number of the connection on this server, from 1.
    pub connection: usize,
    /// The names of its statements, or its text where it has no names.
    pub names: Vec<String>,
    /// Its ASCII: the text, and the types of the parameters.
    pub text: String,
    /// Whether it counts as carried out.
    pub done: bool,
}

#[derive(Default)]
struct State {
    faults: VecDeque<(String, Fault)>,
    logins: VecDeque<Fault>,
    answers: Vec<(String, Vec<Table>)>,
    requests: Vec<Request>,
    /// The text of each login, as far as it is UTF-16.
    seen_logins: Vec<String>,
    connections: usize,
    encryption: u8,
    dead: bool,
}

pub struct TdsServer {
    pub address: SocketAddr,
    state: Arc<Mutex<State>>,
    tls: Option<tokio_rustls::TlsAcceptor>,
    /// Holds the port while nobody listens on it, so that no other test gets it.
    reserved: Option<TcpSocket>,
    listening: Option<(JoinHandle<()>, watch::Sender<()>)>,
}

impl TdsServer {
    /// Listens on a port of its own, with a database that is migrated.
    pub async fn start() -> Self {
        let mut server = Self::down(None).await;
        server.listen().await;
        server
    }

    /// TDS 8: TLS before anything else, with a certificate of its own.
    pub async fn with_tls(acceptor: tokio_rustls::TlsAcceptor) -> Self {
        let mut server = Self::down(Some(acceptor)).await;
        server.listen().await;
        server
    }

    /// Has a port, and refuses connections.
    #[allow(clippy::unused_async, reason = "only within a runtime")]
    pub async fn down(tls: Option<tokio_rustls::TlsAcceptor>) -> Self {
        let reserved = reserve("127.0.0.1:0".parse().unwrap());
        let address = reserved.local_addr().unwrap();
        let state = Arc::new(Mutex::new(State { encryption: 2, ..State::default() }));
        let server = Self { address, state, tls, reserved: Some(reserved), listening: None };
        server.migrated(true);
        server
    }

    #[allow(clippy::unused_async, reason = "only within a runtime")]
    pub async fn listen(&mut self) {
        let listener = self.reserved.take().unwrap().listen(1_024).unwrap();
        let (cut, cutting) = watch::channel(());
        let (state, tls) = (self.state.clone(), self.tls.clone());
        let serving = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let mut cut = cutting.clone();
                tokio::select! {
                    accepted = listener.accept() => {
                        let (stream, _) = accepted.unwrap();
                        let (state, tls) = (state.clone(), tls.clone());
                        connections.spawn(async move {
                            match tls {
                                None => serve(stream, &state).await,
                                Some(tls) => {
                                    if let Ok(stream) = tls.accept(stream).await {
                                        serve(stream, &state).await;
                                    }
                                }
                            }
                        });
                    }
                    gone = cut.changed() => {
                        connections.shutdown().await;
                        if gone.is_err() {
                            return;
                        }
                    }
                }
            }
        });
        self.listening = Some((serving, cut));
    }

    /// Cuts every connection and refuses new ones, until `listen`.
    pub async fn refuse(&mut self) {
        let (serving, cut) = self.listening.take().unwrap();
        drop(cut);
        serving.await.unwrap();
        self.reserved = Some(reserve(self.address));
    }

    /// Cuts every connection, and returns when they are gone.
    pub async fn cut(&mut self) {
        self.refuse().await;
        self.listen().await;
    }

    pub fn connection_string(&self, rest: &str) -> String {
        let (host, port) = (self.address.ip(), self.address.port());
        format!("Server=tcp:{host},{port};Database=office;{rest}")
    }

    /// A connection string without encryption, with a SQL login.
    pub fn plain(&self) -> String {
        self.connection_string("User ID=app;Password=geheim;Encrypt=DANGER_PLAINTEXT")
    }

    /// The next request with this statement meets this fault; several for one statement are met in order.
    pub fn fault(&self, statement: &str, fault: Fault) {
        self.state().faults.push_back((statement.to_owned(), fault));
    }

    /// The next login meets this fault.
    pub fn login_fault(&self, fault: Fault) {
        self.state().logins.push_back(fault);
    }

    /// Answers every request with this statement; a statement without an answer gets an empty one.
    pub fn answer(&self, statement: &str, tables: Vec<Table>) {
        let mut state = self.state();
        state.answers.retain(|(known, _)| known != statement);
        state.answers.push((statement.to_owned(), tables));
    }

    /// A migrated database, or one that was never migrated.
    pub fn migrated(&self, migrated: bool) {
        let known = Cell::Int(i64::from(migrated));
        self.place(known, 150);
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/adapters/sqlserver/migrations");
        let history = refinery_core::load_sql_migrations(folder).unwrap();
        let rows = history.iter().map(|one| {
            let checksum = one.checksum().to_string();
            vec![
                i64::from(one.version()).into(),
                one.name().into(),
                "2026-11-24T08:00:00Z".into(),
                checksum.as_str().into(),
            ]
        });
        let columns = ["version", "name", "applied_on", "checksum"];
        self.answer("migrate_history", vec![table(&columns, rows.collect())]);
    }

    /// Migrated, at this compatibility level.
    pub fn of_level(&self, level: i64) {
        self.place(Cell::Int(1), level);
    }

    fn place(&self, known: Cell, level: i64) {
        let columns = ["DatabaseName", "ServerName", "Known", "CompatibilityLevel"];
        let row = vec!["office".into(), "srv".into(), known, level.into()];
        self.answer("migrate_where", vec![table(&columns, vec![row])]);
    }

    /// All requests with this statement so far.
    pub fn requests(&self, statement: &str) -> Vec<Request> {
        let holds = |request: &&Request| request.names.iter().any(|name| name.contains(statement));
        self.state().requests.iter().filter(holds).cloned().collect()
    }

    pub fn all_requests(&self) -> Vec<Request> {
        self.state().requests.clone()
    }

    /// How often the statement arrived whole and was not refused.
    pub fn done(&self, statement: &str) -> usize {
        self.requests(statement).iter().filter(|request| request.done).count()
    }

    pub fn logins(&self) -> Vec<String> {
        self.state().seen_logins.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }
}

/// Bound, and refuses connections.
fn reserve(address: SocketAddr) -> TcpSocket {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_reuseaddr(true).unwrap();
    socket.bind(address).unwrap();
    socket
}

async fn serve(mut stream: impl AsyncRead + AsyncWrite + Unpin, state: &Mutex<State>) {
    // Errors are expected: most tests cut connections.
    let _ = converse(&mut stream, state).await;
}

const PRELOGIN: u8 = 18;
const LOGIN: u8 = 16;
const RPC: u8 = 3;

async fn converse(stream: &mut (impl AsyncRead + AsyncWrite + Unpin), state: &Mutex<State>) -> std::io::Result<()> {
    let connection = {
        let mut state = state.lock().unwrap();
        state.connections += 1;
        state.connections
    };
    loop {
        let mut header = [0; 8];
        stream.read_exact(&mut header).await?;
        if state.lock().unwrap().dead {
            return Ok(());
        }
        let kind = header[0];
        if kind != PRELOGIN && kind != LOGIN && cut_now(state) {
            return Ok(());
        }
        let body = message(stream, header).await?;
        let mut out = BytesMut::new();
        let fault = match kind {
            PRELOGIN => {
                let encryption = state.lock().unwrap().encryption;
                out = tokens::prelogin(encryption);
                None
            }
            LOGIN => {
                let mut state = state.lock().unwrap();
                state.seen_logins.push(wire_names::utf16(&body));
                let fault = state.logins.pop_front();
                tokens::login_ack(&mut out);
                if let Some(Fault::SentOn(port)) = fault {
                    tokens::sent_on(&mut out, "127.0.0.1", port);
                }
                tokens::end(&mut out, false, false);
                fault
            }
            _ => requested(&mut state.lock().unwrap(), connection, kind == RPC, &body, &mut out),
        };
        match fault {
            None | Some(Fault::SentOn(_)) => write(stream, &out, true).await?,
            Some(Fault::Error(number)) => {
                let mut out = BytesMut::new();
                tokens::error(&mut out, number, 16, "Cannot insert duplicate key (ania@example.pl)");
                tokens::end(&mut out, kind == RPC, true);
                write(stream, &out, true).await?;
            }
            Some(Fault::Fatal(number)) => {
                let mut out = BytesMut::new();
                tokens::error(
                    &mut out,
                    number,
                    20,
                    "Cannot continue the execution because the session is in the kill state.",
                );
                tokens::end(&mut out, kind == RPC, true);
                write(stream, &out, true).await?;
                return Ok(());
            }
            Some(Fault::CutRequest | Fault::CutAnswer) => return Ok(()),
            Some(Fault::CutForGood) => {
                state.lock().unwrap().dead = true;
                return Ok(());
            }
            Some(Fault::CutInAnswer) => {
                write(stream, &out, false).await?;
                return Ok(());
            }
            Some(Fault::Garbage) => write(stream, b"\0\x01no token begins so", true).await?,
            // Waits until the client gives up.
            Some(Fault::Stall) => {
                stream.read_u8().await?;
            }
        }
    }
}

/// Notes a request and prepares its answer.
fn requested(state: &mut State, connection: usize, rpc: bool, body: &[u8], out: &mut BytesMut) -> Option<Fault> {
    let mut names = wire_names::statements(body);
    if names.is_empty() {
        names.push(wire_names::utf16(body));
    }
    let holds = |statement: &str| names.iter().any(|name| name.contains(statement));
    let place = state.faults.iter().position(|(statement, _)| holds(statement));
    let fault = place.and_then(|place| state.faults.remove(place)).map(|(_, fault)| fault);
    if let Some((_, tables)) = state.answers.iter().find(|(statement, _)| holds(statement)) {
        tokens::results(out, tables);
    }
    match fault {
        // The rows arrive, the end of the answer does not.
        Some(Fault::CutInAnswer) => {}
        _ => tokens::end(out, rpc, false),
    }
    let done = !matches!(fault, Some(Fault::Error(_)));
    state.requests.push(Request { connection, names, text: wire_names::utf16(body), done });
    fault
}

/// A request that is cut while it arrives is not read, so the fault meets the next request of any kind.
fn cut_now(state: &Mutex<State>) -> bool {
    let mut state = state.lock().unwrap();
    let place = state.faults.iter().position(|(_, fault)| *fault == Fault::CutRequest);
    place.and_then(|place| state.faults.remove(place)).is_some()
}

/// The rest of a message whose first header was read.
async fn message(stream: &mut (impl AsyncRead + Unpin), mut header: [u8; 8]) -> std::io::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let length = usize::from(u16::from_be_bytes([header[2], header[3]])) - header.len();
        let start = body.len();
        body.resize(start + length, 0);
        stream.read_exact(&mut body[start..]).await?;
        if header[1] & 1 == 1 {
            return Ok(body);
        }
        stream.read_exact(&mut header).await?;
    }
}

const PACKET_BYTES_MAX: usize = 4000;

async fn write(stream: &mut (impl AsyncWrite + Unpin), body: &[u8], whole: bool) -> std::io::Result<()> {
    let packets = body.len().div_ceil(PACKET_BYTES_MAX);
    for (place, part) in body.chunks(PACKET_BYTES_MAX).enumerate() {
        let mut packet = BytesMut::new();
        packet.put_slice(&[4, u8::from(whole && place + 1 == packets)]);
        packet.put_u16(u16::try_from(part.len() + 8).unwrap());
        packet.put_u32(0);
        packet.put_slice(part);
        stream.write_all(&packet).await?;
    }
    stream.flush().await
}
