//! Who is connected. Connections are not events; only that a member's last one has been gone too long is.

use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use model::roster::{Leave, Reason};
use model::{Command, MemberId, Principal};
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::workspace::Workspace;

/// The connections of a workspace's members.
pub(crate) struct Presence {
    grace: Duration,
    here: Mutex<Here>,
    changed: Notify,
}

#[derive(Default)]
struct Here {
    connections: HashMap<MemberId, usize>,
    /// Members without a connection and since when, longest first: the grace is the same for all.
    missed: VecDeque<(Instant, MemberId)>,
}

/// One connection of a member. Dropping it ends the connection.
pub struct Attendance {
    workspace: Workspace,
    member: MemberId,
}

impl Presence {
    /// Everybody in `members` counts as missed from now.
    pub(crate) fn new(grace: Duration, members: impl Iterator<Item = MemberId>) -> Self {
        let now = Instant::now();
        let here =
            Here { connections: HashMap::new(), missed: members.map(|member| (now, member)).collect() };
        Self { grace, here: Mutex::new(here), changed: Notify::new() }
    }

    fn here(&self) -> MutexGuard<'_, Here> {
        self.here.lock().expect("nothing panics while it counts")
    }

    pub(crate) fn attend(&self, workspace: Workspace, member: MemberId) -> Attendance {
        *self.here().connections.entry(member.clone()).or_default() += 1;
        Attendance { workspace, member }
    }

    /// Starts counting for members that came to be without a connection of this process.
    pub(crate) fn missed(&self, member: MemberId) {
        let mut here = self.here();
        if !here.connections.contains_key(&member) {
            here.missed.push_back((Instant::now(), member));
            self.changed.notify_one();
        }
    }

    fn left(&self, member: &MemberId) {
        let mut here = self.here();
        let Some(count) = here.connections.get_mut(member) else { return };
        *count -= 1;
        if *count == 0 {
            here.connections.remove(member);
            here.missed.push_back((Instant::now(), member.clone()));
            self.changed.notify_one();
        }
    }

    /// The members whose time is over, and when to look again.
    fn lapsed(&self) -> (Vec<MemberId>, Option<Instant>) {
        let now = Instant::now();
        let mut here = self.here();
        let mut lapsed = Vec::new();
        while let Some((since, _)) = here.missed.front() {
            let due = *since + self.grace;
            if due > now {
                return (lapsed, Some(due));
            }
            let Some((_, member)) = here.missed.pop_front() else { break };
            // A member that is missed again later stands in the queue again.
            let later = here.missed.iter().any(|(_, other)| *other == member);
            if !later && !here.connections.contains_key(&member) {
                lapsed.push(member);
            }
        }
        (lapsed, None)
    }
}

impl Drop for Attendance {
    fn drop(&mut self) {
        self.workspace.presence().left(&self.member);
    }
}

/// Lets members lapse whose last connection has been gone too long, until `closing`.
pub(crate) async fn run(workspace: Workspace, closing: CancellationToken) {
    let shared = workspace.clone();
    let presence = shared.presence();
    loop {
        let (lapsed, next) = presence.lapsed();
        for member in lapsed {
            let leave = Command::Leave(Leave { member: member.clone(), reason: Reason::Lapsed });
            let outcome = workspace.carry_out(&Principal::hall(), leave).await;
            if closing.is_cancelled() {
                return;
            }
            if let Err(cause) = outcome {
                tracing::warn!(%member, %cause, "could not let a member lapse; trying again");
                presence.missed(member);
            }
        }
        tokio::select! {
            () = presence.changed.notified() => {}
            () = sleep_until(next) => {}
            () = closing.cancelled() => return,
        }
    }
}

async fn sleep_until(next: Option<Instant>) {
    match next {
        Some(next) => tokio::time::sleep_until(next).await,
        None => std::future::pending().await,
    }
}
