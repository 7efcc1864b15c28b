//! The function RetryEmail: retries mails that were parked, abandoned or are in doubt, on its timer.

use super::{idle::Idle, invocation, reply::Reply};
use crate::flows::{
    mailing::NotifyContext,
    retry_mails::{self, RetryReport},
};

pub(super) async fn answer(context: &NotifyContext, idle: &Idle) -> Reply {
    if idle.skips() {
        return invocation::skipped();
    }
    let report = retry_mails::retry(context).await;
    idle.ran(report == RetryReport::default());
    invocation::run(&report, report.store_error.as_deref())
}
