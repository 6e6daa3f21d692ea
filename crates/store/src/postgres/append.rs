//! Appending: one statement, and what to do when its answer never comes.
//!
//! The statement moves the log's row from the expected head to the new one and inserts everything else only if that
//! row was moved, so it is a transaction of its own and one round trip. It is safe to send again: the second finds
//! that the head is no longer the expected one, and that the event at its last position is its own.
//!
//! **When the connection is lost** the statement may be in any state, even on its way still. So nobody asks whether it
//! *was* carried out. On a new connection the log's row is locked, which waits for a statement that is at it; under
//! the lock either the batch is there (success), or the head has moved otherwise (then it can never be appended any
//! more), or the head is the expected one, and the batch is appended now. In each case a statement that arrives later
//! finds another head and does nothing. Only if the server cannot be reached is the outcome left unknown.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use model::WorkspaceName;
use model::effect::Effect;
use tokio::time::sleep;
use tokio_postgres::types::ToSql;

use super::failure::Failure;
use super::pool::{Lent, Pool};
use super::records;
use crate::{AppendError, Batch, Hash, Head, LockedLog, Receipt, Result, StoreError, limits, seal};

const APPEND: &str = "
    WITH head AS (
        UPDATE log SET position = $2, hash = $3
        WHERE name = $1 AND position = $4 AND hash = $5 AND incarnation = $6
        RETURNING id
    ), events AS (
        INSERT INTO event (log, position, header, body, digest, hash)
        SELECT head.id, new.* FROM head,
            unnest($7::bigint[], $8::bytea[], $9::bytea[], $10::bytea[], $11::bytea[]) AS new
    ), blobs AS (
        INSERT INTO blob (log, digest, body)
        SELECT head.id, new.* FROM head, unnest($12::bytea[], $13::bytea[]) AS new
        ON CONFLICT DO NOTHING
    ), receipts AS (
        INSERT INTO receipt (log, principal, key_digest, key, command, first, last, at, digest)
        SELECT head.id, new.* FROM head,
            unnest($14::text[], $15::bytea[], $16::bytea[], $17::bytea[], $18::bigint[], $19::bigint[],
                $20::bigint[], $21::bytea[]) AS new
        ON CONFLICT (log, principal, key_digest) DO UPDATE SET
            key = excluded.key, command = excluded.command, first = excluded.first, last = excluded.last,
            at = excluded.at, digest = excluded.digest
    ), cancelled AS (
        DELETE FROM job USING head WHERE job.log = head.id AND job.key = ANY ($22::bytea[])
    ), scheduled AS (
        INSERT INTO job (log, key, due, held_until, job, digest)
        SELECT head.id, new.key, new.due, 0, new.job, new.digest FROM head,
            unnest($23::bytea[], $24::bigint[], $25::text[], $26::bytea[]) AS new (key, due, job, digest)
        ON CONFLICT (log, key) DO UPDATE SET
            due = excluded.due, held_until = 0, job = excluded.job, digest = excluded.digest
    )
    SELECT id FROM head";

/// Appends if the log ends where the batch expects it to.
pub(super) async fn append(pool: &Arc<Pool>, batch: &Batch) -> std::result::Result<(), AppendError> {
    batch.check()?;
    let mut lent = pool.take().await?;
    match insert(pool, &mut lent, batch).await {
        Ok(true) => {
            pool.give_back(lent);
            Ok(())
        }
        Ok(false) => {
            pool.give_back(lent);
            let (head, ours) = records::head_and(pool, batch).await?;
            if ours { Ok(()) } else { Err(AppendError::Moved(head)) }
        }
        Err(Failure::Refused(error)) => Err(AppendError::Refused(error)),
        Err(Failure::Lost(cause)) => {
            drop(lent);
            settle(pool, batch, cause).await
        }
    }
}

/// Takes the log's row lock.
pub(super) async fn lock(pool: &Arc<Pool>, log: &WorkspaceName) -> std::result::Result<Locked, Failure> {
    let mut lent = pool.take().await.map_err(Failure::Refused)?;
    lent.execute("BEGIN").await?;
    lent.query("SELECT FROM log WHERE name = $1 FOR UPDATE", &[&log.as_str()]).await?;
    // A statement of its own, after the lock: one that waited for the lock would see the row as it is now, and the
    // events as they were before it began to wait.
    let head = records::locked_head(&mut lent, log).await?;
    Ok(Locked { pool: pool.clone(), lent, head })
}

/// A transaction that holds the lock of a log's row. Dropping it closes the connection, which rolls it back.
pub(super) struct Locked {
    pool: Arc<Pool>,
    lent: Lent,
    head: Head,
}

#[async_trait]
impl LockedLog for Locked {
    fn head(&self) -> Head {
        self.head
    }

    async fn append(self: Box<Self>, batch: Arc<Batch>) -> std::result::Result<(), AppendError> {
        batch.check()?;
        let pool = self.pool.clone();
        match self.finish(&batch).await {
            Ok(outcome) => outcome.map_err(AppendError::Moved),
            Err(Failure::Refused(error)) => Err(AppendError::Refused(error)),
            Err(Failure::Lost(cause)) => settle(&pool, &batch, cause).await,
        }
    }
}

impl Locked {
    /// Appends and commits, or says where the log ends instead.
    async fn finish(mut self, batch: &Batch) -> std::result::Result<std::result::Result<(), Head>, Failure> {
        if Some(self.head) != batch.expected() {
            let ours = records::holds(&mut self.lent, batch).await?;
            return Ok(if ours { Ok(()) } else { Err(self.head) });
        }
        if !insert(&self.pool, &mut self.lent, batch).await? {
            return Err(Failure::Refused(StoreError::Database("the head moved under its lock".into())));
        }
        self.lent.execute("COMMIT").await?;
        self.pool.give_back(self.lent);
        Ok(Ok(()))
    }
}

/// Finds out, or sees to it, what became of a batch whose statement was lost.
async fn settle(
    pool: &Arc<Pool>,
    batch: &Batch,
    mut cause: StoreError,
) -> std::result::Result<(), AppendError> {
    for pause in limits::SETTLE_PAUSES {
        sleep(pause).await;
        let outcome = match lock(pool, &batch.log).await {
            Ok(locked) => locked.finish(batch).await,
            Err(failure) => Err(failure),
        };
        match outcome {
            Ok(outcome) => return outcome.map_err(AppendError::Moved),
            // Also what the server refuses leaves it open: the lost statement may yet arrive and be accepted.
            Err(failure) => cause = failure.into_error(),
        }
        tracing::warn!(log = %batch.log, batch = %batch.id, %cause, "an append whose outcome is unknown");
    }
    Err(AppendError::Unknown(cause))
}

/// Sends the statement; whether it moved the head.
async fn insert(pool: &Pool, lent: &mut Lent, batch: &Batch) -> std::result::Result<bool, Failure> {
    let expected = batch.expected().expect("the batch was checked");
    let (columns, head) = (Columns::of(batch), batch.head());
    let Columns { events, blobs, receipts, cancelled, scheduled } = &columns;
    let params: [&(dyn ToSql + Sync); 26] = [
        &batch.log.as_str(),
        &head.position.0.cast_signed(),
        &head.hash.0.as_slice(),
        &expected.position.0.cast_signed(),
        &expected.hash.0.as_slice(),
        &expected.incarnation.0.as_bytes().as_slice(),
        &events.positions,
        &events.headers,
        &events.bodies,
        &events.digests,
        &events.hashes,
        &blobs.digests,
        &blobs.bodies,
        &receipts.principals,
        &receipts.key_digests,
        &receipts.keys,
        &receipts.commands,
        &receipts.firsts,
        &receipts.lasts,
        &receipts.times,
        &receipts.digests,
        cancelled,
        &scheduled.keys,
        &scheduled.dues,
        &scheduled.jobs,
        &scheduled.digests,
    ];
    let moved = lent.query(APPEND, &params).await.map(|rows| !rows.is_empty());
    match &moved {
        Ok(true) => pool.room.written(),
        Err(Failure::Refused(cause)) => pool.room.refused(cause),
        Ok(false) | Err(Failure::Lost(_)) => {}
    }
    moved
}

/// A batch as the statement takes it: an array for each column.
struct Columns<'a> {
    events: Events<'a>,
    blobs: Blobs<'a>,
    receipts: Receipts<'a>,
    cancelled: Vec<&'a [u8]>,
    scheduled: Scheduled<'a>,
}

#[derive(Default)]
struct Events<'a> {
    positions: Vec<i64>,
    headers: Vec<&'a [u8]>,
    bodies: Vec<Option<&'a [u8]>>,
    digests: Vec<&'a [u8]>,
    hashes: Vec<&'a [u8]>,
}

#[derive(Default)]
struct Blobs<'a> {
    digests: Vec<&'a [u8]>,
    bodies: Vec<&'a [u8]>,
}

#[derive(Default)]
struct Receipts<'a> {
    principals: Vec<&'a str>,
    key_digests: Vec<Vec<u8>>,
    keys: Vec<&'a [u8]>,
    commands: Vec<&'a [u8]>,
    firsts: Vec<i64>,
    lasts: Vec<i64>,
    times: Vec<i64>,
    digests: Vec<Vec<u8>>,
}

/// Jobs, likewise.
#[derive(Default)]
pub(super) struct Scheduled<'a> {
    pub(super) keys: Vec<&'a [u8]>,
    pub(super) dues: Vec<i64>,
    pub(super) jobs: Vec<String>,
    pub(super) digests: Vec<Vec<u8>>,
}

impl<'a> Columns<'a> {
    fn of(batch: &'a Batch) -> Self {
        let (mut events, mut blobs) = (Events::default(), Blobs::default());
        for record in batch.records() {
            let body = record.body.as_deref().unwrap_or_default();
            let inline = (body.len() <= limits::INLINE_BODY_BYTES).then_some(body);
            if inline.is_none() {
                blobs.digests.push(&record.digest.0);
                blobs.bodies.push(body);
            }
            events.positions.push(record.position.0.cast_signed());
            events.headers.push(&record.header);
            events.bodies.push(inline);
            events.digests.push(&record.digest.0);
            events.hashes.push(&record.hash.0);
        }
        for blob in &batch.blobs {
            blobs.digests.push(&blob.digest.0);
            blobs.bodies.push(&blob.bytes);
        }
        let (cancelled, scheduled) = jobs(&batch.log, batch.effects());
        Self { events, blobs, receipts: receipts(&batch.log, &batch.receipts), cancelled, scheduled }
    }
}

/// One statement cannot write a row twice, so the last receipt of a key stands for all.
fn receipts<'a>(log: &WorkspaceName, given: &'a [Receipt]) -> Receipts<'a> {
    let last: BTreeMap<_, _> = given.iter().map(|receipt| ((&receipt.by, &receipt.key), receipt)).collect();
    let mut receipts = Receipts::default();
    for receipt in last.into_values() {
        receipts.principals.push(receipt.by.as_str());
        receipts.key_digests.push(Hash::of(receipt.key.as_bytes()).0.to_vec());
        receipts.keys.push(receipt.key.as_bytes());
        receipts.commands.push(&receipt.command.0);
        receipts.firsts.push(receipt.first.0.cast_signed());
        receipts.lasts.push(receipt.last.0.cast_signed());
        receipts.times.push(receipt.at.as_millis());
        receipts.digests.push(seal::receipt(log, receipt).0.to_vec());
    }
    receipts
}

/// Likewise of several changes to one job the last counts.
pub(super) fn jobs<'a>(log: &WorkspaceName, effects: &'a [Effect]) -> (Vec<&'a [u8]>, Scheduled<'a>) {
    let last: BTreeMap<_, _> = effects.iter().map(|effect| (job_key(effect), effect)).collect();
    let (mut cancelled, mut scheduled) = (Vec::new(), Scheduled::default());
    for effect in last.into_values() {
        match effect {
            Effect::Cancel { key } => cancelled.push(key.as_bytes()),
            Effect::Schedule { key, due, job } => {
                let job = serde_json::to_string(job).expect("jobs always serialise");
                scheduled.keys.push(key.as_bytes());
                scheduled.dues.push(due.as_millis());
                scheduled.digests.push(seal::job(log, key, *due, &job).0.to_vec());
                scheduled.jobs.push(job);
            }
        }
    }
    (cancelled, scheduled)
}

fn job_key(effect: &Effect) -> &str {
    match effect {
        Effect::Schedule { key, .. } | Effect::Cancel { key } => key,
    }
}

/// For [`crate::Store::lock`].
pub(super) async fn lock_for_caller(pool: &Arc<Pool>, log: &WorkspaceName) -> Result<Box<dyn LockedLog>> {
    match lock(pool, log).await {
        // A connection that died while idle says nothing about the server.
        Err(Failure::Lost(_)) => Ok(Box::new(lock(pool, log).await.map_err(Failure::into_error)?)),
        result => Ok(Box::new(result.map_err(Failure::into_error)?)),
    }
}
