//! The function RetryEmail: takes up mails that were parked, left behind or are in doubt, on its timer.

use super::{invocation, reply::Reply};
use crate::flows::notify::{self, NotifyContext};

pub(super) async fn answer(context: &NotifyContext) -> Reply {
    let report = notify::retry(context).await;
    invocation::run(&report, report.store_error.as_deref())
}
