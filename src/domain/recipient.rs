//! Whose a mail is, as the inbox remembers it when the content is gone: the client's number, and a keyed hash of the
//! address.
//!
//! The hash answers one question: what did we send to this person, who asks? It is keyed (HMAC-SHA-256), since a bare
//! hash of an address is found by hashing the addresses there are; the key is a setting, and not in the database.

use super::{
    byte_order_mark::without_mark,
    client::Email,
    events::{Notice, subject_of},
    hex::hex,
    ids::ClientId,
};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::fmt;

/// Either may be missing: a message that can never be mailed is remembered too.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Addressee {
    /// `clients/17`, as the outbox's `Subject`.
    pub subject: Option<String>,
    pub recipient_hash: Option<RecipientHash>,
}

impl Addressee {
    /// As stored.
    #[must_use]
    pub fn hash(&self) -> Option<&str> {
        self.recipient_hash.as_ref().map(RecipientHash::as_str)
    }
}

/// 64 hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecipientHash(String);

impl RecipientHash {
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A secret: Debug hides it.
#[derive(Clone, PartialEq, Eq)]
pub struct RecipientKey(Vec<u8>);

impl fmt::Debug for RecipientKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RecipientKey(…)")
    }
}

impl RecipientKey {
    #[must_use]
    pub fn new(secret: &str) -> Self {
        Self(secret.as_bytes().to_vec())
    }

    /// The same for every spelling in upper and lower case: nobody has two mailboxes that differ by that.
    #[must_use]
    pub fn hash(&self, address: &Email) -> RecipientHash {
        // HMAC takes keys of any length.
        let digest = Hmac::<Sha256>::new_from_slice(&self.0)
            .map(|mac| mac.chain_update(address.as_str().to_ascii_lowercase().as_bytes()).finalize().into_bytes());
        RecipientHash(hex(&digest.unwrap_or_default()))
    }

    /// Of a message that can be mailed.
    #[must_use]
    pub fn addressee_of(&self, notice: &Notice) -> Addressee {
        let subject = (notice.client.0 > 0).then(|| subject_of(notice.client));
        Addressee { subject, recipient_hash: Some(self.hash(&notice.recipient)) }
    }

    /// As far as a body names it: it may be nothing that can be mailed.
    #[must_use]
    pub fn addressee(&self, body: &[u8]) -> Addressee {
        let body_json: serde_json::Value = serde_json::from_slice(without_mark(body)).unwrap_or_default();
        let client = body_json.pointer("/data/clientId").and_then(serde_json::Value::as_i64).filter(|id| *id > 0);
        let address = body_json.pointer("/data/recipient").and_then(serde_json::Value::as_str);
        Addressee {
            subject: client.map(|id| subject_of(ClientId(id))),
            recipient_hash: address.and_then(|text| Email::parse(text).ok()).map(|address| self.hash(&address)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(key: &str, address: &str) -> RecipientHash {
        RecipientKey::new(key).hash(&Email::parse(address).unwrap())
    }

    /// Computed by Python's `hmac`.
    #[test]
    fn a_hash_is_the_one_python_makes_and_needs_the_key() {
        assert_eq!(
            hash("secret", "Anna@Example.pl").as_str(),
            "b032164e75272bf636caa845210004e6cebc88b59cf5f1ce0a19d89df4e24380"
        );
        assert_eq!(hash("secret", "anna@example.pl"), hash("secret", "ANNA@EXAMPLE.PL"));
        assert_ne!(hash("secret", "anna@example.pl"), hash("other", "anna@example.pl"));
        assert_ne!(hash("secret", "anna@example.pl"), hash("secret", "hanna@example.pl"));
        assert!(!format!("{:?}", RecipientKey::new("secret")).contains("secret"));
    }

    #[test]
    fn whose_a_body_is_is_read_as_far_as_it_says() {
        let key = RecipientKey::new("secret");
        for mark in ["", "\u{feff}"] {
            let body = format!(r#"{mark}{{"data":{{"clientId":17,"recipient":"anna@example.pl"}}}}"#);
            let whole = key.addressee(body.as_bytes());
            assert_eq!(whole.subject.as_deref(), Some("clients/17"));
            assert_eq!(whole.recipient_hash, Some(hash("secret", "anna@example.pl")));
        }
        for nothing in ["", "[]", "{\"data\":7}", r#"{"data":{"clientId":-1,"recipient":"nobody"}}"#, "\u{feff}{}"] {
            assert_eq!(key.addressee(nothing.as_bytes()), Addressee::default(), "{nothing}");
        }
    }
}
