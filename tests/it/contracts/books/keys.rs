//! Idempotency keys: a repeat gets the same answer, and nothing is written twice.

use super::*;

contract!(
    parallel_writes_with_one_key_leave_one_record_and_one_answer,
    a_key_used_for_another_request_is_refused,
    a_repeat_is_recognised_before_if_match_and_uniqueness,
    every_response_is_repeated_as_it_was,
    a_refused_write_stores_no_key,
    an_expired_key_counts_as_absent,
);

async fn parallel_writes_with_one_key_leave_one_record_and_one_answer(backend: &impl Backend) {
    let id = client(backend, 1).await.id;
    let handles = [backend.books(), backend.books(), backend.others().books, backend.others().books];
    let tasks: Vec<_> = (0..16)
        .map(|n| {
            let books = handles[n % handles.len()].clone();
            // Each is a request of its own: another message id, the same key and fingerprint.
            let entry = keyed(Command::CreateRecord(id, march(), figures("10")), "k-1");
            tokio::spawn(async move { books.commit(&entry).await.unwrap() })
        })
        .collect();
    let (mut first, mut repeats) = (Vec::new(), Vec::new());
    for task in tasks {
        match task.await.unwrap() {
            Committed::Done(booked) => first.push(booked),
            Committed::Replayed(booked) => repeats.push(booked),
            other @ (Committed::KeyBusy | Committed::Refused(_)) => panic!("{other:?}"),
        }
    }
    assert_eq!((first.len(), repeats.len()), (1, 15));
    assert!(repeats.iter().all(|repeat| *repeat == first[0]), "one answer");
    assert_eq!(count(backend, "FinancialRecords"), 1);
    assert_eq!(count(backend, "OutboxMessages"), 1);
    assert_eq!(backend.query("SELECT Id FROM OutboxMessages"), first[0].message_id);
}

async fn a_key_used_for_another_request_is_refused(backend: &impl Backend) {
    done(backend, keyed(Command::CreateClient(draft(1)), "k")).await;
    assert_eq!(refused(backend, keyed(Command::CreateClient(draft(2)), "k")).await, Refusal::KeyReused);
    assert_eq!(count(backend, "Clients"), 1);
    done(backend, keyed(Command::CreateClient(draft(2)), "K")).await;
}

async fn a_repeat_is_recognised_before_if_match_and_uniqueness(backend: &impl Backend) {
    let create = keyed(Command::CreateClient(draft(1)), "create");
    let booked = done(backend, create.clone()).await;
    let again = backend.books().commit(&create).await.unwrap();
    assert_eq!(again, Committed::Replayed(booked), "its own NIP must not stand in its way");

    let record = record(backend, ClientId(1), march()).await;
    let patch = Entry {
        if_match: Some(IfMatch::parse(&record_etag(&record))),
        ..keyed(Command::PatchRecord(ClientId(1), march(), vat("2")), "patch")
    };
    let booked = done(backend, patch.clone()).await;
    let again = backend.books().commit(&patch).await.unwrap();
    assert_eq!(again, Committed::Replayed(booked), "its own new version must not stand in its way");
    assert_eq!(count(backend, "OutboxMessages"), 2);
}

async fn every_response_is_repeated_as_it_was(backend: &impl Backend) {
    let one = ClientId(1);
    let commands = [
        Command::CreateClient(draft(1)),
        Command::ReplaceClient(one, draft(2)),
        Command::CreateRecord(one, march(), figures("9999999999999999.99")),
        Command::PatchRecord(one, march(), vat("1234567.80")),
        Command::DeleteRecord(one, march()),
        Command::DeleteClient(one),
    ];
    for (n, command) in commands.into_iter().enumerate() {
        let entry = keyed(command, &format!("k{n}"));
        let booked = done(backend, entry.clone()).await;
        assert_eq!(backend.books().commit(&entry).await.unwrap(), Committed::Replayed(booked));
    }
}

async fn a_refused_write_stores_no_key(backend: &impl Backend) {
    let period = march();
    let entry = keyed(Command::CreateRecord(ClientId(1), period, figures("1")), "k");
    assert_eq!(refused(backend, entry.clone()).await, Refusal::NoClient(ClientId(1)));
    assert_eq!(count(backend, "IdempotencyKeys"), 0);
    client(backend, 1).await;
    done(backend, entry).await;
}

async fn an_expired_key_counts_as_absent(backend: &impl Backend) {
    done(backend, keyed(Command::CreateClient(draft(1)), "k")).await;
    backend.advance_ms(23 * 3_600_000);
    assert_eq!(refused(backend, keyed(Command::CreateClient(draft(2)), "k")).await, Refusal::KeyReused);
    backend.advance_ms(3_600_000);
    let second = keyed(Command::CreateClient(draft(2)), "k");
    let booked = done(backend, second.clone()).await;
    assert_eq!(backend.books().commit(&second).await.unwrap(), Committed::Replayed(booked), "it lives anew");
    assert_eq!(count(backend, "IdempotencyKeys"), 1);
}
