//! Lists, each by one index, newest first: the walk finds places, and the rows there are read if they match.

use super::{
    db::{SqlServer, read},
    report_message::{ACTIONS, FIND},
    report_overview::all,
    reports::REPORT,
    rows,
    session::Results,
    statement::Statement,
};
use crate::{
    adapters::{
        columns::{Columns, report},
        paging::{self, ENTRIES_MAX, EXAMINED_MAX, MailWalk, MessageWalk, fill},
    },
    domain::{
        delivery::{EMAIL_CONSUMER, MailState},
        events::subject_of,
        ids::{ClientId, Spellings},
        operations::{
            AuditEntry, AuditFilter, FailureGroup, GroupFilter, MailFilter, MailLine, MessageFilter, MessageLine, Page,
            place, read_place,
        },
    },
    ports::{error::StoreResult, operations::PageRequest},
};
use chrono::{DateTime, NaiveDate, NaiveDateTime, Utc};
use tiberius::{Row, error::Error};

const WALKED: &str = include_str!("sql/report_walked.sql");
const NEWEST: &str = include_str!("sql/report_messages_newest.sql");
const NEWEST_END: &str = include_str!("sql/report_messages_end.sql");
const MESSAGE_LINE: &str = include_str!("sql/report_message_line.sql");
const MAIL_LINE: &str = include_str!("sql/report_mail_line.sql");
const GROUPS: &str = include_str!("sql/report_groups.sql");
const AUDIT: &str = include_str!("sql/report_audit.sql");

pub(super) async fn messages(
    db: &SqlServer,
    filter: &MessageFilter,
    page: &PageRequest,
) -> StoreResult<Page<MessageLine>> {
    let step = "find messages";
    let Some(before) = before(page, i64::MAX, |key| key.parse().ok()) else { return Ok(paging::empty()) };
    // The rows before `until` are those after a place that no row has.
    let until = filter.until.map(|until| (until.naive_utc(), i64::MIN));
    let (on, seq) = until.map_or(before, |until| until.min(before));
    let subject = filter.client.map(|client| subject_of(ClientId(client)));
    let (walk, key) = match MessageWalk::of(filter) {
        MessageWalk::OfId => (include_str!("sql/report_messages_of_id.sql"), None),
        MessageWalk::OfGroup => (include_str!("sql/report_messages_of_group.sql"), filter.fingerprint.clone()),
        MessageWalk::OfKey => (include_str!("sql/report_messages_of_key.sql"), filter.ordering_key.clone()),
        MessageWalk::OfClient => (include_str!("sql/report_messages_of_client.sql"), subject.clone()),
        MessageWalk::SetAside => (include_str!("sql/report_messages_set_aside.sql"), None),
        MessageWalk::Unfinished => (include_str!("sql/report_messages_unfinished.sql"), None),
        MessageWalk::Newest => (NEWEST, None),
    };
    let meant = Spellings::of(filter.id.as_deref().unwrap_or_default());
    let end = if walk == NEWEST { NEWEST_END } else { "" };
    let statement = Statement::of(&[REPORT, WALKED, walk, MESSAGE_LINE, end])
        .with("exact", meant.exact)
        .with("lower", meant.lower)
        .with("upper", meant.upper)
        .with("number", meant.seq)
        .with("key", key)
        .with("on", on)
        .with("seq", seq)
        .with("since", filter.since.map_or(FIRST, |since| since.naive_utc()))
        .with("entries", i64::from(ENTRIES_MAX))
        .with("most", i64::from(EXAMINED_MAX))
        .with("limit", i64::from(page.limit) + 1)
        .with("consumer", EMAIL_CONSUMER.to_owned())
        .with("subject", subject)
        .with("event_type", filter.event_type.clone())
        .with("destination", filter.destination.clone())
        .with("state", filter.state.map(|state| state as i64))
        .with("ordering_key", filter.ordering_key.clone())
        .with("fingerprint", filter.fingerprint.clone());
    let results = db.query(step, statement).await?;
    let end = |row: &Row| Ok(place(text(row.time("EndOnUtc")?), row.number("EndSeq")?));
    read(step, all(&results, "MailState", report::message))
        .and_then(|found| read(step, paged(&results, page, found, |row| place(text(row.occurred_on), row.seq), end)))
}

pub(super) async fn mails(
    db: &SqlServer,
    consumer: &str,
    filter: &MailFilter,
    page: &PageRequest,
) -> StoreResult<Page<MailLine>> {
    let step = "find mails";
    let Some((on, mail)) = before(page, String::new(), |key| Some(key.to_owned())) else {
        return Ok(paging::empty());
    };
    let subject = filter.client.map(|client| subject_of(ClientId(client)));
    let (walk, key) = match MailWalk::of(filter) {
        MailWalk::OfId => (include_str!("sql/report_mails_of_id.sql"), None),
        MailWalk::OfGroup => (include_str!("sql/report_mails_of_group.sql"), filter.fingerprint.clone()),
        MailWalk::OfRecipient => (include_str!("sql/report_mails_of_recipient.sql"), filter.recipient_hash.clone()),
        MailWalk::OfClient => (include_str!("sql/report_mails_of_client.sql"), subject.clone()),
        // One state, or with none given each but `sent`.
        MailWalk::InStates(_) => (include_str!("sql/report_mails_in_state.sql"), None),
        MailWalk::Newest => (include_str!("sql/report_mails_newest.sql"), None),
    };
    let meant = Spellings::of(filter.id.as_deref().unwrap_or_default());
    let statement = Statement::of(&[REPORT, WALKED, walk, MAIL_LINE])
        .with("exact", meant.exact)
        .with("lower", meant.lower)
        .with("upper", meant.upper)
        .with("key", key)
        .with("on", on)
        .with("mail", mail)
        .with("most", i64::from(EXAMINED_MAX))
        .with("limit", i64::from(page.limit) + 1)
        .with("consumer", consumer.to_owned())
        .with("subject", subject)
        .with("recipient_hash", filter.recipient_hash.clone())
        .with("state", filter.state.map(|state: MailState| state as i64))
        .with("fingerprint", filter.fingerprint.clone());
    let results = db.query(step, statement).await?;
    let end = |row: &Row| Ok(place(text(row.time("EndOnUtc")?), row.text("EndMail")?));
    read(step, all(&results, "Deliveries", report::mail)).and_then(|found| {
        read(step, paged(&results, page, found, |mail| place(text(mail.received_on), &mail.message_id), end))
    })
}

pub(super) async fn groups(
    db: &SqlServer,
    filter: &GroupFilter,
    page: &PageRequest,
) -> StoreResult<Page<FailureGroup>> {
    let step = "list failure groups";
    let Some((on, key)) = before(page, String::new(), |key| Some(key.to_owned())) else {
        return Ok(paging::empty());
    };
    let statement = Statement::of(&[REPORT, GROUPS])
        .with("consumer", EMAIL_CONSUMER.to_owned())
        .with("name", filter.name.clone())
        .with("on", on)
        .with("key", key)
        .with("most", i64::from(EXAMINED_MAX))
        .with("limit", i64::from(page.limit) + 1);
    let results = db.query(step, statement).await?;
    let at = |group: &FailureGroup| place(text(group.last_seen_on), &group.fingerprint);
    let end = |row: &Row| Ok(place(text(row.time("EndOnUtc")?), row.text("EndGroup")?));
    read(step, all(&results, "SetAside", report::group))
        .and_then(|found| read(step, paged(&results, page, found, at, end)))
}

pub(super) async fn audit(db: &SqlServer, filter: &AuditFilter, page: &PageRequest) -> StoreResult<Page<AuditEntry>> {
    let step = "list actions";
    let Some((_, before)) = before(page, i64::MAX, |key| key.parse().ok()) else { return Ok(paging::empty()) };
    let files: &[&str] = if filter.message_id.is_some() { &[REPORT, FIND, ACTIONS] } else { &[REPORT, AUDIT] };
    let meant = Spellings::of(filter.message_id.as_deref().unwrap_or_default());
    let statement = Statement::of(files)
        .with("exact", meant.exact)
        .with("lower", meant.lower)
        .with("upper", meant.upper)
        .with("number", meant.seq)
        .with("consumer", EMAIL_CONSUMER.to_owned())
        .with("before", before)
        .with("most", i64::from(page.limit) + 1);
    let results = db.query(step, statement).await?;
    let walk = rows::having(&results, "Actor").map(report::audit_entry);
    let at = |entry: &AuditEntry| place(text(entry.on), entry.id);
    read(step, fill(page.limit, walk, at, |entry| Ok(Some(entry.clone())), || Ok(None)))
}

/// A page of what was found, which is one more than the page takes if there are more. If there are not, it goes on where
/// the walk was cut short.
fn paged<T>(
    results: &Results,
    page: &PageRequest,
    mut items: Vec<T>,
    at: impl Fn(&T) -> String,
    end: impl Fn(&Row) -> Result<String, Error>,
) -> Result<Page<T>, Error> {
    let limit = page.limit as usize;
    if items.len() > limit {
        items.truncate(limit);
        return Ok(Page { next: items.last().map(at), items });
    }
    let next = rows::having(results, "EndOnUtc").next().map(end).transpose()?;
    Ok(Page { items, next })
}

/// The first time that the database can store.
const FIRST: NaiveDateTime = NaiveDate::from_ymd_opt(1, 1, 1).unwrap().and_hms_opt(0, 0, 0).unwrap();
/// The last one.
const LAST: NaiveDateTime =
    NaiveDate::from_ymd_opt(9_999, 12, 31).unwrap().and_hms_nano_opt(23, 59, 59, 999_999_900).unwrap();
const FORMAT: &str = "%Y-%m-%dT%H:%M:%S%.f";

fn text(time: DateTime<Utc>) -> String {
    time.naive_utc().format(FORMAT).to_string()
}

/// Where the page before ended; `first` is after every key. None: `before` is no place.
fn before<K>(page: &PageRequest, first: K, key: impl Fn(&str) -> Option<K>) -> Option<(NaiveDateTime, K)> {
    let Some(text) = &page.before else { return Some((LAST, first)) };
    let (on, text) = read_place(text)?;
    let on = NaiveDateTime::parse_from_str(&on, FORMAT).ok().filter(|on| (FIRST..=LAST).contains(on))?;
    Some((on, key(&text)?))
}
