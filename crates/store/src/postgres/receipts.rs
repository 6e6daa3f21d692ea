//! Receipts.

use model::{Principal, Timestamp, WorkspaceName};
use tokio_postgres::Row;

use super::failure::failed;
use super::pool::Pool;
use crate::stored::StoredReceipt;
use crate::{Hash, Receipt, Result, StoreError, limits};

/// The columns of a receipt, and the number of the log it belongs to, if there is that log.
macro_rules! columns {
    () => {
        "principal, key, command, first, last, at, receipt.digest, log.id, key_digest, receipt.log"
    };
}

/// Reads these columns; the receipt must belong to `log`.
fn receipt_of(row: &Row, log: &WorkspaceName) -> Result<Receipt> {
    let number = |column| row.try_get(column).map_err(failed);
    let bytes = |column| row.try_get(column).map_err(failed);
    let (by, belongs): (&str, Option<i32>) =
        (row.try_get(0).map_err(failed)?, row.try_get(7).map_err(failed)?);
    let stored = StoredReceipt {
        by: by.as_bytes(),
        key: bytes(1)?,
        command: bytes(2)?,
        first: number(3)?,
        last: number(4)?,
        at: number(5)?,
        digest: bytes(6)?,
    };
    let receipt = stored.receipt(belongs.map(|_| log))?;
    // By this it is found.
    if Hash::of(receipt.key.as_bytes()).0 != *bytes(8)? {
        let Receipt { by, key, .. } = receipt;
        return Err(StoreError::DamagedReceipt { log: log.to_string(), by: by.to_string(), key });
    }
    Ok(receipt)
}

pub(super) async fn find(
    pool: &Pool,
    id: i32,
    log: &WorkspaceName,
    by: &Principal,
    key: &str,
) -> Result<Option<Receipt>> {
    let sql = concat!(
        "SELECT ",
        columns!(),
        " FROM receipt JOIN log ON log.id = receipt.log
          WHERE receipt.log = $1 AND principal = $2 AND key_digest = $3"
    );
    let digest = Hash::of(key.as_bytes());
    let rows = pool.query(sql, &[&id, &by.as_str(), &digest.0.as_slice()]).await?;
    let found = rows.first().map(|row| receipt_of(row, log)).transpose()?;
    match found {
        Some(receipt) if receipt.key != key => {
            let (log, by) = (log.to_string(), by.to_string());
            Err(StoreError::DamagedReceipt { log, by, key: receipt.key })
        }
        found => Ok(found),
    }
}

pub(super) async fn expire(pool: &Pool, id: i32, log: &WorkspaceName, before: Timestamp) -> Result<bool> {
    let sql = concat!(
        "SELECT ",
        columns!(),
        " FROM receipt JOIN log ON log.id = receipt.log
          WHERE receipt.log = $1 AND at < $2 ORDER BY at LIMIT $3"
    );
    let rows = pool.query(sql, &[&id, &before.as_millis(), &(limits::EXPIRE_BATCH as i64)]).await?;
    let (mut principals, mut digests) = (Vec::new(), Vec::new());
    for row in &rows {
        match receipt_of(row, log) {
            Ok(receipt) => {
                principals.push(receipt.by.to_string());
                digests.push(Hash::of(receipt.key.as_bytes()).0.to_vec());
            }
            // It may not be old at all: if its time is what is damaged, it still counts.
            Err(cause) => tracing::error!(%cause, "a receipt is not swept away"),
        }
    }
    // What an append has replaced meanwhile, or is replacing just now, is not old.
    let sql = "WITH old AS MATERIALIZED (
                   SELECT principal, key_digest FROM receipt
                   WHERE log = $1 AND at < $2
                       AND (principal, key_digest) IN (SELECT * FROM unnest($3::text[], $4::bytea[]))
                   FOR UPDATE SKIP LOCKED)
               DELETE FROM receipt USING old
               WHERE log = $1 AND receipt.principal = old.principal AND receipt.key_digest = old.key_digest
               RETURNING 1";
    let removed = pool.query(sql, &[&id, &before.as_millis(), &principals, &digests]).await?;
    // Where nothing can be removed there is no more to be done.
    Ok(rows.len() == limits::EXPIRE_BATCH && !removed.is_empty())
}

/// Where a receipt stands: its log, its principal, its key's digest.
type Place = (i32, String, Vec<u8>);

/// Before all of them.
const FIRST: Place = (i32::MIN, String::new(), Vec::new());

fn place_of(row: &Row) -> Result<Place> {
    let by = row.try_get(0).map_err(failed)?;
    Ok((row.try_get(9).map_err(failed)?, by, row.try_get(8).map_err(failed)?))
}

/// Checks the receipts of a log, and that there are none that belong to no log.
pub(super) async fn check(pool: &Pool, id: i32, log: &WorkspaceName) -> Result<()> {
    let mut place = FIRST;
    loop {
        let page = page(pool, id, &place).await?;
        let Some(last) = page.last() else { return Ok(()) };
        place = place_of(last)?;
        page.iter().try_for_each(|row| receipt_of(row, log).map(drop))?;
    }
}

/// Takes away the damaged receipts of a log, and those that belong to none.
pub(super) async fn forget_damaged(pool: &Pool, id: i32, log: &WorkspaceName) -> Result<()> {
    let mut place = FIRST;
    loop {
        let page = page(pool, id, &place).await?;
        let Some(last) = page.last() else { return Ok(()) };
        place = place_of(last)?;
        for row in page.iter().filter(|row| receipt_of(row, log).is_err()) {
            let (number, by, digest) = place_of(row)?;
            let sql = "DELETE FROM receipt WHERE log = $1 AND principal = $2 AND key_digest = $3";
            pool.query(sql, &[&number, &by, &digest]).await?;
        }
    }
}

/// Some of the receipts of a log and of those that belong to none, after a place.
async fn page(pool: &Pool, id: i32, (number, by, digest): &Place) -> Result<Vec<Row>> {
    let sql = concat!(
        "SELECT ",
        columns!(),
        " FROM receipt LEFT JOIN log ON log.id = receipt.log
          WHERE (receipt.log = $1 OR log.id IS NULL) AND (receipt.log, principal, key_digest) > ($2, $3, $4)
          ORDER BY receipt.log, principal, key_digest LIMIT $5"
    );
    pool.query(sql, &[&id, number, by, digest, &(limits::CHECK_ROWS as i64)]).await
}
