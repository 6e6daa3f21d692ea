//! The bounds of what a workspace keeps, each with what it protects against.

/// An agent's name or an address. Kept in memory for everybody who is here.
pub const NAME_BYTES: usize = 4 * 1024;
/// What an agent says to be at, in a word or two. Kept in memory for everybody who is here.
pub const STATUS_BYTES: usize = 256;
/// A repository path. Kept in memory for everybody who is here.
pub const PATH_BYTES: usize = 16 * 1024;
/// Names and paths of everybody who is here, together: the roster is kept in memory and sent whole.
pub const ROSTER_BYTES: usize = 8 * 1024 * 1024;
/// What a host calls one of its running agents. Kept in memory for everybody who is here.
pub const INSTANCE_BYTES: usize = 256;
/// A context key. Kept in memory for every key.
pub const KEY_BYTES: usize = 16 * 1024;
/// All tags of one entry together. Kept in memory for every key.
pub const TAGS_BYTES: usize = 64 * 1024;
/// Tags of one entry. Each costs memory beside its text, and is looked at by every search for tags.
pub const TAGS: usize = 1_000;
/// Keys and tags of one workspace together. Kept in memory.
pub const CONTEXT_BYTES: usize = 64 * 1024 * 1024;
/// A context value. It must fit a frame of every door.
pub const VALUE_BYTES: usize = 4 * 1024 * 1024;
/// A question, an answer, a decision or a rationale. Open questions stay in memory.
pub const PROSE_BYTES: usize = 1024 * 1024;
/// A value with its escapes, as it is kept. Twice the value lets each of its characters be a quote or a line break; more
/// would not fit the frames of every door.
pub const VALUE_TOKEN_BYTES: usize = 12 * 1024 * 1024;
/// Any of the others with its escapes, as it is kept: an answered question holds three of them (what is asked, the
/// default, the answer) and its options.
pub const PROSE_TOKEN_BYTES: usize = 2 * 1024 * 1024;
/// Answer options of one question, and addresses in one question's `to`.
pub const CHOICES: usize = 64;
/// Members present at once; the roster is sent whole to everybody who watches it.
pub const MEMBERS: usize = 10_000;
/// Context keys of one workspace, deleted ones included: their versions go on counting.
pub const KEYS: usize = 100_000;
/// Questions waiting for an answer.
pub const OPEN_QUESTIONS: usize = 10_000;
/// All open questions of one workspace together, as tokens.
pub const OPEN_QUESTION_BYTES: usize = 64 * 1024 * 1024;
/// Agents whose context reads are remembered; the one that read longest ago is forgotten first.
pub const READERS: usize = 2_000;
/// Keys remembered per reader; the oldest read is forgotten first.
pub const READS: usize = 64;
/// Agents and people with a mailbox; each has a few numbers in memory, whether it is here or not. Beyond it, whoever joins
/// takes the place of somebody who was here only in passing.
pub const MAILBOXES: usize = 50_000;
/// A topic's name: part of a key in every database.
pub const TOPIC_BYTES: usize = 256;
/// Topics that one reader follows. Kept in memory.
pub const TOPICS_FOLLOWED: usize = 256;
/// Runs of messages that one reader took out of turn. Kept in memory until those before them are taken too.
pub const MARKS: usize = 16_384;
/// Items of a list that are stored as one: whoever reads one of them reads them all.
pub const RUN_ITEMS: usize = 256;
/// Files of one message.
pub const ATTACHMENTS: usize = 16;
/// A file's name, as most file systems have it, and its media type.
pub const ATTACHMENT_NAME_BYTES: usize = 255;
/// The bytes of one file.
pub const ATTACHMENT_BYTES: usize = 8 * 1024 * 1024;
/// Reservations in force. All are looked at for each new one.
pub const RESERVATIONS: usize = 1_000;
/// Globs of one reservation.
pub const GLOBS: usize = 32;
/// One glob …
pub const GLOB_BYTES: usize = 256;
/// … and the names in it.
pub const GLOB_NAMES: usize = 32;
/// All globs of one reservation. Each is compared with each of the others in force, each of its names with each of theirs and
/// letter by letter if they are wild …
pub const RESERVATION_BYTES: usize = 2 * 1024;
/// … and so this bounds how long the workspace stands still for a new one. All globs in force together.
pub const RESERVED_BYTES: usize = 64 * 1024;
/// Tokens that have neither expired nor been revoked.
pub const TOKENS: usize = 10_000;
/// Workspaces of one hall.
pub const WORKSPACES: usize = 1_000;
/// The longest a question may wait: a year. A later deadline would only hide a mistaken unit.
pub const DEADLINE_MS: u64 = 366 * 24 * 3600 * 1000;
/// A word's letters and digits, in what is searched and in what is searched for; those behind them do not count. What
/// an agent pastes may have words of megabytes, and no index takes those.
pub const WORD_CHARS: usize = 64;
/// The distinct words by which one event is found. PostgreSQL refuses a document of a mebibyte of them.
pub const DOCUMENT_BYTES: usize = 512 * 1024;
/// What is searched for, as written.
pub const QUERY_BYTES: usize = 1024;
/// Words of one search: each is looked up, and compared with every word of what might be a hit.
pub const QUERY_WORDS: usize = 16;
