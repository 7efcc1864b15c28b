//! A link to an SMTP server: one command, one reply, and a content with its dots doubled.
//!
//! Whoever holds it knows how far it came: lettre's own connection takes a reply that is not UTF-8 or has no text for a
//! broken link, after the server took the mail.

use super::smtp_reply::{self, Reply};
use base64::{Engine, engine::general_purpose::STANDARD};
use rustls::{
    ClientConfig,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};
use rustls_platform_verifier::Verifier;
use std::{io, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt, BufReader},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::TlsConnector;

trait Io: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

pub(super) struct SmtpLink {
    stream: BufReader<Box<dyn Io>>,
    /// What EHLO was answered, in upper case.
    offers: Vec<String>,
}

/// For one address of the host, so that a second one gets its turn.
const CONNECT_TIME_MAX: Duration = Duration::from_secs(10);

impl SmtpLink {
    /// Connects, and reads no greeting yet.
    ///
    /// # Errors
    /// The last address's.
    pub(super) async fn connect(host: &str, port: u16) -> io::Result<Self> {
        let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
        for address in tokio::net::lookup_host((host, port)).await? {
            let connecting = timeout(CONNECT_TIME_MAX, TcpStream::connect(address)).await;
            match connecting.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())) {
                Ok(tcp) => {
                    tcp.set_nodelay(true)?;
                    return Ok(Self { stream: BufReader::new(Box::new(tcp)), offers: Vec::new() });
                }
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    /// # Errors
    /// The handshake's; or something was said in the clear that was not asked for, and would be taken for said inside.
    pub(super) async fn encrypted(self, tls: &TlsConnector, host: &str) -> io::Result<Self> {
        self.nothing_unasked()?;
        let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
        let stream = tls.connect(name, self.stream.into_inner()).await?;
        Ok(Self { stream: BufReader::new(Box::new(stream)), offers: Vec::new() })
    }

    /// # Errors
    /// As `smtp_reply::read`.
    pub(super) async fn reply(&mut self) -> io::Result<Reply> {
        smtp_reply::read(&mut self.stream).await
    }

    /// # Errors
    /// As `smtp_reply::read`; or the server said something before it was asked, so that replies belong to no command.
    pub(super) async fn command(&mut self, line: &str) -> io::Result<Reply> {
        self.nothing_unasked()?;
        self.write(format!("{line}\r\n").as_bytes()).await?;
        self.reply().await
    }

    /// What the server offers is known after it.
    ///
    /// # Errors
    /// As `command`.
    pub(super) async fn hello(&mut self, domain: &str) -> io::Result<Reply> {
        let reply = self.command(&format!("EHLO {domain}")).await?;
        self.offers = reply.lines.iter().skip(1).map(|line| line.to_ascii_uppercase()).collect();
        Ok(reply)
    }

    pub(super) fn offers_starttls(&self) -> bool {
        self.offers.iter().any(|offer| offer.trim() == "STARTTLS")
    }

    /// By PLAIN, else by LOGIN. The last reply; none where neither is offered.
    ///
    /// # Errors
    /// As `command`.
    pub(super) async fn login(&mut self, user: &str, password: &str) -> io::Result<Option<Reply>> {
        let offered = |mechanism: &str| {
            // `AUTH=` is how servers wrote it before there was a standard.
            let ways = |offer: &str| offer.strip_prefix("AUTH").map(|ways| ways.replace('=', " "));
            self.offers.iter().filter_map(|o| ways(o)).any(|ways| ways.split_whitespace().any(|way| way == mechanism))
        };
        if offered("PLAIN") {
            let word = STANDARD.encode(format!("\0{user}\0{password}"));
            return self.command(&format!("AUTH PLAIN {word}")).await.map(Some);
        }
        if !offered("LOGIN") {
            return Ok(None);
        }
        let mut reply = self.command("AUTH LOGIN").await?;
        for answer in [user, password] {
            if reply.code != 334 {
                break;
            }
            reply = self.command(&STANDARD.encode(answer)).await?;
        }
        Ok(Some(reply))
    }

    /// All of a mail but the dot that ends it: so far no server can have taken it.
    ///
    /// # Errors
    /// As `command`; the reply to what was written, where the server gave one and hung up.
    pub(super) async fn content(&mut self, mail: &[u8]) -> io::Result<Option<Reply>> {
        self.nothing_unasked()?;
        match self.write(&dotted(mail)).await {
            Ok(()) => Ok(None),
            // It may have said why before it hung up.
            Err(error) => self.reply().await.map(Some).map_err(|_| error),
        }
    }

    /// The dot: from here on the server may have the mail, until its reply says otherwise.
    ///
    /// # Errors
    /// The link's, or its reply cannot be read.
    pub(super) async fn end_of_content(&mut self) -> io::Result<Reply> {
        self.write(b".\r\n").await?;
        // Lines before the reply that have no code are no reply.
        for _ in 0..UNCODED_LINES_MAX {
            match self.reply().await {
                Err(error) if error.kind() == io::ErrorKind::InvalidData => {}
                reply => return reply,
            }
        }
        Err(io::Error::new(io::ErrorKind::InvalidData, "is not SMTP"))
    }

    /// What was said meanwhile is no answer to what comes next.
    fn nothing_unasked(&self) -> io::Result<()> {
        if self.stream.buffer().is_empty() {
            return Ok(());
        }
        Err(io::Error::other("it said something that it was not asked"))
    }

    async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let stream = self.stream.get_mut();
        stream.write_all(bytes).await?;
        stream.flush().await
    }
}

const UNCODED_LINES_MAX: usize = 100;

/// A line's first dot is doubled, else one alone would end the mail; the last line is ended.
fn dotted(mail: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(mail.len() + 64);
    for line in mail.split_inclusive(|byte| *byte == b'\n') {
        if line.starts_with(b".") {
            out.push(b'.');
        }
        out.extend_from_slice(line);
    }
    if !out.ends_with(b"\r\n") {
        out.extend_from_slice(b"\r\n");
    }
    out
}

/// Trusts what the system does, and the certificates in `ca_pem` beside.
///
/// # Errors
/// For a person.
pub(super) fn tls(ca_pem: Option<&[u8]>) -> Result<TlsConnector, String> {
    let no_certificate = |e: &dyn std::fmt::Display| format!("the CA file holds no certificate: {e}");
    let read = CertificateDer::pem_slice_iter(ca_pem.unwrap_or_default()).collect::<Result<Vec<_>, _>>();
    let authorities = read.map_err(|e| no_certificate(&e))?;
    if ca_pem.is_some() && authorities.is_empty() {
        return Err(no_certificate(&"there is no CERTIFICATE section in it"));
    }
    let failed = |e: rustls::Error| format!("TLS cannot be set up: {e}");
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let verifier = Verifier::new_with_extra_roots(authorities, provider.clone()).map_err(failed)?;
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(failed)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_line_of_a_mail_ends_it() {
        for (mail, wire) in
            [("a\r\n.\r\nb\r\n", "a\r\n..\r\nb\r\n"), (".a\r\n..", "..a\r\n...\r\n"), ("a.b", "a.b\r\n"), ("", "\r\n")]
        {
            assert_eq!(String::from_utf8(dotted(mail.as_bytes())).unwrap(), wire);
        }
    }
}
