//! A running server: the store, the hall, the doors and their listeners, from start to the last reply.

use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use gate::rate::Rate;
use gate::routes::Table;
use gate::{Gate, Listener, Names, Rates};
use hall::{Clock, Hall};
use store::sqlite::DirectoryLock;
use store::{MemoryStore, SqliteStore, Store};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::owner;

/// Where a server keeps its things.
#[derive(Debug, Clone)]
pub struct Paths {
    /// Databases and the lock.
    pub data: PathBuf,
    /// The socket for processes of this machine.
    pub socket: PathBuf,
    /// The owner's credential.
    pub owner_token: PathBuf,
}

/// Which store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreChoice {
    /// SQLite in the data directory.
    Sqlite,
    /// Nothing is kept.
    Memory,
    /// PostgreSQL, by URL.
    Postgres(String),
}

/// What a server is started with.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where it keeps its things.
    pub paths: Paths,
    /// Which store.
    pub store: StoreChoice,
    /// The main listener; port 0 lets the system pick.
    pub listen: SocketAddr,
    /// The compatibility listener for tRPC clients, on loopback, if there is to be one.
    pub compat_trpc: Option<u16>,
    /// The compatibility listener for the linker's clients, on loopback, if there is to be one.
    pub compat_linker: Option<u16>,
    /// See [`hall::Options::presence_grace`].
    pub presence_grace: Duration,
    /// How far the hall's clock runs ahead of the machine's: for tests.
    pub clock_ahead: Duration,
    /// See [`door_trpc::Options`].
    pub trpc: door_trpc::Options,
    /// See [`door_linker::Options`].
    pub linker: door_linker::Options,
    /// How often a principal, and an address, may call.
    pub calls: Rate,
    /// How often an address may show a bad token.
    pub failures: Rate,
    /// Connections open at once.
    pub connections: usize,
    /// Hosts and origins beyond this machine's own.
    pub names: Names,
    /// How long clients have to move when the server ends.
    pub drain: Duration,
}

/// Where a server that runs is to be reached.
#[derive(Debug, Clone)]
pub struct Addresses {
    /// The main listener.
    pub http: SocketAddr,
    /// The compatibility listener for tRPC clients.
    pub compat_trpc: Option<SocketAddr>,
    /// The compatibility listener for the linker's clients.
    pub compat_linker: Option<SocketAddr>,
    /// The socket for processes of this machine.
    pub socket: PathBuf,
}

/// A server that runs.
pub struct Server {
    hall: Hall,
    trpc: door_trpc::Door,
    linker: door_linker::Door,
    addresses: Addresses,
    routes: Vec<(SocketAddr, Table)>,
    listeners: Listeners,
    drain: Duration,
    _lock: DirectoryLock,
}

/// How often the drain looks whether all clients have gone.
const LOOK: Duration = Duration::from_millis(20);
/// How long connections have to be told that the server ends when it is to hurry.
const HURRY: Duration = Duration::from_millis(250);
/// How often to look for what other nodes have written to a shared database.
const POLL: Duration = Duration::from_millis(500);

impl Server {
    /// Starts a server. When this returns, it can be used.
    ///
    /// # Errors
    /// If another server holds the data directory, something kept is damaged, or an address is taken.
    pub async fn start(options: Options) -> anyhow::Result<Self> {
        private_directory(&options.paths.data)?;
        let holder = format!("process {}, listening on {}", std::process::id(), options.listen);
        let lock = DirectoryLock::take(&options.paths.data, &holder)?;
        let (store, poll): (Arc<dyn Store>, _) = match &options.store {
            StoreChoice::Sqlite => (Arc::new(SqliteStore::open(&options.paths.data)?), None),
            StoreChoice::Memory => (Arc::new(MemoryStore::default()), None),
            StoreChoice::Postgres(url) => (Arc::new(store::PostgresStore::connect(url).await?), Some(POLL)),
        };
        let hall_options = hall::Options {
            presence_grace: options.presence_grace,
            poll,
            clock: Clock::ahead(options.clock_ahead),
            ..hall::Options::default()
        };
        let hall = Hall::open(store, hall_options).await?;
        owner::keep_credential(&hall, &options.paths.owner_token).await?;

        let rates = Arc::new(Rates::new(options.calls, options.failures));
        let connections = Arc::new(Semaphore::new(options.connections));
        let trpc = door_trpc::Door::new(hall.clone(), options.trpc.clone());
        let linker = door_linker::Door::new(hall.clone(), options.linker.clone());
        let listeners = Listeners::default();

        let doors = [trpc.routes(), linker.routes()].into_iter().flatten().collect();
        let gate = Gate::new(&hall, rates.clone(), options.names.clone(), doors);
        let table = gate.table();
        let main = Listener::bind(options.listen, gate, connections.clone())
            .await
            .with_context(|| format!("cannot listen on {}", options.listen))?;
        let http = main.address()?;
        let mut routes = vec![(http, table)];
        listeners.spawn("main listener", |closing| main.run(closing));

        let mut open_compat = async |port: Option<u16>, (named, any_path)| {
            let port = port?;
            let gate = Gate::compatibility(&hall, rates.clone(), named, any_path);
            let table = gate.table();
            let addresses = listen_on_loopback(port, &gate, &connections, &listeners).await;
            let first = addresses.first().copied();
            routes.extend(addresses.into_iter().map(|address| (address, table.clone())));
            first
        };
        let compat_trpc = open_compat(options.compat_trpc, trpc.compatibility_routes()).await;
        let compat_linker = open_compat(options.compat_linker, linker.compatibility_routes()).await;
        let mut listening = vec![format!("http://{http}")];
        listening.extend(compat_trpc.map(|address| format!("ws://{address} (tRPC, no token)")));
        listening.extend(compat_linker.map(|address| format!("ws://{address} (linker, no token)")));
        let local = door_local::LocalDoor::bind(door_local::Options {
            path: options.paths.socket.clone(),
            agents: options.paths.data.join("agents"),
            listening,
            rates: rates.clone(),
        })?;
        listeners.spawn("local socket", |closing| local.run(hall.clone(), closing));
        let socket = options.paths.socket.clone();
        let addresses = Addresses { http, compat_trpc, compat_linker, socket };
        Ok(Self { hall, trpc, linker, addresses, routes, listeners, drain: options.drain, _lock: lock })
    }

    /// Where it is to be reached.
    pub fn addresses(&self) -> &Addresses {
        &self.addresses
    }

    /// The hall behind the doors.
    pub fn hall(&self) -> &Hall {
        &self.hall
    }

    /// Every address that HTTP is listened for on, with all its paths and what they ask of whoever comes.
    pub fn routes(&self) -> &[(SocketAddr, Table)] {
        &self.routes
    }

    /// Resolves if the server cannot go on.
    pub async fn failed(&self) {
        tokio::select! {
            () = self.hall.closing().cancelled_owned() => {}
            () = self.listeners.lost.cancelled() => {}
        }
    }

    /// Answers what is under way, tells clients to move, serves those that do until they are gone or the time is
    /// over, and ends. Nothing of the server is running when this returns; what does not end by itself is cut off after
    /// [`gate::limits::FINISH`]. Once `hurry` resolves, nobody is waited for any more.
    pub async fn stop(self, hurry: impl Future<Output = ()>) {
        let in_order = async {
            self.trpc.drain(self.drain);
            let gone = async {
                while self.trpc.connections() > 0 {
                    tokio::time::sleep(LOOK).await;
                }
            };
            // Over when all are gone or when the time is, whichever is first.
            _ = tokio::time::timeout(self.drain, gone).await;
            self.trpc.close();
            tokio::join!(self.linker.close(), self.listeners.close());
        };
        tokio::select! {
            () = in_order => {}
            () = hurry => {
                self.trpc.close();
                let closed = async { tokio::join!(self.linker.close(), self.listeners.close()) };
                if tokio::time::timeout(HURRY, closed).await.is_err() {
                    self.listeners.cut().await;
                }
            }
        }
        self.hall.close().await;
    }
}

// === impl Listeners ===

/// The tasks of the listeners. Each waits for those of its connections before it ends.
#[derive(Default)]
struct Listeners {
    running: TaskTracker,
    closing: CancellationToken,
    cut: CancellationToken,
    /// One of them ended although nobody closed it.
    lost: CancellationToken,
}

impl Listeners {
    /// Runs one until all are closed. If it ends by a panic, the server has failed: it would go on and not be reached.
    fn spawn<F: Future<Output = ()> + Send + 'static>(
        &self,
        name: &'static str,
        listener: impl FnOnce(CancellationToken) -> F,
    ) {
        let (listener, cut) = (listener(self.closing.clone()), self.cut.clone());
        let running = tokio::spawn(async move {
            tokio::select! {
                () = listener => {}
                () = cut.cancelled() => tracing::warn!(task = name, "cut off what had not ended"),
            }
        });
        let lost = self.lost.clone();
        self.running.spawn(async move {
            if let Err(cause) = running.await {
                tracing::error!(task = name, %cause, "a listener was cut short; ending");
                lost.cancel();
            }
        });
    }

    /// Tells all to close, and waits for them.
    async fn close(&self) {
        self.closing.cancel();
        self.running.close();
        self.running.wait().await;
    }

    /// Ends all of them now, with all their connections.
    async fn cut(&self) {
        self.cut.cancel();
        self.close().await;
    }
}

/// Listens on both loopback addresses: `localhost` is the one here and the other there. A port that is taken on one of
/// them is named and skipped on both: clients would else be divided between two servers. Those of other ports are not to
/// suffer for it.
async fn listen_on_loopback(
    port: u16,
    gate: &Gate,
    connections: &Arc<Semaphore>,
    listeners: &Listeners,
) -> Vec<SocketAddr> {
    let mut bound: Vec<(SocketAddr, Listener)> = Vec::new();
    for ip in [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)] {
        // If the system picks the port, it picks one for both.
        let address = SocketAddr::new(ip, bound.first().map_or(port, |(first, _)| first.port()));
        let listener = Listener::bind(address, gate.clone(), connections.clone()).await;
        match listener.and_then(|listener| Ok((listener.address()?, listener))) {
            Ok(listening) => bound.push(listening),
            Err(cause) if cause.kind() == io::ErrorKind::AddrNotAvailable => {
                tracing::debug!(%ip, "this machine has no such loopback address");
            }
            Err(cause) => {
                tracing::warn!(%address, %cause, "the compatibility listener is left out");
                // Nobody knows a port yet that the system has just picked.
                if port != 0 {
                    return vec![];
                }
            }
        }
    }
    let spawn = |(address, listener): (SocketAddr, Listener)| {
        listeners.spawn("compatibility listener", |closing| listener.run(closing));
        address
    };
    bound.into_iter().map(spawn).collect()
}

/// Makes a directory that is its user's alone, also if it was there and was open to others.
fn private_directory(path: &Path) -> anyhow::Result<()> {
    let make = || {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(path)?;
        fs::set_permissions(path, fs::Permissions::from_mode(0o700))
    };
    make().with_context(|| format!("cannot make {}", path.display()))
}
