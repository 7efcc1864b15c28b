//! The List-Unsubscribe header (RFC 2369), and its one-click form (RFC 8058).

use crate::domain::client::Email;
use reqwest::Url;
use uuid::Uuid;

/// Where a client can unsubscribe from these mails.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsubscribe {
    uri: String,
    one_click: bool,
}

/// Placeholder in the URI for the mail's id, the part of its Message-ID before the @.
const ID: &str = "{id}";
/// Even with the id far below the 998 characters that a header line may have.
const URI_CHARS_MAX: usize = 500;

impl Unsubscribe {
    /// Parses a URI. `one_click`: mail programs may unsubscribe by a POST to it, without showing a page.
    ///
    /// # Errors
    /// What was expected, for a person.
    pub fn parse(text: &str, one_click: bool) -> Result<Self, String> {
        let expected = || "expected mailto:<address> or https://…, without spaces, brackets or quotes".to_owned();
        let filled = text.replace(ID, &Uuid::nil().to_string());
        // Characters that could end the URI inside < and >, or begin another one.
        let odd = |c: char| !c.is_ascii_graphic() || "<>\"\\^`{|}".contains(c);
        if filled.contains(odd) || text.len() > URI_CHARS_MAX {
            return Err(expected());
        }
        let url = Url::parse(&filled).map_err(|_| expected())?;
        let fine = match url.scheme() {
            "https" => url.has_host() && url.username().is_empty() && url.password().is_none(),
            "mailto" => Email::parse(url.path()).is_ok(),
            _ => false,
        };
        if !fine {
            return Err(expected());
        }
        if one_click && (url.scheme() != "https" || !text.contains(ID)) {
            return Err(format!("one click needs https://…, with {ID} in it: it must identify the mail by itself"));
        }
        Ok(Self { uri: text.to_owned(), one_click })
    }

    /// The headers for a mail with this id, by name and value.
    #[must_use]
    pub fn headers(&self, mail: Uuid) -> Vec<(&'static str, String)> {
        let uri = self.uri.replace(ID, &mail.to_string());
        let mut headers = vec![("List-Unsubscribe", format!("<{uri}>"))];
        if self.one_click {
            headers.push(("List-Unsubscribe-Post", "List-Unsubscribe=One-Click".to_owned()));
        }
        headers
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_headers_contain_the_id_of_the_mail() {
        let mail = Uuid::from_u128(7);
        let one = Unsubscribe::parse("https://office.example.pl/stop?mail={id}", true).unwrap();
        let headers = one.headers(mail);
        assert_eq!(headers[0], ("List-Unsubscribe", format!("<https://office.example.pl/stop?mail={mail}>")));
        assert_eq!(headers[1], ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click".to_owned()));
        let other = Unsubscribe::parse("mailto:stop@office.example.pl?subject=stop%20{id}", false).unwrap();
        let headers = other.headers(mail);
        assert_eq!(headers, [("List-Unsubscribe", format!("<mailto:stop@office.example.pl?subject=stop%20{mail}>"))]);
    }

    #[test]
    fn a_text_that_would_not_be_one_header_with_one_uri_is_refused() {
        for bad in [
            "",
            "office.example.pl/stop",
            "http://office.example.pl/stop",
            "https://",
            "https://me:secret@office.example.pl/",
            "https://office.example.pl/a b",
            "https://office.example.pl/>,<https://thief.example.pl/",
            "https://office.example.pl/\r\nBcc: thief@example.pl",
            "https://office.example.pl/{name}",
            "https://żółw.example.pl/",
            "mailto:nobody",
            "mailto:a@example.pl,b@example.pl",
            "javascript:alert(1)",
        ] {
            assert!(Unsubscribe::parse(bad, false).is_err(), "{bad}");
        }
        for bad in ["https://office.example.pl/stop", "mailto:stop@office.example.pl?subject={id}"] {
            assert!(Unsubscribe::parse(bad, true).unwrap_err().contains("{id}"), "{bad}");
        }
    }
}
