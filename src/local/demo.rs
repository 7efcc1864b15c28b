//! `--demo`: books a few sample clients and figures over HTTP, and reports what becomes of each message.

use super::{
    demo_data::{self, Booking},
    events::{Event, EventSink, Stream, What},
    web::{self, Client},
};
use anyhow::{Context, Result, bail};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use http_body_util::BodyExt;
use hyper::{HeaderMap, Method, Request, header};
use serde_json::Value;
use std::{collections::HashSet, ffi::OsString, path::PathBuf, time::Duration};
use tokio::{sync::broadcast, time::Instant};

/// A demo run and the events that it follows. Subscribe before the host runs, so that nothing is missed.
pub struct Demo {
    events: EventSink,
    feed: broadcast::Receiver<Event>,
    mails: PathBuf,
    /// The settings that name the store, shown for use with `ops`.
    store: String,
    client: Client,
}

/// A message on its way. Its times are those of the host's events.
struct Story {
    title: String,
    message_id: String,
    requested: DateTime<Utc>,
    committed: DateTime<Utc>,
    dispatched: Option<DateTime<Utc>>,
    delivered: Option<DateTime<Utc>>,
    mailed: Option<DateTime<Utc>>,
}

/// The README promises this, and the smoke test in CI checks it.
const MAILS_WITHIN: Duration = Duration::from_secs(30);
/// Enough for a slow, busy machine.
const READY_WITHIN: Duration = Duration::from_secs(30);
/// Longer than any answer the API gives.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

impl Demo {
    /// `mails` is the folder into which the handler writes mails; `store`, the settings that name its store, is shown at
    /// the end.
    #[must_use]
    pub fn subscribe(events: &EventSink, mails: PathBuf, store: String) -> Self {
        Self { events: events.clone(), feed: events.subscribe(), mails, store, client: web::client() }
    }

    fn print(&self, line: &str) {
        self.events.say(line);
    }

    /// Prints an event that is a failure, where the host's own lines are not printed.
    fn print_failure(&self, event: &Event) {
        let wrong = matches!(
            event.what,
            What::Log { stream: Stream::Stderr, .. }
                | What::HandlerExited { .. }
                | What::HostStopped { .. }
                | What::Hang { .. }
                | What::Invocation { ok: false, .. }
                | What::DeadLettered { .. }
        );
        if wrong && !self.events.is_written() {
            self.print(&event.to_string());
        }
    }
}

/// Books, follows every message to its mail, and prints a table of the times.
///
/// # Errors
/// Names what failed: the host did not start, a booking was refused, or a mail did not arrive within 30 s.
pub async fn run(mut demo: Demo) -> Result<()> {
    let (port, up) = wait_for_handler(&mut demo).await?;
    demo.print(&format!("The handler is up. Booking at http://127.0.0.1:{port}/api :\n"));
    let mut stories = Vec::new();
    let mut last = None;
    for booking in demo_data::bookings(demo.events.now()) {
        last = Some(book(&demo, port, booking, &mut stories).await?);
    }
    follow(&mut demo, &mut stories).await?;
    print(&demo, &stories, up);
    let arrived = arrived(&letters(&demo), &stories);
    demo.print(&format!("\n{arrived} mails are in {} (open one: it is a plain .eml file).", demo.mails.display()));
    if arrived < stories.len() {
        bail!("{} messages were accepted, but {arrived} mails were written: see `ops mail list`", stories.len());
    }
    if let Some(path) = last {
        what_next(&demo, port, &path);
    }
    Ok(())
}

async fn wait_for_handler(demo: &mut Demo) -> Result<(u16, DateTime<Utc>)> {
    let deadline = Instant::now() + READY_WITHIN;
    let mut listening = None;
    loop {
        let event = next(&mut demo.feed, deadline).await.context("the handler was not up within 30 s")?;
        demo.print_failure(&event);
        match (event.what, listening) {
            (What::Listening { port, .. }, _) => listening = Some(port),
            (What::HandlerStarted { .. }, Some(port)) => return Ok((port, event.at)),
            _ => {}
        }
    }
}

/// Books one sample client and its figures; returns the path of a record.
async fn book(demo: &Demo, port: u16, booking: Booking, stories: &mut Vec<Story>) -> Result<String> {
    let (headers, client) = request(demo, port, Method::POST, "/api/clients", &booking.client).await?;
    let id = client.get("id").and_then(Value::as_i64).context("the response to a new client has no id")?;
    drop(headers);
    let mut record = String::new();
    for (method, figures) in booking.writes {
        let path = if method == Method::POST { format!("/api/clients/{id}/finance") } else { record.clone() };
        let requested = demo.events.now();
        let (headers, _) = request(demo, port, method.clone(), &path, &figures).await?;
        let committed = demo.events.now();
        if let Some(location) = headers.get(header::LOCATION).and_then(|v| v.to_str().ok()) {
            location.clone_into(&mut record);
        }
        let ids = headers.get("outbox-message-id").and_then(|v| v.to_str().ok()).unwrap_or_default();
        let verb = if method == Method::POST { "new figures" } else { "changed figures" };
        for message_id in ids.split(',').map(str::trim).filter(|id| !id.is_empty()) {
            demo.print(&format!("  {method:5} {path}  ->  message {message_id}"));
            stories.push(Story {
                title: format!("{verb}, client {id}"),
                message_id: message_id.to_owned(),
                requested,
                committed,
                dispatched: None,
                delivered: None,
                mailed: None,
            });
        }
    }
    Ok(record)
}

async fn request(demo: &Demo, port: u16, method: Method, path: &str, body: &Value) -> Result<(HeaderMap, Value)> {
    let request = Request::builder()
        .method(method.clone())
        .uri(format!("http://127.0.0.1:{port}{path}"))
        .header(header::HOST, format!("127.0.0.1:{port}"))
        .header(header::CONTENT_TYPE, "application/json")
        .header("Idempotency-Key", uuid::Uuid::new_v4().to_string())
        .body(web::full(body.to_string()))?;
    let answered = async {
        let (parts, body) = demo.client.request(request).await?.into_parts();
        Ok::<(_, Bytes), anyhow::Error>((parts, body.collect().await?.to_bytes()))
    };
    let (parts, body) = tokio::time::timeout(ANSWER_WITHIN, answered).await.context("no answer within 10 s")??;
    if !parts.status.is_success() {
        bail!("{method} {path} returned {}: {}", parts.status, String::from_utf8_lossy(&body));
    }
    Ok((parts.headers, serde_json::from_slice(&body)?))
}

async fn follow(demo: &mut Demo, stories: &mut [Story]) -> Result<()> {
    let deadline = Instant::now() + MAILS_WITHIN;
    while stories.iter().any(|story| story.mailed.is_none()) {
        let Some(event) = next(&mut demo.feed, deadline).await else {
            bail!("not every mail arrived within 30 s:\n{}", missing(stories));
        };
        demo.print_failure(&event);
        let Event { at, what } = event;
        let mut mark = |id: &str, step: fn(&mut Story) -> &mut Option<DateTime<Utc>>| {
            if let Some(story) = stories.iter_mut().find(|story| story.message_id == id) {
                step(story).get_or_insert(at);
            }
        };
        match what {
            What::Queued { message_id, .. } => mark(&message_id, |s| &mut s.dispatched),
            What::Delivered { message_id, .. } => mark(&message_id, |s| &mut s.delivered),
            What::Invocation { message_id: Some(id), ok: true, .. } => mark(&id, |s| &mut s.mailed),
            _ => {}
        }
    }
    Ok(())
}

fn missing(stories: &[Story]) -> String {
    let stands = |story: &Story| match (story.dispatched, story.delivered, story.mailed) {
        (_, _, Some(_)) => "mailed",
        (_, Some(_), None) => "delivered, not mailed",
        (Some(_), None, None) => "dispatched, not delivered",
        (None, None, None) => "committed, not dispatched",
    };
    stories.iter().map(|s| format!("  {}: {}", s.message_id, stands(s))).collect::<Vec<_>>().join("\n")
}

fn print(demo: &Demo, stories: &[Story], up: DateTime<Utc>) {
    let after = |story: &Story, at: Option<DateTime<Utc>>| {
        at.map_or_else(|| "-".to_owned(), |at| format!("+{} ms", (at - story.requested).num_milliseconds().max(0)))
    };
    demo.print("\nEach message, in time since its booking was sent:\n");
    demo.print(&format!("  {:28} {:>12} {:>12} {:>12} {:>12}", "", "committed", "dispatched", "delivered", "mailed"));
    for story in stories {
        let [committed, dispatched, delivered, mailed] = in_order(story).map(|at| after(story, at));
        let title = &story.title;
        demo.print(&format!("  {title:28} {committed:>12} {dispatched:>12} {delivered:>12} {mailed:>12}"));
    }
    if let Some(first) = stories.iter().filter_map(|story| story.mailed).min() {
        demo.print(&format!("\nhandler up -> first mail: {} ms", (first - up).num_milliseconds()));
    }
}

/// A step is reported after it is done, when the next may already have begun, so no step is shown later than the next.
fn in_order(story: &Story) -> [Option<DateTime<Utc>>; 4] {
    let mut steps = [Some(story.committed), story.dispatched, story.delivered, story.mailed];
    for step in (0..3).rev() {
        let next = steps[step + 1];
        steps[step] = steps[step].map(|at| next.map_or(at, |next| at.min(next)));
    }
    steps
}

/// How many of our own messages became a mail: the name of its file holds its id. Others come from an earlier run.
fn arrived(letters: &HashSet<OsString>, stories: &[Story]) -> usize {
    let mailed = |story: &&Story| letters.iter().any(|name| name.to_string_lossy().contains(&story.message_id));
    stories.iter().filter(mailed).count()
}

fn what_next(demo: &Demo, port: u16, record: &str) {
    let store = &demo.store;
    let api = format!("http://127.0.0.1:{port}");
    // Fresh each run: a key used again for another path is refused.
    let key = format!("try-{:06x}", fastrand::u32(..1 << 24));
    demo.print(&format!(
        "\nWhat to try next:\n\
         \n  curl -sw '\\n' {api}/api/clients\
         \n  curl -siw '\\n' -X PATCH {api}{record} -H 'Content-Type: application/json' -H 'Idempotency-Key: {key}' \
         -d '{{\"vat\": 4321.50}}'\
         \n    (again, the same line: the same answer, and no second mail)\
         \n  curl -s {api}/api/openapi.json\
         \n  {store} cargo run -- ops overview\
         \n\nCtrl-C ends it; the data stays."
    ));
}

/// None: the deadline has passed.
async fn next(feed: &mut broadcast::Receiver<Event>, deadline: Instant) -> Option<Event> {
    loop {
        match tokio::time::timeout_at(deadline, feed.recv()).await {
            Ok(Ok(event)) => return Some(event),
            // What was missed shows as missing; the rest goes on.
            Ok(Err(broadcast::error::RecvError::Lagged(_))) => {}
            Ok(Err(broadcast::error::RecvError::Closed)) | Err(_) => return None,
        }
    }
}

fn letters(demo: &Demo) -> HashSet<OsString> {
    let files = std::fs::read_dir(&demo.mails).into_iter().flatten().flatten().map(|entry| entry.file_name());
    files.filter(|name| name.to_string_lossy().ends_with(".eml")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn story(message_id: &str, [committed, dispatched, delivered, mailed]: [i64; 4]) -> Story {
        let at = |ms| DateTime::from_timestamp_millis(ms).unwrap();
        Story {
            title: String::new(),
            message_id: message_id.to_owned(),
            requested: at(0),
            committed: at(committed),
            dispatched: Some(at(dispatched)),
            delivered: Some(at(delivered)),
            mailed: Some(at(mailed)),
        }
    }

    #[test]
    fn a_step_is_never_shown_later_than_the_next() {
        let shown = |steps| in_order(&story("m", steps)).map(|at| at.unwrap().timestamp_millis());
        assert_eq!(shown([1, 2, 3, 4]), [1, 2, 3, 4]);
        assert_eq!(shown([9, 8, 5, 7]), [5, 5, 5, 7]);
    }

    #[test]
    fn mails_of_an_earlier_run_and_second_copies_are_not_counted() {
        let stories = [story("a-1", [0; 4]), story("a-2", [0; 4])];
        let letters = |names: &[&str]| names.iter().map(OsString::from).collect();
        assert_eq!(arrived(&letters(&["t-a-1-x.eml", "t-a-1-y.eml", "t-other-z.eml"]), &stories), 1);
        assert_eq!(arrived(&letters(&["t-a-1-x.eml", "t-a-2-y.eml"]), &stories), 2);
    }
}
