//! A client of the office: name, address, tax number, email.

use super::{
    ids::ClientId,
    language::{self, Language},
};
use serde::{Deserialize, Serialize};
use std::fmt;

/// What a caller sets of a client; the server adds id and version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ClientDraft {
    /// Shown in letters.
    pub name: ClientName,
    /// The postal address.
    pub address: PostalAddress,
    /// The tax number; no two clients share one.
    pub nip_nb: Nip,
    /// Where letters go.
    pub email: Email,
    /// The language of the client's letters. None: the office's.
    #[serde(default, deserialize_with = "language::known", skip_serializing_if = "Option::is_none")]
    pub language: Option<Language>,
}

/// A client as stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Client {
    /// Assigned by the server, never reused.
    pub id: ClientId,
    /// What the caller set.
    #[serde(flatten)]
    pub draft: ClientDraft,
    /// Starts at 1 and grows by 1 with every change; it is the ETag.
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
            /// The text as it was accepted.
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
    /// A single mail address: at most 254 ASCII characters, no display name.
    Email
);

impl ClientName {
    /// Trims the text and checks it.
    ///
    /// # Errors
    /// What was expected, for a person.
    pub fn parse(text: &str) -> Result<Self, String> {
        one_line(text, 200).map(Self)
    }
}

impl PostalAddress {
    /// Trims the text and checks it.
    ///
    /// # Errors
    /// What was expected, for a person.
    pub fn parse(text: &str) -> Result<Self, String> {
        one_line(text, 400).map(Self)
    }
}

impl Nip {
    /// Checks the digits and the check digit.
    ///
    /// # Errors
    /// What was expected, for a person.
    pub fn parse(text: &str) -> Result<Self, String> {
        let digits: Option<Vec<u32>> = text.chars().map(|c| c.to_digit(10)).collect();
        let digits = digits.filter(|d| d.len() == 10).ok_or("must be 10 digits, without spaces or hyphens")?;
        if Some(digits[9]) != Self::check_digit(&digits[..9]) {
            return Err("is not a valid NIP: its check digit is wrong".to_owned());
        }
        Ok(Self(text.to_owned()))
    }

    /// The tenth digit for nine given ones. None: no valid number starts with these.
    #[must_use]
    pub fn check_digit(nine: &[u32]) -> Option<u32> {
        let weights = [6, 5, 7, 2, 3, 4, 5, 6, 7];
        let sum: u32 = weights.iter().zip(nine).map(|(w, d)| w * d).sum();
        Some(sum % 11).filter(|check| *check < 10)
    }
}

impl Email {
    /// Checks that the text is one address as any mail standard allows it; see `parse_new`.
    ///
    /// # Errors
    /// What was expected, for a person.
    pub fn parse(text: &str) -> Result<Self, String> {
        if !text.is_ascii() {
            return Err("must be in ASCII: not every mail server accepts letters such as ż before the @; write a domain with them \
                        in its xn-- form".to_owned());
        }
        let options =
            email_address::Options::default().with_required_tld().without_display_text().without_domain_literal();
        let fine = text.len() <= 254 && email_address::EmailAddress::parse_with_options(text, options).is_ok();
        // Quoted local parts are legal and may contain spaces and brackets; our providers refuse them. `=?` begins an
        // encoded word, which some servers decode to another address than the one written.
        let odd = text.contains(['"', ' ', '<', '>', ',', ';']) || text.contains("=?");
        if !fine || odd || text.chars().any(char::is_control) {
            return Err("must be one email address of at most 254 characters, such as biuro@example.pl".to_owned());
        }
        Ok(Self(text.to_owned()))
    }

    /// As `parse`, but also refuses addresses that mail servers reject. For new addresses: one that was stored before
    /// this check stays readable, and the mail server refuses it.
    ///
    /// # Errors
    /// What was expected, for a person.
    pub fn parse_new(text: &str) -> Result<Self, String> {
        let email = Self::parse(text)?;
        let taken = text.rsplit_once('@').is_some_and(|(local, domain)| fit_to_send(local) && a_name_of_dns(domain));
        taken.then_some(email).ok_or_else(|| {
            "must be an address that mail servers accept: nothing such as -a@, |a@ or a%b@ before the @, and after it a \
             name such as example.pl, not a number"
                .to_owned()
        })
    }
}

/// Mail servers read a leading `-`, `|` or `/` as an option, a program or a file, and `%` and `!` as a route for
/// forwarding. They refuse all of them.
fn fit_to_send(local: &str) -> bool {
    !local.starts_with(['-', '|', '/']) && !local.contains(['%', '!'])
}

/// The last label must not be a number: an IP address after the @ is always a mistake.
fn a_name_of_dns(domain: &str) -> bool {
    let label = |text: &str| {
        (1..=63).contains(&text.len())
            && !text.starts_with('-')
            && !text.ends_with('-')
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    let top = domain.rsplit('.').next().unwrap_or_default();
    let top_of_dns = top.len() >= 2
        && (top.bytes().all(|b| b.is_ascii_alphabetic()) || top.to_ascii_lowercase().starts_with("xn--"));
    domain.split('.').all(label) && top_of_dns
}

/// Hangul fillers count as letters in Unicode but are invisible.
fn visible_letter(c: char) -> bool {
    c.is_alphanumeric() && !matches!(c, '\u{115f}' | '\u{1160}' | '\u{3164}' | '\u{ffa0}')
}

fn one_line(text: &str, chars_max: usize) -> Result<String, String> {
    let text = text.trim();
    let chars = text.chars().count();
    if chars == 0 || chars > chars_max {
        return Err(format!("must be 1 to {chars_max} characters"));
    }
    // Invisible direction marks would make a mail display something other than its text. A text of nothing but
    // invisible characters displays nothing.
    if text.chars().any(|c| matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')) {
        return Err("must not contain marks that change the direction of text".to_owned());
    }
    if !text.chars().any(visible_letter) {
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
    fn an_address_that_no_mail_server_accepts_is_refused() {
        for fine in ["a@b.pl", "o'brien+x=1@sub-1.b2.example.pl", "a@b.xn--p1ai", "a@1.2.3.museum", "_a-@b.pl"] {
            assert!(Email::parse_new(fine).is_ok(), "{fine}");
        }
        let long = format!("a@{}.pl", "b".repeat(64));
        for bad in [
            "a@1.2.3.4",
            "a@b.1",
            "a@b.c1",
            "a@b.c",
            "a@[1.2.3.4]",
            "-a@b.pl",
            "--help@b.pl",
            "|sh@b.pl",
            "/etc/passwd@b.pl",
            "a%c.pl@b.pl",
            "c.pl!a@b.pl",
            "a@-b.pl",
            "a@b-.pl",
            "a@b_c.pl",
            "a@b.-pl",
            "a@b..pl",
            "a@b.pl.",
            ".a@b.pl",
            "a.@b.pl",
            "a..b@b.pl",
            long.as_str(),
        ] {
            assert!(Email::parse_new(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_name_or_address_of_invisible_characters_is_refused() {
        for invisible in [
            "\u{3164}",
            "\u{115f}\u{1160}",
            "\u{ffa0}",
            "\u{200b}\u{200d}\u{feff}",
            "\u{2800}",
            "\u{ad}",
            "\u{34f}",
            "\u{180e}",
            "\u{e0041}\u{e0042}",
            "\u{17b4}",
        ] {
            assert!(ClientName::parse(invisible).is_err(), "{invisible:?}");
            assert!(PostalAddress::parse(invisible).is_err(), "{invisible:?}");
        }
        assert!(ClientName::parse("\u{3164}7").is_ok(), "one visible character is enough");
    }

    #[test]
    fn a_name_is_one_line() {
        assert_eq!(ClientName::parse("  Zażółć 🦀 sp. z o.o. ").unwrap().as_str(), "Zażółć 🦀 sp. z o.o.");
        for bad in ["", "   ", "a\r\nBcc: x", "a\u{202e}b", "\u{200b}", "--", &"x".repeat(201)] {
            assert!(ClientName::parse(bad).is_err(), "{bad}");
        }
    }
}
