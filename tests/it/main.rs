//! One test binary: contracts per port, rivers, simulation, host contract, command line, tidiness.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say where")]

mod support;
mod contracts;
mod conformance;
mod crash;
mod documents;
mod simulation;
#[allow(dead_code, reason = "the proofs use the rest of it")]
mod river;
mod reproductions;
mod rivers;
mod restore;
mod guards;
mod batches;
mod costs;
mod deliveries;
mod flaky_store;
mod unknown_outcomes;
mod model;
mod breakages;
mod properties;
#[path = "../fuzz/targets/mod.rs"]
mod fuzz_targets;
mod corpora;

mod http;
mod openapi;
mod operations_http;
mod operations_answers;
mod host_contract;
mod console;
mod local_host;
mod local_log;
mod telemetry;
mod queue;
mod entities;
mod dead_letters;
mod remedy_flow;
mod namespace;
mod amqp_golden;
mod events;
mod reminders;
mod mail;
mod letters;
mod erasure;
mod refused_alike;
mod smtp;
mod smtp_bytes;
mod exim;
mod headers;
mod access;
mod function_keys;
mod acs;
mod rate_limits;
mod providers;
mod wire;
mod entra;
mod cli;
mod cli_ops;
mod symptoms;
mod doctor;
mod staging;
mod settings;
mod template;
mod tidy;
mod sql_lint;
mod showplan;
mod report_plans;
mod skips;
mod migrate;
mod private;
mod slots;
mod migrate_sqlserver;
