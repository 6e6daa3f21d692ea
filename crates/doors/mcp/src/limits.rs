//! Every bound on what a result shows, what is remembered of it, and what may be asked for. Each says what it
//! protects against.

use std::time::Duration;

use client::protocol::EXCERPT_CHARACTERS;

/// Characters of messages in one result. A model's context is dear, and hosts cut results that are much longer.
pub(crate) const RESULT_CHARACTERS: usize = 40_000;
const _: () = assert!(EXCERPT_CHARACTERS * 4 < RESULT_CHARACTERS, "an excerpt always fits");
/// How many of these are left for what is said about a message that is shown part by part.
pub(crate) const ABOUT_CHARACTERS: usize = 1_000;
/// Messages in one result if nothing else is said: more than that a model does not answer one by one.
pub(crate) const RESULT_MESSAGES: u64 = 20;
/// Messages, or things found, in one result at the most that a model may ask for.
pub(crate) const MOST_LISTED: u64 = 100;
/// Messages that a conversation of the linker's tools shows, and those of the agent's own whose receipts it lists: one page
/// of the hall's.
pub(crate) const CONVERSATION: u64 = 1_000;
/// Pages of the agent's own messages looked through for one by its id: a mistyped id must not cost the whole log.
pub(crate) const PAGES_FOR_AN_ID: usize = 10;
/// What an instance says of itself, as much as the hall keeps.
pub(crate) const DESCRIPTION_BYTES: usize = 4 * 1024;
/// Ids in one `linker_mark_read`, as many as the hall takes.
pub(crate) const MARKED_AT_ONCE: usize = 1_000;
/// Messages that wait looked at for the linker's footer: it names three senders and counts the rest.
pub(crate) const FOOTER_MESSAGES: usize = 100;

/// Stretches of mail shown and not yet known to be in context. A hall that stays away must not make them pile up; those
/// forgotten are shown again.
pub(crate) const OWED: usize = 256;
/// Numbers of messages remembered as shown, to mark those that are shown again. Only the mark is lost beyond that.
pub(crate) const REMEMBERED: usize = 4_096;
/// How long a call is held up by saying what earlier results have shown. It is said again with the next one.
pub(crate) const EVIDENCE: Duration = Duration::from_secs(2);
/// How long the end of a bridge, or a new name, is held up by saying that the agent has left under the old one. A hall that
/// hangs notices by itself, later.
pub(crate) const LEAVING: Duration = Duration::from_millis(500);

/// Characters of a programming language's name: it stands on the first line of a fenced block.
pub(crate) const LANGUAGE_CHARACTERS: usize = 40;

/// The longest reservation, in minutes: a day, so that one that is forgotten does not stand in the way for longer.
pub(crate) const RESERVED_MINUTES: u64 = 24 * 60;
/// How long a reservation is if nothing else is said, in minutes.
pub(crate) const USUAL_MINUTES: u64 = 30;
