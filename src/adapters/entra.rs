//! Entra ID: access tokens of an identity for one resource, kept until they are nearly used up.

pub use crate::config::identity::Identity;
use azure_core_1::{
    credentials::{AccessToken, Secret, TokenCredential},
    http::{ClientOptions, Transport},
};
use azure_identity::{
    AzureCliCredential, ClientSecretCredential, ClientSecretCredentialOptions, ManagedIdentityCredential,
    ManagedIdentityCredentialOptions, UserAssignedId,
};
use chrono::{DateTime, Utc};
use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

/// `Tokens` for Azure SQL.
pub const SQL_SCOPE: &str = "https://database.windows.net/.default";
/// `Tokens` for Service Bus.
pub const SERVICE_BUS_SCOPE: &str = "https://servicebus.azure.net/.default";
/// `Tokens` for Azure Communication Services.
pub const COMMUNICATION_SCOPE: &str = "https://communication.azure.com/.default";

/// Where no token could be had. Says who asked for what, and what Entra ID or the machine answered.
#[derive(Debug, Clone, thiserror::Error)]
#[error("no token of {identity} for {scope}: {reason}")]
pub struct EntraError {
    identity: String,
    scope: &'static str,
    reason: String,
}

#[derive(Clone)]
pub struct Token {
    /// A secret: the bearer's word is taken for the identity's.
    pub text: String,
    pub expires_on: DateTime<Utc>,
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Token(until {})", self.expires_on)
    }
}

/// Cheap to clone; clones share what is kept.
#[derive(Clone)]
pub struct Tokens {
    credential: Arc<dyn TokenCredential>,
    identity: String,
    scope: &'static str,
    /// Outlives a failed renewal: the crate forgets a token 5 minutes before its end.
    last: Arc<Mutex<Option<Token>>>,
    wait: Duration,
}

/// A token endpoint that does not answer in this time will not: the caller has a deadline of its own. The crate asks
/// a busy one again within it.
const WAIT: Duration = Duration::from_secs(15);
/// A token is not handed out in its last seconds: it still has to travel and to be checked.
const LAST_SECONDS: chrono::TimeDelta = chrono::TimeDelta::seconds(30);
/// Of a failure's text; Entra ID's are long.
const REASON_CHARS_MAX: usize = 400;

impl Tokens {
    /// # Errors
    /// The identity cannot be one (a tenant that is no id), or TLS cannot be set up here. Nothing is asked yet.
    pub fn new(identity: &Identity, scope: &'static str) -> Result<Self, EntraError> {
        let failed = |reason: String| EntraError { identity: identity.name(), scope, reason };
        let options = |proxied| {
            transport(proxied).map(|transport| ClientOptions { transport: Some(transport), ..Default::default() })
        };
        let credential: Arc<dyn TokenCredential> = match identity {
            Identity::ManagedIdentity { client_id } => {
                ManagedIdentityCredential::new(Some(ManagedIdentityCredentialOptions {
                    user_assigned_id: client_id.clone().map(UserAssignedId::ClientId),
                    client_options: options(false).map_err(failed)?,
                }))
                .map_err(|e| failed(words(&e)))?
            }
            Identity::ClientSecret { tenant_id, client_id, secret } => ClientSecretCredential::new(
                tenant_id,
                client_id.clone(),
                Secret::new(secret.clone()),
                Some(ClientSecretCredentialOptions { client_options: options(true).map_err(failed)? }),
            )
            .map_err(|e| failed(words(&e)))?,
            Identity::AzureCli => AzureCliCredential::new(None).map_err(|e| failed(words(&e)))?,
        };
        Ok(Self { credential, identity: identity.name(), scope, last: Arc::default(), wait: WAIT })
    }

    /// A token with at least 30 s to live; renewed from 5 minutes before its end on.
    ///
    /// # Errors
    /// None could be had, and the last one is used up.
    pub async fn get(&self) -> Result<Token, EntraError> {
        let requested = tokio::time::timeout(self.wait, self.credential.get_token(&[self.scope], None)).await;
        let reason = match requested {
            Ok(Ok(fresh)) => {
                let token = token(&fresh);
                *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(token.clone());
                return Ok(token);
            }
            Ok(Err(error)) => words(&error),
            Err(_) => format!("no answer within {} s", self.wait.as_secs()),
        };
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner).clone();
        last.filter(|token| token.expires_on - LAST_SECONDS > now()).ok_or_else(|| EntraError {
            identity: self.identity.clone(),
            scope: self.scope,
            reason,
        })
    }
}

/// Our own client, for its limits. The machine's identity endpoint is never behind a proxy.
fn transport(proxied: bool) -> Result<Transport, String> {
    let builder = reqwest::Client::builder()
        .connect_timeout(Duration::from_secs(5))
        .timeout(Duration::from_secs(10))
        .redirect(reqwest::redirect::Policy::none());
    let builder = if proxied { builder } else { builder.no_proxy() };
    let client = builder.build().map_err(|e| format!("TLS cannot be set up: {e}"))?;
    Ok(Transport::new(Arc::new(client)))
}

fn token(fresh: &AccessToken) -> Token {
    let expires_on = DateTime::from_timestamp(fresh.expires_on.unix_timestamp(), 0).unwrap_or(DateTime::UNIX_EPOCH);
    Token { text: fresh.token.secret().to_owned(), expires_on }
}

#[expect(clippy::disallowed_methods, reason = "a token's end is a time of the world's, which no test moves")]
fn now() -> DateTime<Utc> {
    Utc::now()
}

/// On one line, and not for ever.
fn words(error: &azure_core_1::Error) -> String {
    let text = error.to_string();
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ").chars().take(REASON_CHARS_MAX).collect()
}
