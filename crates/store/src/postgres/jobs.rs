//! Jobs: claimed with a lease by the database's clock, which is the same for all nodes. Whether a job is due is
//! compared with the time the caller gives.

use std::time::Duration;

use model::effect::Effect;
use model::{Timestamp, WorkspaceName};
use tokio_postgres::Row;

use super::append::Scheduled;
use super::failure::failed;
use super::pool::Pool;
use crate::stored::{StoredJob, lease_millis};
use crate::{ClaimedJob, Result, limits};

pub(super) async fn claim(
    pool: &Pool,
    now: Timestamp,
    lease: Duration,
    most: usize,
) -> Result<Vec<ClaimedJob>> {
    // Materialised, since a plan that ran the inner query for each row would claim more than asked for.
    let sql = "WITH clock AS MATERIALIZED (
                   SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint AS now
               ), free AS MATERIALIZED (
                   SELECT log, key FROM job, clock
                   WHERE due <= $1 AND (held_until <= clock.now OR held_until > clock.now + $4)
                   ORDER BY due LIMIT $3 FOR UPDATE OF job SKIP LOCKED)
               UPDATE job SET held_until = (extract(epoch FROM clock_timestamp()) * 1000)::bigint + $2
               FROM free WHERE job.log = free.log AND job.key = free.key
               RETURNING (SELECT name FROM log WHERE id = job.log), job.key, job.due, job.job, job.digest";
    // A second more than the longest lease: one just given counts from a later moment than this statement's.
    let (lease, longest) = (lease_millis(lease), lease_millis(limits::LEASE) + 1_000);
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let rows = pool.query(sql, &[&now.as_millis(), &lease, &most, &longest]).await?;
    let mut claimed = Vec::with_capacity(rows.len());
    for row in &rows {
        match stored_job(row)?.claimed() {
            Ok(job) => claimed.push(job),
            // It stays where it is, and is reported again when the lease is over; the others are not to wait for it.
            Err(cause) => tracing::error!(%cause, "a job that is due is not performed"),
        }
    }
    claimed.sort_by_key(|job| job.due);
    Ok(claimed)
}

/// Reads `name of the log, key, due, job, digest`.
fn stored_job(row: &Row) -> Result<StoredJob<'_>> {
    let job: &str = row.try_get(3).map_err(failed)?;
    Ok(StoredJob {
        log: row.try_get(0).map_err(failed)?,
        key: row.try_get(1).map_err(failed)?,
        due: row.try_get(2).map_err(failed)?,
        job: job.as_bytes(),
        digest: row.try_get(4).map_err(failed)?,
    })
}

pub(super) async fn finish(pool: &Pool, log: i32, job: &ClaimedJob) -> Result<()> {
    let sql = "DELETE FROM job WHERE log = $1 AND key = $2 AND due = $3";
    pool.query(sql, &[&log, &job.key.as_bytes(), &job.due.as_millis()]).await?;
    Ok(())
}

pub(super) async fn next_due(pool: &Pool) -> Result<Option<Timestamp>> {
    let sql = "SELECT least(
                   (SELECT due FROM job WHERE held_until = 0 ORDER BY due LIMIT 1),
                   (SELECT min(greatest(due, held_until)) FROM job WHERE held_until > 0))";
    let rows = pool.query(sql, &[]).await?;
    let next = rows.first().map(|row| row.try_get::<_, Option<i64>>(0).map_err(failed)).transpose()?;
    Ok(next.flatten().map(Timestamp::from_millis))
}

/// Checks the jobs of a log, and that there are none that belong to no log.
pub(super) async fn check(pool: &Pool, log: &WorkspaceName) -> Result<()> {
    let sql = "SELECT name, key, due, job, job.digest FROM job LEFT JOIN log ON log.id = job.log
               WHERE name = $1 OR name IS NULL";
    pool.query(sql, &[&log.as_str()]).await?.iter().try_for_each(|row| stored_job(row)?.check())
}

/// Takes away the jobs of a log, and those that belong to none, and schedules these.
pub(super) async fn replace(pool: &Pool, id: i32, log: &WorkspaceName, effects: &[Effect]) -> Result<()> {
    // A statement sees nothing of what its other half does; so what is to stay is not taken away first.
    let sql = "WITH gone AS (
                   DELETE FROM job WHERE log = $1 AND key <> ALL ($2::bytea[]) OR log NOT IN (SELECT id FROM log)
               )
               INSERT INTO job (log, key, due, held_until, job, digest)
               SELECT $1, new.key, new.due, 0, new.job, new.digest
               FROM unnest($2::bytea[], $3::bigint[], $4::text[], $5::bytea[]) AS new (key, due, job, digest)
               ON CONFLICT (log, key) DO UPDATE SET
                   due = excluded.due, held_until = 0, job = excluded.job, digest = excluded.digest";
    let (_, Scheduled { keys, dues, jobs, digests }) = super::append::jobs(log, effects);
    pool.query(sql, &[&id, &keys, &dues, &jobs, &digests]).await.map(drop)
}
