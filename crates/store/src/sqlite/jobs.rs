//! The statements on jobs.

use std::time::Duration;

use model::effect::Effect;
use model::{Timestamp, WorkspaceName};
use rusqlite::{Connection, Row, params};

use super::failure::failed;
use super::records::{id, number, raw, text};
use crate::stored::{StoredJob, lease_millis};
use crate::{ClaimedJob, Result, limits, seal};

/// Carries out a change to the jobs of a log.
pub(super) fn write(connection: &Connection, id: i64, log: &WorkspaceName, effect: &Effect) -> Result<()> {
    match effect {
        Effect::Schedule { key, due, job } => {
            let job = serde_json::to_string(job).expect("jobs always serialise");
            let digest = seal::job(log, key, *due, &job);
            connection
                .prepare_cached(
                    "INSERT OR REPLACE INTO job (log, key, due, held_until, job, digest) VALUES (?, ?, ?, 0, ?, ?)",
                )
                .and_then(|mut insert| insert.execute(params![id, key, due.as_millis(), job, digest.0]))
        }
        Effect::Cancel { key } => connection
            .prepare_cached("DELETE FROM job WHERE log = ? AND key = ?")
            .and_then(|mut delete| delete.execute(params![id, key])),
    }
    .map_err(failed)?;
    Ok(())
}

/// Reads `name of the log, key, due, job, digest`.
fn stored_job<'a>(row: &'a Row<'_>) -> StoredJob<'a> {
    StoredJob {
        log: text(row, 0),
        key: raw(row, 1),
        due: number(row, 2),
        job: raw(row, 3),
        digest: raw(row, 4),
    }
}

pub(super) fn claim(
    connection: &Connection,
    now: Timestamp,
    lease: Duration,
    most: usize,
) -> Result<Vec<ClaimedJob>> {
    let mut statement = connection
        .prepare_cached(
            "UPDATE job SET held_until = ?1 WHERE (log, key) IN
                 (SELECT log, key FROM job WHERE due <= ?2 AND (held_until <= ?2 OR held_until > ?4)
                  ORDER BY due LIMIT ?3)
             RETURNING (SELECT name FROM log WHERE id = job.log), key, due, job, digest",
        )
        .map_err(failed)?;
    let (now, most) = (now.as_millis(), i64::try_from(most).unwrap_or(i64::MAX));
    let longest = now.saturating_add(lease_millis(limits::LEASE));
    let mut rows = statement
        .query(params![now.saturating_add(lease_millis(lease)), now, most, longest])
        .map_err(failed)?;
    let mut claimed = Vec::new();
    while let Some(row) = rows.next().map_err(failed)? {
        match stored_job(row).claimed() {
            Ok(job) => claimed.push(job),
            // It stays where it is, and is reported again when the lease is over; the others are not to wait for it.
            Err(cause) => tracing::error!(%cause, "a job that is due is not performed"),
        }
    }
    claimed.sort_by_key(|job| job.due);
    Ok(claimed)
}

pub(super) fn finish(connection: &Connection, job: &ClaimedJob) -> Result<()> {
    let id = id(connection, &job.log)?;
    connection
        .execute(
            "DELETE FROM job WHERE log = ? AND key = ? AND due = ?",
            params![id, job.key, job.due.as_millis()],
        )
        .map_err(failed)?;
    Ok(())
}

pub(super) fn next_due(connection: &Connection) -> Result<Option<Timestamp>> {
    // Few are held, and of the others the index gives the first.
    let sql = "SELECT min(at) FROM (
        SELECT (SELECT due FROM job WHERE held_until = 0 ORDER BY due LIMIT 1) AS at
        UNION ALL SELECT min(max(due, held_until)) FROM job WHERE held_until > 0)";
    let next: Option<i64> = connection.query_row(sql, [], |row| row.get(0)).map_err(failed)?;
    Ok(next.map(Timestamp::from_millis))
}

/// Checks the jobs of a log, and that there are none that belong to no log.
pub(super) fn check(connection: &Connection, log: &WorkspaceName) -> Result<()> {
    let mut statement = connection
        .prepare_cached(
            "SELECT log.name, key, due, job, job.digest FROM job LEFT JOIN log ON log.id = job.log
             WHERE job.log = ?1 OR log.id IS NULL",
        )
        .map_err(failed)?;
    let mut rows = statement.query([id(connection, log)?]).map_err(failed)?;
    while let Some(row) = rows.next().map_err(failed)? {
        stored_job(row).check()?;
    }
    Ok(())
}

/// Takes away the jobs of a log, and those that belong to none, and carries out these effects.
pub(super) fn replace(connection: &Connection, log: &WorkspaceName, effects: &[Effect]) -> Result<()> {
    let id = id(connection, log)?;
    connection
        .execute("DELETE FROM job WHERE log = ? OR log NOT IN (SELECT id FROM log)", [id])
        .map_err(failed)?;
    effects.iter().try_for_each(|effect| write(connection, id, log, effect))
}
