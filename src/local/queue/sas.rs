//! Shared access signatures, checked as strict brokers do: a signature must cover our own encoding of the resource.

use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use percent_encoding::percent_decode_str;
use sha2::Sha256;
use std::fmt::Write;

/// A shared access policy.
#[derive(Clone)]
pub struct Policy {
    /// Its name: `skn` of a token, `SharedAccessKeyName` of a connection string.
    pub name: String,
    /// Its key. The bytes of its text sign; it is not base64-decoded.
    pub key: String,
}

impl Policy {
    /// A `SharedAccessSignature` for `resource` (`https://<namespace>.servicebus.windows.net/<entity>`) that expires at
    /// `expires_at_s`, in seconds since 1970 UTC.
    #[must_use]
    pub fn token(&self, resource: &str, expires_at_s: i64) -> String {
        let signed = self.hmac(resource, expires_at_s).map(|hmac| hmac.finalize().into_bytes());
        let signature = STANDARD.encode(signed.unwrap_or_default());
        let [resource, signature, name] = [resource, &signature, &self.name].map(encoded);
        format!("SharedAccessSignature sr={resource}&sig={signature}&se={expires_at_s}&skn={name}")
    }

    /// Checks that the `Authorization` header permits a request of `path` (`/email/messages`) at `now_s`, in seconds
    /// since 1970 UTC.
    ///
    /// # Errors
    /// States what is wrong; never includes the signature.
    pub fn check(&self, header: Option<&str>, path: &str, now_s: i64) -> Result<(), &'static str> {
        let fields = header.and_then(|h| h.strip_prefix("SharedAccessSignature ")).ok_or("no SharedAccessSignature")?;
        let field = |name: &str| fields.split('&').filter_map(|f| f.split_once('=')).find(|(n, _)| *n == name);
        let (Some((_, resource)), Some((_, signature)), Some((_, expiry)), Some((_, policy))) =
            (field("sr"), field("sig"), field("se"), field("skn"))
        else {
            return Err("sr, sig, se or skn is missing");
        };
        let expires_at_s: i64 = expiry.parse().map_err(|_| "se is invalid: expected seconds since 1970")?;
        let [resource, signature, policy] =
            [resource, signature, policy].map(|text| percent_decode_str(text).decode_utf8_lossy());
        let signature = STANDARD.decode(signature.as_bytes()).map_err(|_| "sig is invalid: expected base64")?;
        // Compares in constant time.
        let verified = self.hmac(&resource, expires_at_s).is_some_and(|hmac| hmac.verify_slice(&signature).is_ok());
        if !verified {
            return Err("the signature is wrong");
        }
        if policy != self.name {
            return Err("no such policy");
        }
        if expires_at_s <= now_s {
            return Err("the token has expired");
        }
        if covers(&resource, path) { Ok(()) } else { Err("the token is for another resource") }
    }

    fn hmac(&self, resource: &str, expires_at_s: i64) -> Option<Hmac<Sha256>> {
        // Never None: HMAC takes a key of any length.
        let mut hmac = Hmac::<Sha256>::new_from_slice(self.key.as_bytes()).ok()?;
        hmac.update(format!("{}\n{expires_at_s}", encoded(resource)).as_bytes());
        Some(hmac)
    }
}

/// Percent-encodes all but RFC 3986's unreserved characters. The sender has its own encoder, since this one checks it.
fn encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut out, byte| {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(byte.into()),
            // Writing to a string does not fail.
            _ => _ = write!(out, "%{byte:02X}"),
        }
        out
    })
}

/// Whether the resource of a token is `path` or a parent of it, segment by segment. Any namespace is accepted, since there
/// is only one.
fn covers(resource: &str, path: &str) -> bool {
    let Some((_, rest)) = resource.split_once("://") else { return false };
    let rest = rest.split(['?', '#']).next().unwrap_or_default();
    let (host, signed) = rest.split_once('/').unwrap_or((rest, ""));
    let namespace = host.to_ascii_lowercase();
    if namespace.strip_suffix(".servicebus.windows.net").is_none_or(|name| name.is_empty() || name.contains('.')) {
        return false;
    }
    let mut requested = path.trim_matches('/').split('/');
    let signed = signed.trim_matches('/');
    signed.is_empty() || signed.split('/').all(|part| requested.next().is_some_and(|a| a.eq_ignore_ascii_case(part)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    fn policy(key: &str) -> Policy {
        Policy { name: "Root".to_owned(), key: key.to_owned() }
    }

    #[test]
    fn tokens_equal_those_of_other_signers_and_another_encoding_is_refused() {
        let cases: Value = serde_json::from_str(include_str!("../../../tests/cases/sas.json")).unwrap();
        for case in cases["cases"].as_array().unwrap() {
            let [name, key, resource, token] =
                ["key_name", "key", "resource", "token"].map(|field| case[field].as_str().unwrap().to_owned());
            let (policy, expires_at_s) = (Policy { name, key }, case["expires"].as_i64().unwrap());
            assert_eq!(policy.token(&resource, expires_at_s), token);
            let (_, path) = resource.split_once("://").and_then(|(_, rest)| rest.split_once('/')).unwrap();
            if !resource.contains(".servicebus.windows.net") {
                continue;
            }
            assert_eq!(policy.check(Some(&token), path, 0), Ok(()), "{token}");
            let mut hmac = Hmac::<Sha256>::new_from_slice(policy.key.as_bytes()).unwrap();
            let form = encoded(&resource).replace('-', "%2D").replace('.', "%2E");
            hmac.update(format!("{form}\n{expires_at_s}").as_bytes());
            let signature = encoded(&STANDARD.encode(hmac.finalize().into_bytes()));
            let name = encoded(&policy.name);
            let other = format!("SharedAccessSignature sr={form}&sig={signature}&se={expires_at_s}&skn={name}");
            assert_eq!(policy.check(Some(&other), path, 0), Err("the signature is wrong"));
        }
    }

    const EMAIL: &str = "https://local.servicebus.windows.net/email/messages";

    #[test]
    fn a_token_covers_its_resource_and_everything_below_until_it_expires() {
        let policy = policy("secret");
        let token = policy.token("https://local.servicebus.windows.net/email", 100);
        assert_eq!(policy.check(Some(&token), "/email/messages", 99), Ok(()));
        assert_eq!(policy.check(Some(&token), "/email/messages", 100), Err("the token has expired"));
        assert!(policy.check(Some(&token), "/email2/messages", 99).is_err());
        assert!(policy.check(Some(&policy.token(EMAIL, 100)), "/email", 99).is_err(), "above the resource");
        assert!(policy.check(Some(&policy.token("https://elsewhere.example/email", 100)), "/email", 99).is_err());
    }

    #[test]
    fn a_wrong_key_a_changed_field_and_nonsense_are_refused() {
        let right = policy("secret");
        let token = right.token(EMAIL, 100);
        assert!(policy("other").check(Some(&token), "/email/messages", 1).is_err());
        assert!(right.check(Some(&token.replace("se=100", "se=999")), "/email/messages", 1).is_err());
        assert!(right.check(Some(&token.replace("email", "audit")), "/audit/messages", 1).is_err());
        assert!(right.check(Some(&token.replace("Root", "Other")), "/email/messages", 1).is_err());
        for header in [
            None,
            Some(""),
            Some("Bearer x"),
            Some("SharedAccessSignature "),
            Some("SharedAccessSignature sr=a&sig=%%&se=x&skn=Root"),
        ] {
            assert!(right.check(header, "/email/messages", 1).is_err(), "{header:?}");
        }
    }
}
