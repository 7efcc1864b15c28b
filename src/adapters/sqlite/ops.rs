//! Operators' queries and remedies on SQLite.
