//! Schema changes, numbered, applied in order, each recorded with the digest of its text.

use tokio_postgres::error::SqlState;

use super::failure::Failure;
use super::pool::{Lent, Pool};
use crate::chain::Hash;
use crate::{Result, StoreError};

/// The first is number 1. What has been released is never edited.
///
/// What people choose (keys, names) is `bytea`, for `text` cannot hold a NUL, and is found by its SHA-256, for an
/// index entry has room for 2,700 bytes only. The row of a log is updated by every append; half its page stays free,
/// so that the new version fits beside the old and no index is touched.
const MIGRATIONS: &[&str] = &[
    "
    CREATE TABLE log (
        id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        name text NOT NULL UNIQUE,
        incarnation bytea NOT NULL,
        digest bytea NOT NULL,
        position bigint NOT NULL,
        hash bytea NOT NULL
    ) WITH (fillfactor = 50);
    CREATE TABLE event (
        log integer NOT NULL,
        position bigint NOT NULL,
        header bytea NOT NULL,
        body bytea,
        digest bytea NOT NULL,
        hash bytea NOT NULL,
        PRIMARY KEY (log, position)
    );
    CREATE TABLE blob (
        log integer NOT NULL,
        digest bytea NOT NULL,
        body bytea NOT NULL,
        PRIMARY KEY (log, digest)
    );
    CREATE TABLE receipt (
        log integer NOT NULL,
        principal text NOT NULL,
        key_digest bytea NOT NULL,
        key bytea NOT NULL,
        command bytea NOT NULL,
        first bigint NOT NULL,
        last bigint NOT NULL,
        at bigint NOT NULL,
        digest bytea NOT NULL,
        PRIMARY KEY (log, principal, key_digest)
    );
    CREATE INDEX receipt_at ON receipt (log, at);
    CREATE TABLE job (
        log integer NOT NULL,
        key bytea NOT NULL,
        due bigint NOT NULL,
        held_until bigint NOT NULL,
        job text NOT NULL,
        digest bytea NOT NULL,
        PRIMARY KEY (log, key)
    );
    CREATE INDEX job_due ON job (due, held_until);
    CREATE INDEX job_held ON job (held_until) WHERE held_until > 0;
    CREATE TABLE projected (
        log integer PRIMARY KEY,
        position bigint NOT NULL,
        digest bytea NOT NULL
    ) WITH (fillfactor = 50);
    CREATE TABLE view_row (
        log integer NOT NULL,
        name text NOT NULL,
        place bigint NOT NULL,
        key_digest bytea NOT NULL,
        key bytea NOT NULL,
        body bytea NOT NULL,
        digest bytea NOT NULL,
        place_digest bytea NOT NULL,
        PRIMARY KEY (log, name, place)
    );
    CREATE UNIQUE INDEX view_row_key ON view_row (log, name, key_digest);
    CREATE TABLE snapshot (
        log integer PRIMARY KEY,
        position bigint NOT NULL,
        hash bytea NOT NULL,
        state bytea NOT NULL,
        digest bytea NOT NULL
    );
",
    "
    CREATE TABLE run (
        log integer NOT NULL,
        list bytea NOT NULL,
        place bigint NOT NULL,
        body bytea NOT NULL,
        digest bytea NOT NULL,
        PRIMARY KEY (log, list, place)
    );
",
    "
    CREATE TABLE indexed (
        log integer PRIMARY KEY,
        position bigint NOT NULL,
        digest bytea NOT NULL
    ) WITH (fillfactor = 50);
    CREATE TABLE document (
        log integer NOT NULL,
        place bigint NOT NULL,
        words tsvector NOT NULL,
        PRIMARY KEY (log, place)
    );
    CREATE INDEX document_words ON document USING gin (words);
",
];

/// Names the advisory lock under which nodes that start together take turns: "guildhal" in ASCII.
const LOCK: &str = "SELECT pg_advisory_xact_lock(7455276846637441388)";
const LEDGER: &str =
    "CREATE TABLE IF NOT EXISTS migration (number integer PRIMARY KEY, digest bytea NOT NULL)";

/// Brings the database up to date. One that knows more migrations than this program, or others, is refused untouched.
pub(super) async fn migrate(pool: &Pool) -> Result<()> {
    let mut lent = pool.take().await?;
    // Another node's migration may well take longer than an append may wait.
    lent.execute("BEGIN; SET LOCAL lock_timeout = 0; SET LOCAL statement_timeout = 0")
        .await
        .map_err(Failure::into_error)?;
    lent.query(LOCK, &[]).await.map_err(Failure::into_error)?;
    lent.execute(LEDGER).await.map_err(Failure::into_error)?;
    apply(&mut lent).await?;
    lent.execute("COMMIT").await.map_err(Failure::into_error)?;
    pool.give_back(lent);
    Ok(())
}

async fn apply(lent: &mut Lent) -> Result<()> {
    let recorded = lent
        .query("SELECT number, digest FROM migration ORDER BY number", &[])
        .await
        .map_err(Failure::into_error)?;
    let known = u32::try_from(MIGRATIONS.len()).expect("there are few");
    let mut found = Vec::new();
    for row in &recorded {
        let number: i32 = row.try_get(0).map_err(super::failure::failed)?;
        let digest: Vec<u8> = row.try_get(1).map_err(super::failure::failed)?;
        found.push((number.cast_unsigned(), digest));
    }
    if let Some((newest, _)) = found.last().filter(|(newest, _)| *newest > known) {
        return Err(StoreError::Newer { found: *newest, known });
    }
    for (number, sql) in (1u32..).zip(MIGRATIONS) {
        let digest = Hash::of(sql.as_bytes());
        match found.iter().find(|(recorded, _)| *recorded == number) {
            Some((_, recorded)) if *recorded == digest.0 => {}
            Some(_) => return Err(StoreError::ForeignMigration(number)),
            None => {
                lent.execute(sql).await.map_err(taken)?;
                let record = "INSERT INTO migration (number, digest) VALUES ($1, $2)";
                lent.query(record, &[&number.cast_signed(), &digest.0.as_slice()])
                    .await
                    .map_err(Failure::into_error)?;
            }
        }
    }
    Ok(())
}

/// A database that holds tables of these names without our ledger is somebody else's.
fn taken(failure: Failure) -> StoreError {
    match failure.into_error() {
        StoreError::Database(said) if said.contains(SqlState::DUPLICATE_TABLE.code()) => {
            StoreError::Unsuitable(format!("it holds tables of another program: {said}"))
        }
        error => error,
    }
}
