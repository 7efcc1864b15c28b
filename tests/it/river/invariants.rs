//! What must hold when the storm is over and everything is done.

use super::{
    ledger::{Ledger, Row},
    process::RETRY_MAX,
    run::Run,
};
use crate::support::world::EMAILS;
use std::collections::BTreeMap;

macro_rules! must {
    ($holds:expr, $rule:literal, $($text:tt)*) => {
        if !$holds {
            return Err(format!("{}: {}", $rule, format!($($text)*)));
        }
    };
}

impl Run {
    /// # Errors
    /// The rule that is broken, and by what.
    pub fn check(&self) -> Result<(), String> {
        let ledger = self.ledger();
        self.published(&ledger)?;
        self.retries(&ledger)?;
        in_order(&ledger)?;
        self.mailed(&ledger)?;
        self.booked(&ledger)?;
        let integrity = self.database.rows("PRAGMA integrity_check");
        must!(integrity == [["ok"]], "integrity", "{integrity:?}");
        Ok(())
    }

    /// Every committed message was published to each of its destinations, unless it is dead for a reason of its own;
    /// none was published that was not committed.
    fn published(&self, ledger: &Ledger) -> Result<(), String> {
        let states: BTreeMap<Row, String> = self
            .database
            .rows("SELECT Destination, Id, State FROM OutboxMessages")
            .into_iter()
            .map(|row| ((row[0].clone(), row[1].clone()), row[2].clone()))
            .collect();
        for (id, commit) in &ledger.committed {
            for destination in &commit.destinations {
                let row = (destination.clone(), id.clone());
                let known = ledger.rows.get(&row);
                let copies = known.map_or(0, |known| known.copies);
                let state = states.get(&row).map(String::as_str);
                let may_be_dead = !commit.sendable
                    || known.is_some_and(|known| known.refused || known.chargeable >= i64::from(RETRY_MAX));
                match state {
                    Some("2") => must!(copies > 0, "sent without a publication", "{row:?}"),
                    Some("3") => must!(may_be_dead, "dead without a reason", "{row:?}"),
                    other => return Err(format!("lost: {row:?} is {other:?} and has {copies} copies")),
                }
            }
        }
        for (destination, id) in &ledger.published {
            let committed = ledger.committed.get(id).is_some_and(|commit| commit.destinations.contains(destination));
            must!(committed, "published without a commit", "{id} to {destination}");
        }
        must!(
            states.len() == ledger.committed.values().map(|commit| commit.destinations.len()).sum::<usize>(),
            "rows without a commit",
            "{states:?}"
        );
        Ok(())
    }

    /// Retries stay within their bound, and an outage uses none.
    fn retries(&self, ledger: &Ledger) -> Result<(), String> {
        for row in self.database.rows("SELECT Destination, Id, RetryCount FROM OutboxMessages") {
            let retries: i64 = row[2].parse().unwrap();
            let chargeable = ledger.rows.get(&(row[0].clone(), row[1].clone())).map_or(0, |known| known.chargeable);
            must!(retries <= i64::from(RETRY_MAX), "retries above their bound", "{row:?}");
            must!(retries <= chargeable, "an outage used a retry", "{row:?}, {chargeable} failures of its own");
        }
        Ok(())
    }

    /// No mail without a message, none twice without a doubt, and each that counts as sent was sent.
    fn mailed(&self, ledger: &Ledger) -> Result<(), String> {
        let mut inbox = BTreeMap::new();
        for row in self.database.rows("SELECT MessageId, State, Doubts FROM InboxMessages") {
            let doubts: i64 = row[2].parse().unwrap();
            inbox.insert(row[0].clone(), (row[1].clone(), doubts));
        }
        for (id, mail) in &ledger.mails {
            let published = ledger.rows.get(&(EMAILS.to_owned(), id.clone())).is_some_and(|known| known.copies > 0);
            must!(published, "a mail without a message", "{id}");
            let doubts = inbox.get(id).map_or(0, |(_, doubts)| *doubts);
            must!(
                mail.times <= 1 + doubts,
                "a mail twice without a doubt",
                "{id}: {} with {doubts} doubts",
                mail.times
            );
        }
        for (id, commit) in &ledger.committed {
            let published = ledger.rows.get(&(EMAILS.to_owned(), id.clone())).is_some_and(|known| known.copies > 0);
            if !published {
                continue;
            }
            let Some((state, doubts)) = inbox.get(id) else {
                return Err(format!("no mail of a message: {id}"));
            };
            let mail = ledger.mails.get(id);
            match state.as_str() {
                "2" => must!(mail.is_some_and(|mail| mail.times > 0), "sent without a mail", "{id}"),
                "4" => must!(*doubts > 0, "held without a doubt", "{id}"),
                "5" => {
                    must!(!commit.mailable || mail.is_some_and(|mail| mail.failed), "refused without a reason", "{id}");
                }
                other => return Err(format!("a mail is stuck: {id} is {other}")),
            }
        }
        Ok(())
    }

    /// Each change of a record has one message, and each message its change.
    fn booked(&self, ledger: &Ledger) -> Result<(), String> {
        let rows = self
            .database
            .rows("SELECT ClientId || '/' || Year || '-' || printf('%02d', Month), Version FROM FinancialRecords");
        must!(rows.len() == ledger.records.len(), "records without a message", "{rows:?}, {:?}", ledger.records);
        for row in rows {
            let (messages, version) = ledger.records.get(&row[0]).copied().unwrap_or_default();
            must!(
                row[1] == version.to_string() && row[1] == messages.to_string(),
                "a change without a message",
                "{row:?}, {messages} messages, version {version}"
            );
        }
        Ok(())
    }
}

/// First publications of a key are in order, but for a row that was not committed yet when the other was claimed.
fn in_order(ledger: &Ledger) -> Result<(), String> {
    let mut lines: BTreeMap<(&str, &str), Vec<&Row>> = BTreeMap::new();
    for row in &ledger.published {
        if let Some(key) = &ledger.rows[row].key {
            lines.entry((row.0.as_str(), key.as_str())).or_default().push(row);
        }
    }
    for line in lines.values() {
        for (place, first) in line.iter().enumerate() {
            for later in &line[place + 1..] {
                let in_order = ledger.rows[*first].seq < ledger.rows[*later].seq;
                let unseen = ledger.committed[&later.1].step > ledger.rows[*first].first_claim;
                must!(in_order || unseen, "out of order", "{later:?} after {first:?}: {line:?}");
            }
        }
    }
    Ok(())
}
