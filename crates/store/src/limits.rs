//! The bounds of the store, each with what it protects against.

use std::time::Duration;

/// Bodies larger than this become blob rows: a page of the log stays a page, whatever was written.
pub const INLINE_BODY_BYTES: usize = 16 * 1024;
/// The largest body. The model refuses earlier; this is the last line.
pub const BODY_BYTES: usize = 16 * 1024 * 1024;
/// What one SQLite transaction takes in before it commits: it bounds the wait of the first in it.
pub const GROUP_BYTES: usize = 16 * 1024 * 1024;
/// Batches of one log that may be with a store at once, where it appends in order: while one is committed the next ones wait
/// at its door, not behind a busy thread. More would only be more pieces of what is committed together anyway.
pub const APPENDS_UNDER_WAY: usize = 8;
/// The write-ahead log is copied into the database when it has grown by this much …
pub const WAL_CHECKPOINT_BYTES: u64 = 4 * 1024 * 1024;
/// … and the writer itself waits for that when it has grown to this: it bounds the time to open after a crash.
pub const WAL_BYTES: u64 = 64 * 1024 * 1024;
/// Read-only SQLite connections to each database: each has a cache of its own, and a thread while it is lent. Whoever comes
/// when all are lent waits.
pub const READERS: usize = 4;
/// A `views.db` up to this size is looked through at each start, which takes some hundredths of a second.
pub const VIEWS_LOOK_BYTES: u64 = 4 * 1024 * 1024;
/// Receipts removed in one go, so that the writer is never held up for long.
pub const EXPIRE_BATCH: usize = 1_000;
/// The longest time a job is held for whoever claimed it. One that is held for longer is damaged, and free.
pub const LEASE: Duration = Duration::from_secs(3600);
/// Rows taken at once where all of a table are checked, so that they need not fit into memory.
pub const CHECK_ROWS: usize = 1_000;
/// Files whose digests are remembered while a log is looked through, so that one that was sent often is read once.
pub const CHECK_FILES: usize = 100_000;
/// Runs of a list that PostgreSQL is asked for at first; then for as many again as it has given. Together they hold no
/// more than about twice the items that are wanted, or this many runs.
pub const RUNS_PAGE: usize = 8;
/// How long an append on PostgreSQL may wait for another node's lock.
pub const LOCK_TIMEOUT: Duration = Duration::from_secs(2);
/// How long a node may hold a log's lock without using it, before PostgreSQL ends its transaction.
pub const LOCK_IDLE: Duration = Duration::from_secs(5);
/// Connections one node holds to PostgreSQL; the server's default is to allow a hundred from all of them.
pub const POSTGRES_CONNECTIONS: usize = 16;
/// How long PostgreSQL may take to accept a connection.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// After this PostgreSQL ends a statement, so that none goes on long after everybody stopped waiting.
pub const STATEMENT_TIMEOUT: Duration = Duration::from_secs(30);
/// How long to wait before each attempt to settle an append whose connection was lost; together about a restart of
/// the server. After the last the outcome is left unknown.
pub const SETTLE_PAUSES: [Duration; 5] = [
    Duration::ZERO,
    Duration::from_millis(100),
    Duration::from_millis(400),
    Duration::from_secs(1),
    Duration::from_secs(2),
];
/// How long work in the background keeps a core for itself before it offers it to others. A commit takes about as long.
pub const UNINTERRUPTED: Duration = Duration::from_micros(200);
