//! An access key of Azure Communication Services, and the signature it puts under a request (HMAC-SHA256).

use base64::{Engine, engine::general_purpose::STANDARD};
use chrono::{DateTime, Utc};
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use std::fmt;

/// `endpoint=https://….communication.azure.com/;accesskey=…`, as the portal shows it. Debug hides the key.
#[derive(Clone, PartialEq, Eq)]
pub struct AcsConnectionString {
    pub endpoint: String,
    pub key: AcsKey,
}

#[derive(Clone, PartialEq, Eq)]
pub struct AcsKey(Vec<u8>);

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
    /// # Errors
    /// What is missing or wrong; never the key.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (mut endpoint, mut key) = (None, None);
        for part in text.split(';').map(str::trim).filter(|part| !part.is_empty()) {
            // A key ends in '=' itself.
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

/// The three headers a signed request carries beside its Host.
pub(super) struct Signed {
    pub date: String,
    pub content_sha256: String,
    pub authorization: String,
}

impl AcsKey {
    /// `host` with its port where the URL has one; `path` with the query.
    pub(super) fn sign(&self, method: &str, path: &str, host: &str, body: &[u8], now: DateTime<Utc>) -> Signed {
        let date = now.format("%a, %d %b %Y %H:%M:%S GMT").to_string();
        let content_sha256 = STANDARD.encode(Sha256::digest(body));
        let signature = self.mac(&format!("{method}\n{path}\n{date};{host};{content_sha256}"));
        let authorization =
            format!("HMAC-SHA256 SignedHeaders=x-ms-date;host;x-ms-content-sha256&Signature={signature}");
        Signed { date, content_sha256, authorization }
    }

    fn mac(&self, text: &str) -> String {
        // HMAC takes keys of any length.
        Hmac::<Sha256>::new_from_slice(&self.0)
            .map(|mac| STANDARD.encode(mac.chain_update(text.as_bytes()).finalize().into_bytes()))
            .unwrap_or_default()
    }
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

    /// Computed by Python's `hmac` and `hashlib` from the public description.
    #[test]
    fn a_signature_is_the_one_python_makes() {
        let key = AcsKey(b"secret".to_vec());
        let now = DateTime::from_timestamp(1_764_000_000, 0).unwrap();
        let path = "/emails:send?api-version=2023-03-31";
        let signed = key.sign("POST", path, "office.communication.azure.com", "{\"a\":\"ż\"}".as_bytes(), now);
        assert_eq!(signed.date, "Mon, 24 Nov 2025 16:00:00 GMT");
        assert_eq!(signed.content_sha256, "YKz442dQiSfWHi/f9zLdnxcGPzB1MVgbzgByFwwoyZc=");
        let head = "HMAC-SHA256 SignedHeaders=x-ms-date;host;x-ms-content-sha256&Signature=";
        assert_eq!(signed.authorization, format!("{head}J29hFwoqQch8EXOJNvEGAH3dz8sfCMt6Ozb0pHqvwa4="));
    }
}
