//! The reader of plans that `prove -- plans` judges by, on plans as SQL Server 2022 writes them.

use crate::support::showplan::{scans, statement_of};

fn plan(operator: &str, table: &str, index: &str) -> String {
    format!(
        r#"<ShowPlanXML><RelOp NodeId="0" PhysicalOp="Nested Loops" LogicalOp="Inner Join"><NestedLoops>
        <RelOp NodeId="1" PhysicalOp="Table Scan" LogicalOp="Table Scan"><TableScan><Object Table="[@in]" /></TableScan></RelOp>
        <RelOp NodeId="2" PhysicalOp="{operator}" LogicalOp="{operator}" EstimateRows="1"><IndexScan Ordered="true">
        <Object Database="[office]" Schema="[dbo]" Table="[{table}]" Index="[{index}]" Alias="[t]" IndexKind="Clustered" />
        </IndexScan></RelOp></NestedLoops></RelOp></ShowPlanXML>"#
    )
}

#[test]
fn a_scan_of_a_whole_table_is_found_and_nothing_else() {
    let tables = ["OutboxMessages", "InboxMessages"];
    let found = |operator, table, index| scans(&plan(operator, table, index), &tables);
    assert_eq!(
        found("Clustered Index Scan", "OutboxMessages", "PK_OutboxMessages"),
        ["Clustered Index Scan of OutboxMessages (PK_OutboxMessages)"]
    );
    assert_eq!(found("Index Scan", "OutboxMessages", "UQ_Outbox_Id_Destination").len(), 1);
    assert!(found("Clustered Index Seek", "OutboxMessages", "PK_OutboxMessages").is_empty());
    assert!(found("Index Scan", "OutboxMessages", "IX_Outbox_Unrouted").is_empty(), "it holds what is unrouted");
    assert!(found("Clustered Index Scan", "Destinations", "PK_Destinations").is_empty(), "a handful");
}

#[test]
fn a_statement_is_identified_by_its_file() {
    let batch = "(@P1 int)-- now: the clock\nDECLARE @now int;\n-- outbox_claim_lease: takes\n-- The first: goes\nUPDATE t SET x = 1;\n-- outbox_locked: rows\nSELECT 1;";
    let end = |text: &str| batch.find(text).unwrap() + text.len();
    assert_eq!(statement_of(batch, end("x = 1")).as_deref(), Some("outbox_claim_lease"));
    assert_eq!(statement_of(batch, end("SELECT 1")).as_deref(), Some("outbox_locked"));
    assert_eq!(statement_of("SELECT 1", 8), None);
}
