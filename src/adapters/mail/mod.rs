//! Mail providers.
