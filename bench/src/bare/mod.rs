//! Bare prototypes: what each path costs when nothing is done but the path. No tokens, limits, chain, idempotency,
//! and no state that the path does not need.
//!
//! | path | does |
//! |---|---|
//! | `read` | answers from a map in memory; keeps nothing |
//! | `share` | appends each share, commits what has queued up, answers |
//! | `fan-out` | the same, and sends the entry to every listener, encoded once |
//! | `messages` | appends each message, commits what has queued up, sends its recipient both frames |
//!
//! A durable path writes what the server's store writes: one row an event, of the same columns and about the same
//! bytes, in SQLite with a write-ahead log and `synchronous=FULL`, from a thread of its own. Sockets are served by one
//! thread, as the server's are on two cores.

mod call;
mod connection;
mod log;
mod messages;

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use anyhow::Result;
use clap::ValueEnum;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::LocalSet;
use tokio_tungstenite::tungstenite::Utf8Bytes;

use self::log::{Log, Record, Then};

/// Which prototype.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Path {
    /// List and get.
    Read,
    /// Share.
    Share,
    /// Share, with listeners.
    FanOut,
    /// Direct messages, in the frames of the linker's clients.
    Messages,
}

/// What the connections of a prototype share. They all live on one thread.
struct Server {
    path: Path,
    log: Option<Log>,
    memory: RefCell<Memory>,
}

/// What the paths keep in memory.
#[derive(Default)]
struct Memory {
    /// Who has joined.
    agents: Vec<call::Agent>,
    /// Entries as they are sent; on the path `read` only.
    entries: HashMap<String, Vec<u8>>,
    /// Who listens, each with the id of its subscription.
    listeners: Vec<(String, mpsc::UnboundedSender<Utf8Bytes>)>,
    /// Who has registered, by name; on the path `messages` only.
    instances: HashMap<String, mpsc::UnboundedSender<Utf8Bytes>>,
}

/// Serves until the process is killed. Says on standard output where, in the form of the server's own line.
pub(crate) async fn serve(path: Path, data: &std::path::Path) -> Result<()> {
    let (log, mut committed) = match path {
        Path::Read => (None, None),
        Path::Share | Path::FanOut | Path::Messages => {
            let (log, committed) = Log::open(&data.join("log.db"))?;
            (Some(log), Some(committed))
        }
    };
    let server = Rc::new(Server { path, log, memory: RefCell::default() });
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    println!(r#"{{"event":"ready","http":"http://{}"}}"#, listener.local_addr()?);
    let tasks = LocalSet::new();
    tasks
        .run_until(async {
            loop {
                tokio::select! {
                    accepted = listener.accept() => {
                        let (stream, _) = accepted?;
                        let server = server.clone();
                        tokio::task::spawn_local(async move {
                            if let Err(cause) = connection::serve(&server, stream).await {
                                eprintln!("{cause:#}");
                            }
                        });
                    }
                    Some(batch) = next(&mut committed) => {
                        for record in batch {
                            server.publish(record);
                        }
                    }
                }
            }
        })
        .await
}

/// The next commit; never, if there is no log.
async fn next(committed: &mut Option<mpsc::UnboundedReceiver<Vec<Record>>>) -> Option<Vec<Record>> {
    match committed {
        Some(committed) => committed.recv().await,
        None => std::future::pending().await,
    }
}

impl Server {
    /// Tells of what is durable: those who listen, and who waits for it.
    fn publish(&self, record: Record) {
        if self.path == Path::FanOut {
            let mut memory = self.memory.borrow_mut();
            memory.listeners.retain(|(id, to)| to.send(call::result(id, &record.body)).is_ok());
        }
        match record.then {
            // The writer may be gone.
            Then::Answer { id, to } => _ = to.send(call::result(&id, &record.body)),
            // As may the recipient.
            Then::Push { frames, to } => frames.into_iter().for_each(|frame| _ = to.send(frame)),
        }
    }
}
