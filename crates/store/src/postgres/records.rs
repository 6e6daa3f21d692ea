//! Reading logs and their events.

use std::collections::HashMap;

use bytes::Bytes;
use model::{Position, WorkspaceName};
use tokio_postgres::Row;

use super::failure::{Failure, failed, nonsense};
use super::pool::{Lent, Pool};
use crate::stored::{StoredEnd, StoredLog, intact_blob};
use crate::{Batch, Hash, Head, Incarnation, PageLimit, Record, Result, StoreError, seal};

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

/// Columns of a log's row: which one it is, …
macro_rules! identity {
    () => {
        "name, incarnation, log.digest"
    };
}

/// … and where it ends, with the hash of the event there.
macro_rules! head {
    () => {
        concat!(
            identity!(),
            ", position, log.hash,
             (SELECT event.hash FROM event WHERE event.log = log.id AND event.position = log.position)"
        )
    };
}

fn stored_log(row: &Row) -> Result<StoredLog<'_>> {
    let column = |column| row.try_get(column).map_err(failed);
    Ok(StoredLog { name: row.try_get(0).map_err(failed)?, incarnation: column(1)?, digest: column(2)? })
}

/// Where a log ends, from a row that begins with these columns.
fn head_of(row: &Row) -> Result<Head> {
    let end = StoredEnd {
        position: row.try_get(3).map_err(failed)?,
        hash: row.try_get(4).map_err(failed)?,
        event: row.try_get(5).map_err(failed)?,
    };
    stored_log(row)?.head(&end)
}

pub(super) async fn log_names(pool: &Pool) -> Result<Vec<WorkspaceName>> {
    let rows = pool.query(concat!("SELECT ", identity!(), " FROM log ORDER BY id"), &[]).await?;
    rows.iter().map(|row| Ok(stored_log(row)?.identity()?.0)).collect()
}

/// A log's number. What is wrong with its end does not keep it from being read.
pub(super) async fn id(pool: &Pool, log: &WorkspaceName) -> Result<i32> {
    let rows = pool.query("SELECT id FROM log WHERE name = $1", &[&log.as_str()]).await?;
    let row = rows.first().ok_or_else(|| StoreError::NoSuchLog(log.to_string()))?;
    row.try_get(0).map_err(failed)
}

const HEAD: &str = concat!("SELECT ", head!(), " FROM log WHERE name = $1");

/// Where a log ends, if there is that log.
pub(super) async fn head(pool: &Pool, log: &WorkspaceName) -> Result<Option<Head>> {
    let rows = pool.query(HEAD, &[&log.as_str()]).await?;
    rows.first().map(head_of).transpose()
}

/// The same on a connection that holds the log's lock.
pub(super) async fn locked_head(lent: &mut Lent, log: &WorkspaceName) -> std::result::Result<Head, Failure> {
    let rows = lent.query(HEAD, &[&log.as_str()]).await?;
    let row = rows.first().ok_or_else(|| Failure::Refused(StoreError::NoSuchLog(log.to_string())))?;
    head_of(row).map_err(Failure::Refused)
}

/// Where a log ends, and whether this batch is in it: both as of one moment.
pub(super) async fn head_and(pool: &Pool, batch: &Batch) -> Result<(Head, bool)> {
    let last = batch.head();
    let sql = concat!(
        "SELECT ",
        head!(),
        ", EXISTS (
               SELECT FROM event WHERE event.log = log.id AND event.position = $2 AND event.hash = $3)
           FROM log WHERE name = $1"
    );
    let rows =
        pool.query(sql, &[&batch.log.as_str(), &stored(last.position), &last.hash.0.as_slice()]).await?;
    let row = rows.first().ok_or_else(|| StoreError::NoSuchLog(batch.log.to_string()))?;
    let head = head_of(row)?;
    let ours: bool = row.try_get(6).map_err(failed)?;
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
    // One that is there under a damaged name might be the one that is looked for.
    log_names(pool).await?;
    let sql = "WITH made AS (
                   INSERT INTO log (name, incarnation, digest, position, hash) VALUES ($1, $2, $3, 0, $4)
                   ON CONFLICT DO NOTHING RETURNING id)
               INSERT INTO projected (log, position, digest) SELECT id, 0, $5 FROM made";
    let (genesis, digest) = (Head::empty(log, fresh).hash, seal::log(log, fresh));
    let unprojected = seal::projected(log, Position::START);
    pool.query(
        sql,
        &[
            &log.as_str(),
            &fresh.0.as_bytes().as_slice(),
            &digest.0.as_slice(),
            &genesis.0.as_slice(),
            &unprojected.0.as_slice(),
        ],
    )
    .await?;
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

/// With each event the hash of the one before it, to which it must link.
const EACH: &str = "
    SELECT event.position, header, event.digest, event.hash, coalesce(event.body, blob.body),
        (SELECT before.hash FROM event AS before
         WHERE before.log = event.log AND before.position = event.position - 1)
    FROM event LEFT JOIN blob ON event.body IS NULL AND blob.log = event.log AND blob.digest = event.digest
    WHERE event.log = $1 AND event.position = ANY ($2)";

/// The events at these positions, in this order, checked as [`read`] does.
pub(super) async fn read_each(
    pool: &Pool,
    id: i32,
    log: &WorkspaceName,
    positions: &[Position],
) -> Result<Vec<Record>> {
    let wanted: Vec<i64> = positions.iter().copied().map(stored).collect();
    let rows = pool.query(EACH, &[&id, &wanted]).await?;
    let mut found = HashMap::with_capacity(rows.len());
    for row in &rows {
        let place = position(row, 0)?;
        let link = match row.try_get::<_, Option<&[u8]>>(5).map_err(failed)? {
            Some(_) => hash(row, 5)?,
            None if place == Position::START.next() => Hash::genesis(log),
            None => return Err(StoreError::missing(log, Position(place.0 - 1))),
        };
        let body: Option<&[u8]> = row.try_get(4).map_err(failed)?;
        let record = Record {
            position: place,
            header: bytes(row, 1)?,
            body: body.map(Bytes::copy_from_slice),
            digest: hash(row, 2)?,
            hash: hash(row, 3)?,
        };
        record.check(log, &link)?;
        found.insert(place, record);
    }
    let record = |place: &Position| found.get(place).cloned().ok_or_else(|| StoreError::missing(log, *place));
    positions.iter().map(record).collect()
}

/// The bytes kept under a digest.
pub(super) async fn blob(pool: &Pool, id: i32, log: &WorkspaceName, digest: &Hash) -> Result<Option<Bytes>> {
    let rows = pool
        .query("SELECT body FROM blob WHERE log = $1 AND digest = $2", &[&id, &digest.0.as_slice()])
        .await?;
    rows.first().map(|row| intact_blob(log, digest, bytes(row, 0)?)).transpose()
}
