//! Takes in the queue's dead letters: each is stored in the inbox first and then removed from the queue, so that a
//! crash in between loses nothing; the inbox recognises the repeat.

use crate::{
    domain::{
        delivery::{EMAIL_CONSUMER, MailState},
        ids::Spellings,
        operations::Signature,
        reading::Reading,
        recipient::RecipientKey,
        route::Destination,
    },
    failpoints,
    ports::{
        dead_letters::{DeadLetter, DeadLetterQueue, DeadLetters, Mark},
        operations::{Remedies, TakenIn},
    },
};
use chrono::{DateTime, Utc};
use serde::Serialize;
use std::collections::HashSet;

const COMES_BACK: &str = "the locks expired before every message was read: take in without ids, oldest first";
const STAYS: &str =
    "a message that could not be removed came back: run the command again, stored messages are recognised";

/// The letters received so far. A skipped letter comes back when its lock expires, ahead of all others: from then on
/// the rest of the queue cannot be reached.
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

/// Lists the oldest dead letters, at most `max`, and no more than can be read before the first lock expires. Each is
/// locked for a moment and then released.
///
/// # Errors
/// Why they cannot be read.
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

/// What taking in needs.
pub struct TakeIn<'a> {
    /// Stores a letter in the inbox.
    pub remedies: &'a dyn Remedies,
    /// Reads and removes dead letters.
    pub dead: &'a dyn DeadLetters,
    /// The queue whose dead letters are read.
    pub queue: &'a Destination,
    /// Key of the recipients' hashes.
    pub recipients: &'a RecipientKey,
    /// The time of the command.
    pub now: DateTime<Utc>,
    /// Retention of inbox entries, in days: an unknown message older than this is refused and never mailed.
    pub tombstone_days: i64,
}

/// The result for one letter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Taken {
    /// The message's id; of a message without one the key made of its content.
    pub message_id: String,
    /// Its state in the inbox now.
    pub state: MailState,
    /// The inbox had it before, and its state is unchanged.
    pub known: bool,
    /// Why it can never be mailed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
    /// Why it is still in the queue; it will be received again and recognised.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_removed: Option<String>,
}

/// The result of one `take_in`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TakeInReport {
    /// The letters that were stored or recognised, in queue order.
    pub taken: Vec<Taken>,
    /// Requested ids that no letter has.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub not_found: Vec<String>,
    /// Why it ended early.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stopped: Option<String>,
}

/// Takes in at most `max` letters, oldest first; with `ids` only those, wherever in the queue they are.
pub async fn take_in(context: &TakeIn<'_>, ids: &[String], max: u32, by: &Signature) -> TakeInReport {
    let mut report = TakeInReport { not_found: ids.to_vec(), ..TakeInReport::default() };
    // In step with `not_found`.
    let mut spelled: Vec<Spellings> = ids.iter().map(|id| Spellings::of(id)).collect();
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
        let id = letter.delivery.clone().with_key().message_id;
        let wanted = spelled.iter().position(|wanted| wanted.fits(&id));
        if !ids.is_empty() && wanted.is_none() {
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
        // Of two letters of one id, the second answers the second request for it.
        if let Some(wanted) = wanted {
            report.not_found.remove(wanted);
            spelled.remove(wanted);
        }
        report.taken.push(taken);
    }
    letters.close().await;
    report
}

async fn store(context: &TakeIn<'_>, letter: DeadLetter, by: &Signature) -> Result<Taken, String> {
    let Reading { addressee, notice } =
        Reading::of(&letter.delivery, context.recipients, context.now, context.tombstone_days);
    let (delivery, refused) = (letter.delivery.with_key(), notice.err());
    let stored = context.remedies.take_in(EMAIL_CONSUMER, &delivery, &addressee, refused.as_deref(), by).await;
    let message_id = delivery.message_id;
    match stored.map_err(|error| error.to_string())? {
        TakenIn::New => {
            let state = MailState::first(refused.as_deref());
            Ok(Taken { message_id, state, known: false, refused, not_removed: None })
        }
        TakenIn::Known(state) => Ok(Taken { message_id, state, known: true, refused: None, not_removed: None }),
    }
}
