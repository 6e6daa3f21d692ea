//! Bare prototypes: what each path costs when nothing is done but the path. No tokens, limits, chain, idempotency,
//! and no state that the path does not need.
//!
//! | path | does |
//! |---|---|
//! | `read` | answers from a map in memory; keeps nothing |
//! | `share` | appends each share, commits what has queued up, answers |
//! | `fan-out` | the same, and sends the entry to every listener, encoded once |
//!
//! A durable path writes what the server's store writes: one row an event, of the same columns and about the same
//! bytes, in SQLite with a write-ahead log and `synchronous=FULL`, from a thread of its own. Sockets are served by one
//! thread, as the server's are on two cores.

mod call;
mod connection;
mod log;

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

use anyhow::Result;
use clap::ValueEnum;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::LocalSet;
use tokio_tungstenite::tungstenite::Utf8Bytes;

use self::log::Log;

/// Which prototype.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Path {
    /// List and get.
    Read,
    /// Share.
    Share,
    /// Share, with listeners.
    FanOut,
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
}

/// Serves until the process is killed. Says on standard output where, in the form of the server's own line.
pub(crate) async fn serve(path: Path, data: &std::path::Path) -> Result<()> {
    let (log, mut committed) = match path {
        Path::Read => (None, None),
        Path::Share | Path::FanOut => {
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
                        for share in batch {
                            server.publish(share);
                        }
                    }
                }
            }
        })
        .await
}

/// The next commit; never, if there is no log.
async fn next(committed: &mut Option<mpsc::UnboundedReceiver<Vec<log::Share>>>) -> Option<Vec<log::Share>> {
    match committed {
        Some(committed) => committed.recv().await,
        None => std::future::pending().await,
    }
}

impl Server {
    /// Answers a share that is durable, after showing it to those who listen.
    fn publish(&self, share: log::Share) {
        if self.path == Path::FanOut {
            let mut memory = self.memory.borrow_mut();
            memory.listeners.retain(|(id, to)| to.send(call::result(id, &share.entry)).is_ok());
        }
        // The writer may be gone.
        _ = share.to.send(call::result(&share.id, &share.entry));
    }
}
