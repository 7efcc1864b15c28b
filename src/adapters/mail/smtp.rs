//! A mailer that hands each letter to an SMTP server, by lettre's connection.
//!
//! lettre's own transport answers one error for the whole conversation, which cannot tell "before the content" from
//! "after it", and with that a mail that waits from a mail in doubt. So the commands are given here one by one, and
//! the step is noted before each; lettre does the protocol, the encodings and TLS.
//!
//! One deadline covers all of it, from the name's look-up to the last reply. Connections are kept open for the next
//! mail, within bounds, and one that failed in any way is never used again.

use super::{
    mime::{self, Sender},
    smtp_outcome::{self, Failure, Step},
};
use crate::{
    domain::delivery::MailOutcome,
    ports::mailer::{Letter, Mailer},
};
use async_trait::async_trait;
use lettre::{
    Address,
    transport::smtp::{
        Error,
        authentication::{Credentials, Mechanism},
        client::{AsyncSmtpConnection, Certificate, TlsParameters},
        commands::{Data, Mail, Rcpt},
        extension::ClientId,
        response::{Response, Severity},
    },
};
use std::{
    error::Error as _,
    sync::{Mutex, PoisonError},
    time::Duration,
};
use tokio::time::{Instant, timeout};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SmtpSecurity {
    /// Plain at first, then encrypted, or nothing is sent (port 587). `Tls` is better where there is a choice: lettre
    /// keeps what it had read in the clear, so somebody on the way could slip in replies before the handshake. Mail and
    /// password stay secret even then.
    Starttls,
    /// Encrypted from the first byte (port 465).
    Tls,
    /// Not at all: only to this machine itself.
    None,
}

/// Holds the password, so it has no Debug.
pub struct SmtpOptions {
    pub host: String,
    pub port: u16,
    pub security: SmtpSecurity,
    /// User and password.
    pub login: Option<(String, String)>,
    /// PEM certificates trusted beside the system's.
    pub ca_pem: Option<Vec<u8>>,
    /// For one mail, everything included.
    pub timeout: Duration,
}

pub struct SmtpMailer {
    host: String,
    port: u16,
    security: SmtpSecurity,
    tls: Option<TlsParameters>,
    login: Option<Credentials>,
    timeout: Duration,
    from: Sender,
    idle: Mutex<Vec<Link>>,
}

/// An open connection between two mails.
struct Link {
    connection: AsyncSmtpConnection,
    mails: u32,
    since: Instant,
}

/// More mails at once than this open connections that are closed again after them.
const IDLE_MAX: usize = 4;
/// Below what servers and gateways allow a silent connection (Postfix 300 s, Azure 4 min, others 30 s).
const IDLE_TIME_MAX: Duration = Duration::from_secs(20);
/// Servers end a connection after some number of mails (often 100), at a moment of their own.
const MAILS_PER_LINK_MAX: u32 = 50;
/// What an idle connection gets to prove itself; a dead one must not use up the mail's time.
const PROOF_TIME_MAX: Duration = Duration::from_secs(2);
/// For one address of the host, so that a second one gets its turn.
const CONNECT_TIME_MAX: Duration = Duration::from_secs(10);

impl SmtpMailer {
    pub const PROVIDER: &'static str = "mail:smtp";

    /// # Errors
    /// The certificates cannot be read. No connection is made here.
    pub fn new(options: SmtpOptions, from: Sender) -> Result<Self, String> {
        let tls = match options.security {
            SmtpSecurity::None => None,
            SmtpSecurity::Starttls | SmtpSecurity::Tls => Some(tls(&options)?),
        };
        Ok(Self {
            host: options.host,
            port: options.port,
            security: options.security,
            tls,
            login: options.login.map(|(user, password)| Credentials::new(user, password)),
            timeout: options.timeout,
            from,
            idle: Mutex::default(),
        })
    }

    async fn converse(&self, mail: &Outgoing, step: &mut Step) -> Result<String, Failure> {
        let mut link = match self.idle_link().await {
            Some(link) => link,
            None => self.connect(step).await?,
        };
        let connection = &mut link.connection;
        *step = Step::Sender;
        connection.command(Mail::new(Some(mail.from.clone()), Vec::new())).await.map_err(|e| failure(&e))?;
        *step = Step::Recipient;
        connection.command(Rcpt::new(mail.to.clone(), Vec::new())).await.map_err(|e| failure(&e))?;
        *step = Step::Announce;
        let ready = connection.command(Data).await.map_err(|e| failure(&e))?;
        if !ready.has_code(354) {
            return Err(no_sense(&ready));
        }
        *step = Step::Content;
        let answer = connection.message(&mail.bytes).await.map_err(|e| failure(&e))?;
        if answer.code().severity != Severity::PositiveCompletion {
            return Err(no_sense(&answer));
        }
        link.mails += 1;
        self.keep(link);
        Ok(answer.message().collect::<Vec<_>>().join(" "))
    }

    async fn connect(&self, step: &mut Step) -> Result<Link, Failure> {
        *step = Step::Connect;
        let at_once = self.tls.clone().filter(|_| self.security == SmtpSecurity::Tls);
        let hello = ClientId::Domain(self.from.domain().to_owned());
        let server = (self.host.as_str(), self.port);
        let connecting = AsyncSmtpConnection::connect_tokio1(server, Some(CONNECT_TIME_MAX), &hello, at_once, None);
        let mut connection = connecting.await.map_err(|e| failure(&e))?;
        if let Some(tls) = self.tls.clone().filter(|_| self.security == SmtpSecurity::Starttls) {
            // Where the server does not offer it, this fails: never on in the clear.
            connection.starttls(tls, &hello).await.map_err(|e| failure(&e))?;
        }
        if let Some(credentials) = &self.login {
            *step = Step::Login;
            let mechanisms = [Mechanism::Plain, Mechanism::Login];
            connection.auth(&mechanisms, credentials).await.map_err(|e| failure(&e))?;
        }
        Ok(Link { connection, mails: 0, since: Instant::now() })
    }

    /// One that still answers; those that do not are closed.
    async fn idle_link(&self) -> Option<Link> {
        // Bounded: each turn takes one away, and nobody waits longer than for `IDLE_MAX` proofs.
        for _ in 0..IDLE_MAX {
            let mut link = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop()?;
            let young = link.since.elapsed() < IDLE_TIME_MAX;
            if young && timeout(PROOF_TIME_MAX, link.connection.test_connected()).await.unwrap_or(false) {
                return Some(link);
            }
        }
        None
    }

    fn keep(&self, mut link: Link) {
        link.since = Instant::now();
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.retain(|link| link.since.elapsed() < IDLE_TIME_MAX);
        if link.mails < MAILS_PER_LINK_MAX && idle.len() < IDLE_MAX {
            idle.push(link);
        }
    }
}

#[async_trait]
impl Mailer for SmtpMailer {
    fn provider(&self) -> &str {
        Self::PROVIDER
    }

    async fn send(&self, letter: &Letter) -> MailOutcome {
        let mail = match Outgoing::of(letter, &self.from) {
            Ok(mail) => mail,
            Err(reason) => return MailOutcome::RecipientPermanent { reason },
        };
        // Outside of the conversation, so that it is known also where the deadline ends that.
        let mut step = Step::Connect;
        let ended = timeout(self.timeout, self.converse(&mail, &mut step)).await.unwrap_or(Err(Failure::OutOfTime));
        match ended {
            Ok(text) => smtp_outcome::accepted(&text),
            Err(failure) => smtp_outcome::failed(step, &failure),
        }
    }
}

struct Outgoing {
    from: Address,
    to: Address,
    bytes: Vec<u8>,
}

impl Outgoing {
    fn of(letter: &Letter, from: &Sender) -> Result<Self, String> {
        let bytes = mime::message(letter, from)?;
        // Then no server needs 8BITMIME or SMTPUTF8; encodings and addresses see to it.
        if !bytes.is_ascii() {
            return Err("its message is not in ASCII, which not every server takes".to_owned());
        }
        Ok(Self { from: from.address().clone(), to: mime::recipient(letter)?, bytes })
    }
}

fn tls(options: &SmtpOptions) -> Result<TlsParameters, String> {
    let mut builder = TlsParameters::builder(options.host.clone());
    if let Some(pem) = &options.ca_pem {
        let authority = Certificate::from_pem(pem).map_err(|e| format!("the CA file holds no certificate: {e}"))?;
        builder = builder.add_root_certificate(authority);
    }
    builder.build().map_err(|e| format!("TLS cannot be set up: {e}"))
}

fn failure(error: &Error) -> Failure {
    match error.status() {
        Some(code) => Failure::Reply { code: code.into(), text: root_cause(error) },
        None => Failure::Lost { cause: root_cause(error) },
    }
}

/// A positive reply that does not belong there: the two sides talk past each other.
fn no_sense(response: &Response) -> Failure {
    Failure::Lost { cause: format!("its reply {} makes no sense there", response.code()) }
}

/// The innermost error's words: of a refusal the server's own, else the cause without its wrappings.
fn root_cause(error: &Error) -> String {
    let mut cause = error.source();
    while let Some(deeper) = cause.and_then(std::error::Error::source) {
        cause = Some(deeper);
    }
    cause.map_or_else(|| error.to_string(), ToString::to_string)
}
