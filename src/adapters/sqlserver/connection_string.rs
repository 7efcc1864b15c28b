//! What a connection string says: where the database is, who logs in, and what of it this program cannot do.

use super::{
    ado,
    login::{AzureEnvironment, Login},
};
use std::{fmt, path::PathBuf, time::Duration};
use tiberius::EncryptionLevel;

/// Debug shows no secret: a password stands in `login` alone.
#[derive(Clone)]
pub struct ConnectionString {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) database: Option<String>,
    pub(super) login: Login,
    pub(super) encryption: EncryptionLevel,
    pub(super) trust_any_certificate: bool,
    pub(super) trusted_ca: Option<PathBuf>,
    pub(super) certificate_host: Option<String>,
    pub(super) application: Option<String>,
    pub(super) workstation: Option<String>,
    pub(super) read_only: bool,
    pub(super) packet_bytes: Option<u32>,
    /// As the string says; the settings count where they are given.
    pub connect_timeout: Option<Duration>,
    pub command_timeout: Option<Duration>,
}

impl fmt::Debug for ConnectionString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ConnectionString({}:{}, {:?})", self.host, self.port, self.login)
    }
}

/// Each keyword once, with its other names. .NET refuses what it does not know, and so do we: a typo in `Encrypt`
/// would otherwise be a silent default.
const KEYWORDS: &[(&str, &[&str])] = &[
    ("Server", &["server", "datasource", "addr", "address", "networkaddress"]),
    ("Database", &["database", "initialcatalog", "databasename"]),
    ("User ID", &["userid", "uid", "user", "username"]),
    ("Password", &["password", "pwd"]),
    ("Authentication", &["authentication"]),
    ("Integrated Security", &["integratedsecurity", "trustedconnection"]),
    ("Encrypt", &["encrypt"]),
    ("TrustServerCertificate", &["trustservercertificate"]),
    ("TrustServerCertificateCA", &["trustservercertificateca"]),
    ("HostNameInCertificate", &["hostnameincertificate"]),
    ("Connect Timeout", &["connecttimeout", "connectiontimeout", "timeout"]),
    ("Command Timeout", &["commandtimeout"]),
    ("Application Name", &["applicationname", "app"]),
    ("Workstation ID", &["workstationid", "wsid"]),
    ("ApplicationIntent", &["applicationintent"]),
    ("Packet Size", &["packetsize"]),
];

/// What .NET's own pool and driver take, and what changes nothing here: our pool has settings (Sql__…), the dialect
/// needs no second result set at a time, and a lost connection is made again anyway.
const IGNORED: &[&str] = &[
    "persistsecurityinfo",
    "persistsecurity",
    "multipleactiveresultsets",
    "pooling",
    "maxpoolsize",
    "minpoolsize",
    "connectionlifetime",
    "loadbalancetimeout",
    "poolblockingperiod",
    "connectretrycount",
    "connectretryinterval",
    "multisubnetfailover",
    "transparentnetworkipresolution",
    "enlist",
    "replication",
    "typesystemversion",
    "transactionbinding",
    "currentlanguage",
    "language",
    "asynchronousprocessing",
    "contextconnection",
    "ipaddresspreference",
    "columnencryptionsetting",
    "networklibrary",
    "net",
    "network",
];

/// As long as `Sql__ConnectTimeoutMs` and `Sql__CommandTimeoutMs` may be; .NET's 0 means for ever, which is too long.
const CONNECT_MAX: Duration = Duration::from_mins(1);
const COMMAND_MAX: Duration = Duration::from_mins(5);

/// The given keywords by their first names, with whatever is wrong found so far.
struct Reading {
    given: Vec<(&'static str, String)>,
    problems: Vec<String>,
}

impl ConnectionString {
    /// # Errors
    /// Every problem there is, by keyword and never with a value that could be secret.
    pub fn parse(text: &str, azure: &AzureEnvironment) -> Result<Self, Vec<String>> {
        let mut reading = Reading::of(text).map_err(|problem| vec![problem])?;
        let (host, port) = reading.server();
        let encryption = reading.encryption();
        let trust_any_certificate = reading.flag("TrustServerCertificate");
        let trusted_ca = reading.text("TrustServerCertificateCA").map(PathBuf::from);
        if trust_any_certificate && trusted_ca.is_some() {
            reading.problem("has both TrustServerCertificate=true and TrustServerCertificateCA: keep the second");
        }
        if reading.text("Integrated Security").is_some_and(|text| !is_no(&text)) {
            reading.problem(
                "has Integrated Security: Windows logins are not supported; use a SQL login or Authentication=",
            );
        }
        let mut seconds = |keyword, max: Duration| {
            let text = reading.text(keyword)?;
            let Ok(seconds) = text.parse::<u64>() else {
                reading.problem(format!("has a {keyword} that is no whole number of seconds"));
                return None;
            };
            Some(if seconds == 0 { max } else { Duration::from_secs(seconds).min(max) })
        };
        let connect_timeout = seconds("Connect Timeout", CONNECT_MAX);
        let command_timeout = seconds("Command Timeout", COMMAND_MAX);
        let packet_bytes = reading.text("Packet Size").and_then(|text| {
            let bytes = text.parse().ok().filter(|bytes| (512..=32_767).contains(bytes));
            if bytes.is_none() {
                reading.problem("has a Packet Size that is no number of 512 to 32767");
            }
            bytes
        });
        let given = |keyword| reading.text(keyword);
        let login = Login::of(given("Authentication").as_deref(), given("User ID"), given("Password"), azure);
        let login = login.unwrap_or_else(|problems| {
            reading.problems.extend(problems);
            Login::None
        });
        let said = Self {
            host,
            port,
            database: reading.text("Database"),
            login,
            encryption,
            trust_any_certificate,
            trusted_ca,
            certificate_host: reading.text("HostNameInCertificate"),
            application: reading.text("Application Name"),
            workstation: reading.text("Workstation ID"),
            read_only: reading.text("ApplicationIntent").is_some_and(|text| text.eq_ignore_ascii_case("ReadOnly")),
            packet_bytes,
            connect_timeout,
            command_timeout,
        };
        if reading.problems.is_empty() { Ok(said) } else { Err(reading.problems) }
    }
}

impl Reading {
    fn of(text: &str) -> Result<Self, String> {
        let mut reading = Self { given: Vec::new(), problems: Vec::new() };
        for (place, (key, value)) in ado::pairs(text)?.into_iter().enumerate() {
            let known = KEYWORDS.iter().find(|(_, names)| names.contains(&key.as_str())).map(|(name, _)| *name);
            match known {
                Some(name) if reading.text(name).is_some() => {
                    reading.problem(format!("says {name} more than once, by different names"));
                }
                Some(name) if !value.is_empty() => reading.given.push((name, value)),
                // `Password=` with nothing is as good as none.
                Some(_) => {}
                None if IGNORED.contains(&key.as_str()) => {}
                // Not by its name: it could be the rest of a password whose ; stands in no quotes.
                None => reading.problem(format!(
                    "has a keyword that is not known, the {}. of all: look at its spelling; a value with ; stands in quotes",
                    place + 1
                )),
            }
        }
        Ok(reading)
    }

    fn problem(&mut self, problem: impl Into<String>) {
        self.problems.push(problem.into());
    }

    fn text(&self, keyword: &str) -> Option<String> {
        self.given.iter().find(|(known, _)| *known == keyword).map(|(_, value)| value.clone())
    }

    fn flag(&mut self, keyword: &str) -> bool {
        match self.text(keyword) {
            None => false,
            Some(text) if is_yes(&text) => true,
            Some(text) if is_no(&text) => false,
            Some(_) => {
                self.problem(format!("has a {keyword} that is neither true nor false"));
                false
            }
        }
    }

    fn server(&mut self) -> (String, u16) {
        const PORT: u16 = 1433;
        let Some(text) = self.text("Server") else {
            self.problem("has no Server: expected Server=tcp:<host>,1433");
            return (String::new(), PORT);
        };
        let (place, port) = text.split_once(',').unwrap_or((&text, ""));
        let place = place.trim();
        let place = place.get(..4).filter(|head| head.eq_ignore_ascii_case("tcp:")).map_or(place, |_| &place[4..]);
        let (host, instance) = place.split_once('\\').unwrap_or((place, ""));
        if !instance.is_empty() && port.is_empty() {
            self.problem(
                "names an instance without its port, and SQL Browser is not asked: write Server=tcp:<host>,<port>",
            );
        }
        let port = match port.trim() {
            "" => PORT,
            text => text.parse().unwrap_or_else(|_| {
                self.problem("has a Server whose port is none: expected Server=tcp:<host>,1433");
                PORT
            }),
        };
        let host = match host.trim() {
            "." | "(local)" => "localhost",
            host => host,
        };
        if host.is_empty() || host.contains(':') {
            self.problem("has a Server that is no host: expected Server=tcp:<host>,1433");
        }
        (host.to_owned(), port)
    }

    /// Encrypted unless the string says otherwise, as .NET has it since Microsoft.Data.SqlClient 4.
    fn encryption(&mut self) -> EncryptionLevel {
        let Some(text) = self.text("Encrypt") else { return EncryptionLevel::Required };
        match text.as_str() {
            text if is_yes(text) || text.eq_ignore_ascii_case("mandatory") => EncryptionLevel::Required,
            text if is_no(text) || text.eq_ignore_ascii_case("optional") => EncryptionLevel::Off,
            text if text.eq_ignore_ascii_case("strict") => EncryptionLevel::Strict,
            // The driver's word, for servers without any TLS: tests on this machine.
            "DANGER_PLAINTEXT" => EncryptionLevel::NotSupported,
            _ => {
                self.problem("has an Encrypt that is none of true, strict or false");
                EncryptionLevel::Required
            }
        }
    }
}

fn is_yes(text: &str) -> bool {
    ["true", "yes", "1", "sspi"].iter().any(|word| text.eq_ignore_ascii_case(word))
}

fn is_no(text: &str) -> bool {
    ["false", "no", "0"].iter().any(|word| text.eq_ignore_ascii_case(word))
}

#[cfg(test)]
#[path = "connection_string_tests.rs"]
mod tests;
