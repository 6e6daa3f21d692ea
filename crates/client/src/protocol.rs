//! The local protocol: every method with its parameters and result. Served by the `local` door.
//!
//! A connection begins with [`Call::Hello`], which says who speaks and where. After that any method may be called, with
//! several calls under way at once; replies come as they are ready and carry the call's id. Closing the connection
//! ends the agent's presence. A line is at most [`LINE_BYTES`] long.
//!
//! Errors are JSON-RPC errors; `data.code` is one of [`ErrorCode`], stable, and `message` is for people.

use serde::{Deserialize, Serialize};

/// The longest line either side accepts, its end included.
pub const LINE_BYTES: usize = 16 * 1024 * 1024;
/// The longest a single call waits for something to happen, in seconds.
pub const WAIT_SECONDS: u64 = 45;
/// The version of this protocol, told in [`Hello`] and [`Welcome`]. Neighbouring versions understand each other.
pub const VERSION: u32 = 1;

/// A method call: `method` and `params` of a JSON-RPC request.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "method", content = "params")]
pub enum Call {
    /// Says who speaks. Result: [`Welcome`].
    #[serde(rename = "hello")]
    Hello(Hello),
    /// How the hall and this workspace stand. Result: [`Status`].
    #[serde(rename = "status")]
    Status(Empty),
    /// Who is here. Result: a list of [`Agent`], in joining order.
    #[serde(rename = "agents")]
    Agents(Empty),
    /// Gives a key a value. Result: [`Entry`]. May carry an idempotency key.
    #[serde(rename = "context.share")]
    Share(Share),
    /// Reads a key, and remembers for an agent which version it saw. Result: [`Entry`] or null.
    #[serde(rename = "context.get")]
    Get(Key),
    /// Finds keys. Result: a list of [`Entry`], in the order the keys were first shared.
    #[serde(rename = "context.list")]
    List(List),
    /// A key's versions, newest first. Result: a list of [`Entry`].
    #[serde(rename = "context.history")]
    History(History),
    /// Takes a key away. Result: [`Deleted`]. May carry an idempotency key.
    #[serde(rename = "context.delete")]
    Delete(Delete),
    /// Puts a question. Result: [`Question`], at once: its id is the ticket. May carry an idempotency key.
    #[serde(rename = "questions.ask")]
    Ask(Ask),
    /// Answers a question. Result: [`Question`]. May carry an idempotency key.
    #[serde(rename = "questions.answer")]
    Answer(Answer),
    /// One question, open or not. With `wait_seconds`, waits until it is no longer open. Result: [`Question`].
    #[serde(rename = "questions.get")]
    Question(Ticket),
    /// Questions, in asking order. Result: a list of [`Question`], long ones as excerpts.
    #[serde(rename = "questions.list")]
    Questions(Questions),
    /// Waits until there is news for the caller: a question to it, an answer to its own, a key it read that changed.
    /// Result: [`News`], empty if the time passed.
    #[serde(rename = "wait")]
    Wait(Wait),
    /// Ends the waiting of another call of this connection: it is answered at once with what there is. Anything else
    /// goes on. Result: [`Cancelled`].
    #[serde(rename = "cancel")]
    Cancel(Cancel),
    /// Writes a decision down. Result: [`Decision`]. May carry an idempotency key.
    #[serde(rename = "decisions.log")]
    Decide(Decide),
    /// Decisions, in the order they were written down. Result: a list of [`Decision`].
    #[serde(rename = "decisions.list")]
    Decisions(Page),
    /// All workspaces. Result: a list of names. Owner only.
    #[serde(rename = "workspaces.list")]
    Workspaces(Empty),
    /// Makes a workspace. Result: its name. Owner only.
    #[serde(rename = "workspaces.create")]
    CreateWorkspace(Workspace),
    /// Issues a token. Result: [`IssuedToken`]. Owner only.
    #[serde(rename = "tokens.create")]
    CreateToken(CreateToken),
    /// All tokens in force. Result: a list of [`Token`]. Owner only.
    #[serde(rename = "tokens.list")]
    Tokens(Empty),
    /// Withdraws a token. Result: [`Deleted`]. Owner only.
    #[serde(rename = "tokens.revoke")]
    RevokeToken(TokenId),
}

/// No parameters.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub struct Empty {}

/// See [`Call::Hello`].
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Hello {
    /// [`VERSION`] of the caller.
    pub version: u32,
    /// The workspace; `default` if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workspace: Option<String>,
    /// Who speaks.
    pub speaker: Speaker,
}

/// Who speaks on a connection.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Speaker {
    /// An agent, through its MCP bridge. The bridge's parent process and all that descends from it are from then on
    /// that agent's own, and are refused what only people may do.
    Agent {
        /// The agent's name.
        name: String,
        /// `source` or `target`.
        role: String,
        /// The directory it works in.
        repo_path: String,
        /// The membership to go on with after a lost connection.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        member: Option<String>,
    },
    /// A person at a terminal. With the owner's credential, as owner; without it, as a local process that may look,
    /// ask, share and decide.
    Person {
        /// The owner's token, from its file.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        credential: Option<String>,
    },
}

/// The result of [`Call::Hello`].
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Welcome {
    /// [`VERSION`] of the hall.
    pub version: u32,
    /// The program's version.
    pub server: String,
    /// The workspace.
    pub workspace: String,
    /// Who the caller is as author: a membership, or a person's standing id.
    pub member: String,
    /// The principal the caller acts as.
    pub principal: String,
    /// Which life of the workspace's log this is. Positions of another life mean nothing in this one.
    #[serde(default)]
    pub incarnation: String,
}

/// How things stand. Everything is as of `position`, `as_of`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Status {
    /// The program's version.
    pub server: String,
    /// The workspace.
    pub workspace: String,
    /// The log's end.
    pub position: u64,
    /// When the last event happened, ISO 8601.
    pub as_of: String,
    /// Whether commands can be carried out.
    pub ready: bool,
    /// Why not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Members present.
    pub agents: usize,
    /// Keys with a value.
    pub context_keys: usize,
    /// Questions waiting for an answer.
    pub open_questions: usize,
    /// Open questions that wait for the caller.
    pub for_you: usize,
    /// Addresses the hall listens on.
    pub listening: Vec<String>,
}

/// A member of the workspace.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Agent {
    /// The membership's id.
    pub id: String,
    /// The agent's name.
    pub name: String,
    /// `source` or `target`.
    pub role: String,
    /// The directory it works in.
    pub repo_path: String,
    /// The door it came through.
    pub door: String,
    /// Who holds the name.
    pub principal: String,
    /// When it joined, ISO 8601.
    pub connected_at: String,
}

/// See [`Call::Share`].
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Share {
    /// The key, of at least one character.
    pub key: String,
    /// The value.
    pub value: String,
    /// Tags of this version.
    #[serde(default)]
    pub tags: Vec<String>,
    /// Only if the key is at this version; 0 for a key that has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub if_version: Option<u64>,
    /// An idempotency key: the same call with the same key within 24 hours is carried out once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub once: Option<String>,
}

/// A key.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Key {
    /// The key.
    pub key: String,
}

/// See [`Call::List`].
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct List {
    /// Tags an entry must have, all of them.
    #[serde(default)]
    pub tags: Vec<String>,
    /// How many at most, 1 to 1000; 100 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<usize>,
    /// Only keys after this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}

/// See [`Call::History`].
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct History {
    /// The key.
    pub key: String,
    /// How many at most, 1 to 1000; 100 if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<usize>,
}

/// See [`Call::Delete`].
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Delete {
    /// The key.
    pub key: String,
    /// Only if the key is at this version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub if_version: Option<u64>,
    /// An idempotency key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub once: Option<String>,
}

/// Whether there was something to take away.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Deleted {
    /// Whether it is gone because of this call.
    pub success: bool,
}

/// One version of a key.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Entry {
    /// The key.
    pub key: String,
    /// Its value; absent if this version is a deletion.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// Its tags.
    #[serde(default)]
    pub tags: Vec<String>,
    /// Counts changes of the key from 1.
    pub version: u64,
    /// Who made this version, by id.
    pub by: String,
    /// When, ISO 8601.
    pub at: String,
}

/// See [`Call::Ask`].
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Ask {
    /// What is asked.
    pub question: String,
    /// For whom: agents' names, `role:R`, `person:P`, `person`, memberships' ids. Everybody if empty. Naming an agent
    /// that was never here is an error.
    #[serde(default)]
    pub to: Vec<String>,
    /// Answers to choose from.
    #[serde(default)]
    pub options: Vec<String>,
    /// How long it may wait, in seconds; for ever if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline_seconds: Option<u64>,
    /// What happens then; [`OnTimeout::Fail`] if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_timeout: Option<OnTimeout>,
    /// The answer that [`OnTimeout::Default`] gives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<String>,
    /// An idempotency key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub once: Option<String>,
}

/// What happens when a question's deadline passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnTimeout {
    /// The default answer is given.
    Default,
    /// The next of `to` is asked, with the same time.
    Next,
    /// It waits for a person, without a deadline.
    Human,
    /// It is given up.
    Fail,
}

/// See [`Call::Answer`].
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Answer {
    /// The question's id.
    pub question: String,
    /// The answer.
    pub answer: String,
    /// An idempotency key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub once: Option<String>,
}

/// See [`Call::Question`].
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Ticket {
    /// The question's id.
    pub question: String,
    /// How long to wait for it to be answered, 0 to [`WAIT_SECONDS`].
    #[serde(default)]
    pub wait_seconds: u64,
}

/// See [`Call::Questions`].
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Questions {
    /// Only those that wait for the caller to answer.
    #[serde(default)]
    pub for_me: bool,
    /// Also those that are answered or given up.
    #[serde(default)]
    pub all: bool,
    /// How many at most, 1 to 1000; 100 if absent. The newest are given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<usize>,
}

/// The most characters of each text of a question that is given as an excerpt.
pub const EXCERPT_CHARACTERS: usize = 500;

/// A question as it stands. In [`News`] and lists, a large one is an excerpt; [`Call::Question`] gives it whole.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Question {
    /// Whether something of it is left out here.
    #[serde(default, skip_serializing_if = "is_false")]
    pub excerpt: bool,
    /// Its id, the ticket.
    pub id: String,
    /// What is asked.
    pub question: String,
    /// Who asks, by name.
    pub from: String,
    /// For whom; everybody if empty.
    #[serde(default)]
    pub to: Vec<String>,
    /// Whom it waits for now, of `to`.
    #[serde(default)]
    pub asked_now: Vec<String>,
    /// Answers to choose from.
    #[serde(default)]
    pub options: Vec<String>,
    /// `pending`, `answered` or `failed`.
    pub status: String,
    /// When it was put, ISO 8601.
    pub asked_at: String,
    /// When its time is over, ISO 8601.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline: Option<String>,
    /// The answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<String>,
    /// Who answered, by name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answered_by: Option<String>,
    /// When, ISO 8601.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answered_at: Option<String>,
}

/// See [`Call::Wait`].
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Wait {
    /// How long, 0 to [`WAIT_SECONDS`].
    pub seconds: u64,
    /// Only what came after this position; everything that is still open, or still stale, if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<u64>,
}

/// See [`Call::Cancel`].
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Cancel {
    /// The id of the call, which must be a number.
    pub id: u64,
}

/// Whether there was something to cancel.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Cancelled {
    /// Whether that call was waiting.
    pub success: bool,
}

/// What is new for the caller: what the log has for it between [`Wait::after`] and `position`.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct News {
    /// Where to go on waiting from.
    pub position: u64,
    /// Whether the log goes on behind `position`: there may be more news already.
    #[serde(default, skip_serializing_if = "is_false")]
    pub behind: bool,
    /// Open questions for the caller that did not fit. Only without [`Wait::after`]; [`Call::Questions`] has them.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub left_out: usize,
    /// Open questions that wait for the caller.
    #[serde(default)]
    pub questions: Vec<Question>,
    /// The caller's own questions that were answered or given up.
    #[serde(default)]
    pub answers: Vec<Question>,
    /// Keys the caller read that have changed since.
    #[serde(default)]
    pub stale: Vec<Stale>,
}

fn is_false(flag: &bool) -> bool {
    !flag
}

fn is_zero(count: &usize) -> bool {
    *count == 0
}

/// A key that changed after the caller had read it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stale {
    /// The key.
    pub key: String,
    /// The version that was read.
    pub read: u64,
    /// The version now.
    pub now: u64,
}

/// See [`Call::Decide`].
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Decide {
    /// What was decided.
    pub decision: String,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rationale: Option<String>,
    /// The id of the decision that no longer holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub supersedes: Option<String>,
    /// An idempotency key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub once: Option<String>,
}

/// A decision.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Decision {
    /// Its id.
    pub id: String,
    /// What was decided.
    pub decision: String,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rationale: Option<String>,
    /// The id of the decision that no longer holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub supersedes: Option<String>,
    /// Who wrote it down, by id.
    pub by: String,
    /// When, ISO 8601.
    pub at: String,
}

/// A page of a list.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Page {
    /// How many at most, 1 to 1000; 100 if absent. The newest are given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<usize>,
}

/// A workspace's name.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Workspace {
    /// The name.
    pub name: String,
}

/// See [`Call::CreateToken`].
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CreateToken {
    /// `owner`, `operator`, `member`, `viewer` or `agent`.
    pub role: String,
    /// Who acts with it; a principal of its own if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Where; everywhere if empty.
    #[serde(default)]
    pub workspaces: Vec<String>,
    /// How long it lives, in seconds; for ever if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub life_seconds: Option<u64>,
}

/// A token without its secret.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Token {
    /// Its id, for revoking it.
    pub id: String,
    /// Who acts with it.
    pub principal: String,
    /// What it allows.
    pub role: String,
    /// Where; everywhere if empty.
    #[serde(default)]
    pub workspaces: Vec<String>,
    /// When it was issued, ISO 8601.
    pub issued_at: String,
    /// When it ends by itself, ISO 8601.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<String>,
}

/// A token with its secret, shown once.
#[derive(Clone, Serialize, Deserialize)]
pub struct IssuedToken {
    /// The secret.
    pub token: String,
    /// The rest.
    #[serde(flatten)]
    pub about: Token,
}

/// A token's id.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TokenId {
    /// The id.
    pub id: String,
}

/// Why a call failed: `error.data.code`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorCode {
    /// The line is no JSON-RPC request, or its parameters do not fit the method.
    BadRequest,
    /// There was no [`Call::Hello`] yet.
    NotIntroduced,
    /// The caller may not do this; the message says why.
    Forbidden,
    /// What was named does not exist.
    NotFound,
    /// Somebody else was first.
    Conflict,
    /// Over a bound.
    TooLarge,
    /// Too many calls, or too many of something.
    TooMany,
    /// It cannot be done now; nothing was changed.
    Unavailable,
    /// It was begun and what became of it is unknown.
    Unknown,
}
