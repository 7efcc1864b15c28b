//! One message's timeline, from the commit to the mail, made of its rows, its mail, their attempts and operators' actions.

use super::{AuditEntry, Event, EventKind, MailLine, MessageLine};
use crate::domain::{
    delivery::MailState,
    outbox::{LastOutcome, RowState},
};
use chrono::{DateTime, Utc};

/// An attempt that did not send a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowAttempt {
    /// The row.
    pub seq: i64,
    /// The row's destination.
    pub destination: String,
    /// When it ended.
    pub on: DateTime<Utc>,
    /// On which instance.
    pub instance: String,
    /// The row's state after it.
    pub state: RowState,
    /// How the publish ended. None: put back untried.
    pub outcome: Option<LastOutcome>,
    /// Why, for a person.
    pub error: Option<String>,
}

/// An attempt of a mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailAttempt {
    /// When it ended.
    pub on: DateTime<Utc>,
    /// On which instance.
    pub instance: String,
    /// The mail's state after it.
    pub state: MailState,
    /// The provider's reference.
    pub reference: Option<String>,
    /// Why it did not succeed, for a person.
    pub error: Option<String>,
}

/// What happened, oldest first.
#[must_use]
pub fn timeline(
    rows: &[MessageLine],
    row_attempts: Vec<RowAttempt>,
    mail: Option<&MailLine>,
    mail_attempts: Vec<MailAttempt>,
    actions: Vec<AuditEntry>,
) -> Vec<Event> {
    let mut events = Vec::new();
    for row in rows {
        events.extend(of_row(row, row_attempts.iter().any(|one| one.seq == row.seq)));
    }
    events.extend(row_attempts.into_iter().map(of_row_attempt));
    if let Some(mail) = mail {
        events.push(Event { name: mail.provider.clone(), ..event(mail.received_on, EventKind::Delivered) });
        events.extend(end_of(mail, &mail_attempts));
        events.extend(mail_attempts.into_iter().map(|attempt| of_mail_attempt(mail, attempt)));
    }
    events.extend(actions.into_iter().rev().map(|action| Event {
        text: Some(format!("{}: {}", action.action, action.reason)),
        by: Some(action.by),
        ..event(action.on, EventKind::Action)
    }));
    // Stable: attempts that ended at the same time stay in their order.
    events.sort_by_key(|one| (one.on, place(one.kind)));
    events
}

/// Among events of the same time, cause before effect.
fn place(kind: EventKind) -> u8 {
    match kind {
        EventKind::Committed => 0,
        EventKind::Failed | EventKind::Released | EventKind::Dead => 1,
        EventKind::Sent => 2,
        EventKind::Discarded => 3,
        EventKind::Delivered => 4,
        EventKind::MailParked | EventKind::MailSent | EventKind::MailRefused | EventKind::MailInDoubt => 5,
        EventKind::Action => 6,
    }
}

fn event(on: DateTime<Utc>, kind: EventKind) -> Event {
    Event { on, kind, name: None, instance: None, outcome: None, text: None, by: None }
}

/// What the row itself shows. A failure of the time before attempts were stored is known from the row only.
fn of_row(row: &MessageLine, has_attempts: bool) -> Vec<Event> {
    let name = (!row.destination.is_empty()).then(|| row.destination.clone());
    let at = |on, kind| Event { name: name.clone(), ..event(on, kind) };
    let failure = |kind| {
        row.last_attempt_on.filter(|_| !has_attempts && row.last_error.is_some()).map(|on| Event {
            outcome: row.last_outcome,
            text: row.last_error.clone(),
            ..at(on, kind)
        })
    };
    let ended = |kind| row.processed_on.map(|on| at(on, kind));
    let end = match row.state {
        RowState::Pending | RowState::Leased => failure(EventKind::Failed),
        RowState::Dead => failure(EventKind::Dead),
        RowState::Sent => ended(EventKind::Sent),
        RowState::Discarded => ended(EventKind::Discarded),
    };
    [Some(at(row.occurred_on, EventKind::Committed)), end].into_iter().flatten().collect()
}

fn of_row_attempt(attempt: RowAttempt) -> Event {
    let kind = match (attempt.state, attempt.outcome) {
        (RowState::Dead, _) => EventKind::Dead,
        (_, None) => EventKind::Released,
        (_, Some(_)) => EventKind::Failed,
    };
    Event {
        name: Some(attempt.destination).filter(|name| !name.is_empty()),
        instance: Some(attempt.instance),
        outcome: attempt.outcome,
        text: attempt.error,
        ..event(attempt.on, kind)
    }
}

fn of_mail_attempt(mail: &MailLine, attempt: MailAttempt) -> Event {
    Event {
        name: mail.provider.clone(),
        instance: Some(attempt.instance),
        text: attempt.error.or_else(|| attempt.reference.filter(|one| !one.is_empty())),
        ..event(attempt.on, kind_of(attempt.state))
    }
}

fn kind_of(state: MailState) -> EventKind {
    match state {
        MailState::Sent => EventKind::MailSent,
        MailState::Refused => EventKind::MailRefused,
        MailState::InDoubt => EventKind::MailInDoubt,
        MailState::Accepted | MailState::Sending | MailState::Parked => EventKind::MailParked,
    }
}

/// How the mail ended, if no stored attempt shows it: refused on delivery, declared sent, or of the time before attempts
/// were stored.
fn end_of(mail: &MailLine, attempts: &[MailAttempt]) -> Option<Event> {
    let finished_on = mail.finished_on?;
    if attempts.iter().any(|one| one.state == mail.state) {
        return None;
    }
    let text = match mail.state {
        MailState::Sent => mail.reference.clone().filter(|one| !one.is_empty()),
        _ => mail.last_error.clone(),
    };
    Some(Event { name: mail.provider.clone(), text, ..event(finished_on, kind_of(mail.state)) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: i64) -> DateTime<Utc> {
        DateTime::from_timestamp_millis(ms).unwrap()
    }

    fn row(state: RowState) -> MessageLine {
        MessageLine {
            seq: 1,
            id: "m".to_owned(),
            event_type: "E".to_owned(),
            destination: "queue:q".to_owned(),
            ordering_key: None,
            subject: None,
            state,
            occurred_on: at(0),
            due_at: at(0),
            claims: 0,
            retry_count: 0,
            last_outcome: Some(LastOutcome::Refused),
            last_error: Some("no".to_owned()),
            fingerprint: None,
            last_attempt_on: Some(at(5)),
            processed_on: matches!(state, RowState::Sent | RowState::Discarded).then(|| at(9)),
            mail: None,
        }
    }

    fn mail(state: MailState) -> MailLine {
        MailLine {
            message_id: "m".to_owned(),
            subject: None,
            state,
            due_at: None,
            attempts: 1,
            doubts: 0,
            deliveries: 1,
            provider: Some("mail:smtp".to_owned()),
            reference: Some("<r>".to_owned()),
            last_error: Some("550".to_owned()),
            fingerprint: None,
            received_on: at(9),
            finished_on: matches!(state, MailState::Sent | MailState::Refused).then(|| at(9)),
        }
    }

    fn kinds(events: &[Event]) -> Vec<EventKind> {
        events.iter().map(|one| one.kind).collect()
    }

    #[test]
    fn a_life_is_shown_in_order_even_within_one_millisecond() {
        let attempt = |on, state, outcome| RowAttempt {
            seq: 1,
            destination: "queue:q".to_owned(),
            on: at(on),
            instance: "i".to_owned(),
            state,
            outcome,
            error: Some("no".to_owned()),
        };
        let attempts =
            vec![attempt(0, RowState::Pending, Some(LastOutcome::Refused)), attempt(0, RowState::Pending, None)];
        let parked = MailAttempt {
            on: at(9),
            instance: "i".to_owned(),
            state: MailState::Parked,
            reference: None,
            error: Some("451".to_owned()),
        };
        let action = AuditEntry {
            id: 1,
            on: at(9),
            by: "anna".to_owned(),
            action: "reveal".to_owned(),
            target: "m".to_owned(),
            reason: "ticket 7".to_owned(),
            rows: 0,
        };
        let events =
            timeline(&[row(RowState::Sent)], attempts, Some(&mail(MailState::Sent)), vec![parked], vec![action]);
        let expected = [
            EventKind::Committed,
            EventKind::Failed,
            EventKind::Released,
            EventKind::Sent,
            EventKind::Delivered,
            EventKind::MailSent,
            EventKind::MailParked,
            EventKind::Action,
        ];
        assert_eq!(kinds(&events), expected);
        assert_eq!(events[7].text.as_deref(), Some("reveal: ticket 7"));
        assert_eq!(events[5].text.as_deref(), Some("<r>"), "declared sent: no attempt shows it");
    }

    #[test]
    fn what_failed_before_attempts_were_stored_is_shown_from_the_row() {
        for (state, kind) in [(RowState::Pending, EventKind::Failed), (RowState::Dead, EventKind::Dead)] {
            let events = timeline(&[row(state)], Vec::new(), None, Vec::new(), Vec::new());
            assert_eq!(kinds(&events), [EventKind::Committed, kind]);
            assert_eq!((events[1].text.as_deref(), events[1].outcome), (Some("no"), Some(LastOutcome::Refused)));
        }
        let refused = timeline(&[], Vec::new(), Some(&mail(MailState::Refused)), Vec::new(), Vec::new());
        assert_eq!(kinds(&refused), [EventKind::Delivered, EventKind::MailRefused]);
        assert_eq!(refused[1].text.as_deref(), Some("550"));
    }
}
