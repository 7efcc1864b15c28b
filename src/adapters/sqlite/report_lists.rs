//! Lists, each by one index, newest first: the walk finds places, and each place's row is read if it matches.

use super::{report_message::find, rows};
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
    ports::operations::PageRequest,
};
use chrono::{DateTime, Utc};
use rusqlite::{CachedStatement, Connection, OptionalExtension, Row, ToSql, named_params};

/// A row's time in milliseconds, and its key.
type Place<K> = (i64, K);

pub(super) fn messages(
    db: &Connection,
    filter: &MessageFilter,
    page: &PageRequest,
) -> rusqlite::Result<Page<MessageLine>> {
    let Some(before) = before(page, i64::MAX, |key| key.parse().ok()) else { return Ok(paging::empty()) };
    // The rows before `until` are those after a place that no row has.
    let until = filter.until.map(|until| (ms_up(until), i64::MIN));
    let (on, seq) = until.map_or(before, |until| until.min(before));
    let meant = Spellings::of(filter.id.as_deref().unwrap_or_default());
    let subject = filter.client.map(|client| subject_of(ClientId(client)));
    let state = filter.state.map(|state| state as i64);
    let since = filter.since.map_or(i64::MIN, ms_up);
    let (walk, none) = (MessageWalk::of(filter), None);
    let (sql, key) = match walk {
        MessageWalk::OfId => (include_str!("sql/report_messages_of_id.sql"), &none),
        MessageWalk::OfGroup => (include_str!("sql/report_messages_of_group.sql"), &filter.fingerprint),
        MessageWalk::OfKey => (include_str!("sql/report_messages_of_key.sql"), &filter.ordering_key),
        MessageWalk::OfClient => (include_str!("sql/report_messages_of_client.sql"), &subject),
        MessageWalk::SetAside => (include_str!("sql/report_messages_set_aside.sql"), &none),
        MessageWalk::Unfinished => (include_str!("sql/report_messages_unfinished.sql"), &none),
        MessageWalk::Newest => (include_str!("sql/report_messages_newest.sql"), &none),
    };
    let most = if walk == MessageWalk::Newest { ENTRIES_MAX } else { EXAMINED_MAX };
    let mut walked = walk_of(
        db,
        sql,
        &[
            (":exact", &meant.exact),
            (":lower", &meant.lower),
            (":upper", &meant.upper),
            (":number", &meant.seq),
            (":key", key),
            (":state", &state),
            (":event_type", &filter.event_type),
            (":destination", &filter.destination),
            (":on", &on),
            (":seq", &seq),
            (":since", &since),
            (":most", &most),
        ],
    )?;
    let at = |row: &Row<'_>| Ok((row.number("OccurredOnUtc")?, row.number("Seq")?));
    let places = walked.raw_query().mapped(at);
    let mut line = db.prepare_cached(include_str!("sql/report_message_line.sql"))?;
    fill(
        page.limit,
        places,
        |(on, seq)| place(on, seq),
        |(_, seq)| {
            let which = named_params! {
                ":seq": seq,
                ":consumer": EMAIL_CONSUMER,
                ":subject": subject,
                ":event_type": filter.event_type,
                ":destination": filter.destination,
                ":state": state,
                ":ordering_key": filter.ordering_key,
                ":fingerprint": filter.fingerprint,
            };
            line.query_row(which, |row| report::message(row)).optional()
        },
        || match walk {
            MessageWalk::Newest => {
                let cut = named_params! { ":on": on, ":seq": seq, ":since": since, ":most": ENTRIES_MAX };
                db.prepare_cached(include_str!("sql/report_messages_end.sql"))?.query_row(cut, |row| at(row)).optional()
            }
            _ => Ok(None),
        },
    )
}

pub(super) fn mails(
    db: &Connection,
    consumer: &str,
    filter: &MailFilter,
    page: &PageRequest,
) -> rusqlite::Result<Page<MailLine>> {
    let Some((on, id)) = before(page, String::new(), |key| Some(key.to_owned())) else { return Ok(paging::empty()) };
    let meant = Spellings::of(filter.id.as_deref().unwrap_or_default());
    let subject = filter.client.map(|client| subject_of(ClientId(client)));
    let walk = MailWalk::of(filter);
    let (sql, key) = match walk {
        MailWalk::OfId => (include_str!("sql/report_mails_of_id.sql"), &None),
        MailWalk::OfGroup => (include_str!("sql/report_mails_of_group.sql"), &filter.fingerprint),
        MailWalk::OfRecipient => (include_str!("sql/report_mails_of_recipient.sql"), &filter.recipient_hash),
        MailWalk::OfClient => (include_str!("sql/report_mails_of_client.sql"), &subject),
        MailWalk::InStates(_) => (include_str!("sql/report_mails_in_state.sql"), &None),
        MailWalk::Newest => (include_str!("sql/report_mails_newest.sql"), &None),
    };
    let places = |state: Option<i64>, most: u32| -> rusqlite::Result<Vec<Place<String>>> {
        let mut walk = walk_of(
            db,
            sql,
            &[
                (":exact", &meant.exact),
                (":lower", &meant.lower),
                (":upper", &meant.upper),
                (":consumer", &consumer),
                (":key", key),
                (":state", &state),
                (":on", &on),
                (":id", &id),
                (":most", &most),
            ],
        )?;
        let at = |row: &Row<'_>| Ok((row.number("ReceivedOnUtc")?, row.text("MessageId")?));
        walk.raw_query().mapped(at).collect()
    };
    let walked = match &walk {
        MailWalk::InStates(states) => {
            // Each mail of these matches, so a page needs no more of any state.
            let of = |state: &MailState| places(Some(*state as i64), page.limit + 1);
            let mut walked = states.iter().map(of).collect::<rusqlite::Result<Vec<_>>>()?.concat();
            walked.sort_unstable_by(|one, other| other.cmp(one));
            walked
        }
        _ => places(None, EXAMINED_MAX)?,
    };
    let mut line = db.prepare_cached(include_str!("sql/report_mail_line.sql"))?;
    fill(
        page.limit,
        walked.into_iter().map(Ok),
        |(on, id)| place(on, id),
        |(_, id)| {
            let which = named_params! {
                ":consumer": consumer,
                ":id": id,
                ":subject": subject,
                ":recipient_hash": filter.recipient_hash,
                ":state": filter.state.map(|state| state as i64),
                ":fingerprint": filter.fingerprint,
            };
            line.query_row(which, |row| report::mail(row)).optional()
        },
        || Ok(None),
    )
}

pub(super) fn groups(
    db: &Connection,
    filter: &GroupFilter,
    page: &PageRequest,
) -> rusqlite::Result<Page<FailureGroup>> {
    let Some((on, fingerprint)) = before(page, String::new(), |key| Some(key.to_owned())) else {
        return Ok(paging::empty());
    };
    let mut statement = db.prepare_cached(include_str!("sql/report_groups.sql"))?;
    let which = named_params! { ":consumer": EMAIL_CONSUMER, ":name": filter.name, ":on": on, ":fingerprint": fingerprint, ":most": EXAMINED_MAX };
    let walk = statement.query_map(which, |row| Ok((row.number("LastSeenUtc")?, report::group(row)?)))?;
    fill(
        page.limit,
        walk,
        |(on, group)| place(on, &group.fingerprint),
        |(_, group)| Ok((group.waiting + group.set_aside > 0).then(|| group.clone())),
        || Ok(None),
    )
}

pub(super) fn audit(db: &Connection, filter: &AuditFilter, page: &PageRequest) -> rusqlite::Result<Page<AuditEntry>> {
    let Some((_, before)) = before(page, i64::MAX, |key| key.parse().ok()) else { return Ok(paging::empty()) };
    let (sql, id) = match &filter.message_id {
        Some(text) => (include_str!("sql/report_actions.sql"), find(db, EMAIL_CONSUMER, text)?),
        None => (include_str!("sql/report_audit.sql"), None),
    };
    let values: [(&str, &dyn ToSql); 3] = [(":id", &id), (":before", &before), (":most", &(page.limit + 1))];
    let mut statement = walk_of(db, sql, &values)?;
    let walk = statement.raw_query().mapped(|row| report::audit_entry(row));
    fill(
        page.limit,
        walk,
        |entry| place(entry.on.timestamp_millis(), entry.id),
        |entry| Ok(Some(entry.clone())),
        || Ok(None),
    )
}

/// Where the page before ended; `first` is after every key. None: `before` is no place.
fn before<K>(page: &PageRequest, first: K, key: impl Fn(&str) -> Option<K>) -> Option<Place<K>> {
    let Some(text) = &page.before else { return Some((i64::MAX, first)) };
    let (on, text) = read_place(text)?;
    Some((on.parse().ok()?, key(&text)?))
}

/// The time in whole milliseconds, rounded up: an event at a stored millisecond is before a time, or not, as it is
/// before this one.
fn ms_up(time: DateTime<Utc>) -> i64 {
    let ms = time.timestamp_millis();
    if rows::time_of(ms) < time { ms + 1 } else { ms }
}

/// A walk's statement with those of the values that it has.
fn walk_of<'a>(db: &'a Connection, sql: &str, values: &[(&str, &dyn ToSql)]) -> rusqlite::Result<CachedStatement<'a>> {
    let mut statement = db.prepare_cached(sql)?;
    for (name, value) in values {
        if let Some(index) = statement.parameter_index(name)? {
            statement.raw_bind_parameter(index, value)?;
        }
    }
    Ok(statement)
}
