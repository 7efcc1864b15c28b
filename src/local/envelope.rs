//! The exact bodies the Azure host posts to a custom handler, by a timer and by Service Bus.

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::{Map, Value};

/// A message and its Service Bus properties, as far as the envelope shows them.
#[expect(clippy::struct_field_names, reason = "Service Bus calls it DeliveryCount")]
#[derive(Debug, Clone)]
pub struct Delivery {
    pub body: Vec<u8>,
    pub delivery_count: u32,
    pub lock_token: String,
    pub expires_at: DateTime<Utc>,
    pub enqueued_at: DateTime<Utc>,
    pub message_id: String,
    pub content_type: Option<String>,
    pub sequence_number: i64,
    pub subject: Option<String>,
    pub correlation_id: Option<String>,
    pub properties: Map<String, Value>,
}

/// What the Azure host records of a timer's runs.
#[derive(Debug, Clone, Copy)]
pub struct Runs {
    /// None: never ran.
    pub last: Option<DateTime<Utc>>,
    pub next: DateTime<Utc>,
}

/// The metadata that every envelope has.
#[derive(Debug, Clone)]
pub struct Sys<'a> {
    pub function: &'a str,
    pub now: DateTime<Utc>,
    pub rand_guid: uuid::Uuid,
}

/// The body for a timer function. `runs` is None for schedules more frequent than once a minute: the Azure host does not monitor those.
#[must_use]
pub fn timer(name: &str, runs: Option<Runs>, sys: &Sys<'_>) -> String {
    let status = runs.map(|runs| {
        let last = runs.last.map_or_else(|| "0001-01-01T00:00:00".to_owned(), ticks_with_offset);
        Status { next: seconds_with_offset(runs.next), last_updated: last.clone(), last }
    });
    let timer = TimerData { schedule: Schedule { adjust_for_dst: true }, schedule_status: status, is_past_due: false };
    text(&Envelope { data: One(name, timer), metadata: Only { sys: sys.into() } })
}

/// The body for a function with a Service Bus trigger.
#[must_use]
pub fn service_bus(name: &str, delivery: &Delivery, sys: &Sys<'_>) -> String {
    use base64::Engine;
    let metadata = Metadata {
        delivery_count: delivery.delivery_count.to_string(),
        lock_token: twice(&delivery.lock_token),
        expires_at_utc: seconds(delivery.expires_at),
        expires_at: seconds_with_offset(delivery.expires_at),
        enqueued_time: seconds_with_offset(delivery.enqueued_at),
        label: delivery.subject.as_deref().map(twice),
        message_session: Junk {},
        message_actions: Junk {},
        session_actions: Junk {},
        receive_actions: Junk {},
        enqueued_time_utc: seconds(delivery.enqueued_at),
        message_id: twice(&delivery.message_id),
        content_type: delivery.content_type.as_deref().map(twice),
        sequence_number: delivery.sequence_number.to_string(),
        subject: delivery.subject.as_deref().map(twice),
        correlation_id: delivery.correlation_id.as_deref().map(twice),
        application_properties: &delivery.properties,
        user_properties: &delivery.properties,
        message_receiver: Junk {},
        client: Client::default(),
        sys: sys.into(),
    };
    let body = base64::engine::general_purpose::STANDARD.encode(&delivery.body);
    text(&Envelope { data: One(name, body), metadata })
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Envelope<D, M> {
    data: D,
    metadata: M,
}

/// An object with one member, named by the binding.
struct One<'a, T>(&'a str, T);

impl<T: Serialize> Serialize for One<'_, T> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map([(self.0, &self.1)])
    }
}

#[derive(Serialize)]
struct Only {
    sys: SysData,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct TimerData {
    schedule: Schedule,
    schedule_status: Option<Status>,
    is_past_due: bool,
}

#[derive(Serialize)]
struct Schedule {
    #[serde(rename = "AdjustForDST")]
    adjust_for_dst: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Status {
    last: String,
    next: String,
    last_updated: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Metadata<'a> {
    delivery_count: String,
    lock_token: String,
    expires_at_utc: String,
    expires_at: String,
    enqueued_time: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    label: Option<String>,
    message_session: Junk,
    message_actions: Junk,
    session_actions: Junk,
    receive_actions: Junk,
    enqueued_time_utc: String,
    message_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    content_type: Option<String>,
    sequence_number: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    correlation_id: Option<String>,
    application_properties: &'a Map<String, Value>,
    user_properties: &'a Map<String, Value>,
    message_receiver: Junk,
    client: Client,
    #[serde(rename = "sys")]
    sys: SysData,
}

/// Objects of the .NET host that mean nothing outside it.
#[derive(Serialize)]
struct Junk {}

/// The part of the .NET client that its serializer shows.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Client {
    fully_qualified_namespace: &'static str,
    is_closed: bool,
    transport_type: u8,
    identifier: &'static str,
}

impl Default for Client {
    fn default() -> Self {
        Self {
            fully_qualified_namespace: "local.servicebus.windows.net",
            is_closed: false,
            transport_type: 0,
            identifier: "local.servicebus.windows.net-1",
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct SysData {
    method_name: String,
    utc_now: String,
    rand_guid: String,
}

impl From<&Sys<'_>> for SysData {
    fn from(sys: &Sys<'_>) -> Self {
        Self {
            method_name: sys.function.to_owned(),
            utc_now: format!("{}Z", ticks(sys.now)),
            rand_guid: sys.rand_guid.to_string(),
        }
    }
}

/// Strings come as JSON inside JSON.
fn twice(value: &str) -> String {
    Value::from(value).to_string()
}

fn seconds(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%dT%H:%M:%S").to_string()
}

fn seconds_with_offset(at: DateTime<Utc>) -> String {
    format!("{}+00:00", seconds(at))
}

/// .NET writes ticks of 100 ns: seven decimals.
fn ticks(at: DateTime<Utc>) -> String {
    format!("{}.{:07}", seconds(at), at.timestamp_subsec_nanos() % 1_000_000_000 / 100)
}

fn ticks_with_offset(at: DateTime<Utc>) -> String {
    format!("{}+00:00", ticks(at))
}

fn text(value: &impl Serialize) -> String {
    // Cannot fail: no map of these types has keys that are not strings.
    serde_json::to_string(value).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn a_timer_invocation_is_the_contracts_example() {
        let runs = Runs { last: Some(at("2026-08-20T10:00:00.0012345Z")), next: at("2026-08-20T10:01:00Z") };
        let rand_guid = "6f7e0c1d-7d8a-4f1e-9a3e-0f6f2f7f1a11".parse().unwrap();
        let sys = Sys { function: "DispatchOutbox", now: at("2026-08-20T10:01:00.0034567Z"), rand_guid };
        let example = r#"{"Data":{"timer":{"Schedule":{"AdjustForDST":true},"ScheduleStatus":{"Last":"2026-08-20T10:00:00.0012345+00:00","Next":"2026-08-20T10:01:00+00:00","LastUpdated":"2026-08-20T10:00:00.0012345+00:00"},"IsPastDue":false}},"Metadata":{"sys":{"MethodName":"DispatchOutbox","UtcNow":"2026-08-20T10:01:00.0034567Z","RandGuid":"6f7e0c1d-7d8a-4f1e-9a3e-0f6f2f7f1a11"}}}"#;
        assert_eq!(timer("timer", Some(runs), &sys), example);
        assert!(timer("timer", None, &sys).contains(r#""ScheduleStatus":null,"#));
        let first = Runs { last: None, ..runs };
        assert!(timer("timer", Some(first), &sys).contains(r#""Last":"0001-01-01T00:00:00","#));
    }

    #[test]
    fn a_service_bus_invocation_is_the_contracts_example() {
        let delivery = Delivery {
            body: br#"{"event":"FinancialRecordCreated"}"#.to_vec(),
            delivery_count: 1,
            lock_token: "4f0d3e0e-3d0e-4a9d-8d1f-1fb4c3a0d0aa".to_owned(),
            expires_at: at("2026-09-03T10:01:00Z"),
            enqueued_at: at("2026-08-20T10:01:00Z"),
            message_id: "9a4c6b1e-0000-4000-8000-000000000001".to_owned(),
            content_type: Some("application/json".to_owned()),
            sequence_number: 17,
            subject: Some("FinancialRecordCreated".to_owned()),
            correlation_id: Some("corr-1".to_owned()),
            properties: Map::from_iter([("traceparent".to_owned(), Value::from("00-…-01"))]),
        };
        let rand_guid = "6f7e0c1d-7d8a-4f1e-9a3e-0f6f2f7f1a11".parse().unwrap();
        let sys = Sys { function: "SendEmail", now: at("2026-08-20T10:01:01.1234567Z"), rand_guid };
        let example = r#"{"Data":{"message":"eyJldmVudCI6IkZpbmFuY2lhbFJlY29yZENyZWF0ZWQifQ=="},"Metadata":{"DeliveryCount":"1","LockToken":"\"4f0d3e0e-3d0e-4a9d-8d1f-1fb4c3a0d0aa\"","ExpiresAtUtc":"2026-09-03T10:01:00","ExpiresAt":"2026-09-03T10:01:00+00:00","EnqueuedTime":"2026-08-20T10:01:00+00:00","Label":"\"FinancialRecordCreated\"","MessageSession":{},"MessageActions":{},"SessionActions":{},"ReceiveActions":{},"EnqueuedTimeUtc":"2026-08-20T10:01:00","MessageId":"\"9a4c6b1e-0000-4000-8000-000000000001\"","ContentType":"\"application/json\"","SequenceNumber":"17","Subject":"\"FinancialRecordCreated\"","CorrelationId":"\"corr-1\"","ApplicationProperties":{"traceparent":"00-…-01"},"UserProperties":{"traceparent":"00-…-01"},"MessageReceiver":{},"Client":{"FullyQualifiedNamespace":"local.servicebus.windows.net","IsClosed":false,"TransportType":0,"Identifier":"local.servicebus.windows.net-1"},"sys":{"MethodName":"SendEmail","UtcNow":"2026-08-20T10:01:01.1234567Z","RandGuid":"6f7e0c1d-7d8a-4f1e-9a3e-0f6f2f7f1a11"}}}"#;
        assert_eq!(service_bus("message", &delivery, &sys), example);
        let bare = Delivery { content_type: None, subject: None, correlation_id: None, ..delivery };
        let text = service_bus("message", &bare, &sys);
        assert!(["ContentType", "Label", "Subject", "CorrelationId"].iter().all(|key| !text.contains(key)), "{text}");
    }
}
