//! Spans of requests, messages and transactions, named by OpenTelemetry's semantic conventions. While nothing is
//! exported, none is made.

use crate::domain::{message::Headers, route::Destination, verdict::PublishOutcome};
use opentelemetry::{
    Context, KeyValue,
    context::FutureExt,
    propagation::TextMapPropagator,
    trace::{SpanBuilder, SpanKind, Status, TraceContextExt, Tracer, TracerProvider},
};
use opentelemetry_sdk::{
    propagation::TraceContextPropagator,
    trace::{SdkTracer, SdkTracerProvider, SpanData},
};
use std::{collections::HashMap, sync::OnceLock};

static TRACER: OnceLock<(SdkTracer, &'static str)> = OnceLock::new();

/// Marks a span that is not worth exporting: an idle run of a timer, a write without a message.
const IDLE: &str = "client_organizer.idle";
const MESSAGING: &str = "servicebus";

pub(super) fn start(provider: &SdkTracerProvider, database: &'static str) {
    let _ = TRACER.set((provider.tracer("client-organizer"), database));
}

pub(super) fn is_idle(span: &SpanData) -> bool {
    span.attributes.iter().any(|attribute| attribute.key.as_str() == IDLE)
}

/// The function of the Functions host that runs, for all spans within it. A nudge is of none.
struct Function(&'static str);

/// An open span; it ends when the last copy is dropped.
#[derive(Clone, Default)]
pub struct Span(Option<Context>);

/// A request to an HTTP function. `parent`: the caller's trace context.
#[must_use]
pub fn request(
    function: &'static str,
    method: &str,
    route: Option<&'static str>,
    path: &str,
    parent: Option<&Headers>,
) -> Span {
    open_in(Some(function), SpanKind::Server, parent, || {
        let method = known(method);
        let name = route.map_or_else(|| method.to_owned(), |route| format!("{method} {route}"));
        let attributes = vec![
            text("http.request.method", method),
            text("url.path", path),
            text("url.scheme", "http"),
            text("faas.trigger", "http"),
        ];
        (name, attributes.into_iter().chain(route.map(|route| text("http.route", route))).collect())
    })
}

/// An invocation whose span is the host's own: the one that its headers name.
#[must_use]
pub fn invocation(function: &'static str, parent: Option<&Headers>) -> Span {
    let context = || parent.map(remote).unwrap_or_default().with_value(Function(function));
    Span(TRACER.get().map(|_| context()))
}

/// A timer function's run.
#[must_use]
pub fn run(function: &'static str, parent: Option<&Headers>) -> Span {
    open_in(Some(function), SpanKind::Server, parent, || (function.to_owned(), vec![text("faas.trigger", "timer")]))
}

/// The creation of a message, inside the current span. Its context goes with the message.
#[must_use]
pub fn create() -> Span {
    open(SpanKind::Producer, None, || ("create".to_owned(), messaging("create", "create")))
}

/// A transaction of the store, inside the current span.
#[must_use]
pub fn transaction(operation: &'static str, table: &'static str) -> Span {
    open(SpanKind::Client, None, || {
        let database = TRACER.get().map_or("other_sql", |(_, database)| database);
        let attributes = vec![
            text("db.system.name", database),
            text("db.operation.name", operation),
            text("db.collection.name", table),
        ];
        (format!("{operation} {table}"), attributes)
    })
}

/// The publishing of rows that were claimed together, with a link to each message.
#[must_use]
pub fn batch(destination: &Destination, messages: usize) -> Span {
    open(SpanKind::Internal, None, || {
        let mut attributes = vec![text("messaging.system", MESSAGING)];
        attributes.push(text("messaging.destination.name", destination.entity()));
        attributes.push(number("messaging.batch.message_count", messages));
        (format!("dispatch {}", destination.entity()), attributes)
    })
}

/// The sending of one message, in the message's own trace, linked to the current batch.
#[must_use]
pub fn send(destination: &Destination, message_id: &str, headers: &Headers, body_bytes: usize) -> Span {
    let batch = Span::current();
    let span = open(SpanKind::Client, Some(headers), || {
        let mut attributes = messaging("send", "send");
        attributes.push(text("messaging.destination.name", destination.entity()));
        attributes.push(text("messaging.message.id", message_id));
        attributes.push(number("messaging.message.body.size", body_bytes));
        (format!("send {}", destination.entity()), attributes)
    });
    span.link(&batch);
    batch.link(&span);
    span
}

/// The processing of one message by a function, in the message's own trace, linked to the current span.
#[must_use]
pub fn process(queue: Option<&str>, message_id: &str, traceparent: Option<&str>) -> Span {
    let around = Span::current();
    let headers = traceparent.map(Headers::of_trace);
    let span = open(SpanKind::Consumer, headers.as_ref(), || {
        let mut attributes = messaging("process", "process");
        attributes.push(text("messaging.message.id", message_id));
        attributes.extend(queue.map(|queue| text("messaging.destination.name", queue)));
        (queue.map_or_else(|| "process".to_owned(), |queue| format!("process {queue}")), attributes)
    });
    span.link(&around);
    span
}

/// The handing over of a mail to its provider, inside the current span.
#[must_use]
pub fn mail(operation: &'static str, provider: &str) -> Span {
    open(SpanKind::Client, None, || {
        (format!("{operation} {provider}"), vec![text("peer.service", provider), text("rpc.method", operation)])
    })
}

impl Span {
    /// The one that the code runs in.
    #[must_use]
    pub fn current() -> Self {
        Self(TRACER.get().map(|_| Context::current()))
    }

    /// Runs the future in this span.
    pub async fn around<F: Future>(&self, future: F) -> F::Output {
        match &self.0 {
            Some(context) => future.with_context(context.clone()).await,
            None => future.await,
        }
    }

    /// Puts this span's context in the place of the one that the headers have.
    pub fn put(&self, headers: &mut Headers) {
        let Some(context) = self.0.as_ref().filter(|context| context.span().is_recording()) else { return };
        let mut carrier = HashMap::new();
        TraceContextPropagator::new().inject_context(context, &mut carrier);
        headers.0.extend(carrier.into_iter().filter(|(_, value)| !value.is_empty()));
    }

    /// It is not worth exporting.
    pub fn idle(&self) {
        self.set(|| KeyValue::new(IDLE, true));
    }

    /// Adds an attribute.
    pub fn set(&self, attribute: impl FnOnce() -> KeyValue) {
        if let Some(context) = &self.0 {
            context.span().set_attribute(attribute());
        }
    }

    /// The Functions host's id of the invocation.
    pub fn invoked(&self, invocation: &str) {
        if !invocation.is_empty() {
            self.set(|| text("faas.invocation_id", invocation));
        }
    }

    /// The message that it is about.
    pub fn about(&self, message_id: &str) {
        self.set(|| text("messaging.message.id", message_id));
    }

    /// The status of an HTTP answer.
    pub fn answered(&self, status: u16) {
        self.set(|| number("http.response.status_code", status));
        if status >= 500 {
            self.failed(&status.to_string(), "");
        }
    }

    /// How the bus answered for one message.
    pub fn sent(&self, outcome: &PublishOutcome) {
        match outcome.error_type() {
            Some(kind) => self.failed(kind, outcome.reason()),
            None if *outcome == PublishOutcome::NotTried => self.idle(),
            None => {}
        }
    }

    /// It failed. `kind`: from a small set. `reason` without personal data.
    pub fn failed(&self, kind: &str, reason: &str) {
        if let Some(context) = &self.0 {
            context.span().set_attribute(text("error.type", kind));
            context.span().set_status(Status::error(reason.to_owned()));
        }
    }

    fn link(&self, other: &Self) {
        let (Some(context), Some(other)) = (&self.0, &other.0) else { return };
        if other.span().span_context().is_valid() {
            context.span().add_link(other.span().span_context().clone(), Vec::new());
        }
    }
}

/// `parent`: the headers of the message or request that it continues; None: the current span.
fn open(kind: SpanKind, parent: Option<&Headers>, describe: impl FnOnce() -> (String, Vec<KeyValue>)) -> Span {
    open_in(None, kind, parent, describe)
}

/// `function`: the one that begins here; None: that of the current span.
fn open_in(
    function: Option<&'static str>,
    kind: SpanKind,
    parent: Option<&Headers>,
    describe: impl FnOnce() -> (String, Vec<KeyValue>),
) -> Span {
    let Some((tracer, _)) = TRACER.get() else { return Span(None) };
    let around = Context::current();
    let function = function.or_else(|| around.get::<Function>().map(|function| function.0));
    let mut parent = parent.map_or(around, remote);
    let (name, mut attributes) = describe();
    if let Some(function) = function {
        attributes.push(text("faas.name", function));
        parent = parent.with_value(Function(function));
    }
    let builder = SpanBuilder::from_name(name).with_kind(kind).with_attributes(attributes);
    let span = tracer.build_with_context(builder, &parent);
    Span(Some(parent.with_span(span)))
}

/// The context that the headers name, under either of its names; without one a new trace begins.
fn remote(headers: &Headers) -> Context {
    let mut carrier = HashMap::new();
    carrier.extend(headers.traceparent().map(|parent| ("traceparent".to_owned(), parent)));
    carrier.extend(headers.0.get("tracestate").map(|state| ("tracestate".to_owned(), state.clone())));
    TraceContextPropagator::new().extract_with_context(&Context::new(), &carrier)
}

/// Of the methods that a caller may invent, the convention's one name.
pub(super) fn known(method: &str) -> &str {
    const KNOWN: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
    if KNOWN.contains(&method) { method } else { "_OTHER" }
}

fn messaging(name: &'static str, kind: &'static str) -> Vec<KeyValue> {
    vec![
        text("messaging.system", MESSAGING),
        text("messaging.operation.name", name),
        text("messaging.operation.type", kind),
    ]
}

fn text(key: &'static str, value: &str) -> KeyValue {
    KeyValue::new(key, value.to_owned())
}

fn number<N: TryInto<i64>>(key: &'static str, value: N) -> KeyValue {
    KeyValue::new(key, value.try_into().unwrap_or(i64::MAX))
}
