//! A message of a booking, as the email queue holds it and as the Functions host delivers it.

use base64::{Engine, engine::general_purpose::STANDARD};
use client_organizer::domain::{
    client::{ClientName, Email},
    delivery::Delivery,
    events::{FinancialChange, FinancialRecordCreated, NewEvent},
    ids::{ClientId, MessageId},
    money::Money,
    record::Figures,
};
use serde_json::json;

/// The body of a message; `time` is the time of the booking.
pub fn body(id: &str, recipient: &str, time: chrono::DateTime<chrono::Utc>) -> String {
    let amount = Money::from_grosze(12_345).unwrap();
    let data = FinancialChange {
        client_id: ClientId(1),
        client_name: ClientName::parse("Klient 1").unwrap(),
        recipient: Email::parse(recipient).unwrap(),
        language: None,
        year: 2026,
        month: 3,
        figures: Figures { income_tax: amount, vat: amount, insurance_amount: amount },
        previous: None,
        version: 1,
    };
    NewEvent::of::<FinancialRecordCreated>(&data).unwrap().payload(&MessageId::parse(id).unwrap(), time).unwrap()
}

pub fn delivery(id: &str, body: &str) -> Delivery {
    Delivery {
        message_id: id.to_owned(),
        body: body.as_bytes().to_vec(),
        delivery_count: 1,
        enqueued_on: None,
        traceparent: None,
    }
}

pub fn envelope(id: &str, body: &str) -> String {
    json!({"Data": {"message": STANDARD.encode(body)}, "Metadata": {"MessageId": id}}).to_string()
}
