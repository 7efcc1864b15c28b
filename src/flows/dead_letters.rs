//! Takes in what the queue set aside before it reached us: stored first, and only then removed there, so that a crash
//! in between loses nothing and is recognised as a repeat.

use crate::{
    domain::{
        delivery::{EMAIL_CONSUMER, MailState},
        ids::Spellings,
        reading::Reading,
        recipient::RecipientKey,
        route::Destination,
    },
    failpoints,
    ports::{
        dead_letters::{DeadLetter, DeadLetterQueue, DeadLetters, Mark},
        ops::{Ops, Signature, TakenIn},
    },
};
use chrono::{DateTime, Utc};
use serde::Serialize;
use std::collections::HashSet;

const COMES_BACK: &str = "their locks end before all could be read; take in without ids, oldest first";
const STAYS: &str = "one that could not be removed came back: run it again, what is stored is recognised";

/// What was handed out in this reading: a letter that is skipped comes back when its lock ends, before any other, so
/// that the rest is out of reach.
#[derive(Default)]
struct Read(HashSet<Mark>);

enum Next {
    New(DeadLetter),
    Back,
    End,
}

impl Read {
    async fn next(&mut self, letters: &mut dyn DeadLetterQueue) -> Result<Next, String> {
        Ok(match letters.next().await? {
            None => Next::End,
            Some(letter) if self.0.insert(letter.mark()) => Next::New(letter),
            Some(_) => Next::Back,
        })
    }
}

/// The oldest, at most `max` and as many as the queue's lock lets us read, as they lie there: each is held for a
/// moment and given back.
///
/// # Errors
/// They cannot be read, and why.
pub async fn list(dead: &dyn DeadLetters, queue: &Destination, max: u32) -> Result<Vec<DeadLetter>, String> {
    let mut letters = dead.open(queue).await?;
    let mut all = Vec::new();
    let (mut stopped, mut read) = (None, Read::default());
    for _ in 0..max {
        match read.next(&mut *letters).await {
            Ok(Next::New(letter)) => all.push(letter),
            Ok(Next::Back | Next::End) => break,
            Err(why) => {
                stopped = Some(why);
                break;
            }
        }
    }
    letters.close().await;
    stopped.map_or(Ok(all), Err)
}

pub struct TakeIn<'a> {
    pub ops: &'a dyn Ops,
    pub dead: &'a dyn DeadLetters,
    pub queue: &'a Destination,
    pub recipients: &'a RecipientKey,
    pub now: DateTime<Utc>,
    /// An unknown message older than this is refused, never mailed.
    pub tombstone_days: i64,
}

/// What became of one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Taken {
    pub message_id: String,
    /// As the inbox has it now.
    pub state: MailState,
    /// It was in the inbox before: its outcome stands.
    pub known: bool,
    /// Why it can never be mailed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
    /// Why it is still in the queue: it comes again, and is recognised.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_removed: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TakeInReport {
    pub taken: Vec<Taken>,
    /// Those asked for by id that are not there.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub not_found: Vec<String>,
    /// What ended it before its time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stopped: Option<String>,
}

/// At most `max`, the oldest first; with `ids` those only, wherever among the others they lie.
pub async fn take_in(context: &TakeIn<'_>, ids: &[String], max: u32, by: &Signature) -> TakeInReport {
    let mut report = TakeInReport { not_found: ids.to_vec(), ..TakeInReport::default() };
    let mut letters = match context.dead.open(context.queue).await {
        Ok(letters) => letters,
        Err(why) => return TakeInReport { stopped: Some(why), ..report },
    };
    let mut read = Read::default();
    while report.taken.len() < max as usize && (ids.is_empty() || !report.not_found.is_empty()) {
        let letter = match read.next(&mut *letters).await {
            Ok(Next::New(letter)) => letter,
            Ok(Next::End) => break,
            Ok(Next::Back) => {
                report.stopped = Some(if ids.is_empty() { STAYS } else { COMES_BACK }.to_owned());
                break;
            }
            Err(why) => {
                report.stopped = Some(why);
                break;
            }
        };
        let number = letter.number;
        let id = letter.delivery.message_id.clone();
        if !ids.is_empty() && !ids.iter().any(|wanted| Spellings::of(wanted).fits(&id)) {
            continue;
        }
        let mut taken = match store(context, letter, by).await {
            Ok(taken) => taken,
            Err(why) => {
                report.stopped = Some(why);
                break;
            }
        };
        failpoints::reach("after-dead-letter-stored").await;
        taken.not_removed = letters.remove(number).await.err();
        report.not_found.retain(|wanted| !Spellings::of(wanted).fits(&id));
        report.taken.push(taken);
    }
    letters.close().await;
    report
}

async fn store(context: &TakeIn<'_>, letter: DeadLetter, by: &Signature) -> Result<Taken, String> {
    let Reading { addressee, notice } =
        Reading::of(&letter.delivery, context.recipients, context.now, context.tombstone_days);
    let (delivery, refused) = (letter.delivery.with_key(), notice.err());
    let stored = context.ops.mail_take_in(EMAIL_CONSUMER, &delivery, &addressee, refused.as_deref(), by).await;
    let message_id = delivery.message_id;
    match stored.map_err(|error| error.to_string())? {
        TakenIn::New => {
            let state = MailState::first(refused.as_deref());
            Ok(Taken { message_id, state, known: false, refused, not_removed: None })
        }
        TakenIn::Known(state) => Ok(Taken { message_id, state, known: true, refused: None, not_removed: None }),
    }
}
