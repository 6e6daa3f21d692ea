//! The log of a durable prototype: one thread takes what has queued up, inserts a row each, commits, hands them on.

use std::sync::mpsc;

use anyhow::{Context as _, Result};
use rusqlite::{Connection, params};
use tokio::sync::mpsc as to_tasks;
use tokio_tungstenite::tungstenite::{Bytes, Utf8Bytes};

/// As the server's store: what the write-ahead log may grow by before it is copied back, by a thread beside …
const CHECKPOINT_BYTES: usize = 4 * 1024 * 1024;
/// … and before the writer sees to it that it starts over. Overwriting a file is cheaper to sync than extending it.
const RESTART_BYTES: usize = 64 * 1024 * 1024;

/// An event on its way, and what follows from it.
pub(super) struct Record {
    pub(super) body: Bytes,
    pub(super) then: Then,
}

/// What is done with an event that is durable.
pub(super) enum Then {
    /// The call of this id is answered with it.
    Answer { id: String, to: to_tasks::UnboundedSender<Utf8Bytes> },
    /// Its recipient is sent these.
    Push { frames: [Utf8Bytes; 2], to: to_tasks::UnboundedSender<Utf8Bytes> },
}

/// The writing thread.
pub(super) struct Log(mpsc::Sender<Record>);

impl Log {
    /// Opens a new log. What comes out are its commits, in order.
    pub(super) fn open(path: &std::path::Path) -> Result<(Self, to_tasks::UnboundedReceiver<Vec<Record>>)> {
        let mut connection = open(path)?;
        // The columns of the server's store.
        connection.execute_batch(
            "CREATE TABLE event (
                id INTEGER PRIMARY KEY,
                header BLOB NOT NULL,
                body BLOB,
                digest BLOB NOT NULL,
                hash BLOB NOT NULL
            ) STRICT;",
        )?;
        let beside = open(path)?;
        let (to_copy, wanted) = mpsc::sync_channel::<()>(1);
        std::thread::Builder::new().name("checkpoint".into()).spawn(move || {
            for () in wanted {
                checkpoint(&beside, "PASSIVE");
            }
        })?;
        let (to_log, queue) = mpsc::channel();
        let (to_server, committed) = to_tasks::unbounded_channel();
        std::thread::Builder::new().name("log".into()).spawn(move || {
            let (mut position, mut grown, mut length) = (0, 0, 0);
            while let Ok(first) = queue.recv() {
                let batch: Vec<Record> = std::iter::once(first).chain(queue.try_iter()).collect();
                let bytes = match append(&mut connection, &mut position, &batch) {
                    Ok(bytes) => bytes,
                    Err(cause) => return eprintln!("append: {cause}"),
                };
                (grown, length) = (grown + bytes, length + bytes);
                if to_server.send(batch).is_err() {
                    return;
                }
                if length > RESTART_BYTES {
                    (grown, length) = (0, 0);
                    checkpoint(&connection, "RESTART");
                } else if grown > CHECKPOINT_BYTES {
                    grown = 0;
                    // A full channel means that one is wanted already.
                    _ = to_copy.try_send(());
                }
            }
        })?;
        Ok((Self(to_log), committed))
    }

    pub(super) fn append(&self, record: Record) -> Result<()> {
        self.0.send(record).ok().context("the log's thread has ended")
    }
}

fn open(path: &std::path::Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open(path)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "wal_autocheckpoint", 0)?;
    connection.pragma_update(None, "cache_size", -8192)?;
    connection.busy_timeout(std::time::Duration::from_secs(10))?;
    Ok(connection)
}

fn checkpoint(connection: &Connection, mode: &str) {
    if let Err(cause) = connection.query_row(&format!("PRAGMA wal_checkpoint({mode})"), [], |_| Ok(())) {
        eprintln!("checkpoint: {cause}");
    }
}

/// One transaction; the bytes of what it wrote.
fn append(connection: &mut Connection, position: &mut i64, batch: &[Record]) -> rusqlite::Result<usize> {
    // What a server writes there, by length.
    const HEADER: &[u8; 140] = &[b'h'; 140];
    const HASH: &[u8; 32] = &[0; 32];
    let transaction = connection.transaction()?;
    let mut bytes = 0;
    {
        let mut insert = transaction
            .prepare_cached("INSERT INTO event (id, header, body, digest, hash) VALUES (?, ?, ?, ?, ?)")?;
        for record in batch {
            *position += 1;
            insert.execute(params![*position, HEADER, &record.body[..], HASH, HASH])?;
            bytes += record.body.len() + HEADER.len() + 2 * HASH.len();
        }
    }
    transaction.commit()?;
    Ok(bytes)
}
