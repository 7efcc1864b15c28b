//! What a dry run found of one row or mail, and whether its run may still change it.

use super::{Action, Plan, PlannedRow, RemedyReport, RemedyRow};
use crate::domain::remedy::GONE;
use chrono::{DateTime, Utc};
use std::collections::{BTreeMap, BTreeSet};

/// A row or mail that a remedy is for, as it is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judged {
    /// `Seq` of an outbox row, or MessageId of a mail; of one that does not exist the text that was given.
    pub target: String,
    /// The message id.
    pub id: String,
    /// The row's destination, or the mail provider.
    pub destination: String,
    /// The name of its state.
    pub state: String,
    /// Of what must not change between the dry run and the run.
    pub stamp: String,
    /// Why the remedy does not fit it, and what would help. None: it fits.
    pub why_not: Option<String>,
}

/// The stamp of an id that no row or mail has.
const STAMP_ABSENT: &str = "absent";
/// The stamp that a plan stores for what the remedy does not fit: the run leaves it, whatever it is by then.
const STAMP_REFUSED: &str = "refused";

const SAMPLE_MAX: usize = 50;
const SAMPLE_REFUSED_MAX: usize = 25;
const ROWS_REPORTED_MAX: usize = 1_000;

impl Judged {
    /// An id that no row or mail has, with the reason for a person.
    #[must_use]
    pub fn absent(text: &str, why_not: &str) -> Self {
        Self {
            target: text.to_owned(),
            id: text.to_owned(),
            destination: String::new(),
            state: "unknown".to_owned(),
            stamp: STAMP_ABSENT.to_owned(),
            why_not: Some(why_not.to_owned()),
        }
    }

    /// A dead letter that the flow has read from the queue.
    #[must_use]
    pub fn dead_letter(id: &str) -> Self {
        let (target, id) = (id.to_owned(), id.to_owned());
        let (state, stamp) = ("dead-letter".to_owned(), String::new());
        Self { target, id, destination: String::new(), state, stamp, why_not: None }
    }

    /// The stamp as the plan stores it.
    #[must_use]
    pub fn planned_stamp(&self) -> &str {
        match self.why_not {
            Some(_) if self.stamp != STAMP_ABSENT => STAMP_REFUSED,
            Some(_) | None => &self.stamp,
        }
    }

    /// Whether the run may change it. `planned`: the stamp that the plan stored.
    ///
    /// # Errors
    /// Why not, for a person.
    pub fn still_fits(&self, planned: &str) -> Result<(), String> {
        match &self.why_not {
            Some(why_not) if [STAMP_REFUSED, &self.stamp].contains(&planned) || self.stamp == STAMP_ABSENT => {
                Err(why_not.clone())
            }
            None if planned == STAMP_REFUSED => {
                Err("the remedy did not fit it when the dry run was made, and does now: make the dry run again"
                    .to_owned())
            }
            None if planned == self.stamp => Ok(()),
            Some(_) | None => {
                Err(format!("it changed since the dry run, and is {} now: make the dry run again", self.state))
            }
        }
    }

    /// Its line in the report of the run.
    #[must_use]
    pub fn answer(&self, done: Result<Option<String>, String>) -> RemedyRow {
        let (id, destination) = (self.id.clone(), self.destination.clone());
        match done {
            Ok(new_id) => RemedyRow { id, destination, done: true, new_id, why_not: None },
            Err(why_not) => RemedyRow { id, destination, done: false, new_id: None, why_not: Some(why_not) },
        }
    }
}

impl Plan {
    /// The dry run's answer; what does not fit comes first in the sample.
    #[must_use]
    pub fn of(token: &str, expires_on: DateTime<Utc>, rows: &[Judged], more: bool) -> Self {
        let refused = || rows.iter().filter(|row| row.why_not.is_some());
        let fit = || rows.iter().filter(|row| row.why_not.is_none());
        let line = |row: &Judged| PlannedRow {
            id: row.id.clone(),
            destination: row.destination.clone(),
            state: row.state.clone(),
            why_not: row.why_not.clone(),
        };
        Self {
            token: token.to_owned(),
            expires_on,
            count: fit().count() as u64,
            refused: refused().count() as u64,
            more,
            sample: refused().take(SAMPLE_REFUSED_MAX).chain(fit()).take(SAMPLE_MAX).map(line).collect(),
        }
    }
}

/// Refuses each further row of a message for a route: a destination has one row of a message.
#[must_use]
pub fn one_row_of_each_message(action: &Action, mut rows: Vec<Judged>) -> Vec<Judged> {
    if !matches!(action, Action::Route { .. }) {
        return rows;
    }
    let mut going = BTreeSet::new();
    for row in rows.iter_mut().filter(|row| row.why_not.is_none()) {
        if !going.insert(row.id.clone()) {
            row.why_not =
                Some("another row of this message goes to that destination: `ops show` shows both".to_owned());
        }
    }
    rows
}

/// What a run may do with each row of its dry run, in that order. `shown`: targets and stamps; `now`: those that are still
/// there. `unknown`: the reason for an id that nothing has.
#[must_use]
pub fn verdicts(shown: &[(String, String)], now: Vec<Judged>, unknown: &str) -> Vec<(Judged, Result<(), String>)> {
    let mut now: BTreeMap<String, Judged> = now.into_iter().map(|one| (one.target.clone(), one)).collect();
    let verdict = |(target, stamp): &(String, String)| {
        let why_absent = if stamp == STAMP_ABSENT { unknown } else { GONE };
        let one = now.remove(target).unwrap_or_else(|| Judged::absent(target, why_absent));
        let fits = one.still_fits(stamp);
        (one, fits)
    };
    shown.iter().map(verdict).collect()
}

/// Targets of a dry run that were there then.
#[must_use]
pub fn there(shown: &[(String, String)]) -> Vec<String> {
    shown.iter().filter(|(_, stamp)| stamp != STAMP_ABSENT).map(|(target, _)| target.clone()).collect()
}

/// The report of a run; the rows that were left come first.
#[must_use]
pub fn report_of_run(mut rows: Vec<RemedyRow>) -> RemedyReport {
    let done = rows.iter().filter(|row| row.done).count();
    let left = rows.len() - done;
    rows.sort_by_key(|row| row.done);
    rows.truncate(ROWS_REPORTED_MAX);
    RemedyReport { done: done as u64, left: left as u64, rows }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(n: usize, why_not: Option<&str>) -> Judged {
        Judged {
            target: n.to_string(),
            id: format!("m{n}"),
            destination: "queue:a".to_owned(),
            state: "dead".to_owned(),
            stamp: "3.0".to_owned(),
            why_not: why_not.map(str::to_owned),
        }
    }

    #[test]
    fn the_run_takes_only_what_the_dry_run_showed_and_what_has_not_changed() {
        let fits = row(1, None);
        assert_eq!(fits.still_fits(fits.planned_stamp()), Ok(()));
        let why = |now: &Judged, planned: &str| now.still_fits(planned).unwrap_err();
        assert!(why(&fits, "2.0").contains("changed since the dry run, and is dead now"));
        let refused = row(1, Some("it was sent"));
        assert_eq!(why(&refused, refused.planned_stamp()), "it was sent");
        assert_eq!(why(&refused, "3.0"), "it was sent", "a rule that refuses it only now");
        assert!(why(&refused, "2.0").contains("changed"));
        assert!(why(&fits, refused.planned_stamp()).contains("make the dry run again"));
        let absent = Judged::absent("x", "there is none");
        assert_eq!(why(&absent, absent.planned_stamp()), "there is none");
        assert_eq!(why(&Judged::absent("1", "it was deleted"), "3.0"), "it was deleted");
    }

    #[test]
    fn a_sample_and_a_report_show_what_is_left_first_and_are_bounded() {
        let rows: Vec<Judged> = (0..2_000).map(|n| row(n, (n >= 1_900).then_some("no"))).collect();
        let plan = Plan::of("t", DateTime::UNIX_EPOCH, &rows, false);
        assert_eq!((plan.count, plan.refused, plan.sample.len()), (1_900, 100, SAMPLE_MAX));
        assert!(plan.sample[0].why_not.is_some() && plan.sample[SAMPLE_MAX - 1].why_not.is_none());
        let answer = |one: &Judged| one.answer(one.still_fits(one.planned_stamp()).map(|()| None));
        let report = report_of_run(rows.iter().map(answer).collect());
        assert_eq!((report.done, report.left, report.rows.len()), (1_900, 100, ROWS_REPORTED_MAX));
        assert!(!report.rows[99].done && report.rows[100].done);
    }
}
