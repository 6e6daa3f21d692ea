//! `views.db`: read models, the index of words, and snapshots.
//!
//! Everything here can be made again from the log, so commits are not fsynced and each row carries digests: what the
//! disk damaged is noticed and never shown. It is written seldom and by few, so no thread is kept for it: whoever
//! writes takes the one connection that can, on a thread where it may block. A write that was begun is finished, also
//! if nobody waits for it any more.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use model::lists::{Item, List};
use model::rows::Table;
use model::search::Term;
use model::{Position, WorkspaceName};
use rusqlite::{Connection, OptionalExtension as _, params};

use super::failure::{failed, nonsense};
use super::lists;
use super::opening::{Purpose, open_views};
use super::readers::{Readers, disorder};
use super::records::{number, raw};
use super::search;
use crate::stored::{StoredRow, above, intact_projected, intact_snapshot};
use crate::{Background, PlacedRow, Projection, Result, Snapshot, Span, StoreError, Terms, seal};

/// The read models.
#[derive(Clone)]
pub(super) struct Views {
    file: Arc<PathBuf>,
    /// If they are damaged and left so, every use of them says it.
    opened: Result<Opened>,
}

#[derive(Clone)]
struct Opened {
    // Before the writer, for the same reason as in `log.db`.
    readers: Readers,
    writer: Arc<Mutex<Connection>>,
}

impl Views {
    pub(super) fn open(path: &Path, purpose: Purpose) -> Result<Self> {
        let opened = match open_views(path, purpose) {
            Ok(writer) => {
                Ok(Opened { readers: Readers::new(path.to_owned()), writer: Arc::new(Mutex::new(writer)) })
            }
            Err(damaged @ StoreError::DamagedViews { .. }) => Err(damaged),
            Err(cause) => return Err(cause),
        };
        Ok(Self { file: Arc::new(path.to_owned()), opened })
    }

    /// Says which file it is that SQLite cannot make sense of.
    fn name(&self, error: StoreError) -> StoreError {
        match error {
            StoreError::Malformed(what) => StoreError::DamagedViews { file: self.file.to_path_buf(), what },
            other => other,
        }
    }

    async fn read<T: Send + 'static>(
        &self,
        query: impl FnOnce(&Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let Opened { readers, .. } = self.opened.as_ref().map_err(StoreError::clone)?;
        readers.run(query).await.map_err(|cause| self.name(cause))
    }

    async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let writer = self.opened.as_ref().map_err(StoreError::clone)?.writer.clone();
        let work = move || {
            let mut writer =
                writer.lock().map_err(|_| nonsense("an earlier write of a read model was cut short"))?;
            let transaction = writer.transaction().map_err(failed)?;
            let result = work(&transaction)?;
            transaction.commit().map_err(failed)?;
            Ok(result)
        };
        match tokio::task::spawn_blocking(work).await {
            Ok(result) => result.map_err(|cause| self.name(cause)),
            Err(panicked) => Err(StoreError::Database(format!("a write was cut short: {panicked}"))),
        }
    }

    pub(super) async fn projected(&self, log: WorkspaceName) -> Result<Position> {
        self.read(move |connection| projected(connection, &log)).await
    }

    pub(super) async fn project(
        &self,
        log: WorkspaceName,
        from: Position,
        to: Position,
        projection: Arc<Projection>,
    ) -> Result<bool> {
        self.write(move |connection| {
            if projected(connection, &log)? != from {
                return Ok(false);
            }
            let mut insert = connection
                .prepare_cached(
                    "INSERT INTO row (log, name, place, key, body, digest, place_digest)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
                     ON CONFLICT (log, name, key) DO UPDATE SET body = excluded.body, digest = excluded.digest",
                )
                .map_err(failed)?;
            let mut background = Background::begin();
            for PlacedRow { place, row } in &projection.rows {
                background.give_way();
                insert
                    .execute(params![
                        log.as_str(),
                        row.table.as_str(),
                        place.0.cast_signed(),
                        row.key,
                        row.body,
                        seal::row(&log, row).0,
                        seal::place(&log, row, *place).0
                    ])
                    .map_err(failed)?;
            }
            lists::write(connection, &log, from, &projection)?;
            connection
                .execute(
                    "INSERT OR REPLACE INTO projected (log, position, digest) VALUES (?, ?, ?)",
                    params![log.as_str(), to.0.cast_signed(), seal::projected(&log, to).0],
                )
                .map_err(failed)?;
            Ok(true)
        })
        .await
    }

    pub(super) async fn items(&self, log: WorkspaceName, list: List, span: Span) -> Result<Vec<Item>> {
        self.read(move |connection| lists::read(connection, &log, &list, span)).await
    }

    pub(super) async fn lists(&self, log: WorkspaceName, after: String, most: usize) -> Result<Vec<List>> {
        self.read(move |connection| lists::names(connection, &log, &after, most)).await
    }

    pub(super) async fn row(
        &self,
        log: WorkspaceName,
        table: Table,
        key: String,
    ) -> Result<Option<PlacedRow>> {
        self.read(move |connection| {
            let mut statement = connection
                .prepare_cached(
                    "SELECT place, key, body, digest, place_digest
                         FROM row WHERE log = ? AND name = ? AND key = ?",
                )
                .map_err(failed)?;
            let mut rows = statement.query(params![log.as_str(), table.as_str(), key]).map_err(failed)?;
            rows.next().map_err(failed)?.map(|row| placed(&log, table, row)).transpose()
        })
        .await
    }

    pub(super) async fn rows(
        &self,
        log: WorkspaceName,
        table: Table,
        after: Position,
        most: usize,
    ) -> Result<Vec<PlacedRow>> {
        self.read(move |connection| {
            let mut statement = connection
                .prepare_cached(
                    "SELECT place, key, body, digest, place_digest FROM row
                         WHERE log = ? AND name = ? AND place > ? ORDER BY place LIMIT ?",
                )
                .map_err(failed)?;
            let most = i64::try_from(most).unwrap_or(i64::MAX);
            let mut rows =
                statement.query(params![log.as_str(), table.as_str(), above(after), most]).map_err(failed)?;
            let mut page = Vec::new();
            while let Some(row) = rows.next().map_err(failed)? {
                page.push(placed(&log, table, row)?);
            }
            Ok(page)
        })
        .await
    }

    /// Takes away the rows of a log, and those that belong to none of `logs`.
    pub(super) async fn clear(&self, log: WorkspaceName, logs: Vec<WorkspaceName>) -> Result<()> {
        self.write(move |connection| {
            let sql = "DELETE FROM row WHERE log = ? OR log NOT IN (SELECT value FROM json_each(?))";
            connection.execute(sql, params![log.as_str(), names(&logs)]).map_err(failed)?;
            lists::clear(connection, &log, &names(&logs))?;
            search::clear(connection, &log, &names(&logs))?;
            connection.execute("DELETE FROM projected WHERE log = ?", [log.as_str()]).map_err(failed)?;
            Ok(())
        })
        .await
    }

    /// Checks that rows are found by their keys, and that all belong to one of `logs` and to a table.
    pub(super) async fn check(&self, logs: Vec<WorkspaceName>) -> Result<()> {
        self.read(move |connection| {
            for table in ["row", "run"] {
                if let Some(what) = disorder(connection, table)? {
                    return Err(StoreError::DamagedRow(what));
                }
            }
            lists::check(connection, &names(&logs))?;
            search::check(connection, &names(&logs))?;
            let sql = "SELECT name, key, log FROM row
                           WHERE log NOT IN (SELECT value FROM json_each(?1))
                               OR name NOT IN (SELECT value FROM json_each(?2)) LIMIT 1";
            let tables: Vec<&str> = Table::ALL.iter().map(|table| table.as_str()).collect();
            let tables = serde_json::to_string(&tables).expect("texts always serialise");
            let mut statement = connection.prepare_cached(sql).map_err(failed)?;
            let mut rows = statement.query(params![names(&logs), tables]).map_err(failed)?;
            let Some(row) = rows.next().map_err(failed)? else { return Ok(()) };
            let [name, key, log] = [0, 1, 2].map(|column| String::from_utf8_lossy(raw(row, column)));
            Err(StoreError::DamagedRow(format!("{name} {key:?} of {log}, which there is not")))
        })
        .await
    }

    pub(super) async fn indexed(&self, log: WorkspaceName) -> Result<Position> {
        self.read(move |connection| search::indexed(connection, &log)).await
    }

    pub(super) async fn index(
        &self,
        log: WorkspaceName,
        from: Position,
        to: Position,
        documents: Vec<Terms>,
    ) -> Result<bool> {
        self.write(move |connection| search::index(connection, &log, from, to, &documents)).await
    }

    pub(super) async fn search(
        &self,
        log: WorkspaceName,
        terms: Vec<Term>,
        before: Option<Position>,
        most: usize,
    ) -> Result<Vec<Position>> {
        self.read(move |connection| search::search(connection, &log, &terms, before, most)).await
    }

    pub(super) async fn save_snapshot(&self, log: WorkspaceName, snapshot: Snapshot) -> Result<()> {
        self.write(move |connection| {
            connection
                .execute(
                    "INSERT OR REPLACE INTO snapshot (log, position, hash, state, digest) VALUES (?, ?, ?, ?, ?)",
                    params![
                        log.as_str(),
                        snapshot.position.0.cast_signed(),
                        snapshot.hash.0,
                        snapshot.state,
                        seal::snapshot(&log, &snapshot).0
                    ],
                )
                .map_err(failed)?;
            Ok(())
        })
        .await
    }

    pub(super) async fn snapshot(&self, log: WorkspaceName) -> Result<Option<Snapshot>> {
        self.read(move |connection| {
            let found = connection
                .query_row(
                    "SELECT position, hash, state, digest FROM snapshot WHERE log = ?",
                    [log.as_str()],
                    |row| {
                        Ok((
                            row.get::<_, i64>(0)?,
                            row.get::<_, Vec<u8>>(1)?,
                            row.get::<_, Vec<u8>>(2)?,
                            row.get::<_, Vec<u8>>(3)?,
                        ))
                    },
                )
                .optional()
                .map_err(failed)?;
            Ok(found.and_then(|(position, hash, state, digest)| {
                intact_snapshot(&log, position, &hash, state, &digest)
            }))
        })
        .await
    }
}

/// Names of logs, for [`json_each`](https://sqlite.org/json1.html#jeach).
fn names(logs: &[WorkspaceName]) -> String {
    let names: Vec<&str> = logs.iter().map(WorkspaceName::as_str).collect();
    serde_json::to_string(&names).expect("texts always serialise")
}

fn projected(connection: &Connection, log: &WorkspaceName) -> Result<Position> {
    let mut statement =
        connection.prepare_cached("SELECT position, digest FROM projected WHERE log = ?").map_err(failed)?;
    let mut rows = statement.query([log.as_str()]).map_err(failed)?;
    // The file may have been deleted: then everything is projected from the start.
    let Some(row) = rows.next().map_err(failed)? else { return Ok(Position::START) };
    intact_projected(log, number(row, 0), raw(row, 1))
}

fn placed(log: &WorkspaceName, table: Table, row: &rusqlite::Row<'_>) -> Result<PlacedRow> {
    let stored = StoredRow {
        place: number(row, 0),
        key: raw(row, 1),
        body: raw(row, 2),
        digest: raw(row, 3),
        place_digest: raw(row, 4),
    };
    stored.placed(log, table)
}
