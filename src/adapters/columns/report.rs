//! Messages, mails, attempts, failure groups and actions, as reports show them. Errors are shown without addresses.

use super::{Columns, mail, outbox::last_outcome};
use crate::{
    domain::{
        delivery::MailState,
        fingerprint::without_addresses,
        operations::{
            AuditEntry, FailureGroup, MailAttempt, MailLine, Message, MessageLine, RowAttempt, headers_of, timeline,
        },
        outbox::{LastOutcome, RowState},
    },
    ports::operations::StoredMessage,
};

pub(in crate::adapters) fn message<R: Columns>(row: &R) -> Result<MessageLine, R::Error> {
    Ok(MessageLine {
        seq: row.number("Seq")?,
        id: row.text("Id")?,
        event_type: row.text("EventType")?,
        destination: row.text("Destination")?,
        ordering_key: row.text_opt("OrderingKey")?,
        subject: row.text_opt("Subject")?,
        state: row_state(row)?,
        occurred_on: row.time("OccurredOnUtc")?,
        due_at: row.time("DueAt")?,
        claims: row.number("Claims")?,
        retry_count: row.number("RetryCount")?,
        last_outcome: last_outcome(row)?,
        last_error: error(row, "LastError")?,
        fingerprint: row.text_opt("Fingerprint")?,
        last_attempt_on: row.time_opt("LastAttemptOnUtc")?,
        processed_on: row.time_opt("ProcessedOnUtc")?,
        mail: row.number_opt("MailState")?.and_then(MailState::from_code),
    })
}

/// The content of a message's first row: its media type, its headers as JSON, and its payload.
pub(in crate::adapters) fn content<R: Columns>(row: &R) -> Result<(String, String, Vec<u8>), R::Error> {
    Ok((row.text("ContentType")?, row.text("Headers")?, row.content("Payload")?))
}

/// What the statements about one message returned.
pub(in crate::adapters) struct MessageParts {
    pub id: String,
    pub rows: Vec<MessageLine>,
    /// Of its first row: media type, headers as JSON, payload.
    pub content: Option<(String, String, Vec<u8>)>,
    pub mail: Option<MailLine>,
    pub row_attempts: Vec<RowAttempt>,
    pub mail_attempts: Vec<MailAttempt>,
    /// Newest first.
    pub actions: Vec<AuditEntry>,
}

impl MessageParts {
    pub(in crate::adapters) fn stored(self) -> StoredMessage {
        let timeline = timeline(&self.rows, self.row_attempts, self.mail.as_ref(), self.mail_attempts, self.actions);
        let (content_type, headers, payload) = match self.content {
            Some((content_type, headers, payload)) => (Some(content_type), headers_of(&headers), Some(payload)),
            None => Default::default(),
        };
        let message = Message {
            id: self.id,
            summary: String::new(),
            rows: self.rows,
            mail: self.mail,
            timeline,
            content_type,
            trace_id: None,
            headers,
            payload: None,
        };
        StoredMessage { message, payload }
    }
}

pub(in crate::adapters) fn mail<R: Columns>(row: &R) -> Result<MailLine, R::Error> {
    Ok(MailLine {
        message_id: row.text("MessageId")?,
        subject: row.text_opt("Subject")?,
        state: mail::state(row)?,
        due_at: row.time_opt("DueAt")?,
        attempts: row.number("Attempts")?,
        doubts: row.number("Doubts")?,
        deliveries: row.number("Deliveries")?,
        provider: row.text_opt("Provider")?,
        reference: row.text_opt("Reference")?,
        last_error: error(row, "LastError")?,
        fingerprint: row.text_opt("Fingerprint")?,
        received_on: row.time("ReceivedOnUtc")?,
        finished_on: row.time_opt("FinishedOnUtc")?,
    })
}

pub(in crate::adapters) fn row_attempt<R: Columns>(row: &R) -> Result<RowAttempt, R::Error> {
    Ok(RowAttempt {
        seq: row.number("Seq")?,
        destination: row.text("Destination")?,
        on: row.time("OnUtc")?,
        instance: row.text("Instance")?,
        state: row_state(row)?,
        outcome: row.number_opt("Outcome")?.and_then(LastOutcome::from_code),
        error: error(row, "Error")?,
    })
}

pub(in crate::adapters) fn mail_attempt<R: Columns>(row: &R) -> Result<MailAttempt, R::Error> {
    Ok(MailAttempt {
        on: row.time("OnUtc")?,
        instance: row.text("Instance")?,
        state: mail::state(row)?,
        reference: row.text_opt("Reference")?,
        error: error(row, "Error")?,
    })
}

pub(in crate::adapters) fn group<R: Columns>(row: &R) -> Result<FailureGroup, R::Error> {
    Ok(FailureGroup {
        fingerprint: row.text("Fingerprint")?,
        name: row.text("Name")?,
        class: row.text("Class")?,
        error: row.text("Error")?,
        waiting: row.total("Waiting")?,
        set_aside: row.total("SetAside")?,
        first_seen_on: row.time("FirstSeenUtc")?,
        last_seen_on: row.time("LastSeenUtc")?,
        sample_id: row.text("SampleId")?,
    })
}

pub(in crate::adapters) fn audit_entry<R: Columns>(row: &R) -> Result<AuditEntry, R::Error> {
    Ok(AuditEntry {
        id: row.number("Id")?,
        on: row.time("OnUtc")?,
        by: row.text("Actor")?,
        action: row.text("Action")?,
        target: row.text("Target")?,
        reason: row.text("Reason")?,
        rows: row.number("Rows")?,
    })
}

pub(super) fn error<R: Columns>(row: &R, column: &str) -> Result<Option<String>, R::Error> {
    Ok(row.text_opt(column)?.map(|error| without_addresses(&error)))
}

fn row_state<R: Columns>(row: &R) -> Result<RowState, R::Error> {
    RowState::from_code(row.number("State")?).ok_or_else(|| R::broken("no such row state"))
}
