//! A mailer that sends each letter to an SMTP server.
//!
//! The commands are sent one by one, and the step is recorded before each. It separates "before the end of the content"
//! from "after it", and so a mail that waits from a mail in doubt.
//!
//! One deadline covers a mail, from the name's look-up to the last reply. A limited number of connections is kept open
//! for the next mails; a connection that failed in any way is never used again.

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

/// How `SmtpMailer` connects. It has the password, so it has no Debug.
pub struct SmtpOptions {
    /// The server's name, which its certificate must have, or its IP address.
    pub host: String,
    /// Usually 587 with STARTTLS and 465 with TLS.
    pub port: u16,
    /// How the connection is encrypted.
    pub security: SmtpSecurity,
    /// User and password; None: no login.
    pub login: Option<(String, String)>,
    /// PEM certificates that are trusted in addition to the system's.
    pub ca_pem: Option<Vec<u8>>,
    /// Bound of one mail, from the name's look-up to the last reply.
    pub timeout: Duration,
}

/// Sends letters over SMTP. SMTP has no status query.
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

/// Connections kept open; further ones are closed after their mail.
const IDLE_MAX: usize = 4;
/// Shorter than servers and gateways keep a silent connection (Postfix 300 s, Azure 4 min, others 30 s).
const IDLE_TIME_MAX: Duration = Duration::from_secs(20);
/// Servers close a connection after some number of mails (often 100), at any moment.
const MAILS_PER_LINK_MAX: u32 = 50;
/// How long an idle connection may take to answer NOOP; a dead one must not use up the mail's time.
const PROOF_TIME_MAX: Duration = Duration::from_secs(2);
impl SmtpMailer {
    /// The name of the provider's breaker and rate limit.
    pub const PROVIDER: &'static str = "mail:smtp";

    /// Connects to nothing yet.
    ///
    /// # Errors
    /// The certificates cannot be read, or TLS cannot be set up on this machine.
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
            return Err(Failure::Lost { cause: "it answered before the end of the content".to_owned() });
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
            // Never continues unencrypted.
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
            let none = || Failure::Lost { cause: "the server offers neither AUTH PLAIN nor LOGIN".to_owned() };
            positive(Ok(answer.ok_or_else(none)?))?;
        }
        Ok(Link { connection, mails: 0, since: Instant::now() })
    }

    /// An idle connection that still answers; those that do not are closed.
    async fn idle_link(&self) -> Option<Link> {
        // Bounded: each turn removes a connection, so a mail waits for at most `IDLE_MAX` proofs.
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
        // Outside the conversation, so that it is known when the deadline ends the conversation.
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
        // Encodings and addresses keep it ASCII, so that no server needs 8BITMIME or SMTPUTF8.
        if !bytes.is_ascii() {
            return Err("its message is not in ASCII, which some servers refuse".to_owned());
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
        // The sides disagree about the state of the conversation.
        code => Err(Failure::Lost { cause: format!("its reply {code} is not valid at this step") }),
    }
}

fn lost(error: &io::Error) -> Failure {
    Failure::Lost { cause: error.to_string() }
}
