//! Exporters of spans and metrics: OTLP by the standard `OTEL_…` variables, Application Insights by its connection
//! string. Without either nothing is recorded.
//!
//! Each exporter has a bounded queue and a thread of its own: what a collector does not take in time is dropped, and no
//! request waits for it.

use super::{meters, spans};
use opentelemetry::KeyValue;
use opentelemetry_application_insights as insights;
use opentelemetry_otlp::{MetricExporter, SpanExporter};
use opentelemetry_sdk::{
    Resource,
    error::OTelSdkResult,
    metrics::{PeriodicReader, SdkMeterProvider, Temporality, data::ResourceMetrics, exporter::PushMetricExporter},
    trace::{Sampler, SdkTracerProvider, SpanData, TracerProviderBuilder},
};
use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

/// The running exporters.
pub struct Exporters {
    traces: SdkTracerProvider,
    metrics: SdkMeterProvider,
}

/// The connection string of Application Insights, which the Functions host reads too: it sends its own telemetry with
/// it, and a custom handler's comes from the handler.
pub const INSIGHTS: &str = "APPLICATIONINSIGHTS_CONNECTION_STRING";
/// How long the process waits at its end for the last spans and metrics to go.
const STOP_WITHIN: Duration = Duration::from_millis(1_500);
/// How long one request to Application Insights may take; OTLP's has its own variable.
const INSIGHTS_WITHIN: Duration = Duration::from_secs(10);

/// Starts the exporters that the environment names. `database`: OpenTelemetry's name of the kind of database. An invalid
/// variable is logged and its exporter is left out: telemetry never keeps the program from its work.
#[must_use]
pub fn start(env: &BTreeMap<String, String>, database: &'static str) -> Option<Exporters> {
    let wanted = Wanted::of(env);
    if !wanted.traces && !wanted.metrics && wanted.insights.is_none() {
        return None;
    }
    let resource = resource(env);
    let mut traces = SdkTracerProvider::builder().with_resource(resource.clone());
    if !is_set(env, "OTEL_TRACES_SAMPLER") {
        // Not by the parent's flag, which is the default: the Functions host's own telemetry never sets it.
        traces = traces.with_sampler(Sampler::AlwaysOn);
    }
    let mut metrics = SdkMeterProvider::builder().with_resource(resource);
    if wanted.traces {
        match SpanExporter::builder().with_http().build() {
            Ok(exporter) => traces = with_exporter(traces, exporter, "OTLP"),
            Err(error) => not_exported("spans", &error),
        }
    }
    if wanted.metrics {
        match MetricExporter::builder().with_http().build() {
            Ok(exporter) => metrics = metrics.with_reader(PeriodicReader::builder(Once::of(exporter, "OTLP")).build()),
            Err(error) => not_exported("metrics", &error),
        }
    }
    if let Some(connection) = wanted.insights {
        match (insights_exporter(connection), insights_exporter(connection)) {
            (Ok(spans), Ok(numbers)) => {
                traces = with_exporter(traces, spans, "Application Insights");
                let reader = PeriodicReader::builder(Once::of(numbers, "Application Insights")).build();
                metrics = metrics.with_reader(reader);
            }
            (Err(error), _) | (_, Err(error)) => not_exported("spans and metrics", &error),
        }
    }
    let exporters = Exporters { traces: traces.build(), metrics: metrics.build() };
    spans::start(&exporters.traces, database);
    meters::start(&exporters.metrics);
    Some(exporters)
}

impl Exporters {
    /// Sends what is still queued, as far as that goes within a moment.
    pub async fn stop(self) {
        let Self { traces, metrics } = self;
        let spans = tokio::task::spawn_blocking(move || traces.shutdown_with_timeout(STOP_WITHIN));
        let numbers = tokio::task::spawn_blocking(move || metrics.shutdown_with_timeout(STOP_WITHIN));
        // Metrics wait for their collector longer than they are asked to.
        let _ = tokio::time::timeout(STOP_WITHIN, futures::future::join(spans, numbers)).await;
    }
}

/// What the environment asks for.
struct Wanted<'a> {
    traces: bool,
    metrics: bool,
    insights: Option<&'a str>,
}

impl<'a> Wanted<'a> {
    fn of(env: &'a BTreeMap<String, String>) -> Self {
        let disabled = env.get("OTEL_SDK_DISABLED").is_some_and(|text| text.eq_ignore_ascii_case("true"));
        let signal = |name: &str| {
            let named = env.get(&format!("OTEL_{name}_EXPORTER")).map_or("otlp", String::as_str);
            let endpoint = is_set(env, "OTEL_EXPORTER_OTLP_ENDPOINT")
                || is_set(env, &format!("OTEL_EXPORTER_OTLP_{name}_ENDPOINT"));
            let protocol = [&format!("OTEL_EXPORTER_OTLP_{name}_PROTOCOL"), "OTEL_EXPORTER_OTLP_PROTOCOL"]
                .into_iter()
                .find_map(|name| env.get(name).filter(|text| !text.is_empty()));
            let spoken = protocol.is_none_or(|text| text == "http/protobuf");
            if endpoint && !disabled && !spoken {
                tracing::warn!(signal = name, "OTEL_EXPORTER_OTLP_PROTOCOL is not supported: expected http/protobuf");
            }
            !disabled && endpoint && spoken && matches!(named, "" | "otlp")
        };
        let insights = env.get(INSIGHTS).map(String::as_str).filter(|text| !text.is_empty() && !disabled);
        Self { traces: signal("TRACES"), metrics: signal("METRICS"), insights }
    }
}

fn is_set(env: &BTreeMap<String, String>, name: &str) -> bool {
    env.get(name).is_some_and(|text| !text.is_empty())
}

/// `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES` win; otherwise the names by which the Functions host calls itself.
fn resource(env: &BTreeMap<String, String>) -> Resource {
    let mut ours = vec![KeyValue::new("service.version", crate::config::version())];
    let named = is_set(env, "OTEL_SERVICE_NAME")
        || env.get("OTEL_RESOURCE_ATTRIBUTES").is_some_and(|text| text.contains("service.name="));
    if !named {
        let site = env.get("WEBSITE_SITE_NAME").map_or("client-organizer", String::as_str);
        ours.push(KeyValue::new("service.name", site.to_owned()));
    }
    if let Some(instance) = env.get("WEBSITE_INSTANCE_ID") {
        ours.push(KeyValue::new("service.instance.id", instance.clone()));
    }
    Resource::builder().with_attributes(ours).build()
}

type InsightsExporter = insights::Exporter<reqwest::blocking::Client>;

fn insights_exporter(connection: &str) -> Result<InsightsExporter, String> {
    // A blocking client must be made outside the async runtime.
    let made = std::thread::scope(|scope| {
        scope.spawn(|| reqwest::blocking::Client::builder().timeout(INSIGHTS_WITHIN).build()).join()
    });
    let client = made.map_err(|_| "its client panicked".to_owned())?.map_err(|error| error.to_string())?;
    // The error is not shown: it may quote the connection string.
    insights::Exporter::new_from_connection_string(connection, client).map_err(|_| format!("{INSIGHTS} is invalid"))
}

fn not_exported(what: &str, error: &dyn std::fmt::Display) {
    tracing::warn!(%error, "{what} are not exported");
}

fn with_exporter<E: opentelemetry_sdk::trace::SpanExporter + 'static>(
    traces: TracerProviderBuilder,
    exporter: E,
    to: &'static str,
) -> TracerProviderBuilder {
    traces.with_batch_exporter(Once::of(exporter, to))
}

/// Logs when an exporter begins to fail and when it works again, not every try between.
#[derive(Debug)]
struct Once<E> {
    exporter: E,
    to: &'static str,
    failing: AtomicBool,
}

impl<E> Once<E> {
    fn of(exporter: E, to: &'static str) -> Self {
        Self { exporter, to, failing: AtomicBool::new(false) }
    }

    fn report(&self, what: &'static str, result: OTelSdkResult) -> OTelSdkResult {
        let to = self.to;
        let failed_before = self.failing.swap(result.is_err(), Ordering::Relaxed);
        match &result {
            Err(error) if !failed_before => tracing::warn!(to, %error, "{what} are not exported: they are dropped"),
            Ok(()) if failed_before => tracing::info!(to, "{what} are exported again"),
            Err(_) | Ok(()) => {}
        }
        result
    }
}

impl<E: opentelemetry_sdk::trace::SpanExporter> opentelemetry_sdk::trace::SpanExporter for Once<E> {
    async fn export(&self, mut batch: Vec<SpanData>) -> OTelSdkResult {
        batch.retain(|span| !spans::is_idle(span));
        if batch.is_empty() {
            return Ok(());
        }
        self.report("spans", self.exporter.export(batch).await)
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.exporter.force_flush()
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.exporter.set_resource(resource);
    }
}

impl<E: PushMetricExporter> PushMetricExporter for Once<E> {
    async fn export(&self, metrics: &ResourceMetrics) -> OTelSdkResult {
        self.report("metrics", self.exporter.export(metrics).await)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.exporter.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }

    fn temporality(&self) -> Temporality {
        self.exporter.temporality()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_environment_asks_for_is_exported() {
        let wanted = |pairs: &[(&str, &str)]| {
            let env = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            let wanted = Wanted::of(&env);
            (wanted.traces, wanted.metrics, wanted.insights.is_some())
        };
        let (all, traces, metrics) = (
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c:4318"),
            ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://c:4318/v1/traces"),
            ("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "http://c:4318/v1/metrics"),
        );
        let insights = (INSIGHTS, "InstrumentationKey=0");
        assert_eq!(wanted(&[]), (false, false, false));
        assert_eq!(wanted(&[("OTEL_SERVICE_NAME", "x"), ("OTEL_EXPORTER_OTLP_ENDPOINT", "")]), (false, false, false));
        assert_eq!(wanted(&[all]), (true, true, false));
        assert_eq!(wanted(&[traces]), (true, false, false));
        assert_eq!(wanted(&[metrics]), (false, true, false));
        assert_eq!(wanted(&[insights]), (false, false, true));
        assert_eq!(wanted(&[all, insights, ("OTEL_SDK_DISABLED", "true")]), (false, false, false));
        assert_eq!(wanted(&[all, ("OTEL_METRICS_EXPORTER", "none")]), (true, false, false));
        assert_eq!(wanted(&[all, ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")]), (false, false, false));
        assert_eq!(wanted(&[all, ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "http/json")]), (false, true, false));
    }
}
