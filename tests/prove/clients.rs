//! Ten thousand slow clients at once, against the handler and against the local host's front: others are answered
//! meanwhile, memory and file handles stay bounded, and all is as before once they are gone.

use crate::{handler::Handler, support::host::Host};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::{
    fs,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinSet,
    time::{Instant, sleep, timeout},
};

#[derive(clap::Args)]
pub struct Arguments {
    /// Slow clients at once
    #[arg(long, default_value_t = 10_000)]
    connections: usize,
    /// How long the others are measured while the slow ones are there
    #[arg(long, default_value_t = 20)]
    seconds: u64,
}

/// What slow clients have sent when they stop: nothing, half a head, half a body of either framing, a whole request whose
/// answer they never read.
const BEGUN: [&str; 5] = [
    "",
    "GET /api/clients HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\nX-",
    "POST /api/clients HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\nContent-Type: application/json\r\nContent-Length: 60000\r\n\r\n{",
    "POST /api/clients HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n",
    "GET /api/openapi.json HTTP/1.1\r\nHost: 127.0.0.1:PORT\r\n\r\n",
];
/// What a slow client sends now and then, so that it is never quite silent.
const DRIP: &str = "a";
const DRIP_EVERY: Duration = Duration::from_secs(2);
/// A client that lost its connection comes back after this.
const BACK_AFTER: Duration = Duration::from_secs(30);
/// Nobody waits longer than a person would.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);
/// Above what it needs when idle; a debug build.
const GROWTH_KB_MAX: u64 = 120_000;
/// 512 connections, each of which may need another one onward, and what a process keeps open besides.
const HANDLES_MAX: usize = 1_200;

pub async fn prove(arguments: Arguments) {
    let open_max = getrlimit(Resource::Nofile).maximum;
    setrlimit(Resource::Nofile, Rlimit { current: open_max, maximum: open_max }).unwrap();
    let needed = arguments.connections + 500;
    assert!(open_max.is_none_or(|most| most >= needed as u64), "this needs {needed} open files: ulimit -n");

    let folder = tempfile::tempdir().unwrap();
    let bus = "Endpoint=sb://127.0.0.1:1;SharedAccessKeyName=a;SharedAccessKey=c2VjcmV0;UseDevelopmentEmulator=true";
    let handler = Handler::start(&[
        ("Store__Path", folder.path().join("app.db").display().to_string()),
        ("AZURE_FUNCTIONS_ENVIRONMENT", "Development".to_owned()),
        ("ServiceBusConnection", bus.to_owned()),
        ("ServiceBus__Transport", "rest".to_owned()),
    ])
    .await;
    besieged("the handler", handler.port, process_of(handler.port), &arguments).await;
    drop(handler);

    let folder = tempfile::tempdir().unwrap();
    let host = Host::start(folder.path(), &[], &[]);
    besieged("the local host's front", host.port, process_of(host.port), &arguments).await;
}

async fn besieged(what: &str, port: u16, process: PathBuf, arguments: &Arguments) {
    let idle = figures(&process);
    let (held, lost) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let mut slow = JoinSet::new();
    for n in 0..arguments.connections {
        slow.spawn(slow_client(port, BEGUN[n % BEGUN.len()], held.clone(), lost.clone()));
    }
    let mut others = Vec::new();
    let (begun, mut most) = (Instant::now(), idle);
    // While they come, and then for as long as requested.
    let mut all_came = None;
    while all_came.is_none_or(|at: Instant| at.elapsed() < Duration::from_secs(arguments.seconds)) {
        others.push((all_came.is_some(), answered(port).await));
        let now = figures(&process);
        most = (most.0.max(now.0), most.1.max(now.1));
        if all_came.is_none() && held.load(Ordering::Relaxed) + lost.load(Ordering::Relaxed) >= arguments.connections {
            all_came = Some(Instant::now());
        }
        assert!(begun.elapsed() < Duration::from_mins(4), "the slow clients do not get through");
        sleep(Duration::from_millis(50)).await;
    }
    let came_ms = all_came.map_or(0, |at| (at - begun).as_millis());
    let (there, lost) = (held.load(Ordering::Relaxed), lost.load(Ordering::Relaxed));
    slow.shutdown().await;
    let recovered = Instant::now();
    answered(port).await;
    let recovered_ms = recovered.elapsed().as_millis();
    let slowest = |after: bool| others.iter().filter(|(at, _)| *at == after).map(|(_, took)| took.as_millis()).max();
    println!(
        "{what}: {} slow clients within {came_ms} ms; {there} connected at the end, {lost} connections lost to newer ones; \
         {} others answered, the slowest in {:?} ms while they came and in {:?} ms afterwards; memory {} KB to {} KB, \
         {} open files at most; {recovered_ms} ms for the next once they were gone",
        arguments.connections,
        others.len(),
        slowest(false).unwrap_or(0),
        slowest(true).unwrap_or(0),
        idle.0,
        most.0,
        most.1,
    );
    assert!(most.0 - idle.0 < GROWTH_KB_MAX, "memory grew from {} to {} KB", idle.0, most.0);
    assert!(most.1 < HANDLES_MAX, "{} open files", most.1);
    assert!(recovered_ms < 5_000, "{recovered_ms} ms for one request when nobody else is there");
}

/// Connects, says too little, drips, and comes back when it is cut.
async fn slow_client(port: u16, begun: &'static str, held: Arc<AtomicUsize>, lost: Arc<AtomicUsize>) {
    loop {
        let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)).await else {
            sleep(Duration::from_secs(1)).await;
            continue;
        };
        let _ = stream.write_all(begun.replace("PORT", &port.to_string()).as_bytes()).await;
        held.fetch_add(1, Ordering::Relaxed);
        // Never reads: a closed connection is found by writing.
        loop {
            sleep(DRIP_EVERY).await;
            if !begun.is_empty() && stream.write_all(DRIP.as_bytes()).await.is_err() {
                break;
            }
            if begun.is_empty() && timeout(Duration::from_millis(1), stream.read_u8()).await.is_ok() {
                break;
            }
        }
        held.fetch_sub(1, Ordering::Relaxed);
        lost.fetch_add(1, Ordering::Relaxed);
        sleep(BACK_AFTER).await;
    }
}

/// One request on a connection of its own: how long until its whole answer.
async fn answered(port: u16) -> Duration {
    let begun = Instant::now();
    let asked = async {
        // A connection that is refused for the moment, or answered 503, is tried again, as clients do.
        loop {
            let Ok(mut stream) = TcpStream::connect(("127.0.0.1", port)).await else { continue };
            let request = format!("GET /api/clients HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n");
            let mut answer = String::new();
            if stream.write_all(request.as_bytes()).await.is_ok()
                && stream.read_to_string(&mut answer).await.is_ok()
                && answer.starts_with("HTTP/1.1 200 ")
            {
                return;
            }
            sleep(Duration::from_millis(100)).await;
        }
    };
    timeout(ANSWER_WITHIN, asked).await.expect("a client was not answered while others were slow");
    begun.elapsed()
}

/// Resident memory in KB, and open files.
fn figures(process: &std::path::Path) -> (u64, usize) {
    let status = fs::read_to_string(process.join("status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    let kb = line.split_whitespace().next().unwrap().parse().unwrap();
    (kb, fs::read_dir(process.join("fd")).unwrap().count())
}

/// The process of ours that listens on this port, in `/proc`.
fn process_of(port: u16) -> PathBuf {
    let table = fs::read_to_string("/proc/net/tcp").unwrap();
    let local = format!(":{port:04X}");
    let listens = |line: &&str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        fields.get(1).is_some_and(|at| at.ends_with(&local)) && fields.get(3) == Some(&"0A")
    };
    let socket = format!("socket:[{}]", table.lines().find(listens).unwrap().split_whitespace().nth(9).unwrap());
    let processes = fs::read_dir("/proc").unwrap().filter_map(|entry| Some(entry.ok()?.path()));
    let holds = |process: &PathBuf| {
        let files = fs::read_dir(process.join("fd")).into_iter().flatten().filter_map(Result::ok);
        files.filter_map(|file| fs::read_link(file.path()).ok()).any(|target| target.as_os_str() == socket.as_str())
    };
    processes.into_iter().find(holds).expect("no process listens there")
}
