//! Which rows may be sent again, go elsewhere, or be given up.

use super::*;
use crate::support::backend::Backend;

contract!(
    an_older_row_does_not_pass_a_later_one_of_its_key_unless_an_operator_allows_it,
    an_older_row_does_not_pass_a_later_one_that_the_bus_may_hold,
    many_rows_of_one_key_are_judged_by_it_alone,
    a_discarded_row_no_longer_blocks_its_key,
    a_copy_has_a_new_id_that_the_copies_for_several_destinations_share,
    a_row_goes_to_another_destination_where_it_was_not_before,
    a_row_that_waits_for_a_route_gets_one,
    what_a_routed_row_met_elsewhere_is_no_later_sending_here,
    two_rows_of_one_message_do_not_go_to_one_destination,
    a_repeat_that_would_mail_nobody_is_refused,
);

async fn an_older_row_does_not_pass_a_later_one_of_its_key_unless_an_operator_allows_it(backend: &impl Backend) {
    insert(backend, "old", "k", QUEUE, "dead");
    insert(backend, "new", "k", QUEUE, "sent");
    insert(backend, "elsewhere", "k", TOPIC, "dead");
    let why = why_not(backend, REQUEUE, "old").await;
    assert!(why.contains("message new") && why.contains("--out-of-order"), "{why}");
    assert_eq!(done(backend, REQUEUE, ids(&["elsewhere"])).await, ["elsewhere"], "another destination's order");
    let unordered = Action::Requeue { out_of_order: true };
    let plan = plan(backend, unordered, ids(&["old"])).await;
    insert(backend, "newest", "k", QUEUE, "leased");
    let report = run(backend, &plan).await;
    assert_left(&report, "old", &["newest", "being sent now"]);
    set(backend, "newest", "sent");
    assert_eq!(done(backend, Action::Requeue { out_of_order: true }, ids(&["old"])).await, ["old"]);
}

async fn an_older_row_does_not_pass_a_later_one_that_the_bus_may_hold(backend: &impl Backend) {
    for (n, outcome) in (0..).zip(["3", "4", "0", "1", "5", "NULL"]) {
        let (old, new) = (format!("old{n}"), format!("new{n}"));
        insert(backend, &old, &format!("k{n}"), QUEUE, "dead");
        insert(backend, &new, &format!("k{n}"), QUEUE, "pending");
        backend.execute(&format!("UPDATE OutboxMessages SET LastOutcome = {outcome} WHERE Id = '{new}'"));
        if ["3", "4", "0"].contains(&outcome) {
            let why = why_not(backend, REQUEUE, &old).await;
            assert!(why.contains(&format!("message {new}")) && why.contains("--out-of-order"), "{outcome}: {why}");
        } else {
            assert_eq!(done(backend, REQUEUE, ids(&[&old])).await, [old.as_str()], "{outcome}");
        }
    }
    insert(backend, "old", "k", QUEUE, "dead");
    insert(backend, "new", "k", QUEUE, "dead");
    backend.execute(
        "INSERT INTO OutboxAttempts (Seq, OnUtc, Instance, State, Outcome) \
         SELECT Seq, DueAt, 'i', 0, 4 FROM OutboxMessages WHERE Id = 'new'",
    );
    assert!(why_not(backend, REQUEUE, "old").await.contains("message new"), "an earlier attempt was cut");
    assert_eq!(done(backend, REQUEUE, ids(&["new"])).await, ["new"]);
}

async fn many_rows_of_one_key_are_judged_by_it_alone(backend: &impl Backend) {
    for (id, state) in [("a", "dead"), ("b", "dead"), ("c", "sent"), ("d", "dead"), ("e", "dead")] {
        insert(backend, id, "k", QUEUE, state);
    }
    insert(backend, "f", "", QUEUE, "dead");
    let plan = plan(backend, REQUEUE, Selection::Messages(MessageFilter::default())).await;
    assert_eq!((plan.count, plan.refused), (3, 2));
    assert_eq!(done_of(&run(backend, &plan).await), ["d", "e", "f"]);
}

async fn a_discarded_row_no_longer_blocks_its_key(backend: &impl Backend) {
    insert(backend, "head", "k", QUEUE, "pending");
    insert(backend, "follower", "k", QUEUE, "pending");
    let later = backend.plus_ms("DueAt", 10 * HOUR_MS);
    backend.execute(&format!("UPDATE OutboxMessages SET DueAt = {later}"));
    assert_eq!(done(backend, Action::Discard, ids(&["head"])).await, ["head"]);
    assert_eq!(state(backend, "head"), "discarded");
    let due = "SELECT count(*) FROM OutboxMessages f JOIN OutboxMessages h ON h.Id = 'head' \
               WHERE f.Id = 'follower' AND f.DueAt < h.DueAt";
    assert_eq!(number(backend, due), 1);
    assert!(why_not(backend, Action::Discard, "head").await.contains("already"));
}

async fn a_copy_has_a_new_id_that_the_copies_for_several_destinations_share(backend: &impl Backend) {
    insert(backend, "a", "k", QUEUE, "sent");
    insert(backend, "a", "k", TOPIC, "pending");
    set(backend, "a", "sent");
    insert(backend, "b", "other", QUEUE, "discarded");
    let report = run(backend, &plan(backend, COPY, ids(&["a", "b"])).await).await;
    assert_eq!((report.done, report.left), (3, 0));
    let new = |id: &str| -> Vec<String> {
        report.rows.iter().filter(|row| row.id == id).map(|row| row.new_id.clone().unwrap()).collect()
    };
    assert_eq!((new("a")[0].clone(), new("a").len()), (new("a")[1].clone(), 2));
    assert_ne!(new("a")[0], new("b")[0]);
    for (old, copies) in [("a", 2), ("b", 1)] {
        let copied = format!(
            "SELECT count(*) FROM OutboxMessages n JOIN OutboxMessages o ON o.Id = '{old}' AND o.Destination = n.Destination \
             WHERE n.Id = '{}' AND n.State = 0 AND n.Payload = o.Payload AND n.OccurredOnUtc = o.OccurredOnUtc \
               AND n.Subject = o.Subject AND n.OrderingKey = o.OrderingKey",
            new(old)[0]
        );
        assert_eq!(number(backend, &copied), copies, "{old}");
        let headers = backend.query(&format!("SELECT Headers FROM OutboxMessages WHERE Id = '{}'", new(old)[0]));
        assert_eq!(headers.unwrap(), format!("{{\"replayOf\":\"{old}\"}}"));
    }
    assert_eq!(audit(backend), [("replay --force".to_owned(), "2 id(s)".to_owned(), 3)]);
    let named = format!("SELECT count(*) FROM OperatorActionMessages WHERE MessageId IN ('a', 'b', '{}')", new("a")[0]);
    assert_eq!(number(backend, &named), 3, "the page of a copy shows where it comes from");
}

fn route(to: &str) -> Action {
    Action::Route { to: to.to_owned(), out_of_order: false }
}

async fn a_row_goes_to_another_destination_where_it_was_not_before(backend: &impl Backend) {
    insert(backend, "a", "k", QUEUE, "dead");
    insert(backend, "waits", "k", QUEUE, "pending");
    let later = backend.plus_ms("DueAt", 10 * HOUR_MS);
    backend.execute(&format!("UPDATE OutboxMessages SET DueAt = {later}"));
    for (id, state) in [("leased", "leased"), ("sent", "sent"), ("gone", "discarded")] {
        insert(backend, id, id, QUEUE, state);
        assert!(!why_not(backend, route(TOPIC), id).await.is_empty());
    }
    assert!(why_not(backend, route(QUEUE), "a").await.contains("already"));
    insert(backend, "a", "k", TOPIC, "pending");
    let of_queue = RemedyRequest { destination: Some(QUEUE.to_owned()), ..request(route(TOPIC), ids(&["a"])) };
    let twice = planned(backend, &of_queue).await;
    assert!(twice.sample[0].why_not.as_deref().unwrap().contains("has a row of this message"), "{twice:?}");
    backend.execute(&format!("DELETE FROM OutboxMessages WHERE Destination = '{TOPIC}'"));

    insert(backend, "newer", "k", "queue:ahead", "sent");
    assert!(why_not(backend, route("queue:ahead"), "a").await.contains("message newer"));
    assert_eq!(done(backend, route("queue:new"), ids(&["a"])).await, ["a"]);
    let of = |column: &str| backend.query(&format!("SELECT {column} FROM OutboxMessages WHERE Id = 'a'"));
    assert_eq!(of("Destination").as_deref(), Some("queue:new"));
    assert_eq!((state(backend, "a"), of("RetryCount").unwrap(), of("LastError")), ("pending".into(), "0".into(), None));
    assert_eq!(number(backend, "SELECT count(*) FROM Destinations WHERE Name = 'queue:new'"), 1, "it can be paused");
    let freed = "SELECT count(*) FROM OutboxMessages w JOIN OutboxMessages s ON s.Id = 'sent' \
                 WHERE w.Id = 'waits' AND w.DueAt <= ";
    let soon = backend.plus_ms("s.DueAt", HOUR_MS);
    assert_eq!(number(backend, &format!("{freed}{soon}")), 1, "what waited behind it is due");
}

async fn what_a_routed_row_met_elsewhere_is_no_later_sending_here(backend: &impl Backend) {
    insert(backend, "older", "k", QUEUE, "dead");
    insert(backend, "newer", "k", TOPIC, "dead");
    backend.execute(
        "INSERT INTO OutboxAttempts (Seq, OnUtc, Instance, State, Outcome) \
         SELECT Seq, DueAt, 'i', 3, 3 FROM OutboxMessages WHERE Id = 'newer'",
    );
    assert_eq!(done(backend, route(QUEUE), ids(&["newer"])).await, ["newer"]);
    assert_eq!(done(backend, REQUEUE, ids(&["older"])).await, ["older"], "the queue has seen neither");
}

async fn a_row_that_waits_for_a_route_gets_one(backend: &impl Backend) {
    insert(backend, "a", "k", "", "pending");
    let unrouted = MessageFilter { destination: Some(String::new()), ..MessageFilter::default() };
    assert_eq!(done(backend, route(QUEUE), Selection::Messages(unrouted)).await, ["a"]);
    let there = format!("SELECT count(*) FROM OutboxMessages WHERE Destination = '{QUEUE}' AND State = 0");
    assert_eq!(number(backend, &there), 1);
}

async fn two_rows_of_one_message_do_not_go_to_one_destination(backend: &impl Backend) {
    for destination in [QUEUE, TOPIC, ""] {
        insert(backend, "a", "k", destination, "pending");
    }
    insert(backend, "b", "b", QUEUE, "pending");
    let plan = plan(backend, route("queue:new"), Selection::Messages(MessageFilter::default())).await;
    assert_eq!((plan.count, plan.refused), (2, 2), "{plan:?}");
    let report = run(backend, &plan).await;
    assert_eq!((done_of(&report), report.left), (vec!["a".to_owned(), "b".to_owned()], 2));
    assert_left(&report, "a", &["another row of this message"]);
    let there = "SELECT count(*) FROM OutboxMessages WHERE Destination = 'queue:new'";
    assert_eq!(number(backend, there), 2);
}

async fn a_repeat_that_would_mail_nobody_is_refused(backend: &impl Backend) {
    insert(backend, "a", "k", QUEUE, "sent");
    mails::insert(backend, "a", 2);
    assert!(why_not(backend, REPLAY, "a").await.contains("--force"));
    insert(backend, "b", "k2", TOPIC, "dead");
    mails::insert(backend, "b", 2);
    assert!(why_not(backend, route(QUEUE), "b").await.contains("the inbox knows this id"));
    assert_eq!(done(backend, REQUEUE, ids(&["b"])).await, ["b"], "no mail comes of it");
    let hour = RemedyRules { windows: DuplicateWindows::by_setting(HOUR_MS), ..rules() };
    insert(backend, "c", "k3", TOPIC, "sent");
    let plan = backend.remedies().plan(&request(REPLAY, ids(&["c"])), &hour, "t").await.unwrap();
    assert!(plan.sample[0].why_not.as_deref().unwrap().contains("duplicate"), "{plan:?}");
}
