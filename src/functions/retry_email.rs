//! The function RetryEmail: retries mails that were parked, abandoned or are in doubt, on its timer.

use super::{heartbeat::Heartbeat, idle::Idle, invocation, reply::Reply};
use crate::{
    flows::{
        mailing::NotifyContext,
        retry_mails::{self, RetryReport},
    },
    telemetry::spans::Span,
};

pub(super) async fn answer(context: &NotifyContext, idle: &Idle, heartbeat: &Heartbeat) -> Reply {
    if idle.skips() {
        Span::current().idle();
        return invocation::skipped();
    }
    let report = retry_mails::retry(context).await;
    let found_nothing = report == RetryReport::default();
    if found_nothing {
        Span::current().idle();
    }
    idle.ran(found_nothing);
    heartbeat.beat(Some(idle), report.store_error.as_deref()).await;
    invocation::run(&report, report.store_error.as_deref())
}
