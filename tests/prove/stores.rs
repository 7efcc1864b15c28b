//! A store for a proof: a SQLite file in memory, or a new database on a given server.

use crate::support::{
    backend::{Backend, SqliteBackend},
    sql_server::SqlServerBackend,
};
use serde_json::json;

/// Rows inserted by one statement.
const STEP: u32 = 1000;

pub enum Store {
    Sqlite(Box<SqliteBackend>),
    SqlServer(Box<SqlServerBackend>),
}

impl Store {
    /// `server`: an ADO connection string; its login may create databases.
    pub async fn start(server: Option<&str>) -> Self {
        match server {
            None => Self::Sqlite(Box::new(SqliteBackend::new())),
            Some(server) => Self::SqlServer(Box::new(SqlServerBackend::start_on(server).await)),
        }
    }

    pub fn backend(&self) -> &dyn Backend {
        match self {
            Self::Sqlite(backend) => &**backend,
            Self::SqlServer(backend) => &**backend,
        }
    }

    /// The settings with which our processes open it.
    pub fn settings(&self) -> Vec<(&'static str, String)> {
        match self {
            Self::Sqlite(backend) => vec![("Store__Path", backend.options.path.display().to_string())],
            Self::SqlServer(backend) => vec![
                ("Store__Kind", "sqlserver".to_owned()),
                ("SqlConnectionString", backend.options.connection.clone()),
            ],
        }
    }

    /// Inserts plain rows as another program does: `n0`, `n1`, …, with each of the keys in turn.
    pub fn insert(&self, rows: u32, keys: u32) {
        for from in (0..rows).step_by(STEP as usize) {
            let step: Vec<_> = (from..rows.min(from + STEP))
                .map(|n| json!({"n": n, "i": format!("n{n}"), "k": format!("k{}", n % keys)}))
                .collect();
            let json = serde_json::to_string(&step).unwrap();
            let columns = "INSERT INTO OutboxMessages (Id, EventType, Payload, OrderingKey)";
            let select = match self {
                Self::Sqlite(_) => format!(
                    "SELECT value ->> 'i', 'FinancialRecordCreated', '{{}}', value ->> 'k' FROM json_each('{json}') ORDER BY key"
                ),
                Self::SqlServer(_) => format!(
                    "SELECT i, N'FinancialRecordCreated', N'{{}}', k FROM OPENJSON(N'{json}') \
                     WITH (n int '$.n', i nvarchar(128) '$.i', k nvarchar(128) '$.k') ORDER BY n"
                ),
            };
            assert_eq!(self.backend().execute(&format!("{columns} {select}")), step.len());
        }
    }

    pub fn count(&self, what: &str) -> u64 {
        self.backend().query(&format!("SELECT COUNT(*) FROM OutboxMessages WHERE {what}")).unwrap().parse().unwrap()
    }
}
