//! Each failure that the runbook lists is found on the page by at most two clicks, and mended from there where it can be.

use super::{SCHEDULES, Stage};
use crate::support::{
    broker::{self, KEY, WRONG_KEY},
    host::{self, Host},
};
use serde_json::json;

impl Stage {
    /// From the overview by at most two clicks, each on a link or button within what needs a person.
    #[track_caller]
    fn is_found_by(&mut self, clicks: &[(&str, &str)], texts: &[&str]) {
        assert!(clicks.len() <= 2);
        self.open("overview", json!({}));
        for (role, name) in clicks {
            self.browser.run("click", json!({"role": role, "name": name}));
        }
        for text in texts {
            self.browser.see(text);
        }
    }

    /// The host again, on the same data.
    fn restarted(self, settings: &[(&str, &str)], arguments: &[&str]) -> Self {
        let Self { host, browser, _folder: folder } = self;
        let data = host.data.clone();
        drop(host);
        Self { host: Host::start(&data, &[&SCHEDULES[..], settings].concat(), arguments), browser, _folder: folder }
    }

    /// Opens the overview, clicks a button, and signs the dialog that opens, which then reports this.
    #[track_caller]
    fn acts(&mut self, opener: &str, button: &str, reason: &str, report: &str) {
        self.open("overview", json!({}));
        self.browser.click(opener);
        self.confirms(button, reason, report);
    }

    #[track_caller]
    fn confirms(&mut self, button: &str, reason: &str, report: &str) {
        self.sign(button, reason);
        self.browser.see(report);
        self.browser.click("Done");
    }

    /// Books a month whose mail is stored by the inbox.
    async fn delivered(&mut self, month: u32) -> String {
        let id = self.figures(month).await;
        self.host.wait_for("its delivery", |e| e["event"] == "completed" && e["messageId"] == id.as_str());
        id
    }

    /// RetryEmail sends it.
    #[track_caller]
    fn mailed_later(&mut self, id: &str) {
        let data = self.host.data.clone();
        self.host.wait_for("its mail", |e| {
            e["event"] == "invocation" && e["function"] == "RetryEmail" && host::mails(&data).contains_key(id)
        });
        assert_eq!(self.host.mails().get(id), Some(&1));
    }
}

/// Nobody listens on port 1.
const NO_BUS: &str = "Endpoint=sb://127.0.0.1:1;SharedAccessKeyName=k;SharedAccessKey=a2V5;UseDevelopmentEmulator=true";
const NO_SMTP: [(&str, &str); 5] = [
    ("Email__Provider", "smtp"),
    ("Email__SmtpHost", "127.0.0.1"),
    ("Email__SmtpPort", "1"),
    ("Email__SmtpSecurity", "none"),
    ("Email__From", "biuro@office.example"),
];

#[tokio::test(flavor = "multi_thread")]
async fn a_bus_that_is_away_and_a_missing_route_are_found_in_two_clicks() {
    let Some(mut stage) = Stage::set(&["--bus", NO_BUS]) else { return };
    let booked = stage.book().await;
    stage.sql("INSERT INTO OutboxMessages (Id, EventType, Payload) VALUES ('m-1', 'Plain', '{}')");
    stage.is_found_by(&[("link", "Failures")], &["queue:client-emails", "1 message is tried again"]);
    stage.is_found_by(&[("button", "Try now…")], &["Resume queue:client-emails"]);
    stage.is_found_by(&[("link", "Failures"), ("link", "the last one")], &[&booked, "Attempt failed, another follows"]);
    stage.is_found_by(&[], &["event type Plain wait: it has no route"]);
    // Mended from there: the row gets a destination.
    stage.browser.click("Route…");
    stage.browser.fill("New destination", "queue:others");
    stage.browser.click("Dry run");
    stage.browser.see("Dry run: 1 row would be routed.");
    stage.sign("Route 1 row", "the queue of the others");
    stage.browser.see("1 row routed.");
    stage.browser.click("Done");
    stage.browser.see("queue:others");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_server_that_is_away_and_a_client_who_got_no_mail_are_found_in_two_clicks() {
    let Some(mut stage) = Stage::set_with(&NO_SMTP, &[]) else { return };
    let booked = stage.book().await;
    stage.host.wait_for("its delivery", |e| e["event"] == "completed" && e["messageId"] == booked.as_str());
    stage.is_found_by(&[], &["nothing is sent to mail:smtp"]);
    stage.is_found_by(&[("link", "Failures")], &["mail:smtp", "1 mail is tried again"]);
    stage.is_found_by(&[("link", "Mails")], &["parked"]);
    stage.browser.fill("E-mail address", "KLOS@example.pl");
    stage.browser.click("Find");
    stage.browser.see(&booked);
    let requests = stage.browser.run("requests", json!({}));
    assert!(!requests.to_string().to_lowercase().contains("klos"), "{requests}");
    stage.browser.follow(&booked);
    stage.browser.see("Mail parked: sent later");
    stage.is_faultless();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_key_of_the_bus_is_found_and_the_breaker_closed_once_it_is_right() {
    let Some(broker) = broker::shared() else { return };
    let queue = broker.create(json!({})).await;
    let settings = [("ServiceBus__Transport", "amqp"), ("EmailQueueName", queue.as_str())];
    let right = broker.connection("amqp");
    let wrong = right.replace(KEY, &format!("{WRONG_KEY}LW9mLXRoZS10ZXN0cw=="));
    let Some(mut stage) = Stage::set_with(&settings, &["--bus", &wrong]) else { return };
    let booked = stage.book().await;
    let destination = format!("queue:{queue}");
    let reason = "is wrong, expired";
    stage.is_found_by(&[], &[&format!("nothing is sent to {destination}"), reason]);
    stage.is_found_by(&[("link", "Failures")], &[&destination, reason]);
    // Far from its next probe, so that the person is first. Without its token a probe under way does not shorten that.
    stage.sql("UPDATE Destinations SET OpenUntil = (unixepoch() + 3600) * 1000, ProbeToken = NULL WHERE OpenUntil > 0");
    let mut stage = stage.restarted(&settings, &["--bus", &right]);
    stage.acts("Try now…", "Resume", "the key was renewed", &format!("{destination}: resumed."));
    stage.go(&format!("message?id={booked}"));
    stage.browser.see("Accepted by the bus");
    assert_eq!(broker.ids(&queue).await, [booked]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_destination_late_timers_and_a_wrong_booking_are_found_and_mended_in_two_clicks() {
    let Some(mut stage) = Stage::set_with(&[("PruneSchedule", "0 0 0 1 1 *")], &[]) else { return };
    let booked = stage.book().await;
    stage.mailed(&booked);
    stage.acts("Pause queue:client-emails", "Pause", "the receiver moves", "queue:client-emails: paused.");
    let (wrong, waiting) = (stage.figures(4).await, stage.figures(5).await);
    // Both wait for ten minutes, and the only instance that pruned stopped two hours ago.
    stage.sql(
        "UPDATE OutboxMessages SET OccurredOnUtc = OccurredOnUtc - 600000, DueAt = DueAt - 600000 WHERE State = 0;
         INSERT INTO Heartbeats (Function, Instance, LastRunOnUtc, NextByUtc)
         VALUES ('PruneOutbox', 'web-2', (unixepoch() - 7200) * 1000, (unixepoch() - 3600) * 1000)",
    );
    stage.is_found_by(
        &[],
        &["PruneOutbox last ran 2 h 0 min ago on web-2", "queue:client-emails is paused by Anna", "the receiver moves"],
    );
    stage.is_found_by(&[("link", "Waiting messages"), ("link", &wrong)], &["Committed with the books"]);
    stage.browser.click("Discard…");
    stage.browser.see("Dry run: 1 row would be discarded.");
    stage.confirms("Discard 1 row", "booked by mistake", "1 row discarded.");
    stage.browser.see("booked by mistake");
    stage.acts("Resume…", "Resume", "it has moved", "queue:client-emails: resumed.");
    stage.mailed(&waiting);
    assert_eq!(stage.host.mails().get(&wrong), None);

    // What was mailed is sent again only as a new message.
    stage.go(&format!("message?id={booked}"));
    stage.browser.click("Replay…");
    stage.browser.see("the inbox knows this id as mailed");
    let choice = "As a new message, with a new id: the client is mailed again, since nothing recognises the repeat";
    stage.browser.run("click", json!({"role": "checkbox", "name": choice}));
    stage.browser.see("Dry run: 1 row would be replayed.");
    stage.confirms("Replay 1 row", "the client lost it", "1 row replayed.");
    stage.host.wait_for("the new message", |e| e["event"] == "completed");
    assert_eq!(stage.host.mails().len(), 3, "{:?}", stage.host.mails());
    stage.is_faultless();
}

#[tokio::test(flavor = "multi_thread")]
async fn mails_that_are_paused_refused_in_doubt_or_sent_twice_are_found_and_mended_in_two_clicks() {
    let Some(mut stage) = Stage::set(&[]) else { return };
    let booked = stage.book().await;
    stage.mailed(&booked);
    stage.acts("Pause mail:folder", "Pause", "the provider moves", "mail:folder: paused.");
    let (refused, held) = (stage.delivered(4).await, stage.delivered(5).await);
    let (twice, waiting) = (stage.delivered(6).await, stage.delivered(7).await);
    stage.sql(&format!(
        "UPDATE InboxMessages SET State = 5, DueAt = NULL, FinishedOnUtc = ReceivedOnUtc, LastError = '550 no such user'
          WHERE MessageId = '{refused}';
         UPDATE InboxMessages SET State = 4, DueAt = NULL, Attempts = 1, Doubts = 1 WHERE MessageId = '{held}';
         UPDATE InboxMessages SET State = 4, Attempts = 1, Doubts = 1 WHERE MessageId = '{twice}';
         INSERT INTO InboxAttempts (Consumer, MessageId, OnUtc, Instance, State, Error)
         SELECT Consumer, MessageId, ReceivedOnUtc, 'web-2', 4, 'its answer was lost' FROM InboxMessages WHERE State = 4;
         UPDATE Destinations SET PausedOnUtc = PausedOnUtc - 600000 WHERE Name = 'mail:folder'"
    ));
    stage.is_found_by(&[], &["mail:folder is paused by Anna", "the provider moves; 1 mail(s) wait"]);
    stage.acts("Resume…", "Resume", "it has moved", "mail:folder: resumed.");
    for id in [&twice, &waiting] {
        stage.mailed_later(id);
    }

    stage.is_found_by(&[("link", "Mails")], &[&refused, "550 no such user"]);
    stage.is_found_by(&[("button", "Resend…")], &["Dry run: 1 mail would be resent."]);
    stage.confirms("Resend 1 mail", "the mailbox exists now", "1 mail resent.");
    stage.mailed_later(&refused);

    stage.is_found_by(&[("link", "Mails in doubt"), ("button", "Assume sent…")], &["Dry run: 1 mail would be"]);
    stage.confirms("Assume sent 1 mail", "the provider has it", "1 mail assumed sent.");
    assert_eq!(stage.host.mails().get(&held), None);

    // "I got it twice": the doubt is why.
    stage.is_found_by(&[("link", "Mails")], &["Every mail was sent."]);
    stage.browser.fill("E-mail address", "klos@example.pl");
    stage.browser.click("Find");
    stage.browser.see("1 in doubt");
    stage.browser.follow(&twice);
    for event in ["Mail in doubt: may or may not have been sent", "its answer was lost", "Mail taken by the provider"] {
        stage.browser.see(event);
    }
    stage.is_found_by(&[], &["All is well"]);
    stage.is_faultless();
}
