//! A client of the office: name, address, tax number, email.

use super::ids::ClientId;
use serde::{Deserialize, Serialize};
use std::fmt;

/// What a caller says of a client; the server adds id and version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ClientDraft {
    pub name: ClientName,
    pub address: PostalAddress,
    pub nip_nb: Nip,
    pub email: Email,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Client {
    pub id: ClientId,
    #[serde(flatten)]
    pub draft: ClientDraft,
    /// Starts at 1, plus 1 for every change; the ETag is made of it.
    pub version: i64,
}

/// Defines a text newtype whose `parse` is the only way in, also for serde.
macro_rules! text {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl TryFrom<String> for $name {
            type Error = String;
            fn try_from(text: String) -> Result<Self, String> {
                Self::parse(&text)
            }
        }

        impl From<$name> for String {
            fn from(value: $name) -> Self {
                value.0
            }
        }
    };
}

text!(
    /// 1 to 200 characters, not only spaces, no control characters (so it is safe in a mail header).
    ClientName
);
text!(
    /// 1 to 400 characters, not only spaces, no control characters.
    PostalAddress
);
text!(
    /// Polish tax number: ten digits, the last a check digit over the others.
    Nip
);
text!(
    /// An address one mail can be sent to: at most 254 ASCII characters, no display name.
    Email
);

impl ClientName {
    /// # Errors
    /// Says what was expected, for a person.
    pub fn parse(text: &str) -> Result<Self, String> {
        one_line(text, 200).map(Self)
    }
}

impl PostalAddress {
    /// # Errors
    /// Says what was expected, for a person.
    pub fn parse(text: &str) -> Result<Self, String> {
        one_line(text, 400).map(Self)
    }
}

impl Nip {
    /// # Errors
    /// Says what was expected, for a person.
    pub fn parse(text: &str) -> Result<Self, String> {
        let digits: Option<Vec<u32>> =
            text.chars().map(|c| if c.is_ascii_digit() { c.to_digit(10) } else { None }).collect();
        let digits = digits.filter(|d| d.len() == 10).ok_or("must be 10 digits, without spaces or hyphens")?;
        if Some(digits[9]) != Self::check_digit(&digits[..9]) {
            return Err("is not a valid NIP: its check digit is wrong".to_owned());
        }
        Ok(Self(text.to_owned()))
    }

    /// The tenth digit for nine given ones; `None` where no valid number starts so.
    #[must_use]
    pub fn check_digit(nine: &[u32]) -> Option<u32> {
        let weights = [6, 5, 7, 2, 3, 4, 5, 6, 7];
        let sum: u32 = weights.iter().zip(nine).map(|(w, d)| w * d).sum();
        Some(sum % 11).filter(|check| *check < 10)
    }
}

impl Email {
    /// # Errors
    /// Says what was expected, for a person.
    pub fn parse(text: &str) -> Result<Self, String> {
        if !text.is_ascii() {
            return Err("must be in ASCII: letters such as ż before the @ are not taken by every mail server; a domain with them is \
                        written in its xn-- form".to_owned());
        }
        let options =
            email_address::Options::default().with_required_tld().without_display_text().without_domain_literal();
        let fine = text.len() <= 254 && email_address::EmailAddress::parse_with_options(text, options).is_ok();
        // Quoted local parts are legal and carry spaces and brackets; no provider we send by wants them.
        // `=?` begins a word in another encoding, by which some servers read another address than is written.
        let odd = text.contains(['"', ' ', '<', '>', ',', ';']) || text.contains("=?");
        if !fine || odd || text.chars().any(char::is_control) {
            return Err("must be one email address of at most 254 characters, such as biuro@example.pl".to_owned());
        }
        Ok(Self(text.to_owned()))
    }
}

fn one_line(text: &str, chars_max: usize) -> Result<String, String> {
    let text = text.trim();
    let chars = text.chars().count();
    if chars == 0 || chars > chars_max {
        return Err(format!("must be 1 to {chars_max} characters"));
    }
    // Invisible marks of direction would let a mail show what is not written; a text of nothing else shows nothing.
    if text.chars().any(|c| matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')) {
        return Err("must not contain marks that change the direction of text".to_owned());
    }
    if !text.chars().any(char::is_alphanumeric) {
        return Err("must contain a letter or a digit".to_owned());
    }
    if text.chars().any(|c| c.is_control() || c == '\u{2028}' || c == '\u{2029}') {
        return Err("must not contain control characters or line breaks".to_owned());
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_nip_needs_its_check_digit() {
        assert!(Nip::parse("5260250274").is_ok());
        for bad in ["5260250275", "526-025-02-74", "526025027", "52602502744", "", "526025027٤", "PL5260250274"] {
            assert!(Nip::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_email_is_one_plain_address() {
        assert!(Email::parse("anna.nowak+vat@example.pl").is_ok());
        assert!(Email::parse("biuro@xn--kw-fka56b.example.pl").is_ok());
        for international in ["zażółć@example.pl", "biuro@żółw.example.pl"] {
            assert!(Email::parse(international).unwrap_err().contains("xn--"), "{international}");
        }
        for bad in [
            "",
            "anna",
            "a@b",
            "a@b.pl, c@d.pl",
            "Anna <a@b.pl>",
            "a@b.pl\r\nBcc: x@y.pl",
            "\"a b\"@c.pl",
            "=?utf-8?q?anna?=@b.pl",
            "żaba@ex.pl",
        ] {
            assert!(Email::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_name_is_one_line() {
        assert_eq!(ClientName::parse("  Zażółć 🦀 sp. z o.o. ").unwrap().as_str(), "Zażółć 🦀 sp. z o.o.");
        for bad in ["", "   ", "a\r\nBcc: x", "a\u{202e}b", "\u{200b}", "--", &"x".repeat(201)] {
            assert!(ClientName::parse(bad).is_err(), "{bad}");
        }
    }
}
