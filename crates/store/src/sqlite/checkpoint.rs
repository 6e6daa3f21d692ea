//! Copying the write-ahead log back into the database, off the way of a commit.
//!
//! A passive checkpoint runs on a thread with a connection of its own, beside commits and reads. Only if readers keep
//! the write-ahead log from starting over until it has reached its bound does the writer itself wait for them.

use std::fs::File;
use std::io::ErrorKind;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, mpsc};

use rusqlite::Connection;
use rusqlite::config::DbConfig;

use super::failure::failed;
use super::files;
use super::readers;
use super::thread::Thread;
use crate::{Result, StoreError, limits};

/// What a page costs in the write-ahead log.
const FRAME_BYTES: u64 = 4096 + 24;

/// The writer's end of the checkpoint thread, which has ended when this is dropped.
pub(super) struct Checkpointer {
    wanted: mpsc::SyncSender<()>,
    wal: Arc<Wal>,
    _thread: Thread,
}

/// What is known of the write-ahead log. Estimates between two checkpoints, corrected by each.
struct Wal {
    /// Bytes written since the last checkpoint began.
    uncopied: AtomicU64,
    /// Bytes from its start to its end. Under steady writing it is copied and still grows: it starts over only when
    /// a write begins while everything is copied and nobody reads it.
    length: AtomicU64,
    /// Why nothing more may be written.
    ended: Arc<OnceLock<String>>,
}

impl Checkpointer {
    /// Starts the thread. A sync of its that fails may have lost what the writer's next commit would stand on, so it says
    /// in `ended` why nothing more may be written.
    pub(super) fn start(path: &Path, ended: Arc<OnceLock<String>>) -> Result<Self> {
        let connection = readers::open_for_writing(path, "FULL")?;
        // From here on nothing but this thread and the bound below copies pages back.
        connection.pragma_update(None, "wal_autocheckpoint", 0).map_err(failed)?;
        let (wanted, queue) = mpsc::sync_channel(1);
        let wal = Arc::new(Wal { uncopied: AtomicU64::default(), length: AtomicU64::default(), ended });
        let shared = wal.clone();
        let thread = Thread::start("store-checkpoint", move || {
            for () in queue {
                shared.checkpoint(&connection, "PASSIVE");
            }
            leave_as_it_is(&connection, &shared.ended);
        })?;
        Ok(Self { wanted, wal, _thread: thread })
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

/// Copies everything back and empties the write-ahead log, before anything is written to it.
///
/// After a sync that failed, the system still shows what may not be on disk, and its next sync does not bring that
/// there: a commit on top of it could be lost with it, although it was synced. Copied, it is written again, and
/// synced.
///
/// # Errors
/// [`StoreError::Full`] without room, [`StoreError::Unsuitable`] while another program reads. Both pass, and until
/// then reading needs none of this; writing does.
pub(super) fn settle(connection: &Connection) -> Result<()> {
    let (in_the_way, ..) = run(connection, "TRUNCATE").map_err(failed)?;
    if in_the_way {
        let why = "another program is reading it, so what was written last cannot be secured";
        return Err(StoreError::Unsuitable(why.into()));
    }
    // SQLite does not bring to disk that the write-ahead log is empty. One that came back after a power cut, without what
    // a failed sync has lost of it, would lay old pages over new ones.
    let wal = connection.path().map(|database| files::beside(Path::new(database), "-wal"));
    match wal.map(File::open) {
        None => Ok(()),
        Some(Ok(wal)) => wal.sync_all().map_err(|cause| StoreError::Ended(cause.to_string())),
        Some(Err(cause)) if cause.kind() == ErrorKind::NotFound => Ok(()),
        Some(Err(cause)) => Err(StoreError::Database(format!("cannot open the write-ahead log: {cause}"))),
    }
}

/// Keeps a connection that is about to close from copying the write-ahead log back, once something was not brought to disk:
/// what is copied then may stand on disk beside a log that has lost a part, and be overlaid with it at the next start. That
/// start copies all of it first.
pub(super) fn leave_as_it_is(connection: &Connection, ended: &OnceLock<String>) {
    if ended.get().is_some()
        && let Err(cause) = connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)
    {
        tracing::error!(%cause, "the write-ahead log may be copied back while it is not secured");
    }
}

/// Runs a checkpoint: whether somebody was in its way, and the frames of the write-ahead log in all and copied.
fn run(connection: &Connection, mode: &str) -> rusqlite::Result<(bool, i64, i64)> {
    connection.query_row(&format!("PRAGMA wal_checkpoint({mode})"), [], |row| {
        Ok((row.get(0)?, row.get(1)?, row.get(2)?))
    })
}

impl Wal {
    fn checkpoint(&self, connection: &Connection, mode: &str) {
        if self.ended.get().is_some() {
            // A sync that succeeds now says nothing of what an earlier one has lost.
            return;
        }
        self.uncopied.store(0, Ordering::Relaxed);
        match run(connection, mode) {
            Ok((busy, in_wal, copied)) => {
                let starts_over = mode == "RESTART" && !busy && in_wal == copied;
                let frames = if starts_over { 0 } else { u64::try_from(in_wal).unwrap_or(0) };
                self.length.store(frames * FRAME_BYTES, Ordering::Relaxed);
            }
            Err(cause) => match failed(cause) {
                StoreError::Ended(why) => {
                    tracing::error!(%why, mode, "a checkpoint was not confirmed; the log's writer has ended");
                    self.ended.get_or_init(|| why);
                }
                // Nothing is lost by it: the write-ahead log is kept, and the next commit asks again.
                cause => tracing::warn!(%cause, mode, "checkpoint failed"),
            },
        }
    }
}
