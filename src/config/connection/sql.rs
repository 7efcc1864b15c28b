//! A connection string of SQL Server: server, database, login, and which keywords are not supported.

use super::{
    ado,
    sql_login::{AzureEnvironment, Login},
};
use std::{fmt, net::Ipv6Addr, path::PathBuf, time::Duration};
use tiberius::EncryptionLevel;

/// A parsed connection string. Debug shows no secret: only `login` has one.
#[derive(Clone)]
pub struct ConnectionString {
    /// Host name or address of the server, without its port.
    pub host: String,
    /// 1433 unless given.
    pub port: u16,
    /// None: the login's default database.
    pub database: Option<String>,
    /// Who logs in.
    pub login: Login,
    /// Required unless the string states otherwise.
    pub encryption: EncryptionLevel,
    /// `TrustServerCertificate`.
    pub trust_any_certificate: bool,
    /// `TrustServerCertificateCA`: the file of a certificate authority.
    pub trusted_ca: Option<PathBuf>,
    /// `HostNameInCertificate`, where it is not `host`.
    pub certificate_host: Option<String>,
    /// `Application Name`.
    pub application: Option<String>,
    /// `Workstation ID`.
    pub workstation: Option<String>,
    /// `MultiSubnetFailover`: tries all addresses of the host concurrently, so that the live one of a listener does not
    /// wait for the dead ones.
    pub at_once: bool,
    /// `Packet Size`, 512 to 32767.
    pub packet_bytes: Option<u32>,
    /// `Connect Timeout`; `Sql__ConnectTimeoutMs` takes precedence.
    pub connect_timeout: Option<Duration>,
    /// `Command Timeout`; `Sql__CommandTimeoutMs` takes precedence.
    pub command_timeout: Option<Duration>,
}

impl fmt::Debug for ConnectionString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ConnectionString({}:{}, {:?})", self.host, self.port, self.login)
    }
}

/// Each keyword with its synonyms. Unknown keywords are refused, as in .NET: a typo in `Encrypt` would otherwise
/// silently mean the default.
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

/// Keywords of .NET that change nothing here: the pool has its own settings (Sql__…), no statement needs a second result
/// set at a time or depends on the language, lost connections are replaced anyway, and every address of a host is tried.
/// A value that .NET refuses is still refused.
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
    /// In lower case without spaces. Other values of .NET would have an effect.
    OneOf(&'static [&'static str]),
    Anything,
}

/// Keywords of .NET that this program does not support, each with its synonyms and what to do instead.
const NOT_HERE: &[(&str, &[&str], &str)] = &[
    (
        "ServerCertificate",
        &["servercertificate"],
        "pinning one certificate is not supported: name its issuer's certificate in TrustServerCertificateCA",
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
    ("Network Library", &["networklibrary", "net", "network"], "only TCP is supported: remove it"),
    ("ServerSPN", &["serverspn"], "Windows logins are not supported: remove it"),
    (
        "Attestation Protocol",
        &["attestationprotocol", "enclaveattestationurl"],
        "columns encrypted by the client are not supported: remove it",
    ),
    (
        "Context Connection",
        &["contextconnection", "asynchronousprocessing", "connectionreset", "transparentnetworkipresolution"],
        "Microsoft.Data.SqlClient does not support it any more: remove it",
    ),
];

/// Upper bounds of `Sql__ConnectTimeoutMs` and `Sql__CommandTimeoutMs`; they also replace .NET's 0, which means no limit.
const CONNECT_MAX: Duration = Duration::from_mins(1);
const COMMAND_MAX: Duration = Duration::from_mins(5);

/// The given keywords by their first names, and the problems found so far.
struct Reading {
    given: Vec<(&'static str, String)>,
    problems: Vec<String>,
}

impl ConnectionString {
    /// Parses a connection string as .NET does.
    ///
    /// # Errors
    /// All problems, by keyword and never with a value that could be secret.
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
                    reading.problem("has ApplicationIntent=ReadOnly: this program writes; remove it, or set ReadWrite");
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
    /// What was expected, if the value is invalid. An empty value counts as not given.
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
                // As in .NET, the last of several synonyms counts, and an empty value counts as not given.
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
                // Without its name, which could be the rest of a password with an unquoted `;`.
                reading.problem(format!(
                    "has an unknown keyword at position {}: check its spelling, and put a value with ; in quotes",
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
                    "has a Server with np:, lpc: or admin:, which only Windows has: expected Server=tcp:<host>,1433",
                );
                return (String::new(), PORT);
            }
            _ if address.starts_with("\\\\") => {
                self.problem("has a Server with a named pipe, which only Windows has: expected Server=tcp:<host>,1433");
                return (String::new(), PORT);
            }
            _ => address,
        };
        let (host, instance) = address.split_once('\\').unwrap_or((address, ""));
        if !instance.is_empty() && port.is_empty() {
            self.problem(
                "has a Server with an instance and no port, and SQL Browser is not queried: expected Server=tcp:<host>,<port>",
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

    /// Encrypted unless the string states otherwise, as in Microsoft.Data.SqlClient since version 4.
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
