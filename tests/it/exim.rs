//! The SMTP mailer against Exim, a mail server as offices run it: what it accepts, and why it refuses.

use crate::support::{
    exim::Exim,
    smtp_server::{PASSWORD, USER, made},
};
use client_organizer::{
    adapters::mail::{Sender, SmtpMailer, SmtpOptions, SmtpSecurity},
    domain::{client::Email, delivery::MailOutcome},
    ports::mailer::{Letter, Mailer},
};
use mail_parser::MessageParser;
use std::time::Duration;

const ID: &str = "01938f5e-7a3b-7c11-9d2e-3f4a5b6c7d8e";
/// Far longer than anything here takes.
const TIMEOUT: Duration = Duration::from_mins(1);

fn letter(to: &str) -> Letter {
    Letter {
        message_id: ID.to_owned(),
        to: Email::parse(to).unwrap(),
        subject: "Rozliczenie za październik 2026: nowe kwoty, które zmieniły się od zeszłego miesiąca".to_owned(),
        // Lines that would end a mail or begin a header if they were not escaped.
        text: format!("Zażółć 🦀\n.\n..\nFrom here\n{}\n", "ż".repeat(600)),
        html: "<p>Zażółć &amp; 1\u{a0}234,56\u{a0}zł</p>\n".to_owned(),
        date: "2026-11-02T08:00:00Z".parse().unwrap(),
    }
}

fn mailer(security: SmtpSecurity, port: u16, password: &str) -> SmtpMailer {
    let options = SmtpOptions {
        host: "127.0.0.1".to_owned(),
        port,
        security,
        login: Some((USER.to_owned(), password.to_owned())),
        ca_pem: std::fs::read(made("ca.pem")).ok(),
        timeout: TIMEOUT,
    };
    SmtpMailer::new(options, Sender::parse("Biuro Łąka <biuro@office.example.pl>").unwrap()).unwrap()
}

#[tokio::test]
async fn exim_accepts_a_whole_mail_with_both_kinds_of_encryption() {
    for security in [SmtpSecurity::Starttls, SmtpSecurity::Tls] {
        let Some(exim) = Exim::start(security) else { return };
        let letter = letter("anna@example.pl");
        let mailer = mailer(security, exim.port, PASSWORD);
        // Two mails over one connection.
        for _ in 0..2 {
            let outcome = mailer.send(&letter).await;
            let MailOutcome::Accepted { reference } = outcome else { panic!("{security:?}: {outcome:?}") };
            let spooled = exim.spooled(&reference);
            let about = &spooled.about;
            assert!(
                about.contains("\n<biuro@office.example.pl>\n") && about.ends_with("\n1\nanna@example.pl"),
                "{about}"
            );
            assert!(about.contains(&format!("-auth_id {USER}\n")) && about.contains("-tls_cipher"), "{about}");
            let mail = MessageParser::default().parse(&spooled.message).unwrap();
            assert_eq!(mail.subject(), Some(letter.subject.as_str()));
            assert_eq!(mail.from().unwrap().first().unwrap().name(), Some("Biuro Łąka"));
            assert_eq!(mail.to().unwrap().first().unwrap().address(), Some("anna@example.pl"));
            assert_eq!(mail.message_id(), Some(format!("{ID}@office.example.pl").as_str()));
            assert_eq!(mail.body_text(0).unwrap().replace("\r\n", "\n").trim_end(), letter.text.trim_end());
            assert_eq!(mail.body_html(0).unwrap().replace("\r\n", "\n").trim_end(), letter.html.trim_end());
        }
    }
}

#[tokio::test]
async fn a_refusal_by_exim_is_the_recipients_fault_or_ours() {
    let Some(exim) = Exim::start(SmtpSecurity::Starttls) else { return };
    let mailer = mailer(SmtpSecurity::Starttls, exim.port, PASSWORD);
    let large = Letter { text: "x".repeat(40_000), ..letter("anna@example.pl") };
    for (letter, code, expected) in [
        (letter("nobody@example.pl"), "550", "never"),
        (letter("later@example.pl"), "451", "later"),
        (large, "552", "never"),
        (letter("anna@example.pl"), "id=", "accepted"),
    ] {
        let (kind, reason) = match mailer.send(&letter).await {
            MailOutcome::Accepted { reference } => ("accepted", reference),
            MailOutcome::RecipientTransient { reason, .. } => ("later", reason),
            MailOutcome::RecipientPermanent { reason, .. } => ("never", reason),
            MailOutcome::Provider { reason, .. } => ("provider", reason),
            MailOutcome::Unknown { reason } => ("unknown", reason),
        };
        assert_eq!(kind, expected, "{reason}");
        assert!(reason.contains(code) && !reason.contains('@'), "{reason}");
    }
}

#[tokio::test]
async fn a_password_that_exim_refuses_is_our_failure() {
    let Some(exim) = Exim::start(SmtpSecurity::Tls) else { return };
    let outcome = mailer(SmtpSecurity::Tls, exim.port, "guessed-wrong").send(&letter("anna@example.pl")).await;
    let MailOutcome::Provider { reason, .. } = outcome else { panic!("{outcome:?}") };
    assert!(reason.contains("535 at the login") && !reason.contains("guessed"), "{reason}");
}
