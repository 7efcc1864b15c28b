//! `migrate`: creates or updates the tables, shows what it would do, or prints the T-SQL for a DBA.

use super::{cli::MigrateArgs, read, stores};
use crate::{adapters::sqlserver::migrate_script, config::StoreKind};
use anyhow::{Result, bail};
use std::collections::BTreeMap;

pub(super) async fn run(arguments: &MigrateArgs, env: &BTreeMap<String, String>) -> Result<bool> {
    if arguments.script || arguments.grants {
        // Without reading the other settings: a DBA who reviews the script may have no connection.
        let kind = env.get("Store__Kind").map_or("sqlite", |kind| kind.trim());
        if kind != "sqlserver" {
            bail!(
                "--script and --grants are for SQL Server: set Store__Kind=sqlserver. An SQLite file has no roles, and \
                 `client-organizer migrate` creates it"
            );
        }
        print!("{}", if arguments.script { migrate_script::script() } else { migrate_script::GRANTS.to_owned() });
        return Ok(true);
    }
    let settings = read(env)?;
    if arguments.dry_run {
        let plan = stores::plan(&settings).await?;
        println!("{}: schema version {}, this build needs {}", plan.database, plan.version, plan.wanted);
        for name in &plan.pending {
            println!("would apply {name}");
        }
        for note in &plan.notes {
            println!("{note}");
        }
        println!(
            "{}",
            if plan.pending.is_empty() { "nothing to do" } else { "nothing was changed: this was a dry run" }
        );
        return Ok(true);
    }
    let done = stores::migrate(&settings, arguments.app_user.as_ref()).await?;
    for name in &done.applied {
        println!("{}: applied {name}", done.database);
    }
    if done.applied.is_empty() {
        println!("{}: schema version {}, nothing to do", done.database, done.version);
    }
    if let Some(user) = &arguments.app_user {
        println!("{}: {} is a user with the role client_organizer", done.database, user.name);
    } else if !done.applied.is_empty() && matches!(settings.store.kind, StoreKind::SqlServer { .. }) {
        println!("the rights for the program's own login: client-organizer migrate --grants");
    }
    Ok(true)
}
