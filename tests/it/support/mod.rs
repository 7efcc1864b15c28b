//! What several test files share.

pub mod acs_server;
pub mod backend;
pub mod broker;
pub mod edge;
pub mod fakes;
pub mod host;
pub mod hostile;
pub mod http_client;
pub mod office;
pub mod smtp_server;
pub mod sql_server;
pub mod tds;
pub mod tds_proxy;
pub mod wire_names;
pub mod world;
