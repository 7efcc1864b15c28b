//! Seeded simulations of the whole river, and the lists of ops of the defects that such simulations found.

use crate::river::{self, Setup, op};

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
        assert!(first.log.lines().count() > 400);
        assert_eq!(first.log, second.log);
    }
}
