//! Clients at work, every other one by the linker's door and the rest by tRPC: each writes, fetches, gives evidence or fails
//! to, and marks what it has read. They outlive the server: when it is gone they dial again until it is back, and go on.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::task::JoinHandle;

use crate::dice::Dice;
use crate::home::Server;
use crate::letters::Letters;
use crate::linker::Failure;
use crate::linker_desk::LinkerDesk;
use crate::trpc_desk::{self, TrpcDesk};

/// Pause before dialling again.
const REDIAL: Duration = Duration::from_millis(10);
/// How long a server that lives may take for anything.
const PATIENCE: Duration = Duration::from_secs(60);

/// Clients at work.
pub struct Correspondence {
    letters: Arc<Letters>,
    done: Arc<AtomicBool>,
    correspondents: Vec<Correspondent>,
    working: Vec<JoinHandle<()>>,
}

/// Somebody who writes and reads, always by the same door.
#[derive(Clone)]
struct Correspondent {
    name: String,
    letters: Arc<Letters>,
    door: Door,
}

#[derive(Clone)]
enum Door {
    Linker(SocketAddr),
    /// As the agent that it has joined as, once for all.
    Trpc(SocketAddr, String),
}

/// One connection of a correspondent's.
enum Desk {
    Linker(Box<LinkerDesk>),
    Trpc(TrpcDesk),
}

// === impl Correspondence ===

impl Correspondence {
    /// Sets everybody to work. Nobody writes before all are there: so each broadcast is for all of them.
    ///
    /// # Panics
    /// If the server does not let them in.
    pub async fn begin(server: &Server, letters: Arc<Letters>, seed: u64) -> Self {
        let done = Arc::new(AtomicBool::new(false));
        let mut correspondents = Vec::new();
        let mut desks = Vec::new();
        for (number, name) in letters.names().iter().enumerate() {
            let door = if number % 2 == 0 {
                Door::Linker(server.linker)
            } else {
                let joined = trpc_desk::join(server.compat, name).await;
                Door::Trpc(server.compat, joined.expect("anybody may join"))
            };
            let correspondent = Correspondent { name: name.clone(), letters: letters.clone(), door };
            desks.push(correspondent.open().await.expect("anybody may register"));
            correspondents.push(correspondent);
        }
        let working = correspondents.iter().zip(desks).enumerate().map(|(number, (correspondent, desk))| {
            let dice = Dice::new(seed.wrapping_mul(1000).wrapping_add(number as u64));
            tokio::spawn(correspondent.clone().correspond(desk, done.clone(), dice))
        });
        let working = working.collect();
        Self { letters, done, correspondents, working }
    }

    /// Waits until so many more letters are known to be kept.
    ///
    /// # Panics
    /// If that takes too long.
    pub async fn progress(&self, more: usize) {
        let goal = self.letters.kept() + more;
        let reached = async {
            while self.letters.kept() < goal {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        tokio::time::timeout(PATIENCE, reached).await.expect("messages are kept");
    }

    /// Ends the work, on a server that runs. What waits goes on waiting.
    ///
    /// # Panics
    /// If a client met something that must not happen.
    pub async fn finish(self) {
        self.done.store(true, Ordering::SeqCst);
        for working in self.working {
            let ended = tokio::time::timeout(PATIENCE, working).await;
            ended.expect("a correspondent ends").expect("a correspondent meets nothing that must not happen");
        }
    }

    /// Ends the work; then everybody asks how far its letters have come, and takes all that waits.
    ///
    /// # Panics
    /// As [`Correspondence::finish`].
    pub async fn clear(self) {
        let correspondents = self.correspondents.clone();
        self.finish().await;
        for correspondent in correspondents {
            let mut desk = correspondent.open().await.expect("the server runs");
            desk.clear().await.expect("the server runs");
        }
    }
}

// === impl Correspondent ===

impl Correspondent {
    async fn open(&self) -> Result<Desk, Failure> {
        let Self { name, letters, door } = self;
        Ok(match door {
            Door::Linker(address) => Desk::Linker(Box::new(LinkerDesk::open(*address, name, letters).await?)),
            Door::Trpc(address, agent) => Desk::Trpc(TrpcDesk::open(*address, name, agent, letters).await?),
        })
    }

    async fn correspond(self, first: Desk, done: Arc<AtomicBool>, mut dice: Dice) {
        let name = &self.name;
        let mut open = Some(first);
        while !done.load(Ordering::SeqCst) {
            let mut desk = match open.take() {
                Some(desk) => desk,
                None => match self.open().await {
                    Ok(desk) => desk,
                    Err(Failure::Lost) => {
                        tokio::time::sleep(REDIAL).await;
                        continue;
                    }
                    Err(Failure::Refused(why)) => panic!("{name} may not come in again: {why}"),
                },
            };
            while !done.load(Ordering::SeqCst) {
                match desk.work(&mut dice).await {
                    Ok(true) => {}
                    Ok(false) | Err(Failure::Lost) => break,
                    Err(Failure::Refused(why)) => panic!("{name} is told: {why}"),
                }
            }
        }
    }
}

// === impl Desk ===

impl Desk {
    /// Does one thing. Whether it goes on with this connection.
    async fn work(&mut self, dice: &mut Dice) -> Result<bool, Failure> {
        match self {
            Self::Linker(desk) => desk.work(dice).await,
            Self::Trpc(desk) => desk.work(dice).await,
        }
    }

    /// Asks how far its letters have come, and takes all that waits.
    async fn clear(&mut self) -> Result<(), Failure> {
        match self {
            Self::Linker(desk) => desk.clear().await,
            Self::Trpc(desk) => desk.clear().await,
        }
    }
}
