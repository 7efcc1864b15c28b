//! Pruning on SQLite.
