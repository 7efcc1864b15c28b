//! The function DispatchOutbox: sends what is due, on its timer. What the timer says of its schedule is not needed.

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
