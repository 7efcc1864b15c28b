//! The host's edge: envelopes in, answers out.
