//! What the local host tells: one typed event each, as a line for people or as a JSON line for programs.

use crate::{domain::printable, ports::clock::Clock};
use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serialize;
use serde_json::Value;
use std::{
    fmt,
    io::Write,
    sync::{Arc, Mutex, PoisonError, mpsc},
};
use tokio::sync::{broadcast, oneshot};

#[derive(Debug, Clone, Serialize)]
pub struct Event {
    #[serde(serialize_with = "millis")]
    pub at: DateTime<Utc>,
    #[serde(flatten)]
    pub what: What,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum What {
    Listening {
        port: u16,
        queue_port: u16,
    },
    HandlerStarted {
        pid: u32,
        ready_ms: u64,
    },
    HandlerExited {
        code: Option<i32>,
        signal: Option<i32>,
    },
    HostStopped {
        exits: u32,
    },
    Invocation {
        function: String,
        id: String,
        message_id: Option<String>,
        ms: u64,
        ok: bool,
        reason: Option<String>,
    },
    Hang {
        function: String,
        id: String,
    },
    Http {
        function: String,
        id: String,
        method: String,
        path: String,
        status: u16,
        ms: u64,
    },
    Queued {
        entity: String,
        message_id: String,
    },
    DuplicateDropped {
        entity: String,
        message_id: String,
    },
    Delivered {
        entity: String,
        message_id: String,
        delivery_count: u32,
    },
    Completed {
        entity: String,
        message_id: String,
        delivery_count: u32,
    },
    Abandoned {
        entity: String,
        message_id: String,
        delivery_count: u32,
    },
    DeadLettered {
        entity: String,
        message_id: String,
        delivery_count: u32,
        reason: String,
    },
    /// A line of the handler: `line` is its object where it was JSON, else its text.
    Log {
        stream: Stream,
        line: Value,
    },
    /// Something the host has to say.
    Note {
        text: String,
    },
    /// Nobody read fast enough; so many events were not written.
    Dropped {
        events: u64,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Stream {
    Stdout,
    Stderr,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    Text,
    Json,
}

/// Cheap to clone. Emitting never waits: a reader that stalls loses events and is told how many.
#[derive(Clone)]
pub struct EventSink {
    clock: Arc<dyn Clock>,
    subscribers: broadcast::Sender<Event>,
    writer: Option<mpsc::SyncSender<Line>>,
    dropped: Arc<std::sync::atomic::AtomicU64>,
    /// Held from an event's time to its place among the others, so that times are in order.
    order: Arc<Mutex<()>>,
}

enum Line {
    Event(Event),
    Flush(oneshot::Sender<()>),
}

/// Events kept for a reader that is behind: some seconds of a busy host, a few MB.
const BEHIND_MAX: usize = 8_192;

impl EventSink {
    /// Writes to nobody; for those who only subscribe.
    #[must_use]
    pub fn silent(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            subscribers: broadcast::channel(BEHIND_MAX).0,
            writer: None,
            dropped: Arc::default(),
            order: Arc::default(),
        }
    }

    /// Writes every event as one line, on a thread of its own: a slow terminal must not slow the host.
    #[must_use]
    pub fn writing(clock: Arc<dyn Clock>, form: Form, mut out: impl Write + Send + 'static) -> Self {
        let (writer, lines) = mpsc::sync_channel(BEHIND_MAX);
        std::thread::spawn(move || {
            while let Ok(line) = lines.recv() {
                // A reader that went away is no reason to stop: the host's work is not its output.
                let _ = match line {
                    Line::Event(event) => match form {
                        Form::Json => {
                            let line = serde_json::to_string(&event).unwrap_or_default();
                            writeln!(out, "{}", printable::json(&line))
                        }
                        Form::Text if !event.what.is_news() => Ok(()),
                        Form::Text => writeln!(out, "{event}"),
                    }
                    .and_then(|()| out.flush()),
                    Line::Flush(done) => {
                        let _ = done.send(());
                        Ok(())
                    }
                };
            }
        });
        Self { writer: Some(writer), ..Self::silent(clock) }
    }

    pub fn emit(&self, what: What) {
        use std::sync::atomic::Ordering::Relaxed;
        let _ordered = self.order.lock().unwrap_or_else(PoisonError::into_inner);
        let event = Event { at: self.clock.now(), what };
        if let Some(writer) = &self.writer {
            let missed = self.dropped.swap(0, Relaxed);
            let report = Event { at: event.at, what: What::Dropped { events: missed } };
            if missed > 0 && writer.try_send(Line::Event(report)).is_err() {
                self.dropped.fetch_add(missed, Relaxed);
            }
            if writer.try_send(Line::Event(event.clone())).is_err() {
                self.dropped.fetch_add(1, Relaxed);
            }
        }
        // Err: nobody subscribed.
        let _ = self.subscribers.send(event);
    }

    pub fn note(&self, text: impl Into<String>) {
        self.emit(What::Note { text: text.into() });
    }

    /// A line for a person: a note among the events where these are written, else plainly on stdout.
    pub fn say(&self, text: &str) {
        if self.writer.is_some() {
            self.note(text);
        } else {
            // A closed terminal is no reason to stop.
            let _ = writeln!(std::io::stdout(), "{}", printable::lines(text));
        }
    }

    /// Whether events go out as lines.
    #[must_use]
    pub fn is_written(&self) -> bool {
        self.writer.is_some()
    }

    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    #[must_use]
    pub fn subscribe(&self) -> broadcast::Receiver<Event> {
        self.subscribers.subscribe()
    }

    /// Waits until everything emitted so far is written; not longer than a second.
    pub async fn flush(&self) {
        if let Some(writer) = &self.writer {
            let (done, written) = oneshot::channel();
            if writer.try_send(Line::Flush(done)).is_ok() {
                let _ = tokio::time::timeout(std::time::Duration::from_secs(1), written).await;
            }
        }
    }
}

impl What {
    /// Whether people are shown it. What the host's own line says is not said again by the handler's, and a timer's run
    /// that ended well is not news: what it did, if anything, the handler logs.
    #[must_use]
    pub fn is_news(&self) -> bool {
        match self {
            Self::Log { line, .. } => {
                let message = line.get("message").and_then(Value::as_str).unwrap_or_default();
                !["answered", "handler up"].contains(&message)
            }
            Self::Invocation { ok: true, message_id, .. } => message_id.is_some(),
            // The line before says what it means.
            Self::Invocation { ok: false, reason, .. } => reason.as_deref() != Some(HANG),
            _ => true,
        }
    }
}

/// The reason of an invocation after `What::Hang`.
pub(super) const HANG: &str = "hang";

fn millis<S: serde::Serializer>(at: &DateTime<Utc>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&at.to_rfc3339_opts(SecondsFormat::Millis, true))
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // One line, whatever a path, an id or a log line has in it.
        write!(f, "{} {}", self.at.format("%H:%M:%S%.3f"), printable::line(&self.what.to_string()))
    }
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Listening { port, queue_port } => {
                write!(f, "listening on http://127.0.0.1:{port}/api (queue stand-in on port {queue_port})")
            }
            Self::HandlerStarted { pid, ready_ms } => write!(f, "handler up: pid {pid}, ready in {ready_ms} ms"),
            Self::HandlerExited { code: Some(code), .. } => write!(f, "handler exited with code {code}"),
            Self::HandlerExited { code: None, signal } => {
                write!(f, "handler was killed by signal {}", signal.map_or_else(|| "?".to_owned(), |s| s.to_string()))
            }
            Self::HostStopped { exits } => write!(f, "host stopped: {exits} exits in a row; starting afresh"),
            Self::Invocation { function, ms, ok: true, .. } => write!(f, "{function} ok, {ms} ms"),
            Self::Invocation { function, ms, ok: false, reason, .. } => {
                write!(f, "{function} FAILED, {ms} ms: {}", reason.as_deref().unwrap_or("no reason"))
            }
            Self::Hang { function, .. } => write!(
                f,
                "{function} HANGS: it answered success with an empty body; in Azure nothing happens until \
                 functionTimeout, then the process is killed"
            ),
            Self::Http { method, path, status, ms, .. } => write!(f, "{method} {path} -> {status}, {ms} ms"),
            Self::Queued { entity, message_id } => write!(f, "queued {message_id} on {entity}"),
            Self::DuplicateDropped { entity, message_id } => write!(f, "dropped a duplicate {message_id} on {entity}"),
            Self::Delivered { entity, message_id, delivery_count } => {
                write!(f, "delivered {message_id} from {entity}, delivery {delivery_count}")
            }
            Self::Completed { entity, message_id, .. } => write!(f, "completed {message_id} on {entity}"),
            Self::Abandoned { entity, message_id, delivery_count } => {
                write!(f, "abandoned {message_id} on {entity} after delivery {delivery_count}")
            }
            Self::DeadLettered { entity, message_id, reason, .. } => {
                write!(f, "dead-lettered {message_id} of {entity}: {reason}")
            }
            Self::Log { stream: Stream::Stdout, line } => write!(f, "handler | {}", readable(line)),
            Self::Log { stream: Stream::Stderr, line } => write!(f, "handler ! {}", readable(line)),
            Self::Note { text } => f.write_str(text),
            Self::Dropped { events } => write!(f, "({events} events were not written: the reader is too slow)"),
        }
    }
}

/// A structured log line as `LEVEL message key=value`; anything else as it is. What every line has (time, source,
/// trace) is left to the JSON form.
fn readable(line: &Value) -> String {
    let Some(fields) = line.as_object() else {
        return line.as_str().map_or_else(|| line.to_string(), str::to_owned);
    };
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let mut out = ["level", "message"].iter().filter_map(|name| fields.get(*name)).map(text).collect::<Vec<_>>();
    let everywhere = ["level", "message", "timestamp", "target", "span", "trace", "invocation"];
    let own = fields.iter().filter(|(name, _)| !everywhere.contains(&name.as_str()));
    out.extend(own.map(|(name, value)| format!("{name}={}", text(value))));
    out.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_one_flat_json_object() {
        let at = DateTime::from_timestamp(1_787_220_000, 0).unwrap();
        let event = Event { at, what: What::Listening { port: 1, queue_port: 2 } };
        assert_eq!(
            serde_json::to_string(&event).unwrap(),
            r#"{"at":"2026-08-20T10:00:00.000Z","event":"listening","port":1,"queuePort":2}"#
        );
    }

    #[test]
    fn times_are_in_the_order_of_the_events_whoever_emits_them() {
        struct Steps(std::sync::atomic::AtomicI64);
        impl Clock for Steps {
            fn now(&self) -> DateTime<Utc> {
                let ms = self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                // Another may come between the time and the place.
                std::thread::yield_now();
                DateTime::from_timestamp_millis(ms).unwrap()
            }
        }
        let sink = EventSink::silent(Arc::new(Steps(0.into())));
        let mut feed = sink.subscribe();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..500).for_each(|_| sink.note("x")));
            }
        });
        let times: Vec<_> = std::iter::from_fn(|| feed.try_recv().ok()).map(|event| event.at).collect();
        assert!(times.len() == 2_000 && times.is_sorted());
    }

    #[test]
    fn an_event_is_one_line_whatever_it_names() {
        let odd = "/x\u{85}\u{202e}\n12:00:00.000 all is well\u{1b}[2J";
        let http = |path: &str| What::Http {
            function: String::new(),
            id: String::new(),
            method: "GET".to_owned(),
            path: path.to_owned(),
            status: 404,
            ms: 1,
        };
        let log = What::Log { stream: Stream::Stdout, line: serde_json::json!({"message": odd, odd: odd}) };
        for what in [http(odd), log, What::Queued { entity: odd.to_owned(), message_id: odd.to_owned() }] {
            let line = Event { at: DateTime::default(), what }.to_string();
            assert!(line.contains("all is well"), "{line}");
            assert!(!line.contains(|c: char| c.is_control() || c == '\u{202e}'), "{line:?}");
        }
    }

    #[test]
    fn a_structured_line_is_readable_in_a_terminal() {
        let line = serde_json::json!({"level":"INFO","message":"claimed","rows":3,"target":"x"});
        assert_eq!(readable(&line), "INFO claimed rows=3");
        assert_eq!(readable(&Value::String("plain".into())), "plain");
    }
}
