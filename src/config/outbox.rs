//! The settings of the outbox, the database and retention.

use super::{
    AzureEnvironment, PoolOptions, Secret, StoreKind, StoreSettings, connection::sql::ConnectionString, reader::Reader,
    setting::Choice,
};
use crate::domain::{
    flow_settings::{DispatchSettings, PruneSettings},
    message::MessageLimits,
    verdict::Policy,
};
use std::{collections::BTreeMap, time::Duration};

pub(super) fn dispatch(reader: &mut Reader<'_>) -> DispatchSettings {
    DispatchSettings {
        batch_max: reader.number("Outbox__BatchMax"),
        batch_bytes_max: reader.number("Outbox__BatchBytesMax"),
        lease_ms: reader.number("Outbox__LeaseMs"),
        headroom_ms: reader.number("Outbox__HeadroomMs"),
        claims_max: reader.number("Outbox__ClaimsMax"),
        run_ms: reader.number("Outbox__RunMs"),
        policy: Policy {
            retry_max: reader.number("Outbox__RetryMax"),
            retry_base_ms: reader.number("Outbox__RetryBaseMs"),
            retry_delay_max_ms: reader.number("Outbox__RetryDelayMaxMs"),
            breaker_base_ms: reader.number("Breaker__BaseMs"),
            breaker_max_ms: reader.number("Breaker__MaxMs"),
        },
    }
}

pub(super) fn limits(reader: &mut Reader<'_>) -> MessageLimits {
    MessageLimits {
        body_bytes_max: reader.number("Outbox__MessageBytesMax"),
        headers_bytes_max: reader.number("Outbox__HeaderBytesMax"),
    }
}

pub(super) fn store(reader: &mut Reader<'_>) -> StoreSettings {
    let database = reader.choice("Store__Kind");
    let azure = azure(reader);
    let connection = reader.given("SqlConnectionString").filter(|text| !text.trim().is_empty());
    let parsed = connection.map(|text| ConnectionString::parse(text, &azure));
    if let Some(Err(problems)) = &parsed {
        for problem in problems {
            reader.problem("SqlConnectionString", problem.clone());
        }
    }
    let pool = pool(reader, parsed.and_then(Result::ok).as_ref());
    let kind = match (database, connection) {
        (Database::SqlServer, Some(text)) => {
            StoreKind::SqlServer { connection: Secret(text.to_owned()), pool, azure: Box::new(azure) }
        }
        (Database::SqlServer, None) => {
            reader.problem("SqlConnectionString", "is not set, and Store__Kind is sqlserver");
            StoreKind::Sqlite
        }
        (Database::Sqlite, Some(_)) if reader.given("Store__Kind").is_none() => {
            reader.problem(
                "Store__Kind",
                "is not set, and SqlConnectionString is: expected sqlserver, or sqlite to keep the file although it is set",
            );
            StoreKind::Sqlite
        }
        (Database::Sqlite, _) => StoreKind::Sqlite,
    };
    StoreSettings {
        kind,
        path: reader.path("Store__Path"),
        idle: Duration::from_millis(reader.number("Store__IdleMs")),
        instance: instance(reader.given("WEBSITE_INSTANCE_ID")),
        skew_ms: reader.number("Store__SkewMs"),
        key_lifetime_ms: reader.number::<i64>("Idempotency__RetentionHours") * 3_600_000,
    }
}

/// In Azure the instance as the portal shows it, shortened; elsewhere this machine. With the process id: a restarted
/// process is another one.
fn instance(azure: Option<&str>) -> String {
    let name = azure.map_or_else(
        || rustix::system::uname().nodename().to_string_lossy().into_owned(),
        |id| id.chars().take(12).collect(),
    );
    format!("{}:{}", name.chars().take(80).collect::<String>(), std::process::id())
}

/// Azure's own variables, which its libraries read too.
fn azure(reader: &Reader<'_>) -> AzureEnvironment {
    let given = |name| reader.given(name).map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned);
    AzureEnvironment {
        tenant_id: given("AZURE_TENANT_ID"),
        client_id: given("AZURE_CLIENT_ID"),
        client_secret: given("AZURE_CLIENT_SECRET"),
        has_managed_identity: given("IDENTITY_ENDPOINT").is_some() || given("WEBSITE_SITE_NAME").is_some(),
    }
}

/// Between tries while the login is refused or the certificate not trusted: a shorter one could lock the account.
const REFUSED_PAUSE: Duration = Duration::from_secs(30);

impl Default for PoolOptions {
    fn default() -> Self {
        pool(&mut Reader::new(&BTreeMap::new()), None)
    }
}

/// `Connect Timeout` and `Command Timeout` of the connection string apply where their settings are not given.
fn pool(reader: &mut Reader<'_>, parsed: Option<&ConnectionString>) -> PoolOptions {
    let connections_max = reader.number("Sql__ConnectionsMax");
    let mut ms = |name, parsed: Option<Duration>| match parsed.filter(|_| reader.given(name).is_none()) {
        Some(parsed) => parsed,
        None => Duration::from_millis(reader.number(name)),
    };
    PoolOptions {
        connections_max,
        wait: ms("Sql__WaitMs", None),
        idle: ms("Sql__IdleMs", None),
        connect_timeout: ms("Sql__ConnectTimeoutMs", parsed.and_then(|parsed| parsed.connect_timeout)),
        command_timeout: ms("Sql__CommandTimeoutMs", parsed.and_then(|parsed| parsed.command_timeout)),
        patience: ms("Sql__DeliveryWaitMs", None),
        refused_pause: REFUSED_PAUSE,
    }
}

pub(super) fn prune(reader: &mut Reader<'_>) -> PruneSettings {
    PruneSettings {
        outbox_days: reader.number("Outbox__RetentionDays"),
        inbox_days: reader.number("Inbox__RetentionDays"),
        refused_body_days: reader.number("Inbox__RefusedBodyDays"),
        step_rows_max: reader.number("Prune__StepRowsMax"),
        run_ms: reader.number("Prune__RunMs"),
    }
}

#[derive(Clone, Copy)]
pub(super) enum Database {
    Sqlite,
    SqlServer,
}

impl Choice for Database {
    const WORDS: &'static [(&'static str, Self)] = &[("sqlite", Self::Sqlite), ("sqlserver", Self::SqlServer)];
}
