//! Describes what is wrong with JSON from outside without quoting it: reasons are logged, and the data is personal.

use serde_json::{Error, error::Category};

/// The error's text. Where serde would quote the invalid value, its line and column are stated instead.
#[must_use]
pub fn without_values(error: &Error) -> String {
    let text = error.to_string();
    // Among the errors about data, only these contain nothing but our own field names and rules.
    let ours = ["missing field", "duplicate field", "must ", "is not a valid NIP"];
    match error.classify() {
        Category::Data if !ours.iter().any(|start| text.starts_with(start)) => {
            format!("a value is of the wrong type or unknown at line {} column {}", error.line(), error.column())
        }
        Category::Data | Category::Syntax | Category::Eof | Category::Io => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::events;

    #[test]
    fn no_value_is_quoted_and_what_is_missing_is_named() {
        let reported = |text: &str| without_values(&events::read(text.as_bytes()).unwrap_err());
        let start = r#"{"specversion":"1.0","id":"a","source":"s""#;
        let typed = format!(r#"{start},"type":"FinancialRecordCreated""#);
        for quoting in [
            r#""anna@example.pl""#.to_owned(),
            format!(r#"{start},"type":"anna@example.pl"}}"#),
            format!(r#"{typed},"time":"anna@example.pl"}}"#),
            format!(r#"{typed},"data":"anna@example.pl"}}"#),
            format!(r#"{typed},"data":{{"recipient":"anna@@example.pl"}}}}"#),
            format!(r#"{typed},"data":{{"clientId":"anna@example.pl"}}}}"#),
            format!(r#"{typed},"data":{{"figures":{{"vat":"anna@example.pl"}}}}}}"#),
            format!(r#"{typed},"anna@example.pl"}}"#),
        ] {
            let reported = reported(&quoting);
            assert!(!reported.contains("anna") && reported.contains("column"), "{reported}");
        }
        assert!(reported(&format!("{start}}}")).starts_with("missing field `type`"));
    }
}
