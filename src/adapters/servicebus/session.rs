//! The first steps of every AMQP link: a connection with its session, and a token put for one entity.

use super::{access::Granted, amqp_outcome::Refusal, endings::not_opened, link::Failure, socket::Dialer};
use crate::adapters::quoted::quoted;
use fe2o3_amqp::{
    Connection, Session, connection::ConnectionHandle, sasl_profile::SaslProfile, session::SessionHandle,
};
use fe2o3_amqp_cbs::{client::CbsClient, token::CbsToken};
use fe2o3_amqp_management::error::Error as ManagementError;
use fe2o3_amqp_types::primitives::Timestamp;

/// Service Bus's own value.
const FRAME_BYTES_MAX: u32 = 65_536;
/// A peer that sent nothing for this long, not even heartbeats, is gone.
const SILENCE_MAX_MS: u32 = 60_000;

/// # Errors
/// At which step it failed, and how.
pub(super) async fn begin(
    dialer: &Dialer,
    host: &str,
    name: &str,
) -> Result<(ConnectionHandle<()>, SessionHandle<()>), Failure> {
    let stream = dialer.dial().await.map_err(Failure::Other)?;
    let mut connection = Connection::builder()
        .container_id(name)
        .hostname(host)
        .max_frame_size(FRAME_BYTES_MAX)
        .idle_time_out(SILENCE_MAX_MS)
        .sasl_profile(SaslProfile::Anonymous)
        .open_with_stream(stream)
        .await
        .map_err(not_opened)?;
    let session = Session::begin(&mut connection)
        .await
        .map_err(|e| Failure::Other(format!("the session could not be begun: {e}")))?;
    Ok((connection, session))
}

/// # Errors
/// The broker has no `$cbs`, or refused the token.
pub(super) async fn authorise(
    session: &mut SessionHandle<()>,
    name: &str,
    audience: &str,
    granted: &Granted,
) -> Result<CbsClient, Failure> {
    let client = CbsClient::builder().client_node_addr(name).attach(session).await;
    let mut client = client.map_err(|e| Failure::Other(format!("$cbs could not be attached: {e}")))?;
    put(&mut client, audience, granted).await?;
    Ok(client)
}

pub(super) async fn put(client: &mut CbsClient, audience: &str, granted: &Granted) -> Result<(), Failure> {
    let expires_on = Timestamp::from_milliseconds(granted.expires_on.timestamp_millis());
    let token = CbsToken::new(granted.text.as_str(), granted.kind, expires_on);
    client.put_token(audience, token).await.map_err(|error| match error {
        ManagementError::Status(status) => {
            let code = status.code.0.get();
            let condition = match code {
                401 | 403 => "amqp:unauthorized-access",
                404 => "amqp:not-found",
                _ => "amqp:internal-error",
            };
            let answer = quoted(&status.description.unwrap_or_default());
            Failure::Refused(Refusal {
                condition: condition.to_owned(),
                detail: format!("$cbs answered {code} {answer}"),
            })
        }
        other => Failure::Other(format!("the token could not be put: {other}")),
    })
}
