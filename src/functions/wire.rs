//! The JSON of the API: what goes out, and (for the OpenAPI document) what comes in.

use crate::domain::{client::Client, money::Money, record::FinancialRecord};
use serde::Serialize;
use utoipa::{
    ToSchema,
    openapi::{Object, ObjectBuilder, schema::Type},
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
    /// Not blank, no control characters.
    #[schema(min_length = 1, max_length = 200, pattern = r"^[^\x00-\x1F\x7F-\x9F]+$", example = "Zażółć sp. z o.o.")]
    name: String,
    /// Not blank, no control characters.
    #[schema(
        min_length = 1,
        max_length = 400,
        pattern = r"^[^\x00-\x1F\x7F-\x9F]+$",
        example = "ul. Prosta 1, 30-001 Kraków"
    )]
    address: String,
    /// Polish tax number: ten digits, the last of them a check digit. Unique.
    #[schema(pattern = "^[0-9]{10}$", example = "5260250274")]
    nip_nb: String,
    #[schema(format = "email", max_length = 254, example = "biuro@example.pl")]
    email: String,
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

fn amount() -> Object {
    ObjectBuilder::new()
        .schema_type(Type::Number)
        .minimum(Some(0))
        // One grosz above the largest: that one itself is no f64.
        .exclusive_maximum(Some(10_000_000_000_000_000_i64))
        .description(Some("An amount of zloty, at most two decimals as written; 1e2 is fine, 1.000 is not."))
        .examples([serde_json::json!(1234.56)])
        .build()
}
