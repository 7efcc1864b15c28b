//! What a connection string says: where the database is, who logs in, and what of it this program cannot do.

use super::{
    ado,
    sql_login::{AzureEnvironment, Login},
};
use std::{fmt, net::Ipv6Addr, path::PathBuf, time::Duration};
use tiberius::EncryptionLevel;

/// Debug shows no secret: a password stands in `login` alone.
#[derive(Clone)]
pub struct ConnectionString {
    pub host: String,
    pub port: u16,
    pub database: Option<String>,
    pub login: Login,
    pub encryption: EncryptionLevel,
    pub trust_any_certificate: bool,
    pub trusted_ca: Option<PathBuf>,
    pub certificate_host: Option<String>,
    pub application: Option<String>,
    pub workstation: Option<String>,
    /// All addresses of the host at once: a listener's live one is not behind the dead ones.
    pub at_once: bool,
    pub packet_bytes: Option<u32>,
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
    ("MultiSubnetFailover", &["multisubnetfailover"]),
];

/// What .NET's own pool and driver take, and what changes nothing here: our pool has settings (Sql__…), the dialect
/// needs no second result set at a time, no statement reads a date or a message by its language, a lost connection is
/// made again anyway, and every address of a host is tried. A value that .NET refuses is still refused.
const WITHOUT_EFFECT: &[(&str, Takes)] = &[
    ("persistsecurityinfo", Takes::Flag),
    ("multipleactiveresultsets", Takes::Flag),
    ("pooling", Takes::Flag),
    ("maxpoolsize", Takes::Whole),
    ("minpoolsize", Takes::Whole),
    ("connectionlifetime", Takes::Whole),
    ("loadbalancetimeout", Takes::Whole),
    ("poolblockingperiod", Takes::OneOf(&["auto", "alwaysblock", "neverblock"])),
    ("connectretrycount", Takes::Whole),
    ("connectretryinterval", Takes::Whole),
    ("enlist", Takes::Flag),
    ("typesystemversion", Takes::Anything),
    ("transactionbinding", Takes::Anything),
    ("currentlanguage", Takes::Anything),
    ("language", Takes::Anything),
    ("ipaddresspreference", Takes::OneOf(&["ipv4first", "ipv6first", "useplatformdefault"])),
    ("columnencryptionsetting", Takes::OneOf(&["disabled"])),
    ("replication", Takes::OneOf(&["false", "no"])),
    ("userinstance", Takes::OneOf(&["false", "no"])),
];

#[derive(Clone, Copy)]
enum Takes {
    Flag,
    Whole,
    /// In lower case without spaces. What .NET takes and is not here would have an effect.
    OneOf(&'static [&'static str]),
    Anything,
}

/// What .NET takes and this program cannot do, by its name there, with what to do instead.
const NOT_HERE: &[(&str, &[&str], &str)] = &[
    (
        "ServerCertificate",
        &["servercertificate"],
        "pinning one certificate is not supported: name the certificate of who issued it in TrustServerCertificateCA",
    ),
    (
        "Failover Partner",
        &["failoverpartner", "failoverpartnerspn"],
        "database mirroring is not supported: name a listener or a failover group as Server",
    ),
    (
        "AttachDbFilename",
        &["attachdbfilename", "extendedproperties", "initialfilename"],
        "a file cannot be attached: name a database that the server has",
    ),
    (
        "Network Library",
        &["networklibrary", "net", "network"],
        "there is no choice of one, TCP is the only way: remove it",
    ),
    ("ServerSPN", &["serverspn"], "Windows logins are not supported: remove it"),
    (
        "Attestation Protocol",
        &["attestationprotocol", "enclaveattestationurl"],
        "columns encrypted by the client are not supported: remove it",
    ),
    (
        "Context Connection",
        &["contextconnection", "asynchronousprocessing", "connectionreset", "transparentnetworkipresolution"],
        "Microsoft.Data.SqlClient does not know it any more, nor its like: remove it",
    ),
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
                reading.problem(format!("has an invalid {keyword}: expected whole seconds"));
                return None;
            };
            Some(if seconds == 0 { max } else { Duration::from_secs(seconds).min(max) })
        };
        let connect_timeout = seconds("Connect Timeout", CONNECT_MAX);
        let command_timeout = seconds("Command Timeout", COMMAND_MAX);
        let packet_bytes = reading.text("Packet Size").and_then(|text| {
            let bytes = text.parse().ok().filter(|bytes| (512..=32_767).contains(bytes));
            if bytes.is_none() {
                reading.problem("has an invalid Packet Size: expected 512 to 32767");
            }
            bytes
        });
        let at_once = reading.flag("MultiSubnetFailover");
        if let Some(intent) = reading.text("ApplicationIntent") {
            match intent.to_lowercase().as_str() {
                "readwrite" => {}
                "readonly" => {
                    reading.problem("has ApplicationIntent=ReadOnly: this program writes; remove it, or say ReadWrite");
                }
                _ => reading.problem("has an invalid ApplicationIntent: expected ReadWrite"),
            }
        }
        let given = |keyword| reading.text(keyword);
        let login = Login::of(given("Authentication").as_deref(), given("User ID"), given("Password"), azure);
        let login = login.unwrap_or_else(|problems| {
            reading.problems.extend(problems);
            Login::None
        });
        let parsed = Self {
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
            at_once,
            packet_bytes,
            connect_timeout,
            command_timeout,
        };
        if reading.problems.is_empty() { Ok(parsed) } else { Err(reading.problems) }
    }
}

impl Takes {
    /// What was expected, where the value is another. One with nothing is none.
    fn refusal(self, value: &str) -> Option<String> {
        let word: String = value.chars().filter(|c| !c.is_whitespace()).flat_map(char::to_lowercase).collect();
        let (fits, expected) = match self {
            Self::Anything => return None,
            Self::Flag => (is_yes(value) || is_no(value), "true or false".to_owned()),
            Self::Whole => (word.parse::<i32>().is_ok_and(|number| number >= 0), "a whole number".to_owned()),
            Self::OneOf(words) => (words.contains(&word.as_str()), words.join(" or ")),
        };
        (!fits && !value.is_empty()).then_some(expected)
    }
}

impl Reading {
    fn of(text: &str) -> Result<Self, String> {
        let mut reading = Self { given: Vec::new(), problems: Vec::new() };
        for (address, (key, value)) in ado::pairs(text)?.into_iter().enumerate() {
            let named = |names: &[&str]| names.contains(&key.as_str());
            if let Some((name, _)) = KEYWORDS.iter().find(|(_, names)| named(names)) {
                // As in .NET, of all names of one thing the last one counts, and `Password=` with nothing is none.
                reading.given.retain(|(known, _)| known != name);
                if !value.is_empty() {
                    reading.given.push((name, value));
                }
            } else if let Some((name, _, why)) = NOT_HERE.iter().find(|(_, names, _)| named(names)) {
                if !value.is_empty() {
                    reading.problem(format!("has {name}: {why}"));
                }
            } else if let Some((name, takes)) = WITHOUT_EFFECT.iter().find(|(name, _)| *name == key) {
                if let Some(expected) = takes.refusal(&value) {
                    reading.problem(format!(
                        "has a value of {name} that is invalid or not supported: expected {expected}"
                    ));
                }
            } else {
                // Not by its name: it could be the rest of a password whose ; stands in no quotes.
                reading.problem(format!(
                    "has a keyword that is not known, the {}. of all: look at its spelling; a value with ; stands in quotes",
                    address + 1
                ));
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
                self.problem(format!("has an invalid {keyword}: expected true or false"));
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
        let (address, port) = text.split_once(',').unwrap_or((&text, ""));
        let address = address.trim();
        let address = match address.split_once(':') {
            Some((how, rest)) if how.eq_ignore_ascii_case("tcp") => rest,
            Some((how, _)) if ["np", "lpc", "admin"].iter().any(|word| how.eq_ignore_ascii_case(word)) => {
                self.problem(
                    "has a Server by np:, lpc: or admin:, which are ways of Windows: expected Server=tcp:<host>,1433",
                );
                return (String::new(), PORT);
            }
            _ if address.starts_with("\\\\") => {
                self.problem(
                    "has a Server by a named pipe, which is a way of Windows: expected Server=tcp:<host>,1433",
                );
                return (String::new(), PORT);
            }
            _ => address,
        };
        let (host, instance) = address.split_once('\\').unwrap_or((address, ""));
        if !instance.is_empty() && port.is_empty() {
            self.problem(
                "has a Server with an instance and no port, and SQL Browser is not asked: write Server=tcp:<host>,<port>",
            );
        }
        let port = match port.trim() {
            "" => PORT,
            text => text.parse().ok().filter(|port| *port > 0).unwrap_or_else(|| {
                self.problem("has a Server with an invalid port: expected Server=tcp:<host>,1433");
                PORT
            }),
        };
        let host = match host.trim() {
            "." | "(local)" => "localhost",
            host => host,
        };
        let within = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let host = within.unwrap_or(host);
        if host.is_empty()
            || ((within.is_some() || host.contains([':', '[', ']'])) && host.parse::<Ipv6Addr>().is_err())
        {
            self.problem("has an invalid Server: expected Server=tcp:<host>,1433");
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
                self.problem("has an invalid Encrypt: expected true, strict or false");
                EncryptionLevel::Required
            }
        }
    }
}

fn is_yes(text: &str) -> bool {
    ["true", "yes"].iter().any(|word| text.eq_ignore_ascii_case(word))
}

fn is_no(text: &str) -> bool {
    ["false", "no"].iter().any(|word| text.eq_ignore_ascii_case(word))
}

#[cfg(test)]
#[path = "sql_tests.rs"]
mod tests;
