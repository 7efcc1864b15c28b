//! The ports of one store, SQLite or SQL Server, opened by the settings.

use super::compose::{name_destinations, name_provider};
use crate::{
    adapters::{
        clock::SystemClock,
        schema_version::{Migrated, Plan},
        sqlite::{self, Sqlite, SqliteOptions},
        sqlserver::{self, Presence, SqlServer, SqlServerOptions, migrate_user::AppUser},
    },
    config::{AzureEnvironment, EmailProvider, PoolOptions, Secret, Settings, StoreKind},
    domain::route::Routes,
    flows::health::{Health, Part},
    ports::{
        books::Books,
        breaker::Breakers,
        clock::Clock,
        inbox::Inbox,
        operations::{Heartbeats, Remedies, Reports},
        outbox::Outbox,
        retention::Retention,
    },
};
use anyhow::{Context, Result, ensure};
use std::sync::{Arc, atomic::AtomicI64};
use tokio::sync::watch;

/// The ports of one store, SQLite or SQL Server.
#[derive(Clone)]
pub struct Stores {
    /// Writes entries with their messages, and reads them.
    pub books: Arc<dyn Books>,
    /// Routes, claims and settles outbox rows.
    pub outbox: Arc<dyn Outbox>,
    /// Breakers of destinations and mail providers.
    pub breakers: Arc<dyn Breakers>,
    /// Inbox entries and their mails.
    pub inbox: Arc<dyn Inbox>,
    /// Deletes what is past its retention.
    pub retention: Arc<dyn Retention>,
    /// The operator's reports.
    pub reports: Arc<dyn Reports>,
    /// Remedies with a dry run, and pauses.
    pub remedies: Arc<dyn Remedies>,
    /// The last runs of timer functions.
    pub heartbeats: Arc<dyn Heartbeats>,
    /// Whether a server can be reached; None for a file, without which the process does not start.
    pub presence: Option<watch::Receiver<Presence>>,
}

impl Stores {
    /// All ports of `store`.
    pub fn of(
        store: impl Books + Outbox + Breakers + Inbox + Retention + Reports + Remedies + Heartbeats + 'static,
    ) -> Self {
        let store = Arc::new(store);
        Self {
            books: store.clone(),
            outbox: store.clone(),
            breakers: store.clone(),
            inbox: store.clone(),
            retention: store.clone(),
            reports: store.clone(),
            remedies: store.clone(),
            heartbeats: store,
            presence: None,
        }
    }
}

pub async fn store(settings: &Settings) -> Result<Stores> {
    match &settings.store.kind {
        StoreKind::Sqlite => {
            let options = SqliteOptions {
                skew_ms: Arc::new(AtomicI64::new(settings.store.skew_ms)),
                key_lifetime_ms: settings.store.key_lifetime_ms,
                instance: settings.store.instance.clone(),
                ..SqliteOptions::at(&settings.store.path)
            };
            ensure!(
                options.path.exists(),
                "there is no database at {} (Store__Path): correct the path, or create it with `client-organizer migrate`",
                options.path.display()
            );
            let path = settings.store.path.display();
            Ok(Stores::of(Sqlite::open(options).with_context(|| format!("the store at {path} (Store__Path)"))?))
        }
        StoreKind::SqlServer { connection, pool, azure } => {
            let store = SqlServer::open(&sql_server(settings, connection, *pool, azure)).await;
            Ok(Stores::of(store.context("the store of SqlConnectionString")?))
        }
    }
}

/// For a process that runs before its store is available: a server that is unreachable, refuses the login or has
/// another schema version is tried again until it works. Exiting would not help: the Functions host restarts the
/// process at once, and gives up after three times.
pub async fn store_or_wait(settings: &Settings) -> Result<Stores> {
    match &settings.store.kind {
        StoreKind::Sqlite => store(settings).await,
        StoreKind::SqlServer { connection, pool, azure } => {
            let store = SqlServer::begin(&sql_server(settings, connection, *pool, azure))?;
            let presence = Some(store.presence());
            Ok(Stores { presence, ..Stores::of(store) })
        }
    }
}

/// Reports to Health whenever the store becomes available or unavailable. When it is available, registers the
/// destinations and the mail provider, which a new database does not know.
pub async fn follow(store: &Stores, routes: &Routes, provider: EmailProvider, health: &Health) {
    let Some(mut presence) = store.presence.clone() else { return };
    loop {
        let now = presence.borrow_and_update().clone();
        match now {
            Presence::Opening => {}
            Presence::Away { reason } => health.failed(Part::Database, SystemClock.now(), reason),
            Presence::Here => {
                health.ok(Part::Database, SystemClock.now());
                let named = async {
                    name_destinations(store, routes).await?;
                    name_provider(store, provider).await
                };
                if let Err(error) = named.await {
                    // Routing and claiming register them too; until then `ops pause` does not know an unused one.
                    tracing::warn!(error = %format!("{error:#}"), "destinations not named");
                }
            }
        }
        if presence.changed().await.is_err() {
            return;
        }
    }
}

/// Creates or updates the tables, then makes `user` one of the database.
pub async fn migrate(settings: &Settings, user: Option<&AppUser>) -> Result<Migrated> {
    Ok(match &settings.store.kind {
        StoreKind::Sqlite => {
            ensure!(user.is_none(), "--app-user is for Azure SQL: an SQLite file has no users");
            sqlite::migrate::run(&settings.store.path)?
        }
        StoreKind::SqlServer { connection, pool, azure } => {
            let options = sql_server(settings, connection, *pool, azure);
            let done = sqlserver::migrate::run(&options).await?;
            if let Some(user) = user {
                sqlserver::migrate_user::run(&options, user).await?;
            }
            done
        }
    })
}

/// What `migrate` would do.
pub async fn plan(settings: &Settings) -> Result<Plan> {
    Ok(match &settings.store.kind {
        StoreKind::Sqlite => sqlite::migrate::plan(&settings.store.path)?,
        StoreKind::SqlServer { connection, pool, azure } => {
            sqlserver::migrate::plan(&sql_server(settings, connection, *pool, azure)).await?
        }
    })
}

fn sql_server(
    settings: &Settings,
    connection: &Secret,
    pool: PoolOptions,
    azure: &AzureEnvironment,
) -> SqlServerOptions {
    SqlServerOptions {
        connection: connection.expose().to_owned(),
        azure: azure.clone(),
        pool,
        skew_ms: Arc::new(AtomicI64::new(settings.store.skew_ms)),
        key_lifetime_ms: settings.store.key_lifetime_ms,
        instance: settings.store.instance.clone(),
    }
}
