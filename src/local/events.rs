//! What the local host reports: typed events, each printed as a line for people or as a JSON line for programs.

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

/// One event with its time; times are in the order in which events are emitted.
#[derive(Debug, Clone, Serialize)]
pub struct Event {
    /// When it was emitted; printed with milliseconds.
    #[serde(serialize_with = "millis")]
    pub at: DateTime<Utc>,
    /// What happened.
    #[serde(flatten)]
    pub what: What,
}

/// What happened. As JSON, `event` holds the variant's name in kebab-case, and the fields are in camelCase.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case", rename_all_fields = "camelCase")]
pub enum What {
    /// The host accepts HTTP; the handler may not be ready yet.
    Listening {
        /// The port for HTTP on 127.0.0.1.
        port: u16,
        /// The port of the queue stand-in on 127.0.0.1.
        queue_port: u16,
    },
    /// A handler process answers HTTP.
    HandlerStarted {
        /// Its process id.
        pid: u32,
        /// Milliseconds from its start to its first answer.
        ready_ms: u64,
    },
    /// A handler process ended.
    HandlerExited {
        /// Its exit code; `None` when a signal ended it.
        code: Option<i32>,
        /// The signal that ended it.
        signal: Option<i32>,
    },
    /// The handler exited too often in a row. In Azure the host stops; here it starts afresh.
    HostStopped {
        /// Exits in a row, each within 30 minutes of the one before.
        exits: u32,
    },
    /// An invocation by a timer or a queue message ended.
    Invocation {
        /// The function's name.
        function: String,
        /// The invocation's id, as the handler received it.
        id: String,
        /// The id of the queue message; `None` for a timer.
        message_id: Option<String>,
        /// How long it took, in milliseconds.
        ms: u64,
        /// Whether the Azure host would count it as a success.
        ok: bool,
        /// Why it failed.
        reason: Option<String>,
    },
    /// An invocation was answered in a way that makes the Azure host wait until functionTimeout.
    Hang {
        /// The function's name.
        function: String,
        /// The invocation's id.
        id: String,
    },
    /// An HTTP request was passed to the handler and answered.
    Http {
        /// The name of the function whose route matched.
        function: String,
        /// The invocation's id, as the handler received it.
        id: String,
        /// The HTTP method.
        method: String,
        /// The path as the client sent it, without the query.
        path: String,
        /// The HTTP status that the client received.
        status: u16,
        /// How long it took, in milliseconds.
        ms: u64,
    },
    /// The queue stored a message.
    Queued {
        /// The queue or topic.
        entity: String,
        /// The message's id.
        message_id: String,
    },
    /// Duplicate detection accepted a message and dropped it.
    DuplicateDropped {
        /// The queue or topic.
        entity: String,
        /// The repeated id.
        message_id: String,
    },
    /// A message was locked and delivered to a receiver.
    Delivered {
        /// The queue.
        entity: String,
        /// The message's id.
        message_id: String,
        /// Deliveries so far, this one included.
        delivery_count: u32,
    },
    /// A receiver settled a message; it left the queue.
    Completed {
        /// The queue.
        entity: String,
        /// The message's id.
        message_id: String,
        /// Deliveries so far.
        delivery_count: u32,
    },
    /// A receiver returned a message to the queue.
    Abandoned {
        /// The queue.
        entity: String,
        /// The message's id.
        message_id: String,
        /// Deliveries so far.
        delivery_count: u32,
    },
    /// A message moved to the dead-letter queue.
    DeadLettered {
        /// The queue.
        entity: String,
        /// The message's id.
        message_id: String,
        /// Deliveries so far.
        delivery_count: u32,
        /// Service Bus's name for the reason.
        reason: String,
    },
    /// The handler printed a line.
    Log {
        /// Where it was printed.
        stream: Stream,
        /// The line's object where it was a JSON object, else its text; at most 64 KiB.
        line: Value,
    },
    /// A remark of the host for people.
    Note {
        /// One or more lines.
        text: String,
    },
    /// The reader of the output was too slow, so events were not written.
    Dropped {
        /// How many.
        events: u64,
    },
}

/// Which output of the handler a line came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// How events are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// A line for people; only events that are news to them.
    Text,
    /// A JSON object per line; every event.
    Json,
}

/// Where events go: printed lines and subscribers. Cheap to clone. Emitting never waits: a reader that stalls loses
/// events, and `What::Dropped` reports how many.
#[derive(Clone)]
pub struct EventSink {
    clock: Arc<dyn Clock>,
    subscribers: broadcast::Sender<Event>,
    writer: Option<mpsc::SyncSender<Line>>,
    dropped: Arc<std::sync::atomic::AtomicU64>,
    /// Locked from reading the clock until the event is in line, so that times are in order.
    order: Arc<Mutex<()>>,
}

enum Line {
    Event(Event),
    Flush(oneshot::Sender<()>),
}

/// Events kept for a slow reader: some seconds of a busy host, a few MB.
const BEHIND_MAX: usize = 8_192;

impl EventSink {
    /// Prints nothing; events reach subscribers only.
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

    /// Prints each event as one line to `out`, on a thread of its own: a slow terminal must not slow the host.
    #[must_use]
    pub fn writing(clock: Arc<dyn Clock>, form: Form, mut out: impl Write + Send + 'static) -> Self {
        let (writer, lines) = mpsc::sync_channel(BEHIND_MAX);
        std::thread::spawn(move || {
            while let Ok(line) = lines.recv() {
                // The host continues without a reader: its work is not its output.
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

    /// Gives an event its time and sends it to the output and all subscribers.
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

    /// Emits a remark for people.
    pub fn note(&self, text: impl Into<String>) {
        self.emit(What::Note { text: text.into() });
    }

    /// Prints a line for people: as a note among the events where these are printed, else plainly on stdout.
    pub fn say(&self, text: &str) {
        if self.writer.is_some() {
            self.note(text);
        } else {
            // The host continues without a terminal.
            let _ = writeln!(std::io::stdout(), "{}", printable::lines(text));
        }
    }

    /// Whether events are printed.
    #[must_use]
    pub fn is_written(&self) -> bool {
        self.writer.is_some()
    }

    /// The time of the clock that events are stamped with.
    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    /// Receives all events from now on. A subscriber that is 8,192 events behind misses the oldest.
    #[must_use]
    pub fn subscribe(&self) -> broadcast::Receiver<Event> {
        self.subscribers.subscribe()
    }

    /// Waits until everything emitted so far is printed; at most a second.
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
    /// Whether the event is shown to people. A line of the handler that repeats the host's own is not, nor is a timer's
    /// successful run: the handler logs what it did, if anything.
    #[must_use]
    pub fn is_news(&self) -> bool {
        match self {
            Self::Log { line, .. } => {
                let message = line.get("message").and_then(Value::as_str).unwrap_or_default();
                !["answered", "handler up"].contains(&message)
            }
            Self::Invocation { ok: true, message_id, .. } => message_id.is_some(),
            // The `Hang` line before it explains it.
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
                write!(
                    f,
                    "listening on http://127.0.0.1:{port}/api (queue stand-in on port {queue_port}); the operators' page: \
                     http://127.0.0.1:{port}/api/console"
                )
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
                "{function} HANGS: it returned success with an empty body; in Azure nothing happens until \
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

/// A structured log line as `LEVEL message key=value`; anything else as it is. Fields that every line has (time, source,
/// trace) appear in the JSON form only.
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
    fn times_are_in_the_order_of_events_from_several_threads() {
        struct Steps(std::sync::atomic::AtomicI64);
        impl Clock for Steps {
            fn now(&self) -> DateTime<Utc> {
                let ms = self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                // Lets another thread run between reading the clock and sending.
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
    fn an_event_is_one_line_even_with_control_characters() {
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
