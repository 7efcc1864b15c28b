//! Connection strings as the portals give them out, read into what they mean; no secret is printed.

pub mod acs;
mod ado;
pub mod bus;
pub mod sql;
pub mod sql_login;
