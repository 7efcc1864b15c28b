//! Parsers of connection strings as the portals show them; no secret is printed.

pub mod acs;
mod ado;
pub mod bus;
pub mod sql;
pub mod sql_login;
