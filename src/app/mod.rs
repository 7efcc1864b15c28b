//! The commands, from their arguments to the exit code. The only module that may use all others.

pub mod cli;
mod compose;
mod stores;
pub use stores::Stores;
mod serve;
#[cfg(feature = "local")]
mod local;
mod migrate;
mod doctor;
mod queue_here;
mod preview;

use crate::{
    config::{self, Problem, Settings, StoreKind, printed},
    domain::printable,
    flows::{
        dispatch::{self, DispatchContext},
        health::Health,
        operate::OperateContext,
        watch,
    },
    functions::{Heartbeat, Rhythm},
    ops::{self, OpsContext},
    telemetry,
};
use anyhow::{Result, bail};
use clap::CommandFactory;
use clap_complete::Shell;
use cli::{Cli, Command, DispatchArgs, MailCommand, SettingsArgs};
use std::{
    collections::BTreeMap,
    io::Write,
    path::Path,
    process::ExitCode,
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

/// The variable by which the Azure Functions host passes the port to its handler.
pub const PORT_VARIABLE: &str = "FUNCTIONS_CUSTOMHANDLER_PORT";

/// Runs the command; without one `serve` under the Functions host. Returns the exit code. 0: done, 1: failed or not all
/// done, 2: no command.
#[must_use]
pub fn main(cli: Cli) -> ExitCode {
    let env = config::env::current();
    let command = match cli.command {
        Some(command) => command,
        None if env.contains_key(PORT_VARIABLE) => Command::Serve,
        None => {
            // A closed terminal is not an error.
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
    // Without waiting: an abandoned blocking call (a DNS query without an answer) would delay the exit.
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

/// False: it ran, but not everything requested was done.
async fn run(command: Command, env: &BTreeMap<String, String>) -> Result<bool> {
    match command {
        #[cfg(feature = "local")]
        Command::Local(arguments) => local::run(arguments, env).await,
        Command::Serve => serve::run(env).await.map(|()| true),
        Command::Migrate(arguments) => migrate::run(&arguments, env).await,
        Command::Dispatch(arguments) => {
            dispatch_until_stopped(&arguments, &or_report(Settings::read_with_bus(env))?, env).await
        }
        Command::Stage { folder, local } => {
            let staged = ops::stage::stage(&folder, local, Path::new("."), &std::env::current_exe()?)?;
            println!("{staged}");
            Ok(true)
        }
        Command::Settings(form) => {
            let text = match form {
                SettingsArgs { markdown: true, .. } => printed::markdown(),
                SettingsArgs { example: true, .. } => printed::example(),
                SettingsArgs { .. } => printed::text(),
            };
            // A closed terminal is not an error.
            let _ = std::io::stdout().write_all(text.as_bytes());
            Ok(true)
        }
        Command::Doctor(arguments) => doctor::run(&arguments, env).await,
        Command::Mail { command: MailCommand::Preview(arguments) } => preview::run(&arguments, env),
        Command::Ops(arguments) => {
            let env = queue_here::in_folder(env, arguments.data.folder.as_deref());
            let settings = read(&queue_here::taken(&env).0)?;
            let store = stores::store(&settings).await?;
            let context = OpsContext { operate: compose::operate(&settings, &store), json: arguments.json };
            ops::run(&context, arguments.command, &mut std::io::stdout()).await
        }
        Command::Completions { shell } => {
            // A closed terminal is not an error.
            let _ = std::io::stdout().write_all(completions(shell).as_bytes());
            Ok(true)
        }
    }
}

/// For bash, clap_complete 4.6 spells a hyphen in the command's name in two ways, and then completes no subcommand
/// (clap-rs/clap#6421): the script is made for another name, and registered for ours.
fn completions(shell: Shell) -> String {
    const NAME: &str = "client-organizer";
    const WITHOUT_HYPHEN: &str = "client_organizer";
    let mut script = Vec::new();
    let name = if shell == Shell::Bash { WITHOUT_HYPHEN } else { NAME };
    clap_complete::generate(shell, &mut Cli::command(), name, &mut script);
    String::from_utf8_lossy(&script).replace(&format!(" {WITHOUT_HYPHEN}\n"), &format!(" {NAME}\n"))
}

/// Settings of a command that a person runs: warnings go to the terminal.
fn read(env: &BTreeMap<String, String>) -> Result<Settings> {
    let settings = or_report(Settings::read(env))?;
    for warning in &settings.warnings {
        eprintln!("warning: {warning}");
    }
    Ok(settings)
}

/// For a long-running command: starts the log, and writes the warnings to it.
fn log(settings: &Settings) -> Result<()> {
    telemetry::init(&settings.log_level).map_err(anyhow::Error::msg)?;
    for warning in &settings.warnings {
        tracing::warn!("{warning}");
    }
    Ok(())
}

/// OpenTelemetry's name of the kind of database.
fn database(settings: &Settings) -> &'static str {
    match settings.store.kind {
        StoreKind::Sqlite => "sqlite",
        StoreKind::SqlServer { .. } => "microsoft.sql_server",
    }
}

/// Reports every problem on its own line, so that all can be fixed before the next start.
fn or_report(read: Result<Settings, Vec<Problem>>) -> Result<Settings> {
    read.or_else(|problems| {
        let lines: Vec<String> = problems.iter().map(|problem| format!("  {problem}")).collect();
        bail!("{} setting(s) are invalid:\n{}", lines.len(), lines.join("\n"))
    })
}

/// The dispatcher as a separate process. A Functions timer is a singleton; of these, several may run.
async fn dispatch_until_stopped(
    arguments: &DispatchArgs,
    settings: &Settings,
    env: &BTreeMap<String, String>,
) -> Result<bool> {
    log(settings)?;
    let exporters = telemetry::export::start(env, database(settings));
    let store = stores::store_or_wait(settings).await?;
    match compose::name_destinations(&store, &settings.routes).await {
        // The server is unavailable: the runs report that, and register the destinations they use.
        Err(_) if store.presence.is_some() => {}
        named => named?,
    }
    let bus = compose::bus(settings)?;
    let context = compose::dispatcher(settings, &store, bus.clone(), Arc::new(Health::default()), settings.dispatch);
    let rhythm = Rhythm::Every(Duration::from_millis(arguments.every_ms));
    let heartbeat = compose::heartbeat(&store, "dispatch", rhythm, settings.dispatch.run_ms);
    let operate = compose::operate(settings, &store);
    let ended = dispatch_runs(arguments, &context, &heartbeat, &operate).await;
    bus.close().await;
    if let Some(exporters) = exporters {
        exporters.stop().await;
    }
    ended
}

async fn dispatch_runs(
    arguments: &DispatchArgs,
    context: &DispatchContext,
    heartbeat: &Heartbeat,
    operate: &OperateContext,
) -> Result<bool> {
    let mut stop = std::pin::pin!(stopped());
    let mut watched: Option<Instant> = None;
    loop {
        let mut run = std::pin::pin!(dispatch::dispatch(context));
        let (report, stopped) = tokio::select! {
            report = &mut run => (report, false),
            // Claimed rows are published and settled first, so that none waits for the end of its lease.
            () = &mut stop => {
                context.stopping.store(true, Ordering::Relaxed);
                (run.await, true)
            }
        };
        if report.claimed > 0 || report.store_error.is_some() || arguments.once {
            tracing::info!(report = serde_json::to_string(&report)?, "dispatched");
        }
        // One run alone is no rhythm that could fall behind.
        if !arguments.once {
            heartbeat.beat(None, report.store_error.as_deref()).await;
            if watched.is_none_or(|at| at.elapsed() >= watch::EVERY) {
                watched = Some(Instant::now());
                watch::watch(operate).await;
            }
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
