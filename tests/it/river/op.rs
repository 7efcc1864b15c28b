//! The ops of a simulation, and the list that a seed makes of them.

use Op::{
    Again, Book, BookOnce, CommitLate, Crash, DeadLetter, Delete, Deliver, Dispatch, Erase, Go, Insert, Jump, LoseLock,
    Outage, Overview, Pass, Pause, Prune, Remedy, Retry, Send, StoreJump, Watch, Work,
};

/// How many processes share the store, the bus and the provider.
pub const PROCESSES: usize = 3;
/// How many clients there are from the start.
pub const CLIENTS: usize = 6;

/// One step of a simulation. Each makes sense in any state, so that a list stays one when ops are left out of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Op {
    /// A caller books a month: creates its record, or changes it if it is there.
    Book { process: usize, client: usize, month: u8, grosze: i64 },
    /// A caller books under this idempotency key; all requests of one key are alike.
    BookOnce { process: usize, key: u8 },
    /// A caller deletes the record of a month.
    Delete { process: usize, client: usize, month: u8 },
    /// A client leaves: a caller deletes their records, and then the client.
    Erase { process: usize, client: usize },
    /// Another program sends an event of ours into the email queue itself, which the queue got so many days ago.
    Send { days: i64 },
    /// Another program writes into the outbox; `late`: its transaction is open until `CommitLate`.
    Insert { kind: Kind, key: Option<u8>, late: bool },
    /// The `nth` open transaction commits.
    CommitLate { nth: usize },
    /// The timer DispatchOutbox fires; runs may overlap.
    Dispatch { process: usize },
    /// The timer RetryEmail fires; runs may overlap.
    Retry { process: usize },
    /// The queue delivers one of the messages that wait.
    Deliver { process: usize, nth: usize },
    /// The queue delivers once more what it had delivered and what was answered with success.
    Again { process: usize, nth: usize },
    /// The lock of a message that is being delivered runs out, so that it is delivered beside itself.
    LoseLock { nth: usize },
    /// The queue dead-letters a message that waits.
    DeadLetter { nth: usize },
    /// The timer PruneOutbox fires.
    Prune { process: usize },
    /// An operator makes a dry run and runs it: for the `nth` message, or for all.
    Remedy { process: usize, remedy: Cure, nth: Option<usize> },
    /// An operator pauses, drains or resumes a destination or the provider.
    Pause { process: usize, of: usize, switch: Switch },
    /// An operator looks at the overview.
    Overview,
    /// What needs a person is reported.
    Watch { process: usize },
    /// Up to so many calls of a process go well, the oldest first.
    Work { process: usize, calls: usize },
    /// One of the calls that wait goes to the store, the bus or the provider.
    Go { nth: usize, how: How },
    /// Time passes.
    Pass { ms: i64 },
    /// The clock of a process is set.
    Jump { process: usize, ms: i64 },
    /// The store's clock is set.
    StoreJump { ms: i64 },
    /// A process dies, with all that it does, and another takes its place.
    Crash { process: usize },
    /// A destination (0, 1, …) or the mail provider (`PROVIDER`) fails from now on, or works again.
    Outage { of: usize, mood: Mood },
}

/// The number of the mail provider among what can fail.
pub const PROVIDER: usize = 2;

/// What another program writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// JSON of a type that is routed to two destinations.
    Plain,
    /// An event of ours, which is mailed.
    Mailed,
    /// No JSON: it can never be sent.
    Poison,
    /// It kills every process that publishes it.
    Killer,
    /// A second message of an id that was routed.
    Repeat,
}

/// An operator's remedy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cure {
    Requeue,
    RequeueOutOfOrder,
    Discard,
    Replay,
    ReplayOutOfOrder,
    Copy,
    Route,
    ResendMail,
    AssumeSent,
    TakeIn,
}

/// What an operator does to a destination or the provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Switch {
    Pause,
    PauseFor(i64),
    Drain,
    Resume,
}

/// How a call goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// As the other side is.
    Well,
    /// It arrives nowhere.
    RequestLost,
    /// It is done, and its answer never arrives.
    AnswerLost,
    /// It is done, and its answer waits to be let through.
    Slow,
    /// In the store another transaction locks a row; elsewhere as the other side is.
    Locked,
    /// Each message of a publish, and each mail, ends in a way of its own.
    Mixed(u8),
}

/// How a destination or the provider is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mood {
    /// It works.
    Up,
    /// It cannot be reached, or refuses everything.
    Down,
    /// It asks for a pause.
    Throttling,
    /// It cuts each connection after it took what was sent.
    Cutting,
    /// The provider refuses every recipient alike for a fault of its own; a destination is down.
    Refusing,
    /// Each message and each mail ends in a way of its own.
    Mixed,
}

/// The first `count` ops of a seed.
pub fn of_seed(seed: u64, count: usize) -> Vec<Op> {
    let mut dice = fastrand::Rng::with_seed(seed);
    (0..count).map(|_| any(&mut dice)).collect()
}

fn any(dice: &mut fastrand::Rng) -> Op {
    let process = dice.usize(0..PROCESSES);
    let nth = dice.usize(0..8);
    let of = dice.usize(0..=PROVIDER);
    match dice.u32(0..1_000) {
        0..420 => Go { nth, how: how(dice) },
        420..600 => Work { process, calls: dice.usize(1..16) },
        600..670 => Dispatch { process },
        670..715 => Retry { process },
        715..775 => Deliver { process, nth },
        775..785 => Again { process, nth },
        785..792 => LoseLock { nth },
        792..797 => DeadLetter { nth },
        // Half of them about one client, so that many messages have one key.
        797..845 => Book { process, client: client(dice), month: dice.u8(1..4), grosze: dice.i64(0..1_000_000) },
        845..850 => Delete { process, client: client(dice), month: dice.u8(1..4) },
        850 => Erase { process, client: dice.usize(0..CLIENTS) },
        851..855 => Send { days: if dice.bool() { 0 } else { [-1, 30, 300, 401, 500][dice.usize(0..5)] } },
        855..867 => BookOnce { process, key: dice.u8(0..6) },
        867..887 => Insert { kind: kind(dice), key: dice.bool().then(|| dice.u8(0..2)), late: dice.u8(0..3) == 0 },
        887..895 => CommitLate { nth },
        895..935 => Pass { ms: ms(dice) },
        935..949 => Crash { process },
        949..967 => Outage { of, mood: mood(dice) },
        967..983 => Remedy { process, remedy: cure(dice), nth: dice.bool().then(|| dice.usize(0..40)) },
        983..989 => Pause { process, of, switch: switch(dice) },
        989..992 => Prune { process },
        992..994 => Overview,
        994 => Watch { process },
        995..998 => Jump { process, ms: dice.i64(-7_200_000..7_200_000) },
        _ => StoreJump { ms: dice.i64(-3_600_000..3_600_000) },
    }
}

fn client(dice: &mut fastrand::Rng) -> usize {
    if dice.bool() { 0 } else { dice.usize(0..CLIENTS) }
}

fn cure(dice: &mut fastrand::Rng) -> Cure {
    match dice.u32(0..18) {
        16.. => Cure::Route,
        0..4 => Cure::Requeue,
        4 => Cure::RequeueOutOfOrder,
        5..7 => Cure::Discard,
        7..9 => Cure::Replay,
        9 => Cure::ReplayOutOfOrder,
        10 => Cure::Copy,
        11..13 => Cure::ResendMail,
        13 => Cure::AssumeSent,
        _ => Cure::TakeIn,
    }
}

fn switch(dice: &mut fastrand::Rng) -> Switch {
    match dice.u32(0..6) {
        0 => Switch::Pause,
        1 => Switch::PauseFor(dice.i64(1..120_000)),
        2 => Switch::Drain,
        _ => Switch::Resume,
    }
}

fn how(dice: &mut fastrand::Rng) -> How {
    match dice.u32(0..100) {
        0..82 => How::Well,
        82..85 => How::RequestLost,
        85..88 => How::AnswerLost,
        88..91 => How::Slow,
        91..92 => How::Locked,
        _ => How::Mixed(dice.u8(..)),
    }
}

fn kind(dice: &mut fastrand::Rng) -> Kind {
    match dice.u32(0..20) {
        0..9 => Kind::Plain,
        9..16 => Kind::Mailed,
        16 | 17 => Kind::Repeat,
        18 => Kind::Killer,
        _ => Kind::Poison,
    }
}

fn mood(dice: &mut fastrand::Rng) -> Mood {
    match dice.u32(0..12) {
        0..5 => Mood::Up,
        9.. => Mood::Mixed,
        5 => Mood::Down,
        6 => Mood::Throttling,
        7 => Mood::Refusing,
        _ => Mood::Cutting,
    }
}

/// Mostly less than a backoff; at times more than a lease, a breaker or a day.
fn ms(dice: &mut fastrand::Rng) -> i64 {
    match dice.u32(0..20) {
        0..12 => dice.i64(1..2_000),
        12..16 => dice.i64(2_000..30_000),
        16..19 => dice.i64(30_000..200_000),
        _ if dice.u8(0..8) == 0 => dice.i64(100_000_000..300_000_000),
        _ => dice.i64(200_000..40_000_000),
    }
}
