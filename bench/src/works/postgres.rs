//! Appending to PostgreSQL: the store's append beside the barest statement that moves a head and inserts the events.
//!
//! The cluster is thrown away afterwards; it lies where temporary files do, with `fsync` on. Batches are sealed before
//! the clock runs: the chain is not the database's.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use model::context::ContextEntry;
use model::{CommandId, EntryId, Event, Fact, MemberId, Position, Principal, Text, Timestamp, WorkspaceName};
use postgres_harness::Database;
use store::{Batch, Head, Incarnation, PostgresStore, Store as _};
use tokio_postgres::{Client, NoTls, Statement};

use crate::corpus;
use crate::report::{Gate, Row, spread};
use crate::rounds::{Rounds, Side};
use crate::works::Scale;

/// Events of a batch.
const BATCH: usize = 64;
/// Batches made at once, outside of the time that counts.
const AHEAD: usize = 64;
/// What the store must reach of the bare statement.
const OF_BARE: f64 = 0.6;

const TABLES: &str = "
    CREATE TABLE log (id integer PRIMARY KEY, position bigint NOT NULL) WITH (fillfactor = 50);
    CREATE TABLE event (
        log integer NOT NULL,
        position bigint NOT NULL,
        header bytea NOT NULL,
        body bytea,
        digest bytea NOT NULL,
        hash bytea NOT NULL,
        PRIMARY KEY (log, position)
    );
    INSERT INTO log VALUES (1, 0);";

const APPEND: &str = "
    WITH head AS (UPDATE log SET position = $1 WHERE id = 1 AND position = $2 RETURNING id)
    INSERT INTO event SELECT head.id, new.* FROM head,
        unnest($3::bigint[], $4::bytea[], $5::bytea[], $6::bytea[], $7::bytea[]) AS new";

pub(super) async fn measure(scale: &Scale) -> Result<Vec<Row>> {
    let database = Database::create().await;
    let mut store = Stored::open(&database.url()).await?;
    let beside = Database::create().await;
    let mut bare = Bare::open(&beside.url()).await?;
    let rounds = Rounds::take(scale.rounds, async |side| {
        let (mut spent, mut events) = (Duration::ZERO, 0);
        while spent < scale.time {
            let batches: Vec<_> = (0..AHEAD).map(|_| store.seal()).collect();
            let begun = Instant::now();
            for batch in &batches {
                match side {
                    Side::Guildhall => store.store.append(batch.clone()).await.context("an append")?,
                    Side::Bare => bare.append(batch).await?,
                }
            }
            spent += begun.elapsed();
            events += batches.len() * BATCH;
            if side == Side::Bare {
                // The bare log is another one: the store goes on where it was.
                store.head = batches[0].expected().expect("it was made of one");
            }
        }
        Ok(events as f64 / spent.as_secs_f64())
    })
    .await?;
    let (ours, bare, ratio) =
        (rounds.of_guildhall(|rate| *rate), rounds.of_bare(|rate| *rate), rounds.ratio(|rate| *rate));
    Ok(vec![Row {
        name: "postgres",
        work: format!("PostgreSQL append, batch of {BATCH}, one writer"),
        guildhall: format!("{:.1}k events/s{}", ours.median / 1e3, spread(ours)),
        bare: format!("one statement: {:.1}k events/s{}", bare.median / 1e3, spread(bare)),
        ratio: Some(ratio),
        gate: Some(Gate::at_least("of bare", ratio.median, OF_BARE)),
        goal: None,
        before: "–",
        durability: "fsync and synchronous_commit on",
    }])
}

/// A log in the store, and the batches that follow one another in it.
struct Stored {
    store: PostgresStore,
    log: WorkspaceName,
    head: Head,
    number: usize,
}

impl Stored {
    async fn open(url: &str) -> Result<Self> {
        let store = PostgresStore::connect(url).await?;
        let log = WorkspaceName::default_workspace();
        let head = store.open_log(&log, Incarnation(hall::clock::draw())).await?;
        Ok(Self { store, log, head, number: 0 })
    }

    fn seal(&mut self) -> Arc<Batch> {
        let events: Vec<_> = (0..BATCH).map(|_| self.event()).collect();
        let batch = Batch::of(hall::clock::draw(), self.log.clone(), self.head, events, vec![]);
        self.head = batch.head();
        Arc::new(batch)
    }

    fn event(&mut self) -> Event {
        self.number += 1;
        let at = Timestamp::from_millis(1_800_000_000_000);
        let author = MemberId::from(hall::clock::draw());
        Event {
            at,
            by: Principal::owner(),
            command: CommandId::from(hall::clock::draw()),
            fact: Fact::ContextShared(Arc::new(ContextEntry {
                id: EntryId::from(hall::clock::draw()),
                key: corpus::key(self.number).into(),
                value: Text::new(&corpus::value(self.number)),
                tags: [].into(),
                created_by: author.clone(),
                created_at: at,
                updated_by: author,
                updated_at: at,
                version: 1 + (self.number / corpus::KEYS) as u64,
                previous: Some(Position(1)),
            })),
        }
    }
}

/// The bare statement, on a log of its own.
struct Bare {
    client: Client,
    append: Statement,
    position: i64,
}

impl Bare {
    async fn open(url: &str) -> Result<Self> {
        let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
        // Ends when the client is dropped.
        tokio::spawn(connection);
        client.batch_execute(TABLES).await?;
        let append = client.prepare(APPEND).await?;
        Ok(Self { client, append, position: 0 })
    }

    async fn append(&mut self, batch: &Batch) -> Result<()> {
        let before = self.position;
        self.position += i64::try_from(batch.records().len())?;
        let positions: Vec<i64> = (before + 1..=self.position).collect();
        let headers: Vec<&[u8]> = batch.records().iter().map(|record| &*record.header).collect();
        let bodies: Vec<Option<&[u8]>> =
            batch.records().iter().map(|record| record.body.as_deref()).collect();
        let digests: Vec<&[u8]> = batch.records().iter().map(|record| &record.digest.0[..]).collect();
        let hashes: Vec<&[u8]> = batch.records().iter().map(|record| &record.hash.0[..]).collect();
        let inserted = self
            .client
            .execute(
                &self.append,
                &[&self.position, &before, &positions, &headers, &bodies, &digests, &hashes],
            )
            .await?;
        ensure!(inserted == batch.records().len() as u64, "the bare head moved");
        Ok(())
    }
}
