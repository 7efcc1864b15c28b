//! Exim, a mail server as offices run it: a process for each connection, as inetd starts it (tests/smtp/exim.conf).

use super::{
    skip,
    smtp_server::{PASSWORD, USER, made},
};
use client_organizer::adapters::mail::SmtpSecurity;
use std::{
    fs,
    net::{TcpListener, TcpStream},
    os::{fd::OwnedFd, unix::fs::PermissionsExt},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

pub struct Exim {
    pub port: u16,
    folder: tempfile::TempDir,
}

/// A mail as it lies in the spool.
pub struct Spooled {
    /// Envelope, user and flags.
    pub about: String,
    pub message: Vec<u8>,
}

impl Exim {
    /// `None`: Exim is not installed, and the skip was reported.
    pub fn start(security: SmtpSecurity) -> Option<Self> {
        let Some(program) = program().filter(|_| made("done").exists()) else {
            skip::missing("Exim to test against (it becomes the machine's own mail server, so only in CI)");
            return None;
        };
        let folder = tempfile::tempdir().unwrap();
        prepare(folder.path());
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let configuration = folder.path().join("exim.conf");
        // It ends with the test's process, when nothing connects to it any more.
        std::thread::spawn(move || {
            for link in listener.incoming().map_while(Result::ok) {
                let mut command = Command::new(&program);
                command.arg("-C").arg(&configuration).args(["-bs"]);
                if security == SmtpSecurity::Tls {
                    command.arg("-tls-on-connect");
                }
                serve(command, link);
            }
        });
        Some(Self { port, folder })
    }

    /// The mail that was accepted with this answer (`OK id=…`).
    pub fn spooled(&self, answer: &str) -> Spooled {
        let id = answer.split_once("id=").unwrap().1;
        let read = |part: &str| fs::read(self.folder.path().join(format!("spool/input/{id}-{part}"))).unwrap();
        let (head, body) = (read("H"), read("D"));
        let end = head.windows(2).position(|two| two == b"\n\n").unwrap();
        let mut message = headers(&head[end + 2..]);
        // Its first line names the mail.
        let first = body.iter().position(|byte| *byte == b'\n').unwrap();
        message.push(b'\n');
        message.extend_from_slice(&body[first + 1..]);
        Spooled { about: String::from_utf8_lossy(&head[..end]).into_owned(), message }
    }
}

fn program() -> Option<PathBuf> {
    ["/usr/sbin/exim4", "/usr/sbin/exim"].into_iter().map(PathBuf::from).find(|path| path.exists())
}

/// Where the tests run as root, Exim drops that right, and must still be able to use its files.
fn prepare(folder: &Path) {
    let mode = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    mode(folder, 0o777);
    for name in ["here.pem", "here.key"] {
        fs::copy(made(name), folder.join(name)).unwrap();
        mode(&folder.join(name), 0o644);
    }
    let template = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/smtp/exim.conf");
    let text = fs::read_to_string(template).unwrap();
    let text = text.replace("HERE", folder.to_str().unwrap()).replace("{USER}", &format!("{{{USER}}}"));
    fs::write(folder.join("exim.conf"), text.replace("PASSWORD", PASSWORD)).unwrap();
    mode(&folder.join("exim.conf"), 0o644);
}

fn serve(mut command: Command, link: TcpStream) {
    let out = OwnedFd::from(link.try_clone().unwrap());
    let mut child = command.stdin(OwnedFd::from(link)).stdout(out).stderr(Stdio::null()).spawn().unwrap();
    std::thread::spawn(move || child.wait());
}

/// The spool writes each header with its length and a flag before it: `031T To: anna@example.pl`.
fn headers(mut spooled: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    while !spooled.is_empty() {
        let digits = spooled.iter().position(|byte| !byte.is_ascii_digit()).unwrap();
        let length: usize = std::str::from_utf8(&spooled[..digits]).unwrap().parse().unwrap();
        let begin = digits + 2;
        plain.extend_from_slice(&spooled[begin..begin + length]);
        spooled = &spooled[begin + length..];
    }
    plain
}
