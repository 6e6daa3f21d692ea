//! A hall with its socket in a directory of its own.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use client::protocol::{Call, ErrorCode, Hello, Speaker, VERSION};
use client::{CallError, Connection, connect};
use gate::Rates;
use guildhall_door_local::ancestry::{Proc, Processes, Sighting};
use guildhall_door_local::{LocalDoor, Options};
use hall::Hall;
use model::directory::Grant;
use model::{Principal, WorkspaceName};
use serde::de::DeserializeOwned;
use store::MemoryStore;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Long enough for anything that happens at once.
pub(crate) const SOON: Duration = Duration::from_secs(10);

pub(crate) struct Place {
    pub(crate) hall: Hall,
    pub(crate) socket: PathBuf,
    pub(crate) credential: String,
    pub(crate) closing: CancellationToken,
    pub(crate) running: JoinHandle<()>,
    options: Options,
    processes: Arc<dyn Processes>,
    _directory: tempfile::TempDir,
}

/// A process table in which nobody is related to anybody: the same process seen twice is two. So one test process
/// can be an agent and a person.
struct Strangers(AtomicU64);

impl Processes for Strangers {
    fn look(&self, pid: u32) -> Option<Sighting> {
        let parent = u32::from(pid != 1);
        Some(Sighting { parent, started: self.0.fetch_add(1, Ordering::Relaxed) })
    }
}

fn open(
    hall: &Hall,
    options: Options,
    processes: Arc<dyn Processes>,
    closing: &CancellationToken,
) -> JoinHandle<()> {
    let door = LocalDoor::bind(options).unwrap().with_processes(processes);
    tokio::spawn(door.run(hall.clone(), closing.clone()))
}

impl Place {
    /// A hall where every connection is another process's.
    pub(crate) async fn of_strangers() -> Self {
        Self::with(Arc::new(Strangers(AtomicU64::new(1))), hall::Options::default()).await
    }

    /// A hall that sees the processes there are.
    pub(crate) async fn real() -> Self {
        Self::with(Arc::new(Proc), hall::Options::default()).await
    }

    pub(crate) async fn with(processes: Arc<dyn Processes>, options: hall::Options) -> Self {
        let hall = Hall::open(Arc::new(MemoryStore::default()), options).await.unwrap();
        let owner = hall
            .issue_token(&Principal::hall(), Some(Principal::owner()), Grant::Owner, vec![], None)
            .await
            .unwrap();
        let directory = tempfile::tempdir().unwrap();
        let socket = directory.path().join("guildhall.sock");
        let listening = vec!["http://127.0.0.1:7420".to_owned()];
        let options = Options {
            path: socket.clone(),
            agents: directory.path().join("agents"),
            listening,
            rates: Arc::default(),
        };
        let closing = CancellationToken::new();
        let running = open(&hall, options.clone(), processes.clone(), &closing);
        let credential = owner.secret.reveal().to_owned();
        Self { hall, socket, credential, closing, running, options, processes, _directory: directory }
    }

    /// Closes the door and opens it again, as a program does that is started anew.
    pub(crate) async fn restart(&mut self) {
        self.closing.cancel();
        (&mut self.running).await.unwrap();
        self.closing = CancellationToken::new();
        self.running = open(&self.hall, self.options.clone(), self.processes.clone(), &self.closing);
    }

    /// As [`Place::restart`], with other rates.
    pub(crate) async fn restart_with(&mut self, rates: Rates) {
        self.options.rates = Arc::new(rates);
        self.restart().await;
    }

    pub(crate) async fn speak(&self, speaker: Speaker) -> Result<Connection, CallError> {
        connect(&self.socket, Hello { version: VERSION, workspace: None, speaker }).await
    }

    pub(crate) async fn agent(&self, name: &str) -> Connection {
        self.speak(agent(name, None)).await.unwrap()
    }

    pub(crate) async fn owner(&self) -> Connection {
        self.speak(Speaker::Person { credential: Some(self.credential.clone()) }).await.unwrap()
    }

    pub(crate) async fn somebody(&self) -> Connection {
        self.speak(Speaker::Person { credential: None }).await.unwrap()
    }

    /// Who is present now, by name.
    pub(crate) fn present(&self) -> Vec<String> {
        let workspace = self.hall.workspace(&WorkspaceName::default_workspace()).unwrap();
        let state = workspace.state();
        state.roster.members().map(|member| member.name.to_string()).collect()
    }
}

pub(crate) fn agent(name: &str, member: Option<String>) -> Speaker {
    instance(name, None, member)
}

/// An agent of which several of the same name may run.
pub(crate) fn instance(name: &str, instance: Option<&str>, member: Option<String>) -> Speaker {
    Speaker::Agent {
        name: name.into(),
        role: "source".into(),
        repo_path: "/home/ada/web".into(),
        instance: instance.map(Into::into),
        member,
    }
}

/// Makes a call that must be answered soon and well.
pub(crate) async fn ok<T: DeserializeOwned>(connection: &Connection, call: Call) -> T {
    let what = format!("{call:?}");
    let answer = tokio::time::timeout(SOON, connection.call(call)).await;
    answer.unwrap_or_else(|_| panic!("no answer to {what}")).unwrap_or_else(|why| panic!("{what}: {why}"))
}

/// Makes a call that must be refused soon; what the caller hears.
pub(crate) async fn refused(connection: &Connection, call: Call) -> (ErrorCode, String) {
    let what = format!("{call:?}");
    let answer = tokio::time::timeout(SOON, connection.call::<serde_json::Value>(call)).await;
    match answer.unwrap_or_else(|_| panic!("no answer to {what}")) {
        Err(CallError::Refused { code, message }) => (code, message),
        other => panic!("{what} was not refused: {other:?}"),
    }
}
