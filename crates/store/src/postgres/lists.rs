//! Lists. They are written in the statement that moves the read models on: see [`super::views::project`].

use std::collections::HashMap;

use model::WorkspaceName;
use model::lists::{Item, List};

use super::failure::failed;
use super::pool::Pool;
use super::records::{position, stored};
use crate::stored::{intact_item, item_digest};
use crate::{Result, Span};

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
    let last: HashMap<_, _> =
        items.iter().enumerate().map(|(number, item)| ((&item.list, item.place), number)).collect();
    let mut columns = Columns::default();
    for (number, item) in items.iter().enumerate() {
        if last[&(&item.list, item.place)] == number {
            columns.lists.push(item.list.key().into_bytes());
            columns.places.push(stored(item.place));
            columns.bodies.push(&item.body);
            columns.digests.push(item_digest(log, item).0.to_vec());
        }
    }
    columns
}

pub(super) async fn read(pool: &Pool, id: i32, log: &WorkspaceName, list: &List, span: Span) -> Result<Vec<Item>> {
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
    let rows = pool.query(sql, &[&id, &key, &stored(span.after), &before, &most]).await?;
    rows.iter()
        .map(|row| {
            let body = row.try_get(1).map_err(failed)?;
            let item = Item { list: list.clone(), place: position(row, 0)?, body };
            intact_item(log, item, row.try_get(2).map_err(failed)?)
        })
        .collect()
}
