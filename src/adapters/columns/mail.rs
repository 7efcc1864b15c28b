//! Mails in the inbox, as the flows and as remedies see them.

use super::Columns;
use crate::{
    domain::{
        delivery::{MailState, MailWork},
        ids::LeaseToken,
        mail_remedy::MailRemedy,
        operations::Judged,
    },
    ports::inbox::{Begun, Doubted},
};
use chrono::{DateTime, Utc};

/// A delivery that was just stored or counted: leased under `token`, or not for us to send.
pub(in crate::adapters) fn begun<R: Columns>(
    row: &R,
    token: LeaseToken,
    now: DateTime<Utc>,
) -> Result<Begun, R::Error> {
    let ours = row.text_opt("LeaseToken")?.as_deref() == Some(token.to_string().as_str());
    Ok(Begun::of(state(row)?, ours.then(|| work(row, token, now)).transpose()?))
}

pub(in crate::adapters) fn work<R: Columns>(
    row: &R,
    token: LeaseToken,
    now: DateTime<Utc>,
) -> Result<MailWork, R::Error> {
    Ok(MailWork {
        message_id: row.text("MessageId")?,
        token,
        body: row.bytes_opt("Body")?.unwrap_or_default(),
        traceparent: row.text_opt("Traceparent")?,
        attempts: row.number("Attempts")?,
        doubts: row.number("Doubts")?,
        first_transient_on: row.time_opt("FirstTransientOnUtc")?,
        doubted_on: row.time_opt("DoubtedOnUtc")?,
        not_found: row.number("NotFound")?,
        now,
    })
}

pub(in crate::adapters) fn doubted<R: Columns>(row: &R) -> Result<Doubted, R::Error> {
    Ok(Doubted { message_id: row.text("MessageId")?, traceparent: row.text_opt("Traceparent")? })
}

pub(in crate::adapters) fn state<R: Columns>(row: &R) -> Result<MailState, R::Error> {
    MailState::from_code(row.number("State")?).ok_or_else(|| R::broken("no such mail state"))
}

pub(in crate::adapters) fn judged<R: Columns>(row: &R, remedy: MailRemedy) -> Result<Judged, R::Error> {
    let id = row.text("MessageId")?;
    Ok(Judged {
        target: id.clone(),
        id,
        destination: row.text_opt("Provider")?.unwrap_or_default(),
        state: state(row)?.name().to_owned(),
        stamp: row.text("Stamp")?,
        why_not: remedy.may(Some((state(row)?, row.flag("HasBody")?))).err(),
    })
}
