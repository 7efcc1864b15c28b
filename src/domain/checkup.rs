//! Compares a queue or topic with the settings: what it is, and what to do where the two differ. Pure.

use super::{
    entity::{Entity, EntityState, Seen},
    finding::Finding,
    route::{Destination, EntityKind},
};
use chrono::{DateTime, TimeDelta, Utc};

/// What the settings state about one destination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    /// How long the bus drops a repeated id; 0: never.
    pub duplicate_window_ms: i64,
    /// `ServiceBus__SessionDestinations` names it.
    pub sessions: bool,
    /// `ServiceBus__PartitionedDestinations` names it.
    pub partitioned: bool,
    /// The largest body and headers together.
    pub message_bytes_max: u64,
    /// Only for the queue that SendEmail reads.
    pub email: Option<EmailNeeds>,
}

/// What SendEmail needs of its queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EmailNeeds {
    /// How long a message may wait in it.
    pub life_days: i64,
    /// How long a delivery waits for an unavailable database. None: the database is local and always available.
    pub delivery_wait_ms: Option<i64>,
}

/// What is unknown when the bus does not describe the entity.
const UNSEEN: &str = "whether it drops duplicates, has sessions or partitions, how large and how old its messages may be, and \
                      how many were dead-lettered";
const DAY_MS: i64 = 86_400_000;
/// The host renews a lock while the function runs. With a shorter lock, one late renewal loses it.
const LOCK_MS_MIN: i64 = 30_000;
/// A failed delivery is repeated at once, so each is only one short attempt.
const DELIVERIES_MIN: u32 = 10;

/// The result of opening a link for sending, without sending. None: it was not tried, or the transport cannot test it.
pub type Reached = Option<Result<(), String>>;

/// All findings about one destination. `at` is its name, `seen` what the bus reports of it, `reached` whether we may
/// send.
#[must_use]
pub fn of(at: &Destination, seen: &Seen, reached: &Reached, expected: &Expected) -> Vec<Finding> {
    let about = at.to_string();
    let mut found = itself(at, seen, reached, expected);
    match reached {
        None => {}
        Some(Ok(())) => found.push(Finding::fine(&about, "a link for sending to it was opened")),
        // Reported already.
        Some(Err(_)) if *seen == Seen::Missing => {}
        Some(Err(why)) => {
            found.push(Finding::problem(&about, why, "repair that; rows for it wait meanwhile, and nothing is lost"));
        }
    }
    found
}

/// Whether the email queue's trigger may receive from it. The trigger uses the same credential.
#[must_use]
pub fn listening(at: &Destination, seen: &Seen, reached: &Reached, tried: &Reached) -> Option<Finding> {
    let about = at.to_string();
    match tried {
        Some(Ok(())) => Some(Finding::fine(&about, "a link for receiving from it was opened, and nothing was taken")),
        // Reported already.
        Some(Err(_)) if *seen == Seen::Missing || tried == reached => None,
        Some(Err(why)) => {
            let todo = "repair that: SendEmail is not called meanwhile, and its messages wait there";
            Some(Finding::problem(&about, why, todo))
        }
        None => {
            let what =
                "whether SendEmail's trigger may receive from it was not tried: over REST that would take a message";
            let todo = "look it up by hand: the credential needs the Listen claim, or the role Azure Service Bus Data Receiver";
            Some(Finding::note(&about, what, todo))
        }
    }
}

/// Reports when a shared access signature expires. It is issued elsewhere, so the person who renews it needs to know in
/// time.
#[must_use]
pub fn signature(name: &str, ends_on: DateTime<Utc>, now: DateTime<Utc>) -> Finding {
    let about = "bus";
    let what = format!("the SharedAccessSignature of '{name}' in ServiceBusConnection");
    let todo = "set a new one, or use a key or an identity, which do not end";
    match ends_on - now {
        left if left <= TimeDelta::zero() => Finding::problem(about, &format!("{what} ended {ends_on}"), todo),
        left if left < SIGNATURE_ENDS_SOON => {
            Finding::note(about, &format!("{what} ends {ends_on}, in {} days", left.num_days()), todo)
        }
        _ => Finding::fine(about, &format!("{what} ends {ends_on}")),
    }
}

/// Enough time even if the person who issues signatures is on holiday.
const SIGNATURE_ENDS_SOON: TimeDelta = TimeDelta::days(21);

fn itself(at: &Destination, seen: &Seen, reached: &Reached, expected: &Expected) -> Vec<Finding> {
    let about = at.to_string();
    let entity = match seen {
        Seen::Found(entity) => entity,
        Seen::Missing => {
            let todo = "create it, or correct the setting that names it";
            return vec![Finding::problem(&about, "there is no such queue or topic", todo)];
        }
        // Sending uses another protocol, and it was tried: then only the description is unknown.
        Seen::Away { why } if reached.is_none() => {
            let todo = "see that the namespace is the right one, is up, and can be reached from here (HTTPS)";
            return vec![Finding::problem(&about, why, todo)];
        }
        Seen::Unknown { why } | Seen::Away { why } => {
            let todo = "the settings are trusted meanwhile: look it up by hand, or run this with a credential that may read it";
            return vec![Finding::unknown(&about, &format!("{UNSEEN} could not be read: {why}"), todo)];
        }
    };
    if entity.kind != at.kind() {
        let (is, word) = match entity.kind {
            EntityKind::Queue => ("a queue", "queue"),
            EntityKind::Topic => ("a topic", "topic"),
        };
        let todo = format!("write {word}:{} in the route", at.entity());
        return vec![Finding::problem(&about, &format!("it is {is}, but the route names another kind"), &todo)];
    }
    let mut all = vec![Finding::fine(&about, &portrait(entity))];
    let mut add = |findings: Vec<Finding>| all.extend(findings);
    add(state(&about, entity, expected));
    add(duplicates(&about, entity, expected));
    add(shape(&about, entity, expected));
    add(size(&about, entity, expected));
    if let Some(needs) = expected.email {
        add(email(&about, entity, needs));
    }
    if entity.subscriptions == Some(0) {
        let what = "it has no subscription: what is sent there is lost";
        add(vec![Finding::problem(&about, what, "add a subscription, or remove it from the routes")]);
    }
    all
}

fn portrait(entity: &Entity) -> String {
    let duplicates = match entity.duplicate_window_ms {
        None => "drops no duplicates".to_owned(),
        Some(ms) => format!("drops duplicates for {}", span(ms)),
    };
    let sessions = if entity.sessions { ", has sessions" } else { "" };
    let partitioned = if entity.partitioned { ", is partitioned" } else { "" };
    let bytes =
        entity.message_bytes_max.map_or_else(String::new, |max| format!(", takes messages up to {} KB", max / 1024));
    let life = if entity.life_ms == i64::MAX { "for ever".to_owned() } else { span(entity.life_ms) };
    let held = match (entity.lock_ms, entity.deliveries_max) {
        (Some(lock_ms), Some(deliveries)) => format!(", delivers {deliveries} times under a lock of {}", span(lock_ms)),
        _ => String::new(),
    };
    format!("it exists: it {duplicates}{sessions}{partitioned}{bytes}, keeps them {life}{held}")
}

fn state(about: &str, entity: &Entity, expected: &Expected) -> Vec<Finding> {
    let problem = |what: &str, todo: &str| vec![Finding::problem(about, what, todo)];
    match &entity.state {
        EntityState::Active => Vec::new(),
        EntityState::Disabled => problem("it is disabled: it takes nothing", "enable it"),
        EntityState::SendDisabled => problem("it is disabled for sending: it takes nothing", "enable it"),
        EntityState::ReceiveDisabled if expected.email.is_some() => {
            problem("it is disabled for receiving: SendEmail is not called", "enable it")
        }
        EntityState::ReceiveDisabled => {
            vec![Finding::note(about, "it is disabled for receiving: its readers get nothing", "enable it")]
        }
        EntityState::Other(word) => problem(&format!("the bus calls it {word}"), "wait, and look again"),
    }
}

fn duplicates(about: &str, entity: &Entity, expected: &Expected) -> Vec<Finding> {
    let expected_ms = expected.duplicate_window_ms;
    match entity.duplicate_window_ms {
        Some(is_ms) if is_ms > expected_ms => vec![Finding::problem(
            about,
            &format!(
                "it drops duplicates for {}, and Bus__DuplicateWindowMs is {}: where it cannot be queried, a replay in \
                 between would vanish",
                span(is_ms),
                span(expected_ms)
            ),
            &format!("set Bus__DuplicateWindowMs={is_ms}"),
        )],
        None if expected_ms > 0 => vec![Finding::note(
            about,
            &format!(
                "it drops no duplicates, and Bus__DuplicateWindowMs is {}: where it cannot be queried, a replay is refused \
                 for so long without need",
                span(expected_ms)
            ),
            "set Bus__DuplicateWindowMs=0, if no destination drops any",
        )],
        Some(_) | None => Vec::new(),
    }
}

fn shape(about: &str, entity: &Entity, expected: &Expected) -> Vec<Finding> {
    let mut found = Vec::new();
    let sessions = "ServiceBus__SessionDestinations";
    let partitioned = "ServiceBus__PartitionedDestinations";
    if entity.sessions && expected.email.is_some() {
        let todo = "create a queue without sessions: whether it has them is fixed when it is created";
        found.push(Finding::problem(about, "it has sessions, and SendEmail reads without them", todo));
    } else if entity.sessions && !expected.sessions {
        let todo = format!("name it in {sessions}");
        found.push(Finding::problem(
            about,
            "it has sessions, so it refuses every message that has no session id",
            &todo,
        ));
    } else if expected.sessions && !entity.sessions && entity.kind == EntityKind::Queue {
        let what =
            format!("it has no sessions, though {sessions} names it: each batch is limited to one key without need");
        found.push(Finding::note(about, &what, "remove it there"));
    }
    if entity.partitioned && !expected.partitioned {
        let what = "it is partitioned: a batch of several keys is refused, and sent again in halves";
        found.push(Finding::problem(about, what, &format!("name it in {partitioned}")));
    } else if expected.partitioned && !entity.partitioned {
        let what = format!("it is not partitioned, though {partitioned} names it: batches are smaller than necessary");
        found.push(Finding::note(about, &what, "remove it there"));
    }
    found
}

fn size(about: &str, entity: &Entity, expected: &Expected) -> Vec<Finding> {
    let mut found = Vec::new();
    if let Some(max) = entity.message_bytes_max.filter(|max| *max < expected.message_bytes_max) {
        found.push(Finding::problem(
            about,
            &format!(
                "it takes messages of {max} bytes, and Outbox__MessageBytesMax with Outbox__HeaderBytesMax allows {}: the \
                 larger ones would be dead-lettered",
                expected.message_bytes_max
            ),
            "lower the two until their sum fits",
        ));
    }
    if let (Some(bytes), Some(max)) = (entity.bytes, entity.bytes_max)
        && bytes / 4 > max / 5
    {
        let what = format!("it holds {bytes} of {max} bytes");
        found.push(Finding::note(about, &what, "see that it is read from, or raise its size, before it is full"));
    }
    found
}

fn email(about: &str, entity: &Entity, needs: EmailNeeds) -> Vec<Finding> {
    let mut found = Vec::new();
    let days = needs.life_days;
    if entity.life_ms > days.saturating_mul(DAY_MS) {
        found.push(Finding::problem(
            about,
            &format!(
                "a message may wait in it longer than Bus__TimeToLiveDays = {days} days, which decides how long a \
                 duplicate must be recognised"
            ),
            &format!("give it a time to live of {days} days, or raise Bus__TimeToLiveDays and Inbox__RetentionDays"),
        ));
    } else if entity.life_ms < DAY_MS {
        let what = format!(
            "it keeps a message for {} only: what SendEmail has not received by then is lost",
            span(entity.life_ms)
        );
        found.push(Finding::problem(about, &what, &format!("give it a time to live of {days} days")));
    }
    if let Some(lock_ms) = entity.lock_ms.filter(|ms| *ms < LOCK_MS_MIN) {
        let what = format!("its lock ends after {}: if a renewal is late, a message is delivered twice", span(lock_ms));
        found.push(Finding::note(about, &what, "give it a lock of a minute"));
    }
    if let Some(deliveries) = entity.deliveries_max {
        if deliveries < DELIVERIES_MIN {
            let what =
                format!("it delivers only {deliveries} times, without a pause, before it dead-letters a message");
            found.push(Finding::problem(about, &what, "raise its maximum delivery count to 10 or more"));
        }
        if let Some(wait_ms) = needs.delivery_wait_ms {
            let lasts = span(wait_ms.saturating_mul(i64::from(deliveries)));
            let what = format!(
                "while the database is away a message lasts {lasts} ({deliveries} deliveries of Sql__DeliveryWaitMs), then \
                 it is dead-lettered, and `ops mail dead-letters take-in` brings it back"
            );
            found.push(Finding::fine(about, &what));
        }
    }
    if let Some(count) = entity.dead_letters.filter(|count| *count > 0) {
        let what = format!("{count} message(s) were dead-lettered before they reached us");
        let todo = "`ops mail dead-letters` lists them, `ops mail dead-letters take-in` has them mailed";
        found.push(Finding::note(about, &what, todo));
    }
    found
}

/// A duration for people, in the largest unit in which it is a whole number.
fn span(ms: i64) -> String {
    let units = [(DAY_MS, "days"), (3_600_000, "h"), (60_000, "min"), (1_000, "s")];
    match units.into_iter().find(|(unit, _)| ms >= *unit && ms % unit == 0) {
        Some((unit, name)) => format!("{} {name}", ms / unit),
        None => format!("{ms} ms"),
    }
}

#[cfg(test)]
#[path = "checkup_tests.rs"]
mod tests;
