//! Seeded simulations of the whole river, and the lists of ops of the defects that such simulations found.

use crate::river::{
    self, Setup,
    op::{self, How, Kind, Op},
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
    let setup = Setup { hold: true, mails_per_minute: 2, window_ms: 600_000 };
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
