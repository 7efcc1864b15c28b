//! The connection limit of the local host's front: it depends on how many files the process may open.

use crate::support::host::executable;
use serde_json::Value;
use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::Path,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

#[test]
fn a_host_that_may_open_few_files_still_answers_with_many_connections_open() {
    let folder = tempfile::tempdir().unwrap();
    let mut host = Command::new("sh")
        .args(["-c", "ulimit -n 128; exec \"$0\" \"$@\"", executable(), "local", "--json", "--port", "0"])
        .args([Path::new("--data"), folder.path()])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let (mut port, mut is_up) = (0, false);
    let mut lines = BufReader::new(host.stdout.take().unwrap()).lines();
    while port == 0 || !is_up {
        let event: Value = serde_json::from_str(&lines.next().expect("it ended").unwrap()).unwrap();
        match event["event"].as_str() {
            Some("listening") => port = u16::try_from(event["port"].as_u64().unwrap()).unwrap(),
            Some("handler-started") => is_up = true,
            _ => {}
        }
    }
    std::thread::spawn(move || lines.for_each(drop));
    let begun = "POST /api/clients HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n{\r\n";
    let mut held = Vec::new();
    for n in 0..200 {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        if n % 2 == 0 {
            stream.write_all(begun.as_bytes()).unwrap();
        }
        held.push(stream);
    }
    let started = Instant::now();
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    stream
        .write_all(
            format!("GET /api/health HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n").as_bytes(),
        )
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let took = started.elapsed();
    host.kill().unwrap();
    host.wait().unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 "), "after {took:?}: {answer}");
    // After 15 s the timeout of the headers would have freed a slot anyway.
    assert!(took < Duration::from_secs(10), "{took:?}");
}
