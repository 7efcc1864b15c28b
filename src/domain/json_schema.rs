//! JSON Schema of values, for the OpenAPI document: as the API reads and returns them, and as messages carry them.

use super::language::Language;
use utoipa::openapi::{
    Object, ObjectBuilder,
    schema::{KnownFormat, SchemaFormat, Type},
};

/// The schema of an amount. `decimal` keeps generated clients from using a float for money. There is no `multipleOf`:
/// validators that divide floats conclude that 1234.56 is not a multiple of 0.01.
#[must_use]
pub fn amount() -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(Type::Number)
        .format(Some(SchemaFormat::Custom("decimal".to_owned())))
        .minimum(Some(0))
        // One grosz above the largest amount, which itself cannot be an f64.
        .exclusive_maximum(Some(10_000_000_000_000_000_i64))
        .description(Some(
            "An amount of zloty, of at most two decimals in value: 12.5000 and 1e2 are fine, 0.001 is not.",
        ))
        .examples([serde_json::json!(1234.56)])
}

/// A code of `Language::ALL`.
#[must_use]
pub fn language() -> Object {
    let codes = Language::ALL.map(Language::code);
    ObjectBuilder::new().schema_type(Type::String).enum_values(Some(codes)).build()
}

/// A month's three amounts.
#[must_use]
pub fn figures() -> ObjectBuilder {
    ["incomeTax", "vat", "insuranceAmount"]
        .into_iter()
        .fold(ObjectBuilder::new().schema_type(Type::Object), |object, name| {
            object.property(name, amount()).required(name)
        })
}

/// An integer from 1.
#[must_use]
pub fn client_id() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(1))
}

/// A string without bounds.
#[must_use]
pub fn text() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String)
}

/// A day, `2030-04-20`.
#[must_use]
pub fn date() -> ObjectBuilder {
    text().format(Some(SchemaFormat::KnownFormat(KnownFormat::Date)))
}

/// A mail address.
#[must_use]
pub fn email() -> ObjectBuilder {
    text().format(Some(SchemaFormat::Custom("email".to_owned())))
}
