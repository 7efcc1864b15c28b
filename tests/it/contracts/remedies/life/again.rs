//! Requeue, replay and forced replay: what is sent again, and what prevents it.

use super::*;

contract!(
    a_requeued_row_is_sent_as_if_never_tried,
    a_requeue_waits_for_the_row_of_its_key_that_is_being_sent,
    an_older_row_goes_after_a_newer_one_only_on_request,
    a_row_that_the_bus_may_hold_is_requeued_only_after_the_window,
    a_sent_row_is_replayed_after_the_window_under_its_id,
    a_forced_replay_is_a_new_message_that_names_the_old,
    a_copy_that_would_arrive_after_a_newer_row_is_refused,
    a_message_known_to_the_inbox_is_sent_again_only_as_a_new_message,
);

async fn a_message_known_to_the_inbox_is_sent_again_only_as_a_new_message(backend: &impl Backend) {
    let rules = RemedyRules { mail_queue: Some(QUEUE.to_owned()), ..NO_WINDOW };
    for (id, end) in [("sent", Settlement::Sent), ("dead", dead(LastOutcome::Unknown)), ("new", Settlement::Sent)] {
        insert(backend, id, id);
        insert_to(backend, id, id, "topic:finance");
        dispatch(backend, end).await;
    }
    backend.execute(
        "UPDATE OutboxMessages SET State = 2, ProcessedOnUtc = OccurredOnUtc WHERE Destination = 'topic:finance'",
    );
    for id in ["sent", "dead"] {
        let work = mail(backend, id).await;
        let sent = MailSettlement::Sent { provider: PROVIDER.to_owned(), reference: String::new() };
        backend.inbox().settle(CONSUMER, id, work.token, &sent, PROVIDER, true).await.unwrap();
    }
    let answers = remedied(backend, REPLAY, "sent", &rules).await;
    assert_why_not(&answers[0], &["the inbox knows this id as mailed", "--force"]);
    assert!(answers[1].done, "a topic's readers have inboxes of their own: {answers:?}");
    assert_why_not(&remedy(backend, REQUEUE, "dead", &rules).await, &["the inbox knows this id as mailed", "--force"]);
    assert!(remedy(backend, REPLAY, "new", &rules).await.done, "it has not arrived");
    for id in ["sent", "dead"] {
        let answers = remedied(backend, FORCED, id, &rules).await;
        let copied = answers.iter().find(|row| row.destination == QUEUE).unwrap();
        assert!(copied.new_id.as_deref().is_some_and(|copy| copy != id), "{answers:?}");
    }
}

async fn a_requeued_row_is_sent_as_if_never_tried(backend: &impl Backend) {
    insert(backend, "m", "k");
    dispatch(backend, dead(LastOutcome::Permanent)).await;
    assert_eq!(row(backend, "m").await.retry_count, 1);
    backend.execute("UPDATE OutboxMessages SET Claims = 5");
    let answer = remedy(backend, REQUEUE, "m", &AN_HOUR).await;
    assert_eq!((answer.done, answer.why_not), (true, None), "definitely refused, so the window does not matter");
    let again = row(backend, "m").await;
    assert_eq!((again.state, again.retry_count, again.claims), (RowState::Pending, 0, 0));
    assert_eq!((again.processed_on, again.last_error.as_deref()), (None, Some("no")), "why it died can still be read");
    dispatch(backend, Settlement::Sent).await;
    assert_eq!(row(backend, "m").await.state, RowState::Sent);
    assert_why_not(&remedy(backend, REQUEUE, "none", &AN_HOUR).await, &["no message of this id"]);
}

async fn a_requeue_waits_for_the_row_of_its_key_that_is_being_sent(backend: &impl Backend) {
    insert(backend, "old", "k");
    insert(backend, "stranger", "k2");
    dispatch(backend, dead(LastOutcome::Permanent)).await;
    insert(backend, "new", "k");
    lease(backend).await;
    assert_why_not(&remedy(backend, LATE_REQUEUE, "old", &NO_WINDOW).await, &["new", "being sent now", "try again"]);
    assert_eq!(row(backend, "old").await.state, RowState::Dead);
    assert_eq!(actions(backend), 0);
    assert!(remedy(backend, REQUEUE, "stranger", &NO_WINDOW).await.done, "another key is another order");
}

async fn an_older_row_goes_after_a_newer_one_only_on_request(backend: &impl Backend) {
    insert(backend, "old", "k");
    insert(backend, "stranger", "k2");
    dispatch(backend, dead(LastOutcome::Permanent)).await;
    insert(backend, "new", "k");
    assert!(remedy(backend, REQUEUE, "old", &NO_WINDOW).await.done, "what waits will go after it");
    dispatch(backend, dead(LastOutcome::Permanent)).await;
    dispatch(backend, Settlement::Sent).await;
    assert_eq!(row(backend, "new").await.state, RowState::Sent);
    assert_why_not(&remedy(backend, REQUEUE, "old", &NO_WINDOW).await, &["new", "--out-of-order"]);
    assert!(remedy(backend, REQUEUE, "stranger", &NO_WINDOW).await.done, "another key is another order");
    assert!(remedy(backend, LATE_REQUEUE, "old", &NO_WINDOW).await.done);
}

async fn a_row_that_the_bus_may_hold_is_requeued_only_after_the_window(backend: &impl Backend) {
    insert(backend, "m", "k");
    dispatch(backend, dead(LastOutcome::Unknown)).await;
    backend.advance_ms(HOUR_MS / 2);
    let answer = remedy(backend, REQUEUE, "m", &AN_HOUR).await;
    assert_why_not(&answer, &["duplicate", " s: try again after that"]);
    let why = answer.why_not.unwrap();
    let seconds: i64 = why.split_whitespace().find_map(|word| word.parse().ok()).unwrap();
    assert!((1..=1_800).contains(&seconds), "{why}");
    backend.advance_ms(HOUR_MS / 2);
    assert!(remedy(backend, REQUEUE, "m", &AN_HOUR).await.done);
}

async fn a_sent_row_is_replayed_after_the_window_under_its_id(backend: &impl Backend) {
    insert(backend, "m", "k");
    dispatch(backend, Settlement::Sent).await;
    assert_why_not(&remedy(backend, REPLAY, "m", &AN_HOUR).await, &["duplicate", "--force"]);
    backend.advance_ms(HOUR_MS);
    let answer = remedy(backend, REPLAY, "m", &AN_HOUR).await;
    assert_eq!((answer.done, answer.new_id), (true, None));
    let again = row(backend, "m").await;
    assert_eq!((again.state, again.processed_on), (RowState::Pending, None));
    dispatch(backend, Settlement::Sent).await;
    assert_eq!(backend.query("SELECT count(*) FROM OutboxMessages").as_deref(), Some("1"));
}

async fn a_forced_replay_is_a_new_message_that_names_the_old(backend: &impl Backend) {
    let event = r#"{"specversion":"1.0","id":"old","type":"Plain","data":{"vat":12.30,"big":9999999999999999.99}}"#;
    for (destination, state) in [(QUEUE, "sent"), ("topic:finance", "waiting")] {
        backend.execute(&format!(
            "INSERT INTO OutboxMessages (Id, EventType, Destination, OrderingKey, ContentType, Payload, Headers, Subject) \
             VALUES ('old', 'Plain', '{destination}', 'k', 'application/cloudevents+json', '{event}', \
                     '{{\"traceparent\":\"{state}\"}}', 'clients/1')"
        ));
    }
    dispatch(backend, Settlement::Sent).await;
    let before = operator::message(&*backend.reports(), "old").await;
    let answers = remedied(backend, FORCED, "old", &AN_HOUR).await;
    assert_eq!(answers.len(), 2);
    assert_why_not(&answers[0], &["pending"]);
    assert!(answers[1].done, "its window does not matter: {answers:?}");
    let new_id = answers[1].new_id.clone().unwrap();
    let after = operator::message(&*backend.reports(), "old").await;
    assert_eq!(
        (after.message.rows, after.payload),
        (before.message.rows.clone(), before.payload),
        "the original stays as it is"
    );

    let copy = operator::message(&*backend.reports(), &new_id).await;
    assert_eq!(copy.message.rows.len(), 1);
    let (copy, payload) = (&copy.message.rows[0], String::from_utf8(copy.payload.unwrap()).unwrap());
    assert_eq!((copy.destination.as_str(), copy.ordering_key.as_deref()), (QUEUE, Some("k")));
    assert_eq!((copy.state, copy.occurred_on), (RowState::Pending, before.message.rows[0].occurred_on));
    assert!(payload.contains(r#"{"vat":12.30,"big":9999999999999999.99}"#), "to the digit: {payload}");
    let value: serde_json::Value = serde_json::from_str(&payload).unwrap();
    assert_eq!((value["id"].as_str(), value["replayof"].as_str()), (Some(new_id.as_str()), Some("old")));
    let column = |name: &str| backend.query(&format!("SELECT {name} FROM OutboxMessages WHERE Id = '{new_id}'"));
    assert_eq!(column("Headers").as_deref(), Some(r#"{"replayOf":"old","traceparent":"sent"}"#));
    assert_eq!(column("Subject").as_deref(), Some("clients/1"));
    assert_eq!(column("ContentType").as_deref(), Some("application/cloudevents+json"));
    dispatch(backend, Settlement::Sent).await;
    assert_eq!(row(backend, &new_id).await.state, RowState::Sent);
}

async fn a_copy_that_would_arrive_after_a_newer_row_is_refused(backend: &impl Backend) {
    insert(backend, "old", "k");
    dispatch(backend, Settlement::Sent).await;
    insert(backend, "new", "k");
    assert_why_not(&remedy(backend, FORCED, "old", &AN_HOUR).await, &["new", "--out-of-order"]);
    dispatch(backend, Settlement::Sent).await;
    assert_why_not(&remedy(backend, FORCED, "old", &AN_HOUR).await, &["new", "--out-of-order"]);
    let late = Action::Replay { out_of_order: true, force: true };
    let copy = remedy(backend, late, "old", &AN_HOUR).await.new_id.unwrap();
    let payload = operator::payload(&*backend.reports(), &copy).await;
    assert_eq!(payload, r#"{"vat":12.30}"#, "plain rows carry no id");
}
