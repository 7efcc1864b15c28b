//! `serve`: the custom handler. Binds the port first, then opens everything else; a fatal error exits non-zero.

use super::{PORT_VARIABLE, compose, database, log, or_report, stopped, stores};
use crate::{
    config::{self, Settings, StoreKind},
    functions::{self, Guard},
    telemetry::export,
};
use anyhow::{Context, Result};
use std::{collections::BTreeMap, net::Ipv4Addr, sync::atomic::Ordering};
use tokio::net::TcpListener;

pub(super) async fn run(env: &BTreeMap<String, String>) -> Result<()> {
    let port =
        env.get(PORT_VARIABLE).with_context(|| format!("{PORT_VARIABLE} is not set: the Functions host sets it"))?;
    let port: u16 =
        port.parse().with_context(|| format!("{PORT_VARIABLE} is invalid: expected a port, found '{port}'"))?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))
        .await
        .with_context(|| format!("port {port} of 127.0.0.1 cannot be bound ({PORT_VARIABLE})"))?;
    let settings = or_report(Settings::read_with_bus(env))?;
    log(&settings)?;
    #[cfg(feature = "local")]
    let local = under_local_host(env)?;
    let guard = Guard {
        port,
        #[cfg(feature = "local")]
        local,
    };
    // Set by `func start`, where the settings of the example must be sufficient.
    if env.get("AZURE_FUNCTIONS_ENVIRONMENT").is_some_and(|name| name.eq_ignore_ascii_case("Development"))
        && matches!(settings.store.kind, StoreKind::Sqlite)
    {
        stores::migrate(&settings, None).await?;
    }
    let exporters = export::start(env, database(&settings));
    let store = stores::store_or_wait(&settings).await?;
    if store.presence.is_none() {
        compose::name_destinations(&store, &settings.routes).await?;
        compose::name_provider(&store, settings.email.provider).await?;
    }
    let handler = compose::handler(&settings, &store)?;
    tracing::info!(port, version = config::version(), "handler up");
    let runs = [handler.services.dispatch.stopping.clone(), handler.nudged.stopping.clone()];
    let stopped = async move {
        stopped().await;
        // Claimed rows are still settled; otherwise they would wait for their leases to end.
        for stopping in runs {
            stopping.store(true, Ordering::Relaxed);
        }
    };
    let health = handler.services.health.clone();
    let serving = async {
        functions::serve(listener, handler.services, guard, stopped).await;
        // Wakes the waiting dispatcher, so that it sees the stop.
        handler.nudge.wake();
    };
    let running = async { tokio::join!(serving, handler.nudge.run(&handler.nudged)) };
    tokio::select! {
        _ = running => {}
        () = async {
            stores::follow(&store, &settings.routes, settings.email.provider, &health).await;
            std::future::pending::<()>().await;
        } => {}
    }
    handler.nudged.bus.close().await;
    if let Some(exporters) = exporters {
        exporters.stop().await;
    }
    Ok(())
}

/// The header that the local host's invocations carry. The handler exits with that host.
#[cfg(feature = "local")]
fn under_local_host(env: &BTreeMap<String, String>) -> Result<Option<(&'static str, String)>> {
    use crate::local;
    if let Some(lock) = env.get(local::LOCK_VARIABLE) {
        local::end_with_host(lock.as_ref()).with_context(|| format!("{lock} cannot be locked: another handler?"))?;
    }
    Ok(env.get(local::LOCAL_VARIABLE).map(|secret| (local::SECRET_HEADER, secret.clone())))
}
