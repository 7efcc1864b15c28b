//! What this thread logs, as the program writes it.

use client_organizer::telemetry;
use std::{
    io,
    sync::{Arc, Mutex},
};
use tracing::{Dispatch, subscriber::DefaultGuard};

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

pub struct Heard {
    lines: Lines,
    _guard: DefaultGuard,
    /// While there is one subscriber only, tracing asks the thread that first reaches a line whether anybody hears it: if
    /// that is another test's, nobody does from then on.
    _second: Dispatch,
}

impl Heard {
    /// Listens from now on, at this level.
    pub fn at(level: &str) -> Self {
        let lines = Lines::default();
        let writer = lines.clone();
        let subscriber = |writer: Lines| telemetry::subscriber(level, move || writer.clone()).unwrap();
        let second = Dispatch::new(subscriber(Lines::default()));
        let guard = tracing::subscriber::set_default(subscriber(writer));
        Self { lines, _guard: guard, _second: second }
    }

    /// What was logged, and listens no more.
    pub fn text(self) -> String {
        String::from_utf8(self.lines.0.lock().unwrap().clone()).unwrap()
    }
}
