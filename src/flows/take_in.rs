//! Taking in dead letters as a remedy: the dry run lists the queue's, and the run takes those and no others.

use super::{
    dead_letters::{self, TakeIn, Taken},
    operate::OperateContext,
    remedy::{ROWS_MAX, RemedyError},
};
use crate::{
    domain::{
        ids::Spellings,
        operations::{Judged, Plan, RemedyReport, RemedyRequest, RemedyRow, Selection, Signature, report_of_run},
        recipient::RecipientKey,
        route::Destination,
    },
    ports::dead_letters::DeadLetters,
};

const NOT_THERE: &str = "no dead letter of the queue has this id";

pub(super) async fn plan(context: &OperateContext, request: &RemedyRequest, token: &str) -> Result<Plan, RemedyError> {
    let (dead, queue, _) = readable(context)?;
    let wanted: &[String] = if let Selection::Ids(ids) = &request.selection { ids } else { &[] };
    // Those that are wanted may be anywhere in the queue; one more than the limit shows whether there are more.
    let read_max = if wanted.is_empty() { request.limit + 1 } else { ROWS_MAX };
    let letters = dead_letters::list(dead, queue, read_max).await.map_err(RemedyError::Refused)?;
    let mut ids: Vec<String> = letters.into_iter().map(|letter| letter.delivery.with_key().message_id).collect();
    let spelled: Vec<Spellings> = wanted.iter().map(|text| Spellings::of(text)).collect();
    let missing: Vec<Judged> = wanted
        .iter()
        .zip(&spelled)
        .filter(|(_, one)| !ids.iter().any(|id| one.fits(id)))
        .map(|(text, _)| Judged::absent(text, NOT_THERE))
        .collect();
    ids.retain(|id| wanted.is_empty() || spelled.iter().any(|one| one.fits(id)));
    let more = ids.len() > request.limit as usize;
    ids.truncate(request.limit as usize);
    let exact = RemedyRequest { selection: Selection::Ids(ids), ..request.clone() };
    let rules = super::remedy::no_rules();
    let mut plan = context.remedies.plan(&exact, &rules, token).await?;
    for one in &mut plan.sample {
        one.destination = queue.to_string();
    }
    let absent = Plan::of(token, plan.expires_on, &missing, false);
    plan.sample.splice(0..0, absent.sample);
    Ok(Plan { refused: absent.refused, more, ..plan })
}

pub(super) async fn run(
    context: &OperateContext,
    request: &RemedyRequest,
    token: &str,
    by: &Signature,
) -> Result<RemedyReport, RemedyError> {
    let _alone = context.taking_in.lock().await;
    // A repeat may have waited for the first run.
    if let Some((_, Some(report))) = context.remedies.planned(token).await? {
        return Ok(report);
    }
    let (dead, queue, recipients) = readable(context)?;
    let ids: &[String] = if let Selection::Ids(ids) = &request.selection { ids } else { &[] };
    let answer = |id: &str, why_not: Option<String>, done: bool| RemedyRow {
        id: id.to_owned(),
        destination: queue.to_string(),
        done,
        new_id: None,
        why_not,
    };
    let mut rows = Vec::new();
    if !ids.is_empty() {
        let take_in = TakeIn {
            remedies: &*context.remedies,
            dead,
            queue,
            recipients,
            now: context.clock.now(),
            tombstone_days: context.tombstone_days,
        };
        let report = dead_letters::take_in(&take_in, ids, ROWS_MAX, by).await;
        let answered = |Taken { message_id, refused, not_removed, .. }: &Taken| {
            let stays = not_removed.as_ref().map(|why| format!("it is stored, and still in the queue: {why}"));
            let refused = refused.as_ref().map(|why| format!("its mail is refused: {why}"));
            answer(message_id, stays.clone().or(refused), stays.is_none())
        };
        rows.extend(report.taken.iter().map(answered));
        let why = report.stopped.as_deref().unwrap_or("it is no longer among the dead letters");
        rows.extend(report.not_found.iter().map(|id| answer(id, Some(why.to_owned()), false)));
    }
    let report = report_of_run(rows);
    context.remedies.store_report(token, &report).await?;
    Ok(report)
}

fn readable(context: &OperateContext) -> Result<(&dyn DeadLetters, &Destination, &RecipientKey), RemedyError> {
    let dead = context.dead_letters.as_ref().map_err(|why| RemedyError::Refused(why.clone()))?;
    let unset = || "EmailQueueName is not set: it names the queue whose dead letters are read".to_owned();
    let queue = context.mail_queue.as_ref().ok_or_else(|| RemedyError::Refused(unset()))?;
    let recipients = context.recipients.as_ref().map_err(|why| RemedyError::Refused(why.clone()))?;
    Ok((&**dead, queue, recipients))
}
