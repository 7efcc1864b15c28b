//! A Service Bus connection string, as the portal gives it out; its key is never printed.

use super::access::{self, Access};
use crate::adapters::entra::Tokens;
use std::fmt;

/// `Endpoint=sb://…/;SharedAccessKeyName=…;SharedAccessKey=…[;EntityPath=…][;UseDevelopmentEmulator=true]`, with
/// `SharedAccessSignature=…` in place of name and key; or a namespace and an identity.
#[derive(Clone)]
pub struct ConnectionString {
    pub(super) namespace: String,
    pub(super) access: Access,
    entity_path: Option<String>,
    /// `host:port` of a bus without TLS on this machine.
    pub(super) local: Option<String>,
}

/// The namespace that requests to a local bus are signed for: `https://local.servicebus.windows.net/<entity>/messages`.
/// The REST crate knows no other host, so a stand-in verifies against this one.
pub const LOCAL_NAMESPACE: &str = "local";

const CLOUD: &str = ".servicebus.windows.net";

impl ConnectionString {
    /// # Errors
    /// Every problem found, for a person; none of them holds the key.
    pub fn parse(text: &str) -> Result<Self, Vec<String>> {
        let mut problems = Vec::new();
        let mut parts = Parts::default();
        for part in text.split(';').map(str::trim).filter(|part| !part.is_empty()) {
            if let Err(problem) = parts.take(part) {
                problems.push(problem);
            }
        }
        let emulated = match parts.emulator.as_deref().map(str::to_ascii_lowercase).as_deref() {
            None | Some("false") => false,
            Some("true") => true,
            Some(_) => {
                problems.push("UseDevelopmentEmulator is neither true nor false".to_owned());
                false
            }
        };
        let place = match parts.endpoint.as_deref() {
            None => Err("Endpoint is missing: expected Endpoint=sb://<namespace>.servicebus.windows.net/".to_owned()),
            Some(endpoint) => place(endpoint, emulated),
        };
        let (namespace, local) = place.unwrap_or_else(|problem| {
            problems.push(problem);
            (String::new(), None)
        });
        let entity_path = parts.entity_path.take();
        match parts.access(&mut problems) {
            Some(access) if problems.is_empty() => Ok(Self { namespace, access, entity_path, local }),
            _ => Err(problems),
        }
    }

    /// `ServiceBusConnection__fullyQualifiedNamespace`: no secret, tokens of Entra ID.
    ///
    /// # Errors
    /// The name is none of a namespace.
    pub fn by_identity(host: &str, tokens: Tokens) -> Result<Self, String> {
        let namespace = namespace(host)?;
        Ok(Self { namespace, access: Access::Identity(tokens), entity_path: None, local: None })
    }

    /// # Errors
    /// What was expected of a fully qualified namespace.
    pub fn check_host(host: &str) -> Result<(), String> {
        namespace(host).map(|_| ())
    }

    /// Set where the key is that of one queue or topic: it opens no other.
    #[must_use]
    pub fn entity_path(&self) -> Option<&str> {
        self.entity_path.as_deref()
    }

    /// `UseDevelopmentEmulator=true`: plain HTTP, for a developer's machine only.
    #[must_use]
    pub fn is_local(&self) -> bool {
        self.local.is_some()
    }

    /// The namespace's host, as tokens and TLS name it.
    pub(super) fn host(&self) -> String {
        format!("{}{CLOUD}", self.namespace)
    }

    /// Where requests go, for a person.
    pub(super) fn place(&self) -> &str {
        self.local.as_deref().unwrap_or(&self.namespace)
    }
}

impl fmt::Debug for ConnectionString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectionString")
            .field("namespace", &self.namespace)
            .field("access", &self.access)
            .field("entity_path", &self.entity_path)
            .field("local", &self.local)
            .finish()
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
            // A name is shown only when it can be one: a key cut at a ';' must not end up in a log.
            _ if name.len() <= 32 && name.chars().all(|c| c.is_ascii_alphabetic()) => {
                return Err(format!("{name} is not a part this program knows"));
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
    fn access(self, problems: &mut Vec<String>) -> Option<Access> {
        if let Some(text) = &self.signature {
            if self.key.is_some() {
                problems
                    .push("SharedAccessSignature and SharedAccessKey are both given: one of them is meant".to_owned());
            }
            if text.chars().any(|c| c != ' ' && !c.is_ascii_graphic()) {
                problems.push("SharedAccessSignature holds a character that is not ASCII".to_owned());
            }
            return access::signature(text).map_err(|what| problems.push(format!("SharedAccessSignature {what}"))).ok();
        }
        let before = problems.len();
        for (name, value) in [("SharedAccessKeyName", &self.key_name), ("SharedAccessKey", &self.key)] {
            match value.as_deref() {
                None | Some("") => problems.push(format!("{name} is missing")),
                // Both go into a header line.
                Some(value) if value.chars().any(|c| !c.is_ascii_graphic()) => {
                    problems.push(format!("{name} holds a space or a character that is not ASCII"));
                }
                Some(_) => {}
            }
        }
        (problems.len() == before)
            .then(|| Access::Key { name: self.key_name.unwrap_or_default(), key: self.key.unwrap_or_default() })
    }
}

/// Namespace and, for a local bus, its `host:port`.
fn place(endpoint: &str, emulated: bool) -> Result<(String, Option<String>), String> {
    let authority = endpoint.strip_prefix("sb://").map(|rest| rest.strip_suffix('/').unwrap_or(rest));
    let Some(authority) = authority.filter(|a| !a.is_empty()) else {
        return Err("Endpoint must look like sb://<namespace>.servicebus.windows.net/".to_owned());
    };
    if emulated {
        let (host, port) =
            authority.rsplit_once(':').ok_or("Endpoint needs a port with UseDevelopmentEmulator=true")?;
        let fine = |c: char| c.is_ascii_alphanumeric() || ".-_[]:".contains(c);
        if host.is_empty() || !host.chars().all(fine) || !port.parse::<u16>().is_ok_and(|port| port > 0) {
            return Err("Endpoint must look like sb://<host>:<port> with UseDevelopmentEmulator=true".to_owned());
        }
        return Ok((LOCAL_NAMESPACE.to_owned(), Some(authority.to_owned())));
    }
    let namespace = namespace(authority).map_err(|_| {
        format!(
            "Endpoint must be sb://<namespace>{CLOUD}/ (other clouds are not supported; a bus on this machine needs \
             UseDevelopmentEmulator=true)"
        )
    })?;
    Ok((namespace, None))
}

fn namespace(host: &str) -> Result<String, String> {
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

    #[test]
    fn a_connection_string_of_the_portal_is_read() {
        let text =
            "Endpoint=sb://Office.servicebus.windows.net/;SharedAccessKeyName=send;SharedAccessKey=c2VjcmV0a2V5==";
        let read = ConnectionString::parse(text).unwrap();
        assert_eq!(read.namespace, "office");
        assert!(matches!(&read.access, Access::Key { name, key } if name == "send" && key == "c2VjcmV0a2V5=="));
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
                    "Endpoint=sb://localhost;SharedAccessKeyName=a;SharedAccessKey={key};UseDevelopmentEmulator=true"
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
                    "Endpoint=sb://x.servicebus.windows.net/;SharedAccessKeyName=a b;SharedAccessKey={key};Nonsense"
                ),
                vec!["SharedAccessKeyName", "'='"],
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
