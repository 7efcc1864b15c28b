//! Servers whose answers never end: headers, bodies, chunks and lines, at full speed or a byte at a time. Each call ends
//! within its timeout, and reads a bounded part.

use crate::conformance;
use chrono::DateTime;
use client_organizer::{
    adapters::{
        clock::SystemClock,
        mail::{AcsLogin, AcsMailer, AcsOptions, Sender, SmtpMailer, SmtpOptions, SmtpSecurity},
        servicebus::{ConnectionString, Management, RestDeadLetters},
    },
    config::connection::acs::AcsConnectionString,
    domain::{client::Email, delivery::MailOutcome, entity::Seen, route::Destination},
    ports::{
        dead_letters::DeadLetters,
        entities::Entities,
        mailer::{Letter, Mailer},
    },
};
use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    time::{Instant, sleep, timeout},
};

/// Of a call whose answer only time can end.
const SHORT: Duration = Duration::from_millis(300);
/// Of a call that its answer's size ends, long before.
const LONG: Duration = Duration::from_secs(30);
/// How long a call that does not wait for its timeout may take on a busy machine.
const ENDS_WITHIN: Duration = Duration::from_secs(15);
/// What the buffers of both sockets hold beside what is read; at full speed a server sends this in milliseconds.
const BYTES_MAX: u64 = 24 << 20;

/// What a server sends once, and then without end.
#[derive(Clone, Copy)]
struct Endless {
    first: &'static str,
    then: &'static str,
    /// A piece at a time, far apart.
    slowly: bool,
    /// Of the call.
    timeout: Duration,
}

const fn fast(first: &'static str, then: &'static str) -> Endless {
    Endless { first, then, slowly: false, timeout: LONG }
}

const fn slow(first: &'static str, then: &'static str) -> Endless {
    Endless { first, then, slowly: true, timeout: SHORT }
}

const CHUNK: &str = concat!(
    "80\r\n",
    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
    "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
    "\r\n"
);

const HTTP: [Endless; 9] = [
    slow("", "H"),
    slow("HTTP/1.1 200 OK\r\nX-A: ", "a"),
    slow("HTTP/1.1 500 No\r\nContent-Length: 1000\r\n\r\n", "x"),
    slow("HTTP/1.1 401 No\r\nTransfer-Encoding: chunked\r\n\r\n", "1\r\nx\r\n"),
    fast("HTTP/1.1 200 OK\r\n", "X-A: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n"),
    fast("HTTP/1.1 200 OK\r\nX-A: ", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"),
    fast("HTTP/1.1 500 No\r\nConnection: close\r\n\r\n", "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"),
    fast("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", CHUNK),
    Endless { timeout: SHORT, ..fast("HTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.1 100 Continue\r\n\r\n") },
];

const SMTP: [Endless; 7] = [
    slow("2", "2"),
    slow("220-", "x"),
    slow("220-x\r\n", "220-x\r\n"),
    fast("220 ", "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"),
    fast("220-x\r\n", "220-xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\r\n"),
    fast("220 here\r\n", "250-xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\r\n"),
    fast("", "what is this?\r\n"),
];

/// A server of this kind: its port, and the most that it could send on one connection. `asked`: it answers, and does not speak first; an HTTP
/// client would drop it for that at once.
async fn server(kind: Endless, asked: bool) -> (u16, Arc<AtomicU64>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (port, sent) = (listener.local_addr().unwrap().port(), Arc::new(AtomicU64::new(0)));
    let counted = sent.clone();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let counted = counted.clone();
            tokio::spawn(async move {
                let (mut from, mut to) = stream.split();
                if asked && !from.read(&mut [0; 4096]).await.is_ok_and(|read| read > 0) {
                    return;
                }
                let sending = async {
                    let _ = to.write_all(kind.first.as_bytes()).await;
                    let piece = if kind.slowly { kind.then.to_owned() } else { kind.then.repeat(1_000) };
                    let mut sent = 0;
                    while to.write_all(piece.as_bytes()).await.is_ok() {
                        sent += piece.len() as u64;
                        counted.fetch_max(sent, Ordering::Relaxed);
                        if kind.slowly {
                            sleep(Duration::from_millis(40)).await;
                        }
                    }
                };
                let taking = async {
                    let mut piece = [0; 4096];
                    while from.read(&mut piece).await.is_ok_and(|read| read > 0) {}
                };
                // Until the client has closed the connection.
                tokio::join!(sending, taking);
            });
        }
    });
    (port, sent)
}

/// Calls each server of these kinds at once. A call ends soon after the timeout, and then nothing more is read.
async fn each<F: Future<Output = ()>>(kinds: &[Endless], asked: bool, call: impl Fn(u16, Duration) -> F) {
    let calls = kinds.iter().map(|kind| async {
        let (port, sent) = server(*kind, asked).await;
        let begun = Instant::now();
        timeout(LONG, call(port, kind.timeout)).await.unwrap();
        let (took, sent) = (begun.elapsed(), sent.load(Ordering::Relaxed));
        assert!(took < ENDS_WITHIN, "{:?}{:?}: {took:?}", kind.first, kind.then);
        // What only time can end is read for as long, and kept nowhere.
        assert!(kind.timeout == SHORT || sent < BYTES_MAX, "{:?}{:?}: {sent} bytes", kind.first, kind.then);
    });
    futures::future::join_all(calls).await;
}

fn bus(port: u16) -> String {
    format!("Endpoint=sb://127.0.0.1:{port};SharedAccessKeyName=a;SharedAccessKey=c2VjcmV0;UseDevelopmentEmulator=true")
}

fn queue() -> Destination {
    Destination::parse("queue:client-emails").unwrap()
}

fn letter() -> Letter {
    Letter {
        message_id: "01938f5e-7a3b-7c11-9d2e-3f4a5b6c7d8e".to_owned(),
        to: Email::parse("anna@example.pl").unwrap(),
        subject: "Subject".to_owned(),
        text: "text".to_owned(),
        html: "<p>html</p>".to_owned(),
        date: DateTime::from_timestamp(1_764_000_000, 0).unwrap(),
    }
}

fn sender() -> Sender {
    Sender::parse("biuro@office.example.pl").unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bus_over_rest_whose_answer_never_ends_is_given_up() {
    each(&HTTP, true, |port, timeout| async move {
        let rest = conformance::bus(&bus(port), "rest", timeout);
        let deadline = Instant::now() + timeout;
        let outcomes = rest.publish(&queue(), &conformance::messages(1), deadline).await;
        assert_eq!(outcomes.len(), 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bus_whose_descriptions_or_dead_letters_never_end_is_given_up() {
    each(&HTTP, true, |port, timeout| async move {
        let connection = ConnectionString::parse(&bus(port)).unwrap();
        let seen = Management::new(connection.clone(), timeout).unwrap().look(&queue()).await;
        assert!(!matches!(seen, Seen::Found(_)));
        let mut letters = RestDeadLetters::new(connection, timeout).unwrap().open(&queue()).await.unwrap();
        assert!(letters.next().await.is_err());
        letters.close().await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn communication_services_whose_answer_never_ends_are_given_up() {
    each(&HTTP, true, |port, timeout| async move {
        let parsed =
            AcsConnectionString::parse(&format!("endpoint=http://127.0.0.1:{port}/;accesskey=c2VjcmV0")).unwrap();
        let options = AcsOptions { endpoint: parsed.endpoint, login: AcsLogin::Key(parsed.key), timeout };
        let mailer = AcsMailer::new(options, sender(), Arc::new(SystemClock)).unwrap();
        let outcome = mailer.send(&letter()).await;
        assert!(!matches!(outcome, MailOutcome::Accepted { .. }), "{outcome:?}");
        mailer.status_queries().unwrap().status_of("m").await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_server_whose_reply_never_ends_is_given_up() {
    each(&SMTP, false, |port, timeout| async move {
        let options = SmtpOptions {
            host: "127.0.0.1".to_owned(),
            port,
            security: SmtpSecurity::None,
            login: None,
            ca_pem: None,
            timeout,
        };
        let outcome = SmtpMailer::new(options, sender()).unwrap().send(&letter()).await;
        assert!(matches!(outcome, MailOutcome::Provider { .. }), "{outcome:?}");
    })
    .await;
}
