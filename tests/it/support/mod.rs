//! Helpers that several test files share.

pub mod acs_server;
pub mod backend;
pub mod broker;
pub mod browser;
pub mod certificates;
pub mod collector;
pub mod echo;
pub mod edge;
pub mod exim;
pub mod fakes;
pub mod heard;
pub mod host;
pub mod hostile;
pub mod http_client;
pub mod office;
pub mod operator;
pub mod identity_endpoint;
pub mod proxy;
pub mod python_server;
pub mod queue_message;
pub mod showplan;
pub mod skip;
pub mod smtp_server;
pub mod sql_server;
pub mod tds;
pub mod tds_proxy;
pub mod wire_names;
#[allow(dead_code, reason = "the proofs use the rest of it")]
pub mod workers;
pub mod world;
