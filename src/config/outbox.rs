//! The outbox, the store, retention.

use super::{
    AzureEnvironment, PoolOptions, Secret, StoreKind, StoreSettings, connection::sql::ConnectionString, reader::Reader,
};
use crate::domain::{
    flow_settings::{DispatchSettings, PruneSettings},
    message::MessageLimits,
    verdict::Policy,
};
use std::{collections::BTreeMap, time::Duration};

pub(super) fn dispatch(reader: &mut Reader<'_>) -> DispatchSettings {
    DispatchSettings {
        batch_max: reader.count("Outbox__BatchMax", 1..=2000),
        batch_bytes_max: unsigned(reader.number("Outbox__BatchBytesMax", 1_000..=100_000_000)),
        lease_ms: reader.number("Outbox__LeaseMs", 1_000..=600_000),
        headroom_ms: reader.number("Outbox__HeadroomMs", 100..=300_000),
        claims_max: reader.count("Outbox__ClaimsMax", 1..=100),
        run_ms: unsigned(reader.number("Outbox__RunMs", 100..=240_000)),
        policy: Policy {
            retry_max: reader.count("Outbox__RetryMax", 1..=1000),
            retry_base_ms: reader.number("Outbox__RetryBaseMs", 1..=3_600_000),
            retry_delay_max_ms: reader.number("Outbox__RetryDelayMaxMs", 1..=86_400_000),
            breaker_base_ms: reader.number("Breaker__BaseMs", 100..=3_600_000),
            breaker_max_ms: reader.number("Breaker__MaxMs", 100..=86_400_000),
        },
    }
}

pub(super) fn limits(reader: &mut Reader<'_>) -> MessageLimits {
    let bytes = |number: i64| usize::try_from(number).unwrap_or(0);
    MessageLimits {
        // What SendEmail takes in an envelope is the bound: a larger one would be delivered until it is dead-lettered.
        body_bytes_max: bytes(reader.number("Outbox__MessageBytesMax", 1_000..=1_000_000)),
        headers_bytes_max: bytes(reader.number("Outbox__HeaderBytesMax", 100..=65_536)),
    }
}

pub(super) fn store(reader: &mut Reader<'_>) -> StoreSettings {
    let sqlserver = reader.choice("Store__Kind", &[("sqlite", false), ("sqlserver", true)]);
    let azure = azure(reader);
    let connection = reader.given("SqlConnectionString").filter(|text| !text.trim().is_empty());
    let parsed = connection.map(|text| ConnectionString::parse(text, &azure));
    if let Some(Err(problems)) = &parsed {
        for problem in problems {
            reader.problem("SqlConnectionString", problem.clone());
        }
    }
    let pool = pool(reader, parsed.and_then(Result::ok).as_ref());
    let kind = match (sqlserver, connection) {
        (true, Some(text)) => {
            StoreKind::SqlServer { connection: Secret(text.to_owned()), pool, azure: Box::new(azure) }
        }
        (true, None) => {
            reader.problem("SqlConnectionString", "is not set, and Store__Kind is sqlserver");
            StoreKind::Sqlite
        }
        (false, Some(_)) if reader.given("Store__Kind").is_none() => {
            reader.problem(
                "Store__Kind",
                "is not set, and SqlConnectionString is: expected sqlserver, or sqlite to keep the file although it is set",
            );
            StoreKind::Sqlite
        }
        (false, _) => StoreKind::Sqlite,
    };
    StoreSettings {
        kind,
        path: reader.path("Store__Path"),
        idle: Duration::from_millis(unsigned(reader.number("Store__IdleMs", 0..=86_400_000))),
        skew_ms: reader.number("Store__SkewMs", -315_360_000_000..=315_360_000_000),
        key_lifetime_ms: reader.number("Idempotency__RetentionHours", 1..=720) * 3_600_000,
    }
}

/// Azure's own names, which its libraries read too.
fn azure(reader: &Reader<'_>) -> AzureEnvironment {
    let given = |name| reader.given(name).map(str::trim).filter(|text| !text.is_empty()).map(str::to_owned);
    AzureEnvironment {
        tenant_id: given("AZURE_TENANT_ID"),
        client_id: given("AZURE_CLIENT_ID"),
        client_secret: given("AZURE_CLIENT_SECRET"),
        has_managed_identity: given("IDENTITY_ENDPOINT").is_some() || given("WEBSITE_SITE_NAME").is_some(),
    }
}

/// Between tries while a login is refused or a certificate not trusted: sooner could lock the account.
const REFUSED_PAUSE: Duration = Duration::from_secs(30);

impl Default for PoolOptions {
    fn default() -> Self {
        pool(&mut Reader::new(&BTreeMap::new()), None)
    }
}

/// `Connect Timeout` and `Command Timeout` of the connection string count where the settings say nothing.
fn pool(reader: &mut Reader<'_>, parsed: Option<&ConnectionString>) -> PoolOptions {
    let connections_max = reader.count("Sql__ConnectionsMax", 1..=200);
    let mut ms = |name, range, parsed: Option<Duration>| match parsed.filter(|_| reader.given(name).is_none()) {
        Some(parsed) => parsed,
        None => Duration::from_millis(unsigned(reader.number(name, range))),
    };
    PoolOptions {
        connections_max,
        wait: ms("Sql__WaitMs", 100..=60_000, None),
        idle: ms("Sql__IdleMs", 1_000..=3_600_000, None),
        connect_timeout: ms("Sql__ConnectTimeoutMs", 100..=60_000, parsed.and_then(|parsed| parsed.connect_timeout)),
        command_timeout: ms("Sql__CommandTimeoutMs", 1_000..=300_000, parsed.and_then(|parsed| parsed.command_timeout)),
        patience: ms("Sql__DeliveryWaitMs", 0..=200_000, None),
        refused_pause: REFUSED_PAUSE,
    }
}

pub(super) fn prune(reader: &mut Reader<'_>) -> PruneSettings {
    PruneSettings {
        outbox_days: reader.number("Outbox__RetentionDays", 1..=3650),
        inbox_days: reader.number("Inbox__RetentionDays", 1..=3650),
        refused_body_days: reader.number("Inbox__RefusedBodyDays", 1..=3650),
        step_rows_max: reader.count("Prune__StepRowsMax", 1..=10_000),
        run_ms: unsigned(reader.number("Prune__RunMs", 100..=240_000)),
    }
}

/// Numbers read with a lower bound of at least 0.
pub(super) fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}
