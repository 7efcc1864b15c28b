//! Whether an operator's remedy may change a row; if not, a sentence states the obstacle and what would help.

use super::{
    delivery::MailState,
    duplicates::DuplicateWindow,
    operations::Action,
    outbox::{LastOutcome, RowState},
};

/// What an operator can do about a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remedy {
    /// dead → pending
    Requeue,
    /// sent → pending
    Replay,
    /// sent or discarded, or dead although it arrived: a copy with a new id
    Copy,
    /// pending or dead → discarded
    Discard,
    /// pending or dead → pending to another destination
    Route,
}

/// What the store knows about one row, read in the remedy's own transaction. Times are milliseconds of the database's
/// clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowFacts {
    /// The database's time.
    pub now_ms: i64,
    /// The row's state.
    pub state: RowState,
    /// The outcome of its last publish. None: never published.
    pub last_outcome: Option<LastOutcome>,
    /// When its last publish ended. None: never published.
    pub last_attempt_ms: Option<i64>,
    /// When it was sent or discarded. None: it is pending, leased or dead.
    pub processed_ms: Option<i64>,
    /// Id of another row of the same destination and ordering key that is leased.
    pub leased_of_key: Option<String>,
    /// Id of a later row of the same destination and ordering key that was sent, or may have been.
    pub later_sent: Option<String>,
    /// Id of a later row of the same destination and ordering key that is pending or leased.
    pub later_waiting: Option<String>,
    /// The state of its mail, for a row to the mail queue whose id the inbox knows.
    pub mail: Option<MailState>,
    /// A route's destination is the row's own.
    pub goes_there: bool,
    /// A route's destination has a row of this message.
    pub is_there: bool,
}

/// The reason an operator gets for an id that no row has.
pub const UNKNOWN: &str = "the outbox has no message of this id: finished ones are deleted after the retention";
/// The reason for a row or mail that was deleted after the dry run.
pub const GONE: &str = "it was deleted since the dry run";

impl Remedy {
    /// The name stored in `OperatorActions`.
    #[must_use]
    pub const fn action(self) -> &'static str {
        match self {
            Self::Requeue => "requeue",
            Self::Replay => "replay",
            Self::Copy => "replay --force",
            Self::Discard => "discard",
            Self::Route => "route",
        }
    }

    /// The remedy of an operator's action; None: it is not about rows.
    #[must_use]
    pub const fn of(action: &Action) -> Option<Self> {
        match action {
            Action::Requeue { .. } => Some(Self::Requeue),
            Action::Replay { force: false, .. } => Some(Self::Replay),
            Action::Replay { force: true, .. } => Some(Self::Copy),
            Action::Discard => Some(Self::Discard),
            Action::Route { .. } => Some(Self::Route),
            Action::ResendMail | Action::AssumeMailSent | Action::TakeIn => None,
        }
    }

    /// The states of the rows that it is for, unless an operator names others.
    #[must_use]
    pub const fn states(self) -> &'static [RowState] {
        match self {
            Self::Requeue => &[RowState::Dead],
            Self::Replay => &[RowState::Sent],
            Self::Copy => &[RowState::Sent, RowState::Discarded],
            Self::Discard | Self::Route => &[RowState::Pending, RowState::Dead],
        }
    }

    /// Checks the remedy against the row's state, the order of its key and the duplicate detection window.
    ///
    /// # Errors
    /// The obstacle, its reason, and what would help, for a person.
    pub fn may(self, row: &RowFacts, out_of_order: bool, window: DuplicateWindow) -> Result<(), String> {
        self.fits(row)?;
        match self {
            Self::Discard => Ok(()),
            Self::Copy => in_order(row.later_sent.as_deref().or(row.later_waiting.as_deref()), out_of_order),
            Self::Route if row.goes_there => Err("it goes there already".to_owned()),
            Self::Route if row.is_there => {
                Err("that destination has a row of this message already: `ops show` shows it".to_owned())
            }
            Self::Requeue | Self::Replay | Self::Route => {
                if let Some(id) = &row.leased_of_key {
                    return Err(format!(
                        "message {id} of the same ordering key is being sent now: try again in a minute"
                    ));
                }
                in_order(row.later_sent.as_deref(), out_of_order)?;
                row.mail.map_or(Ok(()), |mail| Err(known(mail).to_owned()))?;
                // Another destination has not seen it.
                if self == Self::Route { Ok(()) } else { would_vanish(row, window) }
            }
        }
    }

    fn fits(self, row: &RowFacts) -> Result<(), String> {
        let why = match (self, row.state) {
            (Self::Copy, RowState::Dead) if row.mail.is_some() => return Ok(()),
            (Self::Requeue, RowState::Dead)
            | (Self::Replay, RowState::Sent)
            | (Self::Copy, RowState::Sent | RowState::Discarded)
            | (Self::Discard | Self::Route, RowState::Pending | RowState::Dead) => return Ok(()),
            (Self::Requeue | Self::Replay | Self::Copy, RowState::Pending) => {
                "it is pending: it is sent by itself when due"
            }
            (Self::Requeue | Self::Replay | Self::Copy, RowState::Leased) => {
                "it is being sent now: look again in a minute"
            }
            (Self::Discard | Self::Route, RowState::Leased) => "it is being sent now: try again in a minute",
            (Self::Requeue, RowState::Sent) => "it was sent: `ops replay` sends it again",
            (Self::Replay | Self::Copy, RowState::Dead) => "it is dead, not sent: use `ops requeue`",
            (Self::Requeue | Self::Replay | Self::Route, RowState::Discarded) => {
                "it was discarded: `ops replay --force` sends a copy of it"
            }
            (Self::Route, RowState::Sent) => "it was sent: a copy for another destination cannot be made",
            (Self::Discard, RowState::Sent) => "it was sent: nothing is left to discard",
            (Self::Discard, RowState::Discarded) => "it is discarded already",
        };
        Err(why.to_owned())
    }
}

/// The inbox drops a repeat of an id that it knows, so sending again under the same id would mail nobody.
fn known(mail: MailState) -> &'static str {
    match mail {
        MailState::Sent => {
            "the inbox knows this id as mailed, and a repeat of it is not mailed: `ops replay --force` sends a new message \
             with a new id, which is mailed, and records it"
        }
        MailState::Accepted | MailState::Parked => {
            "the inbox knows this id, and a repeat of it changes nothing: its mail waits, and is sent by itself when due"
        }
        MailState::Sending => "the inbox knows this id, and a repeat of it changes nothing: its mail is being sent now",
        MailState::InDoubt => {
            "the inbox knows this id, and a repeat of it changes nothing: its mail is in doubt, decide with `ops mail \
             resend` or `ops mail assume-sent`"
        }
        MailState::Refused => {
            "the inbox knows this id, and a repeat of it changes nothing: its mail was refused, `ops mail resend` tries \
             it again"
        }
    }
}

fn in_order(later: Option<&str>, out_of_order: bool) -> Result<(), String> {
    match later {
        Some(id) if !out_of_order => Err(format!(
            "message {id} of the same ordering key is newer and arrives, or may have arrived, before this older one: \
             use --out-of-order if its readers tolerate that"
        )),
        Some(_) | None => Ok(()),
    }
}

/// Within its duplicate detection window the bus drops an id that it may hold, and still reports it as accepted.
fn would_vanish(row: &RowFacts, window: DuplicateWindow) -> Result<(), String> {
    let tried_ms = match row.state {
        RowState::Sent => row.last_attempt_ms.or(row.processed_ms),
        RowState::Pending | RowState::Leased | RowState::Dead | RowState::Discarded => {
            row.last_outcome.filter(|outcome| outcome.may_be_stored()).and(row.last_attempt_ms)
        }
    };
    let left_ms = tried_ms.map_or(0, |at| window.ms.saturating_sub(row.now_ms.saturating_sub(at)));
    if left_ms <= 0 {
        return Ok(());
    }
    let seconds = left_ms.saturating_add(999) / 1000;
    let instead = match row.state {
        RowState::Sent => ", or use --force to send a copy with a new id",
        RowState::Pending | RowState::Leased | RowState::Dead | RowState::Discarded => "",
    };
    let by = if window.reported { "as the bus itself reports" } else { "by Bus__DuplicateWindowMs" };
    Err(format!(
        "the bus may hold this id and would drop it silently as a duplicate for another {seconds} s: try again after that\
         {instead} ({by})"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(state: RowState) -> RowFacts {
        RowFacts {
            now_ms: 1_000_000,
            state,
            last_outcome: None,
            last_attempt_ms: Some(990_000),
            processed_ms: None,
            leased_of_key: None,
            later_sent: None,
            later_waiting: None,
            mail: None,
            goes_there: false,
            is_there: false,
        }
    }

    #[test]
    fn a_message_that_the_inbox_knows_is_not_sent_again_under_its_id() {
        for mail in MailState::ALL {
            for (remedy, state) in [(Remedy::Requeue, RowState::Dead), (Remedy::Replay, RowState::Sent)] {
                let facts = RowFacts { mail: Some(mail), ..row(state) };
                let why = remedy.may(&facts, true, reported(0)).unwrap_err();
                assert!(why.starts_with("the inbox knows this id"), "{why}");
                assert!(Remedy::Copy.may(&facts, false, reported(0)).is_ok(), "which is mailed");
                assert_eq!(why.contains("--force"), mail == MailState::Sent, "{why}");
            }
        }
    }

    fn reported(ms: i64) -> DuplicateWindow {
        DuplicateWindow { ms, reported: true }
    }

    #[test]
    fn within_the_window_only_a_certainly_refused_message_is_sent_again() {
        for outcome in LastOutcome::ALL {
            let dead = RowFacts { last_outcome: Some(outcome), ..row(RowState::Dead) };
            assert_eq!(
                Remedy::Requeue.may(&dead, false, reported(60_000)).is_err(),
                outcome.may_be_stored(),
                "{outcome:?}"
            );
            assert!(Remedy::Requeue.may(&dead, false, reported(10_000)).is_ok(), "the window is over");
        }
        let why = Remedy::Replay.may(&row(RowState::Sent), false, reported(60_000)).unwrap_err();
        assert!(why.contains("50 s") && why.contains("--force") && why.contains("the bus itself"), "{why}");
        let why = Remedy::Replay.may(&row(RowState::Sent), false, DuplicateWindow { ms: 60_000, reported: false });
        assert!(why.unwrap_err().contains("Bus__DuplicateWindowMs"));
    }

    #[test]
    fn a_copy_is_refused_while_later_rows_of_its_key_wait() {
        let later = Some("b".to_owned());
        let waits = RowFacts { later_waiting: later.clone(), ..row(RowState::Sent) };
        assert!(Remedy::Copy.may(&waits, false, reported(0)).is_err());
        assert!(Remedy::Copy.may(&waits, true, reported(0)).is_ok());
        assert!(Remedy::Replay.may(&waits, false, reported(0)).is_ok(), "the row itself keeps its place before it");
        let sent = RowFacts { later_sent: later, ..row(RowState::Sent) };
        assert!(Remedy::Replay.may(&sent, false, reported(0)).is_err());
    }

    #[test]
    fn each_remedy_fits_its_states_only() {
        let fits = |remedy: Remedy| RowState::ALL.map(|state| remedy.may(&row(state), false, reported(0)).is_ok());
        assert_eq!(fits(Remedy::Requeue), [false, false, false, true, false]);
        assert_eq!(fits(Remedy::Replay), [false, false, true, false, false]);
        assert_eq!(fits(Remedy::Copy), [false, false, true, false, true]);
        assert_eq!(fits(Remedy::Discard), [true, false, false, true, false]);
        assert_eq!(fits(Remedy::Route), [true, false, false, true, false]);
        for remedy in [Remedy::Requeue, Remedy::Replay, Remedy::Copy, Remedy::Discard, Remedy::Route] {
            let states = remedy.states();
            assert!(!states.is_empty() && states.iter().all(|state| remedy.fits(&row(*state)).is_ok()), "{remedy:?}");
        }
    }

    #[test]
    fn a_message_is_routed_to_a_destination_that_does_not_have_it_whatever_the_window() {
        for outcome in LastOutcome::ALL {
            let dead = RowFacts { last_outcome: Some(outcome), ..row(RowState::Dead) };
            assert_eq!(Remedy::Route.may(&dead, false, reported(60_000)), Ok(()), "{outcome:?}");
            let own = RowFacts { goes_there: true, ..dead.clone() };
            assert!(Remedy::Route.may(&own, false, reported(0)).unwrap_err().contains("already"));
            let other = RowFacts { is_there: true, ..dead };
            assert!(Remedy::Route.may(&other, false, reported(0)).unwrap_err().contains("a row of this message"));
        }
    }
}
