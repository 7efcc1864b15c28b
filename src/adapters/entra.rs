//! Entra ID: access tokens of an identity for one resource, cached until shortly before they expire.

pub use crate::config::identity::Identity;
use async_trait::async_trait;
use azure_core_1::{
    credentials::{AccessToken, Secret, TokenCredential},
    error::{Error, ErrorKind},
    http::{AsyncRawResponse, ClientOptions, HttpClient, Request, Transport},
};
use azure_identity::{
    AzureCliCredential, ClientSecretCredential, ClientSecretCredentialOptions, ManagedIdentityCredential,
    ManagedIdentityCredentialOptions, UserAssignedId,
};
use chrono::{DateTime, Utc};
use futures::StreamExt;
use std::{
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

/// The scope of `Tokens` for Azure SQL.
pub const SQL_SCOPE: &str = "https://database.windows.net/.default";
/// The scope of `Tokens` for Service Bus.
pub const SERVICE_BUS_SCOPE: &str = "https://servicebus.azure.net/.default";
/// The scope of `Tokens` for Azure Communication Services.
pub const COMMUNICATION_SCOPE: &str = "https://communication.azure.com/.default";

/// No token could be obtained. Names the identity, the scope, and what Entra ID or the machine answered.
#[derive(Debug, Clone, thiserror::Error)]
#[error("no token for {identity} and {scope}: {reason}")]
pub struct EntraError {
    identity: String,
    scope: &'static str,
    reason: String,
}

/// An access token for one resource. `Debug` shows its expiry only.
#[derive(Clone)]
pub struct Token {
    /// A secret: whoever bears it acts as the identity.
    pub text: String,
    /// As Entra ID states it, in full seconds.
    pub expires_on: DateTime<Utc>,
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Token(until {})", self.expires_on)
    }
}

/// The tokens of one identity for one scope. Cheap to clone; clones share the cached token.
#[derive(Clone)]
pub struct Tokens {
    credential: Arc<dyn TokenCredential>,
    identity: String,
    scope: &'static str,
    /// Kept through a failed renewal: the crate drops a token 5 minutes before it expires.
    last: Arc<Mutex<Option<Token>>>,
    wait: Duration,
}

/// How long one token request may take, the crate's own retries included: the caller has a deadline of its own.
const WAIT: Duration = Duration::from_secs(15);
/// A token is not returned in its last seconds: it still has to travel and to be verified.
const LAST_SECONDS: chrono::TimeDelta = chrono::TimeDelta::seconds(30);
/// Far more than a token with its groups; an answer that goes on is not read further.
const ANSWER_BYTES_MAX: usize = 262_144;
/// Bound of a failure's text; Entra ID's are long.
const REASON_CHARS_MAX: usize = 400;

impl Tokens {
    /// Sends no request yet.
    ///
    /// # Errors
    /// The identity is invalid (a tenant that is not an id, for example), or TLS cannot be set up on this machine.
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

    /// A token that is valid for at least another 30 s. Renewed from 5 minutes before it expires.
    ///
    /// # Errors
    /// No token could be obtained, and the cached one has expired.
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

/// Our own client, for its timeouts. The machine's identity endpoint is never behind a proxy.
fn transport(proxied: bool) -> Result<Transport, String> {
    let builder = reqwest::Client::builder()
        .connect_timeout(Duration::from_secs(5))
        .timeout(Duration::from_secs(10))
        .redirect(reqwest::redirect::Policy::none());
    let builder = if proxied { builder } else { builder.no_proxy() };
    let client = builder.build().map_err(|e| format!("TLS cannot be set up: {e}"))?;
    Ok(Transport::new(Arc::new(Bounded(client))))
}

/// The crate's own client reads an answer to its end, however large it is.
#[derive(Debug)]
struct Bounded(reqwest::Client);

#[async_trait]
impl HttpClient for Bounded {
    async fn execute_request(&self, request: &Request) -> azure_core_1::Result<AsyncRawResponse> {
        let (status, headers, mut body) = self.0.execute_request(request).await?.deconstruct();
        let mut bytes = Vec::new();
        while let Some(piece) = body.next().await {
            let piece = piece?;
            if bytes.len() + piece.len() > ANSWER_BYTES_MAX {
                // Not an error of I/O, which the crate would answer with another request.
                let what = format!("its answer is larger than {ANSWER_BYTES_MAX} bytes");
                return Err(Error::with_message(ErrorKind::DataConversion, what));
            }
            bytes.extend_from_slice(&piece);
        }
        Ok(AsyncRawResponse::from_bytes(status, headers, bytes))
    }
}

fn token(fresh: &AccessToken) -> Token {
    let expires_on = DateTime::from_timestamp(fresh.expires_on.unix_timestamp(), 0).unwrap_or(DateTime::UNIX_EPOCH);
    Token { text: fresh.token.secret().to_owned(), expires_on }
}

#[expect(clippy::disallowed_methods, reason = "a token expires by the real clock, which no test moves")]
fn now() -> DateTime<Utc> {
    Utc::now()
}

/// The error on one line, cut to `REASON_CHARS_MAX`.
fn words(error: &azure_core_1::Error) -> String {
    let text = error.to_string();
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ").chars().take(REASON_CHARS_MAX).collect()
}
