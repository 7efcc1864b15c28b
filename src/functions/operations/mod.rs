//! The function Operations: what operators ask and do over HTTP, as the command line does.

mod paths;
mod filters;
mod reports;
mod metrics;
mod remedies;
mod pauses;
mod signature;
mod repeat;
mod origin;
pub(super) mod documented;

pub(super) use paths::OpsPath;

use super::{Services, problem::Problem, reply::Reply, request::Request};

pub(super) async fn answer(services: &Services, path: OpsPath, request: &Request) -> Result<Reply, Problem> {
    origin::check(&request.head.headers)?;
    let context = &*services.operate;
    match path {
        OpsPath::Overview => reports::overview(context, request).await,
        OpsPath::Messages => reports::messages(context, request).await,
        OpsPath::Message => reports::message(services, request).await,
        OpsPath::Groups => reports::groups(context, request).await,
        OpsPath::Mails => reports::mails(context, request).await,
        OpsPath::FindMails => reports::find_mails(context, request).await,
        OpsPath::Audit => reports::audit(context, request).await,
        OpsPath::Metrics => metrics::metrics(context, request).await,
        OpsPath::Remedies => remedies::remedy(services, request).await,
        OpsPath::Destination(action) => pauses::destination(services, request, action).await,
        OpsPath::Mailing(action) => pauses::mailing(services, request, action).await,
    }
}
