//! The state of one workspace, and the two functions that matter: [`State::decide`] and [`State::apply`].

use serde::{Deserialize, Serialize};

use crate::command::{Command, Proposal};
use crate::context::Context;
use crate::decisions;
use crate::directory::Directory;
use crate::event::{Event, Fact, Position, Recorded};
use crate::ids::AgentId;
use crate::mailboxes::Mailboxes;
use crate::messages;
use crate::questions::Questions;
use crate::refusal::Refusal;
use crate::reservations::Reservations;
use crate::roster::Roster;
use crate::statuses::Statuses;
use crate::time::Timestamp;

/// Everything needed to decide the next command. A workspace's log leaves the directory empty, and the directory's
/// log everything else.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct State {
    position: Position,
    at: Timestamp,
    /// Who is here.
    pub roster: Roster,
    /// Shared keys.
    pub context: Context,
    /// Open questions.
    pub questions: Questions,
    /// What readers have had of their messages.
    pub mailboxes: Mailboxes,
    /// What agents say to be at.
    pub statuses: Statuses,
    /// Who works on which files.
    pub reservations: Reservations,
    /// Workspaces and tokens.
    pub directory: Directory,
}

impl State {
    /// Raised whenever [`State::apply`] comes to make something else of the same events, or the state is written
    /// differently: a snapshot of another version says nothing about this one.
    pub const VERSION: u32 = 4;

    /// The position of the last event applied.
    pub fn position(&self) -> Position {
        self.position
    }

    /// The time of the last event applied.
    pub fn at(&self) -> Timestamp {
        self.at
    }

    /// How many things it holds: what a snapshot of it costs.
    pub fn size(&self) -> usize {
        self.roster.members().len()
            + self.context.size()
            + self.questions.open().len()
            + self.mailboxes.size()
            + self.statuses.size()
            + self.reservations.size()
            + self.directory.size()
    }

    /// What would happen if this were done now. No events means that nothing needs to change.
    ///
    /// The event's time is the proposal's or the last event's, whichever is later. What waits, waits by the proposal's,
    /// which is the clock's.
    pub fn decide(&self, proposal: &Proposal) -> Result<Vec<Event>, Refusal> {
        let (now, at) = (proposal.at, proposal.at.max(self.at));
        let by = &proposal.by;
        let facts = match &proposal.command {
            Command::Join(join) => {
                self.mailboxes.room_to_join(&AgentId::of(&join.workspace, &join.name), &self.roster)?;
                Self::refuse_an_id(&join.name)?;
                self.roster.join((&proposal.id).into(), by, at, join)?
            }
            Command::Return(member) => {
                self.mailboxes.room_to_join(&member.agent, &self.roster)?;
                self.roster.bring_back(member)?
            }
            Command::Leave(leave) => self.roster.leave(leave),
            Command::Share(share) => self.context.share((&proposal.id).into(), at, share)?,
            Command::Delete(delete) => self.context.delete(delete)?,
            Command::Read(read) => self.context.read(read),
            Command::Ask(ask) => self.questions.ask((&proposal.id).into(), by, at, now, &self.roster, ask)?,
            Command::Answer(answer) => self.questions.answer(by, at, &self.roster, answer)?,
            Command::TimeOut(time_out) => self.questions.time_out(at, now, &self.roster, time_out),
            Command::Log(log) => decisions::log((&proposal.id).into(), at, log)?,
            Command::Send(send) => {
                let facts = messages::send((&proposal.id).into(), by, at, &self.roster, send)?;
                facts.iter().try_for_each(|fact| self.mailboxes.room_for(fact))?;
                facts
            }
            Command::Take(take) => self.mailboxes.take(take)?,
            Command::Follow(follow) => self.mailboxes.follow(follow)?,
            Command::SetStatus(set) => self.statuses.set(at, &self.roster, set)?,
            Command::Reserve(reserve) => self.reservations.reserve((&proposal.id).into(), at, reserve)?,
            Command::Release(release) => self.reservations.release(at, release)?,
            Command::OpenWorkspace(open) => self.directory.open(open)?,
            Command::IssueToken(issue) => self.directory.issue((&proposal.id).into(), at, issue)?,
            Command::RevokeToken(revoke) => self.directory.revoke(revoke)?,
        };
        let event = |fact| Event { at, by: by.clone(), command: proposal.id.clone(), fact };
        Ok(facts.into_iter().map(event).collect())
    }

    /// A name counts before an id, so whoever bore another's id as a name would be sent what is for that one. Ids follow
    /// from names, so it may also be that of somebody who has not come yet.
    fn refuse_an_id(name: &str) -> Result<(), Refusal> {
        if AgentId::parse(name).is_ok() {
            return Err(Refusal::Invalid(format!(
                "the name {name:?} is somebody else's id, or may become it"
            )));
        }
        Ok(())
    }

    /// Takes in the next event.
    ///
    /// # Panics
    /// If the event is not the next one: the log is gap-free, so that would be a defect of the caller.
    pub fn apply(&mut self, recorded: &Recorded) {
        assert_eq!(recorded.position, self.position.next(), "events are applied in order, each once");
        self.position = recorded.position;
        self.at = recorded.event.at;
        match &recorded.event.fact {
            Fact::MemberJoined(member) | Fact::MemberReturned(member) => {
                self.roster.arrived(member);
                self.mailboxes.arrived(recorded.position, member, &self.roster);
            }
            Fact::MemberLeft(departure) => {
                self.roster.departed(departure);
                self.mailboxes.departed(recorded.position, &departure.member.agent);
                self.statuses.departed(&self.roster, departure);
            }
            Fact::ContextShared(entry) => self.context.was_shared(recorded.position, entry),
            Fact::ContextDeleted(deletion) => self.context.was_deleted(recorded.position, deletion),
            Fact::ContextRead(read) => self.context.was_read(read),
            Fact::QuestionAsked(question)
            | Fact::QuestionAnswered(question)
            | Fact::QuestionPassed(question)
            | Fact::QuestionFailed(question) => self.questions.stands(question),
            Fact::MessageSent(message) => self.mailboxes.was_sent(recorded.position, message),
            Fact::MessagesTaken(taken) => self.mailboxes.was_taken(recorded.position, taken),
            Fact::TopicFollowed(following) => self.mailboxes.was_followed(recorded.position, following),
            Fact::TopicLeft(following) => self.mailboxes.was_left(recorded.position, following),
            Fact::StatusSet(status) => self.statuses.was_set(status),
            Fact::FilesReserved(made) => self.reservations.was_made(made),
            Fact::FilesReleased(released) => self.reservations.was_released(released),
            Fact::WorkspaceOpened(opened) => self.directory.was_opened(opened),
            Fact::TokenIssued(token) => self.directory.was_issued(token),
            Fact::TokenRevoked(revoked) => self.directory.was_revoked(revoked),
            Fact::MessageDied(message) => self.mailboxes.was_sent_to_nobody(message),
            Fact::DecisionLogged(_) | Fact::Unknown(_) => {}
        }
    }
}
