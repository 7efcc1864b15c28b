//! Logs: one JSON line per event on stdout; stderr stays empty unless the process itself dies.

use crate::domain::printable;
use std::{io, panic::PanicHookInfo};
use tracing::Subscriber;
use tracing_subscriber::{EnvFilter, fmt::MakeWriter};

/// From here on the whole process logs so, its panics too. A second call only changes nothing.
///
/// # Errors
/// The filter is none.
pub fn init(filter: &str) -> Result<(), String> {
    let subscriber = subscriber(filter, || Escaped(io::stdout()))?;
    if tracing::subscriber::set_global_default(subscriber).is_ok() {
        std::panic::set_hook(Box::new(log_panic));
    }
    Ok(())
}

/// JSON leaves characters as they are that turn a terminal's line or begin another: they are escaped.
struct Escaped<W>(W);

impl<W: io::Write> io::Write for Escaped<W> {
    /// A whole line at a time, as the formatter writes it.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.write_all(printable::json(&String::from_utf8_lossy(line)).as_bytes())?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// Fields stand beside `message`, so that a line can be read alone and searched by any of them.
///
/// # Errors
/// The filter is none.
pub fn subscriber<W>(filter: &str, writer: W) -> Result<impl Subscriber + Send + Sync, String>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    // The driver logs the server's own messages, which may quote values; ours tell number and step.
    // The server calls it an error when a caller goes away or sends too many headers: anybody could fill the log.
    let quiet = format!("{filter},tiberius=off,warp::server=off");
    let filter = EnvFilter::try_new(quiet).map_err(|_| "Log__Level is no log filter".to_owned())?;
    let json = tracing_subscriber::fmt().json().flatten_event(true).with_current_span(true).with_span_list(false);
    Ok(json.with_env_filter(filter).with_writer(writer).finish())
}

/// The host shows stderr as errors without correlation, and a panic of many lines as many errors: one line instead.
fn log_panic(info: &PanicHookInfo<'_>) {
    let message = info.payload_as_str().unwrap_or("no message");
    let message: String = message.chars().take(MESSAGE_CHARS_MAX).collect();
    let location = info.location().map(ToString::to_string).unwrap_or_default();
    let thread = std::thread::current().name().unwrap_or("unnamed").to_owned();
    tracing::error!(panic = message, location, thread, "a defect: the invocation in it failed");
}

/// A panic's message may quote what it choked on; enough to find the defect, not a document.
const MESSAGE_CHARS_MAX: usize = 300;

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn an_event_is_one_json_line_with_its_fields_beside_the_message() {
        let lines = Lines::default();
        let writer = lines.clone();
        let subscriber = subscriber("info", move || Escaped(writer.clone())).unwrap();
        tracing::subscriber::with_default(subscriber, || {
            let _invocation = tracing::info_span!("invocation", id = "i1").entered();
            tracing::info!(claimed = 3, note = "two\nlines", odd = "\u{202e}\u{9b}", "dispatched");
            tracing::debug!("not at this level");
        });
        let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        assert_eq!(text.lines().count(), 1, "{text}");
        let line: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(
            (&line["message"], &line["claimed"], &line["level"]),
            (&"dispatched".into(), &3.into(), &"INFO".into())
        );
        assert_eq!((&line["note"], &line["span"]["id"]), (&"two\nlines".into(), &"i1".into()));
        assert!(line["timestamp"].is_string(), "{text}");
        assert!(line["odd"] == "\u{202e}\u{9b}" && !text.contains(['\u{202e}', '\u{9b}']), "{text:?}");
    }
}
