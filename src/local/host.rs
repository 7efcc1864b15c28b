//! Puts the parts of the local host together and runs them until it is asked to stop.

use super::{
    LOCAL_VARIABLE, LOCK_VARIABLE, LocalError, LocalOptions, child,
    connection_file::ConnectionFile,
    events::{Event, EventSink, What},
    invoke::Invoker,
    keys::{KEYS_FILE, Keys},
    lock::DataLock,
    manifest::{Function, Manifest, Trigger},
    proxy::{self, Front},
    pump::Pump,
    queue::{Queue, QueueOptions},
    timers::{self, Timer},
    web,
};
use crate::ports::clock::Clock;
use std::{future::Future, path::Path, sync::Arc, time::Duration};
use tokio::{
    net::TcpListener,
    sync::{broadcast::error::RecvError, watch},
    task::JoinSet,
};

/// The setting of the sender's connection; those of the triggers may have other names.
const CONNECTION_SETTING: &str = "ServiceBusConnection";
/// How long work under way may take when the host stops, since a person waits. The next host repeats what took longer.
const FINISH_WITHIN: Duration = Duration::from_secs(3);

/// Runs the host on the data folder that `lock` is of until `shutdown`, then ends the handler. If the future is dropped earlier, the handler is killed.
///
/// # Errors
/// See [`LocalError`]: something that the host needs is missing or taken, the data folder disappeared, or the handler
/// exited with code 0.
pub async fn run(options: LocalOptions, lock: DataLock, shutdown: impl Future<Output = ()>) -> Result<(), LocalError> {
    let manifest = Manifest::read(&options.handler.root, &options.handler.env)?;
    let queue_options = queue_options(&options, &manifest);
    let LocalOptions { port, events, clock, mut handler, hold_deliveries_until_exit, .. } = options;
    let handlers = lock.handlers(&events).await?;
    handler.env.insert(LOCK_VARIABLE.to_owned(), handlers.to_string_lossy().into_owned());
    let queue = Queue::open(&queue_options, clock.clone(), events.clone()).await?;
    let connections = manifest.functions.iter().filter_map(queue_of).map(|(_, connection)| connection);
    for setting in connections.chain([CONNECTION_SETTING]) {
        let connection = options.bus.clone().filter(|_| setting == CONNECTION_SETTING);
        handler.env.insert(setting.to_owned(), connection.unwrap_or_else(|| queue.connection_string()));
    }
    // With another bus or database, the figures of this queue would mislead `ops` and `doctor`.
    let own = options.bus.is_none() && handler.env.get("Store__Kind").is_none_or(|kind| kind == "sqlite");
    let _file = if own { Some(ConnectionFile::write(&options.data, &queue.connection_string())?) } else { None };
    let keys = if options.auth { Some(Arc::new(keys(&options.data, &manifest, &events)?)) } else { None };
    let taken = |source| LocalError::Port { port, source };
    let listener = TcpListener::bind(("127.0.0.1", port)).await.map_err(taken)?;
    let port = listener.local_addr().map_err(taken)?.port();
    events.emit(What::Listening { port, queue_port: queue.port() });

    let mut tasks = JoinSet::new();
    if hold_deliveries_until_exit {
        let (gate, mut feed) = (queue.gate(), events.subscribe());
        gate.close();
        tasks.spawn(async move {
            while !matches!(
                feed.recv().await,
                Ok(Event { what: What::HandlerExited { .. }, .. }) | Err(RecvError::Closed)
            ) {}
            gate.open();
        });
    }
    let secret = uuid::Uuid::new_v4().simple().to_string();
    handler.env.insert(LOCAL_VARIABLE.to_owned(), secret.clone());
    let (supervisor, child) = child::supervise(handler, events.clone());
    let function_timeout = manifest.function_timeout;
    let invoker = Invoker { child, client: web::client(), events, function_timeout, secret };
    let routes = Arc::new(proxy::routes(&manifest.functions));
    let front = Front { port, routes, keys, is_proxying: manifest.is_proxying, invoker: invoker.clone() };
    tasks.spawn(web::serve(listener, move |request| proxy::handle(front.clone(), request)));
    let (wind_down, winding_down) = watch::channel(false);
    let mut workers = JoinSet::new();
    start_timers(&mut workers, &manifest, &invoker, &clock, &winding_down);
    let renew_every = queue_options.lock_duration / 3;
    start_pumps(&mut workers, &manifest, &invoker, &clock, &queue, renew_every, &winding_down);
    let gate = queue.gate();
    tasks.spawn(queue.run());

    let (stop, stopping) = watch::channel(false);
    let mut supervised = JoinSet::new();
    supervised.spawn(supervisor.run(stopping));
    let ended = tokio::select! {
        ended = supervised.join_next() => ended,
        // Work under way is not finished: its results would be lost with the folder.
        gone = lock.lost() => return Err(gone),
        () = shutdown => {
            // Azure would kill the process. Here a person at a terminal should not find a mail in doubt after each
            // Ctrl-C: work under way is finished, then the handler's stdin ends, and the queue stops last.
            gate.close();
            wind_down.send_replace(true);
            let finished = async { while workers.join_next().await.is_some() {} };
            let _ = tokio::time::timeout(FINISH_WITHIN, finished).await;
            stop.send_replace(true);
            supervised.join_next().await
        }
    };
    tasks.shutdown().await;
    match ended {
        Some(Ok(result)) => result,
        Some(Err(lost)) => Err(LocalError::Lost(lost)),
        None => Ok(()),
    }
}

/// The keys of the functions that need one. New ones are printed, once.
fn keys(data: &Path, manifest: &Manifest, events: &EventSink) -> Result<Keys, LocalError> {
    let protected = manifest.functions.iter().filter(|f| matches!(f.trigger, Trigger::Http { needs_key: true, .. }));
    let (keys, made) = Keys::open(data, protected.map(|function| function.name.as_str()))?;
    let file = data.join(KEYS_FILE);
    events.say(&format!("the HTTP functions need their keys, which are in {}", file.display()));
    for (name, key) in made {
        let opens = if name == "host" { "every function" } else { &*name };
        events.say(&format!("new key: {key} opens {opens}"));
    }
    Ok(keys)
}

fn queue_options(options: &LocalOptions, manifest: &Manifest) -> QueueOptions {
    let triggered = manifest.functions.iter().filter_map(queue_of).map(|(queue, _)| queue.to_owned());
    QueueOptions {
        lock_duration: options.lock_duration,
        max_delivery_count: options.max_delivery_count,
        duplicate_detection: options.duplicate_detection,
        topics: options.topics.clone(),
        ..QueueOptions::at(&options.data.join("queues.db"), options.entities.iter().cloned().chain(triggered))
    }
}

/// A Service Bus trigger's queue and the setting of its connection.
fn queue_of(function: &Function) -> Option<(&str, &str)> {
    match &function.trigger {
        Trigger::ServiceBus { queue, connection, .. } => Some((queue, connection)),
        Trigger::Http { .. } | Trigger::Timer { .. } => None,
    }
}

fn start_timers(
    workers: &mut JoinSet<()>,
    manifest: &Manifest,
    invoker: &Invoker,
    clock: &Arc<dyn Clock>,
    stop: &watch::Receiver<bool>,
) {
    for Function { name, trigger } in &manifest.functions {
        if let Trigger::Timer { binding, schedule, run_on_startup } = trigger {
            let (function, binding, run_on_startup) = (name.clone(), binding.clone(), *run_on_startup);
            let timer = Timer { function, binding, schedule: schedule.clone(), run_on_startup };
            workers.spawn(timers::tick(invoker.clone(), clock.clone(), timer, stop.clone()));
        }
    }
}

fn start_pumps(
    workers: &mut JoinSet<()>,
    manifest: &Manifest,
    invoker: &Invoker,
    clock: &Arc<dyn Clock>,
    queue: &Queue,
    renew_every: Duration,
    stop: &watch::Receiver<bool>,
) {
    for Function { name, trigger } in &manifest.functions {
        if let Trigger::ServiceBus { binding, queue: entity, .. } = trigger {
            let pump = Pump {
                invoker: invoker.clone(),
                clock: clock.clone(),
                policy: queue.policy().clone(),
                queue_port: queue.port(),
                queue: entity.clone(),
                function: name.clone(),
                binding: binding.clone(),
                renew_every,
            };
            for _ in 0..manifest.receivers_max {
                workers.spawn(pump.clone().receive(stop.clone()));
            }
        }
    }
}
