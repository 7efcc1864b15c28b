//! The function DispatchOutbox: sends due messages, on its timer. The timer's own data is not needed.

use super::{idle::Idle, invocation, reply::Reply};
use crate::flows::dispatch::{self, DispatchContext, DispatchReport};

pub(super) async fn answer(context: &DispatchContext, idle: &Idle) -> Reply {
    if idle.skips() {
        return invocation::skipped();
    }
    let report = dispatch::dispatch(context).await;
    idle.ran(report == DispatchReport::default());
    if report.claimed > 0 {
        tracing::info!(claimed = report.claimed, sent = report.sent, dead = report.dead, "dispatched");
    }
    invocation::run(&report, report.store_error.as_deref())
}
