//! An ADO connection string as its pairs: the driver's own parser takes ASCII only, and keeps what it read to itself.

/// Keywords in lower case without spaces, since .NET writes `User ID`, `UserID` and `user id` alike; in their order.
///
/// # Errors
/// What is wrong, without any value.
pub(super) fn pairs(text: &str) -> Result<Vec<(String, String)>, String> {
    let mut pairs: Vec<(String, String)> = Vec::new();
    let mut rest = text.trim_start_matches([';', ' ', '\t', '\r', '\n']);
    while !rest.is_empty() {
        let (key, after) = rest.split_once('=').filter(|(key, _)| !key.contains(';')).ok_or(
            "is no ADO connection string: expected Server=tcp:<host>,1433;Database=<name>;… in pairs of keyword=value",
        )?;
        let key: String =
            key.chars().filter(|c| !c.is_whitespace() && *c != '_').flat_map(char::to_lowercase).collect();
        let (value, after) = value(after.trim_start(), &key)?;
        if key.is_empty() {
            return Err("has a value without a keyword".to_owned());
        }
        // As in .NET, the last one counts.
        pairs.retain(|(known, _)| *known != key);
        pairs.push((key, value));
        rest = after.trim_start_matches([';', ' ', '\t', '\r', '\n']);
    }
    Ok(pairs)
}

/// Its value, and what stands behind it. A quote in a quoted value is doubled.
fn value<'a>(text: &'a str, key: &str) -> Result<(String, &'a str), String> {
    let Some(quote) = text.chars().next().filter(|c| matches!(c, '\'' | '"')) else {
        let end = text.find(';').unwrap_or(text.len());
        return Ok((text[..end].trim_end().to_owned(), &text[end..]));
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
                Some(_) => Err(format!("goes on behind the closing quote of {key}")),
            };
        }
    }
    Err(format!("has a quote at {key} that is not closed"))
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
        assert_eq!(read("Server=a;SERVER=b"), [pair("server", "b")], "the last one counts");
        assert!(read(" ; ").is_empty());
    }

    #[test]
    fn what_is_no_connection_string_is_told_without_its_values() {
        for text in ["geheim", "Server=x;geheim;Database=y", "Password='geheim", "Password='geheim'geheim", "=geheim"] {
            let why = pairs(text).unwrap_err();
            assert!(!why.contains("geheim"), "{why}");
        }
    }
}
