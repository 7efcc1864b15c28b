//! The JSON of the API's answers and, for the OpenAPI document, of its requests.

use crate::domain::{
    client::Client,
    json_schema::{amount, language},
    language::Language,
    money::Money,
    record::FinancialRecord,
};
use serde::Serialize;
use utoipa::{
    IntoParams, ToSchema,
    openapi::{ObjectBuilder, schema::Type},
};

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = Client)]
pub(super) struct ClientReply {
    #[schema(minimum = 1)]
    id: i64,
    name: String,
    address: String,
    nip_nb: String,
    #[schema(format = "email")]
    email: String,
    /// The language of their letters; without it, the office's language.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(schema_with = language, required = false)]
    language: Option<Language>,
}

impl From<Client> for ClientReply {
    fn from(client: Client) -> Self {
        let draft = client.draft;
        Self {
            id: client.id.0,
            name: draft.name.into(),
            address: draft.address.into(),
            nip_nb: draft.nip_nb.into(),
            email: draft.email.into(),
            language: draft.language,
        }
    }
}

#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
#[schema(as = FinancialRecord)]
pub(super) struct RecordReply {
    client_id: i64,
    #[schema(minimum = 2000, maximum = 2100)]
    year: u16,
    #[schema(minimum = 1, maximum = 12)]
    month: u8,
    #[schema(schema_with = amount)]
    income_tax: Money,
    #[schema(schema_with = amount)]
    vat: Money,
    #[schema(schema_with = amount)]
    insurance_amount: Money,
    /// Starts at 1 and grows by 1 with every change.
    version: i64,
}

impl From<FinancialRecord> for RecordReply {
    fn from(record: FinancialRecord) -> Self {
        Self {
            client_id: record.client_id.0,
            year: record.period.year(),
            month: record.period.month(),
            income_tax: record.figures.income_tax,
            vat: record.figures.vat,
            insurance_amount: record.figures.insurance_amount,
            version: record.version,
        }
    }
}

#[derive(Serialize, ToSchema)]
pub(super) struct ClientPage {
    pub(super) items: Vec<ClientReply>,
    /// The `after` of the next page; null on the last page.
    #[schema(required)]
    pub(super) next: Option<i64>,
}

/// The path to one month's record.
#[derive(IntoParams)]
#[into_params(parameter_in = Path)]
#[expect(dead_code, reason = "documents the path, which `routes` reads")]
pub(super) struct MonthPath {
    /// The client's id
    #[param(minimum = 1)]
    id: i64,
    #[param(minimum = 2000, maximum = 2100)]
    year: u16,
    #[param(minimum = 1, maximum = 12)]
    month: u8,
}

#[derive(Serialize, ToSchema)]
pub(super) struct RecordList {
    pub(super) items: Vec<RecordReply>,
}

// The three bodies are read field by field (clients, records); a test compares the readers with these.

/// The fields of a client that the caller sets.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ClientDraft, rename_all = "camelCase")]
#[expect(dead_code, reason = "documents the body, which is read field by field")]
pub(super) struct ClientBody {
    #[schema(schema_with = client_name)]
    name: String,
    #[schema(schema_with = postal_address)]
    address: String,
    /// Polish tax number: ten digits, of which the last is a check digit. Unique.
    #[schema(format = "nip", pattern = "^[0-9]{10}$", example = "5260250274")]
    nip_nb: String,
    /// One address in ASCII, without a display name, quotes, `%` or `!`.
    #[schema(format = "email", max_length = 254, example = "biuro@example.pl")]
    email: String,
    /// The language of their letters; without it, the office's language.
    #[schema(schema_with = language, required = false)]
    language: Language,
}

/// A month's figures, all required.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = FinancialRecordDraft, rename_all = "camelCase")]
#[expect(dead_code, reason = "documents the body, which is read field by field")]
pub(super) struct RecordBody {
    #[schema(minimum = 2000, maximum = 2100)]
    year: u16,
    #[schema(minimum = 1, maximum = 12)]
    month: u8,
    #[schema(schema_with = amount)]
    income_tax: Money,
    #[schema(schema_with = amount)]
    vat: Money,
    #[schema(schema_with = amount)]
    insurance_amount: Money,
}

/// At least one amount; amounts that are not given stay.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = FinancialRecordPatch, rename_all = "camelCase", min_properties = 1)]
#[expect(dead_code, reason = "documents the body, which is read field by field")]
pub(super) struct PatchBody {
    #[schema(schema_with = amount, required = false)]
    income_tax: Money,
    #[schema(schema_with = amount, required = false)]
    vat: Money,
    #[schema(schema_with = amount, required = false)]
    insurance_amount: Money,
}

/// What `client::one_line` accepts, as far as every client's regular expressions can express it.
const LINE_PATTERN: &str = r"^\s*[^\x00-\x1F\x7F-\x9F\u2028-\u202E\u2066-\u2069]*[\p{L}\p{N}][^\x00-\x1F\x7F-\x9F\u2028-\u202E\u2066-\u2069]*\s*$";

fn line(chars_max: usize, example: &str) -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .min_length(Some(1))
        .max_length(Some(chars_max))
        .pattern(Some(LINE_PATTERN))
        .description(Some("One line with at least one letter or digit; white space around it is removed."))
        .examples([example])
}

fn client_name() -> ObjectBuilder {
    line(200, "Zażółć sp. z o.o.")
}

fn postal_address() -> ObjectBuilder {
    line(400, "ul. Prosta 1, 30-001 Kraków")
}
