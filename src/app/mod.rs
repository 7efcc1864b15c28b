//! The only room with a door to all the others: each command, from its words to its exit code.

pub mod cli;
mod compose;
pub use compose::Stores;
mod serve;
#[cfg(feature = "local")]
mod local;
mod migrate;
mod doctor;
mod queue_here;
mod preview;

use crate::{
    adapters::clock::SystemClock,
    config::{self, Problem, Settings, printed},
    domain::printable,
    flows::{
        dispatch::{self, DispatchContext},
        health::Health,
    },
    ops::{self, MailQueue, OpsContext},
    telemetry,
};
use anyhow::{Result, bail};
use clap::CommandFactory;
use cli::{Cli, Command, DispatchArgs, MailCommand, SettingsArgs};
use std::{
    collections::BTreeMap,
    io::Write,
    path::Path,
    process::ExitCode,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

/// The variable by which the Azure Functions host tells its handler the port.
pub const PORT_VARIABLE: &str = "FUNCTIONS_CUSTOMHANDLER_PORT";

#[must_use]
pub fn main(cli: Cli) -> ExitCode {
    let env = config::env::current();
    let command = match cli.command {
        Some(command) => command,
        None if env.contains_key(PORT_VARIABLE) => Command::Serve,
        None => {
            // Printing to a closed terminal is nobody's loss.
            let _ = Cli::command().print_help();
            return ExitCode::from(2);
        }
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("error: the async runtime could not be started: {error}");
            return ExitCode::FAILURE;
        }
    };
    let ended = runtime.block_on(run(command, &env));
    // Not waited for: a blocking call that nobody awaits any more (a name that DNS does not answer) would hold up the end.
    runtime.shutdown_background();
    match ended {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(error) => {
            eprintln!("error: {}", printable::lines(&format!("{error:#}")));
            ExitCode::FAILURE
        }
    }
}

/// False: it ran, and what was asked for was not all done.
async fn run(command: Command, env: &BTreeMap<String, String>) -> Result<bool> {
    match command {
        #[cfg(feature = "local")]
        Command::Local(arguments) => local::run(arguments, env).await,
        Command::Serve => serve::run(env).await.map(|()| true),
        Command::Migrate(arguments) => migrate::run(&arguments, env).await,
        Command::Dispatch(arguments) => {
            dispatch_until_stopped(&arguments, &or_report(Settings::read_with_bus(env))?).await
        }
        Command::Stage { folder } => {
            let staged = ops::stage::stage(&folder, Path::new("."), &std::env::current_exe()?)?;
            println!("{staged}");
            Ok(true)
        }
        Command::Settings(form) => {
            let text = match form {
                SettingsArgs { markdown: true, .. } => printed::markdown(),
                SettingsArgs { example: true, .. } => printed::example(),
                SettingsArgs { .. } => printed::text(),
            };
            // Printing to a closed terminal is nobody's loss.
            let _ = std::io::stdout().write_all(text.as_bytes());
            Ok(true)
        }
        Command::Doctor(arguments) => doctor::run(&arguments, env).await,
        Command::Mail { command: MailCommand::Preview(arguments) } => preview::run(&arguments, env),
        Command::Ops(arguments) => {
            let settings = read(&queue_here::taken(env).0)?;
            let store = compose::store(&settings).await?;
            // Why it cannot be asked is `doctor`'s to tell.
            let entities = compose::entities(&settings).ok();
            let dead_letters = compose::dead_letters(&settings).map_err(|error| format!("{error:#}"));
            let context = OpsContext {
                ops: &*store.ops,
                routes: &settings.routes,
                entities: entities.as_deref(),
                recipients: &settings.recipients,
                duplicate_window_ms: settings.bus.duplicate_window_ms,
                mail_queue: MailQueue {
                    dead_letters: dead_letters.as_deref().map_err(Clone::clone),
                    queue: settings.email_queue.as_ref(),
                    tombstone_days: settings.notify.tombstone_days,
                    clock: &SystemClock,
                },
                json: arguments.json,
            };
            ops::run(&context, arguments.command, &mut std::io::stdout()).await
        }
    }
}

/// For a command that a person runs: warnings go to the terminal.
fn read(env: &BTreeMap<String, String>) -> Result<Settings> {
    let settings = or_report(Settings::read(env))?;
    for warning in &settings.warnings {
        eprintln!("warning: {warning}");
    }
    Ok(settings)
}

/// For a command that goes on: warnings go to the log.
fn log(settings: &Settings) -> Result<()> {
    telemetry::init(&settings.log_level).map_err(anyhow::Error::msg)?;
    for warning in &settings.warnings {
        tracing::warn!("{warning}");
    }
    Ok(())
}

/// Every problem on a line of its own, so that one restart mends them all.
fn or_report(read: Result<Settings, Vec<Problem>>) -> Result<Settings> {
    read.or_else(|problems| {
        let lines: Vec<String> = problems.iter().map(|problem| format!("  {problem}")).collect();
        bail!("{} setting(s) are wrong:\n{}", lines.len(), lines.join("\n"))
    })
}

/// The dispatcher as a process of its own: a Functions timer is a singleton, this is not.
async fn dispatch_until_stopped(arguments: &DispatchArgs, settings: &Settings) -> Result<bool> {
    log(settings)?;
    let store = compose::store_or_wait(settings).await?;
    match compose::name_destinations(&store, &settings.routes).await {
        // It is away: the runs say so, and name what they meet.
        Err(_) if store.presence.is_some() => {}
        named => named?,
    }
    let bus = compose::bus(settings)?;
    let context = compose::dispatcher(settings, &store, bus.clone(), Arc::new(Health::default()), settings.dispatch);
    let ended = dispatch_runs(arguments, &context).await;
    bus.close().await;
    ended
}

async fn dispatch_runs(arguments: &DispatchArgs, context: &DispatchContext) -> Result<bool> {
    let mut stop = std::pin::pin!(stopped());
    loop {
        let mut run = std::pin::pin!(dispatch::dispatch(context));
        let (report, stopped) = tokio::select! {
            report = &mut run => (report, false),
            // What is claimed is published and settled first, so that no row waits for the end of our lease.
            () = &mut stop => {
                context.stopping.store(true, Ordering::Relaxed);
                (run.await, true)
            }
        };
        if report.claimed > 0 || report.store_error.is_some() || arguments.once {
            tracing::info!(report = serde_json::to_string(&report)?, "dispatched");
        }
        if arguments.once || stopped {
            return Ok(report.store_error.is_none());
        }
        let pause = if report.out_of_time { Duration::ZERO } else { Duration::from_millis(arguments.every_ms) };
        tokio::select! {
            () = &mut stop => return Ok(true),
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// Ctrl-C in a terminal, SIGTERM from a supervisor.
pub(crate) async fn stopped() {
    let terminated = async {
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(mut signal) => {
                signal.recv().await;
            }
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        () = terminated => {}
    }
}
