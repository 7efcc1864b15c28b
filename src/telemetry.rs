//! Logs: one JSON line per event on stdout. stderr stays empty unless the process itself dies.
//!
//! `spans` and `meters` are what the flows record beside; `export` sends it, where the environment names a collector.

pub mod export;
pub mod meters;
pub mod spans;

use crate::domain::{fingerprint::without_addresses, printable};
use std::{io, panic::PanicHookInfo};
use tracing::Subscriber;
use tracing_subscriber::{EnvFilter, fmt::MakeWriter};

/// Makes the whole process log this way, its panics too. A second call changes nothing.
///
/// # Errors
/// `Log__Level` is not a valid filter of `tracing`.
pub fn init(filter: &str) -> Result<(), String> {
    let subscriber = subscriber(filter, || Escaped(io::stdout()))?;
    if tracing::subscriber::set_global_default(subscriber).is_ok() {
        std::panic::set_hook(Box::new(log_panic));
    }
    Ok(())
}

/// Escapes characters that JSON allows but that reverse a terminal's line or begin another.
struct Escaped<W>(W);

impl<W: io::Write> io::Write for Escaped<W> {
    /// The formatter writes a whole line at a time.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.write_all(printable::json(&String::from_utf8_lossy(line)).as_bytes())?;
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// A subscriber that writes one JSON object per line. Fields stand beside `message`, so that each can be searched for.
///
/// # Errors
/// `Log__Level` is not a valid filter of `tracing`.
pub fn subscriber<W>(filter: &str, writer: W) -> Result<impl Subscriber + Send + Sync, String>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    // The driver logs the server's own messages, which may quote values; ours name the error's number and the step.
    // warp logs an error when a caller goes away or sends too many headers: any caller could fill the log.
    let quiet = format!("{filter},tiberius=off,warp::server=off");
    let filter = EnvFilter::try_new(quiet).map_err(|_| {
        "Log__Level is invalid: expected a level such as info, or a filter such as info,client_organizer=debug"
            .to_owned()
    })?;
    let json = tracing_subscriber::fmt().json().flatten_event(true).with_current_span(true).with_span_list(false);
    Ok(json.with_env_filter(filter).with_writer(writer).finish())
}

/// One line: the host shows each line of stderr as an error of its own, without its invocation.
fn log_panic(info: &PanicHookInfo<'_>) {
    let message = without_values(info.payload_as_str().unwrap_or("no message"));
    let location = info.location().map(ToString::to_string).unwrap_or_default();
    let thread = std::thread::current().name().unwrap_or("unnamed").to_owned();
    tracing::error!(panic = message, location, thread, "panicked: this is a defect, and the invocation failed");
}

/// A panic's message may quote the value that caused it, as that of a slice does in backticks: a client's data, or a secret.
/// What is before it and the location are enough to find the defect.
fn without_values(message: &str) -> String {
    let unquoted = message.split('`').next().unwrap_or_default();
    without_addresses(unquoted).chars().take(MESSAGE_CHARS_MAX).collect()
}

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
    fn a_panics_line_has_nothing_of_what_was_sliced() {
        let secret = "ółć c4n4ryKEY anna.kowalska@example.pl".to_owned();
        let panic = std::panic::catch_unwind(|| secret[..1].len()).unwrap_err();
        let message = panic.downcast_ref::<String>().unwrap();
        assert!(message.contains("c4n4ryKEY"), "Rust quotes it: {message}");
        let shown = without_values(message);
        assert!(shown.contains("char boundary") && !shown.contains("c4n4ryKEY"), "{shown}");
        assert!(!without_values("no mail to anna.kowalska@example.pl").contains("anna"));
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
