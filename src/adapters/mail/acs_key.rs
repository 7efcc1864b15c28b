//! Signs requests with an access key of Azure Communication Services (HMAC-SHA256).

use crate::config::connection::acs::AcsKey;
use base64::{Engine, engine::general_purpose::STANDARD};
use chrono::{DateTime, Utc};
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};

/// The three headers of a signed request, beside its Host.
pub(super) struct Signed {
    pub date: String,
    pub content_sha256: String,
    pub authorization: String,
}

impl AcsKey {
    /// `host` includes the port if the URL has one; `path` includes the query.
    pub(super) fn sign(&self, method: &str, path: &str, host: &str, body: &[u8], now: DateTime<Utc>) -> Signed {
        let date = now.format("%a, %d %b %Y %H:%M:%S GMT").to_string();
        let content_sha256 = STANDARD.encode(Sha256::digest(body));
        let signature = self.mac(&format!("{method}\n{path}\n{date};{host};{content_sha256}"));
        let authorization =
            format!("HMAC-SHA256 SignedHeaders=x-ms-date;host;x-ms-content-sha256&Signature={signature}");
        Signed { date, content_sha256, authorization }
    }

    fn mac(&self, text: &str) -> String {
        // Never fails: HMAC accepts keys of any length.
        Hmac::<Sha256>::new_from_slice(self.bytes())
            .map(|mac| STANDARD.encode(mac.chain_update(text.as_bytes()).finalize().into_bytes()))
            .unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Computed by Python's `hmac` and `hashlib` from the public description.
    #[test]
    fn a_signature_equals_pythons() {
        let key = AcsKey::new(b"secret".to_vec());
        let now = DateTime::from_timestamp(1_764_000_000, 0).unwrap();
        let path = "/emails:send?api-version=2023-03-31";
        let signed = key.sign("POST", path, "office.communication.azure.com", "{\"a\":\"ż\"}".as_bytes(), now);
        assert_eq!(signed.date, "Mon, 24 Nov 2025 16:00:00 GMT");
        assert_eq!(signed.content_sha256, "YKz442dQiSfWHi/f9zLdnxcGPzB1MVgbzgByFwwoyZc=");
        let head = "HMAC-SHA256 SignedHeaders=x-ms-date;host;x-ms-content-sha256&Signature=";
        assert_eq!(signed.authorization, format!("{head}J29hFwoqQch8EXOJNvEGAH3dz8sfCMt6Ozb0pHqvwa4="));
    }
}
