//! A Service Bus connection string as the portal shows it; its key is never printed.

use crate::config::identity::Identity;
use chrono::{DateTime, Utc};
use percent_encoding::percent_decode_str;
use std::fmt;

/// `Endpoint=sb://…/;SharedAccessKeyName=…;SharedAccessKey=…[;EntityPath=…][;UseDevelopmentEmulator=true]`, with
/// `SharedAccessSignature=…` in place of name and key; or a namespace and an identity.
#[derive(Debug, Clone)]
pub struct ConnectionString {
    /// The first label of the host name; `local` for a bus on this machine.
    pub namespace: String,
    /// What opens the namespace.
    pub credential: Credential,
    entity_path: Option<String>,
    /// `host:port` of a bus without TLS on this machine.
    pub local: Option<String>,
    passed_over: Vec<String>,
}

/// What opens the namespace.
#[derive(Clone, PartialEq, Eq)]
pub enum Credential {
    /// A key, or a signature made with one.
    Shared(SharedAccess),
    /// Tokens of Entra ID.
    Identity(Identity),
}

/// A shared access policy.
#[derive(Clone, PartialEq, Eq)]
pub enum SharedAccess {
    /// Its key, with which tokens are signed.
    Key {
        /// The policy's name.
        name: String,
        /// Base64, used as text.
        key: String,
    },
    /// A signature made elsewhere.
    Signature {
        /// `SharedAccessSignature sr=…&sig=…&se=…&skn=…`, as given.
        text: String,
        /// The policy's name.
        name: String,
        /// When the bus stops accepting it.
        expires_on: DateTime<Utc>,
    },
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Shared(shared) => shared.fmt(f),
            Self::Identity(_) => f.write_str("Identity"),
        }
    }
}

impl fmt::Debug for SharedAccess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key { name, .. } => write!(f, "Key({name})"),
            Self::Signature { name, .. } => write!(f, "Signature({name})"),
        }
    }
}

/// The namespace that requests to a local bus are signed for: `https://local.servicebus.windows.net/<entity>/messages`.
/// The REST crate signs for no other host, so a stand-in verifies against this one.
pub const LOCAL_NAMESPACE: &str = "local";

const CLOUD: &str = ".servicebus.windows.net";
/// Port of an emulator where none is given.
const EMULATOR_PORT: u16 = 5672;

impl ConnectionString {
    /// Parses a connection string as Microsoft's clients do.
    ///
    /// # Errors
    /// All problems, for a person; none contains the key.
    pub fn parse(text: &str) -> Result<Self, Vec<String>> {
        let mut problems = Vec::new();
        let mut parts = Parts::default();
        for part in text.split(';').map(str::trim).filter(|part| !part.is_empty()) {
            if let Err(problem) = parts.take(part) {
                problems.push(problem);
            }
        }
        if let Some(of) = parts.passed_over.iter().find_map(|name| foreign(name)) {
            return Err(vec![format!("is the connection string of {of}, not of Service Bus")]);
        }
        let emulated = match parts.emulator.as_deref().map(str::to_ascii_lowercase).as_deref() {
            None | Some("false") => false,
            Some("true") => true,
            Some(_) => {
                problems.push("UseDevelopmentEmulator is invalid: expected true or false".to_owned());
                false
            }
        };
        let namespace = match parts.endpoint.as_deref() {
            None => Err("Endpoint is missing: expected Endpoint=sb://<namespace>.servicebus.windows.net/".to_owned()),
            Some(endpoint) => read_endpoint(endpoint, emulated),
        };
        let (namespace, local) = namespace.unwrap_or_else(|problem| {
            problems.push(problem);
            (String::new(), None)
        });
        let (entity_path, passed_over) = (parts.entity_path.take(), std::mem::take(&mut parts.passed_over));
        match parts.access(&mut problems) {
            Some(access) if problems.is_empty() => {
                Ok(Self { namespace, credential: Credential::Shared(access), entity_path, local, passed_over })
            }
            _ => Err(problems),
        }
    }

    /// From `ServiceBusConnection__fullyQualifiedNamespace`: tokens of Entra ID instead of a key.
    ///
    /// # Errors
    /// What was expected of a fully qualified namespace.
    pub fn by_identity(host: &str, identity: Identity) -> Result<Self, String> {
        let namespace = read_namespace(host)?;
        let credential = Credential::Identity(identity);
        Ok(Self { namespace, credential, entity_path: None, local: None, passed_over: Vec::new() })
    }

    /// The one queue or topic that the key is for; None: the whole namespace.
    #[must_use]
    pub fn entity_path(&self) -> Option<&str> {
        self.entity_path.as_deref()
    }

    /// Policy name and expiry of a signature; None for a key or an identity.
    #[must_use]
    pub fn ends(&self) -> Option<(&str, DateTime<Utc>)> {
        match &self.credential {
            Credential::Shared(SharedAccess::Signature { name, expires_on, .. }) => Some((name, *expires_on)),
            Credential::Shared(SharedAccess::Key { .. }) | Credential::Identity(_) => None,
        }
    }

    /// Names of the parts that are ignored, as Microsoft's current clients ignore them.
    #[must_use]
    pub fn passed_over(&self) -> &[String] {
        &self.passed_over
    }

    /// `UseDevelopmentEmulator=true`: plain HTTP, for a developer's machine only.
    #[must_use]
    pub fn is_local(&self) -> bool {
        self.local.is_some()
    }

    /// The namespace's host, as tokens and TLS name it.
    #[must_use]
    pub fn host(&self) -> String {
        format!("{}{CLOUD}", self.namespace)
    }

    /// Where requests go, for a person.
    #[must_use]
    pub fn namespace(&self) -> &str {
        self.local.as_deref().unwrap_or(&self.namespace)
    }
}

#[derive(Default)]
struct Parts {
    endpoint: Option<String>,
    key_name: Option<String>,
    key: Option<String>,
    signature: Option<String>,
    entity_path: Option<String>,
    emulator: Option<String>,
    passed_over: Vec<String>,
}

impl Parts {
    fn take(&mut self, part: &str) -> Result<(), String> {
        // Only the first '=' separates: keys are base64 and end with it.
        let Some((name, value)) = part.split_once('=') else {
            return Err("a part has no '=': expected Name=value parts separated by ';'".to_owned());
        };
        let slot = match name.trim().to_ascii_lowercase().as_str() {
            "endpoint" => &mut self.endpoint,
            "sharedaccesskeyname" => &mut self.key_name,
            "sharedaccesskey" => &mut self.key,
            "entitypath" => &mut self.entity_path,
            "usedevelopmentemulator" => &mut self.emulator,
            "sharedaccesssignature" => &mut self.signature,
            // Only text that looks like a name is printed: a key cut at a ';' must not get into a log.
            _ if name.len() <= 32 && name.chars().all(|c| c.is_ascii_alphabetic() || c == ' ') => {
                self.passed_over.push(name.trim().to_owned());
                return Ok(());
            }
            _ => return Err("a part has an unknown name".to_owned()),
        };
        if slot.replace(value.trim().to_owned()).is_some() {
            return Err(format!("{} is given twice", name.trim()));
        }
        Ok(())
    }
}

impl Parts {
    fn access(self, problems: &mut Vec<String>) -> Option<SharedAccess> {
        if let Some(text) = &self.signature {
            if self.key.is_some() || self.key_name.is_some() {
                problems.push("a SharedAccessSignature and a key are both given: remove one".to_owned());
            }
            if text.chars().any(|c| c != ' ' && !c.is_ascii_graphic()) {
                problems.push("SharedAccessSignature contains a character that is not ASCII".to_owned());
            }
            return signature(text).map_err(|what| problems.push(format!("SharedAccessSignature {what}"))).ok();
        }
        let before = problems.len();
        for (name, value) in [("SharedAccessKeyName", &self.key_name), ("SharedAccessKey", &self.key)] {
            if value.as_deref().is_none_or(str::is_empty) {
                problems.push(format!(
                    "{name} is missing (for an identity there is another setting: …__fullyQualifiedNamespace)"
                ));
            }
        }
        // No key of Azure contains any: it was pasted with something else.
        if self.key.as_deref().is_some_and(|key| key.chars().any(|c| !c.is_ascii_graphic())) {
            problems.push("SharedAccessKey contains a space or a character that is not ASCII".to_owned());
        }
        (problems.len() == before)
            .then(|| SharedAccess::Key { name: self.key_name.unwrap_or_default(), key: self.key.unwrap_or_default() })
    }
}

/// Reads expiry and policy name of a signature.
///
/// # Errors
/// What is missing; never the signature.
fn signature(text: &str) -> Result<SharedAccess, String> {
    let fields =
        text.strip_prefix("SharedAccessSignature ").ok_or("does not begin with 'SharedAccessSignature sr='")?;
    let field = |name: &str| fields.split('&').filter_map(|f| f.split_once('=')).find(|(n, _)| *n == name);
    let [Some(_), Some(_), Some((_, end)), Some((_, policy))] = ["sr", "sig", "se", "skn"].map(field) else {
        return Err("lacks sr, sig, se or skn".to_owned());
    };
    let expires_on = end.parse().ok().and_then(|seconds| DateTime::from_timestamp(seconds, 0));
    let expires_on = expires_on.ok_or("has an invalid end (se): expected a time in seconds")?;
    let name = percent_decode_str(policy).decode_utf8_lossy().into_owned();
    Ok(SharedAccess::Signature { text: text.to_owned(), name, expires_on })
}

/// The product whose connection strings have a part of this name.
fn foreign(name: &str) -> Option<&'static str> {
    match name.to_ascii_lowercase().as_str() {
        "server" | "data source" | "database" | "initial catalog" => Some("an SQL database"),
        "accountname" | "accountkey" | "blobendpoint" | "queueendpoint" => Some("a storage account"),
        "accesskey" => Some("Azure Communication Services"),
        _ => None,
    }
}

/// Namespace and, for a local bus, its `host:port`. As in Microsoft's clients: any scheme or none, and a port that is
/// used for an emulator only, since each transport has its own.
fn read_endpoint(endpoint: &str, emulated: bool) -> Result<(String, Option<String>), String> {
    let authority = endpoint.split_once("://").map_or(endpoint, |(_, rest)| rest);
    let authority = authority.split(['/', '?', '#']).next().unwrap_or_default();
    let (host, port) = match authority.rsplit_once(':') {
        // The colons of an IPv6 address are in brackets.
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (authority, None),
    };
    let port = port.map(|port| port.parse::<u16>().ok().filter(|port| *port > 0).ok_or("Endpoint has an invalid port"));
    let port = port.transpose()?;
    let namespace = read_namespace(host);
    if emulated {
        let fine = |c: char| c.is_ascii_alphanumeric() || ".-_[]:".contains(c);
        if host.is_empty() || !host.chars().all(fine) {
            return Err("Endpoint is invalid: expected sb://<host>:<port> with UseDevelopmentEmulator=true".to_owned());
        }
        if namespace.is_ok() {
            let what = "UseDevelopmentEmulator=true is for a bus on this machine: nothing goes to Azure without TLS";
            return Err(what.to_owned());
        }
        let port = port.unwrap_or(EMULATOR_PORT);
        return Ok((LOCAL_NAMESPACE.to_owned(), Some(format!("{host}:{port}"))));
    }
    let namespace = namespace.map_err(|_| {
        format!(
            "Endpoint is invalid: expected sb://<namespace>{CLOUD}/ (another service's endpoint and other clouds are \
             not supported, and a bus on this machine needs UseDevelopmentEmulator=true)"
        )
    })?;
    Ok((namespace, None))
}

fn read_namespace(host: &str) -> Result<String, String> {
    let host = host.to_ascii_lowercase();
    let namespace = host.strip_suffix(CLOUD).unwrap_or_default();
    if namespace.is_empty() || !namespace.chars().all(|c| c.is_ascii_alphanumeric() || c == '-') {
        return Err(format!("expected <namespace>{CLOUD}, without sb:// (other clouds are not supported)"));
    }
    Ok(namespace.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    #[test]
    fn what_microsofts_clients_read_is_read() {
        let cases: Value = serde_json::from_str(include_str!("../../../tests/cases/connection-strings.json")).unwrap();
        let reads = cases["reads"].as_array().unwrap();
        assert!(!reads.is_empty());
        for case in reads {
            let read =
                ConnectionString::parse(case["text"].as_str().unwrap()).unwrap_or_else(|why| panic!("{case}: {why:?}"));
            let cloud = read.host();
            let (host, port) = match &read.local {
                Some(local) => local.rsplit_once(':').unwrap(),
                None => (cloud.as_str(), "5671"),
            };
            assert_eq!(host, case["host"], "{case}");
            assert!(case["port"].as_u64().is_none_or(|known| known.to_string() == port), "{case}");
            assert_eq!(read.is_local(), case["tls"] == false, "{case}");
            assert_eq!(read.entity_path(), case["entity"].as_str(), "{case}");
        }
        let old =
            |more: &str| format!("Endpoint=n.servicebus.windows.net;SharedAccessKeyName=a b;SharedAccessKey=k;{more}");
        let read = ConnectionString::parse(&old("TransportType=AmqpWebSockets;StsEndpoint=https://x")).unwrap();
        assert_eq!(read.passed_over(), ["TransportType", "StsEndpoint"]);
        let v6 = "Endpoint=sb://[::1];SharedAccessKeyName=a;SharedAccessKey=k;UseDevelopmentEmulator=True";
        assert_eq!(ConnectionString::parse(v6).unwrap().namespace(), "[::1]:5672");
    }

    #[test]
    fn what_microsofts_clients_refuse_is_refused_with_the_reason() {
        let cases: Value = serde_json::from_str(include_str!("../../../tests/cases/connection-strings.json")).unwrap();
        let refuses = cases["refuses"].as_array().unwrap();
        let parsed = [
            "Endpoint is missing",
            "SharedAccessKey is missing",
            "SharedAccessKey is missing",
            "Endpoint is missing",
            "another service's endpoint",
            "without TLS",
            "an SQL database",
        ];
        assert_eq!(refuses.len(), parsed.len());
        for (case, parsed) in refuses.iter().zip(parsed) {
            let problems = ConnectionString::parse(case["text"].as_str().unwrap()).unwrap_err().join("; ");
            assert!(problems.contains(parsed) && !problems.contains("SAS_KEY_VALUE"), "{case}: {problems}");
        }
        for (text, parsed) in [
            ("DefaultEndpointsProtocol=https;AccountName=a;AccountKey=SAS_KEY_VALUE", "a storage account"),
            ("endpoint=https://a.communication.azure.com/;accesskey=SAS_KEY_VALUE", "Azure Communication Services"),
        ] {
            let problems = ConnectionString::parse(text).unwrap_err().join("; ");
            assert!(problems.contains(parsed) && !problems.contains("SAS_KEY_VALUE"), "{problems}");
        }
    }

    #[test]
    fn a_given_signature_has_an_end() {
        let text = "SharedAccessSignature sr=x&sig=secret&se=1800000000&skn=send";
        let Ok(SharedAccess::Signature { name, expires_on, .. }) = signature(text) else { panic!() };
        assert_eq!((name.as_str(), expires_on.timestamp()), ("send", 1_800_000_000));
        for bad in [
            "sr=x&sig=y&se=1&skn=z",
            "SharedAccessSignature sr=x&sig=secret&se=soon&skn=z",
            "SharedAccessSignature sr=x",
        ] {
            assert!(!signature(bad).unwrap_err().contains("secret"), "{bad}");
        }
    }

    #[test]
    fn a_connection_string_of_the_portal_is_read() {
        let text =
            "Endpoint=sb://Office.servicebus.windows.net/;SharedAccessKeyName=send;SharedAccessKey=c2VjcmV0a2V5==";
        let read = ConnectionString::parse(text).unwrap();
        assert_eq!(read.namespace, "office");
        assert!(
            matches!(&read.credential, Credential::Shared(SharedAccess::Key { name, key }) if name == "send" && key == "c2VjcmV0a2V5==")
        );
        assert!(!read.is_local());
        let read = ConnectionString::parse(&format!("{text};EntityPath=client-emails;")).unwrap();
        assert_eq!(read.entity_path(), Some("client-emails"));
    }

    #[test]
    fn a_bus_on_this_machine_keeps_its_port() {
        let text = "Endpoint=sb://127.0.0.1:7072;SharedAccessKeyName=a;SharedAccessKey=k;UseDevelopmentEmulator=true";
        let read = ConnectionString::parse(text).unwrap();
        assert_eq!((read.namespace.as_str(), read.local.as_deref()), (LOCAL_NAMESPACE, Some("127.0.0.1:7072")));
    }

    #[test]
    fn every_problem_is_named_and_no_key_is_printed() {
        let key = "c2VjcmV0LWtleQ==";
        for (text, expected) in [
            (String::new(), vec!["Endpoint", "SharedAccessKeyName", "SharedAccessKey"]),
            (format!("Endpoint=https://x/;SharedAccessKey={key}"), vec!["Endpoint", "SharedAccessKeyName"]),
            (
                format!("Endpoint=sb://x.servicebus.windows.net/;SharedAccessKeyName=a;SharedAccessKey={key};{key}"),
                vec!["unknown name"],
            ),
            (
                format!(
                    "Endpoint=sb://localhost:x;SharedAccessKeyName=a;SharedAccessKey={key};UseDevelopmentEmulator=true"
                ),
                vec!["port"],
            ),
            (
                format!("Endpoint=sb://x.servicebus.chinacloudapi.cn/;SharedAccessKeyName=a;SharedAccessKey={key}"),
                vec!["other clouds"],
            ),
            (
                format!(
                    "Endpoint=sb://x.servicebus.windows.net/;SharedAccessKeyName=a;SharedAccessKey={key};SharedAccessKey={key}"
                ),
                vec!["twice"],
            ),
            (
                format!(
                    "Endpoint=sb://x.servicebus.windows.net/;SharedAccessKeyName=a;SharedAccessKey={key} {key};Nonsense"
                ),
                vec!["SharedAccessKey", "'='"],
            ),
            (
                format!(
                    "Endpoint=sb://x.servicebus.windows.net/;SharedAccessKeyName=a;SharedAccessSignature=SharedAccessSignature sr=x&sig={key}&se=1&skn=K"
                ),
                vec!["both"],
            ),
        ] {
            let problems = ConnectionString::parse(&text).unwrap_err();
            let all = problems.join("; ");
            assert!(expected.iter().all(|part| all.contains(part)), "{all}");
            assert_eq!(problems.len(), expected.len(), "{all}");
            assert!(!all.contains("c2Vj"), "{all}");
        }
        let text = format!("Endpoint=sb://x.servicebus.windows.net/;SharedAccessKeyName=a;SharedAccessKey={key}");
        assert!(!format!("{:?}", ConnectionString::parse(&text).unwrap()).contains("c2Vj"));
    }
}
