//! Who is connected. Connections are not events; only that a member's last one has been gone too long is.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use model::roster::{Leave, Reason};
use model::{Command, Fact, MemberId, Principal};
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::entry::Entry;
use crate::error::Declined;
use crate::workspace::Workspace;

/// The connections of a workspace's members.
pub(crate) struct Presence {
    grace: Duration,
    here: Mutex<Here>,
    changed: Notify,
}

#[derive(Default)]
struct Here {
    seats: HashMap<MemberId, Seat>,
    /// Who was missed and since when, longest first: the grace is the same for all. What no longer agrees with the
    /// seats is passed over.
    missed: VecDeque<(Instant, MemberId)>,
}

#[derive(Clone, Copy, PartialEq)]
enum Seat {
    /// So many connections.
    Taken(usize),
    /// None since.
    Empty(Instant),
}

/// One connection of a member. Dropping it ends the connection.
pub struct Attendance {
    workspace: Workspace,
    member: MemberId,
}

impl Presence {
    /// Everybody in `members` counts as missed from now.
    pub(crate) fn new(grace: Duration, members: impl Iterator<Item = MemberId>) -> Self {
        let presence = Self { grace, here: Mutex::default(), changed: Notify::new() };
        let mut here = presence.here();
        members.for_each(|member| here.miss(member));
        drop(here);
        presence
    }

    fn here(&self) -> MutexGuard<'_, Here> {
        self.here.lock().expect("nothing panics while it counts")
    }

    pub(crate) fn attend(&self, workspace: Workspace, member: MemberId) -> Attendance {
        let mut here = self.here();
        let seat = here.seats.entry(member.clone()).or_insert(Seat::Taken(0));
        *seat = match *seat {
            Seat::Taken(connections) => Seat::Taken(connections + 1),
            Seat::Empty(_) => Seat::Taken(1),
        };
        drop(here);
        Attendance { workspace, member }
    }

    /// Expects those who have just come to be connected: their connection may be gone before it could attend.
    pub(crate) fn expect(&self, entries: &[Arc<Entry>]) {
        for entry in entries {
            if let Fact::MemberJoined(member) | Fact::MemberReturned(member) = entry.fact() {
                self.missed(member.id.clone());
            }
        }
    }

    /// Starts counting for a member, unless it is connected.
    fn missed(&self, member: MemberId) {
        let mut here = self.here();
        if !here.is_taken(&member) {
            here.miss(member);
            self.changed.notify_one();
        }
    }

    fn left(&self, member: &MemberId) {
        let mut here = self.here();
        match here.seats.get_mut(member) {
            Some(Seat::Taken(connections)) if *connections > 1 => *connections -= 1,
            _ => {
                here.miss(member.clone());
                self.changed.notify_one();
            }
        }
    }

    fn is_connected(&self, member: &MemberId) -> bool {
        self.here().is_taken(member)
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
            let Some((since, member)) = here.missed.pop_front() else { break };
            if here.seats.get(&member) == Some(&Seat::Empty(since)) {
                here.seats.remove(&member);
                lapsed.push(member);
            }
        }
        (lapsed, None)
    }
}

impl Here {
    fn is_taken(&self, member: &MemberId) -> bool {
        matches!(self.seats.get(member), Some(Seat::Taken(connections)) if *connections > 0)
    }

    fn miss(&mut self, member: MemberId) {
        let now = Instant::now();
        self.seats.insert(member.clone(), Seat::Empty(now));
        self.missed.push_back((now, member));
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
        if let_lapse(&workspace, lapsed).await.is_err() && closing.is_cancelled() {
            return;
        }
        tokio::select! {
            () = presence.changed.notified() => {}
            () = sleep_until(next) => {}
            () = closing.cancelled() => return,
        }
    }
}

/// Submits them all before waiting for any: they share a commit.
async fn let_lapse(workspace: &Workspace, members: Vec<MemberId>) -> Result<(), Declined> {
    let (presence, hall) = (workspace.presence(), Principal::hall());
    let mut submitted = Vec::new();
    for member in members.into_iter().filter(|member| !presence.is_connected(member)) {
        let leave = Command::Leave(Leave { member: member.clone(), reason: Reason::Lapsed });
        submitted.push((workspace.submit(&hall, leave).await?, member));
    }
    for (outcome, member) in submitted {
        match outcome.outcome().await {
            // Whoever connected while this was being committed is here after all.
            Ok(done) if presence.is_connected(&member) => {
                if let Some(Fact::MemberLeft(departure)) = done.entries.first().map(|entry| entry.fact()) {
                    workspace.carry_out(&hall, Command::Return(departure.member.clone())).await?;
                }
            }
            Ok(_) => {}
            Err(cause) => {
                tracing::warn!(%member, %cause, "could not let a member lapse; trying again");
                presence.missed(member);
            }
        }
    }
    Ok(())
}

async fn sleep_until(next: Option<Instant>) {
    match next {
        Some(next) => tokio::time::sleep_until(next).await,
        None => std::future::pending().await,
    }
}
