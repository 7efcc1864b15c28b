//! The function DispatchOutbox: sends due messages, on its timer. The timer's own data is not needed.

use super::{heartbeat::Heartbeat, idle::Idle, invocation, reply::Reply};
use crate::{
    flows::{
        dispatch::{self, DispatchContext, DispatchReport},
        operate::OperateContext,
        watch,
    },
    telemetry::spans::Span,
};

pub(super) async fn answer(
    context: &DispatchContext,
    operate: &OperateContext,
    idle: &Idle,
    heartbeat: &Heartbeat,
) -> Reply {
    if idle.skips() {
        Span::current().idle();
        return invocation::skipped();
    }
    let report = dispatch::dispatch(context).await;
    let found_nothing = report == DispatchReport::default();
    if found_nothing {
        Span::current().idle();
    }
    idle.ran(found_nothing);
    heartbeat.beat(Some(idle), report.store_error.as_deref()).await;
    if report.claimed > 0 {
        tracing::info!(claimed = report.claimed, sent = report.sent, dead = report.dead, "dispatched");
    }
    if idle.watches() {
        watch::watch(operate).await;
    }
    invocation::run(&report, report.store_error.as_deref())
}
