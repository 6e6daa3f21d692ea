//! What the data of replies and events looks like: keys in the order the coordinator sends them, absent ones left out.
//!
//! | type | keys |
//! |---|---|
//! | [`Agent`] | `id, name, role, repoPath, connectedAt` |
//! | [`JoinResult`] | `agent, sessionId` |
//! | [`ContextEntry`] | `id, key, value, tags, createdBy, createdAt, updatedAt`, ours: `[version]` |
//! | [`Deletion`], ours | `id, key, deleted, deletedBy, deletedAt, version` |
//! | [`Question`] | `id, question, from, [to], status, createdAt, [answer, answeredBy, answeredAt]`; ours: the status `failed` |
//! | [`Decision`] | `id, decision, [rationale], by, createdAt` |
//! | [`Success`] | `success` |
//! | [`Message`], ours | `number, id, from, fromName, to, content, [thread], priority, [files], sentAt, [expiresAt], dead, [progress]` |
//! | [`Count`], ours | `count` |
//!
//! Times are milliseconds since 1970 and are sent as ISO text with milliseconds.

use std::borrow::Cow;

use uuid::Uuid;

use super::input::Role;
use super::mail::Priority;
use super::text::{self, JsonText};
use super::timestamp;

/// Something that can be sent as data.
pub trait Shape {
    /// Appends it as JSON.
    fn write(&self, out: &mut Vec<u8>);
}

/// An id.
#[derive(Clone, Copy, Debug)]
pub enum Id<'a> {
    /// Written in lower case.
    Uuid(Uuid),
    /// Written as it is: the spelling in which a client claimed it may be another.
    Text(&'a str),
}

/// An agent on the list.
#[derive(Clone, Copy, Debug)]
pub struct Agent<'a> {
    /// Its id.
    pub id: Id<'a>,
    /// Its name.
    pub name: &'a str,
    /// Its part.
    pub role: Role,
    /// Where it works.
    pub repo_path: &'a str,
    /// When it joined, in milliseconds.
    pub connected_at: i64,
}

/// The answer to a join.
#[derive(Clone, Copy, Debug)]
pub struct JoinResult<'a> {
    /// Who joined.
    pub agent: Agent<'a>,
    /// What was joined.
    pub session_id: Uuid,
}

/// A shared key and value.
#[derive(Clone, Copy, Debug)]
pub struct ContextEntry<'a, T> {
    /// Its id, kept when the value changes.
    pub id: Id<'a>,
    /// Its key.
    pub key: &'a str,
    /// Its value.
    pub value: JsonText<'a>,
    /// Its tags.
    pub tags: &'a [T],
    /// Who shared it first.
    pub created_by: Id<'a>,
    /// When that was, in milliseconds.
    pub created_at: i64,
    /// When it was last shared, in milliseconds.
    pub updated_at: i64,
    /// Its version, for those who asked to be told.
    pub version: Option<u64>,
}

/// A version of a key that took it away.
#[derive(Clone, Copy, Debug)]
pub struct Deletion<'a> {
    /// The id of the entry that was there.
    pub id: Id<'a>,
    /// Its key.
    pub key: &'a str,
    /// Who took it away.
    pub by: Id<'a>,
    /// When, in milliseconds.
    pub at: i64,
    /// The version that the deletion is.
    pub version: u64,
}

/// A question.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// Its id.
    pub id: Id<'a>,
    /// What is asked.
    pub question: JsonText<'a>,
    /// Who asks.
    pub from: Id<'a>,
    /// Who is asked, if somebody in particular.
    pub to: Option<Id<'a>>,
    /// When it was asked, in milliseconds.
    pub created_at: i64,
    /// How it stands.
    pub status: Status<'a>,
}

/// How a question stands.
#[derive(Clone, Copy, Debug)]
pub enum Status<'a> {
    /// It waits.
    Pending,
    /// It has an answer.
    Answered(Answered<'a>),
    /// It was given up at its deadline. Ours: the coordinator's questions have none.
    Failed,
}

/// The answer to a question.
#[derive(Clone, Copy, Debug)]
pub struct Answered<'a> {
    /// What was answered.
    pub answer: JsonText<'a>,
    /// By whom.
    pub by: Id<'a>,
    /// When, in milliseconds.
    pub at: i64,
}

/// A decision.
#[derive(Clone, Copy, Debug)]
pub struct Decision<'a> {
    /// Its id.
    pub id: Id<'a>,
    /// What was decided.
    pub decision: JsonText<'a>,
    /// Why.
    pub rationale: Option<JsonText<'a>>,
    /// By whom.
    pub by: Id<'a>,
    /// When, in milliseconds.
    pub created_at: i64,
}

/// Whether something was there to be done.
#[derive(Clone, Copy, Debug)]
pub struct Success(pub bool);

/// A message, or a dead letter.
#[derive(Clone, Debug)]
pub struct Message<'a> {
    /// Its number: its position in the log.
    pub number: u64,
    /// Its id.
    pub id: Id<'a>,
    /// Whose mailbox answers go to.
    pub from: Id<'a>,
    /// The sender's name.
    pub from_name: &'a str,
    /// For whom it is, as `messages.send` takes it.
    pub to: Cow<'a, str>,
    /// What it says.
    pub content: JsonText<'a>,
    /// The number of the message that began their exchange.
    pub thread: Option<u64>,
    /// How soon it wants to be read.
    pub priority: Priority,
    /// Files that belong to it.
    pub files: Vec<File<'a>>,
    /// When it was accepted, in milliseconds.
    pub sent_at: i64,
    /// From when on it is not offered any more, in milliseconds.
    pub expires_at: Option<i64>,
    /// Whether it found nobody.
    pub dead: bool,
    /// How far it has come, for its sender.
    pub progress: Option<Progress>,
}

/// A file of a message.
#[derive(Clone, Copy, Debug)]
pub struct File<'a> {
    /// What its sender calls it.
    pub name: &'a str,
    /// Its media type, as claimed.
    pub content_type: &'a str,
    /// How many bytes.
    pub bytes: u64,
    /// SHA-256 of them, in lower-case hex.
    pub digest: &'a str,
}

/// How far a message has come, in milliseconds.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    /// When its reader had it.
    pub delivered: Option<i64>,
    /// When the reader's model had it.
    pub in_context: Option<i64>,
    /// When the reader said it had read it.
    pub read: Option<i64>,
}

/// How many there were.
#[derive(Clone, Copy, Debug)]
pub struct Count(pub usize);

// === Writing them ===

/// Appends `lead`, which is the punctuation and key in front of the value.
fn put(lead: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(lead.as_bytes());
}

fn put_text(lead: &str, value: &str, out: &mut Vec<u8>) {
    put(lead, out);
    text::write(value, out);
}

fn put_token(lead: &str, value: JsonText<'_>, out: &mut Vec<u8>) {
    put(lead, out);
    put(value.token(), out);
}

fn put_id(lead: &str, id: Id<'_>, out: &mut Vec<u8>) {
    put(lead, out);
    match id {
        Id::Uuid(id) => {
            out.push(b'"');
            put(id.hyphenated().encode_lower(&mut Uuid::encode_buffer()), out);
            out.push(b'"');
        }
        Id::Text(id) => text::write(id, out),
    }
}

fn put_time(lead: &str, unix_ms: i64, out: &mut Vec<u8>) {
    put(lead, out);
    out.push(b'"');
    timestamp::write(unix_ms, out);
    out.push(b'"');
}

impl Shape for Agent<'_> {
    fn write(&self, out: &mut Vec<u8>) {
        put_id("{\"id\":", self.id, out);
        put_text(",\"name\":", self.name, out);
        put(
            match self.role {
                Role::Source => ",\"role\":\"source\"",
                Role::Target => ",\"role\":\"target\"",
            },
            out,
        );
        put_text(",\"repoPath\":", self.repo_path, out);
        put_time(",\"connectedAt\":", self.connected_at, out);
        out.push(b'}');
    }
}

impl Shape for JoinResult<'_> {
    fn write(&self, out: &mut Vec<u8>) {
        put("{\"agent\":", out);
        self.agent.write(out);
        put_id(",\"sessionId\":", Id::Uuid(self.session_id), out);
        out.push(b'}');
    }
}

impl<T: AsRef<str>> Shape for ContextEntry<'_, T> {
    fn write(&self, out: &mut Vec<u8>) {
        put_id("{\"id\":", self.id, out);
        put_text(",\"key\":", self.key, out);
        put_token(",\"value\":", self.value, out);
        put(",\"tags\":[", out);
        for (at, tag) in self.tags.iter().enumerate() {
            put_text(if at > 0 { "," } else { "" }, tag.as_ref(), out);
        }
        put_id("],\"createdBy\":", self.created_by, out);
        put_time(",\"createdAt\":", self.created_at, out);
        put_time(",\"updatedAt\":", self.updated_at, out);
        if let Some(version) = self.version {
            put(&format!(",\"version\":{version}"), out);
        }
        out.push(b'}');
    }
}

impl Shape for Deletion<'_> {
    fn write(&self, out: &mut Vec<u8>) {
        put_id("{\"id\":", self.id, out);
        put_text(",\"key\":", self.key, out);
        put_id(",\"deleted\":true,\"deletedBy\":", self.by, out);
        put_time(",\"deletedAt\":", self.at, out);
        put(&format!(",\"version\":{}}}", self.version), out);
    }
}

impl Shape for Question<'_> {
    fn write(&self, out: &mut Vec<u8>) {
        put_id("{\"id\":", self.id, out);
        put_token(",\"question\":", self.question, out);
        put_id(",\"from\":", self.from, out);
        if let Some(to) = self.to {
            put_id(",\"to\":", to, out);
        }
        put(
            match self.status {
                Status::Pending => ",\"status\":\"pending\"",
                Status::Answered(_) => ",\"status\":\"answered\"",
                Status::Failed => ",\"status\":\"failed\"",
            },
            out,
        );
        put_time(",\"createdAt\":", self.created_at, out);
        if let Status::Answered(answered) = self.status {
            put_token(",\"answer\":", answered.answer, out);
            put_id(",\"answeredBy\":", answered.by, out);
            put_time(",\"answeredAt\":", answered.at, out);
        }
        out.push(b'}');
    }
}

impl Shape for Decision<'_> {
    fn write(&self, out: &mut Vec<u8>) {
        put_id("{\"id\":", self.id, out);
        put_token(",\"decision\":", self.decision, out);
        if let Some(rationale) = self.rationale {
            put_token(",\"rationale\":", rationale, out);
        }
        put_id(",\"by\":", self.by, out);
        put_time(",\"createdAt\":", self.created_at, out);
        out.push(b'}');
    }
}

impl Shape for Success {
    fn write(&self, out: &mut Vec<u8>) {
        put(if self.0 { "{\"success\":true}" } else { "{\"success\":false}" }, out);
    }
}

impl Shape for Message<'_> {
    fn write(&self, out: &mut Vec<u8>) {
        put(&format!("{{\"number\":{}", self.number), out);
        put_id(",\"id\":", self.id, out);
        put_id(",\"from\":", self.from, out);
        put_text(",\"fromName\":", self.from_name, out);
        put_text(",\"to\":", &self.to, out);
        put_token(",\"content\":", self.content, out);
        if let Some(thread) = self.thread {
            put(&format!(",\"thread\":{thread}"), out);
        }
        put(
            match self.priority {
                Priority::High => ",\"priority\":\"high\"",
                Priority::Normal => ",\"priority\":\"normal\"",
                Priority::Low => ",\"priority\":\"low\"",
            },
            out,
        );
        for (at, file) in self.files.iter().enumerate() {
            put(if at > 0 { "," } else { ",\"files\":[" }, out);
            file.write(out);
        }
        put(if self.files.is_empty() { "" } else { "]" }, out);
        put_time(",\"sentAt\":", self.sent_at, out);
        if let Some(end) = self.expires_at {
            put_time(",\"expiresAt\":", end, out);
        }
        put(if self.dead { ",\"dead\":true" } else { ",\"dead\":false" }, out);
        if let Some(progress) = &self.progress {
            put(",\"progress\":", out);
            progress.write(out);
        }
        out.push(b'}');
    }
}

impl Shape for File<'_> {
    fn write(&self, out: &mut Vec<u8>) {
        put_text("{\"name\":", self.name, out);
        put_text(",\"contentType\":", self.content_type, out);
        put(&format!(",\"bytes\":{}", self.bytes), out);
        put_text(",\"digest\":", self.digest, out);
        out.push(b'}');
    }
}

impl Shape for Progress {
    fn write(&self, out: &mut Vec<u8>) {
        let stages = [
            ("\"deliveredAt\":", self.delivered),
            ("\"inContextAt\":", self.in_context),
            ("\"readAt\":", self.read),
        ];
        let reached = stages.into_iter().filter_map(|(key, at)| Some((key, at?)));
        out.push(b'{');
        for (nth, (key, at)) in reached.enumerate() {
            put(if nth > 0 { "," } else { "" }, out);
            put_time(key, at, out);
        }
        out.push(b'}');
    }
}

impl Shape for Count {
    fn write(&self, out: &mut Vec<u8>) {
        put(&format!("{{\"count\":{}}}", self.0), out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: Id<'_> = Id::Uuid(Uuid::nil());
    const NIL: &str = "00000000-0000-0000-0000-000000000000";

    fn written(shape: &impl Shape) -> String {
        let mut out = Vec::new();
        shape.write(&mut out);
        String::from_utf8(out).unwrap().replace(NIL, "0")
    }

    fn token(token: &'static str) -> JsonText<'static> {
        JsonText::parse(token).unwrap()
    }

    #[test]
    fn one_who_joins_sees_itself_and_the_session() {
        let agent = Agent { id: ID, name: "a\"b", role: Role::Source, repo_path: "/r", connected_at: 0 };
        assert_eq!(
            written(&JoinResult { agent, session_id: Uuid::nil() }),
            r#"{"agent":{"id":"0","name":"a\"b","role":"source","repoPath":"/r","connectedAt":"1970-01-01T00:00:00.000Z"},"sessionId":"0"}"#
        );
    }

    #[test]
    fn an_entry_tells_its_version_only_when_asked() {
        let mut entry = ContextEntry {
            id: ID,
            key: "k",
            value: token(r#""\ud83e""#),
            tags: &["x", ""],
            created_by: Id::Text("0A1B2C3D-0000-4000-8000-00000000000F"),
            created_at: 1,
            updated_at: 2,
            version: None,
        };
        let plain = r#"{"id":"0","key":"k","value":"\ud83e","tags":["x",""],"createdBy":"0A1B2C3D-0000-4000-8000-00000000000F","createdAt":"1970-01-01T00:00:00.001Z","updatedAt":"1970-01-01T00:00:00.002Z""#;
        assert_eq!(written(&entry), format!("{plain}}}"));
        entry.version = Some(3);
        assert_eq!(written(&entry), format!("{plain},\"version\":3}}"));
    }

    #[test]
    fn a_deletion_is_a_version_too() {
        assert_eq!(
            written(&Deletion { id: ID, key: "k\"", by: ID, at: 5, version: 3 }),
            r#"{"id":"0","key":"k\"","deleted":true,"deletedBy":"0","deletedAt":"1970-01-01T00:00:00.005Z","version":3}"#
        );
    }

    #[test]
    fn a_question_is_pending_until_it_has_an_answer_or_is_given_up() {
        let mut question = Question {
            id: ID,
            question: token("\"q\""),
            from: ID,
            to: None,
            created_at: 0,
            status: Status::Pending,
        };
        assert_eq!(
            written(&question),
            r#"{"id":"0","question":"q","from":"0","status":"pending","createdAt":"1970-01-01T00:00:00.000Z"}"#
        );
        question.to = Some(ID);
        question.status = Status::Answered(Answered { answer: token("\"a\""), by: ID, at: 5 });
        assert_eq!(
            written(&question),
            r#"{"id":"0","question":"q","from":"0","to":"0","status":"answered","createdAt":"1970-01-01T00:00:00.000Z","answer":"a","answeredBy":"0","answeredAt":"1970-01-01T00:00:00.005Z"}"#
        );
        question.status = Status::Failed;
        assert_eq!(
            written(&question),
            r#"{"id":"0","question":"q","from":"0","to":"0","status":"failed","createdAt":"1970-01-01T00:00:00.000Z"}"#
        );
    }

    #[test]
    fn a_decision_may_come_without_a_reason() {
        let mut decision =
            Decision { id: ID, decision: token("\"d\""), rationale: None, by: ID, created_at: 0 };
        assert_eq!(
            written(&decision),
            r#"{"id":"0","decision":"d","by":"0","createdAt":"1970-01-01T00:00:00.000Z"}"#
        );
        decision.rationale = Some(token("\"\""));
        assert!(written(&decision).contains(r#""decision":"d","rationale":"","by":"#));
    }

    #[test]
    fn a_message_leaves_out_what_it_has_not() {
        let mut message = Message {
            number: 7,
            id: ID,
            from: ID,
            from_name: "web",
            to: "topic:build".into(),
            content: token("\"hi\""),
            thread: None,
            priority: Priority::Normal,
            files: vec![],
            sent_at: 0,
            expires_at: None,
            dead: false,
            progress: None,
        };
        assert_eq!(
            written(&message),
            r#"{"number":7,"id":"0","from":"0","fromName":"web","to":"topic:build","content":"hi","priority":"normal","sentAt":"1970-01-01T00:00:00.000Z","dead":false}"#
        );
        let file = File { name: "a", content_type: "text/plain", bytes: 3, digest: "ff" };
        message.thread = Some(2);
        message.files = vec![file, file];
        message.expires_at = Some(5);
        message.progress = Some(Progress { delivered: Some(1), in_context: None, read: Some(2) });
        let file = r#"{"name":"a","contentType":"text/plain","bytes":3,"digest":"ff"}"#;
        assert_eq!(
            written(&message),
            format!(
                r#"{{"number":7,"id":"0","from":"0","fromName":"web","to":"topic:build","content":"hi","thread":2,"priority":"normal","files":[{file},{file}],"sentAt":"1970-01-01T00:00:00.000Z","expiresAt":"1970-01-01T00:00:00.005Z","dead":false,"progress":{{"deliveredAt":"1970-01-01T00:00:00.001Z","readAt":"1970-01-01T00:00:00.002Z"}}}}"#
            )
        );
    }
}
