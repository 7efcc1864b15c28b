//! A SQL Server as a contract's backend: a database of its own per test, where TEST_SQL_CONNECTION_STRING names a server.
//!
//! The store works under a login that has the role of grants.sql and nothing else, so every contract shows that it is
//! enough.

use super::{backend::Backend, skip};
use chrono::DateTime;
use client_organizer::{
    adapters::sqlserver::{SqlServer, SqlServerOptions, migrate, migrate_script::GRANTS},
    app::Stores,
};
use std::{future::Future, sync::atomic::AtomicI64};
use tiberius::{Client, ColumnData, Config};
use tokio::{net::TcpStream, sync::Mutex};
use tokio_util::compat::{Compat, TokioAsyncWriteCompatExt};

pub type Connection = Client<Compat<TcpStream>>;

pub struct SqlServerBackend {
    pub db: SqlServer,
    pub other: SqlServer,
    pub options: SqlServerOptions,
    /// A connection of another program.
    stranger: Mutex<Connection>,
    pub database: Database,
}

/// An empty database, dropped with this value where the server permits it.
pub struct Database {
    server: String,
    name: String,
}

/// The server to test against.
#[expect(clippy::disallowed_methods, reason = "a test's own switch, no setting of the program")]
pub fn server() -> Option<String> {
    let server = std::env::var("TEST_SQL_CONNECTION_STRING").ok().filter(|text| !text.trim().is_empty());
    if server.is_none() {
        skip::skip("TEST_SQL_CONNECTION_STRING is not set");
    }
    server
}

/// The same server, another database.
pub fn in_database(server: &str, database: &str) -> String {
    format!("{};Database={database}", without(server, &["database", "initial catalog"]))
}

/// The connection string but for these keywords, in lower case.
pub fn without(connection: &str, names: &[&str]) -> String {
    let kept = |part: &&str| {
        let name = part.split('=').next().unwrap_or_default().trim().to_lowercase();
        !names.contains(&name.as_str()) && !name.is_empty()
    };
    connection.split(';').filter(kept).collect::<Vec<_>>().join(";")
}

/// The login that all tests share; it has only the rights that a test grants.
const LOGIN: &str = "client_organizer_tests";
const PASSWORD: &str = "Outbox_test_2";

pub async fn connect(connection: &str) -> Connection {
    let config = Config::from_ado_string(connection).unwrap();
    let stream = TcpStream::connect(config.get_addr()).await.unwrap();
    stream.set_nodelay(true).unwrap();
    Box::pin(Client::connect(config, stream.compat_write())).await.unwrap()
}

/// Babelfish cannot create or drop two databases at once. The lock ends with the connection.
const ONE_AT_A_TIME: &str = "EXEC sp_getapplock @Resource = N'client-organizer test databases', @LockMode = 'Exclusive', \
    @LockOwner = 'Session', @LockTimeout = 60000;";

/// It checks a foreign key by the rights of whoever inserts, and locks the referenced row, which is a right to change it.
/// SQL Server needs none.
const FOR_BABELFISH: &str = "IF SERVERPROPERTY('BabelfishVersion') IS NOT NULL \
    GRANT UPDATE ON dbo.OperatorActions TO client_organizer;";

impl Database {
    /// `None`: no server is configured.
    pub async fn create() -> Option<Self> {
        Some(Self::create_on(&server()?).await)
    }

    pub async fn create_on(server: &str) -> Self {
        let name = format!("co_{}", uuid::Uuid::new_v4().simple());
        let mut master = connect(server).await;
        run(&mut master, &format!("{ONE_AT_A_TIME} CREATE DATABASE {name};")).await;
        // Under the same lock: it belongs to the database of the connection that takes it.
        let login = format!("IF SUSER_ID(N'{LOGIN}') IS NULL CREATE LOGIN {LOGIN} WITH PASSWORD = '{PASSWORD}';");
        run(&mut master, &login).await;
        Self { server: server.to_owned(), name }
    }

    /// A connection with all rights.
    pub fn connection(&self) -> String {
        in_database(&self.server, &self.name)
    }

    /// A connection string of the login that has only the role. The database must be migrated.
    pub async fn as_the_role(&self) -> String {
        let mut owner = connect(&self.connection()).await;
        for sql in [
            GRANTS,
            &format!("CREATE USER {LOGIN} FOR LOGIN {LOGIN};"),
            &format!("ALTER ROLE client_organizer ADD MEMBER {LOGIN};"),
        ] {
            run(&mut owner, sql).await;
        }
        let names = ["user id", "uid", "user", "username", "password", "pwd"];
        format!("{};User ID={LOGIN};Password={PASSWORD}", without(&self.connection(), &names))
    }
}

pub async fn run(connection: &mut Connection, sql: &str) {
    connection.simple_query(sql).await.unwrap().into_results().await.unwrap();
}

/// All rows of all result sets.
#[allow(dead_code, reason = "for a proof")]
pub async fn in_rows(connection: &mut Connection, sql: &str) -> Vec<tiberius::Row> {
    connection.simple_query(sql).await.unwrap().into_results().await.unwrap().into_iter().flatten().collect()
}

impl SqlServerBackend {
    /// `None`: no server is configured.
    pub async fn start() -> Option<Self> {
        Some(Self::start_on(&server()?).await)
    }

    pub async fn start_on(server: &str) -> Self {
        let database = Database::create_on(server).await;
        migrate::run(&SqlServerOptions::at(database.connection())).await.unwrap();
        Self::on(database).await
    }

    /// On a migrated database.
    pub async fn on(database: Database) -> Self {
        let options = SqlServerOptions::at(database.as_the_role().await);
        run(&mut connect(&database.connection()).await, FOR_BABELFISH).await;
        let db = SqlServer::open(&options).await.unwrap();
        let other = SqlServer::open(&options).await.unwrap();
        let stranger = Mutex::new(connect(&database.connection()).await);
        Self { db, other, options, stranger, database }
    }
}

impl Drop for Database {
    /// A database that is left behind is not a failure: open connections may prevent the drop.
    fn drop(&mut self) {
        let (server, name) = (self.server.clone(), self.name.clone());
        let dropped = async {
            let mut master = connect(&server).await;
            let alone = format!("ALTER DATABASE {name} SET SINGLE_USER WITH ROLLBACK IMMEDIATE");
            for sql in [alone, format!("{ONE_AT_A_TIME} DROP DATABASE {name};")] {
                if let Ok(stream) = master.simple_query(sql).await {
                    let _ = stream.into_results().await;
                }
            }
        };
        now(dropped);
    }
}

/// The trait stands for other programs, which block, so its functions are not async.
fn now<T>(work: impl Future<Output = T>) -> T {
    tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(work))
}

impl Backend for SqlServerBackend {
    fn stores(&self) -> Stores {
        Stores::of(self.db.clone())
    }
    fn others(&self) -> Stores {
        Stores::of(self.other.clone())
    }
    fn skew_ms(&self) -> &AtomicI64 {
        &self.options.skew_ms
    }
    fn execute(&self, sql: &str) -> usize {
        now(async {
            let mut stranger = self.stranger.lock().await;
            usize::try_from(stranger.execute(sql, &[]).await.unwrap().total()).unwrap()
        })
    }
    fn insert_slowly(&self, columns: &str, values: &str) -> Box<dyn FnOnce() + Send + '_> {
        let mut open = now(connect(&self.database.connection()));
        now(run(&mut open, &format!("BEGIN TRAN; INSERT INTO OutboxMessages ({columns}) VALUES ({values});")));
        Box::new(move || now(run(&mut open, "COMMIT TRAN;")))
    }
    fn query(&self, sql: &str) -> Option<String> {
        now(async {
            let mut stranger = self.stranger.lock().await;
            let row = stranger.query(sql, &[]).await.unwrap().into_row().await.unwrap()?;
            let (_, value) = row.cells().next().unwrap();
            match value {
                ColumnData::U8(n) => n.map(|n| n.to_string()),
                ColumnData::I16(n) => n.map(|n| n.to_string()),
                ColumnData::I32(n) => n.map(|n| n.to_string()),
                ColumnData::I64(n) => n.map(|n| n.to_string()),
                ColumnData::Bit(n) => n.map(|n| n.to_string()),
                ColumnData::String(text) => text.as_ref().map(ToString::to_string),
                ColumnData::Binary(bytes) => bytes.as_ref().map(|bytes| String::from_utf8_lossy(bytes).into_owned()),
                ColumnData::DateTime2(time) => time.map(|time| format!("{time:?}")),
                other => panic!("{sql}: {other:?}"),
            }
        })
    }
    fn plus_ms(&self, column: &str, ms: i64) -> String {
        format!("DATEADD(second, {}, DATEADD(millisecond, {}, {column}))", ms / 1000, ms % 1000)
    }
    fn at_ms(&self, ms: i64) -> String {
        let time = DateTime::from_timestamp_millis(ms).unwrap();
        format!("CAST('{}' AS datetime2(7))", time.format("%Y-%m-%dT%H:%M:%S%.3f"))
    }
    fn hex(&self, hex: &str) -> String {
        format!("0x{hex}")
    }
}
