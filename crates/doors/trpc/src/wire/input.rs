//! The inputs of the procedures, valid by construction.
//!
//! What people write at length (`value`, `question`, `answer`, `decision`, `rationale`) stays a [`JsonText`] to be stored and sent on unparsed;
//! what is compared or indexed is decoded. Fields marked *ours* are unknown to the peers and always optional: a client that does not
//! send them is answered byte for byte as the peers would.

use std::borrow::Cow;

use super::error::TrpcError;
use super::field::{Field, object, optional_object};
use super::issue::{Issues, MAX_SAFE_INTEGER};
use super::page::{self, Page, Position};
use super::request::Input;
use super::text::JsonText;
use super::uuid_text::UuidText;

/// `session.join`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Join<'a> {
    /// Not empty, not unique.
    pub name: Cow<'a, str>,
    /// The agent's part.
    pub role: Role,
    /// Not empty.
    pub repo_path: Cow<'a, str>,
}

/// The part an agent plays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// `"source"`
    Source,
    /// `"target"`
    Target,
}

/// `session.leave`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leave<'a> {
    /// Who leaves.
    pub agent_id: UuidText<'a>,
}

/// `session.list`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListAgents<'a> {
    /// Ours.
    pub page: Page<'a>,
    /// Ours: answer only when everything up to there is seen.
    pub min_pos: Position<'a>,
}

/// `context.share`
#[derive(Clone, Debug)]
pub struct Share<'a> {
    /// Not empty.
    pub key: Cow<'a, str>,
    /// May be empty.
    pub value: JsonText<'a>,
    /// Empty where left out, which also empties the tags of an entry that is there.
    pub tags: Vec<Cow<'a, str>>,
    /// Who shares; any UUID.
    pub agent_id: UuidText<'a>,
    /// Ours: share only if the entry is at this version, 0 meaning that there is none.
    pub if_version: Option<u64>,
    /// Ours: tell the version in the reply.
    pub with_version: bool,
}

/// `context.get`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Get<'a> {
    /// Not empty.
    pub key: Cow<'a, str>,
    /// Ours: tell the version in the reply.
    pub with_version: bool,
    /// Ours: answer only when everything up to there is seen.
    pub min_pos: Position<'a>,
}

/// `context.list`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListContext<'a> {
    /// Only entries with all of these.
    pub tags: Vec<Cow<'a, str>>,
    /// Only entries first shared by this agent.
    pub created_by: Option<UuidText<'a>>,
    /// Ours: tell versions in the reply.
    pub with_version: bool,
    /// Ours.
    pub page: Page<'a>,
    /// Ours: answer only when everything up to there is seen.
    pub min_pos: Position<'a>,
}

/// `context.history`, ours
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct History<'a> {
    /// Not empty.
    pub key: Cow<'a, str>,
    /// Which part of it.
    pub page: Page<'a>,
    /// Ours: answer only when everything up to there is seen.
    pub min_pos: Position<'a>,
}

/// `context.delete`, ours
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delete<'a> {
    /// Not empty.
    pub key: Cow<'a, str>,
    /// Who deletes.
    pub agent_id: UuidText<'a>,
    /// Delete only if the entry is at this version.
    pub if_version: Option<u64>,
}

/// `questions.ask`
#[derive(Clone, Debug)]
pub struct Ask<'a> {
    /// Not empty.
    pub question: JsonText<'a>,
    /// To whom; everybody if to nobody.
    pub to: Option<UuidText<'a>>,
    /// Who asks.
    pub agent_id: UuidText<'a>,
}

/// `questions.answer`
#[derive(Clone, Debug)]
pub struct Answer<'a> {
    /// Which question.
    pub question_id: UuidText<'a>,
    /// Not empty.
    pub answer: JsonText<'a>,
    /// Who answers.
    pub agent_id: UuidText<'a>,
}

/// `questions.listPending`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListPending<'a> {
    /// Only questions to this agent or to nobody.
    pub agent_id: Option<UuidText<'a>>,
    /// Ours.
    pub page: Page<'a>,
    /// Ours: answer only when everything up to there is seen.
    pub min_pos: Position<'a>,
}

/// `questions.get`, ours
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GetQuestion<'a> {
    /// Which question.
    pub id: UuidText<'a>,
    /// Ours: answer only when everything up to there is seen.
    pub min_pos: Position<'a>,
}

/// `questions.list`, ours
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListQuestions<'a> {
    /// Which questions; all where left out.
    pub status: QuestionStatus,
    /// Which part of them.
    pub page: Page<'a>,
    /// Ours: answer only when everything up to there is seen.
    pub min_pos: Position<'a>,
}

/// Which questions to list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QuestionStatus {
    /// `"pending"`
    Pending,
    /// `"answered"`
    Answered,
    /// `"failed"`
    Failed,
    /// `"all"`
    All,
}

/// `decisions.log`
#[derive(Clone, Debug)]
pub struct Log<'a> {
    /// Not empty.
    pub decision: JsonText<'a>,
    /// May be empty.
    pub rationale: Option<JsonText<'a>>,
    /// Who decided.
    pub agent_id: UuidText<'a>,
}

/// `decisions.list`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListDecisions<'a> {
    /// Ours.
    pub page: Page<'a>,
    /// Ours: answer only when everything up to there is seen.
    pub min_pos: Position<'a>,
}

// === Reading them ===

const ROLES: (&[&str], [Role; 2]) = (&["source", "target"], [Role::Source, Role::Target]);
const STATUSES: (&[&str], [QuestionStatus; 4]) = (
    &["pending", "answered", "failed", "all"],
    [QuestionStatus::Pending, QuestionStatus::Answered, QuestionStatus::Failed, QuestionStatus::All],
);

impl<'a> Join<'a> {
    pub(super) fn read(input: &Input<'a>) -> Result<Self, TrpcError> {
        let [name, role, repo_path] = object(input, ["name", "role", "repoPath"])?;
        let issues = &mut Issues::default();
        match (name.filled(issues), role.choice(ROLES.0, &ROLES.1, issues), repo_path.filled(issues)) {
            (Some(name), Some(role), Some(repo_path)) => {
                Ok(Self { name: name.decode(), role, repo_path: repo_path.decode() })
            }
            _ => Err(issues.refusal()),
        }
    }
}

impl<'a> Leave<'a> {
    pub(super) fn read(input: &Input<'a>) -> Result<Self, TrpcError> {
        let [agent_id] = object(input, ["agentId"])?;
        let issues = &mut Issues::default();
        agent_id.uuid(issues).map(|agent_id| Self { agent_id }).ok_or_else(|| issues.refusal())
    }
}

impl<'a> ListAgents<'a> {
    pub(super) fn read(input: &Input<'a>) -> Result<Self, TrpcError> {
        page::alone(input).map(|(page, min_pos)| Self { page, min_pos })
    }
}

impl<'a> Share<'a> {
    pub(super) fn read(input: &Input<'a>) -> Result<Self, TrpcError> {
        let [key, value, tags, agent_id, if_version, with_version] =
            object(input, ["key", "value", "tags", "agentId", "ifVersion", "withVersion"])?;
        let issues = &mut Issues::default();
        match (
            key.filled(issues),
            value.text(issues),
            tags.optional(issues, Field::texts),
            agent_id.uuid(issues),
            if_version.optional(issues, version),
            with_version.optional(issues, Field::boolean),
        ) {
            (Some(key), Some(value), Some(tags), Some(agent_id), Some(if_version), Some(with_version)) => {
                Ok(Self {
                    key: key.decode(),
                    value,
                    tags: tags.unwrap_or_default(),
                    agent_id,
                    if_version,
                    with_version: with_version.unwrap_or(false),
                })
            }
            _ => Err(issues.refusal()),
        }
    }
}

impl<'a> Get<'a> {
    pub(super) fn read(input: &Input<'a>) -> Result<Self, TrpcError> {
        let [key, with_version, min_pos] = object(input, ["key", "withVersion", "minPos"])?;
        let issues = &mut Issues::default();
        match (
            key.filled(issues),
            with_version.optional(issues, Field::boolean),
            Position::read(min_pos, issues),
        ) {
            (Some(key), Some(with_version), Some(min_pos)) => {
                Ok(Self { key: key.decode(), with_version: with_version.unwrap_or(false), min_pos })
            }
            _ => Err(issues.refusal()),
        }
    }
}

impl<'a> ListContext<'a> {
    pub(super) fn read(input: &Input<'a>) -> Result<Self, TrpcError> {
        let [tags, created_by, with_version, limit, after, min_pos] =
            optional_object(input, ["tags", "createdBy", "withVersion", "limit", "after", "minPos"])?;
        let issues = &mut Issues::default();
        match (
            tags.optional(issues, Field::texts),
            created_by.optional(issues, Field::uuid),
            with_version.optional(issues, Field::boolean),
            Page::read(limit, after, issues),
            Position::read(min_pos, issues),
        ) {
            (Some(tags), Some(created_by), Some(with_version), Some(page), Some(min_pos)) => Ok(Self {
                tags: tags.unwrap_or_default(),
                created_by,
                with_version: with_version.unwrap_or(false),
                page,
                min_pos,
            }),
            _ => Err(issues.refusal()),
        }
    }
}

impl<'a> History<'a> {
    pub(super) fn read(input: &Input<'a>) -> Result<Self, TrpcError> {
        let [key, limit, after, min_pos] = object(input, ["key", "limit", "after", "minPos"])?;
        let issues = &mut Issues::default();
        let (key, page) = (key.filled(issues), Page::read(limit, after, issues));
        match (key, page, Position::read(min_pos, issues)) {
            (Some(key), Some(page), Some(min_pos)) => Ok(Self { key: key.decode(), page, min_pos }),
            _ => Err(issues.refusal()),
        }
    }
}

impl<'a> Delete<'a> {
    pub(super) fn read(input: &Input<'a>) -> Result<Self, TrpcError> {
        let [key, agent_id, if_version] = object(input, ["key", "agentId", "ifVersion"])?;
        let issues = &mut Issues::default();
        match (key.filled(issues), agent_id.uuid(issues), if_version.optional(issues, version)) {
            (Some(key), Some(agent_id), Some(if_version)) => {
                Ok(Self { key: key.decode(), agent_id, if_version })
            }
            _ => Err(issues.refusal()),
        }
    }
}

impl<'a> Ask<'a> {
    pub(super) fn read(input: &Input<'a>) -> Result<Self, TrpcError> {
        let [question, to, agent_id] = object(input, ["question", "to", "agentId"])?;
        let issues = &mut Issues::default();
        match (question.filled(issues), to.optional(issues, Field::uuid), agent_id.uuid(issues)) {
            (Some(question), Some(to), Some(agent_id)) => Ok(Self { question, to, agent_id }),
            _ => Err(issues.refusal()),
        }
    }
}

impl<'a> Answer<'a> {
    pub(super) fn read(input: &Input<'a>) -> Result<Self, TrpcError> {
        let [question_id, answer, agent_id] = object(input, ["questionId", "answer", "agentId"])?;
        let issues = &mut Issues::default();
        match (question_id.uuid(issues), answer.filled(issues), agent_id.uuid(issues)) {
            (Some(question_id), Some(answer), Some(agent_id)) => Ok(Self { question_id, answer, agent_id }),
            _ => Err(issues.refusal()),
        }
    }
}

impl<'a> ListPending<'a> {
    pub(super) fn read(input: &Input<'a>) -> Result<Self, TrpcError> {
        let [agent_id, limit, after, min_pos] =
            optional_object(input, ["agentId", "limit", "after", "minPos"])?;
        let issues = &mut Issues::default();
        let (agent_id, page) = (agent_id.optional(issues, Field::uuid), Page::read(limit, after, issues));
        match (agent_id, page, Position::read(min_pos, issues)) {
            (Some(agent_id), Some(page), Some(min_pos)) => Ok(Self { agent_id, page, min_pos }),
            _ => Err(issues.refusal()),
        }
    }
}

impl<'a> GetQuestion<'a> {
    pub(super) fn read(input: &Input<'a>) -> Result<Self, TrpcError> {
        let [id, min_pos] = object(input, ["id", "minPos"])?;
        let issues = &mut Issues::default();
        match (id.uuid(issues), Position::read(min_pos, issues)) {
            (Some(id), Some(min_pos)) => Ok(Self { id, min_pos }),
            _ => Err(issues.refusal()),
        }
    }
}

impl<'a> ListQuestions<'a> {
    pub(super) fn read(input: &Input<'a>) -> Result<Self, TrpcError> {
        let [status, limit, after, min_pos] = optional_object(input, ["status", "limit", "after", "minPos"])?;
        let issues = &mut Issues::default();
        let choose = |field: Field<'a>, issues: &mut Issues| field.choice(STATUSES.0, &STATUSES.1, issues);
        let (status, page) = (status.optional(issues, choose), Page::read(limit, after, issues));
        match (status, page, Position::read(min_pos, issues)) {
            (Some(status), Some(page), Some(min_pos)) => {
                Ok(Self { status: status.unwrap_or(QuestionStatus::All), page, min_pos })
            }
            _ => Err(issues.refusal()),
        }
    }
}

impl<'a> Log<'a> {
    pub(super) fn read(input: &Input<'a>) -> Result<Self, TrpcError> {
        let [decision, rationale, agent_id] = object(input, ["decision", "rationale", "agentId"])?;
        let issues = &mut Issues::default();
        match (decision.filled(issues), rationale.optional(issues, Field::text), agent_id.uuid(issues)) {
            (Some(decision), Some(rationale), Some(agent_id)) => Ok(Self { decision, rationale, agent_id }),
            _ => Err(issues.refusal()),
        }
    }
}

impl<'a> ListDecisions<'a> {
    pub(super) fn read(input: &Input<'a>) -> Result<Self, TrpcError> {
        page::alone(input).map(|(page, min_pos)| Self { page, min_pos })
    }
}

fn version(field: Field<'_>, issues: &mut Issues) -> Option<u64> {
    field.integer(0, MAX_SAFE_INTEGER, issues)
}

/// The id after which a tracked subscription resumes: that of the request, else that in the input.
pub(super) fn last_event_id<'a>(input: &Input<'a>) -> Result<Option<Cow<'a, str>>, TrpcError> {
    let [field] = optional_object(input, ["lastEventId"])?;
    if let Some(id) = input.last_event_id {
        return Ok(Some(id.decode()));
    }
    let issues = &mut Issues::default();
    field.optional(issues, Field::decoded).ok_or_else(|| issues.refusal())
}
