//! Where a message stands, in one sentence: `sent` never hides that its mail is not.

use super::{MailLine, Message, MessageLine};
use crate::domain::{delivery::MailState, outbox::RowState};
use chrono::{DateTime, SecondsFormat, Utc};

/// One sentence about the rows and the mail of a message. `mail_queue`: the queue whose messages are mailed.
#[must_use]
pub fn summary(message: &Message, mail_queue: Option<&str>) -> String {
    let mut parts: Vec<String> = message.rows.iter().map(of_row).collect();
    if parts.is_empty() {
        parts.push("only the inbox knows it".to_owned());
    }
    parts.extend(message.mail.as_ref().map(of_mail));
    let mailed = |row: &&MessageLine| row.state == RowState::Sent && Some(row.destination.as_str()) == mail_queue;
    if message.mail.is_none() && message.rows.iter().any(|row| mailed(&row)) {
        parts.push(NOT_DELIVERED.to_owned());
    }
    parts.join("; ")
}

const NOT_DELIVERED: &str = "the queue has not delivered it for mailing: where that lasts, SendEmail does not run, or it is \
                             among `client-organizer ops mail dead-letters`";

/// An id as an argument of a command line that is pasted: any program may have written it.
fn argument(id: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._:~-".contains(c);
    if id.chars().all(plain) && !id.starts_with('-') {
        return id.to_owned();
    }
    format!("'{}'", id.replace('\'', r"'\''"))
}

fn of_row(row: &MessageLine) -> String {
    let (to, id) = (&row.destination, argument(&row.id));
    let ended = row.processed_on.map_or_else(String::new, |on| format!(" at {}", time(on)));
    match row.state {
        RowState::Pending if to.is_empty() => {
            format!("waits for a destination: a dispatch routes it if Routes__{} is set", row.event_type)
        }
        RowState::Pending => match &row.last_error {
            Some(error) => {
                format!("waits for {to}; the last attempt failed: {error}; next attempt at {}", time(row.due_at))
            }
            None => format!("waits for {to}"),
        },
        RowState::Leased => format!("is being sent to {to}"),
        RowState::Sent => format!("sent to {to}{ended}"),
        RowState::Dead if row.mail.is_some() => {
            format!("dead for {to}{}, though the inbox knows it", because(row.last_error.as_ref()))
        }
        RowState::Dead => {
            format!(
                "dead for {to}{}; `client-organizer ops requeue {id} --reason \"…\"` sends it again",
                because(row.last_error.as_ref())
            )
        }
        RowState::Discarded if to.is_empty() => format!("goes nowhere: discarded{ended}"),
        RowState::Discarded => format!("discarded for {to}{ended}"),
    }
}

fn of_mail(mail: &MailLine) -> String {
    let (id, why) = (argument(&mail.message_id), because(mail.last_error.as_ref()));
    let next = |what: &str| mail.due_at.map_or_else(String::new, |on| format!("; {what} at {}", time(on)));
    let ended = mail.finished_on.map_or_else(String::new, |on| format!(" at {}", time(on)));
    match mail.state {
        MailState::Accepted => format!("its mail waits to be sent{}", next("due")),
        MailState::Sending => "its mail is being sent".to_owned(),
        MailState::Sent => {
            let reference = mail.reference.as_ref().filter(|one| !one.is_empty());
            format!("its mail was sent{ended}{}", reference.map_or_else(String::new, |one| format!(" ({one})")))
        }
        MailState::Parked => format!("its mail is parked{why}{}", next("next attempt")),
        MailState::InDoubt if mail.due_at.is_some() => {
            format!("its mail may or may not have been sent{why}{}", next("decided"))
        }
        MailState::InDoubt => format!(
            "its mail may or may not have been sent and waits for a person{why}; `client-organizer ops mail resend {id} \
             --reason \"…\"` or `… assume-sent {id} --reason \"…\"`"
        ),
        MailState::Refused => {
            format!(
                "its mail was refused{ended}{why}; while its content is stored, `client-organizer ops mail resend {id} \
                 --reason \"…\"` sends it again"
            )
        }
    }
}

fn because(error: Option<&String>) -> String {
    error.map_or_else(String::new, |error| format!(": {error}"))
}

fn time(on: DateTime<Utc>) -> String {
    on.to_rfc3339_opts(SecondsFormat::Secs, true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::outbox::LastOutcome;
    use std::collections::BTreeMap;

    fn at(minute: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_700_000_040 + minute * 60, 0).unwrap()
    }

    fn row(state: RowState, destination: &str) -> MessageLine {
        MessageLine {
            seq: 1,
            id: "m".to_owned(),
            event_type: "E".to_owned(),
            destination: destination.to_owned(),
            ordering_key: None,
            subject: None,
            state,
            occurred_on: at(0),
            due_at: at(5),
            claims: 0,
            retry_count: 0,
            last_outcome: Some(LastOutcome::Refused),
            last_error: (state != RowState::Sent).then(|| "no".to_owned()),
            fingerprint: None,
            last_attempt_on: None,
            processed_on: Some(at(1)),
            mail: None,
        }
    }

    fn mail(state: MailState, due: bool) -> MailLine {
        MailLine {
            message_id: "m".to_owned(),
            subject: None,
            state,
            due_at: due.then(|| at(9)),
            attempts: 1,
            doubts: 0,
            deliveries: 1,
            provider: None,
            reference: Some("r".to_owned()),
            last_error: (state != MailState::Sent).then(|| "451 wait".to_owned()),
            fingerprint: None,
            received_on: at(1),
            finished_on: matches!(state, MailState::Sent | MailState::Refused).then(|| at(2)),
        }
    }

    fn of(rows: Vec<MessageLine>, mail: Option<MailLine>) -> String {
        let message = Message {
            id: "m".to_owned(),
            summary: String::new(),
            rows,
            mail,
            timeline: Vec::new(),
            content_type: None,
            trace_id: None,
            headers: BTreeMap::new(),
            payload: None,
        };
        summary(&message, Some("queue:mails"))
    }

    #[test]
    fn each_state_of_a_row_has_its_sentence() {
        let one = |state, to| of(vec![row(state, to)], None);
        assert_eq!(
            one(RowState::Pending, "queue:q"),
            "waits for queue:q; the last attempt failed: no; next attempt at 2023-11-14T22:19:00Z"
        );
        assert!(one(RowState::Pending, "").contains("Routes__E"));
        assert_eq!(one(RowState::Leased, "queue:q"), "is being sent to queue:q");
        assert_eq!(one(RowState::Sent, "queue:q"), "sent to queue:q at 2023-11-14T22:15:00Z");
        assert_eq!(
            one(RowState::Dead, "queue:q"),
            "dead for queue:q: no; `client-organizer ops requeue m --reason \"…\"` sends it again"
        );
        let known = MessageLine { mail: Some(MailState::Sent), ..row(RowState::Dead, "queue:q") };
        assert_eq!(of(vec![known], None), "dead for queue:q: no, though the inbox knows it");
        let hostile = MessageLine { id: "x'; rm -r ~".to_owned(), ..row(RowState::Dead, "queue:q") };
        assert!(of(vec![hostile], None).contains(r"ops requeue 'x'\''; rm -r ~' --reason"));
        assert_eq!(one(RowState::Discarded, ""), "goes nowhere: discarded at 2023-11-14T22:15:00Z");
        assert_eq!(one(RowState::Discarded, "queue:q"), "discarded for queue:q at 2023-11-14T22:15:00Z");
    }

    #[test]
    fn sent_never_hides_what_became_of_the_mail() {
        for (state, due, sentence) in [
            (MailState::Accepted, true, "its mail waits to be sent; due at 2023-11-14T22:23:00Z"),
            (MailState::Sending, true, "its mail is being sent"),
            (MailState::Sent, false, "its mail was sent at 2023-11-14T22:16:00Z (r)"),
            (MailState::Parked, true, "its mail is parked: 451 wait; next attempt at 2023-11-14T22:23:00Z"),
            (
                MailState::InDoubt,
                true,
                "its mail may or may not have been sent: 451 wait; decided at 2023-11-14T22:23:00Z",
            ),
            (
                MailState::InDoubt,
                false,
                "its mail may or may not have been sent and waits for a person: 451 wait; `client-organizer ops mail \
                 resend m --reason \"…\"` or `… assume-sent m --reason \"…\"`",
            ),
            (
                MailState::Refused,
                false,
                "its mail was refused at 2023-11-14T22:16:00Z: 451 wait; while its content is stored, \
                 `client-organizer ops mail resend m --reason \"…\"` sends it again",
            ),
        ] {
            let expected = format!("sent to queue:q at 2023-11-14T22:15:00Z; {sentence}");
            assert_eq!(of(vec![row(RowState::Sent, "queue:q")], Some(mail(state, due))), expected);
        }
        let waits = of(vec![row(RowState::Sent, "queue:mails")], None);
        assert!(waits.contains("not delivered it") && waits.contains("ops mail dead-letters"), "{waits}");
        assert_eq!(of(vec![], Some(mail(MailState::Sending, true))), "only the inbox knows it; its mail is being sent");
    }
}
