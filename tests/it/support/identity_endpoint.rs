//! A stub of App Service's identity endpoint: answers with what a test gave it.

use std::{
    io::{BufRead, BufReader, Write},
    net::TcpListener,
    sync::{Arc, Mutex},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

pub struct IdentityEndpoint {
    pub url: String,
    heads: Arc<Mutex<Vec<String>>>,
}

/// The value of `IDENTITY_HEADER`.
pub const SECRET: &str = "the-machines-secret";

impl IdentityEndpoint {
    /// `answers`: status line and body of one response each; the last one repeats.
    pub fn start(answers: Vec<(&'static str, String)>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/msi/token", listener.local_addr().unwrap());
        let heads = Arc::new(Mutex::new(Vec::new()));
        let seen = heads.clone();
        std::thread::spawn(move || {
            let mut last = None;
            let mut answers = answers.into_iter();
            while let Ok((mut stream, _)) = listener.accept() {
                let lines = BufReader::new(stream.try_clone().unwrap()).lines();
                let head: Vec<String> = lines.map(Result::unwrap).take_while(|line| !line.is_empty()).collect();
                seen.lock().unwrap().push(head.join("\n"));
                last = answers.next().or(last);
                let (status, body) = last.as_ref().unwrap();
                let length = body.len();
                let _ =
                    write!(stream, "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}");
            }
        });
        Self { url, heads }
    }

    /// Request line and headers of each request, as one text.
    pub fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }

    /// The settings with which a process finds it.
    pub fn settings(&self) -> [(&'static str, String); 2] {
        [("IDENTITY_ENDPOINT", self.url.clone()), ("IDENTITY_HEADER", SECRET.to_owned())]
    }
}

#[expect(clippy::disallowed_methods, reason = "a token's end is a time of the world's")]
pub fn granted(token: &str, life: Duration) -> (&'static str, String) {
    let ends = (SystemTime::now() + life).duration_since(UNIX_EPOCH).unwrap().as_secs();
    let body = serde_json::json!({"access_token": token, "expires_on": ends.to_string(), "resource": "r",
        "token_type": "Bearer"});
    ("200 OK", body.to_string())
}

pub fn refused() -> (&'static str, String) {
    ("400 Bad Request", "{}".to_owned())
}
