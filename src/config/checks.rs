//! Checks of settings against each other, and of those that are refused in Azure.

use super::{Settings, StoreKind, email, reader::Reader};

/// `functionTimeout` of host.json: after it the host kills the process with all its invocations.
pub const FUNCTION_TIMEOUT_MS: u64 = 300_000;

pub(super) fn contradictions(reader: &mut Reader<'_>, settings: &Settings) {
    let needed_days = settings.prune.outbox_days + settings.bus.queue_life_days;
    if settings.prune.inbox_days < needed_days {
        reader.invalid(
            "Inbox__RetentionDays",
            format!(
                "expected at least Outbox__RetentionDays + Bus__TimeToLiveDays = {needed_days}, not {}: a repeat could come after its entry was deleted",
                settings.prune.inbox_days
            ),
        );
    }
    let dispatch = &settings.dispatch;
    let publish_ms = dispatch.lease_ms - dispatch.headroom_ms;
    if publish_ms <= 0 {
        reader.invalid(
            "Outbox__HeadroomMs",
            format!("expected less than Outbox__LeaseMs = {}, not {}", dispatch.lease_ms, dispatch.headroom_ms),
        );
    } else if i64::try_from(settings.bus.timeout_ms).unwrap_or(i64::MAX) >= publish_ms {
        let what = "expected less than Outbox__LeaseMs - Outbox__HeadroomMs";
        reader.invalid("Bus__TimeoutMs", format!("{what} = {publish_ms}, not {}", settings.bus.timeout_ms));
    }
    let leases = [
        ("Outbox__RunMs", dispatch.run_ms, "Outbox__LeaseMs", dispatch.lease_ms),
        ("Email__RunMs", settings.notify.run_ms, "Email__LeaseMs", settings.notify.lease_ms),
    ];
    for (run_name, run_ms, lease_name, lease_ms) in leases {
        // A run checks its deadline between batches, so the last batch may take another lease.
        if run_ms.saturating_add(lease_ms.unsigned_abs()) >= FUNCTION_TIMEOUT_MS {
            let most_ms = FUNCTION_TIMEOUT_MS.saturating_sub(lease_ms.unsigned_abs());
            let what = "expected less than functionTimeout of host.json";
            reader.invalid(run_name, format!("{what} - {lease_name} = {most_ms}, not {run_ms}"));
        }
    }
    let refused_days = settings.prune.refused_body_days;
    if refused_days > settings.prune.inbox_days {
        let most = settings.prune.inbox_days;
        let what =
            format!("expected at most Inbox__RetentionDays = {most}, not {refused_days}: the row is gone by then");
        reader.invalid("Inbox__RefusedBodyDays", what);
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
            reader.invalid(low_name, format!("expected at most {high_name} = {high}, not {low}"));
        }
    }
    email::contradictions(reader, settings);
    if settings.in_azure {
        local_only(reader, settings);
    }
}

/// Instances in Azure share no disk: a local file would lose messages there.
fn local_only(reader: &mut Reader<'_>, settings: &Settings) {
    match settings.store.kind {
        StoreKind::Sqlite => {
            let what = "sqlite is for one machine, and refused in Azure (WEBSITE_SITE_NAME is set)";
            reader.invalid("Store__Kind", what);
        }
        StoreKind::SqlServer { .. } => {}
    }
    if settings.store.skew_ms != 0 {
        reader.problem("Store__SkewMs", "is for tests, and refused in Azure (WEBSITE_SITE_NAME is set)");
    }
}
