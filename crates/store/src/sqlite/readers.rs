//! Connections: how they are opened, and the pool of read-only ones.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags};
use tokio::sync::Semaphore;

use super::failure::failed;
use super::files;
use crate::{Result, StoreError, limits};

/// Opens a database for its one writer. `sync` is SQLite's `synchronous` setting.
pub(super) fn open_for_writing(path: &Path, sync: &str) -> Result<Connection> {
    files::make(path)?;
    let connection = Connection::open(path).map_err(failed)?;
    connection.busy_timeout(Duration::from_secs(10)).map_err(failed)?;
    connection.pragma_update(None, "journal_mode", "WAL").map_err(failed)?;
    connection.pragma_update(None, "synchronous", sync).map_err(failed)?;
    connection.pragma_update(None, "cache_size", -8192).map_err(failed)?;
    connection.set_prepared_statement_cache_capacity(32);
    plan_once(&connection)?;
    Ok(connection)
}

/// Keeps SQLite from planning for the values that are bound: it would look at those of a `LIMIT`, and so parse and plan a
/// prepared statement again for every execution.
fn plan_once(connection: &Connection) -> Result<()> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true).map(drop).map_err(failed)
}

/// Whether the rows of a table are in order and each of its indices leads to all of them; if not, what is wrong.
pub(super) fn disorder(connection: &Connection, table: &str) -> Result<Option<String>> {
    let found = fault(connection, &format!("integrity_check('{table}')"))?;
    Ok(found.map(|what| format!("the table {table:?}: {what}")))
}

/// The first thing that one of SQLite's checks finds, if any.
pub(super) fn fault(connection: &Connection, check: &str) -> Result<Option<String>> {
    match connection.query_row(&format!("PRAGMA {check}"), [], |row| row.get::<_, String>(0)) {
        Ok(said) => Ok((said != "ok").then_some(said)),
        // The statement is right. FTS5 fails it if it cannot make sense of how its table was made.
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::Unknown) => Ok(Some(error.to_string())),
        Err(error) => Err(failed(error)),
    }
}

/// A pool of read-only connections to one database, made when needed: [`limits::READERS`] at most, and whoever comes when
/// all are lent waits for one.
#[derive(Clone)]
pub(super) struct Readers {
    path: Arc<PathBuf>,
    idle: Arc<Mutex<Vec<Connection>>>,
    /// A permit for each connection that may be lent.
    free: Arc<Semaphore>,
}

impl Readers {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path: Arc::new(path), idle: Arc::default(), free: Arc::new(Semaphore::new(limits::READERS)) }
    }

    /// Runs a query on a thread where it may block. The connection holds no transaction when it returns.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        query: impl FnOnce(&Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let permit = self.free.clone().acquire_owned().await.expect("the semaphore is never closed");
        let pool = self.clone();
        let work = move || {
            // Held as long as the query runs, also if nobody waits for it any more.
            let _permit = permit;
            let connection = pool.take()?;
            let result = query(&connection);
            pool.put_back(connection);
            result
        };
        match tokio::task::spawn_blocking(work).await {
            Ok(result) => result,
            Err(panicked) => Err(StoreError::Database(format!("a query was cut short: {panicked}"))),
        }
    }

    fn take(&self) -> Result<Connection> {
        let idle = self.idle.lock().expect("nothing panics while it holds the pool").pop();
        if let Some(connection) = idle {
            return Ok(connection);
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(&*self.path, flags).map_err(failed)?;
        connection.busy_timeout(Duration::from_secs(10)).map_err(failed)?;
        connection.pragma_update(None, "cache_size", -2048).map_err(failed)?;
        plan_once(&connection)?;
        Ok(connection)
    }

    fn put_back(&self, connection: Connection) {
        self.idle.lock().expect("nothing panics while it holds the pool").push(connection);
    }
}
