//! The ops of a simulation, and the list that a seed makes of them.

use Op::{Again, Book, BookOnce, Crash, Deliver, Dispatch, Go, Insert, LoseLock, Outage, Pass, Retry};

/// How many processes share the store, the bus and the provider.
pub const PROCESSES: usize = 3;
/// How many clients there are from the start.
pub const CLIENTS: usize = 3;

/// One step of a simulation. Each makes sense in any state, so that a list stays one when ops are left out of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Op {
    /// A caller books a month: creates its record, or changes it if it is there.
    Book { process: usize, client: usize, month: u8, grosze: i64 },
    /// A caller books under this idempotency key; all requests of one key are alike.
    BookOnce { process: usize, key: u8 },
    /// Another program writes into the outbox.
    Insert { kind: Kind, key: Option<u8> },
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
    /// One of the calls that wait goes to the store, the bus or the provider.
    Go { nth: usize, how: How },
    /// Time passes.
    Pass { ms: i64 },
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
}

/// The first `count` ops of a seed.
pub fn of_seed(seed: u64, count: usize) -> Vec<Op> {
    let mut dice = fastrand::Rng::with_seed(seed);
    (0..count).map(|_| any(&mut dice)).collect()
}

fn any(dice: &mut fastrand::Rng) -> Op {
    let process = dice.usize(0..PROCESSES);
    let nth = dice.usize(0..8);
    match dice.u32(0..1_000) {
        0..640 => Go { nth, how: how(dice) },
        640..720 => Dispatch { process },
        720..755 => Retry { process },
        755..805 => Deliver { process, nth },
        805..815 => Again { process, nth },
        815..822 => LoseLock { nth },
        822..880 => {
            Book { process, client: dice.usize(0..CLIENTS), month: dice.u8(1..4), grosze: dice.i64(0..1_000_000) }
        }
        880..895 => BookOnce { process, key: dice.u8(0..6) },
        895..915 => Insert { kind: kind(dice), key: dice.bool().then(|| dice.u8(0..2)) },
        915..965 => Pass { ms: ms(dice) },
        965..980 => Crash { process },
        _ => Outage { of: dice.usize(0..=PROVIDER), mood: mood(dice) },
    }
}

fn how(dice: &mut fastrand::Rng) -> How {
    match dice.u32(0..100) {
        0..86 => How::Well,
        86..89 => How::RequestLost,
        89..92 => How::AnswerLost,
        92..95 => How::Slow,
        95..96 => How::Locked,
        _ => How::Mixed(dice.u8(..)),
    }
}

fn kind(dice: &mut fastrand::Rng) -> Kind {
    match dice.u32(0..10) {
        0..5 => Kind::Plain,
        5..9 => Kind::Mailed,
        _ => Kind::Poison,
    }
}

fn mood(dice: &mut fastrand::Rng) -> Mood {
    match dice.u32(0..9) {
        0..5 => Mood::Up,
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
        _ => dice.i64(200_000..40_000_000),
    }
}
