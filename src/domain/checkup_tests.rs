//! What `doctor` finds of settings, queues and topics that do not fit together.

use super::*;
use crate::domain::finding::Level;

fn queue() -> Entity {
    Entity {
        kind: EntityKind::Queue,
        duplicate_window_ms: Some(600_000),
        sessions: false,
        partitioned: false,
        state: EntityState::Active,
        life_ms: 14 * DAY_MS,
        message_bytes_max: Some(262_144),
        bytes: Some(1),
        bytes_max: Some(1_000),
        lock_ms: Some(60_000),
        deliveries_max: Some(10),
        dead_letters: Some(0),
        subscriptions: None,
    }
}

fn expected() -> Expected {
    Expected {
        duplicate_window_ms: 600_000,
        sessions: false,
        partitioned: false,
        message_bytes_max: 229_376,
        email: Some(EmailNeeds { life_days: 14, delivery_wait_ms: Some(60_000) }),
    }
}

fn look(seen: &Seen, expected: &Expected) -> Vec<Finding> {
    of(&Destination::parse("queue:mails").unwrap(), seen, &None, expected)
}

/// The findings that are not fine.
fn odd(entity: Entity, expected: &Expected) -> Vec<(Level, String)> {
    let found = look(&Seen::Found(Box::new(entity)), expected);
    let odd = found.into_iter().filter(|one| one.level != Level::Fine);
    odd.map(|one| (one.level, format!("{} → {}", one.what, one.todo.unwrap_or_default()))).collect()
}

#[track_caller]
fn finds(level: Level, words: &[&str], entity: Entity, expected: &Expected) {
    let found = odd(entity, expected);
    let [(is, text)] = found.as_slice() else { panic!("{found:?}") };
    assert!(*is == level && words.iter().all(|word| text.contains(word)), "{is:?} {text}");
}

#[test]
fn a_queue_that_matches_the_settings_is_fine_and_shows_how_long_an_outage_may_last() {
    let found = look(&Seen::Found(Box::new(queue())), &expected());
    assert!(found.iter().all(|one| one.level == Level::Fine), "{found:?}");
    assert!(found[0].what.contains("10 min") && found[0].what.contains("256 KB"), "{found:?}");
    assert!(found[1].what.contains("lasts 10 min"), "{found:?}");
}

#[test]
fn a_missing_queue_and_one_that_cannot_be_queried_are_distinguished() {
    let missing = look(&Seen::Missing, &expected());
    assert_eq!((missing.len(), missing[0].level), (1, Level::Problem));
    let unknown = look(&Seen::Unknown { why: "lacks Manage".to_owned() }, &expected());
    assert_eq!((unknown.len(), unknown[0].level), (1, Level::Unknown));
    assert!(unknown[0].what.contains("lacks Manage"));
    finds(Level::Problem, &["topic", "topic:mails"], Entity { kind: EntityKind::Topic, ..queue() }, &expected());
}

#[test]
fn a_window_longer_than_the_setting_is_a_problem_and_a_missing_one_only_a_note() {
    let longer = Entity { duplicate_window_ms: Some(604_800_000), ..queue() };
    finds(Level::Problem, &["7 days", "10 min", "Bus__DuplicateWindowMs=604800000"], longer, &expected());
    finds(Level::Note, &["Bus__DuplicateWindowMs=0"], Entity { duplicate_window_ms: None, ..queue() }, &expected());
    let none = Expected { duplicate_window_ms: 0, ..expected() };
    assert!(odd(Entity { duplicate_window_ms: None, ..queue() }, &none).is_empty());
    assert!(odd(Entity { duplicate_window_ms: Some(20_000), ..queue() }, &expected()).is_empty());
}

#[test]
fn sessions_and_partitions_are_compared_with_the_settings() {
    let plain = Expected { email: None, ..expected() };
    finds(Level::Problem, &["ServiceBus__SessionDestinations"], Entity { sessions: true, ..queue() }, &plain);
    finds(
        Level::Problem,
        &["SendEmail"],
        Entity { sessions: true, ..queue() },
        &Expected { sessions: true, ..expected() },
    );
    finds(Level::Note, &["remove it"], queue(), &Expected { sessions: true, ..plain.clone() });
    let partitioned = Entity { partitioned: true, ..queue() };
    finds(Level::Problem, &["ServiceBus__PartitionedDestinations"], partitioned.clone(), &plain);
    assert!(odd(partitioned, &Expected { partitioned: true, ..plain.clone() }).is_empty());
    finds(Level::Note, &["remove it"], queue(), &Expected { partitioned: true, ..plain });
}

#[test]
fn the_largest_message_that_the_settings_allow_fits() {
    let small = Entity { message_bytes_max: Some(65_536), ..queue() };
    finds(Level::Problem, &["65536", "229376", "Outbox__MessageBytesMax"], small, &expected());
    assert!(odd(Entity { message_bytes_max: None, ..queue() }, &expected()).is_empty());
    finds(Level::Note, &["900 of 1000"], Entity { bytes: Some(900), ..queue() }, &expected());
}

#[test]
fn the_email_queue_is_checked_for_its_time_to_live_lock_and_delivery_count() {
    finds(Level::Problem, &["Bus__TimeToLiveDays"], Entity { life_ms: i64::MAX, ..queue() }, &expected());
    finds(Level::Problem, &["1 min", "lost"], Entity { life_ms: 60_000, ..queue() }, &expected());
    finds(Level::Note, &["5 s"], Entity { lock_ms: Some(5_000), ..queue() }, &expected());
    finds(Level::Problem, &["3 times"], Entity { deliveries_max: Some(3), ..queue() }, &expected());
    finds(Level::Note, &["7 message(s)", "dead-letters"], Entity { dead_letters: Some(7), ..queue() }, &expected());
    let elsewhere = Expected { email: None, ..expected() };
    let all =
        Entity { life_ms: i64::MAX, lock_ms: Some(5_000), deliveries_max: Some(1), dead_letters: Some(1), ..queue() };
    assert!(odd(all, &elsewhere).is_empty(), "another queue concerns only its readers");
}

#[test]
fn a_disabled_queue_and_a_topic_without_subscriptions_are_reported() {
    for (state, level) in [
        (EntityState::Disabled, Level::Problem),
        (EntityState::SendDisabled, Level::Problem),
        (EntityState::ReceiveDisabled, Level::Problem),
        (EntityState::Other("Restoring".to_owned()), Level::Problem),
    ] {
        finds(level, &[], Entity { state, ..queue() }, &expected());
    }
    let elsewhere = Expected { email: None, ..expected() };
    finds(Level::Note, &["readers"], Entity { state: EntityState::ReceiveDisabled, ..queue() }, &elsewhere);
    let topic = Entity { kind: EntityKind::Topic, subscriptions: Some(0), ..queue() };
    let found = of(&Destination::parse("topic:events").unwrap(), &Seen::Found(Box::new(topic)), &None, &elsewhere);
    assert!(found.iter().any(|one| one.level == Level::Problem && one.what.contains("no subscription")), "{found:?}");
}

#[test]
fn a_credential_that_may_not_query_may_still_send_and_no_answer_at_all_is_a_problem() {
    let queue = Destination::parse("queue:mails").unwrap();
    let levels = |seen: Seen, reached: Reached| {
        of(&queue, &seen, &reached, &expected()).into_iter().map(|one| one.level).collect::<Vec<_>>()
    };
    let away = || Seen::Away { why: "no answer".to_owned() };
    let unknown = || Seen::Unknown { why: "lacks Manage".to_owned() };
    let refused = || Some(Err("lacks the Send claim".to_owned()));
    assert_eq!(levels(away(), None), [Level::Problem]);
    assert_eq!(levels(away(), Some(Ok(()))), [Level::Unknown, Level::Fine], "HTTPS is closed, and AMQP is not");
    assert_eq!(levels(unknown(), refused()), [Level::Unknown, Level::Problem]);
    assert_eq!(levels(Seen::Missing, refused()), [Level::Problem], "reported once");
}

#[test]
fn a_signature_that_expires_soon_is_reported_in_time() {
    let now = DateTime::UNIX_EPOCH;
    for (days, level) in [(-1, Level::Problem), (0, Level::Problem), (20, Level::Note), (21, Level::Fine)] {
        let found = signature("K", now + TimeDelta::days(days), now);
        assert_eq!(found.level, level, "{days}");
    }
}
