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
