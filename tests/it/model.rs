//! The protocols as small models that are checked exhaustively.
//!
//! An action has the name of the call of a port, or of what may happen to a process. The number of faults is bounded, all
//! else is not. A rule can be left out: then a property must fail, which shows that the model would notice.

mod inbox;
mod outbox;
mod outbox_judge;
mod outbox_store;

use stateright::{Checker, Expectation, HasDiscoveries, Model};
use std::{fmt::Debug, hash::Hash};

/// Checks every reachable state; returns how many there are. Prints the way to a state that breaks a property.
fn holds<M>(model: M) -> usize
where
    M: Model + Send + Sync + 'static,
    M::State: Clone + Debug + Hash + PartialEq + Send + Sync,
    M::Action: Clone + Debug + PartialEq + Send + Sync,
{
    let checker = model.checker().spawn_bfs().join();
    checker.assert_properties();
    checker.unique_state_count()
}

/// The properties that fail in some reachable state.
fn failing<M>(model: M) -> Vec<&'static str>
where
    M: Model + Send + Sync + 'static,
    M::State: Clone + Debug + Hash + PartialEq + Send + Sync,
    M::Action: Clone + Debug + PartialEq + Send + Sync,
{
    let checker = model.checker().finish_when(HasDiscoveries::AnyFailures).spawn_bfs().join();
    let failures = checker.model().properties().into_iter().filter(|one| one.expectation == Expectation::Always);
    failures.map(|one| one.name).filter(|name| checker.discovery(name).is_some()).collect()
}
