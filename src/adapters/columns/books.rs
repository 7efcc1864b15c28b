//! Clients and records as stored. A row that breaks our own rules is an error, never a guess.

use super::Columns;
use crate::{
    domain::{
        booking::Refusal,
        client::{Client, ClientDraft, ClientName, Email, Nip, PostalAddress},
        idempotency::Fingerprint,
        ids::ClientId,
        language::Language,
        money::Money,
        period::Period,
        record::{Figures, FinancialRecord},
    },
    ports::books::Committed,
};

pub(in crate::adapters) fn client<R: Columns>(row: &R) -> Result<Client, R::Error> {
    let draft = ClientDraft {
        name: ClientName::parse(&row.own_text("Name")?).map_err(R::broken)?,
        address: PostalAddress::parse(&row.own_text("Address")?).map_err(R::broken)?,
        nip_nb: Nip::parse(&row.own_text("NipNb")?).map_err(R::broken)?,
        email: Email::parse(&row.own_text("Email")?).map_err(R::broken)?,
        language: row.own_text_opt("Language")?.map(|code| Language::parse(&code)).transpose().map_err(R::broken)?,
    };
    Ok(Client { id: ClientId(row.number("ClientKey")?), draft, version: row.number("Version")? })
}

/// The stored answer to an idempotency key, if it was used for a request with this fingerprint.
pub(in crate::adapters) fn answered<R: Columns>(row: &R, fingerprint: &Fingerprint) -> Result<Committed, R::Error> {
    if row.own_text("Fingerprint")? != fingerprint.as_str() {
        return Ok(Committed::Refused(Refusal::KeyReused));
    }
    serde_json::from_str(&row.own_text("Answer")?).map(Committed::Replayed).map_err(R::broken)
}

pub(in crate::adapters) fn record<R: Columns>(row: &R) -> Result<FinancialRecord, R::Error> {
    let money = |column: &str| {
        Money::from_grosze(row.grosze(column)?).ok_or_else(|| R::broken(format!("{column} is out of range")))
    };
    let year = u16::try_from(row.number("Year")?).map_err(R::broken)?;
    let month = u8::try_from(row.number("Month")?).map_err(R::broken)?;
    Ok(FinancialRecord {
        id: row.number("RecordKey")?,
        client_id: ClientId(row.number("ClientId")?),
        period: Period::new(year, month).ok_or_else(|| R::broken("no such month"))?,
        figures: Figures {
            income_tax: money("IncomeTax")?,
            vat: money("Vat")?,
            insurance_amount: money("InsuranceAmount")?,
        },
        version: row.number("Version")?,
    })
}
