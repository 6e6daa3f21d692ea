//! Where stories take place.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use guildhall_store::{MemoryStore, PostgresStore, SqliteStore, Store};
use postgres_harness::Database;

/// Runs a story to its end; one that hangs has failed.
pub(crate) fn run(story: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        tokio::time::timeout(Duration::from_secs(300), story).await.expect("the story hangs");
    });
}

pub(crate) fn memory<F: Future<Output = ()>>(story: impl FnOnce(Arc<dyn Store>) -> F) {
    run(story(Arc::new(MemoryStore::default())));
}

pub(crate) fn sqlite<F: Future<Output = ()>>(story: impl FnOnce(Arc<dyn Store>) -> F) {
    let directory = tempfile::tempdir().unwrap();
    run(async { story(Arc::new(SqliteStore::open(directory.path()).unwrap())).await });
}

pub(crate) fn postgres<F: Future<Output = ()>>(story: impl FnOnce(Arc<dyn Store>) -> F) {
    run(async {
        let database = Database::create().await;
        story(Arc::new(PostgresStore::connect(&database.url()).await.unwrap())).await;
    });
}
