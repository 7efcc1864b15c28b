//! `local`: sets up the settings and the tables, then runs the local host with this executable as its handler.

use super::{cli::LocalArgs, queue_here::STORE_FILE, read, stopped, stores};
use crate::{
    adapters::clock::SystemClock,
    config::{
        EmailProvider,
        catalogue::{self, ROUTE_PREFIX},
    },
    domain::route::EntityKind,
    failpoints,
    local::{
        self, DataLock, HandlerCommand, LocalOptions, Manifest,
        demo::{self, Demo},
        events::{EventSink, Form},
    },
    ops::stage::HANDLER,
    telemetry::export::INSIGHTS,
};
use anyhow::{Context, Result, bail};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use tokio::sync::broadcast::error::RecvError;

const CA_FILE: &str = "Email__SmtpCaFile";

pub(super) async fn run(arguments: LocalArgs, env: &BTreeMap<String, String>) -> Result<bool> {
    let data = absolute(&arguments.data)?;
    let handler_env = handler_env(env, &data, arguments.sql.as_deref(), arguments.bus.as_deref());
    let settings = read(&handler_env)?;
    if arguments.demo && settings.email.provider != EmailProvider::Folder {
        bail!("--demo needs the folder provider: unset Email__Provider, or start without --demo");
    }
    let root = absolute(&arguments.root)?;
    // First of all: in a wrong folder, an empty database would mislead an operator who runs `ops` there later.
    Manifest::read(&root, &handler_env)?;
    // Another host's database is not migrated under it.
    let lock = DataLock::take(&data)?;
    stores::migrate(&settings, None).await?;

    let clock = Arc::new(SystemClock);
    let form = if arguments.json { Form::Json } else { Form::Text };
    let events = match (arguments.demo, form) {
        // The demo prints its own lines; the host's would hide them.
        (true, Form::Text) => EventSink::silent(clock.clone()),
        (_, form) => EventSink::writing(clock.clone(), form, std::io::stdout()),
    };
    // A staged folder is run with the staged handler: as in Azure, that one does not exit with a killed host.
    let staged = root.join(HANDLER);
    let command = HandlerCommand {
        executable: if staged.is_file() {
            staged
        } else {
            std::env::current_exe().context("the path of this executable is unknown")?
        },
        args: vec!["serve".to_owned()],
        root,
        env: handler_env,
    };
    let mut options = LocalOptions::new(data.clone(), command, events.clone(), clock);
    options.port = arguments.port;
    options.entities = settings.routes.destinations().map(|to| to.entity().to_owned()).collect();
    let topics = settings.routes.destinations().filter(|to| to.kind() == EntityKind::Topic);
    options.topics = topics.map(|to| to.entity().to_owned()).collect();
    options.duplicate_detection =
        (arguments.duplicate_detection > 0).then(|| Duration::from_secs(arguments.duplicate_detection));
    options.hold_deliveries_until_exit = arguments.hold_deliveries_until_exit;
    options.auth = arguments.auth;
    options.bus = arguments.bus;
    if options.bus.is_some() && form == Form::Text {
        println!(
            "messages are sent to the bus of --bus; the local queue receives none, so SendEmail is not called and no mail is sent"
        );
    }
    if !arguments.demo {
        local::run(options, lock, asked_to_stop(&events)).await?;
        goodbye(&events, &data).await;
        return Ok(true);
    }
    let store = match arguments.sql {
        // The string is a secret, and the caller knows it.
        Some(_) => "Store__Kind=sqlserver SqlConnectionString='…'".to_owned(),
        None => format!("Store__Path='{}'", data.join(STORE_FILE).display()),
    };
    let demo = Demo::subscribe(&events, data.join("mail"), store);
    let finished = async {
        let result = demo::run(demo).await;
        if result.is_ok() && !arguments.exit_after_demo {
            tokio::select! {
                () = asked_to_stop(&events) => {}
                () = narrate(&events, form) => {}
            }
        }
        result
    };
    let (done, over) = tokio::sync::oneshot::channel();
    let host = local::run(options, lock, async move {
        // Ends either way: the demo is over, or it was dropped.
        let _ = done_signal(over).await;
    });
    let mut host = std::pin::pin!(host);
    tokio::select! {
        ended = &mut host => { ended?; Ok(true) }
        result = finished => {
            let _ = done.send(());
            host.await?;
            goodbye(&events, &data).await;
            result.map(|()| true)
        }
    }
}

/// After the demo, prints the events of other requests, as the host does without a demo.
async fn narrate(events: &EventSink, form: Form) {
    let mut feed = events.subscribe();
    loop {
        match feed.recv().await {
            // With JSON the sink itself writes every line.
            Ok(event) if form == Form::Text && event.what.is_news() => println!("{event}"),
            Ok(_) | Err(RecvError::Lagged(_)) => {}
            Err(RecvError::Closed) => return,
        }
    }
}

/// Waits for Ctrl-C or SIGTERM and confirms it at once: finishing what is under way may take some seconds.
async fn asked_to_stop(events: &EventSink) {
    stopped().await;
    events.say("stopping: finishing what is under way");
}

async fn goodbye(events: &EventSink, data: &Path) {
    events.say(&format!("stopped; the data stays in {}", data.display()));
    events.flush().await;
}

async fn done_signal(finished: tokio::sync::oneshot::Receiver<()>) -> Result<()> {
    Ok(finished.await?)
}

/// The handler's environment: every setting, from this environment or by default; the store and the mails in the data
/// folder. The host adds its own bus unless --bus names one: a bus that this environment names is never passed on.
fn handler_env(
    env: &BTreeMap<String, String>,
    data: &Path,
    sql: Option<&str>,
    bus: Option<&str>,
) -> BTreeMap<String, String> {
    let ours = |name: &str| env.get(name).cloned();
    let mut settings = BTreeMap::new();
    for setting in catalogue::all().filter(|setting| !setting.name.starts_with(ROUTE_PREFIX)) {
        let given: Vec<_> = setting.names().filter_map(|name| Some((name.to_owned(), ours(name)?))).collect();
        match setting.default {
            Some(default) if given.is_empty() => _ = settings.insert(setting.name.to_owned(), default.to_owned()),
            _ => settings.extend(given),
        }
    }
    settings.extend(env.iter().filter(|(name, _)| name.starts_with(ROUTE_PREFIX)).map(|(n, v)| (n.clone(), v.clone())));
    for name in ["", "__fullyQualifiedNamespace", "__credential", "__clientId"] {
        settings.remove(&format!("ServiceBusConnection{name}"));
    }
    match bus {
        Some(text) => {
            settings.insert("ServiceBusConnection".to_owned(), text.to_owned());
        }
        // The local queue supports REST only.
        None => {
            settings.insert("ServiceBus__Transport".to_owned(), "rest".to_owned());
        }
    }
    let inside = |name: &str| data.join(name).to_string_lossy().into_owned();
    settings.insert("Store__Path".to_owned(), inside(STORE_FILE));
    // Only --sql selects a database outside the folder: a leftover variable must not make a demo write to one.
    settings.remove("SqlConnectionString");
    settings.insert("Store__Kind".to_owned(), if sql.is_some() { "sqlserver" } else { "sqlite" }.to_owned());
    settings.extend(sql.map(|text| ("SqlConnectionString".to_owned(), text.to_owned())));
    settings.insert("Email__Folder".to_owned(), inside("mail"));
    // The handler's working directory is another one.
    if let Some(path) = ours(CA_FILE).filter(|path| !path.is_empty())
        && let Ok(path) = absolute(Path::new(&path))
    {
        settings.insert(CA_FILE.to_owned(), path.to_string_lossy().into_owned());
    }
    // Telemetry's own variables; the crates read them from the environment.
    let telemetry = |name: &str| name.starts_with("OTEL_") || name == INSIGHTS;
    settings.extend(env.iter().filter(|(name, _)| telemetry(name)).map(|(name, value)| (name.clone(), value.clone())));
    if failpoints::BUILT_IN {
        settings.extend(ours("FAILPOINT").map(|value| ("FAILPOINT".to_owned(), value)));
    }
    settings
}

/// The handler's working directory is another one.
fn absolute(path: &Path) -> Result<PathBuf> {
    std::path::absolute(path).with_context(|| format!("the path {} cannot be made absolute", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_handler_gets_a_setting_given_under_its_former_name() {
        let env = BTreeMap::from([("Email__AtOnceMax".to_owned(), "7".to_owned())]);
        let settings = crate::config::Settings::read(&handler_env(&env, Path::new("data"), None, None)).unwrap();
        assert_eq!(settings.notify.at_once, 7);
    }
}
