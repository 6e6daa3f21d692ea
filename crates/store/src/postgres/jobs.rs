//! Jobs: claimed with a lease by the database's clock, which is the same for all nodes. Whether a job is due is
//! compared with the time the caller gives.

use std::time::Duration;

use model::Timestamp;
use tokio_postgres::Row;

use super::failure::{failed, nonsense};
use super::pool::Pool;
use crate::stored::log_name;
use crate::{ClaimedJob, Result};

pub(super) async fn claim(
    pool: &Pool,
    now: Timestamp,
    lease: Duration,
    most: usize,
) -> Result<Vec<ClaimedJob>> {
    // Materialised, since a plan that ran the inner query for each row would claim more than asked for.
    let sql = "WITH free AS MATERIALIZED (
                   SELECT log, key FROM job
                   WHERE due <= $1 AND held_until <= extract(epoch FROM clock_timestamp()) * 1000
                   ORDER BY due LIMIT $3 FOR UPDATE SKIP LOCKED)
               UPDATE job SET held_until = (extract(epoch FROM clock_timestamp()) * 1000)::bigint + $2
               FROM free WHERE job.log = free.log AND job.key = free.key
               RETURNING (SELECT name FROM log WHERE id = job.log), job.key, job.due, job.job";
    // A lease of years would overflow the column; ten are as good as for ever.
    let lease = i64::try_from(lease.as_millis()).unwrap_or(i64::MAX).min(10 * 366 * 24 * 3600 * 1000);
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let rows = pool.query(sql, &[&now.as_millis(), &lease, &most]).await?;
    let mut claimed = rows.iter().map(job).collect::<Result<Vec<_>>>()?;
    claimed.sort_by_key(|job| job.due);
    Ok(claimed)
}

fn job(row: &Row) -> Result<ClaimedJob> {
    let name: Option<&str> = row.try_get(0).map_err(failed)?;
    let job: &str = row.try_get(3).map_err(failed)?;
    Ok(ClaimedJob {
        log: name.and_then(log_name).ok_or_else(|| nonsense("a job belongs to no log"))?,
        key: String::from_utf8(row.try_get(1).map_err(failed)?)
            .map_err(|_| nonsense("a job's key is no text"))?,
        due: Timestamp::from_millis(row.try_get(2).map_err(failed)?),
        job: serde_json::from_str(job).map_err(|_| nonsense("a job cannot be read"))?,
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
