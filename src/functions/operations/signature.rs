//! Who acts and why: the platform's signed-in user where it guards the app, else the name that is given.

use crate::{
    domain::{ids::utf16_chars, operations::Signature},
    flows::remedy::{REASON_CHARS_MAX, TEXT_CHARS_MAX},
    functions::{Services, field_reader::Fields, request::Request},
};

/// App Service authentication sets it, and removes a client's own.
const PRINCIPAL: &str = "x-ms-client-principal-name";

/// Reads `reason` and `by`. None: one is missing or wrong, and `finish` reports it.
pub(super) fn read(services: &Services, request: &Request, fields: &mut Fields<'_>) -> Option<Signature> {
    let reason = fields.required_text("reason", |text| line(text, REASON_CHARS_MAX));
    let by = |text: &str| line(text, TEXT_CHARS_MAX);
    let actor = match principal(services, request) {
        Some(principal) => {
            fields.text("by", by);
            Some(principal)
        }
        None => fields.required_text("by", by),
    };
    Some(Signature { actor: actor?, reason: reason? })
}

/// Of a request that nobody need sign: what it names is checked, and not used.
pub(super) fn unused(fields: &mut Fields<'_>) {
    fields.text("reason", |text| line(text, REASON_CHARS_MAX));
    fields.text("by", |text| line(text, TEXT_CHARS_MAX));
}

fn principal(services: &Services, request: &Request) -> Option<String> {
    let value = request.head.headers.get(PRINCIPAL).filter(|_| services.principal_header)?;
    let name = String::from_utf8_lossy(value.as_bytes());
    let name = cut(name.trim(), TEXT_CHARS_MAX);
    (!name.is_empty()).then(|| name.to_owned())
}

/// The beginning of a text, of at most so many UTF-16 units.
fn cut(text: &str, chars_max: usize) -> &str {
    let mut chars = 0;
    let fits = |c: &char| {
        chars += c.len_utf16();
        chars <= chars_max
    };
    let bytes: usize = text.chars().take_while(fits).map(char::len_utf8).sum();
    &text[..bytes]
}

fn line(text: &str, chars_max: usize) -> Result<String, String> {
    let text = text.trim();
    let fits = (1..=chars_max).contains(&utf16_chars(text)) && !text.chars().any(char::is_control);
    if fits { Ok(text.to_owned()) } else { Err(format!("must be a line of 1 to {chars_max} characters")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_as_many_utf_16_units_as_the_store_takes() {
        let two_units = "𝒜";
        assert!(line(&two_units.repeat(100), TEXT_CHARS_MAX).is_ok());
        assert!(line(&two_units.repeat(101), TEXT_CHARS_MAX).is_err());
        assert_eq!(cut(&two_units.repeat(101), TEXT_CHARS_MAX), two_units.repeat(100));
        assert_eq!(cut(&format!("ż{}", two_units.repeat(100)), TEXT_CHARS_MAX), format!("ż{}", two_units.repeat(99)));
        assert_eq!(cut("Anna", TEXT_CHARS_MAX), "Anna");
    }
}
