//! The one thread that writes `log.db`. It takes what has queued up, writes it in one transaction, commits, and only
//! then answers: group commit, without a timer.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use model::WorkspaceName;
use rusqlite::{Connection, TransactionBehavior};
use tokio::sync::{mpsc, oneshot};

use super::checkpoint::{self, Checkpointer};
use super::failure::failed;
use super::records;
use super::thread::Thread;
use crate::room::Room;
use crate::{AppendError, Batch, Head, Incarnation, Result, StoreError, limits};

/// Handle to the writer thread, which has written what it was given, and ended, when this is dropped.
pub(super) struct Writer {
    /// Without a bound of its own: workspaces have some batches each under way, and whoever else writes waits for the outcome.
    requests: mpsc::UnboundedSender<Request>,
    ended: Arc<OnceLock<String>>,
    room: Arc<Room>,
    _thread: Thread,
}

enum Request {
    Append(Append),
    /// Anything else: a transaction of its own.
    Write(Box<dyn FnOnce(&mut WriterThread) + Send>),
}

struct Append {
    batch: Arc<Batch>,
    reply: oneshot::Sender<std::result::Result<(), AppendError>>,
}

struct WriterThread {
    connection: Connection,
    checkpointer: Checkpointer,
    heads: HashMap<WorkspaceName, (i64, Head)>,
    /// Whether what an earlier process wrote is secured; see [`checkpoint::settle`].
    settled: bool,
    ended: Arc<OnceLock<String>>,
    room: Arc<Room>,
}

// === impl Writer ===

impl Writer {
    /// Starts the thread. Once `ended` says why, nothing more is written. What could not be `settled` yet will be
    /// before the first write.
    pub(super) fn start(
        connection: Connection,
        checkpointer: Checkpointer,
        settled: &Result<()>,
        ended: Arc<OnceLock<String>>,
    ) -> Result<Self> {
        let (requests, queue) = mpsc::unbounded_channel();
        let room = Arc::new(Room::default());
        if let Err(cause) = settled {
            room.refused(cause);
        }
        let writer = WriterThread {
            connection,
            checkpointer,
            heads: HashMap::new(),
            settled: settled.is_ok(),
            ended: ended.clone(),
            room: room.clone(),
        };
        let thread = Thread::start("store-writer", move || writer.run(queue))?;
        Ok(Self { requests, ended, room, _thread: thread })
    }

    pub(super) async fn append(&self, batch: Arc<Batch>) -> std::result::Result<(), AppendError> {
        let (reply, outcome) = oneshot::channel();
        let request = Request::Append(Append { batch, reply });
        self.requests.send(request).map_err(|_| AppendError::Refused(gone()))?;
        outcome.await.unwrap_or_else(|_| Err(AppendError::Unknown(gone())))
    }

    /// Runs `work` in a transaction of its own.
    pub(super) async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (reply, outcome) = oneshot::channel();
        let request = Request::Write(Box::new(move |thread| {
            // The asker may have stopped waiting; what was written stays written.
            _ = reply.send(thread.transaction(work));
        }));
        self.requests.send(request).map_err(|_| gone())?;
        outcome.await.unwrap_or_else(|_| Err(gone()))
    }

    pub(super) async fn open_log(&self, log: WorkspaceName, fresh: Incarnation) -> Result<Head> {
        self.write(move |connection| {
            records::create_log(connection, &log, fresh)?;
            records::head(connection, &log).map(|(_, head)| head)
        })
        .await
    }

    pub(super) fn health(&self) -> std::result::Result<(), String> {
        match self.ended.get() {
            Some(why) => Err(StoreError::Ended(why.clone()).to_string()),
            None => self.room.health(),
        }
    }
}

fn gone() -> StoreError {
    StoreError::Ended("the writer thread is gone".into())
}

// === impl WriterThread ===

impl WriterThread {
    fn run(mut self, mut queue: mpsc::UnboundedReceiver<Request>) {
        let mut next = queue.blocking_recv();
        while let Some(request) = next.take() {
            match request {
                Request::Write(work) => work(&mut self),
                Request::Append(first) => {
                    let mut bytes = first.batch.bytes();
                    let mut group = vec![first];
                    while bytes < limits::GROUP_BYTES {
                        match queue.try_recv() {
                            Ok(Request::Append(append)) => {
                                bytes += append.batch.bytes();
                                group.push(append);
                            }
                            Ok(other) => {
                                next = Some(other);
                                break;
                            }
                            Err(_) => break,
                        }
                    }
                    self.append(group);
                    self.checkpointer.grown(&self.connection, bytes);
                }
            }
            if next.is_none() {
                next = queue.blocking_recv();
            }
        }
        checkpoint::leave_as_it_is(&self.connection, &self.ended);
    }

    fn append(&mut self, group: Vec<Append>) {
        let mut outcomes = Vec::with_capacity(group.len());
        let before = self.connection.total_changes();
        let committed = self.commit(&group, &mut outcomes).map_err(|error| match error {
            AppendError::Refused(error) => AppendError::Refused(self.end_if_unconfirmed(error)),
            other => other,
        });
        match &committed {
            Ok(()) => self.note_written_since(before),
            Err(AppendError::Refused(cause)) => self.room.refused(cause),
            Err(_) => {}
        }
        for (index, Append { batch, reply }) in group.into_iter().enumerate() {
            let outcome = match &committed {
                Ok(()) => outcomes[index].clone(),
                Err(error) => Err(error.clone()),
            };
            // Before the outcome is told: the batch is its asker's alone again.
            drop(batch);
            // The asker may have been dropped; the events are in the log all the same.
            _ = reply.send(outcome);
        }
    }

    /// Writes all batches that fit their log's head in one transaction. An error is everybody's: nothing was
    /// committed, or nobody knows.
    fn commit(
        &mut self,
        group: &[Append],
        outcomes: &mut Vec<std::result::Result<(), AppendError>>,
    ) -> std::result::Result<(), AppendError> {
        self.check_writable()?;
        let transaction =
            self.connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
        let mut heads = HashMap::new();
        for Append { batch, .. } in group {
            if let Err(refused) = batch.check() {
                outcomes.push(Err(AppendError::Refused(refused)));
                continue;
            }
            let (id, head) = match heads.get(&batch.log).or_else(|| self.heads.get(&batch.log)) {
                Some(known) => *known,
                None => records::head(&transaction, &batch.log)?,
            };
            if Some(head) != batch.expected() {
                let ours = records::holds(&transaction, id, head, batch)?;
                outcomes.push(if ours { Ok(()) } else { Err(AppendError::Moved(head)) });
                continue;
            }
            records::append(&transaction, id, batch)?;
            heads.insert(batch.log.clone(), (id, batch.head()));
            outcomes.push(Ok(()));
        }
        if let Err(error) = transaction.commit() {
            return Err(match failed(error) {
                // SQLite found no room for the write-ahead log before it wrote the commit's mark.
                StoreError::Full => AppendError::Refused(StoreError::Full),
                error => AppendError::Unknown(self.end(error)),
            });
        }
        self.heads.extend(heads);
        Ok(())
    }

    fn transaction<T>(&mut self, work: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
        let before = self.connection.total_changes();
        let done = self.carry_out(work);
        match &done {
            Ok(_) => self.note_written_since(before),
            Err(cause) => self.room.refused(cause),
        }
        done
    }

    /// A transaction that changed no row needed no room, and tells nothing about it.
    fn note_written_since(&self, before: u64) {
        if self.connection.total_changes() > before {
            self.room.written();
        }
    }

    fn carry_out<T>(&mut self, work: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
        self.check_writable().map_err(|error| self.end_if_unconfirmed(error))?;
        let transaction =
            self.connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
        let result = match work(&transaction) {
            Ok(result) => result,
            Err(error) => {
                drop(transaction);
                return Err(self.end_if_unconfirmed(error));
            }
        };
        match transaction.commit().map_err(failed) {
            Ok(()) => Ok(result),
            Err(StoreError::Full) => Err(StoreError::Full),
            Err(error) => Err(self.end(error)),
        }
    }

    /// A statement syncs too, if what it writes does not fit the cache.
    fn end_if_unconfirmed(&self, error: StoreError) -> StoreError {
        match error {
            StoreError::Ended(_) if self.ended.get().is_none() => self.end(error),
            error => error,
        }
    }

    /// After a commit that failed for another reason than room, what the disk holds is unknown: a later sync that
    /// succeeds proves nothing about what an earlier one lost. Nothing more is written.
    fn end(&self, error: StoreError) -> StoreError {
        let cause = match error {
            StoreError::Ended(cause) => cause,
            other => other.to_string(),
        };
        let why = self.ended.get_or_init(|| cause).clone();
        tracing::error!(%why, "the log's writer has ended");
        StoreError::Ended(why)
    }

    /// Refuses when the writer has ended, and as long as what it would write on is not secured.
    fn check_writable(&mut self) -> Result<()> {
        if let Some(why) = self.ended.get() {
            return Err(StoreError::Ended(why.clone()));
        }
        if !self.settled {
            checkpoint::settle(&self.connection)?;
            self.settled = true;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::sqlite::{migrations, readers};

    #[test]
    fn nothing_is_written_before_what_an_earlier_process_wrote_is_secured() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log.db");
        let mut connection = readers::open_for_writing(&path, "FULL").unwrap();
        migrations::migrate(&mut connection, migrations::LOG, &Ok(())).unwrap();
        connection.busy_timeout(std::time::Duration::ZERO).unwrap();
        // Somebody who reads is as much in the way as a full disk, and easier to have here.
        let reading = Connection::open(&path).unwrap();
        reading.execute_batch("BEGIN; SELECT * FROM log").unwrap();
        assert!(matches!(checkpoint::settle(&connection), Err(StoreError::Unsuitable(_))));

        let ended = Arc::new(OnceLock::new());
        let checkpointer = Checkpointer::start(&path, ended.clone()).unwrap();
        let unsettled = Err(StoreError::Unsuitable("somebody reads".into()));
        let writer = Writer::start(connection, checkpointer, &unsettled, ended).unwrap();
        let open = || writer.open_log(WorkspaceName::default_workspace(), Incarnation(Uuid::nil()));
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            for _ in 0..2 {
                let refused = open().await.unwrap_err();
                assert!(refused.to_string().contains("another program is reading"), "{refused}");
                assert_eq!(writer.health(), Ok(()));
            }
            reading.execute_batch("COMMIT").unwrap();
            open().await.unwrap();
        });
    }

    #[test]
    fn from_the_first_write_without_room_until_one_that_finds_some_the_store_is_not_well() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log.db");
        let mut connection = readers::open_for_writing(&path, "FULL").unwrap();
        migrations::migrate(&mut connection, migrations::LOG, &Ok(())).unwrap();
        let ended = Arc::new(OnceLock::new());
        let checkpointer = Checkpointer::start(&path, ended.clone()).unwrap();
        let writer = Writer::start(connection, checkpointer, &Ok(()), ended).unwrap();
        let log = WorkspaceName::default_workspace();
        let event = model::Event {
            at: model::Timestamp::from_millis(0),
            by: model::Principal::hall(),
            command: model::CommandId::from(Uuid::nil()),
            fact: model::Fact::DecisionLogged(Arc::new(model::decisions::Decision {
                id: Uuid::nil().into(),
                decision: model::Text::new(&"x".repeat(100_000)),
                rationale: None,
                supersedes: None,
                by: model::MemberId::hall(),
                at: model::Timestamp::from_millis(0),
            })),
        };
        // A database that may not grow is as full as a disk.
        let pages = async |most: u32| {
            let grow = move |connection: &Connection| {
                connection.pragma_update(None, "max_page_count", most).map_err(failed)
            };
            writer.write(grow).await.unwrap();
        };
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let head = writer.open_log(log.clone(), Incarnation(Uuid::nil())).await.unwrap();
            let batch = Arc::new(Batch::of(Uuid::nil(), log, head, vec![event.clone()], vec![]));
            pages(1).await;
            let outcome = writer.append(batch.clone()).await;
            assert!(matches!(outcome, Err(AppendError::Refused(StoreError::Full))), "{outcome:?}");
            assert_eq!(writer.health(), Err("the disk is full".into()));
            writer.write(|_| Ok(())).await.unwrap();
            assert!(writer.health().is_err(), "what writes nothing says nothing about room");
            pages(1_000_000).await;
            assert!(writer.health().is_err(), "nobody has tried");
            writer.append(batch).await.unwrap();
            assert_eq!(writer.health(), Ok(()));
        });
    }
}
