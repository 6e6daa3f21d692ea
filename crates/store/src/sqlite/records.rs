//! The statements on `log.db`, each a function on a connection or a transaction.

use std::time::Duration;

use bytes::Bytes;
use model::effect::Effect;
use model::{Position, Principal, Timestamp, WorkspaceName};
use rusqlite::{Connection, Row, params};
use uuid::Uuid;

use super::failure::{failed, nonsense};
use crate::stored;
use crate::{
    Batch, ClaimedJob, Hash, Head, Incarnation, PageLimit, Receipt, Record, Result, StoreError, limits,
};

/// How many bits of an event's key are its position.
const POSITION_BITS: u32 = 40;

fn event_key(log: i64, position: Position) -> Result<i64> {
    let position = i64::try_from(position.0).ok().filter(|position| *position < 1 << POSITION_BITS);
    Ok((log << POSITION_BITS) | position.ok_or_else(|| nonsense("a position is out of range"))?)
}

fn hash(row: &Row<'_>, column: usize) -> Result<Hash> {
    let bytes = row.get_ref(column).map_err(failed)?;
    bytes.as_blob().ok().and_then(Hash::from_slice).ok_or_else(|| nonsense("a hash has the wrong length"))
}

fn bytes(row: &Row<'_>, column: usize) -> Result<Bytes> {
    let value = row.get_ref(column).map_err(failed)?;
    value.as_blob().map(Bytes::copy_from_slice).map_err(|_| nonsense("a column has the wrong type"))
}

pub(super) fn log_names(connection: &Connection) -> Result<Vec<WorkspaceName>> {
    let mut statement = connection.prepare_cached("SELECT name FROM log ORDER BY id").map_err(failed)?;
    let names = statement.query_map([], |row| row.get::<_, String>(0)).map_err(failed)?;
    names.map(|name| log_name(&name.map_err(failed)?)).collect()
}

fn log_name(name: &str) -> Result<WorkspaceName> {
    stored::log_name(name).ok_or_else(|| nonsense("a log has an impossible name"))
}

/// A log's number and where it ends.
pub(super) fn head(connection: &Connection, log: &WorkspaceName) -> Result<(i64, Head)> {
    let mut statement = connection
        .prepare_cached("SELECT id, position, hash, incarnation FROM log WHERE name = ?")
        .map_err(failed)?;
    let mut rows = statement.query([log.as_str()]).map_err(failed)?;
    let row = rows.next().map_err(failed)?.ok_or_else(|| StoreError::NoSuchLog(log.to_string()))?;
    let incarnation = Uuid::from_slice(&bytes(row, 3)?).map_err(|_| nonsense("an incarnation is no UUID"))?;
    let position = Position(row.get::<_, i64>(1).map_err(failed)?.cast_unsigned());
    let head = Head { position, hash: hash(row, 2)?, incarnation: Incarnation(incarnation) };
    Ok((row.get(0).map_err(failed)?, head))
}

pub(super) fn create_log(connection: &Connection, log: &WorkspaceName, fresh: Incarnation) -> Result<()> {
    let head = Head::empty(log, fresh);
    connection
        .execute(
            "INSERT OR IGNORE INTO log (name, incarnation, position, hash) VALUES (?, ?, 0, ?)",
            params![log.as_str(), fresh.0.as_bytes(), head.hash.0],
        )
        .map_err(failed)?;
    Ok(())
}

pub(super) fn read(
    connection: &Connection,
    log: &WorkspaceName,
    after: Position,
    limit: PageLimit,
) -> Result<Vec<Record>> {
    let (id, head) = head(connection, log)?;
    if after > head.position {
        return Ok(vec![]);
    }
    // The event before the page comes along: its hash is what the first of the page must link to.
    let mut statement = connection
        .prepare_cached(
            "SELECT event.id, header, event.digest, hash, coalesce(event.body, blob.body)
             FROM event LEFT JOIN blob ON event.body IS NULL AND blob.log = ?1 AND blob.digest = event.digest
             WHERE event.id >= ?2 AND event.id < ?3 ORDER BY event.id LIMIT ?4",
        )
        .map_err(failed)?;
    let most = i64::try_from(limit.events.max(1)).unwrap_or(i64::MAX).saturating_add(1);
    let start = if after == Position::START { after.next() } else { after };
    let mut rows = statement
        .query(params![id, event_key(id, start)?, (id + 1) << POSITION_BITS, most])
        .map_err(failed)?;
    let mut previous = if after == Position::START { Some(Hash::genesis(log)) } else { None };
    let mut expected = event_key(id, start)?;
    let (mut page, mut size) = (Vec::new(), 0);
    while let Some(row) = rows.next().map_err(failed)? {
        let key: i64 = row.get(0).map_err(failed)?;
        let position = Position((expected & ((1 << POSITION_BITS) - 1)).cast_unsigned());
        if key != expected {
            return Err(StoreError::Damaged { log: log.to_string(), position, what: "it is missing".into() });
        }
        expected += 1;
        let Some(link) = previous.replace(hash(row, 3)?) else { continue };
        let body = match row.get_ref(4).map_err(failed)? {
            rusqlite::types::ValueRef::Null => None,
            _ => Some(bytes(row, 4)?),
        };
        let record =
            Record { position, header: bytes(row, 1)?, body, digest: hash(row, 2)?, hash: hash(row, 3)? };
        record.check(log, &link)?;
        size += record.bytes();
        if page.len() == limit.events.max(1) || (size > limit.bytes && !page.is_empty()) {
            break;
        }
        page.push(record);
    }
    Ok(page)
}

/// Whether a batch is in the log already.
pub(super) fn holds(connection: &Connection, id: i64, head: Head, batch: &Batch) -> Result<bool> {
    let last = batch.head();
    if last.position > head.position || last.incarnation != head.incarnation {
        return Ok(false);
    }
    let mut statement =
        connection.prepare_cached("SELECT 1 FROM event WHERE id = ? AND hash = ?").map_err(failed)?;
    statement.exists(params![event_key(id, last.position)?, last.hash.0]).map_err(failed)
}

/// Writes a batch behind the head, which the caller has checked.
pub(super) fn append(connection: &Connection, id: i64, batch: &Batch) -> Result<()> {
    let mut event = connection
        .prepare_cached("INSERT INTO event (id, header, body, digest, hash) VALUES (?, ?, ?, ?, ?)")
        .map_err(failed)?;
    for record in &batch.records {
        let body = record.body.as_deref().unwrap_or_default();
        let inline = (body.len() <= limits::INLINE_BODY_BYTES).then_some(body);
        if inline.is_none() {
            connection
                .prepare_cached("INSERT OR IGNORE INTO blob (log, digest, body) VALUES (?, ?, ?)")
                .and_then(|mut blob| blob.execute(params![id, record.digest.0, body]))
                .map_err(failed)?;
        }
        event
            .execute(params![
                event_key(id, record.position)?,
                &*record.header,
                inline,
                record.digest.0,
                record.hash.0
            ])
            .map_err(failed)?;
    }
    for receipt in &batch.receipts {
        write_receipt(connection, id, receipt)?;
    }
    for effect in &batch.effects {
        write_effect(connection, id, effect)?;
    }
    let head = batch.head();
    connection
        .prepare_cached("UPDATE log SET position = ?, hash = ?, batch = ? WHERE id = ?")
        .and_then(|mut update| {
            update.execute(params![head.position.0.cast_signed(), head.hash.0, batch.id.as_bytes(), id])
        })
        .map_err(failed)?;
    Ok(())
}

fn write_receipt(connection: &Connection, log: i64, receipt: &Receipt) -> Result<()> {
    connection
        .prepare_cached("INSERT OR REPLACE INTO receipt (log, principal, key, command, first, last, at) VALUES (?, ?, ?, ?, ?, ?, ?)")
        .and_then(|mut insert| {
            insert.execute(params![
                log,
                receipt.by.as_str(),
                receipt.key,
                receipt.command.0,
                receipt.first.0.cast_signed(),
                receipt.last.0.cast_signed(),
                receipt.at.as_millis()
            ])
        })
        .map_err(failed)?;
    Ok(())
}

fn write_effect(connection: &Connection, log: i64, effect: &Effect) -> Result<()> {
    match effect {
        Effect::Schedule { key, due, job } => {
            let job = serde_json::to_string(job).expect("jobs always serialise");
            connection
                .prepare_cached(
                    "INSERT OR REPLACE INTO job (log, key, due, held_until, job) VALUES (?, ?, ?, 0, ?)",
                )
                .and_then(|mut insert| insert.execute(params![log, key, due.as_millis(), job]))
        }
        Effect::Cancel { key } => connection
            .prepare_cached("DELETE FROM job WHERE log = ? AND key = ?")
            .and_then(|mut delete| delete.execute(params![log, key])),
    }
    .map_err(failed)?;
    Ok(())
}

pub(super) fn receipt(
    connection: &Connection,
    log: &WorkspaceName,
    by: Principal,
    key: String,
) -> Result<Option<Receipt>> {
    let (id, _) = head(connection, log)?;
    let mut statement = connection
        .prepare_cached(
            "SELECT command, first, last, at FROM receipt WHERE log = ? AND principal = ? AND key = ?",
        )
        .map_err(failed)?;
    let mut rows = statement.query(params![id, by.as_str(), key]).map_err(failed)?;
    let Some(row) = rows.next().map_err(failed)? else { return Ok(None) };
    let position = |column| row.get::<_, i64>(column).map(|at| Position(at.cast_unsigned())).map_err(failed);
    let at = Timestamp::from_millis(row.get(3).map_err(failed)?);
    let (command, first, last) = (hash(row, 0)?, position(1)?, position(2)?);
    Ok(Some(Receipt { by, key, command, first, last, at }))
}

pub(super) fn expire_receipts(
    connection: &Connection,
    log: &WorkspaceName,
    before: Timestamp,
) -> Result<bool> {
    let (id, _) = head(connection, log)?;
    let removed = connection
        .execute(
            "DELETE FROM receipt WHERE (log, principal, key) IN
                 (SELECT log, principal, key FROM receipt WHERE log = ? AND at < ? ORDER BY at LIMIT ?)",
            params![id, before.as_millis(), limits::EXPIRE_BATCH as i64],
        )
        .map_err(failed)?;
    Ok(removed == limits::EXPIRE_BATCH)
}

pub(super) fn claim_jobs(
    connection: &Connection,
    now: Timestamp,
    lease: Duration,
    most: usize,
) -> Result<Vec<ClaimedJob>> {
    let mut statement = connection
        .prepare_cached(
            "UPDATE job SET held_until = ?1 WHERE (log, key) IN
                 (SELECT log, key FROM job WHERE due <= ?2 AND held_until <= ?2 ORDER BY due LIMIT ?3)
             RETURNING (SELECT name FROM log WHERE id = job.log), key, due, job",
        )
        .map_err(failed)?;
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let mut rows =
        statement.query(params![now.after(lease).as_millis(), now.as_millis(), most]).map_err(failed)?;
    let mut claimed = Vec::new();
    while let Some(row) = rows.next().map_err(failed)? {
        let log = log_name(&row.get::<_, String>(0).map_err(failed)?)?;
        let key: String = row.get(1).map_err(failed)?;
        match serde_json::from_str(&row.get::<_, String>(3).map_err(failed)?) {
            Ok(job) => {
                let due = Timestamp::from_millis(row.get(2).map_err(failed)?);
                claimed.push(ClaimedJob { log, key, due, job });
            }
            // It stays where it is, for a program that can read it; the others are not to wait for that.
            Err(cause) => tracing::error!(%log, key, %cause, "a job cannot be read"),
        }
    }
    claimed.sort_by_key(|job| job.due);
    Ok(claimed)
}

pub(super) fn finish_job(connection: &Connection, job: &ClaimedJob) -> Result<()> {
    let (id, _) = head(connection, &job.log)?;
    connection
        .execute(
            "DELETE FROM job WHERE log = ? AND key = ? AND due = ?",
            params![id, job.key, job.due.as_millis()],
        )
        .map_err(failed)?;
    Ok(())
}

pub(super) fn next_due(connection: &Connection) -> Result<Option<Timestamp>> {
    // Few are held, and of the others the index gives the first.
    let sql = "SELECT min(at) FROM (
        SELECT (SELECT due FROM job WHERE held_until = 0 ORDER BY due LIMIT 1) AS at
        UNION ALL SELECT min(max(due, held_until)) FROM job WHERE held_until > 0)";
    let next: Option<i64> = connection.query_row(sql, [], |row| row.get(0)).map_err(failed)?;
    Ok(next.map(Timestamp::from_millis))
}
