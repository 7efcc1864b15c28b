//! Watching: what needs a person goes to the log, where alert rules find it (`infra/modules/alerts.bicep`), and the lag to
//! metrics.

use super::operate::{self, OperateContext};
use crate::telemetry::meters;
use std::time::Duration;

/// What needs a person is reported this often, not with every run.
pub const EVERY: Duration = Duration::from_mins(1);

/// Reports once. What cannot be read is not reported: the run that watches reports why the store failed.
pub async fn watch(context: &OperateContext) {
    let overview = match operate::overview(context, 1).await {
        Ok(overview) => overview,
        Err(error) => {
            tracing::debug!(%error, "what needs a person could not be read");
            return;
        }
    };
    for line in &overview.destinations {
        let lag_ms = line.oldest_claimable_ms.and_then(|ms| u64::try_from(ms).ok()).unwrap_or(0);
        meters::lag(&line.name, Duration::from_millis(lag_ms));
    }
    for one in &overview.attention {
        tracing::warn!(attention = one.kind, about = one.about, remedy = one.remedy, "{}", one.text);
    }
}
