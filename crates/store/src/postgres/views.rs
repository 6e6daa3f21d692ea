//! Read models and snapshots. Everything here can be made again from the log; each row carries digests, so that what
//! was damaged is noticed and never shown.

use indexmap::IndexMap;
use model::rows::{Row, Table};
use model::{Position, WorkspaceName};

use super::failure::{Failure, failed};
use super::lists;
use super::pool::Pool;
use super::records::stored;
use super::search;
use crate::stored::{StoredRow, above, intact_projected, intact_snapshot};
use crate::{Hash, PlacedRow, Projection, Result, Snapshot, StoreError, seal};

pub(super) async fn projected(pool: &Pool, id: i32, log: &WorkspaceName) -> Result<Position> {
    let rows = pool.query("SELECT position, digest FROM projected WHERE log = $1", &[&id]).await?;
    // It is made with the log.
    let Some(row) = rows.first() else { return intact_projected(log, None, &[]) };
    intact_projected(log, row.try_get(0).map_err(failed)?, row.try_get(1).map_err(failed)?)
}

pub(super) async fn project(
    pool: &Pool,
    id: i32,
    log: &WorkspaceName,
    from: Position,
    to: Position,
    projection: &Projection,
) -> Result<bool> {
    // One statement cannot write a row twice: the first gives the place, the last the content.
    let mut once: IndexMap<(Table, &str), (Position, &Row)> = IndexMap::new();
    for PlacedRow { place, row } in &projection.rows {
        once.entry((row.table, &row.key)).and_modify(|(_, last)| *last = row).or_insert((*place, row));
    }
    let (mut names, mut places, mut key_digests) = (vec![], vec![], vec![]);
    let (mut keys, mut bodies, mut digests, mut place_digests) = (vec![], vec![], vec![], vec![]);
    for (place, row) in once.values() {
        names.push(row.table.as_str());
        places.push(stored(*place));
        key_digests.push(Hash::of(row.key.as_bytes()).0.to_vec());
        keys.push(row.key.as_bytes());
        bodies.push(&row.body);
        digests.push(seal::row(log, row).0.to_vec());
        place_digests.push(seal::place(log, row, *place).0.to_vec());
    }
    let runs = lists::columns(log, projection);
    let sql = "WITH moved AS (
                   UPDATE projected SET position = $3, digest = $12
                   WHERE log = $1 AND position = $2 AND digest = $11 RETURNING log
               ), written AS (
                   INSERT INTO view_row (log, name, place, key_digest, key, body, digest, place_digest)
                   SELECT moved.log, new.* FROM moved,
                       unnest($4::text[], $5::bigint[], $6::bytea[], $7::bytea[], $8::bytea[], $9::bytea[],
                           $10::bytea[]) AS new
                   ON CONFLICT (log, name, key_digest) DO UPDATE SET
                       body = excluded.body, digest = excluded.digest
               ), listed AS (
                   INSERT INTO run (log, list, place, body, digest)
                   SELECT moved.log, new.* FROM moved,
                       unnest($13::bytea[], $14::bigint[], $15::bytea[], $16::bytea[]) AS new
                   ON CONFLICT (log, list, place) DO UPDATE SET
                       body = excluded.body, digest = excluded.digest
               )
               SELECT FROM moved";
    let moved = pool
        .query(
            sql,
            &[
                &id,
                &stored(from),
                &stored(to),
                &names,
                &places,
                &key_digests,
                &keys,
                &bodies,
                &digests,
                &place_digests,
                &seal::projected(log, from).0.as_slice(),
                &seal::projected(log, to).0.as_slice(),
                &runs.lists,
                &runs.places,
                &runs.bodies,
                &runs.digests,
            ],
        )
        .await?;
    Ok(!moved.is_empty())
}

pub(super) async fn row(
    pool: &Pool,
    id: i32,
    log: &WorkspaceName,
    table: Table,
    key: &str,
) -> Result<Option<PlacedRow>> {
    let sql = "SELECT place, key, body, digest, place_digest
         FROM view_row WHERE log = $1 AND name = $2 AND key_digest = $3";
    let digest = Hash::of(key.as_bytes());
    let rows = pool.query(sql, &[&id, &table.as_str(), &digest.0.as_slice()]).await?;
    rows.first().map(|row| placed(log, table, row)).transpose()
}

pub(super) async fn rows(
    pool: &Pool,
    id: i32,
    log: &WorkspaceName,
    table: Table,
    after: Position,
    most: usize,
) -> Result<Vec<PlacedRow>> {
    let sql = "SELECT place, key, body, digest, place_digest FROM view_row
               WHERE log = $1 AND name = $2 AND place > $3 ORDER BY place LIMIT $4";
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let rows = pool.query(sql, &[&id, &table.as_str(), &above(after), &most]).await?;
    rows.iter().map(|row| placed(log, table, row)).collect()
}

fn placed(log: &WorkspaceName, table: Table, row: &tokio_postgres::Row) -> Result<PlacedRow> {
    let stored = StoredRow {
        place: row.try_get(0).map_err(failed)?,
        key: row.try_get(1).map_err(failed)?,
        body: row.try_get(2).map_err(failed)?,
        digest: row.try_get(3).map_err(failed)?,
        place_digest: row.try_get(4).map_err(failed)?,
    };
    stored.placed(log, table)
}

/// Takes away the rows of a log, and those that belong to none.
pub(super) async fn clear(pool: &Pool, id: i32, log: &WorkspaceName) -> Result<()> {
    // One transaction. The first statement waits for a projection that is under way, and the second sees its rows.
    let unprojected = seal::projected(log, Position::START);
    let sql = format!(
        "INSERT INTO projected (log, position, digest) VALUES ({id}, 0, '\\x{unprojected:?}')
         ON CONFLICT (log) DO UPDATE SET position = 0, digest = excluded.digest;
         DELETE FROM view_row WHERE log = {id} OR log NOT IN (SELECT id FROM log);
         DELETE FROM run WHERE log = {id} OR log NOT IN (SELECT id FROM log);
         {}",
        search::clear(id, log)
    );
    let mut lent = pool.take().await?;
    lent.execute(&sql).await.map_err(Failure::into_error)?;
    pool.give_back(lent);
    Ok(())
}

/// Checks that rows are found by their keys, and that all belong to a log and to a table.
pub(super) async fn check(pool: &Pool, id: i32) -> Result<()> {
    let sql = "SELECT view_row.name, key, view_row.log FROM view_row LEFT JOIN log ON log.id = view_row.log
               WHERE log.id IS NULL
                   OR view_row.log = $1 AND (key_digest <> sha256(key) OR view_row.name <> ALL ($2)) LIMIT 1";
    let tables: Vec<&str> = Table::ALL.iter().map(|table| table.as_str()).collect();
    let rows = pool.query(sql, &[&id, &tables]).await?;
    let Some(row) = rows.first() else { return Ok(()) };
    let (name, key, number): (&str, &[u8], i32) =
        (row.try_get(0).map_err(failed)?, row.try_get(1).map_err(failed)?, row.try_get(2).map_err(failed)?);
    let key = String::from_utf8_lossy(key);
    Err(StoreError::DamagedRow(format!("{name} {key:?} of log {number} cannot be found")))
}

pub(super) async fn save_snapshot(
    pool: &Pool,
    id: i32,
    log: &WorkspaceName,
    snapshot: &Snapshot,
) -> Result<()> {
    let sql = "INSERT INTO snapshot (log, position, hash, state, digest) VALUES ($1, $2, $3, $4, $5)
               ON CONFLICT (log) DO UPDATE SET position = excluded.position, hash = excluded.hash,
                   state = excluded.state, digest = excluded.digest";
    let digest = seal::snapshot(log, snapshot);
    pool.query(
        sql,
        &[
            &id,
            &stored(snapshot.position),
            &snapshot.hash.0.as_slice(),
            &snapshot.state,
            &digest.0.as_slice(),
        ],
    )
    .await?;
    Ok(())
}

pub(super) async fn snapshot(pool: &Pool, id: i32, log: &WorkspaceName) -> Result<Option<Snapshot>> {
    let sql = "SELECT position, hash, state, digest FROM snapshot WHERE log = $1";
    let rows = pool.query(sql, &[&id]).await?;
    let Some(row) = rows.first() else { return Ok(None) };
    let hash: &[u8] = row.try_get(1).map_err(failed)?;
    let digest: &[u8] = row.try_get(3).map_err(failed)?;
    let (position, state) = (row.try_get(0).map_err(failed)?, row.try_get(2).map_err(failed)?);
    Ok(intact_snapshot(log, position, hash, state, digest))
}
