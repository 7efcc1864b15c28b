//! Mail providers with known faults: slow to greet, with an expired certificate, with half an answer.

use crate::support::{
    certificates::Authority,
    smtp_server::{PASSWORD, SmtpServer, USER, made},
};
use client_organizer::{
    adapters::{
        clock::SystemClock,
        mail::{AcsConnectionString, AcsLogin, AcsMailer, AcsOptions, Sender, SmtpMailer, SmtpOptions, SmtpSecurity},
    },
    domain::{client::Email, delivery::MailOutcome},
    ports::mailer::{Letter, Mailer},
};
use serde_json::json;
use std::{sync::Arc, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

const TIMEOUT: Duration = Duration::from_mins(1);

fn sender() -> Sender {
    Sender::parse("Biuro <biuro@office.example.pl>").unwrap()
}

fn letter() -> Letter {
    Letter {
        message_id: "01938f5e-7a3b-7c11-9d2e-3f4a5b6c7d8e".to_owned(),
        to: Email::parse("anna@example.pl").unwrap(),
        subject: "Rozliczenie".to_owned(),
        text: "1 234,56 zł".to_owned(),
        html: "<p>1 234,56 zł</p>".to_owned(),
        date: "2026-04-02T08:00:00Z".parse().unwrap(),
    }
}

fn smtp(security: SmtpSecurity, port: u16, ca_pem: Option<Vec<u8>>) -> SmtpMailer {
    let login = Some((USER.to_owned(), PASSWORD.to_owned()));
    let options = SmtpOptions { host: "127.0.0.1".to_owned(), port, security, login, ca_pem, timeout: TIMEOUT };
    SmtpMailer::new(options, sender()).unwrap()
}

#[tokio::test]
async fn a_mail_server_with_an_expired_certificate_gets_nothing() {
    let authority = Authority::new();
    let folder = tempfile::tempdir().unwrap();
    let certificate = authority.certify_until("127.0.0.1", 2021);
    std::fs::write(folder.path().join("over.pem"), certificate.chain).unwrap();
    std::fs::write(folder.path().join("over.key"), certificate.key).unwrap();
    let name = folder.path().join("over");
    for security in [SmtpSecurity::Starttls, SmtpSecurity::Tls] {
        let Some(server) = SmtpServer::start(security, name.to_str().unwrap(), json!({})).await else { return };
        let mailer = smtp(security, server.port, Some(authority.pem().into_bytes()));
        let outcome = mailer.send(&letter()).await;
        let MailOutcome::Provider { reason, .. } = outcome else { panic!("{outcome:?}") };
        assert!(reason.contains("expired"), "{reason}");
        assert!(server.end().await.is_empty());
    }
}

#[tokio::test]
async fn a_mail_server_that_greets_late_is_waited_for() {
    let Some(server) = SmtpServer::start(SmtpSecurity::Tls, "here", json!({})).await else { return };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mailer = smtp(SmtpSecurity::Tls, listener.local_addr().unwrap().port(), std::fs::read(made("ca.pem")).ok());
    let behind = server.port;
    let slow = tokio::spawn(async move {
        let (mut link, _) = listener.accept().await.unwrap();
        // This is the fault.
        tokio::time::sleep(Duration::from_millis(200)).await;
        let mut onward = TcpStream::connect(("127.0.0.1", behind)).await.unwrap();
        drop(tokio::io::copy_bidirectional(&mut link, &mut onward).await);
    });
    let outcome = mailer.send(&letter()).await;
    assert!(matches!(outcome, MailOutcome::Accepted { .. }), "{outcome:?}");
    slow.abort();
    assert_eq!(server.end().await.len(), 1);
}

#[tokio::test]
async fn an_acceptance_by_communication_services_without_an_operation_counts() {
    for answer in ["Content-Length: 0\r\n\r\n", "Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let service = tokio::spawn(async move {
            let (mut link, _) = listener.accept().await.unwrap();
            let mut request = vec![0; 65_536];
            let mut length = 0;
            // The mail comes last.
            while !request[..length].ends_with(b"}") {
                length += link.read(&mut request[length..]).await.unwrap();
            }
            link.write_all(format!("HTTP/1.1 202 Accepted\r\n{answer}").as_bytes()).await.unwrap();
            link.flush().await.unwrap();
            drop(link.read(&mut request).await);
        });
        let parsed = AcsConnectionString::parse(&format!("endpoint=http://127.0.0.1:{port};accesskey=a2V5")).unwrap();
        let options = AcsOptions { endpoint: parsed.endpoint, login: AcsLogin::Key(parsed.key), timeout: TIMEOUT };
        let mailer = AcsMailer::new(options, sender(), Arc::new(SystemClock)).unwrap();
        let outcome = mailer.send(&letter()).await;
        assert!(matches!(outcome, MailOutcome::Accepted { .. }), "{answer}: {outcome:?}");
        drop(mailer);
        service.abort();
    }
}
