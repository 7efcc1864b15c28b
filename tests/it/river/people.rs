//! What other programs and operators do in a simulation.

use super::{
    actors::{Flow, Kind},
    ledger::Commit,
    op::{self, Cure, PROVIDER, Switch},
    outside::{KILLER, LEDGERS},
    process::{Process, TOMBSTONE_DAYS},
    run::Run,
};
use crate::support::{operator::by, world::EMAILS};
use chrono::{DateTime, TimeDelta};
use client_organizer::{
    domain::{
        delivery::Delivery,
        operations::{
            Action, MailFilter, MessageFilter, PauseAction, PauseRequest, RemedyRequest, Selection, Thresholds,
            attention,
        },
        rate_limit::RateLimit,
        route::NOT_ROUTED,
    },
    flows::{prune, remedy, watch},
    ports::operations::OverviewQuery,
};
use std::collections::{BTreeMap, BTreeSet};

/// The name in the table of destinations of what an op numbers.
fn name_of(of: usize) -> String {
    [EMAILS, LEDGERS, "mail:fake"][of.min(PROVIDER)].to_owned()
}

/// Where operators route rows that shall not go where they were to go.
pub const ARCHIVE: &str = "queue:archive";

/// The data of an event of ours, as another program writes it.
const EVENT: &str = r#"{"clientId":1,"clientName":"Anna","recipient":"anna@example.pl","year":2026,"month":3,
    "figures":{"incomeTax":1.00,"vat":2.00,"insuranceAmount":3.00},"version":1}"#;

impl Run {
    pub fn insert(&mut self, kind: op::Kind, key: Option<u8>, late: bool) {
        self.inserted += 1;
        let number = self.inserted;
        let (id, event_type, payload, destinations) = match kind {
            op::Kind::Plain => (format!("x{number}"), "Plain", "{}", [LEDGERS, EMAILS]),
            op::Kind::Poison => (format!("x{number}"), "Plain", "no JSON", [LEDGERS, EMAILS]),
            op::Kind::Killer => (format!("{KILLER}{number}"), "Plain", "{}", [LEDGERS, EMAILS]),
            op::Kind::Mailed => (format!("x{number}"), "FinancialRecordCreated", EVENT, [EMAILS, LEDGERS]),
            op::Kind::Repeat => {
                let routed = "SELECT Id FROM OutboxMessages AS o WHERE Destination <> '' AND NOT EXISTS \
                    (SELECT 1 FROM OutboxMessages WHERE Id = o.Id AND Destination = '') ORDER BY Seq DESC LIMIT 1";
                let Some(row) = self.database.rows(routed).pop() else { return };
                self.insert_row(&row[0], "Plain", "{}", key);
                self.ledger().repeated.insert(row[0].clone());
                return;
            }
        };
        let commit = Commit {
            moment: self.shared.stage.moment(),
            destinations: destinations.map(str::to_owned).to_vec(),
            sendable: !matches!(kind, op::Kind::Poison | op::Kind::Killer),
            mailable: kind == op::Kind::Mailed,
            client: (kind == op::Kind::Mailed).then_some(1),
        };
        let seq = self.insert_row(&id, event_type, payload, key);
        if late {
            // SQLite has one writer: the row comes later, under the Seq that it got now.
            let columns = "Seq, Id, EventType, Payload, OrderingKey, OccurredOnUtc, DueAt";
            let row = format!("SELECT {columns} FROM OutboxMessages WHERE Seq = {seq}");
            self.database.execute(&format!("CREATE TEMP TABLE Late{seq} AS {row}"));
            self.database.execute(&format!("DELETE FROM OutboxMessages WHERE Seq = {seq}"));
            let insert = format!("INSERT INTO OutboxMessages ({columns}) SELECT {columns} FROM Late{seq}");
            self.late.push((insert, id, commit));
        } else {
            self.ledger().committed.insert(id, commit);
        }
    }

    fn insert_row(&self, id: &str, event_type: &str, payload: &str, key: Option<u8>) -> i64 {
        let (key, now) = (key.map_or("NULL".to_owned(), |key| format!("'k{key}'")), self.shared.stage.store_now_ms());
        self.database.execute(&format!(
            "INSERT INTO OutboxMessages (Id, EventType, Payload, OrderingKey, OccurredOnUtc, DueAt) \
             VALUES ('{id}', '{event_type}', '{payload}', {key}, {now}, {now})"
        ));
        self.database.number("SELECT last_insert_rowid()")
    }

    pub fn commit_late(&mut self, nth: usize) {
        if self.late.is_empty() {
            return;
        }
        let (insert, id, mut commit) = self.late.remove(nth % self.late.len());
        self.database.execute(&insert);
        self.shared.stage.log(format_args!("committed late"));
        commit.moment = self.shared.stage.moment();
        self.ledger().committed.insert(id, commit);
    }

    pub fn prune(&mut self, process: usize) {
        let at = self.processes[process].clone();
        let flow: Flow = Box::pin(async move {
            let report = prune::prune(&at.prune).await;
            at.beats[2].beat(None, report.store_error.as_deref()).await;
            true
        });
        self.actors.start(process, Kind::Prune, None, flow);
    }

    pub fn remedy(&mut self, process: usize, cure: Cure, nth: Option<usize>) {
        let action = match cure {
            Cure::Requeue => Action::Requeue { out_of_order: false },
            Cure::RequeueOutOfOrder => Action::Requeue { out_of_order: true },
            Cure::Discard => Action::Discard,
            Cure::Replay => Action::Replay { out_of_order: false, force: false },
            Cure::ReplayOutOfOrder => Action::Replay { out_of_order: true, force: false },
            Cure::Copy => Action::Replay { out_of_order: true, force: true },
            Cure::Route => Action::Route { to: ARCHIVE.to_owned(), out_of_order: false },
            Cure::ResendMail => Action::ResendMail,
            Cure::AssumeSent => Action::AssumeMailSent,
            Cure::TakeIn => Action::TakeIn,
        };
        let id = nth.and_then(|nth| {
            let ledger = self.ledger();
            let count = ledger.committed.len();
            (count > 0).then(|| ledger.committed.keys().nth(nth % count).cloned()).flatten()
        });
        let selection = match (id, cure) {
            (_, Cure::TakeIn) => Selection::DeadLetters,
            (Some(id), _) => Selection::Ids(vec![id]),
            (None, Cure::ResendMail | Cure::AssumeSent) => Selection::Mails(MailFilter::default()),
            (None, _) => Selection::Messages(MessageFilter::default()),
        };
        // A copy of everything again and again would never end.
        let limit = if cure == Cure::Copy { 2 } else { 100 };
        let at = self.processes[process].clone();
        let flow: Flow = Box::pin(async move {
            let request = RemedyRequest { action, selection, destination: None, limit };
            remedied(&at, &request).await;
            true
        });
        self.actors.start(process, Kind::Operator, None, flow);
    }

    pub fn pause(&mut self, process: usize, of: usize, switch: Switch) {
        let (action, for_ms) = match switch {
            Switch::Pause => (PauseAction::Pause, None),
            Switch::PauseFor(ms) => (PauseAction::Pause, Some(ms)),
            Switch::Drain => (PauseAction::Drain, None),
            Switch::Resume => (PauseAction::Resume, None),
        };
        let at = self.processes[process].clone();
        let flow: Flow = Box::pin(async move {
            let request = PauseRequest { action, name: Some(name_of(of)), for_ms };
            remedy::change_pause(&at.operate, &request, &by()).await.is_ok()
        });
        self.actors.start(process, Kind::Operator, None, flow);
    }

    pub fn watch(&mut self, process: usize) {
        let at = self.processes[process].clone();
        let flow: Flow = Box::pin(async move {
            watch::watch(&at.operate).await;
            true
        });
        self.actors.start(process, Kind::Watch, None, flow);
    }

    /// A message of another program, which never was in the outbox.
    pub fn send(&mut self, days: i64) {
        self.inserted += 1;
        let id = format!("y{}", self.inserted);
        let on = DateTime::from_timestamp_millis(self.shared.stage.now_ms()).unwrap() - TimeDelta::days(days);
        let data: serde_json::Value = serde_json::from_str(EVENT).unwrap();
        let body = serde_json::json!({
            "specversion": "1.0", "id": id, "source": "/elsewhere", "type": "FinancialRecordCreated", "time": on, "data": data,
        });
        self.ledger().foreign.insert(id.clone(), days < TOMBSTONE_DAYS);
        self.outside().enqueue(Delivery {
            message_id: id,
            body: body.to_string().into_bytes(),
            delivery_count: 1,
            enqueued_on: (days != 0).then_some(on),
            traceparent: None,
        });
    }

    /// # Errors
    /// The overview does not count what is there.
    pub fn overview(&self) -> Result<(), String> {
        let query = OverviewQuery {
            routed_types: self.processes[0].operate.routes.0.keys().cloned().collect(),
            provider: "mail:fake".to_owned(),
            rate_limit: RateLimit::default(),
            minutes: 60,
        };
        let overview = self.shared.stage.run(self.processes[0].reports.overview(&query));
        let overview = overview.map_err(|error| format!("no overview: {error}"))?;
        let mut counted = BTreeMap::new();
        for line in &overview.destinations {
            for (state, rows) in [(0, line.pending), (1, line.leased), (3, line.dead)] {
                counted.insert((line.name.clone(), state), rows);
            }
        }
        for line in &overview.mails.states {
            counted.insert(("mails".to_owned(), line.state as i64), line.rows);
        }
        counted.retain(|_, rows| *rows > 0);
        let mut there = BTreeMap::new();
        let rows = "SELECT Destination, State, count(*) FROM OutboxMessages \
                    WHERE State IN (0, 1, 3) GROUP BY 1, 2 \
                    UNION ALL SELECT 'mails', State, count(*) FROM InboxMessages WHERE State <> 2 GROUP BY 2";
        for row in self.database.rows(rows) {
            there.insert((row[0].clone(), row[1].parse().unwrap()), row[2].parse().unwrap());
        }
        if counted != there {
            return Err(format!("the overview miscounts: {counted:?}, and there is {there:?}"));
        }
        let told: BTreeSet<_> = attention(&overview, Thresholds::DEFAULT)
            .into_iter()
            .filter(|one| one.kind == "dead-rows")
            .map(|one| if one.about == NOT_ROUTED { String::new() } else { one.about })
            .collect();
        let dead: BTreeSet<_> = there.keys().filter(|(_, state)| *state == 3).map(|(name, _)| name.clone()).collect();
        if told.iter().eq(dead.iter().filter(|name| *name != "mails")) {
            return Ok(());
        }
        Err(format!("what needs a person is not reported: {dead:?}, but {told:?}"))
    }
}

async fn remedied(at: &Process, request: &RemedyRequest) {
    let Ok(plan) = remedy::plan(&at.operate, request).await else { return };
    // One that got no answer runs it again.
    for _ in 0..3 {
        if remedy::run(&at.operate, &plan.token, &by()).await.is_ok() {
            return;
        }
    }
}
