//! Reading clients and records; a row that breaks our own rules is an error, never a guess.

use super::{errors::odd, rows, session::Results};
use crate::domain::{
    client::{Client, ClientDraft, ClientName, Email, Nip, PostalAddress},
    ids::ClientId,
    language::Language,
    money::Money,
    period::Period,
    record::{Figures, FinancialRecord},
};
use tiberius::{Row, error::Error};

pub(super) const CLIENT: &str = include_str!("sql/books_client.sql");
pub(super) const CLIENTS: &str = include_str!("sql/books_clients.sql");
pub(super) const RECORDS: &str = include_str!("sql/books_records.sql");

pub(super) fn clients(results: &Results) -> Result<Vec<Client>, Error> {
    rows::having(results, "ClientKey").map(client_of).collect()
}

pub(super) fn records(results: &Results) -> Result<Vec<FinancialRecord>, Error> {
    rows::having(results, "RecordKey").map(record_of).collect()
}

fn client_of(row: &Row) -> Result<Client, Error> {
    let draft = ClientDraft {
        name: ClientName::parse(&rows::text(row, "Name")?).map_err(odd)?,
        address: PostalAddress::parse(&rows::text(row, "Address")?).map_err(odd)?,
        nip_nb: Nip::parse(&rows::text(row, "NipNb")?).map_err(odd)?,
        email: Email::parse(&rows::text(row, "Email")?).map_err(odd)?,
        language: rows::text_opt(row, "Language")?.map(|code| Language::parse(&code)).transpose().map_err(odd)?,
    };
    Ok(Client { id: ClientId(rows::number(row, "ClientKey")?), draft, version: rows::number(row, "Version")? })
}

fn record_of(row: &Row) -> Result<FinancialRecord, Error> {
    let money = |column: &str| {
        Money::from_grosze(rows::grosze(row, column)?).ok_or_else(|| odd(format!("{column} is out of range")))
    };
    let year = u16::try_from(rows::number(row, "Year")?).map_err(odd)?;
    let month = u8::try_from(rows::number(row, "Month")?).map_err(odd)?;
    Ok(FinancialRecord {
        id: rows::number(row, "RecordKey")?,
        client_id: ClientId(rows::number(row, "ClientId")?),
        period: Period::new(year, month).ok_or_else(|| odd("no such month"))?,
        figures: Figures {
            income_tax: money("IncomeTax")?,
            vat: money("Vat")?,
            insurance_amount: money("InsuranceAmount")?,
        },
        version: rows::number(row, "Version")?,
    })
}
