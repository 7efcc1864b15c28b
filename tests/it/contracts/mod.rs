//! One contract suite per port; each test is written once and run on every backend.

/// Lists a suite's tests: each an `async fn name(backend: &impl Backend)`. One line per backend.
macro_rules! contract {
    ($($name:ident),+ $(,)?) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                super::$name(&crate::support::backend::SqliteBackend::new()).await;
            })+
        }
        mod sqlserver {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                let Some(backend) = crate::support::sql_server::SqlServerBackend::start().await else { return };
                super::$name(&backend).await;
            })+
        }
    };
}

mod outbox;
mod breaker;
mod retention;
mod heartbeats;
mod books;
mod inbox;
mod rate_limit;
mod remedies;
mod pauses;
mod reports;
mod bus;
