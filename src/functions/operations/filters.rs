//! Reads the filters of lists and selections, from a query or a body alike.

use crate::{
    domain::{
        client::Email,
        delivery::MailState,
        operations::{MailFilter, MessageFilter, checked_place},
        outbox::RowState,
        recipient::RecipientKey,
        route::Destination,
    },
    functions::field_reader::Fields,
    ports::operations::PageRequest,
};
use chrono::{DateTime, Utc};

const LIMIT: u32 = 50;
const LIMIT_MAX: u32 = 200;
/// Longer than anything that is stored, and than every `next`.
const TEXT_CHARS_MAX: usize = 1000;

pub(super) fn messages(fields: &mut Fields<'_>) -> MessageFilter {
    MessageFilter {
        id: fields.text("id", bounded),
        client: fields.number("client", 1, i64::MAX),
        event_type: fields.text("eventType", bounded),
        destination: fields.text("destination", destination_or_none),
        state: fields.text("state", |text| one_of(text, &RowState::ALL, RowState::name)),
        ordering_key: fields.text("orderingKey", bounded),
        fingerprint: fields.text("fingerprint", bounded),
        since: fields.text("since", time),
        until: fields.text("until", time),
    }
}

/// Without an address: one in a URL is logged by front ends.
pub(super) fn mails(fields: &mut Fields<'_>) -> MailFilter {
    MailFilter {
        id: fields.text("id", bounded),
        client: fields.number("client", 1, i64::MAX),
        recipient_hash: None,
        state: fields.text("state", |text| one_of(text, &MailState::ALL, MailState::name)),
        fingerprint: fields.text("fingerprint", bounded),
    }
}

/// As `mails`, and by address, of which only the keyed hash is looked for.
pub(super) fn mails_by_address(fields: &mut Fields<'_>, key: &Result<RecipientKey, String>) -> MailFilter {
    let hash = fields.text("address", |text| {
        let address = Email::parse(text)?;
        Ok(key.as_ref().map_err(Clone::clone)?.hash(&address).as_str().to_owned())
    });
    MailFilter { recipient_hash: hash, ..mails(fields) }
}

pub(super) fn page(fields: &mut Fields<'_>) -> PageRequest {
    let limit = fields.number("limit", 1, LIMIT_MAX).unwrap_or(LIMIT);
    PageRequest { before: fields.text("before", checked_place), limit }
}

pub(super) fn bounded(text: &str) -> Result<String, String> {
    let fits = (1..=TEXT_CHARS_MAX).contains(&text.chars().count());
    if fits { Ok(text.to_owned()) } else { Err(format!("must have 1 to {TEXT_CHARS_MAX} characters")) }
}

pub(super) fn destination(text: &str) -> Result<String, String> {
    Destination::parse(text).map(String::from)
}

/// Empty: not routed.
fn destination_or_none(text: &str) -> Result<String, String> {
    if text.is_empty() { Ok(String::new()) } else { destination(text) }
}

fn one_of<T: Copy>(text: &str, all: &[T], name: fn(T) -> &'static str) -> Result<T, String> {
    all.iter().copied().find(|one| name(*one) == text).ok_or_else(|| {
        let names: Vec<&str> = all.iter().map(|one| name(*one)).collect();
        format!("must be one of {}", names.join(", "))
    })
}

/// Clamped to what every database stores; nothing happened before 1970.
fn time(text: &str) -> Result<DateTime<Utc>, String> {
    const LAST: i64 = 253_402_214_400;
    let time = DateTime::parse_from_rfc3339(text).ok();
    time.and_then(|time| DateTime::from_timestamp(time.timestamp().clamp(0, LAST), time.timestamp_subsec_nanos()))
        .ok_or_else(|| "must be a time of RFC 3339, such as 2026-03-01T12:00:00Z".to_owned())
}
