//! The login to the database, by the ADO keyword `Authentication` as in .NET.

use crate::config::identity::Identity;
use std::fmt;

/// Azure's own variables, for an identity that the connection string does not name.
#[derive(Clone, Default)]
pub struct AzureEnvironment {
    /// `AZURE_TENANT_ID`
    pub tenant_id: Option<String>,
    /// `AZURE_CLIENT_ID`
    pub client_id: Option<String>,
    /// `AZURE_CLIENT_SECRET`
    pub client_secret: Option<String>,
    /// Managed identities are available (`IDENTITY_ENDPOINT` or `WEBSITE_SITE_NAME` is set).
    pub has_managed_identity: bool,
}

impl fmt::Debug for AzureEnvironment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AzureEnvironment({:?})", self.client_id)
    }
}

/// Who logs in.
#[derive(Clone, PartialEq, Eq)]
pub enum Login {
    /// Placeholder for an invalid connection string; never used.
    None,
    /// A SQL login.
    Sql {
        /// Its name.
        user: String,
        /// Its password.
        password: String,
    },
    /// Tokens of Entra ID.
    Entra(Identity),
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("nobody"),
            Self::Sql { .. } => f.write_str("a SQL login"),
            Self::Entra(identity) => write!(f, "{identity:?}"),
        }
    }
}

const HERE: &str = "expected SqlPassword, Active Directory Managed Identity, Active Directory Default or \
    Active Directory Service Principal";

impl Login {
    /// # Errors
    /// What is missing or contradicts itself, by keyword.
    pub(super) fn of(
        authentication: Option<&str>,
        user: Option<String>,
        password: Option<String>,
        azure: &AzureEnvironment,
    ) -> Result<Self, Vec<String>> {
        let words = authentication.unwrap_or_default().to_ascii_lowercase();
        let word: String = words.chars().filter(|c| !c.is_whitespace()).collect();
        let no_password = |login| match &password {
            None => Ok(login),
            Some(_) => Err(vec!["has both a Password and an Authentication that takes none: remove one".to_owned()]),
        };
        match word.as_str() {
            "" | "sqlpassword" => sql(user, password, word.is_empty()),
            "activedirectorymanagedidentity" | "activedirectorymsi" | "managedidentity" | "msi" => {
                no_password(Self::Entra(Identity::ManagedIdentity { client_id: user }))
            }
            "activedirectorydefault" => no_password(Self::Entra(default_identity(user, azure))),
            "activedirectoryserviceprincipal" => service_principal(user, password, azure),
            "activedirectorypassword"
            | "activedirectoryintegrated"
            | "activedirectoryinteractive"
            | "activedirectorydevicecodeflow"
            | "activedirectoryworkloadidentity" => {
                Err(vec![format!("has an Authentication that needs a person or is not supported here: {HERE}")])
            }
            _ => Err(vec![format!("has an unknown Authentication: {HERE}")]),
        }
    }
}

fn sql(user: Option<String>, password: Option<String>, default: bool) -> Result<Login, Vec<String>> {
    match (user, password) {
        (Some(user), Some(password)) => Ok(Login::Sql { user, password }),
        (None, None) if default => Err(vec![
            "has no login: expected User ID and Password, or Authentication=Active Directory Managed Identity"
                .to_owned(),
        ]),
        (user, _) => {
            let missing = if user.is_none() { "User ID" } else { "Password" };
            Err(vec![format!("has no {missing}, which a SQL login needs")])
        }
    }
}

/// As .NET's DefaultAzureCredential, as far as supported: the environment, the managed identity, the Azure CLI.
fn default_identity(user: Option<String>, azure: &AzureEnvironment) -> Identity {
    let client_id = user.or_else(|| azure.client_id.clone());
    match (&azure.tenant_id, &client_id, &azure.client_secret) {
        (Some(tenant_id), Some(client_id), Some(secret)) => Identity::ClientSecret {
            tenant_id: tenant_id.clone(),
            client_id: client_id.clone(),
            secret: secret.clone(),
        },
        _ if azure.has_managed_identity => Identity::ManagedIdentity { client_id },
        _ => Identity::AzureCli,
    }
}

fn service_principal(
    user: Option<String>,
    password: Option<String>,
    azure: &AzureEnvironment,
) -> Result<Login, Vec<String>> {
    let mut problems = Vec::new();
    let mut needed = |what: Option<String>, hint: &str| {
        what.unwrap_or_else(|| {
            problems.push(format!("has Authentication=Active Directory Service Principal, but {hint}"));
            String::new()
        })
    };
    let client_id = needed(user, "no User ID: the app registration's client id");
    let secret = needed(password, "no Password: the app registration's secret");
    let tenant_id = needed(azure.tenant_id.clone(), "AZURE_TENANT_ID is not set: the tenant's id");
    if problems.is_empty() {
        Ok(Login::Entra(Identity::ClientSecret { tenant_id, client_id, secret }))
    } else {
        Err(problems)
    }
}
