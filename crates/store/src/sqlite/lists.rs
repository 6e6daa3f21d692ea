//! Lists in `views.db`.

use model::lists::{Item, List};
use model::{Position, WorkspaceName};
use rusqlite::{Connection, params};

use super::failure::failed;
use super::records::{number, raw};
use crate::runs::{Gathering, NewRun, StoredRun};
use crate::stored::{above, intact_list};
use crate::{Background, Projection, Result, Span, StoreError};

/// Writes the items of a projection that begins behind `from`.
pub(super) fn write(
    connection: &Connection,
    log: &WorkspaceName,
    from: Position,
    projection: &Projection,
) -> Result<()> {
    if from == Position::START {
        // If how far the read models had come was lost, there are runs that would overlap with the new ones.
        connection.execute("DELETE FROM run WHERE log = ?", [log.as_str()]).map_err(failed)?;
    }
    let mut insert = connection
        .prepare_cached("INSERT OR REPLACE INTO run (log, list, place, body, digest) VALUES (?, ?, ?, ?, ?)")
        .map_err(failed)?;
    let mut background = Background::begin();
    for NewRun { list, place, body, digest } in NewRun::of(log, projection) {
        background.give_way();
        let place = place.0.cast_signed();
        insert.execute(params![log.as_str(), list, place, body, digest.0]).map_err(failed)?;
    }
    Ok(())
}

pub(super) fn read(
    connection: &Connection,
    log: &WorkspaceName,
    list: &List,
    span: Span,
) -> Result<Vec<Item>> {
    // The last run that is needed may end behind the span: no other can hold what lies right before its end.
    let sql = if span.newest_first {
        "SELECT place, body, digest FROM run WHERE log = ?1 AND list = ?2 AND place > ?3 AND place <= coalesce(
             (SELECT min(place) FROM run WHERE log = ?1 AND list = ?2 AND place >= ?4), ?4)
         ORDER BY place DESC"
    } else {
        "SELECT place, body, digest FROM run WHERE log = ?1 AND list = ?2 AND place > ?3 AND place <= coalesce(
             (SELECT min(place) FROM run WHERE log = ?1 AND list = ?2 AND place >= ?4), ?4)
         ORDER BY place"
    };
    let mut gathering = Gathering::new(log, list, span);
    let mut statement = connection.prepare_cached(sql).map_err(failed)?;
    let before = span.before.map_or(i64::MAX, |before| i64::try_from(before.0).unwrap_or(i64::MAX));
    let bounds = params![log.as_str(), gathering.key, above(span.after), before];
    let mut rows = statement.query(bounds).map_err(failed)?;
    while gathering.wanted() > 0
        && let Some(row) = rows.next().map_err(failed)?
    {
        gathering.take(&StoredRun { place: number(row, 0), body: raw(row, 1), digest: raw(row, 2) })?;
    }
    Ok(gathering.items())
}

pub(super) fn names(
    connection: &Connection,
    log: &WorkspaceName,
    after: &str,
    most: usize,
) -> Result<Vec<List>> {
    let mut statement = connection
        .prepare_cached("SELECT DISTINCT list FROM run WHERE log = ? AND list > ? ORDER BY list LIMIT ?")
        .map_err(failed)?;
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let mut rows = statement.query(params![log.as_str(), after, most]).map_err(failed)?;
    let mut lists = Vec::new();
    while let Some(row) = rows.next().map_err(failed)? {
        lists.push(intact_list(log, raw(row, 0))?);
    }
    Ok(lists)
}

/// Checks that all runs belong to one of `logs`, a JSON array.
pub(super) fn check(connection: &Connection, logs: &str) -> Result<()> {
    let sql = "SELECT list, log FROM run WHERE log NOT IN (SELECT value FROM json_each(?)) LIMIT 1";
    let mut statement = connection.prepare_cached(sql).map_err(failed)?;
    let mut rows = statement.query([logs]).map_err(failed)?;
    let Some(row) = rows.next().map_err(failed)? else { return Ok(()) };
    let [list, log] = [0, 1].map(|column| String::from_utf8_lossy(raw(row, column)).into_owned());
    Err(StoreError::DamagedRow(format!("a list {list:?} of {log}, which there is not")))
}

/// Takes away the runs of a log, and those that belong to none of `logs`, a JSON array.
pub(super) fn clear(connection: &Connection, log: &WorkspaceName, logs: &str) -> Result<()> {
    let sql = "DELETE FROM run WHERE log = ? OR log NOT IN (SELECT value FROM json_each(?))";
    connection.execute(sql, params![log.as_str(), logs]).map_err(failed)?;
    Ok(())
}
