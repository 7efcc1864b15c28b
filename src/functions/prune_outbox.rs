//! The function PruneOutbox: deletes finished rows that are past their retention, on its timer.

use super::{heartbeat::Heartbeat, invocation, reply::Reply};
use crate::{
    flows::prune::{self, PruneContext, PruneReport},
    telemetry::spans::Span,
};

pub(super) async fn answer(context: &PruneContext, heartbeat: &Heartbeat) -> Reply {
    let report = prune::prune(context).await;
    if report == PruneReport::default() {
        Span::current().idle();
    }
    heartbeat.beat(None, report.store_error.as_deref()).await;
    let (rows, mails) = (report.outbox_rows + report.erased_rows, report.inbox_tombstones + report.erased_mails);
    if rows + mails > 0 {
        tracing::info!(rows, mails, "pruned");
    }
    invocation::run(&report, report.store_error.as_deref())
}
