//! The SMTP mailer against a server that answers with given bytes: what counts as a reply, and what does not.

use chrono::DateTime;
use client_organizer::{
    adapters::mail::{Sender, SmtpMailer, SmtpOptions, SmtpSecurity},
    domain::{client::Email, delivery::MailOutcome},
    ports::mailer::{Letter, Mailer},
};
use std::time::Duration;
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::TcpListener,
    task::JoinHandle,
};

/// The answer to each command, by its first word; "" is the greeting, "." the end of the content. An empty answer cuts
/// the connection.
type Script = &'static [(&'static str, &'static [u8])];

const USUAL: Script = &[
    ("", b"220 here\r\n"),
    ("EHLO", b"250-here\r\n250 HELP\r\n"),
    ("MAIL", b"250 2.1.0 ok\r\n"),
    ("RCPT", b"250 2.1.5 ok\r\n"),
    ("DATA", b"354 go on\r\n"),
    (".", b"250 2.0.0 queued\r\n"),
];

/// One connection: answers by the script, and otherwise as usual. The task returns the commands that it received.
async fn server(script: Script) -> (u16, JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let serving = tokio::spawn(async move {
        let mut link = BufReader::new(listener.accept().await.unwrap().0);
        let (mut commands, mut in_content, mut word) = (Vec::new(), false, String::new());
        loop {
            if !in_content || word == "." {
                let of = |script: Script| script.iter().find(|(at, _)| *at == word).map(|(_, answer)| *answer);
                let answer = of(script).or_else(|| of(USUAL)).unwrap_or(b"502 what?\r\n");
                // The client may have closed the connection.
                if answer.is_empty() || link.write_all(answer).await.is_err() {
                    return commands;
                }
                in_content = word == "DATA";
                commands.push(word);
            }
            let mut command = Vec::new();
            if link.read_until(b'\n', &mut command).await.unwrap_or(0) == 0 {
                return commands;
            }
            word = String::from_utf8_lossy(&command).split_whitespace().map(str::to_owned).next().unwrap_or_default();
        }
    });
    (port, serving)
}

async fn send(port: u16, security: SmtpSecurity, text: String) -> MailOutcome {
    let options = SmtpOptions {
        host: "127.0.0.1".to_owned(),
        port,
        security,
        login: None,
        ca_pem: None,
        timeout: Duration::from_mins(1),
    };
    let letter = Letter {
        message_id: "m".to_owned(),
        to: Email::parse("anna@example.pl").unwrap(),
        subject: "Subject".to_owned(),
        html: "<p>html</p>".to_owned(),
        text,
        date: DateTime::from_timestamp(1_764_000_000, 0).unwrap(),
    };
    SmtpMailer::new(options, Sender::parse("biuro@office.example.pl").unwrap()).unwrap().send(&letter).await
}

async fn plain(script: Script) -> (MailOutcome, Vec<String>) {
    let (port, serving) = server(script).await;
    let outcome = send(port, SmtpSecurity::None, "text\n.\n".to_owned()).await;
    (outcome, serving.await.unwrap())
}

#[tokio::test]
async fn a_mail_accepted_with_an_odd_reply_is_accepted() {
    let answers: [Script; 9] = [
        &[(".", b"250 przyj\xeate\r\n")],
        &[(".", b"250\r\n")],
        &[(".", b"250 \r\n")],
        &[(".", b"250 ok\n")],
        &[(".", b"250-queued\r\n250 as 77\r\n")],
        &[(".", b"250-queued\r\n as 77\r\n250 done\r\n")],
        &[(".", b"250-one\r\n251-two\r\n250\r\n")],
        &[(".", b"thank you\r\n250 taken\r\n")],
        &[
            ("", b"220\r\n"),
            ("EHLO", b"250\r\n"),
            ("MAIL", b"250 \xff\xfe\r\n"),
            ("RCPT", b"251-\r\n251\r\n"),
            ("DATA", b"354\r\n"),
            (".", b"250 \x80\r\n"),
        ],
    ];
    for script in answers {
        let (outcome, commands) = plain(script).await;
        assert!(matches!(outcome, MailOutcome::Accepted { .. }), "{script:?}: {outcome:?}");
        assert_eq!(commands.last().map(String::as_str), Some("."));
    }
}

#[tokio::test]
async fn a_refusal_with_an_odd_text_is_a_refusal() {
    let (outcome, _) = plain(&[(".", b"554 trensf\xe6\r\n")]).await;
    assert!(matches!(outcome, MailOutcome::RecipientPermanent { .. }), "{outcome:?}");
    let (outcome, _) = plain(&[("RCPT", b"550-\xb3\r\n550\r\n")]).await;
    assert!(matches!(outcome, MailOutcome::RecipientPermanent { .. }), "{outcome:?}");
    let (outcome, _) = plain(&[("MAIL", b"451\r\n")]).await;
    assert!(matches!(outcome, MailOutcome::Provider { .. }), "{outcome:?}");
}

#[tokio::test]
async fn only_a_mail_cut_off_after_its_last_dot_is_in_doubt() {
    let before: [Script; 2] = [&[("DATA", b"")], &[("RCPT", b"2x0 what\r\n")]];
    for script in before {
        let (outcome, _) = plain(script).await;
        assert!(matches!(outcome, MailOutcome::Provider { .. }), "{script:?}: {outcome:?}");
    }
    let after: [Script; 2] = [&[(".", b"")], &[(".", b"354 more?\r\n")]];
    for script in after {
        let (outcome, _) = plain(script).await;
        assert!(matches!(outcome, MailOutcome::Unknown { .. }), "{script:?}: {outcome:?}");
    }
    // The server closes in the middle of the content and reads none of it: more than both systems buffer.
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4_096).unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let port = listener.local_addr().unwrap().port();
    let serving = tokio::spawn(async move {
        let mut link = BufReader::new(listener.accept().await.unwrap().0);
        for answer in ["220 here", "250 here", "250 ok", "250 ok", "354 go on"] {
            link.write_all(format!("{answer}\r\n").as_bytes()).await.unwrap();
            link.read_until(b'\n', &mut Vec::new()).await.unwrap();
        }
    });
    let outcome = send(port, SmtpSecurity::None, format!("{}\r\n", "x".repeat(900)).repeat(6_000)).await;
    assert!(matches!(outcome, MailOutcome::Provider { .. }), "{outcome:?}");
    serving.await.unwrap();
}

#[tokio::test]
async fn an_unsolicited_reply_is_never_taken_for_an_answer() {
    // Taken for answers to later commands, these replies would mark a mail as sent that no server has.
    let (outcome, commands) = plain(&[("RCPT", b"250 ok\r\n354 go\r\n250 queued\r\n"), (".", b"")]).await;
    assert!(matches!(outcome, MailOutcome::Provider { .. }), "{outcome:?}");
    assert_eq!(commands.last().map(String::as_str), Some("RCPT"));
    // Sent before TLS, it must not be taken for a reply inside TLS.
    let script: Script = &[("EHLO", b"250-here\r\n250 STARTTLS\r\n"), ("STARTTLS", b"220 go\r\n250 injected\r\n")];
    let (port, serving) = server(script).await;
    let outcome = send(port, SmtpSecurity::Starttls, String::new()).await;
    let MailOutcome::Provider { reason, .. } = outcome else { panic!("{outcome:?}") };
    assert!(reason.contains("not requested"), "{reason}");
    assert_eq!(serving.await.unwrap().last().map(String::as_str), Some("STARTTLS"));
}
