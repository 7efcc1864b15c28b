//! The identity that signs in where no key is given, by the variables that Azure Functions uses for its connections.

use super::reader::Problem;
use std::{collections::BTreeMap, fmt};

/// An identity of Entra ID.
#[derive(Clone, PartialEq, Eq)]
pub enum Identity {
    /// The app's own in Azure.
    ManagedIdentity {
        /// Of a user-assigned identity; None: the system-assigned one.
        client_id: Option<String>,
    },
    /// An app registration with a secret.
    ClientSecret {
        /// `AZURE_TENANT_ID`.
        tenant_id: String,
        /// `AZURE_CLIENT_ID`.
        client_id: String,
        /// `AZURE_CLIENT_SECRET`.
        secret: String,
    },
    /// The user of `az login`, on a developer's machine.
    AzureCli,
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name())
    }
}

impl Identity {
    /// The identity in words, without its secret.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::ManagedIdentity { client_id: None } => "the app's managed identity".to_owned(),
            Self::ManagedIdentity { client_id: Some(id) } => format!("the managed identity {id}"),
            Self::ClientSecret { client_id, .. } => format!("the app registration {client_id}"),
            Self::AzureCli => "the Azure CLI's user".to_owned(),
        }
    }
}

/// Reads `<prefix>__credential` and `<prefix>__clientId`. Without them: in Azure the app's own identity, elsewhere
/// `AZURE_TENANT_ID`, `AZURE_CLIENT_ID` and `AZURE_CLIENT_SECRET`, otherwise the Azure CLI's user.
///
/// # Errors
/// `<prefix>__credential` has an unknown value.
pub fn read(env: &BTreeMap<String, String>, prefix: &str) -> Result<Identity, Problem> {
    let given = |name: &str| env.get(name).map(|text| text.trim()).filter(|text| !text.is_empty()).map(str::to_owned);
    let credential = format!("{prefix}__credential");
    let client_id = given(&format!("{prefix}__clientId"));
    match given(&credential).map(|word| word.to_lowercase()).as_deref() {
        Some("managedidentity") => return Ok(Identity::ManagedIdentity { client_id }),
        Some(_) => {
            let what = "is invalid: expected managedidentity, or empty for the default identity".to_owned();
            return Err(Problem { setting: credential, what });
        }
        None => {}
    }
    let registration = ["AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET"].map(given);
    Ok(match registration {
        [Some(tenant_id), Some(client_id), Some(secret)] => Identity::ClientSecret { tenant_id, client_id, secret },
        _ if given("WEBSITE_SITE_NAME").is_some() => Identity::ManagedIdentity { client_id },
        _ => Identity::AzureCli,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(pairs: &[(&str, &str)]) -> Result<Identity, Problem> {
        let env = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        read(&env, "Bus")
    }

    #[test]
    fn the_configured_identity_is_used_otherwise_the_default_one() {
        let own = |id: Option<&str>| Identity::ManagedIdentity { client_id: id.map(str::to_owned) };
        assert_eq!(with(&[]), Ok(Identity::AzureCli));
        assert_eq!(with(&[("WEBSITE_SITE_NAME", "app")]), Ok(own(None)));
        assert_eq!(with(&[("Bus__credential", "managedIdentity"), ("Bus__clientId", "7")]), Ok(own(Some("7"))));
        let registration = [("AZURE_TENANT_ID", "t"), ("AZURE_CLIENT_ID", "c"), ("AZURE_CLIENT_SECRET", "s")];
        assert!(matches!(with(&registration), Ok(Identity::ClientSecret { .. })));
        assert_eq!(with(&registration[..2]), Ok(Identity::AzureCli));
    }

    #[test]
    fn an_unknown_credential_is_named() {
        assert_eq!(with(&[("Bus__credential", "password")]).unwrap_err().setting, "Bus__credential");
    }
}
