//! A connection string of Azure Communication Services, or its endpoint alone.

use base64::{Engine, engine::general_purpose::STANDARD};
use reqwest::Url;
use std::{fmt, net::IpAddr};

/// `endpoint=https://….communication.azure.com/;accesskey=…`, as the portal shows it. Debug hides the key.
#[derive(Clone, PartialEq, Eq)]
pub struct AcsConnectionString {
    /// `https://<name>.communication.azure.com`, not checked yet: see `endpoint`.
    pub endpoint: String,
    /// The access key.
    pub key: AcsKey,
}

/// An access key, decoded. Debug hides it.
#[derive(Clone, PartialEq, Eq)]
pub struct AcsKey(Vec<u8>);

impl AcsKey {
    /// A key of these bytes.
    #[must_use]
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// The bytes to sign with.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for AcsConnectionString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AcsConnectionString({})", self.endpoint)
    }
}

impl fmt::Debug for AcsKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AcsKey(…)")
    }
}

impl AcsConnectionString {
    /// Parses endpoint and key.
    ///
    /// # Errors
    /// What is missing or invalid; never the key.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (mut endpoint, mut key) = (None, None);
        for part in text.split(';').map(str::trim).filter(|part| !part.is_empty()) {
            // A key may end in '=' itself.
            let (name, value) = part.split_once('=').ok_or("a part of it is not name=value")?;
            match name.trim().to_ascii_lowercase().as_str() {
                "endpoint" => endpoint = Some(value.trim()),
                "accesskey" => key = Some(value.trim()),
                _ => return Err("expected endpoint=https://…;accesskey=… and nothing else".to_owned()),
            }
        }
        let endpoint = endpoint.ok_or("it has no endpoint=https://…")?.to_owned();
        let key = key.filter(|key| !key.is_empty()).ok_or("it has no accesskey=…")?;
        let key = STANDARD.decode(key).map_err(|_| "its accesskey is not base64: copied as a whole?")?;
        Ok(Self { endpoint, key: AcsKey(key) })
    }
}

/// Parses an endpoint: HTTPS, or HTTP to this machine for tests.
///
/// # Errors
/// What was expected, for a person.
pub fn endpoint(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|_| "expected https://<name>.communication.azure.com")?;
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned();
    let plain = host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    if url.scheme() != "https" && !(url.scheme() == "http" && plain) {
        return Err("expected https://…; http:// is for this machine alone".to_owned());
    }
    if url.path() != "/" || url.query().is_some() || url.fragment().is_some() || !url.username().is_empty() {
        return Err("expected https://<name>.communication.azure.com and nothing after it".to_owned());
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_string_is_an_endpoint_and_a_key() {
        let read =
            AcsConnectionString::parse("endpoint=https://office.communication.azure.com/;accesskey=c2VjcmV0").unwrap();
        assert_eq!(read.endpoint, "https://office.communication.azure.com/");
        assert_eq!(read.key, AcsKey(b"secret".to_vec()));
        assert_eq!(format!("{read:?}"), "AcsConnectionString(https://office.communication.azure.com/)");
        for bad in [
            "",
            "endpoint=https://x",
            "accesskey=c2VjcmV0",
            "endpoint=https://x;accesskey=!!secret",
            "secret",
            "endpoint=https://x;accesskey=",
            "Endpoint=sb://x;SharedAccessKey=c2VjcmV0",
        ] {
            let reason = AcsConnectionString::parse(bad).unwrap_err();
            assert!(!reason.contains("c2VjcmV0") && !reason.contains("secret"), "{reason}");
        }
    }
}
