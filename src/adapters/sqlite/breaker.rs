//! The stored breaker on SQLite.
