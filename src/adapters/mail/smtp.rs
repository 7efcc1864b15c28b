//! A mailer that hands each letter to an SMTP server.
//!
//! The commands are given one by one, and the step is noted before each: that tells "before the content's end" from
//! "after it", and with that a mail that waits from a mail in doubt.
//!
//! One deadline covers all of it, from the name's look-up to the last reply. Connections are kept open for the next
//! mail, within bounds, and one that failed in any way is never used again.

use super::{
    mime::{self, Sender},
    smtp_link::{self, SmtpLink},
    smtp_outcome::{self, Failure, Step},
    smtp_reply::Reply,
};
use crate::{
    config::SmtpSecurity,
    domain::delivery::MailOutcome,
    ports::mailer::{Letter, Mailer},
};
use async_trait::async_trait;
use lettre::Address;
use std::{
    io,
    sync::{Mutex, PoisonError},
    time::Duration,
};
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsConnector;

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
    tls: Option<TlsConnector>,
    login: Option<(String, String)>,
    timeout: Duration,
    from: Sender,
    idle: Mutex<Vec<Link>>,
}

/// An open connection between two mails.
struct Link {
    connection: SmtpLink,
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
impl SmtpMailer {
    pub const PROVIDER: &'static str = "mail:smtp";

    /// # Errors
    /// The certificates cannot be read. No connection is made here.
    pub fn new(options: SmtpOptions, from: Sender) -> Result<Self, String> {
        let tls = match options.security {
            SmtpSecurity::None => None,
            SmtpSecurity::Starttls | SmtpSecurity::Tls => Some(smtp_link::tls(options.ca_pem.as_deref())?),
        };
        Ok(Self {
            host: options.host,
            port: options.port,
            security: options.security,
            tls,
            login: options.login,
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
        positive(connection.command(&format!("MAIL FROM:<{}>", mail.from)).await)?;
        *step = Step::Recipient;
        positive(connection.command(&format!("RCPT TO:<{}>", mail.to)).await)?;
        *step = Step::Announce;
        expected(connection.command("DATA").await, 354..355)?;
        *step = Step::Content;
        if let Some(early) = connection.content(&mail.bytes).await.map_err(|e| lost(&e))? {
            positive(Ok(early))?;
            return Err(Failure::Lost { cause: "it answered before the content's end".to_owned() });
        }
        *step = Step::End;
        let answer = positive(connection.end_of_content().await)?;
        link.mails += 1;
        self.keep(link);
        Ok(answer.text())
    }

    async fn connect(&self, step: &mut Step) -> Result<Link, Failure> {
        *step = Step::Connect;
        let mut connection = SmtpLink::connect(&self.host, self.port).await.map_err(|e| lost(&e))?;
        if let (Some(tls), SmtpSecurity::Tls) = (&self.tls, self.security) {
            connection = connection.encrypted(tls, &self.host).await.map_err(|e| lost(&e))?;
        }
        positive(connection.reply().await)?;
        positive(connection.hello(self.from.domain()).await)?;
        if let (Some(tls), SmtpSecurity::Starttls) = (&self.tls, self.security) {
            // Never on in the clear.
            if !connection.offers_starttls() {
                return Err(Failure::Lost { cause: "STARTTLS is not supported by this server".to_owned() });
            }
            positive(connection.command("STARTTLS").await)?;
            connection = connection.encrypted(tls, &self.host).await.map_err(|e| lost(&e))?;
            positive(connection.hello(self.from.domain()).await)?;
        }
        if let Some((user, password)) = &self.login {
            *step = Step::Login;
            let answer = connection.login(user, password).await.map_err(|e| lost(&e))?;
            let none = || Failure::Lost { cause: "the server takes no login by PLAIN or LOGIN".to_owned() };
            positive(Ok(answer.ok_or_else(none)?))?;
        }
        Ok(Link { connection, mails: 0, since: Instant::now() })
    }

    /// One that still answers; those that do not are closed.
    async fn idle_link(&self) -> Option<Link> {
        // Bounded: each turn takes one away, and nobody waits longer than for `IDLE_MAX` proofs.
        for _ in 0..IDLE_MAX {
            let mut link = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop()?;
            let young = link.since.elapsed() < IDLE_TIME_MAX;
            let proof = async { positive(link.connection.command("NOOP").await).is_ok() };
            if young && timeout(PROOF_TIME_MAX, proof).await.unwrap_or(false) {
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
            Err(reason) => return MailOutcome::RecipientPermanent { reason, alike: None },
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

fn positive(reply: io::Result<Reply>) -> Result<Reply, Failure> {
    expected(reply, 200..300)
}

fn expected(reply: io::Result<Reply>, codes: std::ops::Range<u16>) -> Result<Reply, Failure> {
    let reply = reply.map_err(|e| lost(&e))?;
    match reply.code {
        code if codes.contains(&code) => Ok(reply),
        code @ 400..600 => Err(Failure::Reply { code, text: reply.text() }),
        // The two sides talk past each other.
        code => Err(Failure::Lost { cause: format!("its reply {code} makes no sense there") }),
    }
}

fn lost(error: &io::Error) -> Failure {
    Failure::Lost { cause: error.to_string() }
}
