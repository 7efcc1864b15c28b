//! The JSON of the API: what goes out, and (for the OpenAPI document) what comes in.

use crate::domain::{
    client::Client,
    language::Language,
    money::Money,
    record::FinancialRecord,
    schema::{amount, language},
};
use serde::Serialize;
use utoipa::{
    ToSchema,
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
    /// Of their letters; without it, the office's.
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
    /// Starts at 1, plus 1 for every change.
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
    /// What to pass as `after` for the next page; null on the last.
    #[schema(required)]
    pub(super) next: Option<i64>,
}

#[derive(Serialize, ToSchema)]
pub(super) struct RecordList {
    pub(super) items: Vec<RecordReply>,
}

// The three bodies are read field by field (clients, records); a test holds the readers and these together.

/// All of a client that its caller says.
#[derive(ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ClientDraft, rename_all = "camelCase")]
#[expect(dead_code, reason = "documents the body, which is read field by field")]
pub(super) struct ClientBody {
    #[schema(schema_with = client_name)]
    name: String,
    #[schema(schema_with = postal_address)]
    address: String,
    /// Polish tax number: ten digits, the last of them a check digit. Unique.
    #[schema(format = "nip", pattern = "^[0-9]{10}$", example = "5260250274")]
    nip_nb: String,
    /// One address in ASCII, as mail servers take it. No name around it, no quotes, no `%` and no `!`.
    #[schema(format = "email", max_length = 254, example = "biuro@example.pl")]
    email: String,
    /// Of their letters; without it, the office's.
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

/// At least one of the amounts; the others stay.
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

/// What `client::one_line` takes, as far as regular expressions of all clients can say it.
const LINE_PATTERN: &str = r"^\s*[^\x00-\x1F\x7F-\x9F\u2028-\u202E\u2066-\u2069]*[\p{L}\p{N}][^\x00-\x1F\x7F-\x9F\u2028-\u202E\u2066-\u2069]*\s*$";

fn line(chars_max: usize, example: &str) -> ObjectBuilder {
    ObjectBuilder::new()
        .schema_type(Type::String)
        .min_length(Some(1))
        .max_length(Some(chars_max))
        .pattern(Some(LINE_PATTERN))
        .description(Some("One line with a letter or a digit; white space around it is cut off."))
        .examples([example])
}

fn client_name() -> ObjectBuilder {
    line(200, "Zażółć sp. z o.o.")
}

fn postal_address() -> ObjectBuilder {
    line(400, "ul. Prosta 1, 30-001 Kraków")
}
