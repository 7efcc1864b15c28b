//! Settings that are fine alone and wrong together, and those that must not reach Azure.

use super::{Settings, StoreKind, email, reader::Reader};

/// functionTimeout of host.json: past it the host kills the process with every invocation in it.
pub const FUNCTION_TIMEOUT_MS: u64 = 300_000;

pub(super) fn contradictions(reader: &mut Reader<'_>, settings: &Settings) {
    let needed_days = settings.prune.outbox_days + settings.bus.queue_life_days;
    if settings.prune.inbox_days < needed_days {
        reader.problem(
            "Inbox__RetentionDays",
            format!(
                "{} is shorter than Outbox__RetentionDays + Bus__QueueLifeDays = {needed_days}: a repeat could come after it was forgotten",
                settings.prune.inbox_days
            ),
        );
    }
    let dispatch = &settings.dispatch;
    let publish_ms = dispatch.lease_ms - dispatch.headroom_ms;
    if publish_ms <= 0 {
        reader.problem(
            "Outbox__HeadroomMs",
            format!("{} leaves nothing of Outbox__LeaseMs = {}", dispatch.headroom_ms, dispatch.lease_ms),
        );
    } else if i64::try_from(settings.bus.timeout_ms).unwrap_or(i64::MAX) >= publish_ms {
        reader.problem(
            "Bus__TimeoutMs",
            format!("{} is not below Outbox__LeaseMs - Outbox__HeadroomMs = {publish_ms}", settings.bus.timeout_ms),
        );
    }
    let leases = [
        ("Outbox__RunMs", dispatch.run_ms, "Outbox__LeaseMs", dispatch.lease_ms),
        ("Email__RunMs", settings.notify.run_ms, "Email__LeaseMs", settings.notify.lease_ms),
    ];
    for (run_name, run_ms, lease_name, lease_ms) in leases {
        // A run looks at its time between batches, so its last one may last another lease.
        if run_ms.saturating_add(lease_ms.unsigned_abs()) >= FUNCTION_TIMEOUT_MS {
            reader.problem(
                run_name,
                format!("{run_ms} + {lease_name} = {lease_ms} is not below functionTimeout ({FUNCTION_TIMEOUT_MS})"),
            );
        }
    }
    let refused_days = settings.prune.refused_body_days;
    if refused_days > settings.prune.inbox_days {
        reader.problem(
            "Inbox__RefusedBodyDays",
            format!(
                "{refused_days} is more than Inbox__RetentionDays = {}: the row is gone by then",
                settings.prune.inbox_days
            ),
        );
    }
    let pairs = [
        (
            "Outbox__RetryBaseMs",
            dispatch.policy.retry_base_ms,
            "Outbox__RetryDelayMaxMs",
            dispatch.policy.retry_delay_max_ms,
        ),
        ("Breaker__BaseMs", dispatch.policy.breaker_base_ms, "Breaker__MaxMs", dispatch.policy.breaker_max_ms),
        (
            "Email__RetryBaseMs",
            settings.notify.policy.retry_base_ms,
            "Email__RetryDelayMaxMs",
            settings.notify.policy.retry_delay_max_ms,
        ),
    ];
    for (low_name, low, high_name, high) in pairs {
        if low > high {
            reader.problem(low_name, format!("{low} is more than {high_name} = {high}"));
        }
    }
    email::contradictions(reader, settings);
    if settings.in_azure {
        local_only(reader, settings);
    }
}

/// Several instances share no disk in Azure: a local file there would lose what was promised.
fn local_only(reader: &mut Reader<'_>, settings: &Settings) {
    match settings.store.kind {
        StoreKind::Sqlite => {
            reader
                .problem("Store__Kind", "sqlite is for one machine: it is refused in Azure (WEBSITE_SITE_NAME is set)");
        }
        StoreKind::SqlServer { .. } => {}
    }
    if settings.store.skew_ms != 0 {
        reader.problem("Store__SkewMs", "is for tests: it is refused in Azure (WEBSITE_SITE_NAME is set)");
    }
}
