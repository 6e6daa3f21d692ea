//! Copying the write-ahead log back into the database, off the way of a commit.
//!
//! A passive checkpoint runs on a thread with a connection of its own, beside commits and reads. Only if readers keep
//! the write-ahead log from starting over until it has reached its bound does the writer itself wait for them.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;

use rusqlite::Connection;

use super::failure::failed;
use super::readers;
use crate::{Result, StoreError, limits};

/// What a page costs in the write-ahead log.
const FRAME_BYTES: u64 = 4096 + 24;

/// The writer's end of the checkpoint thread, which ends when this is dropped.
pub(super) struct Checkpointer {
    wanted: mpsc::SyncSender<()>,
    /// Bytes written since the write-ahead log could last start over; an estimate, corrected by each checkpoint.
    grown: Arc<AtomicU64>,
}

impl Checkpointer {
    pub(super) fn start(path: &Path) -> Result<Self> {
        let connection = readers::open_for_writing(path, "FULL")?;
        // From here on nothing but this thread and the bound below copies pages back.
        connection.pragma_update(None, "wal_autocheckpoint", 0).map_err(failed)?;
        let (wanted, queue) = mpsc::sync_channel(1);
        let grown = Arc::new(AtomicU64::new(0));
        let counter = grown.clone();
        std::thread::Builder::new()
            .name("store-checkpoint".into())
            .spawn(move || {
                for () in queue {
                    checkpoint(&connection, "PASSIVE", &counter);
                }
            })
            .map_err(|cause| StoreError::Unsuitable(format!("no thread for checkpoints: {cause}")))?;
        Ok(Self { wanted, grown })
    }

    /// Told by the writer after each commit, with its own connection and the bytes of the bodies written.
    pub(super) fn grown(&self, writer: &Connection, bytes: usize) {
        // Besides the bodies a commit rewrites the last pages of a few trees.
        let before = self.grown.fetch_add(bytes as u64 + 4 * FRAME_BYTES, Ordering::Relaxed);
        if before > limits::WAL_BYTES {
            checkpoint(writer, "RESTART", &self.grown);
        } else if before > limits::WAL_CHECKPOINT_BYTES {
            // A full channel means that one is wanted already.
            _ = self.wanted.try_send(());
        }
    }
}

fn checkpoint(connection: &Connection, mode: &str, grown: &AtomicU64) {
    let before = grown.load(Ordering::Relaxed);
    let result = connection.query_row(&format!("PRAGMA wal_checkpoint({mode})"), [], |row| {
        Ok((row.get::<_, i64>(1)?, row.get::<_, i64>(2)?))
    });
    match result {
        Ok((in_wal, copied)) => {
            let left = u64::try_from(in_wal - copied).unwrap_or(0) * FRAME_BYTES;
            let since = grown.load(Ordering::Relaxed).saturating_sub(before);
            grown.store(left + since, Ordering::Relaxed);
        }
        // Nothing is lost by it: the write-ahead log is kept, and the next commit asks again.
        Err(cause) => tracing::warn!(%cause, mode, "checkpoint failed"),
    }
}
