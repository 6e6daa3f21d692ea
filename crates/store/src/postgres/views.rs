//! Read models and snapshots. Everything here can be made again from the log; each row carries a digest, so that what
//! was damaged is noticed and never shown.

use indexmap::IndexMap;
use model::rows::{Row, Table};
use model::{Position, WorkspaceName};

use super::failure::{Failure, failed, nonsense};
use super::pool::Pool;
use super::records::{position, stored};
use crate::stored::{intact_row, intact_snapshot, row_digest, snapshot_digest};
use crate::{Hash, PlacedRow, Result, Snapshot};

pub(super) async fn projected(pool: &Pool, id: i32) -> Result<Position> {
    let rows = pool.query("SELECT position FROM projected WHERE log = $1", &[&id]).await?;
    rows.first().map_or(Ok(Position::START), |row| position(row, 0))
}

pub(super) async fn project(
    pool: &Pool,
    id: i32,
    log: &WorkspaceName,
    from: Position,
    to: Position,
    rows: &[PlacedRow],
) -> Result<bool> {
    // One statement cannot write a row twice: the first gives the place, the last the content.
    let mut once: IndexMap<(Table, &str), (Position, &Row)> = IndexMap::new();
    for PlacedRow { place, row } in rows {
        once.entry((row.table, &row.key)).and_modify(|(_, last)| *last = row).or_insert((*place, row));
    }
    let (mut names, mut places, mut key_digests) = (vec![], vec![], vec![]);
    let (mut keys, mut bodies, mut digests) = (vec![], vec![], vec![]);
    for (place, row) in once.values() {
        names.push(row.table.as_str());
        places.push(stored(*place));
        key_digests.push(Hash::of(row.key.as_bytes()).0.to_vec());
        keys.push(row.key.as_bytes());
        bodies.push(&row.body);
        digests.push(row_digest(log, row).0.to_vec());
    }
    let sql = "WITH moved AS (
                   UPDATE projected SET position = $3 WHERE log = $1 AND position = $2 RETURNING log
               ), written AS (
                   INSERT INTO view_row (log, name, place, key_digest, key, body, digest)
                   SELECT moved.log, new.* FROM moved,
                       unnest($4::text[], $5::bigint[], $6::bytea[], $7::bytea[], $8::bytea[], $9::bytea[]) AS new
                   ON CONFLICT (log, name, key_digest) DO UPDATE SET
                       body = excluded.body, digest = excluded.digest
               )
               SELECT FROM moved";
    let moved = pool
        .query(
            sql,
            &[&id, &stored(from), &stored(to), &names, &places, &key_digests, &keys, &bodies, &digests],
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
    let sql =
        "SELECT place, key, body, digest FROM view_row WHERE log = $1 AND name = $2 AND key_digest = $3";
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
    let sql = "SELECT place, key, body, digest FROM view_row
               WHERE log = $1 AND name = $2 AND place > $3 ORDER BY place LIMIT $4";
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let rows = pool.query(sql, &[&id, &table.as_str(), &stored(after), &most]).await?;
    rows.iter().map(|row| placed(log, table, row)).collect()
}

fn placed(log: &WorkspaceName, table: Table, row: &tokio_postgres::Row) -> Result<PlacedRow> {
    let key =
        String::from_utf8(row.try_get(1).map_err(failed)?).map_err(|_| nonsense("a row's key is no text"))?;
    let found = Row { table, key, body: row.try_get(2).map_err(failed)? };
    intact_row(log, position(row, 0)?, found, row.try_get(3).map_err(failed)?)
}

pub(super) async fn clear(pool: &Pool, id: i32) -> Result<()> {
    // One transaction. The first statement waits for a projection that is under way, and the second sees its rows.
    let sql =
        format!("UPDATE projected SET position = 0 WHERE log = {id}; DELETE FROM view_row WHERE log = {id}");
    let mut lent = pool.take().await?;
    lent.execute(&sql).await.map_err(Failure::into_error)?;
    pool.give_back(lent);
    Ok(())
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
    let digest = snapshot_digest(log, snapshot);
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
