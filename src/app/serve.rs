//! `serve`: the custom handler. Binds first, opens everything else after; a fatal error exits non-zero.

use super::{PORT_VARIABLE, compose, stopped, told};
use crate::{
    config::{self, Settings},
    functions, local, telemetry,
};
use anyhow::{Context, Result};
use std::{collections::BTreeMap, net::Ipv4Addr};
use tokio::net::TcpListener;

pub(super) async fn run(env: &BTreeMap<String, String>) -> Result<()> {
    let port =
        env.get(PORT_VARIABLE).with_context(|| format!("{PORT_VARIABLE} is not set: the Functions host sets it"))?;
    let port: u16 = port.parse().with_context(|| format!("{PORT_VARIABLE} is '{port}', no port"))?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))
        .await
        .with_context(|| format!("port {port} of 127.0.0.1 cannot be bound ({PORT_VARIABLE})"))?;
    let settings = told(Settings::read_with_bus(env))?;
    telemetry::init(&settings.log_level).map_err(anyhow::Error::msg)?;
    if env.contains_key(local::LOCAL_VARIABLE) {
        local::end_on_stdin_eof();
    }
    let store = compose::store(&settings).await?;
    compose::name_destinations(&store, &settings.routes).await?;
    let handler = compose::handler(&settings, &store)?;
    tracing::info!(port, version = config::VERSION, "handler up");
    let nudged = handler.nudge.run(&handler.nudged);
    tokio::select! {
        () = functions::serve(listener, handler.services, stopped()) => Ok(()),
        () = nudged => Ok(()),
    }
}
