//! `views.db`: read models and snapshots, and the thread that writes them.
//!
//! Everything here can be made again from the log, so commits are not fsynced and each row carries a digest: what the
//! disk damaged is noticed and never shown.

use std::path::Path;
use std::sync::{Arc, Mutex};

use model::rows::{Row, Table};
use model::{Position, WorkspaceName};
use rusqlite::{Connection, OptionalExtension as _, params};

use super::failure::{failed, nonsense};
use super::migrations;
use super::readers::{Readers, open_for_writing};
use crate::stored::{intact_row, intact_snapshot, row_digest, snapshot_digest};
use crate::{PlacedRow, Result, Snapshot, StoreError};

/// The read models.
#[derive(Clone)]
pub(super) struct Views {
    writer: Arc<Mutex<Connection>>,
    readers: Readers,
}

impl Views {
    pub(super) fn open(path: &Path) -> Result<Self> {
        let mut writer = open_for_writing(path, "NORMAL")?;
        migrations::migrate(&mut writer, migrations::VIEWS)?;
        Ok(Self { writer: Arc::new(Mutex::new(writer)), readers: Readers::new(path.to_owned()) })
    }

    async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let writer = self.writer.clone();
        let work = move || {
            let mut writer =
                writer.lock().map_err(|_| nonsense("an earlier write of a read model was cut short"))?;
            let transaction = writer.transaction().map_err(failed)?;
            let result = work(&transaction)?;
            transaction.commit().map_err(failed)?;
            Ok(result)
        };
        match tokio::task::spawn_blocking(work).await {
            Ok(result) => result,
            Err(panicked) => Err(StoreError::Database(format!("a write was cut short: {panicked}"))),
        }
    }

    pub(super) async fn projected(&self, log: WorkspaceName) -> Result<Position> {
        self.readers.run(move |connection| projected(connection, &log)).await
    }

    pub(super) async fn project(
        &self,
        log: WorkspaceName,
        from: Position,
        to: Position,
        rows: Vec<PlacedRow>,
    ) -> Result<bool> {
        self.write(move |connection| {
            if projected(connection, &log)? != from {
                return Ok(false);
            }
            let mut insert = connection
                .prepare_cached(
                    "INSERT INTO row (log, name, place, key, body, digest) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
                     ON CONFLICT (log, name, key) DO UPDATE SET body = excluded.body, digest = excluded.digest",
                )
                .map_err(failed)?;
            for PlacedRow { place, row } in &rows {
                let digest = row_digest(&log, row);
                insert
                    .execute(params![
                        log.as_str(),
                        row.table.as_str(),
                        place.0.cast_signed(),
                        row.key,
                        row.body,
                        digest.0
                    ])
                    .map_err(failed)?;
            }
            connection
                .execute(
                    "INSERT OR REPLACE INTO projected (log, position) VALUES (?, ?)",
                    params![log.as_str(), to.0.cast_signed()],
                )
                .map_err(failed)?;
            Ok(true)
        })
        .await
    }

    pub(super) async fn row(
        &self,
        log: WorkspaceName,
        table: Table,
        key: String,
    ) -> Result<Option<PlacedRow>> {
        self.readers
            .run(move |connection| {
                let mut statement = connection
                    .prepare_cached(
                        "SELECT place, key, body, digest FROM row WHERE log = ? AND name = ? AND key = ?",
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
        self.readers
            .run(move |connection| {
                let mut statement = connection
                    .prepare_cached(
                        "SELECT place, key, body, digest FROM row
                         WHERE log = ? AND name = ? AND place > ? ORDER BY place LIMIT ?",
                    )
                    .map_err(failed)?;
                let most = i64::try_from(most).unwrap_or(i64::MAX);
                let mut rows = statement
                    .query(params![log.as_str(), table.as_str(), after.0.cast_signed(), most])
                    .map_err(failed)?;
                let mut page = Vec::new();
                while let Some(row) = rows.next().map_err(failed)? {
                    page.push(placed(&log, table, row)?);
                }
                Ok(page)
            })
            .await
    }

    pub(super) async fn clear(&self, log: WorkspaceName) -> Result<()> {
        self.write(move |connection| {
            connection.execute("DELETE FROM row WHERE log = ?", [log.as_str()]).map_err(failed)?;
            connection.execute("DELETE FROM projected WHERE log = ?", [log.as_str()]).map_err(failed)?;
            Ok(())
        })
        .await
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
                        snapshot_digest(&log, &snapshot).0
                    ],
                )
                .map_err(failed)?;
            Ok(())
        })
        .await
    }

    pub(super) async fn snapshot(&self, log: WorkspaceName) -> Result<Option<Snapshot>> {
        self.readers
            .run(move |connection| {
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

fn projected(connection: &Connection, log: &WorkspaceName) -> Result<Position> {
    let position = connection
        .query_row("SELECT position FROM projected WHERE log = ?", [log.as_str()], |row| row.get::<_, i64>(0))
        .optional()
        .map_err(failed)?;
    Ok(Position(position.unwrap_or(0).cast_unsigned()))
}

fn placed(log: &WorkspaceName, table: Table, row: &rusqlite::Row<'_>) -> Result<PlacedRow> {
    let place = Position(row.get::<_, i64>(0).map_err(failed)?.cast_unsigned());
    let found = Row { table, key: row.get(1).map_err(failed)?, body: row.get(2).map_err(failed)? };
    intact_row(log, place, found, &row.get::<_, Vec<u8>>(3).map_err(failed)?)
}
