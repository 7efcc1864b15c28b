//! `GET /api/ops/…`: what waits and why, messages, failure groups, mails, and what operators did.

use super::{
    documented::{
        AuditPage, GroupPage, MailPage, MailSearch, MessagePage, PageQuery, ReadProblems, RevealQuery, SearchProblems,
    },
    filters,
    paths::OpsPath,
    signature,
};
use crate::{
    domain::operations::{AuditFilter, GroupFilter, MailFilter, Message, MessageFilter, Overview},
    flows::operate::{self, OperateContext},
    functions::{
        Services, body,
        field_reader::Fields,
        problem::{Kind, Problem},
        reply::{self, Reply},
        request::Request,
    },
};
use warp::http::StatusCode;

const MINUTES: u32 = 60;
const MINUTES_MAX: u32 = 1440;

#[utoipa::path(
    get, path = "/api/ops/overview", tag = "operations", operation_id = "overview",
    summary = "What waits, how long and why, what was done, and what needs a person",
    description = "Nothing in it is personal data.",
    params(("minutes" = Option<u32>, Query, minimum = 1, maximum = 1440, description = "Minutes of throughput and latency; 60 by default")),
    responses((status = 200, description = "The overview", body = Overview), ReadProblems)
)]
pub(super) async fn overview(context: &OperateContext, request: &Request) -> Result<Reply, Problem> {
    let mut fields = Fields::of_query(&request.head.query);
    let minutes = fields.number("minutes", 1, MINUTES_MAX).unwrap_or(MINUTES);
    let minutes = fields.finish(Some(minutes))?;
    Ok(reply::json(StatusCode::OK, &operate::overview(context, minutes).await?))
}

#[utoipa::path(
    get, path = "/api/ops/messages", tag = "operations", operation_id = "findMessages",
    summary = "Messages in the outbox, newest first",
    description = "Every condition that is given must hold. Pass `next` as `before` to get the next page.",
    params(MessageFilter, PageQuery),
    responses((status = 200, description = "A page", body = MessagePage), ReadProblems)
)]
pub(super) async fn messages(context: &OperateContext, request: &Request) -> Result<Reply, Problem> {
    let mut fields = Fields::of_query(&request.head.query);
    let asked = (filters::messages(&mut fields), filters::page(&mut fields));
    let (filter, page) = fields.finish(Some(asked))?;
    Ok(reply::json(StatusCode::OK, &operate::messages(context, &filter, &page).await?))
}

#[utoipa::path(
    get, path = "/api/ops/messages/{id}", tag = "operations", operation_id = "getMessage",
    summary = "Everything about one message, from the commit to the mail",
    description = "Personal data in its payload is masked unless `reveal` is true, which is recorded.",
    params(
        ("id" = String, Path, pattern = "^[A-Za-z0-9][A-Za-z0-9._:~-]{0,127}$", description = "The message's id in any casing, or its row's number"),
        RevealQuery,
    ),
    responses((status = 200, description = "The message", body = Message), ReadProblems)
)]
pub(super) async fn message(services: &Services, request: &Request) -> Result<Reply, Problem> {
    let mut fields = Fields::of_query(&request.head.query);
    let signature = if fields.flag("reveal") == Some(true) {
        signature::read(services, request, &mut fields).map(Some)
    } else {
        signature::unused(&mut fields);
        Some(None)
    };
    let reveal = fields.finish(signature)?;
    let id = OpsPath::argument(&request.head.path);
    let found = operate::message(&services.operate, id, reveal.as_ref()).await?;
    let unknown =
        || Problem::new(Kind::NotFound, "neither the outbox nor the inbox has a message of this id or number");
    Ok(reply::json(StatusCode::OK, &found.ok_or_else(unknown)?))
}

#[utoipa::path(
    get, path = "/api/ops/groups", tag = "operations", operation_id = "failureGroups",
    summary = "Rows and mails whose failures are alike, last seen first",
    description = "Only groups that a row or mail is in now. `POST /api/ops/remedies` takes a group's fingerprint.",
    params(GroupFilter, PageQuery),
    responses((status = 200, description = "A page", body = GroupPage), ReadProblems)
)]
pub(super) async fn groups(context: &OperateContext, request: &Request) -> Result<Reply, Problem> {
    let mut fields = Fields::of_query(&request.head.query);
    let filter = GroupFilter { name: fields.text("name", filters::bounded) };
    let page = filters::page(&mut fields);
    let (filter, page) = fields.finish(Some((filter, page)))?;
    Ok(reply::json(StatusCode::OK, &operate::groups(context, &filter, &page).await?))
}

#[utoipa::path(
    get, path = "/api/ops/mails", tag = "operations", operation_id = "listMails",
    summary = "Mails in the inbox, newest first",
    description = "Every condition that is given must hold; without one, the mails that are not sent. By address: `POST /api/ops/mails/find`.",
    params(MailFilter, PageQuery),
    responses((status = 200, description = "A page", body = MailPage), ReadProblems)
)]
pub(super) async fn mails(context: &OperateContext, request: &Request) -> Result<Reply, Problem> {
    let mut fields = Fields::of_query(&request.head.query);
    let asked = (filters::mails(&mut fields), filters::page(&mut fields));
    mails_found(context, fields.finish(Some(asked))?).await
}

#[utoipa::path(
    post, path = "/api/ops/mails/find", tag = "operations", operation_id = "findMails",
    summary = "Mails by the recipient's address, newest first",
    description = "As `GET /api/ops/mails`. The address is in the body, since an address in a URL would be logged; the inbox knows only its hash.",
    request_body = MailSearch,
    responses((status = 200, description = "A page", body = MailPage), SearchProblems)
)]
pub(super) async fn find_mails(context: &OperateContext, request: &Request) -> Result<Reply, Problem> {
    Fields::of_query(&request.head.query).finish(Some(()))?;
    let mut fields = Fields::of_body(body::json_text(request)?)?;
    let asked = (filters::mails_by_address(&mut fields, &context.recipients), filters::page(&mut fields));
    mails_found(context, fields.finish(Some(asked))?).await
}

async fn mails_found(
    context: &OperateContext,
    (filter, page): (MailFilter, crate::ports::operations::PageRequest),
) -> Result<Reply, Problem> {
    Ok(reply::json(StatusCode::OK, &operate::mails(context, &filter, &page).await?))
}

#[utoipa::path(
    get, path = "/api/ops/audit", tag = "operations", operation_id = "audit",
    summary = "What operators did, newest first",
    description = "Who, when, what, why, and how many rows or mails it changed.",
    params(AuditFilter, PageQuery),
    responses((status = 200, description = "A page", body = AuditPage), ReadProblems)
)]
pub(super) async fn audit(context: &OperateContext, request: &Request) -> Result<Reply, Problem> {
    let mut fields = Fields::of_query(&request.head.query);
    let filter = AuditFilter { message_id: fields.text("messageId", filters::bounded) };
    let page = filters::page(&mut fields);
    let (filter, page) = fields.finish(Some((filter, page)))?;
    Ok(reply::json(StatusCode::OK, &operate::audit(context, &filter, &page).await?))
}
