//! Whoever speaks on one connection, and what they may do.

use std::sync::Arc;

use client::protocol::ErrorCode;
use client::shown;
use gate::rate::Allowance;
use hall::{Attendance, Declined, Done, Identity, Workspace};
use model::messages::{Party, Recipient};
use model::questions::Question;
use model::roster::Membership;
use model::{Address, AgentId, Command, MemberId, Principal};

use crate::ancestry::{Lineage, Owned};
use crate::listener::Door;
use crate::refused::Refused;

/// Whoever speaks on one connection.
pub(crate) struct Caller {
    pub(crate) door: Arc<Door>,
    pub(crate) workspace: Workspace,
    /// Who acts.
    pub(crate) principal: Principal,
    /// Who writes: a membership, or a person's standing id.
    pub(crate) author: MemberId,
    /// The membership, if it is an agent.
    pub(crate) agent: Option<Arc<Membership>>,
    pub(crate) authority: Authority,
    /// How often it may call.
    pub(crate) allowance: Allowance,
    pub(crate) lineage: Option<Lineage>,
    /// Keeps an agent present for as long as the connection lasts.
    pub(crate) _attendance: Option<Attendance>,
}

/// What a caller has shown.
pub(crate) enum Authority {
    /// The owner's credential, out of no agent's process.
    Owner(Identity),
    None,
}

impl Caller {
    /// Carries a command out, under an idempotency key if there is one.
    pub(crate) async fn carry_out(&self, command: Command, once: Option<&str>) -> Result<Done, Declined> {
        let submitted = match once {
            Some(key) => self.workspace.submit_once(&self.principal, key, command).await?,
            None => self.workspace.submit(&self.principal, command).await?,
        };
        submitted.outcome().await
    }

    /// Whose mailbox is the caller's.
    pub(crate) fn party(&self) -> Party {
        match &self.agent {
            Some(member) => Party { id: member.agent.clone(), name: member.name.clone() },
            None => Party::without_membership(self.workspace.name().as_str(), &self.principal),
        }
    }

    /// Whether a message may be shown to the caller. What is said here is the owner's.
    pub(crate) fn may_read(&self, from: &AgentId, to: &Recipient) -> bool {
        let state = self.workspace.state();
        matches!(self.authority, Authority::Owner(_))
            || state.mailboxes.may_read(Some(&self.party().id), &self.principal, from, to)
    }

    /// Whether the caller may do what is for people; `what` completes "cannot …".
    pub(crate) fn must_be_owner(&self, what: &str) -> Result<(), Refused> {
        let forbidden = |message: String| Err(Refused::new(ErrorCode::Forbidden, message));
        // Asked again each time: the agent may have come after this connection.
        match self.door.ancestry.owner(self.lineage.as_ref()) {
            Some(Owned::By { name, pid }) => {
                return forbidden(format!(
                    "this process belongs to the agent {} (process {pid}): an agent's own shell cannot {what}; \
                     run it in a terminal of your own, one from which no `guildhall mcp` was started",
                    shown::name(&name)
                ));
            }
            Some(Owned::Untold) => {
                return forbidden(format!(
                    "the operating system does not say what this process descends from, and what could be an \
                     agent's own shell cannot {what}; run it in a terminal of your own"
                ));
            }
            None => {}
        }
        match &self.authority {
            Authority::Owner(identity) if self.door.hall.still_holds(identity) => Ok(()),
            Authority::Owner(_) => {
                forbidden(format!("this credential was revoked or has expired, so you cannot {what}"))
            }
            Authority::None => forbidden(format!("without the owner's credential you cannot {what}")),
        }
    }

    /// Whether the caller has shown to be a person.
    pub(crate) fn is_person(&self) -> bool {
        self.must_be_owner("be taken for a person").is_ok()
    }

    /// Whether an open question waits for the caller. One to everybody, or to a role, waits for all but who asked; one to
    /// a person waits for the owner, under whatever name it calls them: nobody else answers for people on this machine.
    pub(crate) fn is_asked(&self, question: &Question) -> bool {
        if !question.is_pending() {
            return false;
        }
        let others = question.from != self.author;
        let person = matches!(self.authority, Authority::Owner(_));
        let asked = question.asked_now();
        (asked.is_empty() && others)
            || asked.iter().any(|address| match (&self.agent, address) {
                (_, Address::Person(_) | Address::AnyPerson) => person,
                (Some(member), address) => others && address.reaches(member),
                (None, _) => false,
            })
    }

    /// Whether the caller put this question, in this membership or an earlier one of the same agent.
    pub(crate) fn has_asked(&self, question: &Question) -> bool {
        question.from == self.author
            || self.agent.as_ref().is_some_and(|member| member.name == question.from_name)
    }
}
