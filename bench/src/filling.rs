//! A hall in this process, and a log that is filled through it: by commands, with every index on.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use hall::{Hall, Workspace};
use model::context::Share;
use model::{Command, MemberId, Principal, Text, WorkspaceName};
use store::SqliteStore;
use store::sqlite::DirectoryLock;

use crate::corpus;

/// A hall on a directory of its own.
pub(crate) struct Filling {
    hall: Hall,
    workspace: Workspace,
    author: MemberId,
    number: Arc<AtomicUsize>,
    _lock: DirectoryLock,
}

impl Filling {
    /// Opens what is in `directory`, or begins there.
    pub(crate) async fn open(directory: &Path) -> Result<Self> {
        let lock = DirectoryLock::take(directory, "the benchmark")?;
        let hall = Hall::open(Arc::new(SqliteStore::open(directory)?), hall::Options::default()).await?;
        let workspace = hall.workspace(&WorkspaceName::default_workspace())?;
        let author = MemberId::from(hall::clock::draw());
        Ok(Self { hall, workspace, author, number: Arc::default(), _lock: lock })
    }

    /// How many events there are.
    pub(crate) fn events(&self) -> u64 {
        self.workspace.state().position().0
    }

    /// Shares so many times with `in_flight` shares under way; how long that took.
    pub(crate) async fn share(&self, events: u64, in_flight: usize) -> Result<Duration> {
        let begun = Instant::now();
        let end = usize::try_from(events)? + self.number.load(Ordering::Relaxed);
        let tasks: Vec<_> = (0..in_flight)
            .map(|_| {
                let (workspace, author) = (self.workspace.clone(), self.author.clone());
                let number = self.number.clone();
                tokio::spawn(async move {
                    loop {
                        let number = number.fetch_add(1, Ordering::Relaxed);
                        if number >= end {
                            return Ok::<_, hall::Declined>(());
                        }
                        workspace.carry_out(&Principal::owner(), share(number, &author)).await?;
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.context("a submitter failed")??;
        }
        self.number.store(end, Ordering::Relaxed);
        Ok(begun.elapsed())
    }

    /// Ends the hall; what it had to write is written.
    pub(crate) async fn close(self) {
        self.hall.close().await;
    }
}

/// The command that shares a key of the corpus.
fn share(number: usize, author: &MemberId) -> Command {
    Command::Share(Share {
        key: corpus::key(number).into(),
        value: Text::new(&corpus::value(number)),
        tags: [].into(),
        author: author.clone(),
        if_version: None,
    })
}
