//! The function DispatchOutbox: sends what is due, on its timer. What the timer says of its schedule is not needed.

use super::{invocation, reply::Reply};
use crate::flows::dispatch::{self, DispatchContext};

pub(super) async fn answer(context: &DispatchContext) -> Reply {
    let report = dispatch::dispatch(context).await;
    if report.claimed > 0 {
        tracing::info!(claimed = report.claimed, sent = report.sent, dead = report.dead, "dispatched");
    }
    invocation::run(&report, report.store_error.as_deref())
}
