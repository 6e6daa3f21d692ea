//! Reading logs and receipts.

use bytes::Bytes;
use model::{Position, Principal, Timestamp, WorkspaceName};
use tokio_postgres::Row;
use uuid::Uuid;

use super::failure::{Failure, failed, nonsense};
use super::pool::{Lent, Pool};
use crate::stored::log_name;
use crate::{Batch, Hash, Head, Incarnation, PageLimit, Receipt, Record, Result, StoreError, limits};

/// A signed number as stored; no position is as large as the largest.
pub(super) fn stored(position: Position) -> i64 {
    i64::try_from(position.0).unwrap_or(i64::MAX)
}

pub(super) fn position(row: &Row, column: usize) -> Result<Position> {
    Ok(Position(row.try_get::<_, i64>(column).map_err(failed)?.cast_unsigned()))
}

fn hash(row: &Row, column: usize) -> Result<Hash> {
    let bytes: &[u8] = row.try_get(column).map_err(failed)?;
    Hash::from_slice(bytes).ok_or_else(|| nonsense("a hash has the wrong length"))
}

fn bytes(row: &Row, column: usize) -> Result<Bytes> {
    row.try_get(column).map(Bytes::copy_from_slice).map_err(failed)
}

/// Reads `position, hash, incarnation`, the first columns of a row.
pub(super) fn head_of(row: &Row) -> Result<Head> {
    let incarnation: &[u8] = row.try_get(2).map_err(failed)?;
    let incarnation = Uuid::from_slice(incarnation).map_err(|_| nonsense("an incarnation is no UUID"))?;
    Ok(Head { position: position(row, 0)?, hash: hash(row, 1)?, incarnation: Incarnation(incarnation) })
}

pub(super) async fn log_names(pool: &Pool) -> Result<Vec<WorkspaceName>> {
    let rows = pool.query("SELECT name FROM log ORDER BY id", &[]).await?;
    let names = rows.iter().map(|row| {
        log_name(row.try_get(0).map_err(failed)?).ok_or_else(|| nonsense("a log has an impossible name"))
    });
    names.collect()
}

/// A log's number, and where it ends.
pub(super) async fn head(pool: &Pool, log: &WorkspaceName) -> Result<Option<(i32, Head)>> {
    let sql = "SELECT position, hash, incarnation, id FROM log WHERE name = $1";
    let rows = pool.query(sql, &[&log.as_str()]).await?;
    rows.first().map(|row| Ok((row.try_get(3).map_err(failed)?, head_of(row)?))).transpose()
}

/// Where a log ends, and whether this batch is in it: both as of one moment.
pub(super) async fn head_and(pool: &Pool, batch: &Batch) -> Result<(Head, bool)> {
    let last = batch.head();
    let sql = "SELECT position, hash, incarnation, EXISTS (
                   SELECT FROM event WHERE event.log = log.id AND event.position = $2 AND event.hash = $3)
               FROM log WHERE name = $1";
    let rows =
        pool.query(sql, &[&batch.log.as_str(), &stored(last.position), &last.hash.0.as_slice()]).await?;
    let row = rows.first().ok_or_else(|| StoreError::NoSuchLog(batch.log.to_string()))?;
    let head = head_of(row)?;
    let ours: bool = row.try_get(3).map_err(failed)?;
    Ok((head, ours && head.incarnation == last.incarnation))
}

/// Whether this batch is in its log, on a connection that holds the log's lock.
pub(super) async fn holds(lent: &mut Lent, batch: &Batch) -> std::result::Result<bool, Failure> {
    let last = batch.head();
    let sql = "SELECT FROM log JOIN event ON event.log = log.id AND event.position = $2 AND event.hash = $3
               WHERE name = $1 AND incarnation = $4";
    let found = lent
        .query(
            sql,
            &[
                &batch.log.as_str(),
                &stored(last.position),
                &last.hash.0.as_slice(),
                &last.incarnation.0.as_bytes().as_slice(),
            ],
        )
        .await?;
    Ok(!found.is_empty())
}

/// Makes a log, unless another node did so meanwhile.
pub(super) async fn create_log(pool: &Pool, log: &WorkspaceName, fresh: Incarnation) -> Result<()> {
    let sql = "WITH made AS (
                   INSERT INTO log (name, incarnation, position, hash) VALUES ($1, $2, 0, $3)
                   ON CONFLICT DO NOTHING RETURNING id)
               INSERT INTO projected (log, position) SELECT id, 0 FROM made";
    let genesis = Head::empty(log, fresh).hash;
    pool.query(sql, &[&log.as_str(), &fresh.0.as_bytes().as_slice(), &genesis.0.as_slice()]).await?;
    Ok(())
}

/// The server adds up sizes, which costs no reading of the bodies, so that it sends no more than the page may hold.
/// The event before the page comes along: its hash is what the first of the page must link to.
const PAGE: &str = "
    SELECT position, header, digest, hash, coalesce(body, blob) FROM (
        SELECT event.position, header, event.digest, hash, event.body, blob.body AS blob,
            sum(CASE WHEN event.position <= $2 THEN 0
                ELSE octet_length(header)::bigint + coalesce(octet_length(event.body), octet_length(blob.body), 0)
                END) OVER (ORDER BY event.position ROWS UNBOUNDED PRECEDING) AS size
        FROM event LEFT JOIN blob ON event.body IS NULL AND blob.log = event.log AND blob.digest = event.digest
        WHERE event.log = $1 AND event.position >= $2
        ORDER BY event.position LIMIT $3
    ) AS page
    WHERE position <= $2 + 1 OR size <= $4::bigint
    ORDER BY position";

pub(super) async fn read(
    pool: &Pool,
    id: i32,
    log: &WorkspaceName,
    after: Position,
    limit: PageLimit,
) -> Result<Vec<Record>> {
    let Ok(from) = i64::try_from(after.0.saturating_add(1)) else { return Ok(vec![]) };
    let from = from - 1;
    let most = i64::try_from(limit.events.max(1)).unwrap_or(i64::MAX);
    // Before the first event stands none that could come along.
    let most = if after == Position::START { most } else { most.saturating_add(1) };
    let size = i64::try_from(limit.bytes).unwrap_or(i64::MAX);
    let rows = pool.query(PAGE, &[&id, &from, &most, &size]).await?;
    let mut previous = (after == Position::START).then(|| Hash::genesis(log));
    let mut expected = if after == Position::START { after.next() } else { after };
    let mut page = Vec::with_capacity(rows.len());
    for row in &rows {
        if position(row, 0)? != expected {
            return Err(StoreError::Damaged {
                log: log.to_string(),
                position: expected,
                what: "it is missing".into(),
            });
        }
        let link = previous.replace(hash(row, 3)?);
        if let Some(link) = link {
            let body: Option<&[u8]> = row.try_get(4).map_err(failed)?;
            let record = Record {
                position: expected,
                header: bytes(row, 1)?,
                body: body.map(Bytes::copy_from_slice),
                digest: hash(row, 2)?,
                hash: hash(row, 3)?,
            };
            record.check(log, &link)?;
            page.push(record);
        }
        expected = expected.next();
    }
    Ok(page)
}

pub(super) async fn receipt(pool: &Pool, id: i32, by: &Principal, key: &str) -> Result<Option<Receipt>> {
    let sql =
        "SELECT command, first, last, at FROM receipt WHERE log = $1 AND principal = $2 AND key_digest = $3";
    let digest = Hash::of(key.as_bytes());
    let rows = pool.query(sql, &[&id, &by.as_str(), &digest.0.as_slice()]).await?;
    let Some(row) = rows.first() else { return Ok(None) };
    Ok(Some(Receipt {
        by: by.clone(),
        key: key.to_owned(),
        command: hash(row, 0)?,
        first: position(row, 1)?,
        last: position(row, 2)?,
        at: Timestamp::from_millis(row.try_get(3).map_err(failed)?),
    }))
}

pub(super) async fn expire_receipts(pool: &Pool, id: i32, before: Timestamp) -> Result<bool> {
    // What an append is replacing just now is not old.
    let sql = "WITH old AS MATERIALIZED (
                   SELECT principal, key_digest FROM receipt WHERE log = $1 AND at < $2
                   ORDER BY at LIMIT $3 FOR UPDATE SKIP LOCKED)
               DELETE FROM receipt USING old
               WHERE log = $1 AND receipt.principal = old.principal AND receipt.key_digest = old.key_digest
               RETURNING 1";
    let removed = pool.query(sql, &[&id, &before.as_millis(), &(limits::EXPIRE_BATCH as i64)]).await?;
    Ok(removed.len() == limits::EXPIRE_BATCH)
}
