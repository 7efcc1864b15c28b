//! Measures the figures of `benches/README.md`: `cargo bench`. Everything runs in local mode, as for a newcomer.
//!
//! Prints: handler start to first answer; bookings per second; resident memory of the handler after 10,000 bookings;
//! dispatched rows per second over REST to the local queue.

#![allow(clippy::unwrap_used, reason = "a bench that cannot go on should say where")]

use http_body_util::{BodyExt, Full};
use hyper::{Method, Request, body::Bytes};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use serde_json::{Value, json};
use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

const EXECUTABLE: &str = env!("CARGO_BIN_EXE_client-organizer");
const ROOT: &str = env!("CARGO_MANIFEST_DIR");
const BOOKINGS: u32 = 10_000;
const CALLERS: u32 = 16;
/// Clients of the bench; a client has 1,212 months.
const CLIENTS: u32 = 10;
const STARTS: usize = 10;
const QUEUE: &str = "queue:client-emails";

/// A port without a listener; nothing is sent in this part.
const NOBODY: &str = "Endpoint=sb://127.0.0.1:1;SharedAccessKeyName=k;SharedAccessKey=a2V5;UseDevelopmentEmulator=true";

type Http = Client<HttpConnector, Full<Bytes>>;

#[tokio::main]
async fn main() {
    println!("cores: {}", std::thread::available_parallelism().map_or(0, usize::from));
    starts().await;
    bookings_and_dispatch().await;
}

/// Starts `serve` as the Functions host does, and probes it every millisecond until it answers.
async fn starts() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("app.db");
    run(&["migrate"], &store);
    let mut times = Vec::new();
    for _ in 0..STARTS {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let begun = Instant::now();
        let mut handler = Command::new(EXECUTABLE)
            .env("FUNCTIONS_CUSTOMHANDLER_PORT", port.to_string())
            .env("Store__Path", &store)
            .env("Email__Folder", folder.path().join("mail"))
            .env("ServiceBusConnection", NOBODY)
            .env("Log__Level", "error")
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let http: Http = Client::builder(TokioExecutor::new()).build_http();
        loop {
            let request = Request::get(format!("http://127.0.0.1:{port}/")).body(Full::default()).unwrap();
            if http.request(request).await.is_ok() {
                break;
            }
            assert!(begun.elapsed() < Duration::from_secs(30), "the handler never answered");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        times.push(begun.elapsed().as_millis());
        handler.kill().unwrap();
        handler.wait().unwrap();
    }
    times.sort_unstable();
    println!(
        "handler start to first answer: median {} ms, worst {} ms (goal 100)",
        times[STARTS / 2],
        times[STARTS - 1]
    );
}

async fn bookings_and_dispatch() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("app.db");
    let mut host = Command::new(EXECUTABLE)
        .args(["local", "--json", "--port", "0", "--root", ROOT, "--data"])
        .arg(folder.path())
        // Once a year, so that the bench starts the sweep that it measures.
        .env("OutboxSchedule", "0 0 0 1 1 *")
        .env("Log__Level", "warn")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let (port, handler) = up(&mut host);
    // Bookings stay in the outbox, so that booking and dispatching are measured separately.
    run(&["ops", "pause", QUEUE, "--reason", "bench"], &store);

    let http: Http = Client::builder(TokioExecutor::new()).build_http();
    for n in 0..CLIENTS {
        book_client(&http, port, n).await;
    }
    let begun = Instant::now();
    let callers: Vec<_> = (0..CALLERS).map(|caller| tokio::spawn(book(http.clone(), port, caller))).collect();
    for caller in callers {
        caller.await.unwrap();
    }
    let took = begun.elapsed().as_secs_f64();
    println!("bookings: {BOOKINGS} by {CALLERS} callers in {took:.1} s = {:.0}/s", f64::from(BOOKINGS) / took);
    println!("resident memory of the handler after them: {} MB (goal 30)", resident_kb(handler) / 1024);

    run(&["ops", "resume", QUEUE, "--reason", "bench"], &store);
    let begun = Instant::now();
    let output = Command::new(EXECUTABLE)
        .args(["dispatch", "--once"])
        .env("Store__Path", &store)
        .env("ServiceBusConnection", connection_of(handler))
        .env("ServiceBus__Transport", "rest")
        .output()
        .unwrap();
    let took = begun.elapsed().as_secs_f64();
    let sent = report_of(&output.stdout);
    println!("dispatched: {sent} rows in {took:.1} s = {:.0}/s, over REST, while the mails go out", sent / took);
    // After SIGTERM the host ends its handler too.
    Command::new("kill").arg(host.id().to_string()).status().unwrap();
    host.wait().unwrap();
}

async fn book(http: Http, port: u16, caller: u32) {
    for n in (caller..BOOKINGS).step_by(CALLERS as usize) {
        let (client, nth) = (1 + n % CLIENTS, n / CLIENTS);
        let body =
            json!({"year": 2000 + nth / 12, "month": 1 + nth % 12, "incomeTax": n, "vat": 1, "insuranceAmount": 1});
        let (status, body) = post(&http, port, &format!("/api/clients/{client}/finance"), &body).await;
        assert_eq!(status, 201, "{}", String::from_utf8_lossy(&body));
    }
}

/// The queue's key is new at every start; the handler was given it.
fn connection_of(pid: u64) -> String {
    let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap();
    let found = environment.split(|byte| *byte == 0).find_map(|line| line.strip_prefix(b"ServiceBusConnection="));
    String::from_utf8(found.unwrap().to_vec()).unwrap()
}

fn report_of(stdout: &[u8]) -> f64 {
    let text = String::from_utf8_lossy(stdout);
    let report = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()).find_map(|line| {
        let report = line.get("report").or_else(|| line.pointer("/fields/report"))?.as_str()?.to_owned();
        serde_json::from_str::<Value>(&report).ok()
    });
    report.and_then(|r| r["sent"].as_f64()).unwrap_or_else(|| panic!("the output has no report: {text}"))
}

fn up(host: &mut Child) -> (u16, u64) {
    let mut lines = BufReader::new(host.stdout.take().unwrap()).lines();
    let (mut port, mut pid) = (None, None);
    while port.is_none() || pid.is_none() {
        let event: Value = serde_json::from_str(&lines.next().unwrap().unwrap()).unwrap();
        match event["event"].as_str() {
            Some("listening") => port = event["port"].as_u64(),
            Some("handler-started") => pid = event["pid"].as_u64(),
            _ => {}
        }
    }
    // Unread output would block the writer.
    std::thread::spawn(move || lines.for_each(drop));
    (u16::try_from(port.unwrap()).unwrap(), pid.unwrap())
}

async fn book_client(http: &Http, port: u16, n: u32) {
    let nip = (n * 11..).find_map(|candidate| {
        let nine: Vec<u32> = format!("{:09}", 526_000_000 + candidate).chars().filter_map(|c| c.to_digit(10)).collect();
        let check = client_organizer::domain::client::Nip::check_digit(&nine)?;
        Some(nine.iter().chain([&check]).map(ToString::to_string).collect::<String>())
    });
    let draft = json!({"name": "Bench", "address": "ul. Prosta 1", "nipNb": nip, "email": "bench@example.pl"});
    let (status, body) = post(http, port, "/api/clients", &draft).await;
    assert_eq!(status, 201, "{}", String::from_utf8_lossy(&body));
}

async fn post(http: &Http, port: u16, path: &str, body: &Value) -> (u16, Bytes) {
    let request = Request::builder()
        .method(Method::POST)
        .uri(format!("http://127.0.0.1:{port}{path}"))
        .header("content-type", "application/json")
        .body(Full::new(Bytes::from(body.to_string())))
        .unwrap();
    let response = http.request(request).await.unwrap();
    let status = response.status().as_u16();
    (status, response.into_body().collect().await.unwrap().to_bytes())
}

fn run(arguments: &[&str], store: &Path) {
    let status = Command::new(EXECUTABLE).args(arguments).env("Store__Path", store).stdout(Stdio::null()).status();
    assert!(status.unwrap().success(), "{arguments:?}");
}

fn resident_kb(pid: u64) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or("0 kB");
    line.split_whitespace().next().and_then(|n| n.parse().ok()).unwrap_or(0)
}
