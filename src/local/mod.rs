//! The small host for newcomers.
