//! Lists in `views.db`.

use model::lists::{Item, List};
use model::{Position, WorkspaceName};
use rusqlite::{Connection, params};

use super::failure::failed;
use crate::stored::{intact_item, item_digest};
use crate::{Result, Span};

pub(super) fn write(connection: &Connection, log: &WorkspaceName, items: &[Item]) -> Result<()> {
    let mut insert = connection
        .prepare_cached("INSERT OR REPLACE INTO item (log, list, place, body, digest) VALUES (?, ?, ?, ?, ?)")
        .map_err(failed)?;
    for item in items {
        let digest = item_digest(log, item);
        insert
            .execute(params![
                log.as_str(),
                item.list.key(),
                item.place.0.cast_signed(),
                item.body,
                digest.0
            ])
            .map_err(failed)?;
    }
    Ok(())
}

pub(super) fn read(connection: &Connection, log: &WorkspaceName, list: &List, span: Span) -> Result<Vec<Item>> {
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
    let mut rows = statement
        .query(params![log.as_str(), list.key(), span.after.0.cast_signed(), before, most])
        .map_err(failed)?;
    let mut items = Vec::new();
    while let Some(row) = rows.next().map_err(failed)? {
        let place = Position(row.get::<_, i64>(0).map_err(failed)?.cast_unsigned());
        let item = Item { list: list.clone(), place, body: row.get(1).map_err(failed)? };
        items.push(intact_item(log, item, &row.get::<_, Vec<u8>>(2).map_err(failed)?)?);
    }
    Ok(items)
}

pub(super) fn clear(connection: &Connection, log: &WorkspaceName) -> Result<()> {
    connection.execute("DELETE FROM item WHERE log = ?", [log.as_str()]).map_err(failed)?;
    Ok(())
}
