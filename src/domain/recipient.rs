//! The client and recipient of a mail, as the inbox keeps them after the content is erased: the client's number, and a
//! keyed hash of the address.
//!
//! The hash answers one question: which mails did we send to the person who requests their data? It is keyed
//! (HMAC-SHA-256), because a bare hash can be reversed by hashing known addresses. The key is a setting and not in the
//! database.

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

/// The client and recipient of a mail. Either may be missing, because messages that can never be mailed are stored too.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Addressee {
    /// The client, `clients/17`, as in the outbox's `Subject`.
    pub subject: Option<String>,
    /// The recipient.
    pub recipient_hash: Option<RecipientHash>,
}

impl Addressee {
    /// The hash as stored.
    #[must_use]
    pub fn hash(&self) -> Option<&str> {
        self.recipient_hash.as_ref().map(RecipientHash::as_str)
    }
}

/// A keyed hash of an address: 64 hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecipientHash(String);

impl RecipientHash {
    /// The digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The key of recipient hashes. A secret: Debug hides it.
#[derive(Clone, PartialEq, Eq)]
pub struct RecipientKey(Vec<u8>);

impl fmt::Debug for RecipientKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RecipientKey(…)")
    }
}

impl RecipientKey {
    /// A key of any length.
    #[must_use]
    pub fn new(secret: &str) -> Self {
        Self(secret.as_bytes().to_vec())
    }

    /// The hash of an address. It ignores case, because no two mailboxes differ only by case.
    #[must_use]
    pub fn hash(&self, address: &Email) -> RecipientHash {
        // HMAC takes keys of any length.
        let digest = Hmac::<Sha256>::new_from_slice(&self.0)
            .map(|mac| mac.chain_update(address.as_str().to_ascii_lowercase().as_bytes()).finalize().into_bytes());
        RecipientHash(hex(&digest.unwrap_or_default()))
    }

    /// The addressee of a message that can be mailed.
    #[must_use]
    pub fn addressee_of(&self, notice: &Notice) -> Addressee {
        let subject = (notice.client.0 > 0).then(|| subject_of(notice.client));
        Addressee { subject, recipient_hash: Some(self.hash(&notice.recipient)) }
    }

    /// The addressee as far as a body names one; the body may be anything.
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
    fn the_addressee_of_a_body_is_read_as_far_as_the_body_names_it() {
        let key = RecipientKey::new("secret");
        for mark in ["", "\u{feff}"] {
            let body = format!(r#"{mark}{{"data":{{"clientId":17,"recipient":"anna@example.pl"}}}}"#);
            let whole = key.addressee(body.as_bytes());
            assert_eq!(whole.subject.as_deref(), Some("clients/17"));
            assert_eq!(whole.recipient_hash, Some(hash("secret", "anna@example.pl")));
        }
        for nothing in ["", "[]", "{\"data\":7}", r#"{"data":{"clientId":0,"recipient":"nobody"}}"#, "\u{feff}{}"] {
            assert_eq!(key.addressee(nothing.as_bytes()), Addressee::default(), "{nothing}");
        }
    }
}
