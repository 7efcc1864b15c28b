//! Reading clients and records; a row that breaks our rules is an error, never a guess.

use super::{rows, session::Results};
use crate::{
    adapters::columns,
    domain::{client::Client, record::FinancialRecord},
};
use tiberius::error::Error;

pub(super) const CLIENT: &str = include_str!("sql/books_client.sql");
pub(super) const CLIENTS: &str = include_str!("sql/books_clients.sql");
pub(super) const RECORDS: &str = include_str!("sql/books_records.sql");

pub(super) fn clients(results: &Results) -> Result<Vec<Client>, Error> {
    rows::having(results, "ClientKey").map(columns::books::client).collect()
}

pub(super) fn records(results: &Results) -> Result<Vec<FinancialRecord>, Error> {
    rows::having(results, "RecordKey").map(columns::books::record).collect()
}
