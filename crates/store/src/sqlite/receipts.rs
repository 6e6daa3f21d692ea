//! The statements on receipts.

use model::{Principal, Timestamp, WorkspaceName};
use rusqlite::types::Value;
use rusqlite::{Connection, Row, params};

use super::failure::failed;
use super::records::{id, number, raw};
use crate::stored::StoredReceipt;
use crate::{Receipt, Result, limits, seal};

/// Writes a receipt, in place of an older one under its key.
pub(super) fn write(connection: &Connection, id: i64, log: &WorkspaceName, receipt: &Receipt) -> Result<()> {
    connection
        .prepare_cached(
            "INSERT OR REPLACE INTO receipt (log, principal, key, command, first, last, at, digest)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        )
        .and_then(|mut insert| {
            insert.execute(params![
                id,
                receipt.by.as_str(),
                receipt.key,
                receipt.command.0,
                receipt.first.0.cast_signed(),
                receipt.last.0.cast_signed(),
                receipt.at.as_millis(),
                seal::receipt(log, receipt).0
            ])
        })
        .map_err(failed)?;
    Ok(())
}

/// Reads `principal, key, command, first, last, at, digest`, the first columns of a row.
fn stored_receipt<'a>(row: &'a Row<'_>) -> StoredReceipt<'a> {
    StoredReceipt {
        by: raw(row, 0),
        key: raw(row, 1),
        command: raw(row, 2),
        first: number(row, 3),
        last: number(row, 4),
        at: number(row, 5),
        digest: raw(row, 6),
    }
}

pub(super) fn find(
    connection: &Connection,
    log: &WorkspaceName,
    by: &Principal,
    key: &str,
) -> Result<Option<Receipt>> {
    let mut statement = connection
        .prepare_cached(
            "SELECT principal, key, command, first, last, at, digest
             FROM receipt WHERE log = ? AND principal = ? AND key = ?",
        )
        .map_err(failed)?;
    let mut rows = statement.query(params![id(connection, log)?, by.as_str(), key]).map_err(failed)?;
    rows.next().map_err(failed)?.map(|row| stored_receipt(row).receipt(Some(log))).transpose()
}

pub(super) fn expire(connection: &Connection, log: &WorkspaceName, before: Timestamp) -> Result<bool> {
    let id = id(connection, log)?;
    let mut old = connection
        .prepare_cached(
            "SELECT principal, key, command, first, last, at, digest
             FROM receipt WHERE log = ? AND at < ? ORDER BY at LIMIT ?",
        )
        .map_err(failed)?;
    let mut rows = old.query(params![id, before.as_millis(), limits::EXPIRE_BATCH as i64]).map_err(failed)?;
    let (mut found, mut expired) = (0, Vec::new());
    while let Some(row) = rows.next().map_err(failed)? {
        found += 1;
        match stored_receipt(row).receipt(Some(log)) {
            Ok(receipt) => expired.push(receipt),
            // It may not be old at all: if its time is what is damaged, it still counts.
            Err(cause) => tracing::error!(%cause, "a receipt is not swept away"),
        }
    }
    drop(rows);
    let mut delete = connection
        .prepare_cached("DELETE FROM receipt WHERE log = ? AND principal = ? AND key = ?")
        .map_err(failed)?;
    for receipt in &expired {
        delete.execute(params![id, receipt.by.as_str(), receipt.key]).map_err(failed)?;
    }
    // Where nothing but damaged ones is left there is no more to be done.
    Ok(found == limits::EXPIRE_BATCH && !expired.is_empty())
}

/// Checks the receipts of a log, and that there are none that belong to no log.
pub(super) fn check(connection: &Connection, log: &WorkspaceName) -> Result<()> {
    each(connection, log, |row, of_the_log| stored_receipt(row).receipt(of_the_log.then_some(log)).map(drop))
}

/// Takes away the damaged receipts of a log, and those that belong to none.
pub(super) fn forget_damaged(connection: &Connection, log: &WorkspaceName) -> Result<()> {
    let mut damaged: Vec<[Value; 3]> = Vec::new();
    each(connection, log, |row, of_the_log| {
        if stored_receipt(row).receipt(of_the_log.then_some(log)).is_err() {
            damaged.push([
                row.get(8).map_err(failed)?,
                row.get(0).map_err(failed)?,
                row.get(1).map_err(failed)?,
            ]);
        }
        Ok(())
    })?;
    for place in damaged {
        connection
            .execute("DELETE FROM receipt WHERE log = ? AND principal = ? AND key = ?", place)
            .map_err(failed)?;
    }
    Ok(())
}

/// The receipts of a log and those that belong to none; whether it is one of the former comes along.
fn each(
    connection: &Connection,
    log: &WorkspaceName,
    mut look: impl FnMut(&Row<'_>, bool) -> Result<()>,
) -> Result<()> {
    let mut statement = connection
        .prepare_cached(
            "SELECT principal, key, command, first, last, at, receipt.digest, log.id IS NOT NULL, receipt.log
             FROM receipt LEFT JOIN log ON log.id = receipt.log WHERE receipt.log = ? OR log.id IS NULL",
        )
        .map_err(failed)?;
    let mut rows = statement.query([id(connection, log)?]).map_err(failed)?;
    while let Some(row) = rows.next().map_err(failed)? {
        look(row, row.get(7).map_err(failed)?)?;
    }
    Ok(())
}
