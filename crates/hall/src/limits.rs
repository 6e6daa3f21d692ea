//! The bounds of the living server, each with what it protects against.

use std::time::Duration;

/// Commands decided and committed together. More would make the first of them wait for the last.
pub const BATCH_COMMANDS: usize = 1024;
/// As long as no more commands than this are under way, the store is given more while it commits, so that it never waits. Of
/// more than these it has enough to do: what comes meanwhile waits for the outcome, and is committed together. A commit
/// costs as much as some twenty commands.
pub const COMMANDS_IN_A_HURRY: usize = 128;
/// Commands waiting for a workspace's writer; whoever sends more waits.
pub const QUEUE_COMMANDS: usize = 8192;
/// What waiting commands may hold on to, in KiB; whoever sends more waits.
pub const QUEUE_KIB: u32 = 64 * 1024;
/// Events kept in memory for followers that keep up; one that does not reads the store.
pub const TAIL_EVENTS: usize = 4096;
/// What those events may hold on to.
pub const TAIL_BYTES: usize = 8 * 1024 * 1024;
/// What a follower takes at once.
pub const PAGE_EVENTS: usize = 256;
/// What a follower takes at once.
pub const PAGE_BYTES: usize = 1024 * 1024;
/// Events read by position that are kept for the next reader.
pub const RECALL_BYTES: u64 = 16 * 1024 * 1024;
/// UUIDs remembered as nobody's, so that naming one again costs no query.
pub const STRANGERS: usize = 10_000;
/// Rows waiting to be projected: beyond this, writes wait until the read models have caught up.
pub const PENDING_ROWS: usize = 50_000;
/// The same for what they hold.
pub const PENDING_BYTES: usize = 64 * 1024 * 1024;
/// The same for items of lists, three or four for each message. They hold about a hundred bytes each.
pub const PENDING_ITEMS: usize = 100_000;
/// How long writes wait for that before they are refused. Shorter than other nodes are made to wait for a lock.
pub const ROOM_PATIENCE: Duration = Duration::from_secs(3);
/// Rows are projected when this many wait …
pub const PROJECT_ROWS: usize = 512;
/// … or this many items, which are the cheaper the more of them are written at once; but a write of some hundredths of a
/// second is felt …
pub const PROJECT_ITEMS: usize = 16_384;
/// … or the first has waited this long.
pub const PROJECT_AFTER: Duration = Duration::from_millis(250);
/// A snapshot is taken, and the read models' position moved on, when this many events have come in: it bounds what a
/// start has to read …
pub const SNAPSHOT_EVENTS: u64 = 10_000;
/// … and at most this often: it bounds what snapshots cost under load.
pub const SNAPSHOT_EVERY: Duration = Duration::from_secs(1);
/// How long a query waits for a position that its asker has seen elsewhere.
pub const PATIENCE: Duration = Duration::from_secs(5);
/// Items of a list read at once.
pub const LIST_PAGE: usize = 1_000;
/// Messages that are looked through when somebody asks what waits for a reader; those behind them wait on.
pub const WAITING: usize = 200_000;
/// Readers of a workspace whose waiting messages are looked through at once; the others wait their turn. Each may hold
/// [`WAITING`] of them in memory meanwhile.
pub const MAILBOXES_AT_ONCE: usize = 4;
/// Readers for whom what waits is kept from one page to the next, a hundred or two bytes for each message …
pub const GATHERED_READERS: usize = 4;
/// … if it is as many as this, since fewer are gathered quickly …
pub const GATHERED_FROM: usize = 500;
/// … and no more than this.
pub const GATHERED_TO: usize = 50_000;
/// Pages of a mailbox that are looked through, newest first, for ids. All its lists together make a page …
pub const MAILBOX_PAGES: usize = 20;
/// … but each has at least so many messages in it.
pub const MAILBOX_PAGE_LEAST: usize = 50;
/// Messages of a list that are looked through for those that are wanted; then it is said where to go on.
pub const HISTORY_SCAN: usize = 20_000;
/// Readers of a topic who are asked when a message to it has reached them.
pub const TOPIC_READERS: usize = 32;
/// The same for a message that expires.
pub const EXPIRING_READERS: usize = 128;
/// How often a conditional append may lose before it takes the log's lock.
pub const RACES: u32 = 3;
/// How long a claimed job is held before another may perform it.
pub const JOB_LEASE: Duration = Duration::from_secs(30);
/// Jobs claimed at once.
pub const JOBS: usize = 64;
/// How long a command's idempotency key is remembered, in event time.
pub const RECEIPT_LIFE: Duration = Duration::from_secs(24 * 3600);
/// How often receipts that are older are swept away, in event time.
pub const SWEEP_EVERY: Duration = Duration::from_secs(3600);
/// An idempotency key's length.
pub const KEY_BYTES: usize = 200;
/// Events indexed for searches in one go …
pub const INDEX_EVENTS: usize = 512;
/// … and what they hold: read models are not written meanwhile.
pub const INDEX_BYTES: usize = 1024 * 1024;
/// How long new events wait to be indexed with others, unless somebody searches.
pub const INDEX_AFTER: Duration = Duration::from_millis(250);
/// How many times as long as it worked the indexer rests before it goes on, while it is behind: messages keep nine tenths
/// of a core.
pub const INDEX_REST: u32 = 9;
/// When the indexer tries again after an error.
pub const INDEX_AGAIN: Duration = Duration::from_secs(5);
/// How long a search waits for the index to have come to the log's end; then it says how far it has come.
pub const SEARCH_PATIENCE: Duration = Duration::from_secs(1);
/// Candidates taken from the index at once.
pub const SEARCH_PAGE: usize = 256;
/// Candidates read and looked at together. Each may be as large as an event can be.
pub const SEARCH_READ: usize = 16;
/// Candidates that one search looks at before it gives back what it has: a phrase of common words may have many …
pub const SEARCH_CANDIDATES: usize = 2_000;
/// … and what they may hold, hits included.
pub const SEARCH_BYTES: usize = 16 * 1024 * 1024;
