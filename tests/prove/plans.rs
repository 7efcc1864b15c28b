//! On a real SQL Server, the plans of everyday statements, compiled while the tables were nearly empty and read when they
//! hold a long history: no statement may scan a table.

use crate::{
    stores::Store,
    support::{
        backend::Backend,
        showplan,
        sql_server::{connect, in_rows, run},
    },
};
use client_organizer::{
    domain::{
        delivery::{Delivery, OnDoubt},
        ids::LeaseToken,
        mail_settlement::MailSettlement,
        outbox::{BreakerChange, Claim, ClaimMode, Claimed, LastOutcome, Settle, Settlement},
        rate_limit::RateLimit,
        recipient::Addressee,
        route::{Destination, Routes},
    },
    ports::inbox::{Begun, Lease},
};
use std::collections::{BTreeMap, BTreeSet};

#[derive(clap::Args)]
pub struct Arguments {
    /// A SQL Server, on which a database is created; the login needs VIEW SERVER STATE
    #[arg(long, value_name = "CONNECTION STRING")]
    sql: String,
    /// Sent rows and mails in the tables
    #[arg(long, default_value_t = 100_000)]
    rows: u32,
}

const QUEUE: &str = "queue:client-emails";
const AUDIT: &str = "topic:audit";
const CONSUMER: &str = "email";
const PROVIDER: &str = "mail:none";
const LEASE_MS: i64 = 60_000;
const TABLES: [&str; 2] = ["OutboxMessages", "InboxMessages"];
/// The statements whose plans must be found; each of our SQL files begins with its name.
const STATEMENTS: [&str; 19] = [
    "outbox_due",
    "outbox_locked",
    "outbox_unrouted",
    "outbox_route_end",
    "outbox_route_first",
    "outbox_route_sibling",
    "outbox_claim_expire",
    "outbox_claim_heads",
    "outbox_claim_suspect",
    "outbox_claim_lease",
    "outbox_settle",
    "outbox_followers",
    "outbox_settle_repeat",
    "inbox_begin",
    "inbox_due",
    "inbox_take",
    "inbox_settle",
    "inbox_settled",
    "inbox_expire",
];

pub async fn prove(arguments: Arguments) {
    let store = Store::start(Some(&arguments.sql)).await;
    let version = store.backend().query("SELECT CAST(@@VERSION AS nvarchar(4000))").unwrap();
    if version.contains("Babelfish") {
        println!("NOT SHOWN: {} does not make plans as SQL Server does", version.lines().next().unwrap_or_default());
        return;
    }
    let Store::SqlServer(server) = &store else { panic!("it was started on a server") };
    let mut owner = connect(&server.database.connection()).await;
    // Otherwise the load would recompile every plan, and a plan for empty tables would never be used on full ones.
    run(&mut owner, "ALTER DATABASE CURRENT SET AUTO_UPDATE_STATISTICS OFF;").await;
    a_day(&**server, "empty").await;
    load(&store, arguments.rows);
    a_day(&**server, "full").await;

    let mut seen = BTreeSet::new();
    let mut wrong = Vec::new();
    for row in in_rows(&mut owner, PLANS).await {
        let text = |column: &str| row.get::<&str, _>(column).unwrap_or_default();
        let number = |column: &str| row.get::<i64, _>(column).unwrap_or_default();
        let end = usize::try_from(number("StatementEnd")).unwrap_or(usize::MAX);
        let Some(name) = showplan::statement_of(text("Batch"), end) else { continue };
        let plan = text("StatementPlan");
        if plan.is_empty() {
            continue;
        }
        let scans = showplan::scans(plan, &TABLES);
        let (runs, reads) = (number("Runs"), number("LastReads"));
        println!(
            "{name}: {runs} runs, {reads} pages in the last; {}",
            if scans.is_empty() { "seeks" } else { "SCANS" }
        );
        wrong.extend(scans.into_iter().map(|scan| format!("{name}: {scan}")));
        seen.insert(name);
    }
    let unseen: Vec<_> = STATEMENTS.iter().filter(|name| !seen.contains(**name)).collect();
    assert!(unseen.is_empty(), "no plan was found for these, so nothing is shown about them: {unseen:?}");
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// The plan of each statement. Our batches have up to thirty, and dm_exec_query_plan returns no plan for a large one.
const PLANS: &str = "SELECT t.text AS Batch, p.query_plan AS StatementPlan, CAST(s.execution_count AS bigint) AS Runs, \
       CAST(s.last_logical_reads AS bigint) AS LastReads, \
       CAST(CASE WHEN s.statement_end_offset < 0 THEN DATALENGTH(t.text) ELSE s.statement_end_offset END / 2 AS bigint) AS StatementEnd \
  FROM sys.dm_exec_query_stats s \
 CROSS APPLY sys.dm_exec_sql_text(s.sql_handle) t \
 CROSS APPLY sys.dm_exec_text_query_plan(s.plan_handle, s.statement_start_offset, s.statement_end_offset) p \
 WHERE p.dbid = DB_ID() AND (t.text LIKE N'%-- outbox[_]%' OR t.text LIKE N'%-- inbox[_]%')";

fn load(store: &Store, rows: u32) {
    store.insert(rows, rows);
    let backend = store.backend();
    backend.execute(&format!(
        "UPDATE OutboxMessages SET Destination = '{QUEUE}', State = 2, ProcessedOnUtc = SYSUTCDATETIME() WHERE Destination = ''"
    ));
    backend.execute(&format!(
        "INSERT INTO InboxMessages (Consumer, MessageId, State, ReceivedOnUtc, FinishedOnUtc) \
         SELECT '{CONSUMER}', Id, 2, OccurredOnUtc, OccurredOnUtc FROM OutboxMessages WHERE Id LIKE 'n%' AND State = 2"
    ));
    assert!(store.count("State = 2") >= u64::from(rows));
}

/// Runs every statement of a dispatcher and a mailer with a few rows each. Ids begin with `tag`.
async fn a_day(backend: &dyn Backend, tag: &str) {
    let outbox = backend.outbox();
    let to = |name: &str| Destination::parse(name).unwrap();
    let routes = Routes(BTreeMap::from([("Happened".to_owned(), vec![to(QUEUE), to(AUDIT)])]));
    let plain = |id: &str, key: &str| {
        let columns = "(Id, EventType, OrderingKey, Payload)";
        backend.execute(&format!(
            "INSERT INTO OutboxMessages {columns} VALUES ('{tag} {id}', 'Happened', '{tag} {key}', '1')"
        ));
    };
    outbox.ensure_destinations(&[QUEUE.to_owned(), AUDIT.to_owned()]).await.unwrap();
    plain("first", "k");
    outbox.route(&routes, 100).await.unwrap();
    plain("second", "k");
    plain("first", "twin");
    plain("alone", "j");
    outbox.waiting(&routes).await.unwrap();
    assert_eq!(outbox.route(&routes, 100).await.unwrap().duplicates, 1);
    let expired = "State = 1, LeaseToken = 'x', Claims = 10, DueAt = DATEADD(hour, -1, SYSUTCDATETIME())";
    backend
        .execute(&format!("UPDATE OutboxMessages SET {expired} WHERE Id = '{tag} alone' AND Destination = '{QUEUE}'"));

    let mode = ClaimMode::Batch { rows_max: 100, bytes_max: 1_000_000 };
    let (token, claimed) = claim(backend, mode, LeaseToken::fresh()).await;
    assert_eq!(claimed.set_dead, 1);
    let later =
        Settlement::Retry { delay_ms: 1, outcome: LastOutcome::Refused, error: "503".to_owned(), suspect: true };
    settle(backend, token, &claimed, &later, BreakerChange::Leave).await;
    backend.advance_ms(60_000);
    let (token, claimed) = claim(backend, ClaimMode::Suspect, LeaseToken::fresh()).await;
    let open = BreakerChange::Open { for_ms: 1, reason: "503".to_owned() };
    settle(backend, token, &claimed, &later, open).await;
    backend.advance_ms(60_000);
    let token = LeaseToken::fresh();
    assert!(backend.breakers().take_probe(QUEUE, token, LEASE_MS).await.unwrap());
    let (token, claimed) = claim(backend, ClaimMode::Probe, token).await;
    settle(backend, token, &claimed, &Settlement::Sent, BreakerChange::Close).await;
    mails(backend, tag).await;
}

async fn mails(backend: &dyn Backend, tag: &str) {
    let inbox = backend.inbox();
    let lease = || Lease {
        token: LeaseToken::fresh(),
        lease_ms: LEASE_MS,
        provider: PROVIDER.to_owned(),
        rate_limit: RateLimit::default(),
        status_queries: true,
    };
    for n in 0..2 {
        let id = format!("{tag} mail {n}");
        let delivery = Delivery {
            message_id: id.clone(),
            body: b"{}".to_vec(),
            delivery_count: 1,
            enqueued_on: None,
            traceparent: None,
        };
        let begun = inbox.begin(CONSUMER, &delivery, &Addressee::default(), &lease()).await.unwrap();
        let Begun::Ours(work) = begun else { panic!("{begun:?}") };
        if n == 0 {
            let sent = MailSettlement::Sent { provider: "none".to_owned(), reference: "r".to_owned() };
            inbox.settle(CONSUMER, &id, work.token, &sent, PROVIDER, true).await.unwrap();
        }
    }
    backend.advance_ms(LEASE_MS + 1);
    assert_eq!(inbox.expire(CONSUMER, PROVIDER, OnDoubt::Resend, 100).await.unwrap().len(), 1);
    let works = inbox.take_due(CONSUMER, &lease(), false, 100).await.unwrap();
    assert_eq!(works.len(), 1);
    let refused = MailSettlement::Refused { reason: "no such mailbox".to_owned() };
    inbox.settle(CONSUMER, &works[0].message_id, works[0].token, &refused, PROVIDER, true).await.unwrap();
}

async fn claim(backend: &dyn Backend, mode: ClaimMode, token: LeaseToken) -> (LeaseToken, Claimed) {
    let destination = Destination::parse(QUEUE).unwrap();
    let claim = Claim { destination, mode, token, lease_ms: LEASE_MS, claims_max: 3 };
    let claimed = backend.outbox().claim(&claim).await.unwrap();
    assert!(!claimed.rows.is_empty(), "{mode:?}");
    (token, claimed)
}

async fn settle(
    backend: &dyn Backend,
    token: LeaseToken,
    claimed: &Claimed,
    what: &Settlement,
    breaker: BreakerChange,
) {
    let destination = Destination::parse(QUEUE).unwrap();
    let rows = claimed.rows.iter().map(|row| (row.seq, what.clone())).collect();
    backend.outbox().settle(&Settle { destination, token, rows, breaker }).await.unwrap();
}
