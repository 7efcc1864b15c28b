//! `POST /api/ops/destinations/{name}/…` and `POST /api/ops/mail/…`: pause, drain, resume.

use super::{paths::OpsPath, repeat, signature};
use crate::{
    domain::operations::{PauseAction, PauseRequest},
    flows::remedy,
    functions::{
        Services, body,
        field_reader::Fields,
        problem::{Kind, Problem},
        reply::Reply,
        request::Request,
    },
};

/// A destination's name in a path that means all of the bus.
const ALL: &str = "all";
/// A month: a longer pause is one that a person ends.
const FOR_MINUTES_MAX: i64 = 43_200;

pub(super) async fn destination(services: &Services, request: &Request, action: PauseAction) -> Result<Reply, Problem> {
    let name = OpsPath::argument(&request.head.path);
    let name = (!name.eq_ignore_ascii_case(ALL)).then(|| name.to_owned());
    change(services, request, action, name).await
}

pub(super) async fn mailing(services: &Services, request: &Request, action: PauseAction) -> Result<Reply, Problem> {
    change(services, request, action, Some(services.operate.provider.clone())).await
}

async fn change(
    services: &Services,
    request: &Request,
    action: PauseAction,
    name: Option<String>,
) -> Result<Reply, Problem> {
    Fields::of_query(&request.head.query).finish(Some(()))?;
    let mut fields = Fields::of_body(body::json_text(request)?)?;
    let for_minutes = match action {
        PauseAction::Pause | PauseAction::Drain => fields.number("forMinutes", 1, FOR_MINUTES_MAX),
        PauseAction::Resume => None,
    };
    let signature = signature::read(services, request, &mut fields);
    let by = fields.finish(signature)?;
    let wanted = PauseRequest { action, name, for_ms: for_minutes.map(|minutes| minutes * 60_000) };
    let context = &*services.operate;
    let unknown = || Problem::new(Kind::NotFound, "there is no such destination: GET /api/ops/overview lists them");
    let act = async { Ok(remedy::change_pause(context, &wanted, &by).await?.ok_or_else(unknown)?.into()) };
    repeat::once(context, request, act).await
}
