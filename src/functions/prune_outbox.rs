//! The function PruneOutbox: forgets what is finished and past its retention, on its timer.

use super::{invocation, reply::Reply};
use crate::flows::prune::{self, PruneContext};

pub(super) async fn answer(context: &PruneContext) -> Reply {
    let report = prune::prune(context).await;
    invocation::run(&report, report.store_error.as_deref())
}
