//! The outbox on SQLite: route, claim, settle.
