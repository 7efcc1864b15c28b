//! Every failure that the runbook lists is found by at most two commands and mended from there, with real parts: a
//! broker, an SMTP server, the executable.

use crate::support::{
    broker::{self, Broker, KEY},
    fakes::{FakeBus, FakeMailer},
    office::Office,
    proxy::Proxy,
    smtp_server::SmtpServer,
    world::World,
};
use client_organizer::{
    adapters::mail::{Sender, SmtpMailer, SmtpOptions, SmtpSecurity},
    domain::delivery::OnDoubt,
};
use serde_json::json;
use std::{
    io::{BufRead, BufReader},
    process::{Command, Stdio},
    sync::Arc,
    time::Duration,
};

/// Runs the commands, at most two, and asserts that what they print together names all the words.
#[track_caller]
fn found(office: &Office, commands: &[&[&str]], words: &[&str]) -> String {
    assert!(commands.len() <= 2, "a person on call runs two commands at most");
    let printed: String = commands
        .iter()
        .map(|command| {
            let output = office.run(command);
            String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap()
        })
        .collect();
    for word in words {
        assert!(printed.contains(word), "'{word}' is not in:\n{printed}");
    }
    printed
}

#[track_caller]
fn mended(office: &Office, command: &[&str]) {
    let output = office.run(command);
    let printed = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {printed}");
}

/// Nothing needs a person any more.
#[track_caller]
fn well(office: &Office) {
    found(office, &[&["ops", "overview", "--check"]], &["all is well"]);
}

const PLAIN: &str = "INSERT INTO OutboxMessages (Id, EventType, Payload) VALUES ('m-1', 'Plain', '{}')";

/// An office with a queue of the broker for events of another program.
async fn office_on(broker: &Broker, port: u16) -> (Office, String, String) {
    let queue = broker.create(json!({})).await;
    let destination = format!("queue:{queue}");
    let connection = broker.connection("amqp").replace(&format!(":{}", broker.port("amqp")), &format!(":{port}"));
    let office = Office::new()
        .on(broker, "amqp", &queue)
        .with("ServiceBusConnection", &connection)
        .with("Routes__Plain", &destination);
    (office, queue, destination)
}

const DISPATCH: &[&str] = &["dispatch", "--once"];
const OVERVIEW: &[&str] = &["ops", "overview"];

#[tokio::test(flavor = "multi_thread")]
async fn the_bus_is_away() {
    let Some(broker) = broker::shared() else { return };
    // Nobody listens on port 1.
    let proxy = Proxy::to(1).await;
    let (office, queue, destination) = office_on(broker, proxy.port).await;
    let office = office.with("Bus__TimeoutMs", "1000");
    office.sql(PLAIN);
    office.run(DISPATCH);
    found(&office, &[OVERVIEW], &["breaker-open", &destination, "next probe", "doctor"]);
    proxy.lead_to(broker.port("amqp"));
    mended(&office, &["ops", "resume", &destination, "--reason", "the bus is back"]);
    mended(&office, DISPATCH);
    assert_eq!(broker.ids(&queue).await, ["m-1"]);
    found(&office, &[&["ops", "show", "m-1"]], &["blocked", "sent"]);
    well(&office);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_key_of_the_bus_is_wrong() {
    let Some(broker) = broker::shared() else { return };
    let (office, queue, destination) = office_on(broker, broker.port("amqp")).await;
    let right = broker.connection("amqp");
    let office = office.with("ServiceBusConnection", &right.replace(KEY, "d3Jvbmcta2V5LW9mLXRoZS10ZXN0cw=="));
    office.sql(PLAIN);
    office.run(DISPATCH);
    found(&office, &[OVERVIEW, &["doctor"]], &["breaker-open", &destination, "is wrong, expired"]);
    let office = office.with("ServiceBusConnection", &right);
    mended(&office, &["ops", "resume", &destination, "--reason", "the key was renewed"]);
    mended(&office, DISPATCH);
    assert_eq!(broker.ids(&queue).await, ["m-1"]);
    well(&office);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_is_poisoned() {
    let Some(broker) = broker::shared() else { return };
    let (office, queue, _) = office_on(broker, broker.port("amqp")).await;
    office.sql("INSERT INTO OutboxMessages (Id, EventType, Payload) VALUES ('bad', 'Plain', '<no JSON>'), ('m-1', 'Plain', '{}')");
    mended(&office, DISPATCH);
    assert_eq!(broker.ids(&queue).await, ["m-1"], "it harms only itself");
    found(&office, &[OVERVIEW, &["ops", "groups"]], &["dead-rows", "bad", "JSON"]);
    let group = office.json(&["ops", "groups"])["items"][0]["fingerprint"].as_str().unwrap().to_owned();
    found(&office, &[&["ops", "discard", "--group", &group, "--dry-run"]], &["1 row(s) fit", "bad"]);
    mended(&office, &["ops", "discard", "--group", &group, "--yes", "--reason", "its program is broken"]);
    well(&office);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_type_has_no_route() {
    let Some(broker) = broker::shared() else { return };
    let (office, queue, destination) = office_on(broker, broker.port("amqp")).await;
    office.sql(&PLAIN.replace("Plain", "Foreign"));
    mended(&office, DISPATCH);
    found(&office, &[OVERVIEW], &["unrouted", "Foreign", "Routes__Foreign"]);
    let office = office.with("Routes__Foreign", &destination);
    mended(&office, DISPATCH);
    assert_eq!(broker.ids(&queue).await, ["m-1"]);
    well(&office);
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_paused_a_destination() {
    let Some(broker) = broker::shared() else { return };
    let (office, queue, destination) = office_on(broker, broker.port("amqp")).await;
    mended(&office, DISPATCH);
    mended(&office, &["ops", "pause", &destination, "--reason", "the receiver moves", "--by", "Jan"]);
    office.sql(PLAIN);
    // It has waited for ten minutes.
    office.sql("UPDATE OutboxMessages SET OccurredOnUtc = OccurredOnUtc - 600000, DueAt = DueAt - 600000");
    mended(&office, DISPATCH);
    assert!(broker.ids(&queue).await.is_empty());
    found(&office, &[OVERVIEW], &["paused by Jan", "the receiver moves", &destination, "ops resume"]);
    mended(&office, &["ops", "resume", &destination, "--reason", "it has moved"]);
    mended(&office, DISPATCH);
    assert_eq!(broker.ids(&queue).await, ["m-1"]);
    well(&office);
}

/// A dispatcher of its own stands for the timers: it is stopped once it has sent this message.
fn dispatcher_ran(office: &Office, id: &str) {
    office.sql(&PLAIN.replace("m-1", id));
    let words = ["dispatch", "--every-ms", "100"];
    let mut dispatcher = office.command(&words).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(dispatcher.stdout.take().unwrap()).lines().map_while(Result::ok);
    assert!(lines.any(|line| line.contains("dispatched")));
    // SIGTERM: the run that is under way ends as any other.
    assert!(Command::new("kill").arg(dispatcher.id().to_string()).status().unwrap().success());
    assert!(dispatcher.wait().unwrap().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_timers_do_not_run() {
    let Some(broker) = broker::shared() else { return };
    let (office, _, _) = office_on(broker, broker.port("amqp")).await;
    dispatcher_ran(&office, "m-1");
    well(&office);
    // Two hours ago was the last run.
    office.sql("UPDATE Heartbeats SET LastRunOnUtc = LastRunOnUtc - 7200000, NextByUtc = NextByUtc - 7200000");
    found(&office, &[OVERVIEW], &["heartbeat-late", "2 h 0 min ago", "and is late"]);
    dispatcher_ran(&office, "m-2");
    well(&office);
}

const CLIENT: &str = "klient1@example.pl";

/// A world whose mails go to this SMTP server, and the shell beside it.
fn mailing(port: u16, on_doubt: OnDoubt) -> (World, Office) {
    let mut world = World::with(FakeBus::accepting(), FakeMailer::accepting(), on_doubt);
    let options = SmtpOptions {
        host: "127.0.0.1".to_owned(),
        port,
        security: SmtpSecurity::None,
        login: None,
        ca_pem: None,
        timeout: Duration::from_secs(20),
    };
    world.notify.mailer =
        Arc::new(SmtpMailer::new(options, Sender::parse("biuro@office.example.pl").unwrap()).unwrap());
    let office = Office::beside(world.backend.options.path.parent().unwrap())
        .with("Email__Provider", "smtp")
        .with("Email__SmtpHost", "127.0.0.1")
        .with("Email__SmtpPort", &port.to_string())
        .with("Email__SmtpSecurity", "none")
        .with("Email__From", "biuro@office.example.pl")
        .with("Inbox__RecipientKey", "a key of the tests");
    (world, office)
}

/// Books a month for a new client; the message is sent and delivered, and its mail tried once.
async fn booked(world: &World) -> String {
    let client = world.client(1).await;
    let id = world.book_month(client, 1, 100).await;
    world.run_dispatch().await;
    world.deliver_from(0).await;
    id
}

#[tokio::test]
async fn the_mail_server_is_away() {
    let Some(server) = SmtpServer::start(SmtpSecurity::None, "here", json!({})).await else { return };
    let proxy = Proxy::to(1).await;
    let (world, office) = mailing(proxy.port, OnDoubt::Resend);
    let id = booked(&world).await;
    found(&office, &[OVERVIEW], &["breaker-open", "mail:smtp", "while connecting"]);
    found(&office, &[&["ops", "mail", "list"]], &[&id, "parked", "while connecting", "due mails wait"]);
    proxy.lead_to(server.port);
    mended(&office, &["ops", "mail", "resume", "--reason", "the server is back"]);
    world.advance_ms(3_600_000);
    assert_eq!(world.run_retry().await.sent, 1);
    well(&office);
    assert_eq!(server.end().await.len(), 1);
}

/// The client says: I got no mail.
#[tokio::test]
async fn a_mail_was_refused_and_the_client_got_none() {
    let plan = json!({CLIENT: ["rcpt 550 5.1.1 no such user"]});
    let Some(server) = SmtpServer::start(SmtpSecurity::None, "here", plan).await else { return };
    let (world, office) = mailing(server.port, OnDoubt::Resend);
    let id = booked(&world).await;
    found(&office, &[OVERVIEW, &["ops", "groups"]], &["mails-refused", "no such user", &id]);
    found(&office, &[&["ops", "mail", "find", CLIENT], &["ops", "show", &id]], &[&id, "refused", "no such user"]);
    found(&office, &[&["ops", "find", "--client", "1"]], &[&id, "sent", "refused"]);
    mended(&office, &["ops", "mail", "resend", &id, "--reason", "the mailbox exists now"]);
    assert_eq!(world.run_retry().await.sent, 1);
    found(&office, &[&["ops", "show", &id]], &["mail refused", "resend", "anna", "mail sent"]);
    well(&office);
    assert_eq!(server.end().await.len(), 1);
}

#[tokio::test]
async fn a_mail_is_in_doubt() {
    let plan = json!({CLIENT: ["data cut"]});
    let Some(server) = SmtpServer::start(SmtpSecurity::None, "here", plan).await else { return };
    let (world, office) = mailing(server.port, OnDoubt::Hold);
    let id = booked(&world).await;
    world.run_retry().await;
    found(&office, &[OVERVIEW, &["ops", "mail", "list", "--state", "in-doubt"]], &["mails-in-doubt", &id, "held"]);
    mended(&office, &["ops", "mail", "assume-sent", &id, "--reason", "the provider's log has it"]);
    well(&office);
    assert_eq!(server.end().await.len(), 1);
}

/// The client says: I got it twice.
#[tokio::test]
async fn a_client_got_a_mail_twice() {
    let plan = json!({CLIENT: ["data cut"]});
    let Some(server) = SmtpServer::start(SmtpSecurity::None, "here", plan).await else { return };
    let (world, office) = mailing(server.port, OnDoubt::Resend);
    let id = booked(&world).await;
    world.advance_ms(3_600_000);
    assert_eq!(world.run_retry().await.sent, 1);
    assert_eq!(server.end().await.len(), 2, "the server took it, lost its answer, and took it again");
    let seen = found(&office, &[&["ops", "mail", "find", CLIENT], &["ops", "show", &id]], &[&id, "1 doubts"]);
    let (doubt, sent) = (seen.find("mail in doubt").unwrap(), seen.rfind("mail sent").unwrap());
    assert!(doubt < sent, "{seen}");
    well(&office);
}
