//! The operators' page in a real browser, on the real local host.

mod failures;

use crate::support::{
    browser::Browser,
    host::{self, Host},
    http_client::{get, post_json},
    world::nip,
};
use serde_json::{Value, json};
use std::path::Path;

/// Timers that a test need not wait for.
const SCHEDULES: [(&str, &str); 2] = [("OutboxSchedule", "* * * * * *"), ("RetryEmailSchedule", "* * * * * *")];

/// What no page may run, hide or be moved by.
const HOSTILE: &str =
    "<script>document.title='run'</script><img src=x onerror=alert(1)>\u{1b}[31m\u{202e}live\u{202c} 🎉";

/// Rows of another program that wrote nonsense.
const POISONED: [&str; 2] = ["5a0c2f3e-0c55-4b7e-8a44-9d9c4a7f1e01", "5a0c2f3e-0c55-4b7e-8a44-9d9c4a7f1e02"];

struct Stage {
    host: Host,
    browser: Browser,
    _folder: tempfile::TempDir,
}

impl Stage {
    fn set(arguments: &[&str]) -> Option<Self> {
        Self::set_with(&[], arguments)
    }

    fn set_with(settings: &[(&str, &str)], arguments: &[&str]) -> Option<Self> {
        let browser = Browser::start()?;
        let folder = tempfile::tempdir().unwrap();
        let settings = [&SCHEDULES[..], settings].concat();
        let host = Host::start(&folder.path().join("data"), &settings, arguments);
        Some(Self { host, browser, _folder: folder })
    }

    fn url(&self, view: &str) -> String {
        format!("http://127.0.0.1:{}/api/console#/{view}", self.host.port)
    }

    /// In a fresh browser, as a person who was never here.
    #[track_caller]
    fn open(&mut self, view: &str, mut how: Value) {
        how["url"] = json!(self.url(view));
        self.browser.run("open", how);
    }

    #[track_caller]
    fn go(&mut self, view: &str) {
        let url = self.url(view);
        self.browser.run("go", json!({ "url": url }));
    }

    fn sql(&self, sql: &str) {
        sql_on(&self.host.data, sql);
    }

    /// Nothing was thrown or blocked, and no request failed.
    #[track_caller]
    fn is_faultless(&mut self) {
        let faults = self.browser.run("faults", json!({}));
        assert_eq!(faults, json!([]), "{faults:#}");
    }

    /// A client with one month's figures; returns the message's id.
    async fn book(&self) -> String {
        let client =
            json!({"name": "Klos", "address": "ul. Prosta 4", "nipNb": nip(7).as_str(), "email": "klos@example.pl"});
        assert_eq!(post_json(self.host.port, "/api/clients", &client).await.status, 201);
        self.figures(3).await
    }

    async fn figures(&self, month: u32) -> String {
        let figures = json!({"year": 2026, "month": month, "incomeTax": 1, "vat": 2, "insuranceAmount": 3});
        let answer = post_json(self.host.port, "/api/clients/1/finance", &figures).await;
        assert_eq!(answer.status, 201);
        answer.header("outbox-message-id").unwrap().to_owned()
    }

    fn mailed(&mut self, id: &str) {
        self.host.wait_for("its mail", |e| e["event"] == "completed" && e["messageId"] == id);
        assert_eq!(self.host.mails().get(id), Some(&1));
    }

    /// Another program's row of a booked event, with a payload that cannot be read.
    fn poison(&self, id: &str) {
        self.sql(&format!(
            "INSERT INTO OutboxMessages (Id, EventType, ContentType, Payload, Headers, Subject)
             SELECT '{id}', EventType, ContentType, '{{', Headers, Subject FROM OutboxMessages ORDER BY Seq LIMIT 1"
        ));
    }

    /// Signs the open dialog and presses its button.
    #[track_caller]
    fn sign(&mut self, button: &str, reason: &str) {
        self.browser.fill("Reason", reason);
        self.browser.fill("Your name", "Anna");
        self.browser.click(button);
    }

    #[track_caller]
    fn follow_by_keyboard(&mut self, name: &str) {
        self.browser.run("reach", json!({"role": "link", "name": name}));
        self.browser.run("press", json!({"key": "Enter"}));
    }

    /// No rule of serious or critical impact is broken, and the page is not wider than the window.
    #[track_caller]
    fn is_accessible(&mut self, where_: &str) {
        let broken = self.browser.run("axe", json!({}));
        assert_eq!(broken, json!([]), "{where_}: {broken:#}");
        assert_eq!(self.browser.run("overflow", json!({})), 0, "{where_} is too wide");
    }
}

fn sql_on(data: &Path, sql: &str) {
    let database = rusqlite::Connection::open(data.join("app.db")).unwrap();
    database.busy_timeout(host::DEADLINE).unwrap();
    database.execute_batch(sql).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_is_static_and_strict_and_loads_nothing_from_elsewhere() {
    let Some(mut stage) = Stage::set(&[]) else { return };
    let page = get(stage.host.port, "/api/console").await;
    let policy = page.header("content-security-policy").unwrap();
    for rule in
        ["default-src 'none'", "script-src 'self'", "require-trusted-types-for 'script'", "frame-ancestors 'none'"]
    {
        assert!(policy.contains(rule), "{policy}");
    }
    assert!(!policy.contains("unsafe"), "{policy}");
    assert_eq!(page.header("x-content-type-options"), Some("nosniff"));
    stage.open("overview", json!({}));
    stage.browser.see("All is well");
    let own = format!("http://127.0.0.1:{}/api/", stage.host.port);
    for request in stage.browser.run("requests", json!({})).as_array().unwrap() {
        assert!(request.as_str().unwrap().starts_with(&own), "{request}");
    }
    stage.is_faultless();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_group_is_requeued_after_its_dry_run_and_the_mail_arrives() {
    let Some(mut stage) = Stage::set(&[]) else { return };
    let booked = stage.book().await;
    stage.mailed(&booked);
    stage.poison(POISONED[0]);
    stage.poison(POISONED[1]);
    // Two clicks from the overview to what failed and why.
    stage.open("overview", json!({}));
    stage.browser.see("1 thing needs you");
    stage.browser.follow("Failures");
    stage.browser.see("2 messages wait for you");
    // The other program repairs one row; requeueing the other one cannot help it.
    stage.sql(&format!(
        "UPDATE OutboxMessages SET Payload =
           json_set((SELECT Payload FROM OutboxMessages WHERE Id = '{booked}'), '$.id', Id) WHERE Id = '{}'",
        POISONED[0]
    ));
    stage.browser.click("Requeue…");
    stage.browser.see("Dry run: 2 rows would be requeued.");
    assert_eq!(stage.host.mails().len(), 1, "a dry run changes nothing");
    stage.is_accessible("a dry run");
    // What changes meanwhile is left, and reported.
    stage.sql(&format!("UPDATE OutboxMessages SET State = 4, ProcessedOnUtc = DueAt WHERE Id = '{}'", POISONED[1]));
    stage.sign("Requeue 2 rows", "its writer repaired it");
    stage.browser.see("1 row requeued, 1 left as they are.");
    stage.browser.see("changed since the dry run");
    stage.mailed(POISONED[0]);
    stage.browser.click("Done");

    // Everything about it in one timeline.
    stage.go(&format!("message?id={}", POISONED[0]));
    for event in [
        "Committed with the books",
        "Dead: waits for a person",
        "An operator acted",
        "its writer repaired it",
        "Accepted by the bus",
        "Delivered by the queue",
        "Mail taken by the provider",
    ] {
        stage.browser.see(event);
    }
    let shown = stage.browser.run("text", json!({"selector": "main"}));
    assert!(!shown.as_str().unwrap().contains("klos@example.pl"), "{shown}");
    stage.browser.click("Reveal…");
    stage.sign("Reveal", "the client asks what was sent");
    stage.browser.see("klos@example.pl");
    stage.browser.follow("What operators did to it");
    stage.browser.see("the client asks what was sent");
    stage.browser.see("Anna");
    stage.is_faultless();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_destination_is_drained_paused_and_resumed_by_keyboard_alone() {
    let Some(mut stage) = Stage::set(&[]) else { return };
    let booked = stage.book().await;
    stage.mailed(&booked);
    stage.open("overview", json!({"scheme": "dark"}));
    let act = |stage: &mut Stage, action: &str, reason: &str| {
        let opener = format!("{action} queue:client-emails");
        stage.browser.run("reach", json!({"name": opener}));
        stage.browser.run("press", json!({"key": "Enter"}));
        stage.browser.run("reach", json!({"role": "textbox", "name": "Reason"}));
        stage.browser.run("type", json!({"text": reason}));
        stage.browser.run("press", json!({"key": "Tab"}));
        if stage.browser.run("value", json!({"label": "Your name"})) == "" {
            stage.browser.run("type", json!({"text": "Anna"}));
        }
        stage.browser.run("press", json!({"key": "Enter"}));
        stage.browser.run("reach", json!({"name": "Done"}));
        stage.browser.run("press", json!({"key": "Enter"}));
    };
    act(&mut stage, "Drain", "the office moves");
    stage.browser.see("the office moves");
    let waiting = stage.figures(4).await;
    stage.browser.see("by Anna");
    stage.go("messages?state=pending");
    stage.browser.see(&waiting);
    stage.follow_by_keyboard("Overview");
    act(&mut stage, "Resume", "it has moved");
    stage.mailed(&waiting);
    act(&mut stage, "Pause", "and again");
    stage.browser.see("and again");
    stage.follow_by_keyboard("Audit");
    for entry in ["the office moves", "it has moved", "and again"] {
        stage.browser.see(entry);
    }
    stage.is_faultless();
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_text_is_shown_and_every_view_is_accessible_on_a_phone_in_light_and_dark() {
    let Some(mut stage) = Stage::set(&[]) else { return };
    let booked = stage.book().await;
    stage.mailed(&booked);
    let quoted = HOSTILE.replace('\'', "''");
    let long = "x".repeat(200_000);
    stage.sql(&format!(
        "INSERT INTO OutboxMessages (Id, EventType, Payload, Subject, OrderingKey)
         VALUES ('{quoted}', '{quoted}', json_object('data', json_object('{quoted}', '{long}')), 'clients/1', '{quoted}')"
    ));
    stage.poison(POISONED[0]);
    stage.sql(&format!("UPDATE OutboxMessages SET LastError = '{quoted}{long}' WHERE Id = '{}'", POISONED[0]));
    for (scheme, width) in [("light", 1280), ("dark", 360), ("light", 360)] {
        stage.open("overview", json!({"scheme": scheme, "width": width}));
        for (view, text) in [
            ("overview", "Without a route"),
            ("failures", "waits for you"),
            ("messages", "<script>"),
            ("message?id=2", "<script>"),
            ("mails?state=sent", &booked),
            ("audit", "Audit"),
        ] {
            stage.go(view);
            stage.browser.see(text);
            stage.is_accessible(&format!("{view}, {scheme}, {width}"));
            for element in ["main script", "main img", "main iframe"] {
                assert_eq!(stage.browser.run("count", json!({"selector": element})), 0, "{element} in {view}");
            }
            let shown = stage.browser.run("text", json!({"selector": "body"}));
            let shown = shown.as_str().unwrap();
            assert!(!shown.contains(['\u{1b}', '\u{202e}']), "{view}: {shown}");
            stage.is_faultless();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_key_of_operations_opens_the_page_and_it_stays_in_the_tab() {
    let Some(mut stage) = Stage::set(&["--auth"]) else { return };
    let keys: Value = serde_json::from_slice(&std::fs::read(stage.host.data.join("keys.json")).unwrap()).unwrap();
    let key = keys["functions"]["Operations"].as_str().unwrap();
    stage.open("overview", json!({}));
    stage.is_accessible("the sign-in");
    for wrong in ["nonsense", keys["functions"]["Finance"].as_str().unwrap()] {
        stage.browser.fill("Function key", wrong);
        stage.browser.click("Sign in");
        stage.browser.see("The key was not accepted.");
    }
    stage.browser.fill("Function key", key);
    stage.browser.run("press", json!({"key": "Enter"}));
    stage.browser.see("All is well");
    let stored = stage.browser.run("stored", json!({}));
    assert_eq!(stored["local"], json!({}));
    assert_eq!(stored["cookies"], "");
    assert!(stored["session"].to_string().contains(key));
    let requests = stage.browser.run("requests", json!({}));
    assert!(!requests.to_string().contains(key), "{requests}");
    stage.browser.click("Sign out");
    stage.browser.see("Enter the key");
    assert_eq!(stage.browser.run("stored", json!({}))["session"], json!({}));
}
