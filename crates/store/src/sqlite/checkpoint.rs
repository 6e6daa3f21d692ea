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
    wal: Arc<Wal>,
}

/// What is known of the write-ahead log. Estimates between two checkpoints, corrected by each.
#[derive(Default)]
struct Wal {
    /// Bytes written since the last checkpoint began.
    uncopied: AtomicU64,
    /// Bytes from its start to its end. Under steady writing it is copied and still grows: it starts over only when
    /// a write begins while everything is copied and nobody reads it.
    length: AtomicU64,
}

impl Checkpointer {
    pub(super) fn start(path: &Path) -> Result<Self> {
        let connection = readers::open_for_writing(path, "FULL")?;
        // From here on nothing but this thread and the bound below copies pages back.
        connection.pragma_update(None, "wal_autocheckpoint", 0).map_err(failed)?;
        let (wanted, queue) = mpsc::sync_channel(1);
        let wal = Arc::<Wal>::default();
        let shared = wal.clone();
        std::thread::Builder::new()
            .name("store-checkpoint".into())
            .spawn(move || {
                for () in queue {
                    shared.checkpoint(&connection, "PASSIVE");
                }
            })
            .map_err(|cause| StoreError::Unsuitable(format!("no thread for checkpoints: {cause}")))?;
        Ok(Self { wanted, wal })
    }

    /// Told by the writer after each commit, with its own connection and the bytes of the bodies written.
    pub(super) fn grown(&self, writer: &Connection, bytes: usize) {
        // Besides the bodies a commit rewrites the last pages of a few trees.
        let grown = bytes as u64 + 4 * FRAME_BYTES;
        let uncopied = self.wal.uncopied.fetch_add(grown, Ordering::Relaxed) + grown;
        if self.wal.length.load(Ordering::Relaxed) + uncopied > limits::WAL_BYTES {
            // Most of it is copied already: what is left is what came since the thread last looked.
            self.wal.checkpoint(writer, "RESTART");
        } else if uncopied > limits::WAL_CHECKPOINT_BYTES {
            // A full channel means that one is wanted already.
            _ = self.wanted.try_send(());
        }
    }
}

impl Wal {
    fn checkpoint(&self, connection: &Connection, mode: &str) {
        self.uncopied.store(0, Ordering::Relaxed);
        let result = connection.query_row(&format!("PRAGMA wal_checkpoint({mode})"), [], |row| {
            Ok((row.get::<_, bool>(0)?, row.get::<_, i64>(1)?, row.get::<_, i64>(2)?))
        });
        match result {
            Ok((busy, in_wal, copied)) => {
                let starts_over = mode == "RESTART" && !busy && in_wal == copied;
                let frames = if starts_over { 0 } else { u64::try_from(in_wal).unwrap_or(0) };
                self.length.store(frames * FRAME_BYTES, Ordering::Relaxed);
            }
            // Nothing is lost by it: the write-ahead log is kept, and a later commit asks again.
            Err(cause) => tracing::warn!(%cause, mode, "checkpoint failed"),
        }
    }
}
