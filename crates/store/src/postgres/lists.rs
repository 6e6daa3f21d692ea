//! Lists. They are written in the statement that moves the read models on: [`super::views::project`].

use indexmap::IndexMap;
use model::WorkspaceName;
use model::lists::{Item, List};

use super::failure::failed;
use super::pool::Pool;
use super::records::stored;
use crate::stored::{above, intact_item, intact_list};
use crate::{Result, Span, StoreError, seal};

/// The columns of items to be written.
#[derive(Default)]
pub(super) struct Columns<'a> {
    pub(super) lists: Vec<Vec<u8>>,
    pub(super) places: Vec<i64>,
    pub(super) bodies: Vec<&'a [u8]>,
    pub(super) digests: Vec<Vec<u8>>,
}

/// One statement cannot write an item twice: the last counts.
pub(super) fn columns<'a>(log: &WorkspaceName, items: &'a [Item]) -> Columns<'a> {
    let once: IndexMap<_, _> = items.iter().map(|item| ((&item.list, item.place), item)).collect();
    let mut columns = Columns::default();
    for item in once.into_values() {
        columns.lists.push(item.list.key().into_bytes());
        columns.places.push(stored(item.place));
        columns.bodies.push(&item.body);
        columns.digests.push(seal::item(log, item).0.to_vec());
    }
    columns
}

pub(super) async fn read(
    pool: &Pool,
    id: i32,
    log: &WorkspaceName,
    list: &List,
    span: Span,
) -> Result<Vec<Item>> {
    let sql = if span.newest_first {
        "SELECT place, body, digest FROM item
         WHERE log = $1 AND list = $2 AND place > $3 AND place < $4 ORDER BY place DESC LIMIT $5"
    } else {
        "SELECT place, body, digest FROM item
         WHERE log = $1 AND list = $2 AND place > $3 AND place < $4 ORDER BY place LIMIT $5"
    };
    let before = span.before.map_or(i64::MAX, stored);
    let most = i64::try_from(span.most).unwrap_or(i64::MAX);
    let key = list.key().into_bytes();
    let rows = pool.query(sql, &[&id, &key, &above(span.after), &before, &most]).await?;
    let item = |row: &tokio_postgres::Row| {
        let place = row.try_get(0).map_err(failed)?;
        intact_item(log, list, place, row.try_get(1).map_err(failed)?, row.try_get(2).map_err(failed)?)
    };
    rows.iter().map(item).collect()
}

pub(super) async fn names(
    pool: &Pool,
    id: i32,
    log: &WorkspaceName,
    after: &str,
    most: usize,
) -> Result<Vec<List>> {
    let sql = "SELECT DISTINCT list FROM item WHERE log = $1 AND list > $2 ORDER BY list LIMIT $3";
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let rows = pool.query(sql, &[&id, &after.as_bytes(), &most]).await?;
    rows.iter().map(|row| intact_list(log, row.try_get(0).map_err(failed)?)).collect()
}

/// Checks that all items belong to a log.
pub(super) async fn check(pool: &Pool) -> Result<()> {
    let sql =
        "SELECT list, item.log FROM item LEFT JOIN log ON log.id = item.log WHERE log.id IS NULL LIMIT 1";
    let rows = pool.query(sql, &[]).await?;
    let Some(row) = rows.first() else { return Ok(()) };
    let (list, number): (&[u8], i32) = (row.try_get(0).map_err(failed)?, row.try_get(1).map_err(failed)?);
    let list = String::from_utf8_lossy(list);
    Err(StoreError::DamagedRow(format!("a list {list:?} of log {number}, which there is not")))
}
