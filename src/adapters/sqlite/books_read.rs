//! Reading clients and records; a row that breaks our rules is an error, never a guess.

use crate::{
    adapters::columns,
    domain::{client::Client, ids::ClientId, period::Period, record::FinancialRecord},
};
use rusqlite::{Connection, OptionalExtension, named_params};

pub(super) fn client(db: &Connection, id: ClientId) -> rusqlite::Result<Option<Client>> {
    let mut statement = db.prepare_cached(include_str!("sql/books_client.sql"))?;
    statement.query_row(named_params! { ":id": id.0 }, |row| columns::books::client(row)).optional()
}

pub(super) fn clients(db: &Connection, after: i64, limit: u32) -> rusqlite::Result<Vec<Client>> {
    let mut statement = db.prepare_cached(include_str!("sql/books_clients.sql"))?;
    statement
        .query_map(named_params! { ":after": after, ":limit": limit }, |row| columns::books::client(row))?
        .collect()
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
    statement.query_map(which, |row| columns::books::record(row))?.collect()
}
