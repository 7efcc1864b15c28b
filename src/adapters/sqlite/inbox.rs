//! The inbox on SQLite.
