//! Pruning: deletes what is settled and past its retention, in bounded steps and a bounded run.

use crate::{
    domain::flow_settings::PruneSettings,
    ports::retention::{Prunable, Retention},
};
use serde::Serialize;
use std::{sync::Arc, time::Duration};
use tokio::time::Instant;

/// What pruning needs.
pub struct PruneContext {
    /// Deletes rows.
    pub retention: Arc<dyn Retention>,
    /// Retention times and bounds of a run.
    pub settings: PruneSettings,
}

/// What one run deleted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PruneReport {
    /// Sent and discarded outbox rows.
    pub outbox_rows: u32,
    /// Expired idempotency keys.
    pub idempotency_keys: u32,
    /// Inbox entries that recognise repeats.
    pub inbox_tombstones: u32,
    /// Bodies of refused mails; their entries stay.
    pub refused_bodies: u32,
    /// Outbox rows of deleted clients.
    pub erased_rows: u32,
    /// Contents of mails to deleted clients.
    pub erased_mails: u32,
    /// Records that a client was deleted.
    pub erasures: u32,
    /// Counts of minutes.
    pub minutes: u32,
    /// Heartbeats of instances that are gone.
    pub heartbeats: u32,
    /// Expired dry runs of remedies, and the rows that they showed.
    pub remedy_plans: u32,
    /// Failure groups that nothing is in any more.
    pub failure_groups: u32,
    /// More was due when the time was up; the next run continues.
    pub out_of_time: bool,
    /// How the store failed; the next run continues.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub store_error: Option<String>,
}

/// Deletes until nothing is due, the time is up, or the store fails.
pub async fn prune(context: &PruneContext) -> PruneReport {
    let mut report = PruneReport::default();
    let settings = &context.settings;
    let until = Instant::now() + Duration::from_millis(settings.run_ms);
    let works = [
        Prunable::FinishedRows { older_than_days: settings.outbox_days },
        Prunable::ExpiredKeys,
        Prunable::Tombstones { older_than_days: settings.inbox_days },
        Prunable::RefusedBodies { older_than_days: settings.refused_body_days },
        Prunable::ErasedRows { dead_older_than_days: settings.outbox_days },
        Prunable::ErasedMails { older_than_days: settings.refused_body_days },
        Prunable::Erasures { older_than_days: settings.inbox_days },
        Prunable::Minutes,
        Prunable::Heartbeats,
        Prunable::PlanRows,
        Prunable::Plans,
        Prunable::Groups { older_than_days: settings.outbox_days },
    ];
    for what in works {
        loop {
            if Instant::now() >= until {
                report.out_of_time = true;
                return report;
            }
            let rows = match context.retention.prune(what, settings.step_rows_max).await {
                Ok(rows) => rows,
                Err(error) => {
                    report.store_error = Some(error.to_string());
                    return report;
                }
            };
            *report.counter(what) += rows;
            if rows < settings.step_rows_max {
                break;
            }
        }
    }
    report
}

impl PruneReport {
    fn counter(&mut self, what: Prunable) -> &mut u32 {
        match what {
            Prunable::FinishedRows { .. } => &mut self.outbox_rows,
            Prunable::ExpiredKeys => &mut self.idempotency_keys,
            Prunable::Tombstones { .. } => &mut self.inbox_tombstones,
            Prunable::RefusedBodies { .. } => &mut self.refused_bodies,
            Prunable::ErasedRows { .. } => &mut self.erased_rows,
            Prunable::ErasedMails { .. } => &mut self.erased_mails,
            Prunable::Erasures { .. } => &mut self.erasures,
            Prunable::Minutes => &mut self.minutes,
            Prunable::Heartbeats => &mut self.heartbeats,
            Prunable::PlanRows | Prunable::Plans => &mut self.remedy_plans,
            Prunable::Groups { .. } => &mut self.failure_groups,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::error::{StoreError, StoreResult};
    use async_trait::async_trait;
    use std::sync::Mutex;

    /// Of each kind there are two full steps and one row. A step takes a second.
    struct Full {
        steps: Mutex<Vec<Prunable>>,
        fails_at: Option<usize>,
    }

    #[async_trait]
    impl Retention for Full {
        async fn prune(&self, what: Prunable, rows_max: u32) -> StoreResult<u32> {
            tokio::time::sleep(Duration::from_secs(1)).await;
            let mut steps = self.steps.lock().unwrap();
            steps.push(what);
            if self.fails_at == Some(steps.len()) {
                return Err(StoreError::Broken { step: "prune", reason: "no table".to_owned(), source: None });
            }
            let of_this_kind = steps.iter().filter(|step| **step == what).count();
            Ok(if of_this_kind <= 2 { rows_max } else { 1 })
        }
    }

    async fn pruned(run_ms: u64, fails_at: Option<usize>) -> (PruneReport, usize) {
        let retention = Arc::new(Full { steps: Mutex::default(), fails_at });
        let settings =
            PruneSettings { outbox_days: 30, inbox_days: 400, refused_body_days: 20, step_rows_max: 10, run_ms };
        let report = prune(&PruneContext { retention: retention.clone(), settings }).await;
        let steps = retention.steps.lock().unwrap().len();
        (report, steps)
    }

    #[tokio::test(start_paused = true)]
    async fn each_kind_is_deleted_in_steps_until_one_is_not_full() {
        let whole = PruneReport {
            outbox_rows: 21,
            idempotency_keys: 21,
            inbox_tombstones: 21,
            refused_bodies: 21,
            erased_rows: 21,
            erased_mails: 21,
            erasures: 21,
            minutes: 21,
            heartbeats: 21,
            remedy_plans: 42,
            failure_groups: 21,
            out_of_time: false,
            store_error: None,
        };
        assert_eq!(pruned(60_000, None).await, (whole, 36));
    }

    #[tokio::test(start_paused = true)]
    async fn a_run_ends_with_its_time_or_at_a_failure_and_reports_what_it_deleted() {
        let late = PruneReport { outbox_rows: 21, idempotency_keys: 10, out_of_time: true, ..PruneReport::default() };
        assert_eq!(pruned(3_500, None).await, (late, 4));
        let failed = PruneReport { outbox_rows: 10, store_error: Some("prune: no table".into()), ..Default::default() };
        assert_eq!(pruned(60_000, Some(2)).await, (failed, 2));
    }
}
