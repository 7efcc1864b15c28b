//! The plans a real SQL Server makes for claim and settle over a long history: the filtered indexes and the clustered
//! key, and no scan of the table.

use crate::stores::Store;
use client_organizer::{
    domain::{
        ids::LeaseToken,
        outbox::{BreakerChange, Claim, ClaimMode, Settle, Settlement},
        route::Destination,
    },
    ports::outbox::Outbox,
};

#[derive(clap::Args)]
pub struct Arguments {
    /// A SQL Server, where a database is made; the login needs VIEW SERVER STATE
    #[arg(long, value_name = "CONNECTION STRING")]
    sql: String,
    /// Sent rows in the table
    #[arg(long, default_value_t = 1_000_000)]
    rows: u32,
}

const QUEUE: &str = "queue:client-emails";
const DUE: u32 = 5_000;
/// Each statement of ours begins with its name.
const STATEMENTS: [(&str, &[&str]); 3] = [
    ("outbox_heads", &["IX_Outbox_Due", "IX_Outbox_Key"]),
    ("outbox_lease", &["PK_OutboxMessages"]),
    ("outbox_settle", &["PK_OutboxMessages"]),
];

pub async fn prove(arguments: Arguments) {
    let store = Store::start(Some(&arguments.sql)).await;
    let version = store.backend().query("SELECT CAST(@@VERSION AS nvarchar(4000))").unwrap();
    if version.contains("Babelfish") {
        println!("NOT SHOWN: {} makes no plans of SQL Server's", version.lines().next().unwrap_or_default());
        return;
    }
    let all = arguments.rows + DUE;
    store.insert(all, all);
    // The last ones stay due.
    store.backend().execute(&format!("UPDATE OutboxMessages SET Destination = '{QUEUE}'"));
    store.backend().execute(&format!(
        "UPDATE OutboxMessages SET State = 2, ProcessedOnUtc = SYSUTCDATETIME() \
         WHERE Seq <= (SELECT MAX(Seq) - {DUE} FROM OutboxMessages)"
    ));
    store.backend().execute("UPDATE STATISTICS OutboxMessages");
    claim_and_settle(&*store.backend().outbox()).await;
    for (statement, indexes) in STATEMENTS {
        let plan =
            store.backend().query(&plan_of(statement)).unwrap_or_else(|| panic!("no plan of {statement} is cached"));
        for index in indexes {
            assert!(plan.contains(&format!("Index=\"[{index}]\"")), "{statement} does not use {index}:\n{plan}");
        }
        let scans = |operator: &str| {
            plan.split("<RelOp ").any(|part| {
                part.contains(&format!("PhysicalOp=\"{operator}\"")) && part.contains("Table=\"[OutboxMessages]\"")
            })
        };
        assert!(!scans("Clustered Index Scan") && !scans("Table Scan"), "{statement} scans the table:\n{plan}");
        println!("{statement}: {}", indexes.join(", "));
    }
}

fn plan_of(statement: &str) -> String {
    format!(
        "SELECT TOP (1) CAST(p.query_plan AS nvarchar(max)) FROM sys.dm_exec_query_stats s \
         CROSS APPLY sys.dm_exec_sql_text(s.sql_handle) t CROSS APPLY sys.dm_exec_query_plan(s.plan_handle) p \
         WHERE t.text LIKE '%-- {statement}:%' AND p.dbid = DB_ID() ORDER BY s.last_execution_time DESC"
    )
}

async fn claim_and_settle(outbox: &dyn Outbox) {
    let destination = Destination::parse(QUEUE).unwrap();
    outbox.ensure_destinations(&[QUEUE.to_owned()]).await.unwrap();
    let token = LeaseToken::fresh();
    let mode = ClaimMode::Batch { rows_max: 500, bytes_max: 4_000_000 };
    let claim = Claim { destination: destination.clone(), mode, token, lease_ms: 60_000, claims_max: 3 };
    let rows = outbox.claim(&claim).await.unwrap().rows;
    assert_eq!(rows.len(), 500);
    let rows = rows.iter().map(|row| (row.seq, Settlement::Sent)).collect();
    outbox.settle(&Settle { destination, token, rows, breaker: BreakerChange::Leave }).await.unwrap();
}
