//! Schema changes, numbered, applied in order, each recorded with the digest of its text.

use rusqlite::{Connection, OptionalExtension as _, TransactionBehavior, params};

use super::failure::failed;
use crate::chain::Hash;
use crate::{Result, StoreError};

/// Migrations of `log.db`; the first is number 1. What has been released is never edited.
///
/// An event's key is its log's number and its position in one integer (`log << 40 | position`): each log is a run of
/// consecutive rows, appended at its right edge and read by position without an index.
pub(super) const LOG: &[&str] = &["
    CREATE TABLE log (
        id INTEGER PRIMARY KEY,
        name TEXT NOT NULL UNIQUE,
        incarnation BLOB NOT NULL,
        digest BLOB NOT NULL,
        position INTEGER NOT NULL,
        hash BLOB NOT NULL
    ) STRICT;
    CREATE TABLE event (
        id INTEGER PRIMARY KEY,
        header BLOB NOT NULL,
        body BLOB,
        digest BLOB NOT NULL,
        hash BLOB NOT NULL
    ) STRICT;
    CREATE TABLE blob (
        id INTEGER PRIMARY KEY,
        log INTEGER NOT NULL,
        digest BLOB NOT NULL,
        body BLOB NOT NULL,
        UNIQUE (log, digest)
    ) STRICT;
    CREATE TABLE receipt (
        log INTEGER NOT NULL,
        principal TEXT NOT NULL,
        key TEXT NOT NULL,
        command BLOB NOT NULL,
        first INTEGER NOT NULL,
        last INTEGER NOT NULL,
        at INTEGER NOT NULL,
        digest BLOB NOT NULL,
        PRIMARY KEY (log, principal, key)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX receipt_at ON receipt (log, at);
    CREATE TABLE job (
        log INTEGER NOT NULL,
        key TEXT NOT NULL,
        due INTEGER NOT NULL,
        held_until INTEGER NOT NULL,
        job TEXT NOT NULL,
        digest BLOB NOT NULL,
        PRIMARY KEY (log, key)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX job_due ON job (due, held_until);
    CREATE INDEX job_held ON job (held_until) WHERE held_until > 0;
"];

/// Migrations of `views.db`. Runs are appended and found by an index: kept in its order, those of a thousand lists would
/// touch a thousand large pages at each write.
pub(super) const VIEWS: &[&str] = &[
    "
    CREATE TABLE projected (
        log TEXT PRIMARY KEY,
        position INTEGER NOT NULL,
        digest BLOB NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE row (
        log TEXT NOT NULL,
        name TEXT NOT NULL,
        place INTEGER NOT NULL,
        key TEXT NOT NULL,
        body BLOB NOT NULL,
        digest BLOB NOT NULL,
        place_digest BLOB NOT NULL,
        PRIMARY KEY (log, name, place)
    ) STRICT, WITHOUT ROWID;
    CREATE UNIQUE INDEX row_key ON row (log, name, key);
    CREATE TABLE snapshot (
        log TEXT PRIMARY KEY,
        position INTEGER NOT NULL,
        hash BLOB NOT NULL,
        state BLOB NOT NULL,
        digest BLOB NOT NULL
    ) STRICT;
",
    "
    CREATE TABLE run (
        log TEXT NOT NULL,
        list TEXT NOT NULL,
        place INTEGER NOT NULL,
        body BLOB NOT NULL,
        digest BLOB NOT NULL,
        PRIMARY KEY (log, list, place)
    ) STRICT;
",
    "
    CREATE TABLE indexed (
        id INTEGER PRIMARY KEY,
        log TEXT NOT NULL UNIQUE,
        position INTEGER NOT NULL,
        digest BLOB NOT NULL
    ) STRICT;
    CREATE VIRTUAL TABLE document USING fts5 (
        words, content = '', contentless_delete = 1, detail = 'none', tokenize = 'ascii'
    );
",
];

/// Brings a database up to the last of `migrations`. One that knows more of them, or others, is refused untouched, and
/// so is one that lacks some while `writable` says why nothing may be written.
pub(super) fn migrate(connection: &mut Connection, migrations: &[&str], writable: &Result<()>) -> Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
    transaction
        .execute_batch(
            "CREATE TABLE IF NOT EXISTS migration (number INTEGER PRIMARY KEY, digest BLOB NOT NULL) STRICT",
        )
        .map_err(failed)?;
    let known = u32::try_from(migrations.len()).expect("there are few");
    let found: u32 = transaction
        .query_row("SELECT coalesce(max(number), 0) FROM migration", [], |row| row.get(0))
        .map_err(failed)?;
    if found > known {
        return Err(StoreError::Newer { found, known });
    }
    for (number, sql) in (1u32..).zip(migrations) {
        let digest = Hash::of(sql.as_bytes());
        let recorded = transaction
            .query_row("SELECT digest FROM migration WHERE number = ?", [number], |row| {
                row.get::<_, Vec<u8>>(0)
            })
            .optional()
            .map_err(failed)?;
        match recorded {
            Some(recorded) if recorded == digest.0 => {}
            Some(_) => return Err(StoreError::ForeignMigration(number)),
            None => {
                writable.clone()?;
                transaction.execute_batch(sql).map_err(failed)?;
                transaction
                    .execute("INSERT INTO migration VALUES (?, ?)", params![number, digest.0])
                    .map_err(failed)?;
            }
        }
    }
    transaction.commit().map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_of_a_newer_program_is_refused() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection, &["CREATE TABLE a (x)", "CREATE TABLE b (x)"], &Ok(())).unwrap();
        let refused = migrate(&mut connection, &["CREATE TABLE a (x)"], &Ok(())).unwrap_err();
        assert!(matches!(refused, StoreError::Newer { found: 2, known: 1 }), "{refused}");
    }

    #[test]
    fn a_migration_is_applied_once_and_may_not_be_edited() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection, LOG, &Ok(())).unwrap();
        migrate(&mut connection, LOG, &Ok(())).unwrap();
        let refused = migrate(&mut connection, &["CREATE TABLE other (x)"], &Ok(())).unwrap_err();
        assert!(matches!(refused, StoreError::ForeignMigration(1)), "{refused}");
    }

    #[test]
    fn where_nothing_may_be_written_what_is_up_to_date_opens_and_the_rest_is_refused() {
        let mut connection = Connection::open_in_memory().unwrap();
        let full = Err(StoreError::Full);
        assert!(matches!(migrate(&mut connection, LOG, &full), Err(StoreError::Full)));
        migrate(&mut connection, LOG, &Ok(())).unwrap();
        migrate(&mut connection, LOG, &full).unwrap();
    }
}
