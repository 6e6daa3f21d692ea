//! The index of words: a `tsvector` for each document, made from its words as they are.
//!
//! Words come cut and folded, so no text search configuration plays a part: it would only do the same again (`simple`)
//! or find other words than the other databases do.

use model::search::Term;
use model::{Position, WorkspaceName};

use super::failure::failed;
use super::pool::Pool;
use super::records::{position, stored};
use crate::stored::intact_indexed;
use crate::{Result, StoreError, Terms, seal};

pub(super) async fn indexed(pool: &Pool, id: i32, log: &WorkspaceName) -> Result<Position> {
    let rows = pool.query("SELECT position, digest FROM indexed WHERE log = $1", &[&id]).await?;
    let Some(row) = rows.first() else { return Ok(Position::START) };
    intact_indexed(log, id.into(), row.try_get(0).map_err(failed)?, row.try_get(1).map_err(failed)?)
}

pub(super) async fn index(
    pool: &Pool,
    id: i32,
    log: &WorkspaceName,
    from: Position,
    to: Position,
    documents: &[Terms],
) -> Result<bool> {
    let seal = |position| seal::indexed(log, id.into(), position);
    if from == Position::START {
        // A log that was made before there was an index has no row here.
        let sql = "INSERT INTO indexed (log, position, digest) VALUES ($1, 0, $2) ON CONFLICT DO NOTHING";
        pool.query(sql, &[&id, &seal(from).0.as_slice()]).await?;
    }
    let places: Vec<_> = documents.iter().map(|terms| stored(terms.place)).collect();
    let words: Vec<_> = documents.iter().map(|terms| &*terms.words).collect();
    let sql = "WITH moved AS (
                   UPDATE indexed SET position = $3, digest = $5
                   WHERE log = $1 AND position = $2 AND digest = $4 RETURNING log
               ), written AS (
                   INSERT INTO document (log, place, words)
                   SELECT moved.log, new.place, array_to_tsvector(string_to_array(new.words, ' '))
                   FROM moved, unnest($6::bigint[], $7::text[]) AS new (place, words)
                   ON CONFLICT (log, place) DO UPDATE SET words = excluded.words
               )
               SELECT FROM moved";
    let (old, new) = (seal(from), seal(to));
    let (old, new) = (old.0.as_slice(), new.0.as_slice());
    let moved = pool.query(sql, &[&id, &stored(from), &stored(to), &old, &new, &places, &words]).await?;
    Ok(!moved.is_empty())
}

pub(super) async fn search(
    pool: &Pool,
    id: i32,
    terms: &[Term],
    before: Option<Position>,
    most: usize,
) -> Result<Vec<Position>> {
    if terms.is_empty() {
        return Ok(vec![]);
    }
    let sql = "SELECT place FROM document
               WHERE log = $1 AND words @@ $2::text::tsquery AND place > 0 AND place < $3
               ORDER BY place DESC LIMIT $4";
    let before = before.map_or(i64::MAX, stored);
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let rows = pool.query(sql, &[&id, &expression(terms), &before, &most]).await?;
    rows.iter().map(|row| position(row, 0)).collect()
}

/// The terms in the language of `tsquery`. Words hold letters and digits only, so nothing in quotes needs an escape.
fn expression(terms: &[Term]) -> String {
    let term = |term: &Term| match term {
        Term::Word(word) => format!("'{word}'"),
        Term::Prefix(prefix) => format!("'{prefix}':*"),
    };
    terms.iter().map(term).collect::<Vec<_>>().join(" & ")
}

/// The statements that empty the index of a log, and take away what belongs to none.
pub(super) fn clear(id: i32, log: &WorkspaceName) -> String {
    let nothing = seal::indexed(log, id.into(), Position::START);
    format!(
        "INSERT INTO indexed (log, position, digest) VALUES ({id}, 0, '\\x{nothing:?}')
         ON CONFLICT (log) DO UPDATE SET position = 0, digest = excluded.digest;
         DELETE FROM document WHERE log = {id} OR log NOT IN (SELECT id FROM log);
         DELETE FROM indexed WHERE log NOT IN (SELECT id FROM log)"
    )
}

/// Checks that all documents belong to a log. That its own index leads to them is the server's business.
pub(super) async fn check(pool: &Pool) -> Result<()> {
    let sql = "SELECT other.log FROM (SELECT log FROM document UNION ALL SELECT log FROM indexed) AS other
               LEFT JOIN log ON log.id = other.log WHERE log.id IS NULL LIMIT 1";
    let rows = pool.query(sql, &[]).await?;
    let Some(row) = rows.first() else { return Ok(()) };
    let number: i32 = row.try_get(0).map_err(failed)?;
    Err(StoreError::DamagedRow(format!("what is indexed of log {number}, which there is not")))
}
