//! Lists. They are written in the statement that moves the read models on: [`super::views::project`].

use model::WorkspaceName;
use model::lists::{Item, List};

use super::failure::failed;
use super::pool::Pool;
use super::records::stored;
use crate::runs::{Gathering, NewRun, StoredRun};
use crate::stored::{above, intact_list};
use crate::{Projection, Result, Span, StoreError, limits};

/// The columns of runs to be written.
#[derive(Default)]
pub(super) struct Columns {
    pub(super) lists: Vec<Vec<u8>>,
    pub(super) places: Vec<i64>,
    pub(super) bodies: Vec<Vec<u8>>,
    pub(super) digests: Vec<Vec<u8>>,
}

pub(super) fn columns(log: &WorkspaceName, projection: &Projection) -> Columns {
    let mut columns = Columns::default();
    for NewRun { list, place, body, digest } in NewRun::of(log, projection) {
        columns.lists.push(list.into_bytes());
        columns.places.push(stored(place));
        columns.bodies.push(body);
        columns.digests.push(digest.0.to_vec());
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
    // The last run that is needed may end behind the span: no other can hold what lies right before its end.
    let sql = if span.newest_first {
        "SELECT place, body, digest FROM run
         WHERE log = $1 AND list = $2 AND place > $3 AND place <= $4 AND place <= coalesce(
             (SELECT min(place) FROM run WHERE log = $1 AND list = $2 AND place >= $5), $5)
         ORDER BY place DESC LIMIT $6"
    } else {
        "SELECT place, body, digest FROM run
         WHERE log = $1 AND list = $2 AND place > $3 AND place <= $4 AND place <= coalesce(
             (SELECT min(place) FROM run WHERE log = $1 AND list = $2 AND place >= $5), $5)
         ORDER BY place LIMIT $6"
    };
    let (mut above, mut up_to) = (above(span.after), i64::MAX);
    let before = span.before.map_or(i64::MAX, stored);
    let mut gathering = Gathering::new(log, list, span);
    let key = gathering.key.clone().into_bytes();
    // How long runs are is not known beforehand. As many again as were read so far: few questions, and little too much.
    let (mut read, mut page) = (0, limits::RUNS_PAGE);
    while gathering.wanted() > 0 {
        let most = i64::try_from(page).unwrap_or(i64::MAX);
        let rows = pool.query(sql, &[&id, &key, &above, &up_to, &before, &most]).await?;
        for row in &rows {
            let place = row.try_get(0).map_err(failed)?;
            let (body, digest) = (row.try_get(1).map_err(failed)?, row.try_get(2).map_err(failed)?);
            gathering.take(&StoredRun { place: Some(place), body, digest })?;
            // Not by how many there were: more may be written in between.
            if span.newest_first {
                up_to = place.saturating_sub(1);
            } else {
                above = place;
            }
            if gathering.wanted() == 0 {
                break;
            }
        }
        if rows.len() < page {
            break;
        }
        read += page;
        page = read;
    }
    Ok(gathering.items())
}

pub(super) async fn names(
    pool: &Pool,
    id: i32,
    log: &WorkspaceName,
    after: &str,
    most: usize,
) -> Result<Vec<List>> {
    let sql = "SELECT DISTINCT list FROM run WHERE log = $1 AND list > $2 ORDER BY list LIMIT $3";
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let rows = pool.query(sql, &[&id, &after.as_bytes(), &most]).await?;
    rows.iter().map(|row| intact_list(log, row.try_get(0).map_err(failed)?)).collect()
}

/// Checks that all runs belong to a log.
pub(super) async fn check(pool: &Pool) -> Result<()> {
    let sql = "SELECT list, run.log FROM run LEFT JOIN log ON log.id = run.log WHERE log.id IS NULL LIMIT 1";
    let rows = pool.query(sql, &[]).await?;
    let Some(row) = rows.first() else { return Ok(()) };
    let (list, number): (&[u8], i32) = (row.try_get(0).map_err(failed)?, row.try_get(1).map_err(failed)?);
    let list = String::from_utf8_lossy(list);
    Err(StoreError::DamagedRow(format!("a list {list:?} of log {number}, which there is not")))
}
