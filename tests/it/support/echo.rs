//! Servers that repeat in their answers what they were sent, as debugging proxies and careless services do.

use std::sync::{Arc, Mutex};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::TcpListener,
};

/// An HTTP server that answers each request with this status and with the whole request as the error's text: what a
/// debugging proxy or a careless service does. Keeps what it was sent.
pub async fn echo(status: u16) -> (u16, Arc<Mutex<Vec<u8>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (port, seen) = (listener.local_addr().unwrap().port(), Arc::new(Mutex::new(Vec::new())));
    let kept = seen.clone();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let kept = kept.clone();
            tokio::spawn(async move {
                let mut request = Vec::new();
                // Until it is whole: each of our clients names its length.
                while !is_whole(&request) {
                    let mut piece = [0; 16_384];
                    let Ok(read @ 1..) = stream.read(&mut piece).await else { return };
                    request.extend_from_slice(&piece[..read]);
                }
                kept.lock().unwrap().extend_from_slice(&request);
                let message = String::from_utf8_lossy(&request).replace("\r\n", " ");
                let body = serde_json::json!({"error": {"code": "Echo", "message": message}}).to_string();
                let head = format!("HTTP/1.1 {status} Echo\r\nContent-Type: application/json\r\nConnection: close\r\n");
                let _ =
                    stream.write_all(format!("{head}Content-Length: {}\r\n\r\n{body}", body.len()).as_bytes()).await;
            });
        }
    });
    (port, seen)
}

fn is_whole(request: &[u8]) -> bool {
    let text = String::from_utf8_lossy(request);
    let Some((head, _)) = text.split_once("\r\n\r\n") else { return false };
    let length =
        head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length:")?.trim().parse().ok());
    request.len() >= head.len() + 4 + length.unwrap_or(0)
}

/// An SMTP server that repeats each command in its refusal, from the given command on.
pub async fn parrot(from: &'static str) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut link = BufReader::new(stream);
                let mut answer = "220 here\r\n".to_owned();
                while link.write_all(answer.as_bytes()).await.is_ok() {
                    let mut command = String::new();
                    if link.read_line(&mut command).await.unwrap_or(0) == 0 {
                        return;
                    }
                    let command = command.trim_end();
                    answer = match command.split(' ').next().unwrap() {
                        word if word == from => format!("502 5.5.2 Error: command not recognized: {command}\r\n"),
                        "EHLO" => "250-here\r\n250 AUTH PLAIN LOGIN\r\n".to_owned(),
                        "AUTH" => "235 ok\r\n".to_owned(),
                        _ => "250 ok\r\n".to_owned(),
                    };
                }
            });
        }
    });
    port
}
