//! The app's identity of Entra ID as a user of the database, with the program's role: what a deployment does after `migrate`.

use super::{
    db::SqlServerOptions,
    migrate::{MIGRATION_TIMEOUT, connected},
    migrate_script::GRANTS,
    statement::Statement,
};
use crate::ports::error::{StoreError, StoreResult};
use std::str::FromStr;
use tiberius::error::Error;
use uuid::Uuid;

const STEP: &str = "make the user";
const USER: &str = include_str!("sql/migrate_user.sql");
/// The length of SQL Server's names.
const NAME_CHARS_MAX: usize = 128;

/// An identity of Entra ID, written `<name>=<client id>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppUser {
    /// The name of the user; Azure SQL signs in by the id.
    pub name: String,
    /// The identity's client id.
    pub client_id: Uuid,
}

impl FromStr for AppUser {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected = || "expected <name>=<client id> of an identity, such as office-identity=1b671a64-40d5-491e-99b0-da01ff1f3341";
        let (name, client_id) = text.split_once('=').ok_or_else(expected)?;
        if name.trim().is_empty() || name.encode_utf16().count() > NAME_CHARS_MAX {
            return Err(expected().to_owned());
        }
        let client_id = Uuid::try_parse(client_id).map_err(|_| expected())?;
        Ok(Self { name: name.to_owned(), client_id })
    }
}

/// Creates or renews the role, and makes `user` a member. May be repeated.
///
/// # Errors
/// The database cannot be reached, or the login may not create roles and users.
pub async fn run(options: &SqlServerOptions, user: &AppUser) -> StoreResult<()> {
    let mut session = connected(options).await?;
    session.batch(GRANTS, MIGRATION_TIMEOUT).await.map_err(|error| refused(&error))?;
    let statement =
        Statement::new(USER).with("identity", user.name.clone()).with("client_id", user.client_id.to_string());
    session.query(statement, MIGRATION_TIMEOUT).await.map(drop).map_err(|error| refused(&error))
}

/// With the server's text, for the person who runs the command.
fn refused(error: &Error) -> StoreError {
    StoreError::Broken { step: STEP, reason: format!("the database refused it: {error}"), source: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identity_is_a_name_and_a_client_id() {
        let user: AppUser = "office-identity=1b671a64-40d5-491e-99b0-da01ff1f3341".parse().unwrap();
        assert_eq!((user.name.as_str(), user.client_id.as_u128() >> 96), ("office-identity", 0x1b67_1a64));
        for wrong in ["office", "=1b671a64-40d5-491e-99b0-da01ff1f3341", "office=", "office=1b671a64"] {
            assert!(wrong.parse::<AppUser>().unwrap_err().starts_with("expected"), "{wrong}");
        }
    }
}
