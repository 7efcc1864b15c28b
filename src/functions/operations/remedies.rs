//! `POST /api/ops/remedies`: first a dry run, then the run of its token.

use super::{
    documented::{RemedyAnswer, RemedyBody, WriteHeaders, WriteProblems},
    filters,
    repeat::{self, Answer},
    signature,
};
use crate::{
    domain::{
        operations::{Action, RemedyRequest, Selection, Signature},
        recipient::RecipientKey,
    },
    flows::remedy::{self, COPIES_MAX, IDS_MAX, ROWS_MAX},
    functions::{Services, body, field_reader::Fields, problem::Problem, reply::Reply, request::Request},
    ports::operations::Ran,
};

const LIMIT: u32 = 1_000;

/// What a body asks for.
enum Asked {
    Plan(RemedyRequest),
    Run(String, Signature),
}

#[utoipa::path(
    post, path = "/api/ops/remedies", tag = "operations", operation_id = "remedy",
    summary = "A remedy for many rows or mails: first a dry run, then its run",
    description = "The dry run changes nothing, and answers how many rows the remedy would change, a sample, and a token. The run takes \
                   the token and changes what the dry run found; rows that changed meanwhile are left and named.",
    params(WriteHeaders),
    request_body = RemedyBody,
    responses(
        (status = 200, description = "What the dry run found, or what the run did", body = RemedyAnswer, headers(
            ("Idempotency-Replayed" = String, description = "`true` if this is the answer to an earlier request with the key, or to an earlier run of the token"),
        )),
        WriteProblems
    )
)]
pub(super) async fn remedy(services: &Services, request: &Request) -> Result<Reply, Problem> {
    let context = &*services.operate;
    match asked(services, request)? {
        Asked::Plan(wanted) => {
            repeat::once(context, request, async { Ok(remedy::plan(context, &wanted).await?.into()) }).await
        }
        Asked::Run(token, by) => {
            let act = async {
                let ran = remedy::run(context, &token, &by).await?;
                let repeated = matches!(ran, Ran::Before(_));
                let value = remedy::report_of(ran).ok_or(remedy::RemedyError::NoPlan)?;
                Ok(Answer { value, repeated })
            };
            repeat::once(context, request, act).await
        }
    }
}

fn asked(services: &Services, request: &Request) -> Result<Asked, Problem> {
    Fields::of_query(&request.head.query).finish(Some(()))?;
    let mut fields = Fields::of_body(body::json_text(request)?)?;
    if fields.is_given("token") {
        let token = fields.text("token", filters::bounded);
        let signature = signature::read(services, request, &mut fields);
        return fields.finish(token.zip(signature).map(|(token, by)| Asked::Run(token, by)));
    }
    let action = action(&mut fields);
    let selection = selection(&mut fields, &services.operate.recipients);
    let destination = fields.text("destination", filters::destination);
    let default = if matches!(action, Some(Action::Replay { force: true, .. })) { COPIES_MAX } else { LIMIT };
    let limit = fields.number("limit", 1, ROWS_MAX).unwrap_or(default);
    if fields.flag("dryRun") == Some(false) || !fields.is_given("dryRun") {
        fields.wrong("dryRun", "must be true: the run takes the token of a dry run");
    }
    let whole = || Some(RemedyRequest { action: action?, selection: selection?, destination, limit });
    fields.finish(whole().map(Asked::Plan))
}

const ACTIONS: &str = "must be one of requeue, discard, replay, route, resend-mail, assume-mail-sent, take-in";

fn action(fields: &mut Fields<'_>) -> Option<Action> {
    let word = fields.required_text("action", |text| Ok(text.to_owned()))?;
    let mut flag = |name| fields.flag(name).unwrap_or(false);
    match word.as_str() {
        "requeue" => Some(Action::Requeue { out_of_order: flag("outOfOrder") }),
        "discard" => Some(Action::Discard),
        "replay" => Some(Action::Replay { out_of_order: flag("outOfOrder"), force: flag("force") }),
        "route" => {
            let out_of_order = flag("outOfOrder");
            Some(Action::Route { to: fields.required_text("to", filters::destination)?, out_of_order })
        }
        "resend-mail" => Some(Action::ResendMail),
        "assume-mail-sent" => Some(Action::AssumeMailSent),
        "take-in" => Some(Action::TakeIn),
        _ => {
            fields.wrong("action", ACTIONS);
            None
        }
    }
}

fn selection(fields: &mut Fields<'_>, key: &Result<RecipientKey, String>) -> Option<Selection> {
    const EXPECTED: &str = "must be \"deadLetters\", or an object with one of ids, messages, mails and group";
    if fields.optional("selection", |token| Ok(token == "\"deadLetters\"")) == Some(true) {
        return Some(Selection::DeadLetters);
    }
    if !fields.is_given("selection") {
        fields.wrong("selection", EXPECTED);
        return None;
    }
    let mut found = fields.object("selection", |fields| {
        let ids = fields.optional("ids", ids).map(Selection::Ids);
        let messages = fields.object("messages", filters::messages).map(Selection::Messages);
        let mails = fields.object("mails", |fields| filters::mails_by_address(fields, key)).map(Selection::Mails);
        let group = fields.text("group", filters::bounded).map(Selection::Group);
        [ids, messages, mails, group].into_iter().flatten().collect::<Vec<_>>()
    })?;
    let only = found.pop();
    if !found.is_empty() || (only.is_none() && !fields.has_errors()) {
        fields.wrong("selection", EXPECTED);
    }
    only
}

fn ids(token: &str) -> Result<Vec<String>, String> {
    let ids: Vec<String> = serde_json::from_str(token).map_err(|_| "must be a list of strings".to_owned())?;
    if !(1..=IDS_MAX).contains(&ids.len()) {
        return Err(format!("must have 1 to {IDS_MAX} ids"));
    }
    ids.iter().try_for_each(|id| filters::bounded(id).map(drop).map_err(|why| format!("is invalid: an id {why}")))?;
    Ok(ids)
}
