//! Deliveries, mailing processes and a provider, as a model: no mail goes twice but for a doubt that was reported.

use super::{failing, holds};
use stateright::{Model, Property};

/// Steps of time that a lease lasts.
pub(super) const LEASE: u8 = 1;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum MailState {
    Accepted,
    Sending,
    Sent,
    Parked,
    InDoubt,
    Refused,
}

/// Who knows a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Token {
    None,
    Past,
    Of(usize),
}

/// A row of the inbox. `due` None: it waits for a person, or for nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Mail {
    pub state: MailState,
    pub due: Option<u8>,
    pub token: Token,
    pub doubts: u8,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Answer {
    Accepted,
    /// The recipient cannot be reached now.
    Transient,
    /// The recipient can never be reached.
    Permanent,
    /// The connection broke. `taken`: the provider has the mail.
    Unknown {
        taken: bool,
    },
}

/// How an attempt is settled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Settlement {
    Sent,
    Parked,
    Refused,
    InDoubt,
}

/// A process between its calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Process {
    Idle,
    Leased {
        mail: usize,
    },
    /// It has the provider's answer.
    Answered {
        mail: usize,
        settlement: Settlement,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Action {
    /// A delivery of the message.
    Begin(usize, usize),
    /// It is stored, and the broker delivers it again.
    BeginAnswerLost(usize, usize),
    TakeDue(usize, usize),
    TakeDueAnswerLost(usize, usize),
    Send(usize, Answer),
    Settle(usize),
    SettleAnswerLost(usize),
    /// Expired leases become doubts, and are reported.
    Expire,
    Crash(usize),
    Tick,
    Resend(usize),
    AssumeSent(usize),
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct State {
    pub mails: Vec<Option<Mail>>,
    /// Deliveries that the broker still owes; one is taken away by each that was answered.
    pub deliveries: Vec<u8>,
    pub processes: Vec<Process>,
    /// How often the provider took each mail.
    pub taken: Vec<u8>,
    /// How often each mail was reported as in doubt, or was sent again by a person.
    pub excused: Vec<u8>,
    pub settled_wrongly: bool,
    pub faults_left: u8,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rule {
    OneStepStoresADelivery,
    WhatAnotherSendsIsLeft,
    SentMailsAreRemembered,
    TokenCheck,
    ExpiryIsADoubt,
    UnknownIsADoubt,
    ExpiredLeasesAreTakenUp,
    DoubtsAreResent,
}

impl Rule {
    const ALL: [Self; 8] = [
        Self::OneStepStoresADelivery,
        Self::WhatAnotherSendsIsLeft,
        Self::SentMailsAreRemembered,
        Self::TokenCheck,
        Self::ExpiryIsADoubt,
        Self::UnknownIsADoubt,
        Self::ExpiredLeasesAreTakenUp,
        Self::DoubtsAreResent,
    ];
}

/// `hold`: doubts wait for a person.
#[derive(Debug, Clone)]
pub(super) struct Inbox {
    pub processes: usize,
    pub mails: usize,
    pub faults: u8,
    pub hold: bool,
    pub without: Option<Rule>,
}

impl Inbox {
    fn keeps(&self, rule: Rule) -> bool {
        self.without != Some(rule)
    }

    fn fault(state: &State) -> Option<State> {
        let faults_left = state.faults_left.checked_sub(1)?;
        Some(State { faults_left, ..state.clone() })
    }

    fn idle(state: &mut State, p: usize) {
        state.processes[p] = Process::Idle;
        for mail in state.mails.iter_mut().flatten().filter(|mail| mail.token == Token::Of(p)) {
            mail.token = Token::Past;
        }
    }

    /// One statement: stores a new mail under this process's lease, or leases one that waits. Any other it leaves.
    fn begin(&self, state: &State, p: usize, m: usize) -> Option<State> {
        if state.processes[p] != Process::Idle || state.deliveries[m] == 0 {
            return None;
        }
        let mut next = state.clone();
        let leased = Mail { state: MailState::Sending, due: Some(LEASE), token: Token::Of(p), doubts: 0 };
        let ours = match &mut next.mails[m] {
            new @ None => {
                *new = Some(leased);
                true
            }
            Some(mail) => {
                let waits = match mail.state {
                    MailState::Accepted => mail.due == Some(0),
                    MailState::Sending => {
                        !self.keeps(Rule::WhatAnotherSendsIsLeft) || !self.keeps(Rule::OneStepStoresADelivery)
                    }
                    MailState::Sent => !self.keeps(Rule::SentMailsAreRemembered),
                    MailState::Parked | MailState::InDoubt | MailState::Refused => false,
                };
                if waits {
                    *mail = Mail { doubts: mail.doubts, ..leased };
                }
                waits
            }
        };
        if ours {
            next.processes[p] = Process::Leased { mail: m };
        }
        Some(next)
    }

    fn take_due(&self, state: &State, p: usize, m: usize) -> Option<State> {
        let mut next = state.clone();
        let mail = next.mails[m].as_mut().filter(|_| state.processes[p] == Process::Idle)?;
        let waits = match mail.state {
            MailState::Accepted | MailState::Parked => true,
            MailState::InDoubt => self.keeps(Rule::DoubtsAreResent),
            MailState::Sending | MailState::Sent | MailState::Refused => false,
        };
        if !waits || mail.due != Some(0) {
            return None;
        }
        (mail.state, mail.due, mail.token) = (MailState::Sending, Some(LEASE), Token::Of(p));
        next.processes[p] = Process::Leased { mail: m };
        Some(next)
    }

    fn send(&self, state: &State, p: usize, answer: Answer) -> Option<State> {
        let Process::Leased { mail } = state.processes[p] else { return None };
        let mut next = if answer == Answer::Accepted { state.clone() } else { Self::fault(state)? };
        next.taken[mail] += u8::from(matches!(answer, Answer::Accepted | Answer::Unknown { taken: true }));
        let settlement = match answer {
            Answer::Accepted => Settlement::Sent,
            Answer::Permanent => Settlement::Refused,
            Answer::Unknown { .. } if self.keeps(Rule::UnknownIsADoubt) => Settlement::InDoubt,
            Answer::Transient | Answer::Unknown { .. } => Settlement::Parked,
        };
        next.processes[p] = Process::Answered { mail, settlement };
        Some(next)
    }

    fn settle(&self, state: &State, p: usize) -> Option<State> {
        let Process::Answered { mail: m, settlement } = state.processes[p] else { return None };
        let mut next = state.clone();
        let mail = next.mails[m].as_mut()?;
        let ours = mail.token == Token::Of(p);
        let open = match mail.state {
            MailState::Sending => true,
            // A late outcome ends the doubt; a late doubt was counted already.
            MailState::InDoubt => settlement != Settlement::InDoubt,
            _ => false,
        };
        if open && (ours || !self.keeps(Rule::TokenCheck)) {
            next.settled_wrongly |= !ours;
            (mail.state, mail.due) = match settlement {
                Settlement::Sent => (MailState::Sent, None),
                Settlement::Parked => (MailState::Parked, Some(1)),
                Settlement::Refused => (MailState::Refused, None),
                Settlement::InDoubt => {
                    mail.doubts += 1;
                    next.excused[m] += 1;
                    (MailState::InDoubt, (!self.hold).then_some(1))
                }
            };
        }
        Some(next)
    }

    fn expire(&self, state: &State) -> State {
        let mut next = state.clone();
        if !self.keeps(Rule::ExpiredLeasesAreTakenUp) {
            return next;
        }
        for (m, mail) in next.mails.iter_mut().enumerate() {
            let Some(mail) = mail.as_mut().filter(|mail| mail.state == MailState::Sending && mail.due == Some(0))
            else {
                continue;
            };
            if self.keeps(Rule::ExpiryIsADoubt) {
                (mail.state, mail.doubts) = (MailState::InDoubt, mail.doubts + 1);
                next.excused[m] += 1;
            } else {
                mail.state = MailState::Parked;
            }
            mail.due = (!self.hold).then_some(0);
        }
        next
    }

    fn tick(state: &State) -> State {
        let mut next = state.clone();
        for mail in next.mails.iter_mut().flatten() {
            mail.due = mail.due.map(|due| due.saturating_sub(1));
        }
        next
    }

    fn once_faults_stop(&self, state: &State) -> State {
        let mut now = State { faults_left: 0, ..state.clone() };
        for _ in 0..60 {
            let busy = now.processes.iter().position(|process| *process != Process::Idle);
            let p = busy.unwrap_or(0);
            let mails = 0..self.mails;
            let deliveries = mails.clone().map(|m| Action::Begin(p, m));
            let steps = [Action::Send(p, Answer::Accepted), Action::Settle(p)].into_iter().chain(deliveries);
            let mut steps = steps.chain([Action::Expire]).chain(mails.map(|m| Action::TakeDue(p, m)));
            match steps.find_map(|step| self.next_state(&now, step)) {
                Some(next) => now = next,
                None if Self::tick(&now) == now => return now,
                None => now = Self::tick(&now),
            }
        }
        now
    }
}

impl Model for Inbox {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![State {
            mails: vec![None; self.mails],
            deliveries: vec![2; self.mails],
            processes: vec![Process::Idle; self.processes],
            taken: vec![0; self.mails],
            excused: vec![0; self.mails],
            settled_wrongly: false,
            faults_left: self.faults,
        }]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        for (p, process) in state.processes.iter().enumerate() {
            match process {
                Process::Idle => {
                    for m in 0..self.mails {
                        actions.extend([Action::Begin(p, m), Action::BeginAnswerLost(p, m)]);
                        actions.extend([Action::TakeDue(p, m), Action::TakeDueAnswerLost(p, m)]);
                    }
                    continue;
                }
                Process::Leased { .. } => {
                    let unknown = [true, false].map(|taken| Answer::Unknown { taken });
                    let answers = [Answer::Accepted, Answer::Transient, Answer::Permanent].into_iter().chain(unknown);
                    actions.extend(answers.map(|answer| Action::Send(p, answer)));
                }
                Process::Answered { .. } => actions.extend([Action::Settle(p), Action::SettleAnswerLost(p)]),
            }
            actions.push(Action::Crash(p));
        }
        actions.extend([Action::Expire, Action::Tick]);
        for m in 0..self.mails {
            actions.extend([Action::Resend(m), Action::AssumeSent(m)]);
        }
    }

    fn next_state(&self, state: &State, action: Action) -> Option<State> {
        let next = match action {
            Action::Begin(p, m) => {
                let mut next = self.begin(state, p, m)?;
                next.deliveries[m] -= 1;
                next
            }
            Action::BeginAnswerLost(p, m) => {
                let mut next = self.begin(&Self::fault(state)?, p, m)?;
                Self::idle(&mut next, p);
                next
            }
            Action::TakeDue(p, m) => self.take_due(state, p, m)?,
            Action::TakeDueAnswerLost(p, m) => {
                let mut next = self.take_due(&Self::fault(state)?, p, m)?;
                Self::idle(&mut next, p);
                next
            }
            Action::Send(p, answer) => self.send(state, p, answer)?,
            Action::Settle(p) => {
                let mut next = self.settle(state, p)?;
                Self::idle(&mut next, p);
                next
            }
            Action::SettleAnswerLost(p) => self.settle(&Self::fault(state)?, p)?,
            Action::Expire => self.expire(state),
            Action::Crash(p) => {
                let mut next = Self::fault(state)?;
                Self::idle(&mut next, p);
                next
            }
            Action::Tick => {
                // That a process is slow is a fault.
                let held = state.processes.iter().any(|process| *process != Process::Idle);
                Self::tick(&if held { Self::fault(state)? } else { state.clone() })
            }
            Action::Resend(m) => {
                let mut next = Self::fault(state)?;
                let mail = next.mails[m].as_mut()?;
                if !matches!(mail.state, MailState::InDoubt | MailState::Refused) {
                    return None;
                }
                // A person takes the risk that a mail in doubt goes twice.
                (mail.state, mail.due, mail.token) = (MailState::Accepted, Some(0), Token::None);
                next
            }
            // Of one that waits only a person who knows more than this model assumes that.
            Action::AssumeSent(m) => {
                let mut next = Self::fault(state)?;
                let mail = next.mails[m].as_mut().filter(|mail| mail.state == MailState::InDoubt)?;
                (mail.state, mail.due, mail.token) = (MailState::Sent, None, Token::None);
                next
            }
        };
        // Nothing happened.
        (State { faults_left: state.faults_left, ..next.clone() } != *state).then_some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("a mail goes once, and once more for each doubt reported", |_, state: &State| {
                state.taken.iter().zip(&state.excused).all(|(taken, excused)| *taken <= 1 + excused)
            }),
            Property::always("two processes send a mail at once only after a doubt", |model: &Self, state: &State| {
                let sending = |m| state.processes.iter().filter(|p| **p == Process::Leased { mail: m }).count();
                (0..model.mails).all(|m| sending(m) <= 1 + usize::from(state.excused[m]))
            }),
            Property::always("a mail that counts as sent was taken, or was in doubt", |_, state: &State| {
                let sent = |mail: &Option<Mail>| mail.is_some_and(|mail| mail.state == MailState::Sent);
                let mut mails = state.mails.iter().enumerate().filter(|(_, mail)| sent(mail));
                mails.all(|(m, _)| state.taken[m] > 0 || state.excused[m] > 0)
            }),
            Property::always("only the holder of its lease settles a mail", |_, state: &State| !state.settled_wrongly),
            Property::always(
                "once faults stop, every mail is sent, refused or held for a person",
                |model: &Self, state: &State| {
                    let ended = |mail: &Option<Mail>| {
                        mail.is_some_and(|mail| match mail.state {
                            MailState::Sent | MailState::Refused => true,
                            MailState::InDoubt => model.hold && mail.due.is_none(),
                            MailState::Accepted | MailState::Sending | MailState::Parked => false,
                        })
                    };
                    // Who is busy finishes first, and that state is checked too.
                    let busy = state.processes.iter().any(|process| *process != Process::Idle);
                    busy || model.once_faults_stop(state).mails.iter().all(ended)
                },
            ),
            Property::sometimes("every mail is sent", |_, state: &State| {
                state.mails.iter().flatten().filter(|mail| mail.state == MailState::Sent).count() == state.mails.len()
            }),
            Property::sometimes("a mail goes twice", |_, state: &State| state.taken.iter().any(|taken| *taken > 1)),
        ]
    }
}

#[test]
fn three_processes_mail_a_message_once_but_for_reported_doubts_whatever_three_faults_do() {
    let states = holds(Inbox { processes: 3, mails: 1, faults: 3, hold: false, without: None });
    assert!(states > 1_000, "{states}");
}

#[test]
fn two_processes_mail_two_messages_once_but_for_reported_doubts_whatever_two_faults_do() {
    let states = holds(Inbox { processes: 2, mails: 2, faults: 2, hold: false, without: None });
    assert!(states > 1_000, "{states}");
}

#[test]
fn where_a_person_decides_no_mail_goes_twice_by_itself() {
    let states = holds(Inbox { processes: 2, mails: 1, faults: 3, hold: true, without: None });
    assert!(states > 100, "{states}");
}

#[test]
fn the_model_notices_each_rule_of_mailing_that_is_left_out() {
    for rule in Rule::ALL {
        let failing = failing(Inbox { processes: 2, mails: 1, faults: 3, hold: false, without: Some(rule) });
        assert!(!failing.is_empty(), "nothing fails without {rule:?}");
    }
}
