//! Metrics, named by OpenTelemetry's semantic conventions where these have a name. While nothing is exported, none is kept.

use super::spans;
use crate::domain::{route::Destination, verdict::PublishOutcome};
use opentelemetry::{
    KeyValue,
    metrics::{Counter, Gauge, Histogram, MeterProvider},
};
use opentelemetry_sdk::metrics::SdkMeterProvider;
use std::{sync::OnceLock, time::Duration};

static METERS: OnceLock<Meters> = OnceLock::new();

struct Meters {
    requests: Histogram<f64>,
    sent: Counter<u64>,
    accepted: Histogram<f64>,
    mails: Counter<u64>,
    lag: Gauge<f64>,
}

/// Seconds; the convention's own for requests.
const REQUEST_SECONDS: [f64; 14] = [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0];
/// Seconds: from a nudge to a bus that was away for an hour.
const ACCEPTED_SECONDS: [f64; 12] = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 15.0, 60.0, 600.0, 3_600.0];

pub(super) fn start(provider: &SdkMeterProvider) {
    let meter = provider.meter("client-organizer");
    let seconds = |name: &'static str, about: &'static str, bounds: &[f64]| {
        let histogram = meter.f64_histogram(name).with_unit("s").with_description(about);
        histogram.with_boundaries(bounds.to_vec()).build()
    };
    let _ = METERS.set(Meters {
        requests: seconds("http.server.request.duration", "Time to answer a request.", &REQUEST_SECONDS),
        sent: meter
            .u64_counter("messaging.client.sent.messages")
            .with_unit("{message}")
            .with_description("Messages handed to the bus.")
            .build(),
        accepted: seconds(
            "client_organizer.outbox.commit_to_accepted",
            "Time from the commit of a message to its acceptance by the bus.",
            &ACCEPTED_SECONDS,
        ),
        mails: meter
            .u64_counter("client_organizer.mails")
            .with_unit("{mail}")
            .with_description("Mails by the outcome of their attempts.")
            .build(),
        lag: meter
            .f64_gauge("client_organizer.outbox.lag")
            .with_unit("s")
            .with_description("Age of the oldest row that waits for a destination and could be claimed.")
            .build(),
    });
}

/// A request was answered.
pub fn answered(method: &str, route: Option<&'static str>, status: u16, took: Duration) {
    let Some(meters) = METERS.get() else { return };
    let mut about = vec![
        KeyValue::new("http.request.method", spans::known(method).to_owned()),
        KeyValue::new("url.scheme", "http"),
        KeyValue::new("http.response.status_code", i64::from(status)),
    ];
    about.extend(route.map(|route| KeyValue::new("http.route", route)));
    meters.requests.record(took.as_secs_f64(), &about);
}

/// The bus answered for one message. `age`: since its commit.
pub fn sent(destination: &Destination, outcome: &PublishOutcome, age: Duration) {
    let Some(meters) = METERS.get() else { return };
    let mut about = vec![
        KeyValue::new("messaging.system", "servicebus"),
        KeyValue::new("messaging.operation.name", "send"),
        KeyValue::new("messaging.destination.name", destination.entity().to_owned()),
    ];
    match outcome {
        PublishOutcome::NotTried => return,
        PublishOutcome::Accepted => meters.accepted.record(age.as_secs_f64(), &about[2..]),
        _ => about.extend(outcome.error_type().map(|kind| KeyValue::new("error.type", kind))),
    }
    meters.sent.add(1, &about);
}

/// An attempt of a mail ended. `outcome`: `sent`, `parked`, `refused`, `inDoubt`, …
pub fn mail(provider: &str, outcome: &'static str) {
    let Some(meters) = METERS.get() else { return };
    let about = [KeyValue::new("provider", provider.to_owned()), KeyValue::new("outcome", outcome)];
    meters.mails.add(1, &about);
}

/// The lag of a destination; none waits: zero.
pub fn lag(destination: &str, lag: Duration) {
    let Some(meters) = METERS.get() else { return };
    meters.lag.record(lag.as_secs_f64(), &[KeyValue::new("messaging.destination.name", destination.to_owned())]);
}
