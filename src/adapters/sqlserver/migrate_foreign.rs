//! Refuses a database that already has objects with the names that a migration would create.
//!
//! U0 lists the names of its time; here they are read from the migrations, so later ones are included.

use super::migrate::HISTORY;
use refinery_core::Migration;
use std::fmt::Write;

/// U0 takes over the .NET system's table of this name.
const TAKEN_OVER: &str = "OutboxMessages";

/// A batch that THROWs if one of these migrations would create what exists already. `applied_count`: objects of a
/// migration that is in the history are its own.
pub(super) fn check<'a>(migrations: impl IntoIterator<Item = &'a Migration>, applied_count: bool) -> String {
    let mut foreign = String::new();
    for migration in migrations {
        let names: Vec<String> = made(migration.sql().unwrap_or_default()).map(|name| format!("N'{name}'")).collect();
        if names.is_empty() {
            continue;
        }
        let or = if foreign.is_empty() { "" } else { "\n         OR " };
        let _ = write!(foreign, "{or}(o.name IN ({})", names.join(", "));
        if applied_count {
            let version = migration.version();
            let _ = write!(foreign, " AND NOT EXISTS (SELECT 1 FROM {HISTORY} WHERE version = {version})");
        }
        foreign.push(')');
    }
    if foreign.is_empty() {
        return String::new();
    }
    format!(
        "DECLARE @foreign nvarchar(max);\n\
         DECLARE @refused nvarchar(2048);\n\
         SET @foreign = (SELECT STRING_AGG(CAST(o.name AS nvarchar(max)), N', ')\n  \
           FROM sys.objects AS o\n \
          WHERE o.schema_id = SCHEMA_ID(N'dbo')\n   \
            AND ({foreign}));\n\
         IF @foreign IS NOT NULL\n\
         BEGIN\n  \
           SET @refused = LEFT(CONCAT(N'this database has tables of our names that are not ours (dbo: ', @foreign,\n    \
             N'). Nothing was changed. Only OutboxMessages can be taken over: name another database, or rename these'), 2000);\n  \
           IF @@TRANCOUNT > 0\n    \
             ROLLBACK TRANSACTION;\n  \
           THROW 51001, @refused, 1;\n\
         END;"
    )
}

/// The names of tables and sequences in our migrations.
fn made(sql: &str) -> impl Iterator<Item = &str> {
    ["CREATE TABLE dbo.", "CREATE SEQUENCE dbo."]
        .into_iter()
        .flat_map(|head| sql.split(head).skip(1).filter_map(|rest| rest.split(|c: char| !c.is_alphanumeric()).next()))
        .filter(|name| *name != TAKEN_OVER)
}

#[cfg(test)]
mod tests {
    use super::super::migrate::ours;
    use super::*;

    #[test]
    fn the_names_of_every_migration_are_refused_until_it_was_applied() {
        let all = check(&ours(), false);
        let names = ["Clients", "ClientIds", "InboxMessages", "OperatorActions", "MailAttempts", "Erasures"];
        for name in names {
            assert!(all.contains(&format!("N'{name}'")), "{name}: {all}");
        }
        assert!(!all.contains("N'OutboxMessages'") && !all.contains("version ="), "{all}");
        let pending: Vec<Migration> = ours().into_iter().filter(|one| one.version() == 7).collect();
        let rest = check(&pending, true);
        assert!(rest.contains("(N'Erasures') AND NOT EXISTS") && rest.contains("version = 7"), "{rest}");
        assert!(!rest.contains("Clients"), "{rest}");
        assert_eq!(check(&[], false), "");
    }
}
