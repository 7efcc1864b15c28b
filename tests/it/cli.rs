//! The command line as people and scripts use it: commands, exit codes and output.

use crate::support::{backend::memory, host::executable, skip};
use client_organizer::config::{catalogue, printed};
use serde_json::Value;
use std::{
    path::{Path, PathBuf},
    process::{Command, Output},
};

/// A migrated store, and the executable run against it with nothing else in its environment.
struct Shell {
    folder: tempfile::TempDir,
}

impl Shell {
    fn new() -> Self {
        let shell = Self { folder: tempfile::tempdir_in(memory()).unwrap() };
        let migrated = shell.run(&["migrate"], &[]);
        assert!(migrated.status.success(), "{}", stderr(&migrated));
        shell
    }

    fn store(&self) -> PathBuf {
        self.folder.path().join("app.db")
    }

    fn run(&self, arguments: &[&str], env: &[(&str, &str)]) -> Output {
        let mut command = Command::new(executable());
        command.args(arguments).env_clear().env("Store__Path", self.store()).env("USER", "anna");
        command.env("Email__Folder", self.folder.path().join("mail")).envs(env.iter().copied());
        command.output().unwrap()
    }

    fn json(&self, arguments: &[&str]) -> Value {
        let output = self.run(&[arguments, &["--json"]].concat(), &[]);
        serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|e| panic!("{e}: {} {}", stdout(&output), stderr(&output)))
    }

    fn sql(&self, sql: &str) {
        rusqlite::Connection::open(self.store()).unwrap().execute_batch(sql).unwrap();
    }

    fn value(&self, sql: &str) -> String {
        rusqlite::Connection::open(self.store()).unwrap().query_row(sql, [], |row| row.get(0)).unwrap()
    }
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A bus that refuses every connection: nobody listens on port 1.
const NO_BUS: (&str, &str) = (
    "ServiceBusConnection",
    "Endpoint=sb://127.0.0.1:1;SharedAccessKeyName=k;SharedAccessKey=a2V5;UseDevelopmentEmulator=true",
);

const DEAD: &str = "INSERT INTO OutboxMessages (Id, EventType, Payload, Destination, State, LastError)
    VALUES ('m-1', 'FinancialRecordCreated', '{}', 'queue:client-emails', 3, 'refused by the bus')";

#[test]
fn without_a_command_the_help_is_printed_and_the_exit_code_is_2() {
    let output = Shell::new().run(&[], &[]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stdout(&output).contains("local"), "{}", stdout(&output));
}

#[test]
fn the_settings_are_listed_as_the_files_hold_them() {
    let shell = Shell::new();
    let listed = |form: &[&str]| {
        let output = shell.run(&[&["settings"], form].concat(), &[]);
        assert!(output.status.success(), "{}", stderr(&output));
        stdout(&output)
    };
    assert_eq!(listed(&[]), printed::text());
    assert_eq!(listed(&["--markdown"]), printed::markdown());
    assert_eq!(listed(&["--example"]), printed::example());
}

#[test]
fn a_setting_under_its_former_name_is_read_with_a_warning() {
    let output = Shell::new().run(&["migrate"], &[("Email__AtOnceMax", "5")]);
    assert!(output.status.success());
    assert!(stderr(&output).contains("warning: Email__AtOnceMax is the former name of Email__ConcurrencyMax"));
}

#[test]
fn migrating_twice_is_a_no_op() {
    let again = Shell::new().run(&["migrate"], &[]);
    assert!(again.status.success());
    assert!(stdout(&again).contains("nothing to do"), "{}", stdout(&again));
}

#[test]
fn a_store_that_was_never_migrated_is_reported_with_the_command_to_run() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("empty.db");
    rusqlite::Connection::open(&path).unwrap().execute_batch("PRAGMA user_version = 1").unwrap();
    let output =
        Command::new(executable()).args(["ops", "status"]).env_clear().env("Store__Path", &path).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("client-organizer migrate"), "{}", stderr(&output));
}

#[test]
fn a_missing_store_is_reported_and_not_created() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("typo").join("app.db");
    let output =
        Command::new(executable()).args(["ops", "status"]).env_clear().env("Store__Path", &path).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    for words in ["there is no database", "Store__Path", "client-organizer migrate"] {
        assert!(stderr(&output).contains(words), "{words}: {}", stderr(&output));
    }
    assert!(!folder.path().join("typo").exists());
}

#[test]
fn a_local_host_in_a_wrong_folder_reports_it_and_creates_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new(executable())
        .args(["local", "--port", "0"])
        .env_clear()
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("--root"), "{}", stderr(&output));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

/// `script` provides the terminal: without one, the width is unknown and no line is shortened.
#[test]
fn a_narrow_terminal_gets_shortened_lines_with_the_whole_id() {
    let shell = Shell::new();
    let id = "01a20aad-5406-7624-8468-200154c49ec4";
    shell.sql(&DEAD.replace("m-1", id));
    for words in [&["ops", "list"][..], &["ops", "list", "--state", "dead"]] {
        let mut narrow = Command::new("script");
        let line = format!("stty cols 80; '{}' {}", executable(), words.join(" "));
        narrow.args(["-qec", &line, "/dev/null"]).env("Store__Path", shell.store()).env_remove("COLUMNS");
        let Ok(output) = narrow.output() else {
            skip::skip("there is no `script` to play a terminal");
            return;
        };
        let row = stdout(&output).lines().find(|line| line.contains(id)).map(str::to_owned);
        let row = row.unwrap_or_else(|| panic!("{}", stdout(&output)));
        for words in ["dead", "queue:client-emails"] {
            assert!(row.contains(words), "{words}: {row}");
        }
        assert!(row.trim_end().ends_with('…'), "what is cut off is seen: {row}");
        for line in stdout(&output).lines() {
            assert!(line.trim_end().chars().count() <= 80, "wider than the terminal: {line}");
        }
    }
}

#[test]
fn every_wrong_setting_is_reported_at_once_and_the_exit_code_is_not_zero() {
    let wrong = [("FUNCTIONS_CUSTOMHANDLER_PORT", "0"), ("Outbox__BatchMax", "many"), ("Outbox__BatchMx", "1")];
    let output = Shell::new().run(&["serve"], &wrong);
    assert_eq!(output.status.code(), Some(1));
    for name in ["Outbox__BatchMax", "Outbox__BatchMx", "ServiceBusConnection"] {
        assert!(stderr(&output).contains(name), "{name}: {}", stderr(&output));
    }
}

#[test]
fn commands_for_local_use_are_refused_in_azure() {
    let azure = [("FUNCTIONS_CUSTOMHANDLER_PORT", "0"), ("WEBSITE_SITE_NAME", "office"), NO_BUS];
    let output = Shell::new().run(&["serve"], &azure);
    assert_eq!(output.status.code(), Some(1));
    for name in ["Store__Kind", "Email__Provider", "ServiceBusConnection"] {
        assert!(stderr(&output).contains(name), "{name}: {}", stderr(&output));
    }
}

#[test]
fn the_mails_to_an_address_are_found_without_the_address_being_kept() {
    let shell = Shell::new();
    let found = |address: &str, key: &str| {
        let output = shell.run(&["ops", "mail", "find", address, "--json"], &[("Inbox__RecipientKey", key)]);
        assert!(output.status.success(), "{}", stderr(&output));
        serde_json::from_slice::<Value>(&output.stdout).unwrap()["items"].as_array().unwrap().len()
    };
    // Computed with Python's hmac for anna@example.pl and the key "secret".
    shell.sql(
        "INSERT INTO InboxMessages (Consumer, MessageId, State, RecipientHash, ReceivedOnUtc, FinishedOnUtc)
         VALUES ('SendEmail', 'm-1', 2, 'b032164e75272bf636caa845210004e6cebc88b59cf5f1ce0a19d89df4e24380', 1, 1)",
    );
    assert_eq!((found("Anna@Example.pl", "secret"), found("hanna@example.pl", "secret")), (1, 0));
    assert_eq!(found("anna@example.pl", "another"), 0, "without the key nobody can ask");
    let reference = [("Inbox__RecipientKey", "@Microsoft.KeyVault(VaultName=office;SecretName=Inbox-RecipientKey)")];
    let keyless = shell.run(&["ops", "mail", "find", "anna@example.pl"], &reference);
    assert_eq!(keyless.status.code(), Some(1));
    assert!(stderr(&keyless).contains("Inbox__RecipientKey is a Key Vault reference"), "{}", stderr(&keyless));
    let others = shell.run(&["ops", "overview"], &reference);
    assert!(others.status.success(), "{}", stderr(&others));
    let wrong = shell.run(&["ops", "mail", "find", "anna"], &[]);
    assert_eq!(wrong.status.code(), Some(1));
    assert!(stderr(&wrong).contains("must be one email address"), "{}", stderr(&wrong));
}

#[test]
fn a_remedy_without_a_reason_is_a_wrong_command_line() {
    for words in [
        &["ops", "requeue", "m-1"][..],
        &["ops", "discard", "m-1"],
        &["ops", "replay", "m-1"],
        &["ops", "pause", "queue:x"],
        &["ops", "mail", "resend", "m-1"],
        &["ops", "requeue", "m-1", "--reason", " "],
        &["ops", "requeue", "--reason", "which?"],
        &["ops", "requeue", "--all-dead", "--reason", "of which destination?"],
    ] {
        assert_eq!(Shell::new().run(words, &[]).status.code(), Some(2), "{words:?}");
    }
}

#[test]
fn a_remedy_needs_a_selection_and_the_usage_shows_how() {
    let shell = Shell::new();
    shell.sql(DEAD);
    for remedy in ["requeue", "discard"] {
        for words in [&[][..], &["--reason", "x"], &["--limit", "5", "--reason", "x"]] {
            let output = shell.run(&[&["ops", remedy], words].concat(), &[]);
            assert_eq!(output.status.code(), Some(2), "{}", stdout(&output));
            for usage in [
                format!("ops {remedy} <ID>... "),
                format!("ops {remedy} <CONDITIONS> "),
                format!("ops {remedy} --token <TOKEN> "),
            ] {
                assert!(stderr(&output).contains(&usage), "{}", stderr(&output));
            }
        }
    }
    assert_eq!(shell.json(&["ops", "show", "m-1"])["rows"][0]["state"], "dead");
}

#[test]
fn a_secret_in_the_environment_is_in_no_help_and_no_error() {
    const CANARY: &str = "c4n4ryC4N4RYc4n4ry0123456789abcdefghijklmnop";
    let shell = Shell::new();
    let wrong = format!("Endpoint=sb://x.servicebus.windows.net/;SharedAccessKey={CANARY};{CANARY}=");
    let everywhere: Vec<(&str, &str)> = catalogue::all().map(|setting| (setting.name, wrong.as_str())).collect();
    let port = [("FUNCTIONS_CUSTOMHANDLER_PORT", "0")];
    let help = [&["--help"][..], &["local", "--help"], &["ops", "--help"], &["ops", "requeue", "--help"]];
    let start = [
        &["serve"][..],
        &["local", "--port", "0"],
        &["doctor"],
        &["doctor", "--json"],
        &["migrate"],
        &["dispatch", "--once"],
        &["ops", "status"],
    ];
    for words in help.into_iter().chain(start) {
        let output = shell.run(words, &[&everywhere[..], &port].concat());
        let reported = stdout(&output) + &stderr(&output);
        assert!(!reported.is_empty() && !reported.contains(CANARY), "{words:?}: {reported}");
    }
}

#[test]
fn a_dead_row_is_seen_requeued_and_the_remedy_recorded() {
    let shell = Shell::new();
    shell.sql(DEAD);
    let status = stdout(&shell.run(&["ops", "status"], &[]));
    assert!(status.contains("queue:client-emails"), "{status}");
    let rows = shell.json(&["ops", "list", "--state", "dead"]);
    assert_eq!(rows["items"][0]["lastError"], "refused by the bus");

    let done = shell.run(&["ops", "requeue", "m-1", "--reason", "bus repaired"], &[]);
    assert_eq!((done.status.code(), stdout(&done).as_str()), (Some(0), "m-1 to queue:client-emails: requeued\n"));
    assert_eq!(shell.json(&["ops", "show", "m-1"])["rows"][0]["state"], "pending");
    let recorded = shell.value("SELECT Actor || '|' || Action || '|' || Target || '|' || Reason FROM OperatorActions");
    assert!(recorded.starts_with("anna|requeue|") && recorded.ends_with("|bus repaired"), "{recorded}");

    let again = shell.run(&["ops", "requeue", "m-1", "--reason", "once more"], &[]);
    assert_eq!(again.status.code(), Some(1), "nothing was done");
    assert!(stdout(&again).contains("not done"), "{}", stdout(&again));
}

const OURS: &str = "01a20aad-5406-7624-8468-200154c49ec4";

#[test]
fn a_message_that_was_sent_and_not_mailed_is_shown_as_both() {
    let shell = Shell::new();
    shell.sql(&format!(
        "INSERT INTO OutboxMessages (Id, EventType, Payload, Destination, State, ProcessedOnUtc)
         VALUES ('{OURS}', 'E', '{{}}', 'queue:client-emails', 2, 1), ('{OURS}', 'E', '{{}}', 'topic:t', 2, 1);
         INSERT INTO InboxMessages (Consumer, MessageId, State, DueAt, LastError, Body, ReceivedOnUtc)
         VALUES ('SendEmail', '{OURS}', 3, 1, 'mailbox full', x'00', 1),
                ('SendEmail', 'alone', 5, NULL, 'no such mailbox', x'00', 1)"
    ));
    let reported = stdout(&shell.run(&["ops", "show", OURS], &[]));
    for words in ["state         sent", "its mail: parked", "mailbox full"] {
        assert!(reported.contains(words), "{words}: {reported}");
    }
    let json = shell.json(&["ops", "show", OURS]);
    assert_eq!((&json["rows"][0]["state"], &json["mail"]["state"]), (&"sent".into(), &"parked".into()));
    assert!(json["summary"].as_str().unwrap().contains("parked"), "{json}");
    let alone = shell.json(&["ops", "show", "alone"]);
    assert_eq!((&alone["id"], &alone["mail"]["state"]), (&"alone".into(), &"refused".into()));
    let reported = stdout(&shell.run(&["ops", "mail", "list"], &[]));
    assert!(reported.contains("no such mailbox") && reported.contains("mailbox full"), "{reported}");
    let reported = stdout(&shell.run(&["ops", "status"], &[]));
    for words in ["parked", "refused", "2 unsent mail(s)"] {
        assert!(reported.contains(words), "{words}: {reported}");
    }
    let replay = shell.run(&["ops", "replay", OURS, "--destination", "queue:client-emails", "--reason", "x"], &[]);
    assert_eq!(replay.status.code(), Some(1));
    assert!(stdout(&replay).contains("the inbox knows this id"), "{}", stdout(&replay));
    shell.sql("UPDATE InboxMessages SET State = 2, FinishedOnUtc = 1");
    let forced = ["ops", "replay", OURS, "--destination", "queue:client-emails", "--reason", "x"];
    let reported = stdout(&shell.run(&forced, &[]));
    assert!(reported.contains("ops replay --force"), "{reported}");
    let reported = stdout(&shell.run(&[&forced[..], &["--force"]].concat(), &[]));
    assert!(reported.contains("replayed as "), "{reported}");
}

#[test]
fn every_printed_id_is_accepted_in_any_casing() {
    let shell = Shell::new();
    shell.sql(&format!(
        "INSERT INTO OutboxMessages (Seq, Id, EventType, Payload, Destination, State)
         VALUES (7, '{OURS}', 'E', '{{}}', 'queue:client-emails', 3), (8, '{OURS}', 'E', '{{}}', 'topic:t', 3),
                (9, 'lost', 'E', '{{}}', '', 3);
         INSERT INTO InboxMessages (Consumer, MessageId, State, Body, ReceivedOnUtc)
         VALUES ('SendEmail', '{}', 4, x'00', 1)",
        "9A4C6B1E-0000-4000-8000-00000000000A"
    ));
    for id in [OURS, &OURS.to_uppercase(), &OURS.replace('-', ""), "7", "8"] {
        assert_eq!(shell.json(&["ops", "show", id])["id"], OURS, "{id}");
    }
    let done = |words: &[&str]| stdout(&shell.run(&[words, &["--reason", "x"]].concat(), &[]));
    assert_eq!(done(&["ops", "requeue", "8"]), format!("{OURS} to topic:t: requeued\n"), "that row alone");
    assert!(done(&["ops", "discard", &OURS.to_uppercase()]).ends_with("2 row(s) discarded, 0 not\n"));
    let mail = "9a4c6b1e-0000-4000-8000-00000000000a";
    assert!(done(&["ops", "mail", "resend", mail]).contains("will be sent"));
    let lost = shell.json(&["ops", "list", "--destination", "(not routed)"]);
    assert_eq!(lost["items"][0]["id"], "lost", "as it is printed");
}

#[test]
fn a_limit_of_the_list_is_no_limit_of_its_remedy() {
    let words = ["ops", "mail", "dead-letters", "--limit", "5", "take-in", "--reason", "repaired"];
    let answer = Shell::new().run(&words, &[]);
    assert_eq!(answer.status.code(), Some(2), "it would take in a thousand: {}", stderr(&answer));
}

#[test]
fn refused_mails_are_sent_again_as_a_group() {
    let shell = Shell::new();
    for (id, state, error) in [("a", 5, "550 5.7.1 no"), ("b", 5, "413 large"), ("c", 5, "550 5.7.1 no"), ("d", 2, "")]
    {
        shell.sql(&format!(
            "INSERT INTO InboxMessages (Consumer, MessageId, State, Body, LastError, Subject, ReceivedOnUtc)
             VALUES ('SendEmail', '{id}', {state}, x'00', '{error}', 'clients/7', 1);"
        ));
    }
    let resend = |more: &[&str]| {
        let words = [&["ops", "mail", "resend", "--refused", "--reason", "repaired"], more].concat();
        let answer = shell.run(&words, &[]);
        let rows =
            stdout(&answer).lines().filter(|line| line.contains("will be sent") && !line.contains("mail(s)")).count();
        (answer.status.code(), rows)
    };
    let refused = || shell.json(&["ops", "mail", "list", "--state", "refused"])["items"].as_array().unwrap().len();
    assert_eq!(resend(&["--like", "5.7.1", "--client", "3"]), (Some(1), 0), "nobody else's");
    assert_eq!(resend(&["--like", "5.7.1", "--group", "another"]), (Some(1), 0));
    assert_eq!(resend(&["--group", "another"]).1, 0);
    assert_eq!(resend(&["--like", "413", "--client", "7", "--limit", "1"]), (Some(0), 1), "however many are newer");
    assert_eq!(refused(), 2);
    shell.sql("UPDATE InboxMessages SET State = 5 WHERE MessageId = 'b'");
    assert_eq!(resend(&["--like", "5.7.1"]), (Some(0), 2));
    assert_eq!(refused(), 1);
    assert_eq!(resend(&[]), (Some(0), 1));
    assert_eq!((refused(), resend(&[]).0), (0, Some(1)));
}

/// Rows in every state and for every kind of destination, and mails in every state.
#[test]
fn every_summary_adds_up_to_the_rows_beneath_it() {
    let shell = Shell::new();
    let (mut number, mut mails) = (0, 0);
    for (place, (destination, event_type)) in
        [("queue:client-emails", "E"), ("topic:t", "E"), ("", "FinancialRecordCreated"), ("", "Nowhere")]
            .into_iter()
            .enumerate()
    {
        for state in 0..5 {
            for _ in 0..=(place + state) % 3 {
                number += 1;
                let (token, on) =
                    (if state == 1 { "'t'" } else { "NULL" }, if matches!(state, 2 | 4) { "1" } else { "NULL" });
                shell.sql(&format!(
                    "INSERT INTO OutboxMessages (Id, EventType, Payload, Destination, State, LeaseToken, ProcessedOnUtc)
                     VALUES ('m-{number}', '{event_type}', '{{}}', '{destination}', {state}, {token}, {on});"
                ));
            }
        }
    }
    for (state, due) in [(0, "1"), (1, "1"), (2, "NULL"), (3, "1"), (4, "1"), (4, "NULL"), (5, "NULL")] {
        for _ in 0..=state % 3 {
            mails += 1;
            for consumer in ["SendEmail", "Another"] {
                shell.sql(&format!(
                    "INSERT INTO InboxMessages (Consumer, MessageId, State, DueAt, LeaseToken, ReceivedOnUtc)
                     VALUES ('{consumer}', 'mail-{mails}', {state}, {due}, 't', 1);"
                ));
            }
        }
    }
    let count =
        |words: &[&str]| shell.json(&[words, &["--limit", "1000"]].concat())["items"].as_array().unwrap().len() as u64;
    let status = shell.json(&["ops", "status"]);
    let destinations = status["destinations"].as_array().unwrap();
    let sum = |field: &str| destinations.iter().map(|one| one[field].as_u64().unwrap()).sum::<u64>();
    let unrouted: u64 = status["unrouted"].as_array().unwrap().iter().map(|one| one["rows"].as_u64().unwrap()).sum();
    let rows = |state: &str| count(&["ops", "list", "--state", state]);
    assert_eq!(sum("pending") + sum("leased") + unrouted, rows("pending") + rows("leased"));
    assert_eq!(sum("dead"), rows("dead"));
    for one in destinations.iter().filter(|one| one["name"] != "") {
        for state in ["pending", "leased", "dead"] {
            let listed = count(&["ops", "list", "--state", state, "--destination", one["name"].as_str().unwrap()]);
            assert_eq!(one[state], listed, "{one} {state}");
        }
    }
    for one in status["mails"]["states"].as_array().unwrap() {
        assert_eq!(one["rows"], count(&["ops", "mail", "list", "--state", one["state"].as_str().unwrap()]), "{one}");
    }
    let mail_lines = status["mails"]["states"].as_array().unwrap();
    let unsent: u64 = mail_lines.iter().map(|one| one["rows"].as_u64().unwrap()).sum();
    assert_eq!(unsent + count(&["ops", "mail", "list", "--state", "sent"]), mails);
    let reported = stdout(&shell.run(&["ops", "status"], &[]));
    assert!(reported.contains(&format!("\n{unsent} unsent mail(s)\n")), "{reported}");
    for (words, closing) in [(&["ops", "list"][..], "row(s)"), (&["ops", "mail", "list"], "mail(s)")] {
        let reported = stdout(&shell.run(&[words, &["--limit", "1000"]].concat(), &[]));
        assert!(reported.ends_with(&format!("\n{} {closing}\n", reported.lines().count() - 2)), "{reported}");
    }
    assert_eq!(count(&["ops", "mail", "list"]), unsent);
}

#[test]
fn a_missing_row_is_reported_with_exit_code_1() {
    let shell = Shell::new();
    assert_eq!(shell.run(&["ops", "show", "nobody"], &[]).status.code(), Some(1));
    assert_eq!(shell.run(&["ops", "pause", "queue:nobody", "--reason", "x"], &[]).status.code(), Some(1));
    assert_eq!(shell.run(&["ops", "requeue", "nobody", "--reason", "x"], &[]).status.code(), Some(1));
    // This row holds the rate limit of status queries: pausing it would do nothing.
    shell.sql("INSERT INTO Destinations (Name) VALUES ('mail:acs queries'), ('mail:acs')");
    for (name, code) in [("mail:acs queries", 1), ("mail:acs", 0)] {
        for verb in ["pause", "resume"] {
            assert_eq!(
                shell.run(&["ops", verb, name, "--reason", "x"], &[]).status.code(),
                Some(code),
                "{verb} {name}"
            );
        }
    }
    let status = stdout(&shell.run(&["ops", "status"], &[]));
    assert!(!status.contains("queries"), "{status}");
}

#[test]
fn dispatching_once_into_an_outage_succeeds_and_uses_no_retry() {
    let shell = Shell::new();
    shell.sql("INSERT INTO OutboxMessages (Id, EventType, Payload) VALUES ('m-1', 'FinancialRecordCreated', '{}')");
    let output = shell.run(&["dispatch", "--once"], &[NO_BUS]);
    assert_eq!(output.status.code(), Some(0), "{}{}", stdout(&output), stderr(&output));
    assert!(stdout(&output).contains("its breaker is open"), "the outage is logged: {}", stdout(&output));
    assert_eq!(shell.value("SELECT State || '|' || RetryCount FROM OutboxMessages"), "0|0");
    let status = stdout(&shell.run(&["ops", "status"], &[]));
    assert!(status.contains("breaker open since"), "{status}");
}

#[test]
fn the_demo_needs_the_folder_mailer() {
    let shell = Shell::new();
    let smtp = [("Email__Provider", "smtp"), ("Email__SmtpHost", "127.0.0.1"), ("Email__SmtpSecurity", "none")];
    let data = shell.folder.path().join("demo");
    let output = shell.run(&["local", "--demo", "--data", data.to_str().unwrap()], &smtp);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("unset Email__Provider"), "{}", stderr(&output));
}

/// Other programs: SQLite's own shell (Debian's is years older than ours), and Python's binding.
#[test]
fn a_row_inserted_by_another_sqlite_client_has_every_default() {
    let insert = "INSERT INTO OutboxMessages (Id, EventType, Payload) VALUES ('x', 'Plain', '{}')";
    let by_shell: fn(&Path) -> Vec<String> = |path| vec!["sqlite3".into(), path.display().to_string()];
    let by_python: fn(&Path) -> Vec<String> = |path| {
        let code = "import sqlite3,sys; c=sqlite3.connect(sys.argv[1]); c.execute(sys.argv[2]); c.commit()";
        vec!["python3".into(), "-c".into(), code.into(), path.display().to_string()]
    };
    for client in [by_shell, by_python] {
        let shell = Shell::new();
        let words = client(&shell.store());
        let done = Command::new(&words[0]).args(&words[1..]).arg(insert).output();
        let Ok(done) = done else {
            skip::missing(&words[0]);
            continue;
        };
        assert!(done.status.success(), "{words:?}: {}", stderr(&done));
        let row = shell
            .value("SELECT Destination || '|' || State || '|' || ContentType || '|' || Headers FROM OutboxMessages");
        assert_eq!(row, "|0|application/json|{}");
        let recent =
            shell.value("SELECT CAST(abs(OccurredOnUtc - unixepoch() * 1000) < 60000 AS TEXT) FROM OutboxMessages");
        assert_eq!(recent, "1", "the time is now, in milliseconds");
        shell.run(&["dispatch", "--once"], &[NO_BUS, ("Routes__Plain", "queue:client-emails")]);
        assert_eq!(shell.value("SELECT Destination FROM OutboxMessages"), "queue:client-emails");
    }
}

#[test]
fn texts_of_other_programs_cannot_control_the_terminal() {
    let shell = Shell::new();
    shell.sql(
        "INSERT INTO OutboxMessages (Id, EventType, Payload)
         VALUES ('a' || char(27) || '[31m', 'E' || char(27) || '[2J' || char(13), char(27) || ']0;x' || char(7))",
    );
    for arguments in [&["ops", "status"][..], &["ops", "list"], &["ops", "show", "a\u{1b}[31m"]] {
        let reported = stdout(&shell.run(arguments, &[]));
        assert!(reported.contains("E\u{fffd}[2J"), "{reported:?}");
        assert!(!reported.contains(|c: char| c.is_control() && c != '\n'), "{reported:?}");
    }
}

/// Everywhere that an operator reads: a table, a field, an answer, a finding, an error and JSON.
#[test]
fn texts_of_other_programs_cannot_forge_or_reverse_a_line() {
    let shell = Shell::new();
    let odd = "x\u{85}\u{202e}\n all is well";
    let quoted = odd.replace('\'', "''");
    shell.sql(&format!(
        "INSERT INTO OutboxMessages (Id, EventType, Payload, Destination, State, LastError)
         VALUES ('{quoted}', '{quoted}', '{quoted}', 'queue:{quoted}', 3, '{quoted}');
         INSERT INTO OutboxMessages (Id, EventType, Payload) VALUES ('u', '{quoted}', '{{}}');
         INSERT INTO InboxMessages (Consumer, MessageId, State, LastError, ReceivedOnUtc)
         VALUES ('SendEmail', '{quoted}', 5, '{quoted}', 1)"
    ));
    let queue = format!("queue:{odd}");
    for words in [
        &["ops", "status"][..],
        &["ops", "list"],
        &["ops", "show", odd],
        &["ops", "show", "none\u{85}\u{202e}\n all is well"],
        &["ops", "requeue", odd, "--reason", "x"],
        &["ops", "pause", &queue, "--reason", "x"],
        &["ops", "mail", "list"],
        &["ops", "mail", "assume-sent", odd, "--reason", "x"],
        &["doctor"],
    ] {
        for form in [&[][..], &["--json"]] {
            let output = shell.run(&[words, form].concat(), &[NO_BUS, ("Bus__TimeoutMs", "100")]);
            let reported = stdout(&output) + &stderr(&output);
            assert!(reported.contains("all is well"), "{words:?}: {reported}");
            let by_user = words.contains(&"none\u{85}\u{202e}\n all is well");
            assert!(by_user || !reported.lines().any(|line| line.starts_with(" all is well")), "{words:?}: {reported}");
            assert!(!reported.contains(['\u{85}', '\u{202e}']), "{words:?}: {reported:?}");
        }
    }
}
