//! Reading clients and records; a row that breaks our own rules is an error, never a guess.

use super::rows::broken;
use crate::domain::{
    client::{Client, ClientDraft, ClientName, Email, Nip, PostalAddress},
    ids::ClientId,
    language::Language,
    money::Money,
    period::Period,
    record::{Figures, FinancialRecord},
};
use rusqlite::{Connection, OptionalExtension, Row, named_params};

pub(super) fn client(db: &Connection, id: ClientId) -> rusqlite::Result<Option<Client>> {
    let mut statement = db.prepare_cached(include_str!("sql/books_client.sql"))?;
    statement.query_row(named_params! { ":id": id.0 }, client_of).optional()
}

pub(super) fn clients(db: &Connection, after: i64, limit: u32) -> rusqlite::Result<Vec<Client>> {
    let mut statement = db.prepare_cached(include_str!("sql/books_clients.sql"))?;
    statement.query_map(named_params! { ":after": after, ":limit": limit }, client_of)?.collect()
}

pub(super) fn record(db: &Connection, id: ClientId, period: Period) -> rusqlite::Result<Option<FinancialRecord>> {
    Ok(records(db, id, Some(period.year()), Some(period.month()))?.pop())
}

pub(super) fn records(
    db: &Connection,
    id: ClientId,
    year: Option<u16>,
    month: Option<u8>,
) -> rusqlite::Result<Vec<FinancialRecord>> {
    let mut statement = db.prepare_cached(include_str!("sql/books_records.sql"))?;
    let which = named_params! { ":client": id.0, ":year": year, ":month": month };
    statement.query_map(which, record_of)?.collect()
}

fn client_of(row: &Row<'_>) -> rusqlite::Result<Client> {
    let draft = ClientDraft {
        name: ClientName::parse(&row.get::<_, String>("Name")?).map_err(broken)?,
        address: PostalAddress::parse(&row.get::<_, String>("Address")?).map_err(broken)?,
        nip_nb: Nip::parse(&row.get::<_, String>("NipNb")?).map_err(broken)?,
        email: Email::parse(&row.get::<_, String>("Email")?).map_err(broken)?,
        language: row
            .get::<_, Option<String>>("Language")?
            .map(|code| Language::parse(&code))
            .transpose()
            .map_err(broken)?,
    };
    Ok(Client { id: ClientId(row.get("Id")?), draft, version: row.get("Version")? })
}

fn record_of(row: &Row<'_>) -> rusqlite::Result<FinancialRecord> {
    let money = |column: &str| {
        let grosze: i64 = row.get(column)?;
        Money::from_grosze(grosze).ok_or_else(|| broken(format!("{column} is out of range")))
    };
    Ok(FinancialRecord {
        id: row.get("Id")?,
        client_id: ClientId(row.get("ClientId")?),
        period: Period::new(row.get("Year")?, row.get("Month")?).ok_or_else(|| broken("no such month"))?,
        figures: Figures {
            income_tax: money("IncomeTax")?,
            vat: money("Vat")?,
            insurance_amount: money("InsuranceAmount")?,
        },
        version: row.get("Version")?,
    })
}
