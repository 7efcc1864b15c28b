//! Access to the namespace: a key, a ready signature, or an identity. Each gives tokens for an entity.

use super::ConnectionString;
use crate::{
    adapters::entra::{EntraError, SERVICE_BUS_SCOPE, Tokens},
    config::connection::bus::{Credential, SharedAccess},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use chrono::{DateTime, TimeDelta, Utc};
use hmac::{Hmac, KeyInit, Mac};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::header::HeaderValue;
use sha2::Sha256;
use std::fmt;

#[derive(Clone)]
pub(super) enum Access {
    Shared(SharedAccess),
    Identity(Tokens),
}

/// The claim that an operation needs on its entity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Right {
    Send,
    Listen,
}

/// A token for one entity.
pub(super) struct Granted {
    pub text: String,
    /// The token's type, as `$cbs` names it.
    pub kind: &'static str,
    pub expires_on: DateTime<Utc>,
}

/// Lifetime of a signature made from a key. It is renewed long before.
const SIGNED_FOR: TimeDelta = TimeDelta::hours(1);

const SAS: &str = "servicebus.windows.net:sastoken";

impl Access {
    /// # Errors
    /// As `Tokens::new`.
    pub(super) fn of(connection: &ConnectionString) -> Result<Self, EntraError> {
        Ok(match &connection.credential {
            Credential::Shared(shared) => Self::Shared(shared.clone()),
            Credential::Identity(identity) => Self::Identity(Tokens::new(identity, SERVICE_BUS_SCOPE)?),
        })
    }

    /// # Errors
    /// Why there is no token now, in words for an operator.
    pub(super) async fn token(&self, audience: &str) -> Result<Granted, String> {
        match self {
            Self::Shared(SharedAccess::Key { name, key }) => {
                let expires_on = now() + SIGNED_FOR;
                let text = signed(audience, name, key, expires_on.timestamp());
                Ok(Granted { text, kind: SAS, expires_on })
            }
            Self::Shared(SharedAccess::Signature { expires_on, name, .. }) if *expires_on <= now() => Err(format!(
                "the SharedAccessSignature of '{name}' in ServiceBusConnection expired at {expires_on}: set a new one"
            )),
            Self::Shared(SharedAccess::Signature { text, expires_on, .. }) => {
                Ok(Granted { text: text.clone(), kind: SAS, expires_on: *expires_on })
            }
            Self::Identity(tokens) => match tokens.get().await {
                Ok(token) => Ok(Granted { text: token.text, kind: "jwt", expires_on: token.expires_on }),
                Err(error) => Err(error.to_string()),
            },
        }
    }

    /// The token as an Authorization header.
    ///
    /// # Errors
    /// As `token`.
    pub(super) async fn header(&self, audience: &str) -> Result<HeaderValue, String> {
        let token = self.token(audience).await?.text;
        let text = if matches!(self, Self::Identity(_)) { format!("Bearer {token}") } else { token };
        let mut value =
            HeaderValue::from_str(&text).map_err(|_| "the token has a character that a header cannot carry")?;
        value.set_sensitive(true);
        Ok(value)
    }

    /// What is wrong with our access when the bus refuses it, in words for an operator.
    pub(super) fn remedy(&self, namespace: &str, entity: &str, needs: Right) -> String {
        let (claim, role) = match needs {
            Right::Send => ("Send", "Azure Service Bus Data Sender"),
            Right::Listen => ("Listen", "Azure Service Bus Data Receiver"),
        };
        match self {
            Self::Shared(SharedAccess::Key { name, .. }) => {
                format!("the key '{name}' is wrong, expired or lacks the {claim} claim on {entity}")
            }
            Self::Shared(SharedAccess::Signature { name, .. }) => {
                format!("the signature of '{name}' is wrong, expired or not for {claim} on {entity}")
            }
            Self::Identity(_) => format!("the identity lacks the role {role} on {namespace}/{entity}"),
        }
    }
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Shared(shared) => shared.fmt(f),
            Self::Identity(_) => f.write_str("Identity"),
        }
    }
}

/// The characters that a signature percent-encodes: all but RFC 3986's unreserved ones, as in Microsoft's clients. A
/// broker may encode the resource by itself, and compares the result with what was signed.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// A SharedAccessSignature. The HMAC's key is the bytes of the key's text, never base64-decoded.
fn signed(resource: &str, name: &str, key: &str, expires_at_s: i64) -> String {
    let [resource, name] = [resource, name].map(|text| utf8_percent_encode(text, ENCODED).to_string());
    // Never fails: HMAC accepts a key of any length.
    let signature = Hmac::<Sha256>::new_from_slice(key.as_bytes()).map(|mut hmac| {
        hmac.update(format!("{resource}\n{expires_at_s}").as_bytes());
        STANDARD.encode(hmac.finalize().into_bytes())
    });
    let signature = signature.unwrap_or_default();
    let signature = utf8_percent_encode(&signature, ENCODED);
    format!("SharedAccessSignature sr={resource}&sig={signature}&se={expires_at_s}&skn={name}")
}

#[expect(clippy::disallowed_methods, reason = "a token expires by the real clock, which no test moves")]
pub(super) fn now() -> DateTime<Utc> {
    Utc::now()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    #[test]
    fn a_signature_equals_those_of_two_other_clients() {
        let cases: Value = serde_json::from_str(include_str!("../../../tests/cases/sas.json")).unwrap();
        let cases = cases["cases"].as_array().unwrap();
        assert!(!cases.is_empty());
        for case in cases {
            let [resource, name, key] = ["resource", "key_name", "key"].map(|field| case[field].as_str().unwrap());
            assert_eq!(signed(resource, name, key, case["expires"].as_i64().unwrap()), case["token"]);
        }
    }
}
