//! Faults on the wire between us and SQL Server, against a stand-in: what the caller gets, that the pool is healthy
//! after, and that nothing was done twice.

mod answers;
mod away;
mod logins;
mod meanings;
mod held;
mod locks_live;
mod sqlserver_live;
mod trips;

use crate::support::tds::{
    TdsServer,
    tokens::{Cell, Table, table},
};
use client_organizer::{
    adapters::sqlserver::{PoolOptions, SqlServer, SqlServerOptions},
    domain::{
        ids::LeaseToken,
        outbox::{Claim, ClaimMode},
        route::Destination,
    },
};
use std::time::Duration;

/// Generous where an answer comes: a busy machine is not a fault. A stalled request lasts for `answer_within`.
fn options(server: &TdsServer, answer_within: Duration) -> SqlServerOptions {
    let long = Duration::from_secs(30);
    let pool = PoolOptions {
        connections_max: 4,
        wait: long,
        idle: long,
        connect_timeout: long,
        command_timeout: answer_within,
        ..PoolOptions::default()
    };
    SqlServerOptions { pool, ..SqlServerOptions::at(server.plain()) }
}

fn claim_from(destination: &str, mode: ClaimMode) -> Claim {
    let destination = Destination::parse(destination).unwrap();
    Claim { destination, mode, token: LeaseToken::fresh(), lease_ms: 600_000, claims_max: 3 }
}

async fn opened(server: &TdsServer) -> SqlServer {
    SqlServer::open(&options(server, Duration::from_secs(30))).await.unwrap()
}

/// One client, as `books_client` returns it.
fn client() -> Vec<Table> {
    let columns = ["ClientKey", "Name", "Address", "NipNb", "Email", "Language", "Version"];
    let row =
        vec![1.into(), "Ania".into(), "Prosta 1".into(), "5260250274".into(), "a@b.pl".into(), "pl".into(), 1.into()];
    vec![table(&columns, vec![row])]
}
