//! Who acts and why: the platform's signed-in user where it guards the app, else the name that is given.

use crate::{
    domain::operations::Signature,
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

fn principal(services: &Services, request: &Request) -> Option<String> {
    let value = request.head.headers.get(PRINCIPAL).filter(|_| services.principal_header)?;
    let name: String = String::from_utf8_lossy(value.as_bytes()).trim().chars().take(TEXT_CHARS_MAX).collect();
    (!name.is_empty()).then_some(name)
}

fn line(text: &str, chars_max: usize) -> Result<String, String> {
    let text = text.trim();
    let fits = (1..=chars_max).contains(&text.chars().count()) && !text.chars().any(char::is_control);
    if fits { Ok(text.to_owned()) } else { Err(format!("must be a line of 1 to {chars_max} characters")) }
}
