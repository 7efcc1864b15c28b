//! A connection to an SMTP server: one command, one reply, and the content with its dots doubled.
//!
//! It is our own because the caller must know how far a mail came: lettre's connection reports a reply that is not
//! UTF-8 or has no text as a broken connection, although the server accepted the mail.

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
    /// The extensions that EHLO was answered with, in upper case.
    offers: Vec<String>,
}

/// Bound for one address of the host, so that the next one gets its turn.
const CONNECT_TIME_MAX: Duration = Duration::from_secs(10);

impl SmtpLink {
    /// Connects to the first address that accepts, without reading the greeting.
    ///
    /// # Errors
    /// The last address's error.
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

    /// Encrypts the connection.
    ///
    /// # Errors
    /// The handshake failed; or the server sent unrequested plain text, which would be mistaken for encrypted text.
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
    /// As `smtp_reply::read`; or the server sent something before the command, so that replies belong to no command.
    pub(super) async fn command(&mut self, line: &str) -> io::Result<Reply> {
        self.nothing_unasked()?;
        self.write(format!("{line}\r\n").as_bytes()).await?;
        self.reply().await
    }

    /// Sends EHLO, and stores the extensions that the server offers.
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

    /// Logs in by PLAIN, or else by LOGIN. Returns the last reply; None: neither is offered. A server that does not know
    /// the command may repeat it: the reply holds nothing of what it was sent.
    ///
    /// # Errors
    /// As `command`.
    pub(super) async fn login(&mut self, user: &str, password: &str) -> io::Result<Option<Reply>> {
        let offered = |mechanism: &str| {
            // Servers wrote `AUTH=` before there was a standard.
            let ways = |offer: &str| offer.strip_prefix("AUTH").map(|ways| ways.replace('=', " "));
            self.offers.iter().filter_map(|o| ways(o)).any(|ways| ways.split_whitespace().any(|way| way == mechanism))
        };
        let plain = STANDARD.encode(format!("\0{user}\0{password}"));
        let (named, secret) = (STANDARD.encode(user), STANDARD.encode(password));
        let mut reply = if offered("PLAIN") {
            self.command(&format!("AUTH PLAIN {plain}")).await?
        } else if offered("LOGIN") {
            let mut reply = self.command("AUTH LOGIN").await?;
            for answer in [&named, &secret] {
                if reply.code != 334 {
                    break;
                }
                reply = self.command(answer).await?;
            }
            reply
        } else {
            return Ok(None);
        };
        for sent in
            [plain.as_str(), secret.as_str(), named.as_str(), password].into_iter().filter(|sent| !sent.is_empty())
        {
            reply.lines.iter_mut().for_each(|line| *line = line.replace(sent, "<credential>"));
        }
        Ok(Some(reply))
    }

    /// Sends the whole mail except the dot that ends it: until then no server can have accepted it.
    ///
    /// # Errors
    /// As `command`. `Ok(Some)` is the reply of a server that answered early and closed the connection.
    pub(super) async fn content(&mut self, mail: &[u8]) -> io::Result<Option<Reply>> {
        self.nothing_unasked()?;
        match self.write(&dotted(mail)).await {
            Ok(()) => Ok(None),
            // The server may have sent its reason before it closed the connection.
            Err(error) => self.reply().await.map(Some).map_err(|_| error),
        }
    }

    /// Sends the dot. From here on the server may have the mail, unless its reply refuses it.
    ///
    /// # Errors
    /// The connection's error, or the reply cannot be read.
    pub(super) async fn end_of_content(&mut self) -> io::Result<Reply> {
        self.write(b".\r\n").await?;
        // Lines without a code before the reply are skipped.
        for _ in 0..UNCODED_LINES_MAX {
            match self.reply().await {
                Err(error) if error.kind() == io::ErrorKind::InvalidData => {}
                reply => return reply,
            }
        }
        Err(io::Error::new(io::ErrorKind::InvalidData, "is not SMTP"))
    }

    /// Fails if the server sent something unrequested: it would be read as the reply to the next command.
    fn nothing_unasked(&self) -> io::Result<()> {
        if self.stream.buffer().is_empty() {
            return Ok(());
        }
        Err(io::Error::other("it sent something that was not requested"))
    }

    async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let stream = self.stream.get_mut();
        stream.write_all(bytes).await?;
        stream.flush().await
    }
}

const UNCODED_LINES_MAX: usize = 100;

/// Doubles the dot at the begin of a line, since a line with one dot ends the mail, and ends the last line.
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

/// Trusts the system's certificates, and those in `ca_pem`.
///
/// # Errors
/// In words for an operator.
pub(super) fn tls(ca_pem: Option<&[u8]>) -> Result<TlsConnector, String> {
    let no_certificate = |e: &dyn std::fmt::Display| format!("the CA file has no valid certificate: {e}");
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
    fn no_line_of_a_mail_can_end_it() {
        for (mail, wire) in
            [("a\r\n.\r\nb\r\n", "a\r\n..\r\nb\r\n"), (".a\r\n..", "..a\r\n...\r\n"), ("a.b", "a.b\r\n"), ("", "\r\n")]
        {
            assert_eq!(String::from_utf8(dotted(mail.as_bytes())).unwrap(), wire);
        }
    }
}
