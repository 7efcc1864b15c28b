//! A mailer that sends each letter through the Email REST API of Azure Communication Services (2023-03-31).
//!
//! 202 means accepted. Every attempt to send a message has the same Operation-Id and Message-ID, and requests that the
//! service checks the Message-ID. What it does with a repeated Operation-Id is not documented, so nothing relies on it.

use super::{
    acs_outcome::{self, Answer, Silence},
    mime::{self, Sender},
};
use crate::{
    adapters::entra::Tokens,
    config::connection::acs::{AcsKey, endpoint},
    domain::{
        causes::root_cause,
        delivery::{MailOutcome, MailStatus},
        retry_after,
    },
    ports::{
        clock::Clock,
        mailer::{Letter, Mailer, StatusQueries},
    },
};
use async_trait::async_trait;
use reqwest::{
    Method, Url,
    header::{AUTHORIZATION, CONTENT_TYPE},
};
use serde_json::json;
use std::{sync::Arc, time::Duration};
use tokio::time::{Instant, timeout_at};

/// How the service authenticates us.
pub enum AcsLogin {
    /// An access key, which signs each request.
    Key(AcsKey),
    /// Tokens of an identity that has `ACS_ROLE`.
    Entra(Tokens),
}

/// How `AcsMailer` connects.
pub struct AcsOptions {
    /// `https://<resource>.<region>.communication.azure.com`; `http` only for a local server.
    pub endpoint: String,
    /// A secret.
    pub login: AcsLogin,
    /// Bound of one mail or one status query, obtaining a token included.
    pub timeout: Duration,
}

/// Sends letters through Azure Communication Services, and supports status queries.
pub struct AcsMailer {
    client: reqwest::Client,
    endpoint: Url,
    login: AcsLogin,
    timeout: Duration,
    from: Sender,
    clock: Arc<dyn Clock>,
}

const API: &str = "2023-03-31";
const CONNECT_TIME_MAX: Duration = Duration::from_secs(5);
/// Shorter than the minutes after which gateways silently drop idle connections.
const POOL_IDLE: Duration = Duration::from_secs(50);
/// How much of an answer's body is read, and for how long.
const BODY_BYTES_MAX: usize = 16_384;
const BODY_TIME_MAX: Duration = Duration::from_secs(2);

impl AcsMailer {
    /// The name of the provider's breaker and rate limit.
    pub const PROVIDER: &'static str = "mail:acs";

    /// Connects to nothing yet.
    ///
    /// # Errors
    /// The endpoint is invalid, or TLS cannot be set up on this machine.
    pub fn new(options: AcsOptions, from: Sender, clock: Arc<dyn Clock>) -> Result<Self, String> {
        let endpoint = endpoint(&options.endpoint)?;
        let builder = reqwest::Client::builder()
            .connect_timeout(CONNECT_TIME_MAX.min(options.timeout / 2))
            .pool_idle_timeout(POOL_IDLE)
            // A signature is valid for one host and path.
            .redirect(reqwest::redirect::Policy::none())
            .tcp_nodelay(true);
        let builder = match endpoint.scheme() {
            "http" => builder.no_proxy().tls_certs_only([]),
            _ => builder.https_only(true),
        };
        let client = builder.build().map_err(|e| format!("TLS cannot be set up: {}", root_cause(&e)))?;
        Ok(Self { client, endpoint, login: options.login, timeout: options.timeout, from, clock })
    }

    /// Sends one request within one deadline. Running out of time before the request is written is not a doubt.
    async fn request(
        &self,
        method: Method,
        path: &str,
        ids: &[(&str, String)],
        body: Vec<u8>,
    ) -> Result<Answer, Silence> {
        let until = Instant::now() + self.timeout;
        let not_sent = |cause: String| Silence::NotSent { cause };
        let url = self.endpoint.join(path).map_err(|e| not_sent(e.to_string()))?;
        let mut request = self.client.request(method.clone(), url.clone()).header(CONTENT_TYPE, "application/json");
        for (name, value) in ids {
            request = request.header(*name, value);
        }
        request = match &self.login {
            AcsLogin::Key(key) => {
                let host = url.port().map_or_else(|| host(&url).to_owned(), |port| format!("{}:{port}", host(&url)));
                let signed = key.sign(method.as_str(), path, &host, &body, self.clock.now());
                request
                    .header("x-ms-date", signed.date)
                    .header("x-ms-content-sha256", signed.content_sha256)
                    .header(AUTHORIZATION, signed.authorization)
            }
            AcsLogin::Entra(tokens) => {
                let token = timeout_at(until, tokens.get()).await;
                let token = token.map_err(|_| not_sent("no token in time".to_owned()))?;
                request.bearer_auth(token.map_err(|e| not_sent(e.to_string()))?.text)
            }
        };
        let sending = timeout_at(until, request.body(body).send()).await;
        let cut = || Silence::Cut { cause: format!("no answer within {} s", self.timeout.as_secs()) };
        let mut response = sending.map_err(|_| cut())?.map_err(|e| silence(&e))?;
        let header = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok());
        let mut answer = Answer {
            status: response.status().as_u16(),
            after_ms: retry_after::wait_ms(header, self.clock.now()),
            body: Vec::new(),
        };
        let reading = async {
            while let Ok(Some(chunk)) = response.chunk().await {
                let left = BODY_BYTES_MAX - answer.body.len();
                answer.body.extend_from_slice(&chunk[..chunk.len().min(left)]);
                if answer.body.len() == BODY_BYTES_MAX {
                    break;
                }
            }
        };
        // The status decides: a missing rest of the body does not matter.
        let _ = timeout_at(until.min(Instant::now() + BODY_TIME_MAX), reading).await;
        Ok(answer)
    }
}

#[async_trait]
impl Mailer for AcsMailer {
    fn provider(&self) -> &str {
        Self::PROVIDER
    }

    async fn send(&self, letter: &Letter) -> MailOutcome {
        let operation = mime::key_of(&letter.message_id).to_string();
        let path = format!("/emails:send?api-version={API}");
        let body = body(letter, &self.from).to_string().into_bytes();
        // The same for every attempt: with another time, a repeat would be another request.
        let first_sent = letter.date.format("%a, %d %b %Y %H:%M:%S GMT").to_string();
        let ids = [
            ("Operation-Id", operation.clone()),
            ("Repeatability-Request-ID", operation.clone()),
            ("Repeatability-First-Sent", first_sent),
        ];
        match self.request(Method::POST, &path, &ids, body).await {
            Ok(answer) => acs_outcome::sent(&answer, &operation),
            Err(silence) => acs_outcome::silent(silence),
        }
    }

    fn status_queries(&self) -> Option<&dyn StatusQueries> {
        Some(self)
    }
}

#[async_trait]
impl StatusQueries for AcsMailer {
    async fn status_of(&self, message_id: &str) -> MailStatus {
        let path = format!("/emails/operations/{}?api-version={API}", mime::key_of(message_id));
        match self.request(Method::GET, &path, &[], Vec::new()).await {
            Ok(answer) => acs_outcome::found(&answer),
            Err(silence) => acs_outcome::not_queried(silence),
        }
    }
}

/// The letter in the service's JSON. The sender's display name is configured at the service.
fn body(letter: &Letter, from: &Sender) -> serde_json::Value {
    let mut mail = json!({
        "senderAddress": from.address().to_string(),
        "recipients": { "to": [{ "address": letter.to.as_str() }] },
        "content": { "subject": mime::subject(letter), "plainText": letter.text, "html": letter.html },
        "headers": {
            "Message-ID": mime::internet_id(letter, from),
            // The service answers 400 if it already has a mail with this id.
            "x-ms-acsemail-validate-message-id": "true",
            "Auto-Submitted": "auto-generated",
        },
        // No tracking of who opens a client's mail.
        "userEngagementTrackingDisabled": true,
    });
    for (name, value) in from.list_headers(letter) {
        mail["headers"][name] = value.into();
    }
    if let Some((address, name)) = from.answers_to() {
        mail["replyTo"] = match name {
            Some(name) => json!([{ "address": address, "displayName": name }]),
            None => json!([{ "address": address }]),
        };
    }
    mail
}

fn host(url: &Url) -> &str {
    url.host_str().unwrap_or_default()
}

fn silence(error: &reqwest::Error) -> Silence {
    let cause = root_cause(error);
    if error.is_connect() || error.is_builder() { Silence::NotSent { cause } } else { Silence::Cut { cause } }
}
