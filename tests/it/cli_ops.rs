//! The words of `ops` as people and monitors use them: remedies with a dry run, pauses, pages, completions.

use crate::support::{host::executable, office::Office, skip};
use clap::CommandFactory;
use client_organizer::app::cli::Cli;
use serde_json::Value;
use std::{
    io::Write,
    process::{Command, Output, Stdio},
};

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

const EMAILS: &str = "queue:client-emails";

/// A store with rows of the email queue in this state.
fn with_rows(ids: &[&str], state: u8) -> Office {
    let office = Office::new();
    for id in ids {
        let processed = if matches!(state, 2 | 4) { "1" } else { "NULL" };
        office.sql(&format!(
            "INSERT INTO OutboxMessages (Id, EventType, Payload, Destination, State, Subject, ProcessedOnUtc)
             VALUES ('{id}', 'FinancialRecordCreated', '{{}}', '{EMAILS}', {state}, 'clients/7', {processed})"
        ));
    }
    office.sql(&format!("INSERT OR IGNORE INTO Destinations (Name) VALUES ('{EMAILS}')"));
    office
}

fn state_of(office: &Office, id: &str) -> String {
    let message = office.json(&["ops", "show", id]);
    message["rows"][0]["state"].as_str().unwrap().to_owned()
}

#[test]
fn every_command_line_is_well_formed() {
    Cli::command().debug_assert();
}

#[test]
fn who_acts_is_named_or_the_command_is_refused() {
    let office = with_rows(&["m-1"], 3);
    for unknown in [None, Some("")] {
        let mut command = office.command(&["ops", "requeue", "m-1", "--reason", "x"]);
        match unknown {
            Some(empty) => command.env("USER", empty),
            None => command.env_remove("USER"),
        };
        let output = command.output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
        assert!(stderr(&output).contains("--by"), "{}", stderr(&output));
    }
    assert_eq!(state_of(&office, "m-1"), "dead");
    let mut command = office.command(&["ops", "requeue", "m-1", "--reason", "x", "--by", "Anna Nowak"]);
    assert!(command.env_remove("USER").output().unwrap().status.success());
    assert_eq!(office.json(&["ops", "audit", "m-1"])["items"][0]["by"], "Anna Nowak");
    assert_eq!(office.json(&["ops", "audit", "1"])["items"][0]["by"], "Anna Nowak", "by its row's Seq");
    let none = office.run(&["ops", "audit", "m-2"]);
    assert_eq!(String::from_utf8_lossy(&none.stdout).trim(), "nothing was done to it");
}

#[test]
fn a_selection_by_conditions_is_shown_first_and_its_token_takes_exactly_that() {
    let office = with_rows(&["m-1", "m-2", "m-3"], 3);
    let words = ["ops", "requeue", "--destination", EMAILS, "--reason", "bus repaired"];
    let shown = office.run(&words);
    assert_eq!(shown.status.code(), Some(1), "asked for a run, and nothing ran: {}", stdout(&shown));
    for text in ["nothing was changed", "3 row(s) fit", "m-1", "--token"] {
        assert!(stdout(&shown).contains(text), "{text}: {}", stdout(&shown));
    }
    let dry = office.run(&["ops", "requeue", "--destination", EMAILS, "--dry-run"]);
    assert_eq!(dry.status.code(), Some(0), "no reason is needed to look: {}", stderr(&dry));
    let plan = office.json(&["ops", "requeue", "--client", "7", "--dry-run"]);
    assert_eq!((&plan["count"], &plan["refused"]), (&3.into(), &0.into()));
    assert_eq!(state_of(&office, "m-1"), "dead");

    // After the dry run one row is discarded, and another one dies.
    assert!(office.run(&["ops", "discard", "m-2", "--reason", "by mistake"]).status.success());
    office.sql("INSERT INTO OutboxMessages (Id, EventType, Payload, Destination, State) VALUES ('m-4', 'E', '{}', 'queue:client-emails', 3)");
    let token = plan["token"].as_str().unwrap();
    let wrong = office.run(&["ops", "discard", "--token", token, "--reason", "the wrong word"]);
    assert_eq!(wrong.status.code(), Some(1));
    assert!(stderr(&wrong).contains("ops requeue"), "{}", stderr(&wrong));
    let ran = office.run(&["ops", "requeue", "--token", token, "--reason", "bus repaired"]);
    assert_eq!(ran.status.code(), Some(1), "one was left: {}", stderr(&ran));
    assert!(stdout(&ran).ends_with("2 row(s) requeued, 1 not\n"), "{}", stdout(&ran));
    let states = ["m-1", "m-2", "m-3", "m-4"].map(|id| state_of(&office, id));
    assert_eq!(states, ["pending", "discarded", "pending", "dead"]);
    let again = office.run(&["ops", "requeue", "--token", token, "--reason", "bus repaired"]);
    assert!(stdout(&again).contains("run before") && stdout(&again).contains("2 row(s)"), "{}", stdout(&again));

    let at_once = office.run(&[&words[..], &["--yes"]].concat());
    assert_eq!(
        (at_once.status.code(), stdout(&at_once)),
        (Some(0), "m-4 to queue:client-emails: requeued\n".to_owned())
    );
    let actions = office.json(&["ops", "audit"]);
    let actions: Vec<&str> =
        actions["items"].as_array().unwrap().iter().map(|one| one["action"].as_str().unwrap()).collect();
    assert_eq!(actions, ["requeue", "requeue", "discard"], "one entry each, newest first");
}

#[test]
fn ids_and_conditions_are_not_mixed() {
    let office = Office::new();
    for words in [
        &["requeue", "m-1", "--client", "7"][..],
        &["requeue", "m-1", "--token", "t"],
        &["requeue", "--token", "t", "--yes"],
        &["requeue", "--dry-run", "--yes", "--client", "7"],
        &["route", "m-1"],
        &["pause"],
        &["pause", "queue:x", "--all"],
        &["pause", "queue:x", "--for", "30"],
        &["find", "--since", "yesterday"],
        &["find", "--state", "gone"],
        &["overview", "--minutes", "0"],
        &["overview", "--watch", "--check"],
    ] {
        let output = office.run(&[&["ops"], words, &["--reason", "x"][..]].concat());
        let alone = office.run(&[&["ops"], words].concat());
        assert_eq!((output.status.code(), alone.status.code()), (Some(2), Some(2)), "{words:?}: {}", stdout(&alone));
    }
}

#[test]
fn a_row_gets_another_destination() {
    let office = with_rows(&["m-1"], 3);
    let output = office.run(&["ops", "route", "m-1", "--to", "queue:spare", "--reason", "the queue is gone"]);
    assert_eq!(output.status.code(), Some(0), "{}{}", stdout(&output), stderr(&output));
    let message = office.json(&["ops", "show", "m-1"]);
    assert_eq!(
        (&message["rows"][0]["destination"], &message["rows"][0]["state"]),
        (&"queue:spare".into(), &"pending".into())
    );
}

#[test]
fn a_pause_names_who_why_and_until_when_and_a_resume_ends_it() {
    let office = with_rows(&["m-1"], 0);
    let pause = office.run(&["ops", "pause", EMAILS, "--for", "30m", "--reason", "maintenance"]);
    assert_eq!((pause.status.code(), stdout(&pause)), (Some(0), format!("{EMAILS}: paused\n")), "{}", stderr(&pause));
    let seen = stdout(&office.run(&["ops", "overview"]));
    for text in ["paused by anna", "maintenance", "until 20"] {
        assert!(seen.contains(text), "{text}: {seen}");
    }
    assert!(office.json(&["ops", "overview"])["destinations"][0]["pause"]["until"].is_string());
    assert!(office.run(&["ops", "resume", "--all", "--reason", "done"]).status.success());
    assert!(office.json(&["ops", "overview"])["destinations"][0]["pause"].is_null());
    // As the handler registers it when it starts.
    office.sql("INSERT INTO Destinations (Name) VALUES ('mail:folder')");
    let mail = office.run(&["ops", "mail", "pause", "--reason", "the provider asks"]);
    assert_eq!(mail.status.code(), Some(0), "{}", stderr(&mail));
    assert_eq!(office.json(&["ops", "overview"])["mails"]["pause"]["reason"], "the provider asks");
    assert!(office.run(&["ops", "mail", "resume", "--reason", "done"]).status.success());
}

#[test]
fn a_drain_waits_for_what_is_being_sent_but_not_for_ever() {
    let office = with_rows(&["m-1"], 0);
    let drain = ["ops", "drain", EMAILS, "--reason", "move", "--timeout", "1s"];
    let done = office.run(&drain);
    assert_eq!(
        (done.status.code(), stdout(&done)),
        (Some(0), format!("{EMAILS}: drained and paused\n")),
        "{}",
        stderr(&done)
    );
    office.sql("UPDATE OutboxMessages SET State = 1, LeaseToken = 't', DueAt = 4000000000000");
    let stuck = office.run(&drain);
    assert_eq!(stuck.status.code(), Some(1));
    assert!(stdout(&stuck).contains("1 message(s) are still being sent"), "{}", stdout(&stuck));
}

#[test]
fn pages_continue_where_the_last_one_ended() {
    let ids: Vec<String> = (1..=5).map(|n| format!("m-{n}")).collect();
    let office = with_rows(&ids.iter().map(String::as_str).collect::<Vec<_>>(), 3);
    let (mut seen, mut next) = (Vec::new(), None::<String>);
    loop {
        let mut words = vec!["ops", "find", "--limit", "2", "--state", "dead"];
        if let Some(next) = &next {
            words.extend(["--before", next]);
        }
        let page = office.json(&words);
        seen.extend(page["items"].as_array().unwrap().iter().map(|row| row["id"].as_str().unwrap().to_owned()));
        match page["next"].as_str() {
            Some(more) => next = Some(more.to_owned()),
            None => break,
        }
    }
    seen.reverse();
    assert_eq!(seen, ids, "newest first, each once");
    let table = stdout(&office.run(&["ops", "find", "--limit", "2"]));
    assert!(table.contains("there are more: continue with --before "), "{table}");
}

#[test]
fn a_payload_is_masked_until_someone_asks_and_that_is_recorded() {
    let office = Office::new();
    office.sql(
        r#"INSERT INTO OutboxMessages (Id, EventType, Payload, Destination, State)
           VALUES ('m-1', 'E', '{"id": "m-1", "data": {"recipient": "jan@example.pl"}}', 'queue:client-emails', 3)"#,
    );
    for form in [&[][..], &["--json"]] {
        let masked = stdout(&office.run(&[&["ops", "show", "m-1"], form].concat()));
        assert!(masked.contains("recipient") && !masked.contains("jan@"), "{masked}");
    }
    assert_eq!(office.run(&["ops", "show", "m-1", "--reveal"]).status.code(), Some(2), "without a reason");
    let shown = office.run(&["ops", "show", "m-1", "--reveal", "--reason", "the client asks"]);
    assert!(stdout(&shown).contains("jan@example.pl"), "{}{}", stdout(&shown), stderr(&shown));
    let entry = office.json(&["ops", "audit", "m-1"])["items"][0].clone();
    assert_eq!(
        (&entry["action"], &entry["by"], &entry["reason"]),
        (&"reveal".into(), &"anna".into(), &"the client asks".into())
    );
}

#[test]
fn a_huge_text_hides_nothing_else() {
    let office = Office::new();
    let huge = format!("{}👍", "x".repeat(200_000));
    office.sql(&format!(
        "INSERT INTO OutboxMessages (Id, EventType, Payload, Destination, State, LastError)
         VALUES ('m-1', 'E', '{huge}', 'queue:q', 3, '{huge}')"
    ));
    for words in [&["ops", "overview"][..], &["ops", "find"], &["ops", "show", "m-1"], &["ops", "groups"]] {
        let printed = stdout(&office.run(words));
        assert!(!printed.is_empty() && printed.len() < 60_000, "{words:?}: {} bytes", printed.len());
    }
}

#[test]
fn a_monitor_gets_the_reasons_and_an_exit_code() {
    let office = with_rows(&["m-1"], 3);
    let check = office.run(&["ops", "overview", "--check"]);
    assert_eq!(check.status.code(), Some(1));
    for text in ["dead-rows", EMAILS, "client-organizer ops"] {
        assert!(stdout(&check).contains(text), "{text}: {}", stdout(&check));
    }
    assert!(office.run(&["ops", "discard", "m-1", "--reason", "x"]).status.success());
    let check = office.run(&["ops", "overview", "--check"]);
    assert_eq!((check.status.code(), stdout(&check)), (Some(0), "all is well: nothing needs a person\n".to_owned()));
    let away = office.command(&["ops", "overview", "--check"]).env("Store__Path", "/nowhere/app.db").output().unwrap();
    assert_eq!(away.status.code(), Some(1), "an unavailable store is not well");
}

#[test]
fn the_overview_is_watched_only_where_it_can_be_drawn() {
    let office = with_rows(&["m-1"], 0);
    let piped = office.run(&["ops", "overview", "--watch"]);
    assert_eq!(piped.status.code(), Some(1));
    assert!(stderr(&piped).contains("needs a terminal"), "{}", stderr(&piped));

    let mut child = office.command(&["ops", "overview", "--watch", "--json"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(child.stdout.take().unwrap()), &mut line).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(serde_json::from_str::<Value>(&line).unwrap()["destinations"][0]["name"], EMAILS);
}

#[test]
fn the_data_folder_of_a_local_host_is_named_by_one_option() {
    let office = with_rows(&["m-1"], 3);
    let folder = office.folder().to_str().unwrap();
    for words in [&["ops", "find", "--data", folder, "--json"][..], &["ops", "--data", folder, "--json", "find"]] {
        let output =
            Command::new(executable()).args(words).env_clear().env("Store__Path", "/nowhere").output().unwrap();
        let page: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {}", stderr(&output)));
        assert_eq!(page["items"][0]["id"], "m-1");
    }
    let checked = Command::new(executable()).args(["doctor", "--data", folder]).env_clear().output().unwrap();
    assert!(stdout(&checked).contains("fine     database"), "{}", stdout(&checked));
}

/// bash itself reads the script and completes words with it; the other shells are not everywhere.
#[test]
fn bash_completes_our_words() {
    let script = Command::new(executable()).args(["completions", "bash"]).env_clear().output().unwrap();
    assert!(script.status.success() && !script.stdout.is_empty());
    let complete = |words: &str| {
        let mut bash =
            Command::new("bash").args(["--norc", "-s"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().ok()?;
        let mut input = bash.stdin.take().unwrap();
        input.write_all(&script.stdout).unwrap();
        let ask = format!(
            "\nCOMP_WORDS=({words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
             function=$(complete -p client-organizer | sed 's/.*-F \\([^ ]*\\).*/\\1/')
             $function client-organizer \"${{COMP_WORDS[$COMP_CWORD]}}\" \"${{COMP_WORDS[$((COMP_CWORD - 1))]}}\"
             echo \"${{COMPREPLY[@]}}\"\n"
        );
        input.write_all(ask.as_bytes()).unwrap();
        drop(input);
        let output = bash.wait_with_output().unwrap();
        assert!(output.status.success());
        Some(stdout(&output).trim().to_owned())
    };
    let Some(first) = complete("client-organizer ops over") else { return skip::missing("bash") };
    assert_eq!(first, "overview");
    assert_eq!(complete("client-organizer ops find --state de").unwrap(), "dead");
    for shell in ["zsh", "fish", "powershell", "elvish"] {
        let script = Command::new(executable()).args(["completions", shell]).env_clear().output().unwrap();
        assert!(stdout(&script).contains("overview"), "{shell}");
    }
}
