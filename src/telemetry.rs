//! Logs: one JSON line per event on stdout.
