//! What an answer of the bus means in the model: the rules of `domain/verdict.rs`, said once more.

use super::{
    outbox::{Mode, Outbox, Rule},
    outbox_store::{Last, Row, RowState, SUSPECT_CLAIMS},
};

/// Failures of a message until it is dead.
const RETRY_MAX: u8 = 2;

/// `stored`: the message is in the queue, whatever the dispatcher learns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Answer {
    Accepted,
    Refused,
    Permanent,
    TimedOut {
        stored: bool,
    },
    Cut {
        stored: bool,
    },
    Blocked,
    /// The deadline has passed.
    NotTried,
}

impl Answer {
    pub(super) const ALL: [Self; 9] = [
        Self::Accepted,
        Self::Refused,
        Self::Permanent,
        Self::TimedOut { stored: true },
        Self::TimedOut { stored: false },
        Self::Cut { stored: true },
        Self::Cut { stored: false },
        Self::Blocked,
        Self::NotTried,
    ];

    pub(super) fn is_stored(self) -> bool {
        matches!(self, Self::Accepted | Self::TimedOut { stored: true } | Self::Cut { stored: true })
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Settlement {
    Sent,
    Retry {
        last: Last,
        suspect: bool,
    },
    /// `last` None: it was not tried.
    Release {
        last: Option<Last>,
        delayed: bool,
        suspect: bool,
    },
    Dead {
        last: Last,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Change {
    Leave,
    Close,
    Open,
}

impl Settlement {
    pub(super) fn was_tried(self) -> bool {
        !matches!(self, Self::Release { last: None, .. })
    }

    pub(super) fn put_in(self, row: &mut Row) {
        let claims = |suspect| if suspect { SUSPECT_CLAIMS } else { 0 };
        row.since &= !self.was_tried();
        match self {
            Self::Sent => (row.state, row.claims, row.last) = (RowState::Sent, 0, Last::Other),
            Self::Retry { last, suspect } => {
                (row.state, row.claims, row.last) = (RowState::Pending, claims(suspect), last);
                (row.retries, row.due) = (row.retries + 1, 1);
            }
            Self::Release { last, delayed, suspect } => {
                (row.state, row.claims, row.due) = (RowState::Pending, claims(suspect), u8::from(delayed));
                row.last = last.unwrap_or(row.last);
            }
            Self::Dead { last } => {
                (row.state, row.claims, row.last) = (RowState::Dead, 0, last);
                row.retries += 1;
            }
        }
        row.doubt |= self.was_tried() && row.last == Last::Unclear;
    }
}

/// Whether the message is to blame, and not the destination: it was judged, or failed while others were accepted.
pub(super) fn blames(row: &Row, answer: Answer, accepted_any: bool) -> bool {
    let failed_again = |last| row.last == last && row.since;
    match answer {
        Answer::Accepted | Answer::NotTried => false,
        Answer::Refused | Answer::Permanent => true,
        Answer::TimedOut { .. } => accepted_any || failed_again(Last::Unclear),
        Answer::Cut { .. } => failed_again(Last::Unclear),
        Answer::Blocked => failed_again(Last::Blocked),
    }
}

pub(super) fn judge(
    model: &Outbox,
    mode: Mode,
    claimed: &[(usize, Row)],
    answers: &[Answer],
) -> (Vec<(usize, Settlement)>, Change) {
    let accepted_any = answers.contains(&Answer::Accepted);
    let blocked_alone = accepted_any && answers.iter().filter(|answer| **answer == Answer::Blocked).count() == 1;
    let mut judged_message = accepted_any;
    let mut opened = false;
    let mut settlements = Vec::new();
    for ((n, row), answer) in claimed.iter().zip(answers) {
        let again = |last| row.last == last && row.since;
        let poison = |last| claimed.len() == 1 && again(last);
        let came_as_suspect = row.claims > SUSPECT_CLAIMS;
        let retry = |last, suspect| {
            let ends = row.retries + 1 >= RETRY_MAX;
            if ends { Settlement::Dead { last } } else { Settlement::Retry { last, suspect } }
        };
        let settlement = match answer {
            Answer::Accepted => Settlement::Sent,
            Answer::NotTried => Settlement::Release { last: None, delayed: false, suspect: came_as_suspect },
            Answer::Permanent => {
                judged_message = true;
                Settlement::Dead { last: Last::Other }
            }
            Answer::Refused => {
                judged_message = true;
                retry(Last::Other, false)
            }
            Answer::Blocked if !model.keeps(Rule::OutagesBurnNoRetry) => retry(Last::Blocked, false),
            Answer::Blocked if poison(Last::Blocked) => retry(Last::Blocked, true),
            Answer::Blocked => {
                let lone = blocked_alone;
                opened |= !lone;
                let suspect = lone || again(Last::Blocked) || came_as_suspect;
                Settlement::Release { last: Some(Last::Blocked), delayed: !lone && mode == Mode::Probe, suspect }
            }
            Answer::TimedOut { .. } | Answer::Cut { .. } if !model.keeps(Rule::UnknownIsNotSent) => Settlement::Sent,
            Answer::TimedOut { .. } if accepted_any => retry(Last::Unclear, false),
            Answer::TimedOut { .. } | Answer::Cut { .. } if poison(Last::Unclear) => retry(Last::Unclear, true),
            Answer::TimedOut { .. } | Answer::Cut { .. } => {
                opened |= !accepted_any;
                let delayed = !accepted_any && mode == Mode::Probe;
                Settlement::Release { last: Some(Last::Unclear), delayed, suspect: true }
            }
        };
        settlements.push((*n, settlement));
    }
    let change = if opened {
        Change::Open
    } else if mode == Mode::Probe && judged_message {
        Change::Close
    } else {
        Change::Leave
    };
    (settlements, change)
}
