//! What must hold when the storm is over and everything is done.
//!
//! Where the store's clock was set, four things cannot be known, and are not demanded: which timer ran last, whether the
//! provider took a mail since it refused another, whether the bus still drops an id, and so whether a replay goes out. A
//! process's own clock decides nothing here. Of a row that an operator sent again, earlier outcomes are not followed: its
//! next lone failure may count against it.

use super::{
    ledger::{Ledger, Row},
    process::RETRY_MAX,
    run::Run,
};
use crate::support::world::EMAILS;
use client_organizer::domain::{
    events::subject_of,
    ids::ClientId,
    mail_verdict::{ALIKE_RECIPIENTS, TAKEN_BACK_MAX},
};
use std::collections::{BTreeMap, BTreeSet};

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
        self.condemned(&ledger)?;
        self.audited(&ledger)?;
        self.overview()?;
        self.timers(&ledger)?;
        let integrity = self.database.rows("PRAGMA integrity_check");
        must!(integrity == [["ok"]], "integrity", "{integrity:?}");
        Ok(())
    }

    /// Every committed message was published to each of its destinations, unless it is dead for a reason of its own;
    /// none was published that was not committed.
    fn published(&self, ledger: &Ledger) -> Result<(), String> {
        let states: BTreeMap<Row, String> = self
            .database
            .rows("SELECT Destination, Id, State FROM OutboxMessages WHERE Destination <> ''")
            .into_iter()
            .map(|row| ((row[0].clone(), row[1].clone()), row[2].clone()))
            .collect();
        // What an operator discarded before it was routed has one row, without a destination.
        let routed = |id: &String| states.keys().any(|(_, routed)| routed == id);
        let unrouted = |id: &String| ledger.discarded.contains(&(String::new(), id.clone())) && !routed(id);
        for (id, commit) in ledger.committed.iter().filter(|(id, _)| !unrouted(id)) {
            for destination in &commit.destinations {
                let row = (destination.clone(), id.clone());
                let known = ledger.rows.get(&row);
                let copies = known.map_or(0, |known| known.copies);
                let state = states.get(&row).map(String::as_str);
                // The inbox has it, so that it is not sent again under its id.
                let arrived = copies > 0 && *destination == EMAILS;
                let given_up = ledger.discarded.contains(&row);
                let copies_min = known.map_or(1, |known| known.copies_min.max(1));
                match state {
                    Some("2") => must!(copies >= copies_min, "sent without a publication", "{row:?}, {copies} copies"),
                    Some("3") => must!(!commit.sendable || arrived, "dead without a reason", "{row:?}"),
                    Some("4") => must!(given_up, "discarded by nobody", "{row:?}"),
                    None if ledger.gone.contains(&row) && (copies > 0 || given_up) => {}
                    other => return Err(format!("lost: {row:?} is {other:?} and has {copies} copies")),
                }
            }
        }
        let committed = |(destination, id): &Row| {
            let known = ledger.committed.get(id).is_some_and(|commit| commit.destinations.contains(destination));
            // What another program wrote again after its first rows were deleted goes its own way.
            known
                || ledger.rerouted.contains(&(destination.clone(), id.clone()))
                || (ledger.repeated.contains(id) && ledger.gone.iter().any(|(_, gone)| gone == id))
        };
        for row in &ledger.published {
            must!(committed(row), "published without a commit", "{row:?}");
        }
        for (row, state) in &states {
            must!(committed(row), "a row without a commit", "{row:?} {state}");
        }
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
        let published = |id: &String| {
            let row = (EMAILS.to_owned(), id.clone());
            ledger.foreign.contains_key(id) || ledger.rows.get(&row).is_some_and(|known| known.copies > 0)
        };
        for (id, mail) in &ledger.mails {
            must!(published(id), "a mail without a message", "{id}");
            let doubts = inbox.get(id).map_or(0, |(_, doubts)| *doubts);
            must!(
                mail.times <= 1 + doubts,
                "a mail twice without a doubt",
                "{id}: {} with {doubts} doubts",
                mail.times
            );
        }
        let ours = ledger.committed.iter().map(|(id, commit)| (id, commit.mailable, commit.client));
        let foreign = ledger.foreign.iter().map(|(id, young)| (id, *young, Some(1)));
        for (id, mailable, client) in ours.chain(foreign).filter(|(id, ..)| published(id)) {
            let erased = client.is_some_and(|client| ledger.erased.contains(&client));
            let Some((state, doubts)) = inbox.get(id) else {
                return Err(format!("no mail of a message: {id}"));
            };
            let mail = ledger.mails.get(id);
            match state.as_str() {
                "2" => {
                    let assumed = ledger.assumed.contains(id);
                    must!(assumed || mail.is_some_and(|mail| mail.times > 0), "sent without a mail", "{id}");
                }
                "4" => must!(*doubts > 0, "held without a doubt", "{id}"),
                // One that a person was to decide goes with its client.
                "5" => {
                    let given_up = mail.is_some_and(|mail| mail.failed) || (erased && *doubts > 0);
                    must!(!mailable || given_up, "refused without a reason", "{id}");
                    let asked_for = mailable || ledger.resent.contains_key(id);
                    must!(asked_for || mail.is_none_or(|mail| mail.times == 0), "a mail of what is too old", "{id}");
                }
                other => return Err(format!("a mail is stuck: {id} is {other}")),
            }
        }
        Ok(())
    }

    /// Where a provider refuses different recipients alike, the fault is its own, and it costs nobody a mail: while it
    /// took none, it has not refused so many. With a store's clock that was set, "since it took one" is not known.
    fn condemned(&self, ledger: &Ledger) -> Result<(), String> {
        let refused = "SELECT MessageId, RefusedAlike, TakenBack FROM InboxMessages \
                       WHERE State = 5 AND RefusedAlike IS NOT NULL AND Body IS NOT NULL";
        let mut alike: BTreeMap<(usize, String), BTreeSet<&str>> = BTreeMap::new();
        for row in self.database.rows(refused).iter().filter(|_| !ledger.jumped) {
            if row[2].parse::<u32>().unwrap() >= TAKEN_BACK_MAX {
                continue;
            }
            let moment = ledger.refused[&row[0]];
            let since = ledger.taken.iter().filter(|taken| **taken < moment).count();
            let recipients = alike.entry((since, row[1].clone())).or_default();
            recipients.insert(&ledger.mails[&row[0]].to);
            must!(recipients.len() < ALIKE_RECIPIENTS as usize, "condemned by a refusal of ours", "{recipients:?}");
        }
        Ok(())
    }

    /// What operators did is recorded with who, why, and the number of rows, mails and destinations that it changed.
    fn audited(&self, ledger: &Ledger) -> Result<(), String> {
        let recorded: BTreeMap<String, u64> = self
            .database
            .rows("SELECT Action, sum(Rows) FROM OperatorActions WHERE Actor <> '' AND Reason <> '' GROUP BY 1")
            .into_iter()
            .map(|row| (row[0].clone(), row[1].parse().unwrap()))
            .filter(|(_, rows)| *rows > 0)
            .collect();
        let done = ledger.audited.iter().filter(|(_, rows)| **rows > 0);
        let done: BTreeMap<String, u64> = done.map(|(action, rows)| ((*action).to_owned(), *rows)).collect();
        must!(recorded == done, "not in the audit", "{recorded:?} of {done:?}");
        Ok(())
    }

    /// Of a client who left nothing is kept, once its time is over.
    ///
    /// # Errors
    /// The rule that is broken, and by what.
    pub fn check_erased(&self) -> Result<(), String> {
        let ledger = self.ledger();
        for client in &ledger.erased {
            let subject = subject_of(ClientId(*client));
            for (table, content) in [("OutboxMessages", "Payload"), ("InboxMessages", "Body")] {
                let kept = self.database.number(&format!(
                    "SELECT count(*) FROM {table} WHERE Subject = '{subject}' OR {content} LIKE '%klient{client}@%'"
                ));
                must!(kept == 0, "kept of a client who left", "{kept} of {subject} in {table}");
            }
        }
        Ok(())
    }

    /// The timers ran at last, and well. With a clock that was set, which run was the last is not known.
    fn timers(&self, ledger: &Ledger) -> Result<(), String> {
        for function in ["DispatchOutbox", "RetryEmail"] {
            let last = format!(
                "SELECT coalesce(min(coalesce(LastError, '')), 'never ran') FROM (SELECT Error AS LastError FROM Heartbeats \
                 WHERE Function = '{function}' ORDER BY LastRunOnUtc DESC LIMIT 1)"
            );
            let last = &self.database.rows(&last)[0][0];
            must!(ledger.jumped || last.is_empty(), "a timer's last run", "{function}: {last}");
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
                let unseen = ledger.committed[&later.1].moment > ledger.rows[*first].first_claim;
                // One that an operator sent again before it was routed is known without a destination.
                let again = |row: &Row| {
                    let unrouted = (String::new(), row.1.clone());
                    ledger.out_of_order.contains(row) || ledger.out_of_order.contains(&unrouted)
                };
                let wanted = again(first) || again(later);
                must!(in_order || unseen || wanted, "out of order", "{later:?} after {first:?}: {line:?}");
            }
        }
    }
    Ok(())
}
