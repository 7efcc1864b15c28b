//! Replies of an SMTP server, between NUL bytes: greeting, EHLO, MAIL, RCPT, DATA, and the end of the content.
//!
//! A second, simpler reader of the replies says what must have become of the mail.

use super::on;
use chrono::DateTime;
use client_organizer::{
    adapters::mail::{Sender, SmtpMailer, SmtpOptions, SmtpSecurity},
    domain::{client::Email, delivery::MailOutcome},
    ports::mailer::{Letter, Mailer},
};
use std::{cell::RefCell, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

/// Far more than a reply in memory takes: a client that waits this long waits for something that does not come.
const TIMEOUT: Duration = Duration::from_secs(20);
const STEPS: usize = 6;
/// The buffer of the client holds as much, so that it sees whatever was sent with a reply.
const REPLY_BYTES_MAX: usize = 4_000;

thread_local! {
    static KEPT: RefCell<Option<super::Kept<TcpListener>>> = const { RefCell::new(None) };
}

pub(super) fn run(input: &[u8]) {
    let mut replies: Vec<&[u8]> = input.splitn(STEPS, |byte| *byte == 0).collect();
    for reply in &mut replies {
        *reply = &reply[..reply.len().min(REPLY_BYTES_MAX)];
    }
    on(
        &KEPT,
        async || TcpListener::bind("127.0.0.1:0").await.unwrap(),
        async |listener| {
            let port = listener.local_addr().unwrap().port();
            let (outcome, content_ended) = tokio::join!(send(port), serve(listener, &replies));
            check(&replies, &outcome, content_ended);
        },
    );
}

async fn send(port: u16) -> MailOutcome {
    let options = SmtpOptions {
        host: "127.0.0.1".to_owned(),
        port,
        security: SmtpSecurity::None,
        login: None,
        ca_pem: None,
        timeout: TIMEOUT,
    };
    let letter = Letter {
        message_id: "m".to_owned(),
        to: Email::parse("anna@example.pl").unwrap(),
        subject: "Subject".to_owned(),
        html: "<p>html</p>".to_owned(),
        text: "text\n.\n".to_owned(),
        date: DateTime::from_timestamp(1_764_000_000, 0).unwrap(),
    };
    SmtpMailer::new(options, Sender::parse("biuro@office.example.pl").unwrap()).unwrap().send(&letter).await
}

/// Answers each command with the next reply, and closes after the last or after one that does not end. Returns whether the
/// end of the content came.
async fn serve(listener: &TcpListener, replies: &[&[u8]]) -> bool {
    let (mut link, _) = listener.accept().await.unwrap();
    let mut received = Vec::new();
    for (step, reply) in replies.iter().enumerate() {
        let end: &[u8] = if step == STEPS - 1 { b"\r\n.\r\n" } else { b"\r\n" };
        if step > 0 && !read_until(&mut link, &mut received, end).await {
            return false;
        }
        let coded = step == STEPS - 1 || is_coded(first_line(reply));
        if link.write_all(reply).await.is_err() || code_of(reply, step).is_none() || !coded {
            // The client reads an end in place of what is missing; whatever it still sends is read.
            drop(link.shutdown().await);
            while matches!(link.read(&mut [0; 4096]).await, Ok(1..)) {}
            return step == STEPS - 1;
        }
        received.clear();
    }
    let ended =
        replies.len() < STEPS && replies.len() == STEPS - 1 && read_until(&mut link, &mut received, b"\r\n.\r\n").await;
    ended || replies.len() == STEPS
}

async fn read_until(link: &mut tokio::net::TcpStream, received: &mut Vec<u8>, end: &[u8]) -> bool {
    while !received.ends_with(end) {
        let mut more = [0; 4096];
        match link.read(&mut more).await {
            Ok(count @ 1..) => received.extend_from_slice(&more[..count]),
            _ => return false,
        }
    }
    true
}

fn first_line(reply: &[u8]) -> &[u8] {
    reply.split(|byte| *byte == b'\n').next().unwrap_or_default()
}

fn is_coded(line: &[u8]) -> bool {
    line.len() >= 3
        && line[..3].iter().all(u8::is_ascii_digit)
        && (b'2'..=b'5').contains(&line[0])
        && !line.get(3).is_some_and(u8::is_ascii_digit)
}

/// The code of the reply's last line and what is left after it; None: it does not end, or is no reply. Only at the end of
/// the content lines without a code may come first.
fn code_of(reply: &[u8], step: usize) -> Option<(u16, &[u8])> {
    let mut rest = reply;
    let mut first = true;
    while let Some(at) = rest.iter().position(|byte| *byte == b'\n') {
        let (line, after) = (&rest[..at], &rest[at + 1..]);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if is_coded(line) {
            first = false;
            if line.get(3) != Some(&b'-') {
                return Some((std::str::from_utf8(&line[..3]).unwrap().parse().unwrap(), after));
            }
        } else if first && step < STEPS - 1 {
            return None;
        }
        rest = after;
    }
    None
}

fn check(replies: &[&[u8]], outcome: &MailOutcome, content_ended: bool) {
    let read: Vec<_> = replies.iter().enumerate().map(|(step, reply)| code_of(reply, step)).collect();
    let fine = |step: usize| {
        matches!((step, read.get(step)), (4, Some(Some((354, [])))) | (0..=3, Some(Some((200..300, [])))))
    };
    let all_before = (0..STEPS - 1).all(fine);
    let (accepted, unknown) =
        (matches!(outcome, MailOutcome::Accepted { .. }), matches!(outcome, MailOutcome::Unknown { .. }));
    assert!(content_ended || !(accepted || unknown), "no mail can have been taken: {outcome:?}");
    let uncoded = replies
        .get(STEPS - 1)
        .map_or(0, |reply| reply.split(|byte| *byte == b'\n').take_while(|line| !is_coded(line)).count());
    if all_before && uncoded < 50 {
        match read.get(STEPS - 1).copied().flatten() {
            Some((200..300, _)) => assert!(accepted, "it was taken: {outcome:?}"),
            Some((400..600, _)) => assert!(!accepted && !unknown, "it was refused: {outcome:?}"),
            Some(_) | None => assert!(unknown, "it may have been taken: {outcome:?}"),
        }
    }
    // The first reply that is no yes ends the conversation; one with more than was asked for may be read or not.
    let clean = read.iter().all(|reply| reply.is_none_or(|(_, rest)| rest.is_empty()));
    if clean && !all_before {
        assert!(!accepted && !unknown, "{outcome:?}");
    }
    if let MailOutcome::RecipientTransient { reason, .. }
    | MailOutcome::RecipientPermanent { reason, .. }
    | MailOutcome::Provider { reason, .. }
    | MailOutcome::Unknown { reason } = outcome
    {
        assert!(!reason.is_empty() && reason.len() < 2_000 && !reason.contains(['\n', '\r', '@']), "{reason}");
    }
}
