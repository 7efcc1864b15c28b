//! `doctor`: checks everything this program needs, and reports what is wrong and how to fix it. Changes nothing.

use super::{cli::DoctorArgs, compose, queue_here, stores};
use crate::{
    adapters::{clock::SystemClock, mail::ACS_ROLE, schema_version},
    config::{EmailProvider, Problem, Settings, SmtpSecurity, StoreKind, catalogue},
    domain::{
        checkup::{self, EmailNeeds, Expected},
        delivery::MailState,
        entity::Seen,
        finding::Finding,
        operations::{BreakerLine, PauseLine},
        route::{Destination, NOT_ROUTED},
    },
    flows::operate,
    ops::{self, time},
    ports::{clock::Clock, entities::Entities},
};
use anyhow::Result;
use std::{
    collections::{BTreeMap, BTreeSet},
    future::Future,
    sync::Arc,
    time::Duration,
};
use tokio::time::Instant;

/// A database without an answer by then counts as unavailable: its own connect timeout may be longer.
const DATABASE_WITHIN: Duration = Duration::from_secs(20);
/// Each check of an entity has its own timeout; this one also covers what precedes it, such as a token.
const BUS_WITHIN: Duration = Duration::from_secs(20);

pub(super) async fn run(arguments: &DoctorArgs, env: &BTreeMap<String, String>) -> Result<bool> {
    let mut found = Vec::new();
    let (env, note) = queue_here::taken(&queue_here::in_folder(env, arguments.data.folder.as_deref()));
    found.extend(note.map(|note| Finding::note("settings", &note, "nothing, if the local host is meant")));
    match Settings::read(&env) {
        Err(problems) => {
            found.extend(problems.iter().map(|one| Finding::problem("settings", &one.to_string(), "correct it")));
            // With invalid settings nothing else can be checked.
            let todo = "correct the settings first";
            found.push(Finding::unknown("database, bus, mail", "not checked", todo));
        }
        Ok(settings) => {
            let what = "each is well-formed, and none contradicts another";
            found.push(Finding::fine("settings", what));
            let former = |one: &Problem| Finding::note("settings", &one.to_string(), "rename it");
            found.extend(settings.warnings.iter().map(former));
            if let Err(problem) = &settings.recipients {
                found.push(Finding::unknown(
                    "settings",
                    &problem.to_string(),
                    "nothing, if only the app is to have it",
                ));
            }
            let (database, bus) = tokio::join!(database(&settings), bus(&settings));
            found.extend(database);
            found.extend(bus);
            found.push(mail(&settings));
        }
    }
    ops::doctor::report(&found, arguments.json, &mut std::io::stdout())
}

async fn within<T>(limit: Duration, work: impl Future<Output = Result<T>>) -> Result<T, String> {
    match tokio::time::timeout(limit, work).await {
        Ok(done) => done.map_err(|error| format!("{error:#}")),
        Err(_) => Err(format!("no answer within {} s", limit.as_secs())),
    }
}

async fn database(settings: &Settings) -> Vec<Finding> {
    let (about, names) = match &settings.store.kind {
        StoreKind::Sqlite => ("database", "Store__Path"),
        StoreKind::SqlServer { .. } => ("database", "SqlConnectionString"),
    };
    let plan = match within(DATABASE_WITHIN, stores::plan(settings)).await {
        Ok(plan) => plan,
        Err(why) => {
            if let Some((what, todo)) = schema_version::remedy_in(&why) {
                return vec![Finding::problem(about, what, todo)];
            }
            let todo =
                format!("check that it is up and that {names} names it; `client-organizer migrate` creates its tables");
            return vec![Finding::problem(about, &why, &todo)];
        }
    };
    let version = format!("{}: schema version {}", plan.database, plan.version);
    if !plan.pending.is_empty() {
        let what = format!("{version}, and this build needs {}", plan.wanted);
        return vec![Finding::problem(about, &what, &format!("client-organizer migrate (or correct {names})"))];
    }
    let mut found = vec![Finding::fine(about, &format!("{version}, as this build needs"))];
    found.extend(plan.notes.iter().map(|note| {
        let (what, todo) = schema_version::remedy_in(note).unwrap_or((note, "do what it states"));
        Finding::problem(about, what, todo)
    }));
    match within(DATABASE_WITHIN, standing(settings)).await {
        Ok(standing) => found.extend(standing),
        Err(why) => {
            found.push(Finding::problem(about, &why, "check that it is up, and that the login may read its tables"));
        }
    }
    found
}

/// What keeps messages from being sent: pauses, open breakers, dead rows, locks, mails held, missing routes.
async fn standing(settings: &Settings) -> Result<Vec<Finding>> {
    let store = stores::store(settings).await?;
    let overview = operate::overview(&compose::operate(settings, &store), 1).await?;
    let mails = &overview.mails;
    let mut found = Vec::new();
    found.extend(stopped(&mails.provider, mails.pause.as_ref(), mails.breaker.as_ref()));
    for one in &overview.destinations {
        let about = if one.name.is_empty() { NOT_ROUTED } else { &one.name };
        found.extend(stopped(about, one.pause.as_ref(), one.breaker.as_ref()));
        if one.dead > 0 {
            let todo = format!("client-organizer ops find --state dead --destination '{about}'");
            found.push(Finding::note(about, &format!("{} row(s) are dead", one.dead), &todo));
        }
    }
    if let Some(stalled) = &overview.stalled {
        found.push(Finding::note("database", stalled, "end that transaction"));
    }
    let in_doubt = mails.states.iter().filter(|one| one.state == MailState::InDoubt);
    let held: u64 = in_doubt.map(|one| one.held).sum();
    if held > 0 {
        let what = format!("{held} mail(s) may have been sent, and are held for a decision");
        found.push(Finding::note("mail", &what, "client-organizer ops mail list --state in-doubt"));
    }
    for one in &overview.unrouted {
        let what = format!("{} row(s) of event type '{}' wait without a route", one.rows, one.event_type);
        found.push(Finding::note(NOT_ROUTED, &what, &format!("set Routes__{} (empty: to nobody)", one.event_type)));
    }
    Ok(found)
}

fn stopped(about: &str, pause: Option<&PauseLine>, breaker: Option<&BreakerLine>) -> Option<Finding> {
    if let Some(pause) = pause {
        let todo = format!("client-organizer ops resume '{about}' --reason …");
        return Some(Finding::note(about, &format!("it is paused since {}", time(pause.on)), &todo));
    }
    let breaker = breaker?;
    let reason = breaker.reason.as_deref().unwrap_or("no reason recorded");
    let what = format!("its last try failed; the next one is at {} or later: {reason}", time(breaker.next_probe_on));
    Some(Finding::note(about, &what, "fix that; dispatching then resumes by itself"))
}

async fn bus(settings: &Settings) -> Vec<Finding> {
    let about = "bus";
    if settings.service_bus.is_none() {
        let what =
            "ServiceBusConnection is not set, nor ServiceBusConnection__fullyQualifiedNamespace: nothing can be sent";
        return vec![Finding::problem(about, what, "set one of them; `serve` and `dispatch` do not start without")];
    }
    let routed: BTreeSet<&Destination> = settings.routes.destinations().collect();
    let wanted = routed.iter().copied().chain(&settings.email_queue).collect::<BTreeSet<_>>();
    let (entities, bus) = (compose::entities(settings), compose::bus(settings));
    let dead_letters = compose::dead_letters(settings);
    let looks = wanted.into_iter().map(|at| {
        let (entities, bus, send) = (&entities, &bus, routed.contains(at));
        let receive = dead_letters.as_ref().ok().filter(|_| settings.email_queue.as_ref() == Some(at));
        async move {
            let (seen, reached, listened) = tokio::join!(
                seen(entities.as_ref(), at),
                async {
                    let bus = bus.as_ref().ok().filter(|_| send)?;
                    bus.reach(at, Instant::now() + BUS_WITHIN).await
                },
                async { Some(receive?.may_listen(at).await) }
            );
            let mut found = checkup::of(at, &seen, &reached, &expected(settings, at));
            found.extend(listened.and_then(|tried| checkup::listening(at, &seen, &reached, &tried)));
            found
        }
    });
    let mut found = credential(settings);
    found.extend(futures::future::join_all(looks).await.into_iter().flatten());
    match bus {
        Ok(bus) => bus.close().await,
        Err(error) => found.push(Finding::problem(about, &format!("{error:#}"), "correct ServiceBusConnection")),
    }
    found
}

/// What the text of the connection string shows; one that cannot be used is reported with the bus.
fn credential(settings: &Settings) -> Vec<Finding> {
    let Ok(connection) = compose::connection(settings) else { return Vec::new() };
    let mut found = Vec::new();
    if let Some((name, ends_on)) = connection.ends() {
        found.push(checkup::signature(name, ends_on, SystemClock.now()));
    }
    for name in connection.passed_over() {
        let what = format!("{name} in ServiceBusConnection is ignored, as Microsoft's current clients do");
        let todo = "remove it, or correct its name; ServiceBus__Transport sets the protocol";
        found.push(Finding::note("bus", &what, todo));
    }
    found
}

async fn seen(entities: Result<&Arc<dyn Entities>, &String>, at: &Destination) -> Seen {
    let entities = match entities {
        Ok(entities) => entities,
        Err(why) => return Seen::Unknown { why: why.clone() },
    };
    let look = tokio::time::timeout(BUS_WITHIN, entities.look(at)).await;
    look.unwrap_or_else(|_| Seen::Away { why: format!("no answer for {at} within {} s", BUS_WITHIN.as_secs()) })
}

fn expected(settings: &Settings, at: &Destination) -> Expected {
    let bus = &settings.bus;
    let bytes = settings.limits.body_bytes_max + settings.limits.headers_bytes_max;
    let delivery_wait_ms = match &settings.store.kind {
        StoreKind::Sqlite => None,
        StoreKind::SqlServer { pool, .. } => Some(i64::try_from(pool.patience.as_millis()).unwrap_or(i64::MAX)),
    };
    let email = (Some(at) == settings.email_queue.as_ref())
        .then_some(EmailNeeds { life_days: bus.queue_life_days, delivery_wait_ms });
    Expected {
        duplicate_window_ms: bus.duplicate_window_ms,
        sessions: bus.session_destinations.contains(at),
        partitioned: bus.partitioned_destinations.contains(at),
        message_bytes_max: u64::try_from(bytes).unwrap_or(u64::MAX),
        email,
    }
}

/// From the settings alone: sends nothing to the provider.
fn mail(settings: &Settings) -> Finding {
    let email = &settings.email;
    let from = format!("from {}", email.from);
    let what = match email.provider {
        EmailProvider::Folder => {
            return Finding::fine(
                "mail",
                &format!("files in {} stand in for mail, {from}: for one machine", email.folder.display()),
            );
        }
        EmailProvider::Smtp => {
            let smtp = &email.smtp;
            let security = match smtp.security {
                SmtpSecurity::Starttls => "STARTTLS",
                SmtpSecurity::Tls => "TLS",
                SmtpSecurity::None => "unencrypted",
            };
            let login = if smtp.user.is_some() { "with a login" } else { "without a login" };
            format!("SMTP by {}:{}, {security}, {login}, {from}", smtp.host, smtp.port)
        }
        EmailProvider::Acs => {
            let who = match email.acs.connection {
                Some(_) => "by access key".to_owned(),
                None => format!("by Entra ID, where the identity needs the role {ACS_ROLE}"),
            };
            format!("Azure Communication Services {who}, {from}")
        }
    };
    if catalogue::find("Email__From").and_then(|setting| setting.default) == Some(email.from.as_str()) {
        let todo = "set Email__From to an address that the provider lets you send from";
        return Finding::problem("mail", &format!("{what}, which is the example's address"), todo);
    }
    Finding::fine("mail", &format!("{what} (not contacted: `ops mail list` shows what it refuses)"))
}
