//! `doctor` as an operator runs it: its findings and exit code; it neither hangs nor prints secrets.

use crate::support::{
    backend::memory,
    broker,
    host::Host,
    office::{Office, assert_reports},
};
use serde_json::json;
use std::path::Path;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_all_is_well_the_report_states_it_and_the_exit_code_is_0() {
    let Some(broker) = broker::shared() else { return };
    let queue = broker.create(json!({"duplicateDetection": true})).await;
    let office = Office::new().on(broker, "rest", &queue);
    let output = office.run(&["doctor"]);
    let reported = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{reported}");
    for words in ["settings: ", "schema version", &format!("queue:{queue}: it exists"), "stand in for mail"] {
        assert!(reported.contains(words), "{words}: {reported}");
    }
    assert!(reported.ends_with("no problems\n"), "{reported}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_queue_that_differs_from_the_settings_is_a_problem() {
    let Some(broker) = broker::shared() else { return };
    let odd = json!({"duplicateDetection": true, "window": "P7D", "maxDeliveryCount": 3, "maxMessageSize": 65_536});
    let queue = broker.create(odd).await;
    let office = Office::new().on(broker, "rest", &queue).with("Routes__Audit", "topic:nobody");
    let (code, problem) = office.findings("problem");
    assert_eq!((code, problem.len()), (Some(1), 4), "{problem:#?}");
    assert_reports(&problem, &[&queue, "7 days", "Bus__DuplicateWindowMs=604800000"]);
    assert_reports(&problem, &[&queue, "delivers only 3 times"]);
    assert_reports(&problem, &[&queue, "65536", "Outbox__MessageBytesMax"]);
    assert_reports(&problem, &["topic:nobody: there is no such queue or topic → create it"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_amqp_a_link_is_tried_and_nothing_is_sent() {
    let Some(broker) = broker::shared() else { return };
    let queue = broker.create(json!({})).await;
    let office = Office::new().on(broker, "amqp", &queue);
    let (code, fine) = office.findings("fine");
    assert_eq!(code, Some(0), "{fine:#?}");
    assert_reports(&fine, &[&queue, "a link for sending"]);
    assert_reports(&fine, &[&queue, "a link for receiving", "nothing was taken"]);
    assert_reports(&office.findings("unknown").1, &[&queue, "over REST only"]);
    assert_eq!(broker.stored(&queue).await.len(), 0);

    let nobody = Office::new().on(broker, "amqp", "nobody");
    let (code, problem) = nobody.findings("problem");
    assert_eq!(code, Some(1));
    assert_reports(&problem, &["queue:nobody", "create it"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_credential_that_may_send_and_not_listen_is_a_problem_found_without_receiving_a_message() {
    let Some(broker) = broker::shared() else { return };
    let queue = broker.create(json!({"listen": false})).await;
    let (code, problem) = Office::new().on(broker, "amqp", &queue).findings("problem");
    assert_eq!(code, Some(1), "{problem:#?}");
    assert_reports(&problem, &[&queue, "Listen claim", "SendEmail is not called"]);
    let (_, notes) = Office::new().on(broker, "rest", &queue).findings("note");
    assert_reports(&notes, &[&queue, "was not tried", "over REST", "Data Receiver"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_right_to_look_the_queue_is_unknown_which_is_not_a_failure() {
    let Some(broker) = broker::shared() else { return };
    let queue = broker.create(json!({"manage": false})).await;
    let office = Office::new().on(broker, "rest", &queue);
    let (code, unknown) = office.findings("unknown");
    assert_eq!(code, Some(0));
    assert_reports(&unknown, &[&queue, "drops duplicates", "Manage claim", "a credential that may"]);
    let reported = format!("{:?}", office.run(&["doctor"]));
    assert!(!reported.contains(&broker::KEY[..8]), "{reported}");
}

#[test]
fn the_expiry_of_a_signature_and_ignored_keywords_are_reported() {
    let fields = "SharedAccessSignature=SharedAccessSignature sr=x&sig=s3cret&skn=K&se=";
    let on = |more: &str| {
        let bus = format!("Endpoint=sb://127.0.0.1:1;UseDevelopmentEmulator=true;{more}");
        Office::new().with("ServiceBusConnection", &bus)
    };
    assert_reports(
        &on(&format!("{fields}1")).findings("problem").1,
        &["SharedAccessSignature of 'K'", "ended 1970-01-01"],
    );
    let far = on(&format!("{fields}4102444800;TransportType=AmqpWebSockets"));
    assert_reports(&far.findings("fine").1, &["ends 2100-01-01"]);
    let notes = far.findings("note").1;
    assert_reports(&notes, &["TransportType", "ignored", "ServiceBus__Transport"]);
    assert!(!notes.concat().contains("s3cret"));
}

#[test]
fn a_bus_that_is_away_is_reported_after_a_bounded_wait() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    for (port, transport) in [(1, "rest"), (1, "amqp"), (silent.local_addr().unwrap().port(), "amqp")] {
        let connection = format!(
            "Endpoint=sb://127.0.0.1:{port};SharedAccessKeyName=k;SharedAccessKey=s3cret;UseDevelopmentEmulator=true"
        );
        let office = Office::new()
            .with("ServiceBusConnection", &connection)
            .with("ServiceBus__Transport", transport)
            .with("Bus__TimeoutMs", "500");
        let (code, problem) = office.findings("problem");
        assert_eq!(code, Some(1));
        assert_reports(&problem, &["queue:client-emails", "127.0.0.1"]);
        assert!(!problem.concat().contains("s3cret"), "{problem:?}");
    }
}

#[test]
fn a_missing_or_older_database_is_reported_and_not_changed() {
    let office = Office::new().with("Store__Path", "elsewhere.db");
    let (code, problem) = office.findings("problem");
    assert_eq!(code, Some(1));
    assert_reports(&problem, &["database", "elsewhere.db", "client-organizer migrate"]);
    assert_reports(&problem, &["bus", "ServiceBusConnection is not set"]);
    assert!(!office.folder().join("elsewhere.db").exists());
}

#[test]
fn a_database_of_another_build_has_a_remedy_of_its_own() {
    for (sql, what, todo) in [
        (
            "INSERT INTO refinery_schema_history SELECT version + 1000, 'later', applied_on, checksum
            FROM refinery_schema_history ORDER BY version DESC LIMIT 1",
            "newer build",
            "→ deploy that build again",
        ),
        (
            "UPDATE refinery_schema_history SET name = 'theirs' WHERE version = 1",
            "this build does not know",
            "→ name another database",
        ),
    ] {
        let office = Office::new();
        office.sql(sql);
        let (code, problem) = office.findings("problem");
        assert_eq!(code, Some(1));
        assert_reports(&problem, &["database", what, todo]);
        assert!(!problem.concat().contains("check that it is up"), "{problem:#?}");
    }
}

#[test]
fn wrong_settings_are_reported_first_and_alone() {
    let office = Office::new().with("Outbox__BatchMax", "many").with("Outbox__BatchMx", "1");
    let (code, problem) = office.findings("problem");
    assert_eq!((code, problem.len()), (Some(1), 2), "{problem:#?}");
    assert_reports(&problem, &["Outbox__BatchMax", "expected 1 to 2000"]);
    assert_reports(&problem, &["Outbox__BatchMx"]);
    assert_reports(&office.findings("unknown").1, &["database, bus, mail", "not checked"]);
}

#[test]
fn a_setting_under_its_former_name_is_noted() {
    let notes = Office::new().with("Email__AtOnceMax", "5").findings("note").1;
    assert_reports(&notes, &["settings", "Email__AtOnceMax is the former name of Email__ConcurrencyMax"]);
}

#[test]
fn pauses_mails_in_doubt_and_dead_or_unrouted_rows_are_noted() {
    let office = Office::new();
    let sql =
        "INSERT INTO OutboxMessages (Id, EventType, Payload, Destination, State) VALUES ('d', 'E', '{}', 'queue:x', 3);
               INSERT INTO OutboxMessages (Id, EventType, Payload) VALUES ('u', 'Nowhere', '{}');
               INSERT INTO Destinations (Name, PausedOnUtc, PausedUntilUtc) VALUES ('queue:x', 0, 253402300799000), ('mail:folder', 0, 253402300799000);
               INSERT INTO InboxMessages (Consumer, MessageId, State, ReceivedOnUtc) VALUES ('SendEmail', 'm', 4, 0);
               INSERT INTO InboxMessages (Consumer, MessageId, State, ReceivedOnUtc, FinishedOnUtc, Body)
               VALUES ('SendEmail', 'r', 5, 0, 253402300799000, x'00')";
    office.sql(sql);
    let notes = office.findings("note").1;
    assert_reports(&notes, &["queue:x", "paused", "ops resume"]);
    assert_reports(&notes, &["mail:folder", "paused", "ops resume"]);
    assert_reports(&notes, &["mail", "1 mail(s) may have been sent", "ops mail list --state in-doubt"]);
    assert_reports(&notes, &["queue:x", "1 row(s) are dead"]);
    assert_reports(&notes, &["Nowhere", "Routes__Nowhere"]);
}

#[test]
fn the_sender_of_the_example_file_is_a_problem() {
    let smtp = Office::new().with("Email__Provider", "smtp").with("Email__SmtpHost", "mail.example");
    assert_reports(&smtp.findings("problem").1, &["mail", "Email__From"]);
    let own = smtp.with("Email__From", "biuro@office.example").with("Email__SmtpUser", "office");
    let own = own.with("Email__SmtpPassword", "s3cret");
    let fine = own.findings("fine").1;
    assert_reports(&fine, &["mail: SMTP by mail.example:587, STARTTLS, with a login"]);
    assert!(!fine.concat().contains("s3cret"));
}

#[test]
fn the_role_that_mail_by_entra_id_needs_is_named_with_its_id() {
    const ROLE: &str = "Communication and Email Service Owner (09976791-48a7-449e-bb21-39d1a415f350)";
    let acs =
        Office::new().with("Email__Provider", "acs").with("Email__AcsEndpoint", "https://o.communication.azure.com");
    assert_reports(&acs.findings("problem").1, &["mail: ", "by Entra ID", ROLE, "Email__From"]);
    let own = acs.with("Email__From", "biuro@office.example");
    assert_reports(&own.findings("fine").1, &["mail: ", "by Entra ID", ROLE]);
    let key = own.with("Email__AcsEndpoint", "");
    let key = key.with("Email__AcsConnectionString", "endpoint=https://o.communication.azure.com/;accesskey=aHVzaA==");
    let fine = key.findings("fine").1;
    assert_reports(&fine, &["mail: ", "by access key"]);
    assert!(!fine.concat().contains("aHVzaA"));
    assert!(!fine.concat().contains(ROLE), "a key has no role");
}

#[test]
fn beside_a_running_local_host_its_queue_is_examined() {
    let folder = tempfile::tempdir_in(memory()).unwrap();
    let office = Office::beside;
    let host = Host::start(folder.path(), &[], &["--duplicate-detection", "30"]);
    let connection = folder.path().join("queue-connection");
    assert_eq!(mode(&connection), 0o600, "a key stands in it");
    let (code, fine) = office(folder.path()).findings("fine");
    assert_eq!(code, Some(0), "{fine:#?}");
    assert_reports(&fine, &["queue:client-emails", "drops duplicates for 30 s"]);
    assert_reports(&office(folder.path()).findings("note").1, &["local host's queue"]);
    let note = |office: Office| office.findings("note").1.concat();
    // The local queue holds no messages of another database.
    let sql = ("SqlConnectionString", "Server=127.0.0.1,1;Database=d;User Id=u;Password=p;Encrypt=no");
    let elsewhere = office(folder.path()).with("Store__Kind", "sqlserver").with(sql.0, sql.1);
    assert!(!note(elsewhere).contains("local host's queue"));
    let mut other = office(folder.path());
    let beside = folder.path().join("other.db");
    std::fs::copy(folder.path().join("app.db"), &beside).unwrap();
    other = other.with("Store__Path", beside.to_str().unwrap());
    assert!(!note(other).contains("local host's queue"));
    drop(host);
    assert!(!connection.exists());
    assert_reports(&office(folder.path()).findings("problem").1, &["ServiceBusConnection is not set"]);
}

fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

/// A row that may be stored, so that a requeue inside the window would vanish.
const UNKNOWN: &str =
    "INSERT INTO OutboxMessages (Id, EventType, Payload, Destination, State, LastOutcome, LastAttemptOnUtc)
    VALUES ('m', 'E', '{}', 'queue:NAME', 3, 3, unixepoch() * 1000)";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_requeue_reads_the_window_from_the_queue_or_else_from_the_setting() {
    let Some(broker) = broker::shared() else { return };
    let requeue = |office: &Office| {
        let output = office.run(&["ops", "requeue", "m", "--reason", "repaired"]);
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    let none = broker.create(json!({})).await;
    let long = broker.create(json!({"duplicateDetection": true, "window": "P1D"})).await;
    let closed = broker.create(json!({"manage": false})).await;
    for (queue, setting_ms, code, words) in [
        (&none, "600000", 0, "requeued"),
        (&long, "0", 1, "as the bus itself reports"),
        (&closed, "600000", 1, "by Bus__DuplicateWindowMs"),
    ] {
        let office = Office::new().on(broker, "rest", queue).with("Bus__DuplicateWindowMs", setting_ms);
        office.sql(&UNKNOWN.replace("NAME", queue));
        office.sql(&format!("INSERT INTO Destinations (Name) VALUES ('queue:{queue}')"));
        let (is, reported) = requeue(&office);
        assert!(is == Some(code) && reported.contains(words), "{reported}");
    }
    let office = Office::new();
    office.sql(UNKNOWN);
    assert!(requeue(&office).1.contains("by Bus__DuplicateWindowMs"), "no bus is set");
}
