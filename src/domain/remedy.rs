//! Whether an operator's remedy may touch a row; where not, a sentence says what stands in the way and what would help.

use super::{
    delivery::MailState,
    duplicates::DuplicateWindow,
    outbox::{LastOutcome, RowState},
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remedy {
    /// dead → pending
    Requeue,
    /// sent → pending
    Replay,
    /// sent or discarded, or dead though it arrived: a copy with an id of its own
    Copy,
    /// pending or dead → discarded
    Discard,
}

/// What a store knows of one row, read in the remedy's own transaction. Times are milliseconds of the database's clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowFacts {
    pub now_ms: i64,
    pub state: RowState,
    pub last_outcome: Option<LastOutcome>,
    pub last_attempt_ms: Option<i64>,
    pub processed_ms: Option<i64>,
    /// Id of another row of the same destination and ordering key that is leased.
    pub leased_of_key: Option<String>,
    /// Id of a later row of the same destination and ordering key that was sent.
    pub later_sent: Option<String>,
    /// Id of a later one that is pending or leased.
    pub later_waiting: Option<String>,
    /// Of a row to the mail queue: the state of its mail, where the inbox knows the id.
    pub mail: Option<MailState>,
}

impl Remedy {
    /// As `OperatorActions` names it.
    #[must_use]
    pub const fn action(self) -> &'static str {
        match self {
            Self::Requeue => "requeue",
            Self::Replay => "replay",
            Self::Copy => "replay --force",
            Self::Discard => "discard",
        }
    }

    /// # Errors
    /// Why not, for a person: what, why, and what would help.
    pub fn may(self, row: &RowFacts, out_of_order: bool, window: DuplicateWindow) -> Result<(), String> {
        self.fits(row)?;
        match self {
            Self::Discard => Ok(()),
            Self::Copy => in_order(row.later_sent.as_deref().or(row.later_waiting.as_deref()), out_of_order),
            Self::Requeue | Self::Replay => {
                if let Some(id) = &row.leased_of_key {
                    return Err(format!(
                        "message {id} of the same ordering key is being sent now: try again in a minute"
                    ));
                }
                in_order(row.later_sent.as_deref(), out_of_order)?;
                row.mail.map_or(Ok(()), |mail| Err(known(mail).to_owned()))?;
                would_vanish(row, window)
            }
        }
    }

    fn fits(self, row: &RowFacts) -> Result<(), String> {
        let why = match (self, row.state) {
            (Self::Copy, RowState::Dead) if row.mail.is_some() => return Ok(()),
            (Self::Requeue, RowState::Dead)
            | (Self::Replay, RowState::Sent)
            | (Self::Copy, RowState::Sent | RowState::Discarded)
            | (Self::Discard, RowState::Pending | RowState::Dead) => return Ok(()),
            (Self::Requeue | Self::Replay | Self::Copy, RowState::Pending) => {
                "it is pending: it goes by itself when due"
            }
            (Self::Requeue | Self::Replay | Self::Copy, RowState::Leased) => {
                "it is being sent now: look again in a minute"
            }
            (Self::Discard, RowState::Leased) => "it is being sent now: try again in a minute",
            (Self::Requeue, RowState::Sent) => "it was sent: `ops replay` sends it again",
            (Self::Replay | Self::Copy, RowState::Dead) => "it is dead, not sent: use `ops requeue`",
            (Self::Requeue | Self::Replay, RowState::Discarded) => {
                "it was discarded: `ops replay --force` sends a copy of it"
            }
            (Self::Discard, RowState::Sent) => "it was sent: nothing is left to discard",
            (Self::Discard, RowState::Discarded) => "it is discarded already",
        };
        Err(why.to_owned())
    }
}

/// The inbox swallows a repeat of what it knows, so going again under the same id would mail nobody.
fn known(mail: MailState) -> &'static str {
    match mail {
        MailState::Sent => {
            "the inbox knows this id as mailed, and a repeat of it is not mailed: `ops replay --force` sends a new message \
             with a new id, which is mailed, and records it"
        }
        MailState::Accepted | MailState::Parked => {
            "the inbox knows this id, and a repeat of it changes nothing: its mail waits, and goes by itself when due"
        }
        MailState::Sending => "the inbox knows this id, and a repeat of it changes nothing: its mail is being sent now",
        MailState::InDoubt => {
            "the inbox knows this id, and a repeat of it changes nothing: its mail is in doubt, decide by `ops mail \
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
            "message {id} of the same ordering key is newer and would be there before this older one: \
             say --out-of-order if its readers can bear that"
        )),
        Some(_) | None => Ok(()),
    }
}

/// Inside its duplicate detection window the bus drops an id it may hold, and calls it accepted.
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
        RowState::Sent => ", or say --force to send a copy with a new id",
        RowState::Pending | RowState::Leased | RowState::Dead | RowState::Discarded => "",
    };
    let by = if window.reported { "as the bus itself says" } else { "by Bus__DuplicateWindowMs" };
    Err(format!(
        "the bus may hold this id and would drop it silently as a duplicate for another {seconds} s: try again then\
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
        }
    }

    #[test]
    fn what_the_inbox_knows_does_not_go_again_under_its_id() {
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
    fn only_what_was_definitely_refused_goes_again_inside_the_window() {
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
    fn a_copy_goes_last_so_it_overtakes_also_what_still_waits() {
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
        let fits = |remedy: Remedy| RowState::ALL.map(|state| remedy.fits(&row(state)).is_ok());
        assert_eq!(fits(Remedy::Requeue), [false, false, false, true, false]);
        assert_eq!(fits(Remedy::Replay), [false, false, true, false, false]);
        assert_eq!(fits(Remedy::Copy), [false, false, true, false, true]);
        assert_eq!(fits(Remedy::Discard), [true, false, false, true, false]);
    }
}
