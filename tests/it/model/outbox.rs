//! Dispatchers, one destination and its breaker, as a model: who may do what, what may go wrong, and what must hold.

use super::{
    failing, holds,
    outbox_judge::{self as judge, Answer, Settlement},
    outbox_store::{Row, RowState, Store, Token},
};
use stateright::{Model, Property};

/// Time passes in steps. A lease lasts two, its headroom is one, a retry's delay and a breaker's pause one.
pub(super) const LEASE: u8 = 2;
const HEADROOM: u8 = 1;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Mode {
    Batch,
    Suspect,
    Probe,
}

/// A dispatcher between its calls. `age`: steps by its own clock since it sent its claim.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Dispatcher {
    Idle,
    /// It holds the probe, and claims next.
    Probing {
        age: u8,
    },
    /// The rows as the claim returned them.
    Claimed {
        mode: Mode,
        rows: Vec<(usize, Row)>,
        age: u8,
    },
    /// It knows how its rows are to be settled. `applied`: those of a settle whose answer was lost.
    Published {
        mode: Mode,
        rows: Vec<(usize, Settlement)>,
        breaker: judge::Change,
        applied: Vec<usize>,
        age: u8,
    },
    /// Its probe had no verdict.
    GivingBack,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Action {
    TakeProbe(usize),
    /// The row: the one of several that a claim of one row leases.
    Claim(usize, Mode, Option<usize>),
    /// The rows are leased, and the dispatcher does not learn it.
    ClaimAnswerLost(usize, Mode, Option<usize>),
    /// What the bus answers for the first and for all other rows.
    Publish(usize, Answer, Answer),
    Settle(usize),
    /// It is applied, and the dispatcher repeats it.
    SettleAnswerLost(usize),
    GiveBackProbe(usize),
    Crash(usize),
    /// A step of time.
    Tick,
    /// The database's clock jumps by a lease.
    ClockJump,
    Pause,
    Resume,
    Requeue(usize),
    Discard(usize),
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct State {
    pub store: Store,
    pub dispatchers: Vec<Dispatcher>,
    /// First publications, in order.
    pub bus: Vec<usize>,
    /// How often the bus refused the message itself, or its publish failed for its own reason.
    pub blamed: Vec<u8>,
    pub faults_left: u8,
}

/// The rules, each of which can be left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rule {
    TokenCheck,
    HeadsOnly,
    LeasesAreRespected,
    ExpiredLeasesAreClaimed,
    DeadRowsLeaveTheLine,
    DeadRowsLoseTheirToken,
    TheBusHasADeadline,
    PublishBeforeSettle,
    UnknownIsNotSent,
    OutagesBurnNoRetry,
    OneTakesTheProbe,
    OnlyTheProbesHolderCloses,
    OpenBreakersStopClaims,
    AnOpenBreakerIsProbed,
    AnAbandonedProbeExpires,
    RepeatsAreRecognised,
    RemediesKeepTheOrder,
    DoubtCountsAsSent,
}

impl Rule {
    const ALL: [Self; 18] = [
        Self::TokenCheck,
        Self::HeadsOnly,
        Self::LeasesAreRespected,
        Self::ExpiredLeasesAreClaimed,
        Self::DeadRowsLeaveTheLine,
        Self::DeadRowsLoseTheirToken,
        Self::TheBusHasADeadline,
        Self::PublishBeforeSettle,
        Self::UnknownIsNotSent,
        Self::OutagesBurnNoRetry,
        Self::OneTakesTheProbe,
        Self::OnlyTheProbesHolderCloses,
        Self::OpenBreakersStopClaims,
        Self::AnOpenBreakerIsProbed,
        Self::AnAbandonedProbeExpires,
        Self::RepeatsAreRecognised,
        Self::RemediesKeepTheOrder,
        Self::DoubtCountsAsSent,
    ];
}

#[derive(Debug, Clone)]
pub(super) struct Outbox {
    pub dispatchers: usize,
    /// Of each message.
    pub keys: Vec<u8>,
    pub faults: u8,
    pub without: Option<Rule>,
}

impl Outbox {
    pub(super) fn keeps(&self, rule: Rule) -> bool {
        self.without != Some(rule)
    }

    fn fault(state: &State) -> Option<State> {
        let faults_left = state.faults_left.checked_sub(1)?;
        Some(State { faults_left, ..state.clone() })
    }

    /// A dispatcher that is done, or dead: nobody knows its token any more.
    fn idle(state: &mut State, d: usize) {
        state.dispatchers[d] = Dispatcher::Idle;
        state.store.forget(d);
    }

    fn take_probe(&self, state: &State, d: usize) -> Option<State> {
        let mut next = state.clone();
        if !next.store.take_probe(self, d) {
            return None;
        }
        next.dispatchers[d] = Dispatcher::Probing { age: 0 };
        Some(next)
    }

    fn claim(&self, state: &State, d: usize, mode: Mode, only: Option<usize>) -> Option<State> {
        let mut next = state.clone();
        let leased = next.store.claim(self, d, mode, only);
        let rows: Vec<_> = leased.into_iter().map(|row| (row, next.store.rows[row])).collect();
        next.dispatchers[d] = match (&state.dispatchers[d], mode) {
            (Dispatcher::Probing { .. }, Mode::Probe) if rows.is_empty() => Dispatcher::GivingBack,
            (Dispatcher::Probing { age }, Mode::Probe) => Dispatcher::Claimed { mode, rows, age: *age },
            (Dispatcher::Idle, Mode::Batch | Mode::Suspect) if rows.is_empty() => Dispatcher::Idle,
            (Dispatcher::Idle, Mode::Batch | Mode::Suspect) if self.keeps(Rule::PublishBeforeSettle) => {
                Dispatcher::Claimed { mode, rows, age: 0 }
            }
            (Dispatcher::Idle, Mode::Batch | Mode::Suspect) => {
                let early: Vec<_> = rows.iter().map(|(row, _)| (*row, Settlement::Sent)).collect();
                next.store.settle(self, d, &early, judge::Change::Leave);
                Dispatcher::Claimed { mode, rows, age: 0 }
            }
            _ => return None,
        };
        Some(next)
    }

    fn publish(&self, state: &State, d: usize, first: Answer, others: Answer) -> Option<State> {
        let Dispatcher::Claimed { mode, rows, age } = &state.dispatchers[d] else { return None };
        let in_time = !self.keeps(Rule::TheBusHasADeadline) || *age < LEASE - HEADROOM;
        if in_time == (first == Answer::NotTried) || (rows.len() == 1 && first != others) {
            return None;
        }
        let faulty = [first, others].iter().any(|answer| !matches!(answer, Answer::Accepted | Answer::NotTried));
        let mut next = if faulty { Self::fault(state)? } else { state.clone() };
        let answers: Vec<_> = rows.iter().enumerate().map(|(n, _)| if n == 0 { first } else { others }).collect();
        for ((row, _), answer) in rows.iter().zip(&answers) {
            if answer.is_stored() && !next.bus.contains(row) {
                next.bus.push(*row);
            }
        }
        for ((n, row), answer) in rows.iter().zip(&answers) {
            next.blamed[*n] += u8::from(judge::blames(row, *answer, answers.contains(&Answer::Accepted)));
        }
        let (rows, breaker) = judge::judge(self, *mode, rows, &answers);
        next.dispatchers[d] = Dispatcher::Published { mode: *mode, rows, breaker, applied: Vec::new(), age: *age };
        Some(next)
    }

    fn settle(&self, state: &State, d: usize) -> Option<State> {
        let Dispatcher::Published { mode, rows, breaker, applied, .. } = &state.dispatchers[d] else { return None };
        let mut next = state.clone();
        let news = next.store.settle(self, d, rows, *breaker);
        for (n, settlement) in rows {
            let (row, was_applied) = (&next.store.rows[*n], applied.contains(n) || news.contains(n));
            let reported = news.contains(n) || row.token == Token::Of(d);
            // Of an applied one only, since another may have leased the row meanwhile.
            let denied = was_applied && !reported && *settlement == Settlement::Sent && row.state == RowState::Sent;
            next.store.wrongly.reported |= denied || (reported && !was_applied);
        }
        if *mode == Mode::Probe && *breaker == judge::Change::Leave {
            next.dispatchers[d] = Dispatcher::GivingBack;
        } else {
            Self::idle(&mut next, d);
        }
        Some(next)
    }

    fn tick(state: &State) -> State {
        let mut next = state.clone();
        next.store.pass(1);
        for dispatcher in &mut next.dispatchers {
            match dispatcher {
                Dispatcher::Probing { age } | Dispatcher::Claimed { age, .. } | Dispatcher::Published { age, .. } => {
                    *age = LEASE.min(*age + 1);
                }
                Dispatcher::Idle | Dispatcher::GivingBack => {}
            }
        }
        next
    }

    /// No more faults: who holds something finishes it, and one dispatcher goes on, until nothing is left to do.
    fn once_faults_stop(&self, state: &State) -> State {
        let mut now = State { faults_left: 0, ..state.clone() };
        now.store.paused = false;
        for _ in 0..60 {
            let busy = now.dispatchers.iter().position(|dispatcher| *dispatcher != Dispatcher::Idle);
            let d = busy.unwrap_or(0);
            let oldest = |mode| now.store.claimable(self, d, mode).first().copied();
            let steps = [
                Action::TakeProbe(d),
                Action::Claim(d, Mode::Probe, oldest(Mode::Probe)),
                Action::Claim(d, Mode::Batch, None),
                Action::Claim(d, Mode::Suspect, oldest(Mode::Suspect)),
                Action::Publish(d, Answer::Accepted, Answer::Accepted),
                Action::Publish(d, Answer::NotTried, Answer::NotTried),
                Action::Settle(d),
                Action::GiveBackProbe(d),
            ];
            let next = steps.into_iter().find_map(|step| self.next_state(&now, step));
            let Some(next) = next else {
                let later = Self::tick(&now);
                if later == now {
                    return now;
                }
                now = later;
                continue;
            };
            // A probe that finds nothing and is given back leads nowhere until time has passed.
            now = if next.dispatchers[d] == Dispatcher::GivingBack { Self::tick(&next) } else { next };
        }
        now
    }
}

impl Model for Outbox {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![State {
            store: Store::new(&self.keys),
            dispatchers: vec![Dispatcher::Idle; self.dispatchers],
            bus: Vec::new(),
            blamed: vec![0; self.keys.len()],
            faults_left: self.faults,
        }]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        for (d, dispatcher) in state.dispatchers.iter().enumerate() {
            let claims = |modes: &[Mode], actions: &mut Vec<Action>| {
                for mode in modes {
                    // A claim of one row may lease any: which is the oldest due is not modelled.
                    let rows: Vec<_> = match mode {
                        Mode::Batch => vec![None],
                        Mode::Suspect | Mode::Probe => match state.store.claimable(self, d, *mode) {
                            none if none.is_empty() => vec![None],
                            some => some.into_iter().map(Some).collect(),
                        },
                    };
                    for row in rows {
                        actions.extend([Action::Claim(d, *mode, row), Action::ClaimAnswerLost(d, *mode, row)]);
                    }
                }
            };
            match dispatcher {
                Dispatcher::Idle => {
                    claims(&[Mode::Batch, Mode::Suspect], actions);
                    actions.push(Action::TakeProbe(d));
                    continue;
                }
                Dispatcher::Probing { .. } => claims(&[Mode::Probe], actions),
                Dispatcher::Claimed { rows, .. } => {
                    for answer in Answer::ALL {
                        actions.push(Action::Publish(d, answer, answer));
                        if rows.len() > 1 {
                            actions.push(Action::Publish(d, Answer::Accepted, answer));
                        }
                    }
                }
                Dispatcher::Published { .. } => actions.extend([Action::Settle(d), Action::SettleAnswerLost(d)]),
                Dispatcher::GivingBack => actions.push(Action::GiveBackProbe(d)),
            }
            actions.push(Action::Crash(d));
        }
        actions.extend([Action::Tick, Action::ClockJump, Action::Pause, Action::Resume]);
        for row in 0..self.keys.len() {
            actions.extend([Action::Requeue(row), Action::Discard(row)]);
        }
    }

    fn next_state(&self, state: &State, action: Action) -> Option<State> {
        let next = match action {
            Action::TakeProbe(d) if state.dispatchers[d] == Dispatcher::Idle => self.take_probe(state, d)?,
            Action::Claim(d, mode, row) => self.claim(state, d, mode, row)?,
            Action::ClaimAnswerLost(d, mode, row) => {
                let mut next = self.claim(&Self::fault(state)?, d, mode, row)?;
                Self::idle(&mut next, d);
                next
            }
            Action::Publish(d, first, others) => self.publish(state, d, first, others)?,
            Action::Settle(d) => self.settle(state, d)?,
            Action::SettleAnswerLost(d) => {
                let mut next = Self::fault(state)?;
                let State { store, dispatchers, .. } = &mut next;
                let Dispatcher::Published { rows, breaker, applied, .. } = &mut dispatchers[d] else { return None };
                applied.extend(store.settle(self, d, rows, *breaker));
                next
            }
            Action::GiveBackProbe(d) if state.dispatchers[d] == Dispatcher::GivingBack => {
                let mut next = state.clone();
                next.store.give_back_probe(d);
                Self::idle(&mut next, d);
                next
            }
            Action::TakeProbe(_) | Action::GiveBackProbe(_) => return None,
            Action::Crash(d) => {
                let mut next = Self::fault(state)?;
                Self::idle(&mut next, d);
                next
            }
            Action::Tick => {
                // That a process is slow is a fault: otherwise it could be slow for ever.
                let held = state.dispatchers.iter().any(|dispatcher| *dispatcher != Dispatcher::Idle);
                Self::tick(&if held { Self::fault(state)? } else { state.clone() })
            }
            Action::ClockJump => {
                let mut next = Self::fault(state)?;
                next.store.pass(LEASE);
                next
            }
            Action::Pause | Action::Resume => {
                let mut next = if action == Action::Pause { Self::fault(state)? } else { state.clone() };
                next.store.paused = action == Action::Pause;
                next
            }
            Action::Requeue(row) => {
                let mut next = Self::fault(state)?;
                if !next.store.requeue(self, row) {
                    return None;
                }
                let unknown = |later: &&usize| {
                    let other = &state.store.rows[**later];
                    other.key == self.keys[row] && other.state != RowState::Sent && !other.doubt
                };
                next.store.wrongly.passed |= state.bus.iter().filter(unknown).any(|later| *later > row);
                next
            }
            Action::Discard(row) => {
                let mut next = Self::fault(state)?;
                if !next.store.discard(row) {
                    return None;
                }
                next
            }
        };
        // Nothing happened.
        (State { faults_left: state.faults_left, ..next.clone() } != *state).then_some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("a row that counts as sent is stored by the bus", |_, state: &State| {
                let mut rows = state.store.rows.iter().enumerate();
                rows.all(|(n, row)| row.state != RowState::Sent || state.bus.contains(&n))
            }),
            Property::always("first publications of a key are in order", |model: &Self, state: &State| {
                let line = |key| state.bus.iter().filter(move |row| model.keys[**row] == key);
                // Leases are the database's time: where its clock jumps, two may publish at once. And a remedy is judged
                // by what the store knows.
                let excused = state.store.wrongly.jumped || state.store.wrongly.passed;
                excused || model.keys.iter().all(|key| line(*key).is_sorted())
            }),
            Property::always("only the holder of its lease settles a row", |_, state: &State| {
                !state.store.wrongly.settled
            }),
            Property::always("a settle is reported as applied if it was", |_, state: &State| {
                !state.store.wrongly.reported
            }),
            Property::always("only the holder of the probe closes the breaker", |_, state: &State| {
                !state.store.wrongly.closed
            }),
            Property::always("nothing is claimed past an open breaker", |_, state: &State| {
                !state.store.wrongly.claimed
            }),
            Property::always("one dispatcher at a time probes", |_, state: &State| {
                let probing = |dispatcher: &&Dispatcher| match dispatcher {
                    Dispatcher::Probing { age } => *age < LEASE,
                    Dispatcher::Claimed { mode, age, .. } => *mode == Mode::Probe && *age < LEASE,
                    _ => false,
                };
                state.dispatchers.iter().filter(probing).count() <= 1 || state.store.wrongly.jumped
            }),
            Property::always("only a failure of the message burns a retry", |_, state: &State| {
                state.store.rows.iter().zip(&state.blamed).all(|(row, blamed)| row.retries <= *blamed)
            }),
            Property::always("once faults stop, nothing waits for ever", |model: &Self, state: &State| {
                // Who is busy finishes first, and that state is checked too.
                let busy = state.dispatchers.iter().any(|dispatcher| *dispatcher != Dispatcher::Idle);
                let waits = |row: &Row| matches!(row.state, RowState::Pending | RowState::Leased);
                busy || !model.once_faults_stop(state).store.rows.iter().any(waits)
            }),
            Property::sometimes("everything is sent", |_, state: &State| {
                state.store.rows.iter().all(|row| row.state == RowState::Sent)
            }),
            Property::sometimes("a row is dead", |_, state: &State| {
                state.store.rows.iter().any(|r| r.state == RowState::Dead)
            }),
            Property::sometimes("a lease is lost", |_, state: &State| {
                let lost = |d, rows: &Vec<(usize, Row)>| {
                    rows.iter().any(|(row, _)| state.store.rows[*row].token != Token::Of(d))
                };
                state.dispatchers.iter().enumerate().any(|(d, dispatcher)| match dispatcher {
                    Dispatcher::Claimed { rows, .. } => lost(d, rows),
                    _ => false,
                })
            }),
        ]
    }
}

#[test]
fn two_dispatchers_send_three_messages_of_two_keys_whatever_two_faults_do() {
    let states = holds(Outbox { dispatchers: 2, keys: vec![0, 0, 1], faults: 2, without: None });
    assert!(states > 1_000, "{states}");
}

#[test]
fn three_dispatchers_send_two_messages_of_a_key_whatever_two_faults_do() {
    let states = holds(Outbox { dispatchers: 3, keys: vec![0, 0], faults: 2, without: None });
    assert!(states > 1_000, "{states}");
}

#[test]
fn the_model_notices_each_rule_of_dispatching_that_is_left_out() {
    let small = |faults, without| Outbox { dispatchers: 2, keys: vec![0, 0], faults, without };
    holds(small(3, None));
    for rule in Rule::ALL {
        let failing = (1..=3).map(|faults| failing(small(faults, Some(rule)))).find(|failing| !failing.is_empty());
        assert!(failing.is_some(), "nothing fails without {rule:?}");
    }
}
