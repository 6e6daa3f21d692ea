//! Read models: what an event changes in the tables that queries read.
//!
//! A row is written whole, from the event alone, so projecting needs no reading and doing it twice does no harm. A
//! row's place in its table is the position of the event that first wrote it.

use serde::{Deserialize, Serialize};

use crate::event::{Fact, Recorded};
use crate::ids::AgentId;
use crate::names::Principal;
use crate::time::Timestamp;

/// A table of the read model. The names are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Table {
    /// Every agent ever seen, by id: [`AgentRow`].
    Agents,
    /// Every membership ever made, by id: a [`MemberRow`].
    Members,
    /// Every question, by id: a [`crate::questions::Question`].
    Questions,
    /// Every decision, by id: a [`crate::decisions::Decision`].
    Decisions,
    /// Every token ever issued, by id: a [`TokenRow`].
    Tokens,
}

impl Table {
    /// All tables.
    pub const ALL: [Self; 5] = [Self::Agents, Self::Members, Self::Questions, Self::Decisions, Self::Tokens];

    /// The stored name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Agents => "agents",
            Self::Members => "members",
            Self::Questions => "questions",
            Self::Decisions => "decisions",
            Self::Tokens => "tokens",
        }
    }
}

/// One row, as JSON.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Its table.
    pub table: Table,
    /// Its key, unique in the table.
    pub key: String,
    /// What it holds.
    pub body: Vec<u8>,
}

/// An agent that has been here at least once.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AgentRow {
    /// Its id.
    pub id: AgentId,
    /// Its name.
    pub name: String,
    /// Who holds the name.
    pub principal: Principal,
    /// When a membership of it last came or went.
    pub last_seen: Timestamp,
}

/// A membership, and whether it ended for good.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MemberRow {
    /// The membership.
    pub member: crate::roster::Membership,
    /// Why it is not in the roster, if it is not.
    pub gone: Option<crate::roster::Reason>,
}

/// A token, and whether it was withdrawn.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum TokenRow {
    /// In force until it expires.
    Issued(crate::directory::Token),
    /// Withdrawn at this time.
    Revoked(Timestamp),
}

/// The rows an event writes.
pub fn rows(recorded: &Recorded) -> Vec<Row> {
    let at = recorded.event.at;
    match &recorded.event.fact {
        Fact::MemberJoined(member) | Fact::MemberReturned(member) => member_rows(member, None, at),
        Fact::MemberLeft(departure) => member_rows(&departure.member, Some(departure.reason), at),
        Fact::QuestionAsked(question)
        | Fact::QuestionAnswered(question)
        | Fact::QuestionPassed(question)
        | Fact::QuestionFailed(question) => vec![row(Table::Questions, question.id.as_str(), question)],
        Fact::DecisionLogged(decision) => vec![row(Table::Decisions, decision.id.as_str(), decision)],
        Fact::TokenIssued(token) => {
            vec![row(Table::Tokens, token.id.as_str(), &TokenRow::Issued(token.as_ref().clone()))]
        }
        Fact::TokenRevoked(revoked) => vec![row(Table::Tokens, revoked.id.as_str(), &TokenRow::Revoked(at))],
        Fact::ContextShared(_)
        | Fact::ContextDeleted(_)
        | Fact::ContextRead(_)
        | Fact::MessageSent(_)
        | Fact::MessageDied(_)
        | Fact::MessagesTaken(_)
        | Fact::TopicFollowed(_)
        | Fact::TopicLeft(_)
        | Fact::StatusSet(_)
        | Fact::FilesReserved(_)
        | Fact::FilesReleased(_)
        | Fact::WorkspaceOpened(_)
        | Fact::Unknown(_) => vec![],
    }
}

fn member_rows(
    member: &crate::roster::Membership,
    gone: Option<crate::roster::Reason>,
    last_seen: Timestamp,
) -> Vec<Row> {
    let agent = AgentRow {
        id: member.agent.clone(),
        name: member.name.as_ref().to_owned(),
        principal: member.principal.clone(),
        last_seen,
    };
    vec![
        row(Table::Members, member.id.as_str(), &MemberRow { member: member.clone(), gone }),
        row(Table::Agents, member.agent.as_str(), &agent),
    ]
}

fn row(table: Table, key: &str, body: &impl Serialize) -> Row {
    Row { table, key: key.to_owned(), body: serde_json::to_vec(body).expect("rows always serialise") }
}
