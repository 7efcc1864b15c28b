//! Seeded simulations of the whole river, and the lists of ops of the defects that such simulations found.

use crate::river::{
    self, Setup,
    op::{self, How, Kind, Mood, Op},
};

/// A few of the seeds of `tests/run simulate`.
#[test]
fn no_promise_is_broken_in_the_seeded_runs() {
    for seed in 0..6 {
        let ended = river::simulate(Setup::of_seed(seed), &op::of_seed(seed, 300));
        assert!(ended.broken.is_none(), "seed {seed}: {:?}", ended.broken);
    }
}

#[test]
fn a_seed_is_exactly_repeatable() {
    for seed in [13, 14] {
        let ops = op::of_seed(seed, 400);
        let (first, second) =
            (river::simulate(Setup::of_seed(seed), &ops), river::simulate(Setup::of_seed(seed), &ops));
        assert!(first.log.lines().count() > 200, "{}", first.log);
        assert_eq!(first.log, second.log);
    }
}

/// Seed 1007, shrunk: a row that kills whoever publishes it took along the suspect that went alone to another destination,
/// until that one was dead.
#[test]
fn a_suspect_is_not_blamed_for_the_one_that_kills() {
    let setup = Setup { hold: true, mails_per_minute: 2, window_ms: 600_000, queries: false };
    let ops = [
        Op::Book { process: 1, client: 3, month: 3, grosze: 600_622 },
        Op::Go { nth: 7, how: How::Well },
        Op::Retry { process: 2 },
        Op::Dispatch { process: 1 },
        Op::Book { process: 2, client: 5, month: 2, grosze: 550_498 },
        Op::Book { process: 2, client: 1, month: 2, grosze: 497_039 },
        Op::Book { process: 2, client: 0, month: 3, grosze: 440_984 },
        Op::Go { nth: 2, how: How::Well },
        Op::Go { nth: 3, how: How::Mixed(68) },
        Op::Go { nth: 3, how: How::AnswerLost },
        Op::Insert { kind: Kind::Killer, key: None, late: false },
    ];
    let ended = river::simulate(setup, &ops);
    assert!(ended.broken.is_none(), "{:?}", ended.broken);
}

/// Seed 1040, shrunk: five recipients were refused alike, and before the fifth refusal was compared with the others the
/// provider took a mail. All five stayed refused.
#[test]
fn a_mail_that_is_taken_meanwhile_leaves_none_condemned_that_was_refused_alike() {
    river::holds(
        Setup { hold: true, mails_per_minute: 0, window_ms: 0, queries: false },
        &[
            Op::Outage { of: 2, mood: Mood::Refusing },
            Op::Book { process: 1, client: 4, month: 2, grosze: 781_062 },
            Op::Dispatch { process: 2 },
            Op::Book { process: 2, client: 1, month: 2, grosze: 20_871 },
            Op::Dispatch { process: 2 },
            Op::Go { nth: 4, how: How::Well },
            Op::Work { process: 2, calls: 10 },
            Op::Work { process: 2, calls: 8 },
            Op::Deliver { process: 0, nth: 0 },
            Op::Go { nth: 0, how: How::Well },
            Op::Deliver { process: 2, nth: 0 },
            Op::Work { process: 2, calls: 8 },
            Op::Book { process: 1, client: 3, month: 3, grosze: 356_529 },
            Op::Book { process: 2, client: 2, month: 1, grosze: 432_802 },
            Op::Go { nth: 1, how: How::Well },
            Op::Work { process: 2, calls: 10 },
            Op::Book { process: 2, client: 5, month: 3, grosze: 106_587 },
            Op::Work { process: 0, calls: 9 },
            Op::Go { nth: 1, how: How::Well },
            Op::Dispatch { process: 2 },
            Op::Go { nth: 4, how: How::Well },
            Op::Deliver { process: 1, nth: 2 },
            Op::Go { nth: 4, how: How::RequestLost },
            Op::Book { process: 0, client: 5, month: 1, grosze: 822_482 },
            Op::Go { nth: 3, how: How::Well },
            Op::Deliver { process: 1, nth: 5 },
            Op::Book { process: 1, client: 2, month: 2, grosze: 901_574 },
            Op::Work { process: 0, calls: 4 },
            Op::Deliver { process: 0, nth: 4 },
            Op::Deliver { process: 1, nth: 1 },
            Op::Work { process: 1, calls: 10 },
        ],
    );
}
