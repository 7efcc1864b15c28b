//! Splits an ADO connection string into pairs: the driver's own parser accepts ASCII only, and does not expose them.

/// The pairs in their order, with keywords in lower case without spaces: for .NET, `User ID` and `userid` are the same.
///
/// # Errors
/// What is wrong, without any value.
pub(super) fn pairs(text: &str) -> Result<Vec<(String, String)>, String> {
    let mut pairs: Vec<(String, String)> = Vec::new();
    let mut rest = text.trim_start_matches(BETWEEN);
    while !rest.is_empty() {
        let (key, after) = key(rest)?;
        let (value, after) = value(after.trim_start(), pairs.len() + 1)?;
        pairs.push((key, value));
        rest = after.trim_start_matches(BETWEEN);
    }
    Ok(pairs)
}

const BETWEEN: [char; 5] = [';', ' ', '\t', '\r', '\n'];

/// A keyword, and the text after its `=`. A doubled `=` is part of the keyword, so `Server==x` has no value.
fn key(text: &str) -> Result<(String, &str), String> {
    let mut key = String::new();
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        if c != '=' {
            key.extend(c.to_lowercase().filter(|c| !c.is_whitespace() && *c != '_'));
        } else if chars.next_if(|(_, next)| *next == '=').is_some() {
            key.push('=');
        } else if key.is_empty() {
            return Err("has a value without a keyword".to_owned());
        } else {
            return Ok((key, &text[at + 1..]));
        }
    }
    Err("is invalid: expected Server=tcp:<host>,1433;Database=<name>;… in pairs of keyword=value".to_owned())
}

/// The value, and the text after it. A quote in a quoted value is doubled. An error has the pair's position in place of
/// its keyword, which could be the rest of a password with an unquoted `;`.
fn value(text: &str, position: usize) -> Result<(String, &str), String> {
    let Some(quote) = text.chars().next().filter(|c| matches!(c, '\'' | '"')) else {
        let end = text.find(';').unwrap_or(text.len());
        let value = text[..end].trim_end();
        if end == text.len() && value.ends_with(['\'', '"']) {
            return Err(format!("ends in a quote at position {position} that was not opened"));
        }
        return Ok((value.to_owned(), &text[end..]));
    };
    let mut value = String::new();
    let mut chars = text[1..].char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        if c != quote {
            value.push(c);
        } else if chars.next_if(|(_, next)| *next == quote).is_some() {
            value.push(quote);
        } else {
            let after = text[1 + at + 1..].trim_start();
            return match after.chars().next() {
                None | Some(';') => Ok((value, after)),
                Some(_) => Err(format!("continues after the closing quote at position {position}")),
            };
        }
    }
    Err(format!("has a quote at position {position} that is not closed"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<(String, String)> {
        pairs(text).unwrap()
    }

    fn pair(key: &str, value: &str) -> (String, String) {
        (key.to_owned(), value.to_owned())
    }

    #[test]
    fn keywords_are_known_in_every_spelling_and_values_keep_what_is_quoted() {
        let text = " Server = tcp:x,1433 ;User ID=ania;PASSWORD='zażółć;\"''=';Initial_Catalog=\"a b \";; ";
        let expected =
            [("server", "tcp:x,1433"), ("userid", "ania"), ("password", "zażółć;\"'="), ("initialcatalog", "a b ")];
        assert_eq!(read(text), expected.map(|(key, value)| pair(key, value)));
        assert_eq!(read("Password=Zm9v==;pwd={x}"), [pair("password", "Zm9v=="), pair("pwd", "{x}")]);
        assert_eq!(read("a==b=c"), [pair("a=b", "c")], "a doubled = is the keyword's own");
        assert!(read(" ; ").is_empty());
    }

    #[test]
    fn an_invalid_connection_string_is_reported_without_its_values() {
        for text in [
            "geheim",
            "Password='geheim",
            "Password='geheim'geheim",
            "=geheim",
            "a=geheim'",
            // The rest of a password with a `;` that is not in quotes.
            "Password=a;geheim=b'",
            "Password=a;geheim='b",
            "Password=a;geheim='b'c",
        ] {
            let why = pairs(text).unwrap_err();
            assert!(!why.contains("geheim"), "{why}");
        }
    }
}
