//! Lists in `views.db`.

use model::WorkspaceName;
use model::lists::{Item, List};
use rusqlite::{Connection, params};

use super::failure::failed;
use super::records::{number, raw};
use crate::stored::{above, intact_item, intact_list};
use crate::{Result, Span, StoreError, seal};

pub(super) fn write(connection: &Connection, log: &WorkspaceName, items: &[Item]) -> Result<()> {
    let mut insert = connection
        .prepare_cached("INSERT OR REPLACE INTO item (log, list, place, body, digest) VALUES (?, ?, ?, ?, ?)")
        .map_err(failed)?;
    for item in items {
        let (list, place) = (item.list.key(), item.place.0.cast_signed());
        insert
            .execute(params![log.as_str(), list, place, item.body, seal::item(log, item).0])
            .map_err(failed)?;
    }
    Ok(())
}

pub(super) fn read(
    connection: &Connection,
    log: &WorkspaceName,
    list: &List,
    span: Span,
) -> Result<Vec<Item>> {
    let sql = if span.newest_first {
        "SELECT place, body, digest FROM item
         WHERE log = ? AND list = ? AND place > ? AND place < ? ORDER BY place DESC LIMIT ?"
    } else {
        "SELECT place, body, digest FROM item
         WHERE log = ? AND list = ? AND place > ? AND place < ? ORDER BY place LIMIT ?"
    };
    let mut statement = connection.prepare_cached(sql).map_err(failed)?;
    let before = span.before.map_or(i64::MAX, |before| before.0.cast_signed());
    let most = i64::try_from(span.most).unwrap_or(i64::MAX);
    let bounds = params![log.as_str(), list.key(), above(span.after), before, most];
    let mut rows = statement.query(bounds).map_err(failed)?;
    let mut items = Vec::new();
    while let Some(row) = rows.next().map_err(failed)? {
        items.push(intact_item(log, list, number(row, 0), raw(row, 1), raw(row, 2))?);
    }
    Ok(items)
}

pub(super) fn names(
    connection: &Connection,
    log: &WorkspaceName,
    after: &str,
    most: usize,
) -> Result<Vec<List>> {
    let mut statement = connection
        .prepare_cached("SELECT DISTINCT list FROM item WHERE log = ? AND list > ? ORDER BY list LIMIT ?")
        .map_err(failed)?;
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let mut rows = statement.query(params![log.as_str(), after, most]).map_err(failed)?;
    let mut lists = Vec::new();
    while let Some(row) = rows.next().map_err(failed)? {
        lists.push(intact_list(log, raw(row, 0))?);
    }
    Ok(lists)
}

/// Checks that all items belong to one of `logs`, a JSON array.
pub(super) fn check(connection: &Connection, logs: &str) -> Result<()> {
    let sql = "SELECT list, log FROM item WHERE log NOT IN (SELECT value FROM json_each(?)) LIMIT 1";
    let mut statement = connection.prepare_cached(sql).map_err(failed)?;
    let mut rows = statement.query([logs]).map_err(failed)?;
    let Some(row) = rows.next().map_err(failed)? else { return Ok(()) };
    let [list, log] = [0, 1].map(|column| String::from_utf8_lossy(raw(row, column)).into_owned());
    Err(StoreError::DamagedRow(format!("a list {list:?} of {log}, which there is not")))
}

/// Takes away the items of a log, and those that belong to none of `logs`, a JSON array.
pub(super) fn clear(connection: &Connection, log: &WorkspaceName, logs: &str) -> Result<()> {
    let sql = "DELETE FROM item WHERE log = ? OR log NOT IN (SELECT value FROM json_each(?))";
    connection.execute(sql, params![log.as_str(), logs]).map_err(failed)?;
    Ok(())
}
