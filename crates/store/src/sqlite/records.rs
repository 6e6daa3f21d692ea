//! The statements on logs and their events, each a function on a connection or a transaction.

use bytes::Bytes;
use model::{Position, WorkspaceName};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row, params};

use super::failure::{failed, nonsense};
use super::{jobs, receipts};
use crate::stored::{StoredEnd, StoredLog, intact_blob};
use crate::{Batch, Hash, Head, Incarnation, PageLimit, Record, Result, StoreError, limits, seal};

/// How many bits of an event's or a document's key are its position.
pub(super) const POSITION_BITS: u32 = 40;

pub(super) fn event_key(log: i64, position: Position) -> Result<i64> {
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

/// The bytes of a text or a blob that a digest covers. Whatever else damage has made of it, that does not fit either.
pub(super) fn raw<'a>(row: &'a Row<'_>, column: usize) -> &'a [u8] {
    row.get_ref(column).ok().and_then(|value| value.as_bytes().ok()).unwrap_or_default()
}

/// A number that a digest covers.
pub(super) fn number(row: &Row<'_>, column: usize) -> Option<i64> {
    row.get(column).ok()
}

/// A text that a digest covers.
pub(super) fn text<'a>(row: &'a Row<'_>, column: usize) -> Option<&'a str> {
    str::from_utf8(row.get_ref(column).ok()?.as_bytes().ok()?).ok()
}

/// Reads `name, incarnation, digest`, the first columns of a row.
fn stored_log<'a>(row: &'a Row<'_>) -> StoredLog<'a> {
    StoredLog { name: text(row, 0), incarnation: raw(row, 1), digest: raw(row, 2) }
}

pub(super) fn log_names(connection: &Connection) -> Result<Vec<WorkspaceName>> {
    let sql = "SELECT name, incarnation, digest FROM log ORDER BY id";
    let mut statement = connection.prepare_cached(sql).map_err(failed)?;
    let mut rows = statement.query([]).map_err(failed)?;
    let mut names = Vec::new();
    while let Some(row) = rows.next().map_err(failed)? {
        names.push(stored_log(row).identity()?.0);
    }
    Ok(names)
}

/// A log's number, as it stands in a column. One whose keys would be those of another log is nobody's.
fn number_of(log: &WorkspaceName, row: &Row<'_>, column: usize) -> Result<i64> {
    number(row, column).filter(|id| (1..1 << (i64::BITS - 1 - POSITION_BITS)).contains(id)).ok_or_else(|| {
        let what = "its number is not what was written".into();
        StoreError::Damaged { log: log.to_string(), position: Position::START, what }
    })
}

/// A log's number.
pub(super) fn id(connection: &Connection, log: &WorkspaceName) -> Result<i64> {
    let mut statement = connection.prepare_cached("SELECT id FROM log WHERE name = ?").map_err(failed)?;
    let mut rows = statement.query([log.as_str()]).map_err(failed)?;
    let row = rows.next().map_err(failed)?.ok_or_else(|| StoreError::NoSuchLog(log.to_string()))?;
    number_of(log, row, 0)
}

/// A log's number and where it ends.
pub(super) fn head(connection: &Connection, log: &WorkspaceName) -> Result<(i64, Head)> {
    let mut statement = connection
        .prepare_cached(
            "SELECT name, incarnation, log.digest, log.id, position, log.hash, event.hash
             FROM log LEFT JOIN event ON event.id = (log.id << 40 | position) WHERE name = ?",
        )
        .map_err(failed)?;
    let mut rows = statement.query([log.as_str()]).map_err(failed)?;
    let row = rows.next().map_err(failed)?.ok_or_else(|| StoreError::NoSuchLog(log.to_string()))?;
    let event = row.get_ref(6).map_err(failed)?;
    let end = StoredEnd {
        position: number(row, 4),
        hash: raw(row, 5),
        event: (event != ValueRef::Null).then(|| raw(row, 6)),
    };
    Ok((number_of(log, row, 3)?, stored_log(row).head(&end)?))
}

/// Makes a log, if it does not exist.
pub(super) fn create_log(connection: &Connection, log: &WorkspaceName, fresh: Incarnation) -> Result<()> {
    if !matches!(id(connection, log), Err(StoreError::NoSuchLog(_))) {
        return Ok(());
    }
    // One that is there under a damaged name might be the one that is looked for.
    log_names(connection)?;
    let (head, digest) = (Head::empty(log, fresh), seal::log(log, fresh));
    connection
        .execute(
            "INSERT INTO log (name, incarnation, digest, position, hash) VALUES (?, ?, ?, 0, ?)",
            params![log.as_str(), fresh.0.as_bytes(), digest.0, head.hash.0],
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
    let id = id(connection, log)?;
    let start = if after == Position::START { after.next() } else { after };
    // Behind the last position that has a key stands nothing.
    let Ok(first) = event_key(id, start) else { return Ok(vec![]) };
    // The event before the page comes along: its hash is what the first of the page must link to.
    let mut statement = connection
        .prepare_cached(
            "SELECT event.id, header, event.digest, hash, coalesce(event.body, blob.body)
             FROM event LEFT JOIN blob ON event.body IS NULL AND blob.log = ?1 AND blob.digest = event.digest
             WHERE event.id >= ?2 AND event.id < ?3 ORDER BY event.id LIMIT ?4",
        )
        .map_err(failed)?;
    let most = i64::try_from(limit.events.max(1)).unwrap_or(i64::MAX).saturating_add(1);
    let mut rows = statement.query(params![id, first, (id + 1) << POSITION_BITS, most]).map_err(failed)?;
    let mut previous = if after == Position::START { Some(Hash::genesis(log)) } else { None };
    let mut expected = first;
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
            ValueRef::Null => None,
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

/// The event at one position, checked as [`read`] does.
pub(super) fn read_one(connection: &Connection, log: &WorkspaceName, position: Position) -> Result<Record> {
    let before = Position(position.0.saturating_sub(1));
    let page = read(connection, log, before, PageLimit { events: 1, bytes: 0 })?;
    page.into_iter().next().ok_or_else(|| StoreError::missing(log, position))
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
    for record in batch.records() {
        let body = record.body.as_deref().unwrap_or_default();
        let inline = (body.len() <= limits::INLINE_BODY_BYTES).then_some(body);
        if inline.is_none() {
            write_blob(connection, id, &record.digest, body)?;
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
    for blob in &batch.blobs {
        write_blob(connection, id, &blob.digest, &blob.bytes)?;
    }
    for receipt in &batch.receipts {
        receipts::write(connection, id, &batch.log, receipt)?;
    }
    for effect in batch.effects() {
        jobs::write(connection, id, &batch.log, effect)?;
    }
    let head = batch.head();
    connection
        .prepare_cached("UPDATE log SET position = ?, hash = ? WHERE id = ?")
        .and_then(|mut update| update.execute(params![head.position.0.cast_signed(), head.hash.0, id]))
        .map_err(failed)?;
    Ok(())
}

fn write_blob(connection: &Connection, id: i64, digest: &Hash, body: &[u8]) -> Result<()> {
    connection
        .prepare_cached("INSERT OR IGNORE INTO blob (log, digest, body) VALUES (?, ?, ?)")
        .and_then(|mut blob| blob.execute(params![id, digest.0, body]))
        .map_err(failed)?;
    Ok(())
}

/// The bytes kept under a digest.
pub(super) fn blob(connection: &Connection, log: &WorkspaceName, digest: &Hash) -> Result<Option<Bytes>> {
    let id = id(connection, log)?;
    let sql = "SELECT body FROM blob WHERE log = ? AND digest = ?";
    let mut statement = connection.prepare_cached(sql).map_err(failed)?;
    let mut rows = statement.query(params![id, digest.0]).map_err(failed)?;
    let Some(row) = rows.next().map_err(failed)? else { return Ok(None) };
    intact_blob(log, digest, bytes(row, 0)?).map(Some)
}
