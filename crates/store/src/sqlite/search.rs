//! The index of words in `views.db`: an FTS5 table that holds no text, no offsets and no order of words.
//!
//! A document's key is its log's number here and its place in one integer, like an event's in `log.db`: those of one
//! log are a run of keys, and FTS5 goes through them from the newest without sorting.

use model::search::Term;
use model::{Position, WorkspaceName};
use rusqlite::{Connection, OptionalExtension as _, params};

use super::failure::failed;
use super::readers::disorder;
use super::records::{POSITION_BITS, event_key, number, raw};
use crate::stored::intact_indexed;
use crate::{Background, Result, StoreError, Terms, seal};

/// A log in the index: its number there, and how far it is indexed.
struct Stand {
    number: i64,
    position: Position,
}

fn stand(connection: &Connection, log: &WorkspaceName) -> Result<Option<Stand>> {
    let mut statement = connection
        .prepare_cached("SELECT id, position, digest FROM indexed WHERE log = ?")
        .map_err(failed)?;
    let mut rows = statement.query([log.as_str()]).map_err(failed)?;
    let Some(row) = rows.next().map_err(failed)? else { return Ok(None) };
    let number = number(row, 0).unwrap_or_default();
    let position = intact_indexed(log, number, row.get(1).ok(), raw(row, 2))?;
    Ok(Some(Stand { number, position }))
}

pub(super) fn indexed(connection: &Connection, log: &WorkspaceName) -> Result<Position> {
    // The file may have been deleted: then everything is indexed from the start.
    Ok(stand(connection, log)?.map_or(Position::START, |stand| stand.position))
}

pub(super) fn index(
    connection: &Connection,
    log: &WorkspaceName,
    from: Position,
    to: Position,
    documents: &[Terms],
) -> Result<bool> {
    let stand = stand(connection, log)?;
    if stand.as_ref().map_or(Position::START, |stand| stand.position) != from {
        return Ok(false);
    }
    let number = match stand {
        Some(stand) => stand.number,
        None => {
            let sql = "INSERT INTO indexed (log, position, digest) VALUES (?, 0, x'')";
            connection.execute(sql, [log.as_str()]).map_err(failed)?;
            connection.last_insert_rowid()
        }
    };
    let mut insert = connection
        .prepare_cached("INSERT OR REPLACE INTO document (rowid, words) VALUES (?, ?)")
        .map_err(failed)?;
    let mut background = Background::begin();
    for Terms { place, words } in documents {
        background.give_way();
        insert.execute(params![event_key(number, *place)?, words]).map_err(failed)?;
    }
    connection
        .execute(
            "UPDATE indexed SET position = ?, digest = ? WHERE id = ?",
            params![to.0.cast_signed(), seal::indexed(log, number, to).0, number],
        )
        .map_err(failed)?;
    Ok(true)
}

pub(super) fn search(
    connection: &Connection,
    log: &WorkspaceName,
    terms: &[Term],
    before: Option<Position>,
    most: usize,
) -> Result<Vec<Position>> {
    let Some(Stand { number, position }) = stand(connection, log)? else { return Ok(vec![]) };
    if terms.is_empty() {
        return Ok(vec![]);
    }
    let mut statement = connection
        .prepare_cached(
            "SELECT rowid FROM document WHERE document MATCH ? AND rowid > ? AND rowid < ?
             ORDER BY rowid DESC LIMIT ?",
        )
        .map_err(failed)?;
    let before = before.map_or(position.next(), |before| before.min(position.next()));
    let (first, last) = (event_key(number, Position::START)?, event_key(number, before)?);
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let mut rows = statement.query(params![expression(terms), first, last, most]).map_err(failed)?;
    let mut places = Vec::new();
    while let Some(row) = rows.next().map_err(failed)? {
        let key: i64 = row.get(0).map_err(failed)?;
        places.push(Position((key - first).cast_unsigned()));
    }
    Ok(places)
}

/// The terms in FTS5's language. Words hold letters and digits only, so nothing in quotes needs an escape.
fn expression(terms: &[Term]) -> String {
    let term = |term: &Term| match term {
        Term::Word(word) => format!("\"{word}\""),
        Term::Prefix(prefix) => format!("\"{prefix}\" *"),
    };
    terms.iter().map(term).collect::<Vec<_>>().join(" AND ")
}

/// Takes away the documents of a log, and those that belong to none of `logs`, a JSON array.
pub(super) fn clear(connection: &Connection, log: &WorkspaceName, logs: &str) -> Result<()> {
    let others = "SELECT id FROM indexed WHERE log <> ?1 AND log IN (SELECT value FROM json_each(?2))";
    let one = connection
        .query_row(&format!("{others} LIMIT 1"), params![log.as_str(), logs], |row| row.get::<_, i64>(0))
        .optional()
        .map_err(failed)?;
    if one.is_some() {
        let sql = format!("DELETE FROM document WHERE rowid >> {POSITION_BITS} NOT IN ({others})");
        connection.execute(&sql, params![log.as_str(), logs]).map_err(failed)?;
    } else {
        // One write instead of a mark for each, and it does not look at what may be damaged.
        let sql = "INSERT INTO document (document) VALUES ('delete-all')";
        connection.execute(sql, []).map_err(failed)?;
    }
    let sql = "DELETE FROM indexed WHERE log = ? OR log NOT IN (SELECT value FROM json_each(?))";
    connection.execute(sql, params![log.as_str(), logs]).map_err(failed)?;
    Ok(())
}

/// Checks that the index is in order, and that all it holds belongs to one of `logs`, a JSON array.
pub(super) fn check(connection: &Connection, logs: &str) -> Result<()> {
    // Somebody may write meanwhile, and FTS5 must not look at an old table of contents.
    let connection = connection.unchecked_transaction().map_err(failed)?;
    let sql = format!(
        "SELECT rowid FROM document WHERE rowid >> {POSITION_BITS} NOT IN (SELECT id FROM indexed) LIMIT 1"
    );
    // Before the check of the index: only a query has FTS5 forget a table of contents that it read long ago.
    let stray = connection.query_row(&sql, [], |row| row.get::<_, i64>(0)).optional().map_err(failed)?;
    for table in ["indexed", "document"] {
        if let Some(what) = disorder(&connection, table)? {
            return Err(StoreError::DamagedRow(what));
        }
    }
    if let Some(key) = stray {
        return Err(StoreError::DamagedRow(format!("the document {key}, which belongs to no log")));
    }
    let sql = "SELECT log FROM indexed WHERE log NOT IN (SELECT value FROM json_each(?)) LIMIT 1";
    let mut statement = connection.prepare_cached(sql).map_err(failed)?;
    let mut rows = statement.query([logs]).map_err(failed)?;
    let Some(row) = rows.next().map_err(failed)? else { return Ok(()) };
    let log = String::from_utf8_lossy(raw(row, 0));
    Err(StoreError::DamagedRow(format!("what is indexed of {log}, which there is not")))
}
