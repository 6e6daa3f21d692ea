//! A hall with a few agents in it.

use std::sync::Arc;
use std::time::Duration;

use hall::{Clock, Done, Hall, Options, Workspace};
use model::context::Share;
use model::roster::{Join, Membership, Role};
use model::{Command, Fact, MemberId, Principal, Text, Timestamp, WorkspaceName};
use store::{MemoryStore, Store};

/// When every story begins.
pub(crate) const BEGINNING: i64 = 1_800_000_000_000;

pub(crate) struct Scene {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) clock: Clock,
    pub(crate) hall: Hall,
    pub(crate) workspace: Workspace,
}

impl Scene {
    pub(crate) async fn new() -> Self {
        Self::on(Arc::new(MemoryStore::default())).await
    }

    pub(crate) async fn on(store: Arc<dyn Store>) -> Self {
        Self::with(store, None).await
    }

    /// One of several nodes on one store, which looks for what the others wrote as seldom as it is told.
    pub(crate) async fn node(store: Arc<dyn Store>, poll: Duration) -> Self {
        Self::with(store, Some(poll)).await
    }

    async fn with(store: Arc<dyn Store>, poll: Option<Duration>) -> Self {
        let clock = Clock::manual(Timestamp::from_millis(BEGINNING));
        let presence_grace = Duration::from_millis(300);
        let patience = Duration::from_millis(500);
        let options = Options { clock: clock.clone(), presence_grace, poll, patience };
        let hall = Hall::open(store.clone(), options).await.unwrap();
        let workspace = hall.workspace(&WorkspaceName::default_workspace()).unwrap();
        Self { store, clock, hall, workspace }
    }

    /// Closes the hall and opens it again on the same store.
    pub(crate) async fn again(self) -> Self {
        self.hall.close().await;
        Self::on(self.store).await
    }

    pub(crate) fn later(&self, by: Duration) {
        self.clock.set(self.clock.now().after(by));
    }

    pub(crate) async fn join(&self, name: &str) -> Arc<Membership> {
        let done = self.workspace.carry_out(&Principal::local(), join(name)).await.unwrap();
        match done.entries[0].fact() {
            Fact::MemberJoined(member) => member.clone(),
            other => panic!("joining made {other:?}"),
        }
    }

    pub(crate) async fn share(&self, key: &str, value: &str) -> Done {
        self.workspace.carry_out(&Principal::local(), share(key, value)).await.unwrap()
    }

    pub(crate) fn names(&self) -> Vec<String> {
        self.workspace.state().roster.members().map(|member| member.name.to_string()).collect()
    }
}

pub(crate) fn join(name: &str) -> Command {
    Command::Join(Join {
        workspace: "default".into(),
        name: name.into(),
        role: Role::Source,
        repo_path: "/repo".into(),
        door: "test",
        instance: None,
        held_by: None,
    })
}

pub(crate) fn share(key: &str, value: &str) -> Command {
    Command::Share(Share {
        key: key.into(),
        value: Text::new(value),
        tags: [].into(),
        author: MemberId::hall(),
        if_version: None,
    })
}
