//! What a failing disk or a careless hand does to a database is noticed, and where it begins is said.

use std::path::PathBuf;
use std::sync::Arc;

use guildhall_store::limits::INLINE_BODY_BYTES;
use guildhall_store::sqlite::{LOG_FILE, VIEWS_FILE};
use guildhall_store::verify::verify;
use guildhall_store::{PostgresStore, SqliteStore, Store, StoreError};
use model::Position;
use model::rows::Table;
use postgres_harness::Database;
use rusqlite::types::Value;
use tokio_postgres::types::Type;

use crate::given::{append, asked, id, joined, log, opened, said};
use crate::houses;
use crate::rows::project_log;
use crate::snapshots::snapshot;

/// A database whose insides can be reached.
enum Disk {
    Sqlite(PathBuf),
    Postgres(Database),
}

/// One value in a table: column, and the condition that finds the row.
struct Place {
    table: &'static str,
    column: &'static str,
    condition: String,
}

impl Disk {
    fn connection(&self, table: &str) -> rusqlite::Connection {
        let Self::Sqlite(directory) = self else { panic!("this is PostgreSQL") };
        let file = if ["row", "snapshot"].contains(&table) { VIEWS_FILE } else { LOG_FILE };
        let connection = rusqlite::Connection::open(directory.join(file)).unwrap();
        connection.busy_timeout(std::time::Duration::from_secs(10)).unwrap();
        connection
    }

    async fn get(&self, Place { table, column, condition }: &Place) -> Value {
        let sql = format!("SELECT {column} FROM {table} WHERE {condition}");
        match self {
            Self::Sqlite(_) => self.connection(table).query_row(&sql, [], |row| row.get(0)).unwrap(),
            Self::Postgres(database) => {
                let rows = database.query(&sql).await;
                assert_eq!(rows.len(), 1, "{sql}");
                match *rows[0].columns()[0].type_() {
                    Type::BYTEA => Value::Blob(rows[0].get(0)),
                    Type::INT8 => Value::Integer(rows[0].get(0)),
                    Type::INT4 => Value::Integer(rows[0].get::<_, i32>(0).into()),
                    _ => Value::Text(rows[0].get(0)),
                }
            }
        }
    }

    /// Puts a value where another is, which finds the row also if it is part of the condition.
    async fn replace(&self, Place { table, column, condition }: &Place, old: &Value, new: &Value) {
        match self {
            Self::Sqlite(_) => {
                // By row number or key, so that an index that disagrees plays no part.
                let sql = format!("UPDATE {table} SET {column} = ?1 WHERE {column} IS ?2 AND {condition}");
                assert_eq!(self.connection(table).execute(&sql, (new, old)).unwrap(), 1, "{sql}");
            }
            Self::Postgres(database) => {
                let literal = |value: &Value| match value {
                    Value::Integer(number) => number.to_string(),
                    Value::Text(text) => format!("'{text}'"),
                    Value::Blob(bytes) => {
                        format!("'\\x{}'", bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>())
                    }
                    Value::Null | Value::Real(_) => panic!("there are none of these"),
                };
                let (old, new) = (literal(old), literal(new));
                let sql =
                    format!("UPDATE {table} SET {column} = {new} WHERE {column} = {old} AND {condition}");
                database.execute(&sql).await;
            }
        }
    }

    async fn execute(&self, table: &str, sql: &str) {
        match self {
            Self::Sqlite(_) => assert_eq!(self.connection(table).execute(sql, []).unwrap(), 1, "{sql}"),
            Self::Postgres(database) => database.execute(sql).await,
        }
    }

    /// Flips a bit in one byte after another of a value, sees what comes of each, and puts all back.
    async fn damage(&self, place: Place, seen: impl AsyncFn(&str)) {
        let Place { table, column, condition } = &place;
        let old = self.get(&place).await;
        let length = match &old {
            Value::Blob(bytes) => bytes.len(),
            Value::Text(text) => text.len(),
            Value::Integer(_) if matches!(self, Self::Postgres(_)) && *column == "log" => 4,
            _ => 8,
        };
        let step = (length / 40).max(1);
        for byte in (0..length).step_by(step).chain([length - 1]) {
            let new = flipped(&old, byte, length);
            // What found the row may be what is damaged; so the row is found by the value itself.
            self.replace(&place, &old, &new).await;
            seen(&format!("byte {byte} of {table}.{column}")).await;
            let anywhere = Place { condition: "1 = 1".into(), ..place_of(table, column, condition) };
            self.replace(&anywhere, &new, &old).await;
        }
    }
}

fn place_of(table: &'static str, column: &'static str, condition: &str) -> Place {
    Place { table, column, condition: condition.to_owned() }
}

/// A bit that the small numbers in keys have not set, so that none of them becomes another.
const BIT: u8 = 0x10;

fn flipped(value: &Value, byte: usize, length: usize) -> Value {
    match value {
        Value::Blob(bytes) => {
            let mut bytes = bytes.clone();
            bytes[byte] ^= BIT;
            Value::Blob(bytes)
        }
        Value::Text(text) => {
            let mut bytes = text.clone().into_bytes();
            bytes[byte] ^= 1;
            Value::Text(String::from_utf8(bytes).unwrap())
        }
        Value::Integer(number) => Value::Integer(number ^ (i64::from(BIT) << (8 * (length - 1 - byte)))),
        Value::Null | Value::Real(_) => panic!("there are none of these"),
    }
}

fn on_sqlite(story: impl AsyncFn(Arc<dyn Store>, Disk)) {
    let directory = tempfile::tempdir().unwrap();
    houses::run(async {
        let store = Arc::new(SqliteStore::open(directory.path()).unwrap());
        story(store, Disk::Sqlite(directory.path().to_owned())).await;
    });
}

fn on_postgres(story: impl AsyncFn(Arc<dyn Store>, Disk)) {
    houses::run(async {
        let database = Database::create().await;
        let store = Arc::new(PostgresStore::connect(&database.url()).await.unwrap());
        story(store, Disk::Postgres(database)).await;
    });
}

/// Seven events; the fifth has a body that is kept apart.
async fn written(store: &dyn Store) {
    opened(store).await;
    append(store, &[joined("web"), said("one"), said("two"), asked(id(), 5_000)]).await;
    append(store, &[said(&"x".repeat(2 * INLINE_BODY_BYTES)), said("three"), said("four")]).await;
}

async fn damaged_at(store: &dyn Store, position: u64, what: &str) {
    match verify(store, &log()).await {
        Err(StoreError::Damaged { position: found, .. }) => assert_eq!(found, Position(position), "{what}"),
        other => panic!("{what}: {other:?}"),
    }
}

/// The event at this position, as a condition.
fn event(disk: &Disk, position: u64) -> String {
    match disk {
        Disk::Sqlite(_) => format!("id = {}", (1u64 << 40) | position),
        Disk::Postgres(_) => format!("position = {position}"),
    }
}

async fn a_flipped_bit_is_found(store: Arc<dyn Store>, disk: Disk) {
    written(&*store).await;
    let fourth = event(&disk, 4);
    let keys: &[&str] = if matches!(disk, Disk::Sqlite(_)) { &["id"] } else { &["log", "position"] };
    for &column in keys.iter().chain(&["header", "body", "digest", "hash"]) {
        // A whole row of one log has the same number, so that one is put back by the other half of the key.
        if column == "log" {
            disk.execute("event", "UPDATE event SET log = 17 WHERE position = 4").await;
            damaged_at(&*store, 4, "event.log").await;
            disk.execute("event", "UPDATE event SET log = 1 WHERE position = 4").await;
            continue;
        }
        let seen = async |what: &str| damaged_at(&*store, 4, what).await;
        disk.damage(place_of("event", column, &fourth), seen).await;
    }
    for column in ["log", "digest", "body"] {
        let seen = async |what: &str| damaged_at(&*store, 5, what).await;
        disk.damage(place_of("blob", column, "1 = 1"), seen).await;
    }
    let fifth = event(&disk, 5);
    for column in ["header", "digest", "hash"] {
        let seen = async |what: &str| damaged_at(&*store, 5, what).await;
        disk.damage(place_of("event", column, &fifth), seen).await;
    }
    // All is well again, or the above would have found nothing but the first.
    assert_eq!(verify(&*store, &log()).await.unwrap().position, Position(7));
}

async fn a_damaged_head_is_found(store: Arc<dyn Store>, disk: Disk) {
    written(&*store).await;
    // Each flip makes the position larger, and the event after the last is the first that is missing.
    let seen = async |what: &str| damaged_at(&*store, 8, what).await;
    disk.damage(place_of("log", "position", "1 = 1"), seen).await;
    let seen = async |what: &str| damaged_at(&*store, 7, what).await;
    disk.damage(place_of("log", "hash", "1 = 1"), seen).await;
    let seen = async |what: &str| {
        let error = verify(&*store, &log()).await.unwrap_err();
        assert!(matches!(error, StoreError::NoSuchLog(_)), "{what}: {error}");
    };
    disk.damage(place_of("log", "name", "1 = 1"), seen).await;
    disk.execute("log", "UPDATE log SET position = 5").await;
    damaged_at(&*store, 5, "a head that is behind").await;
    disk.execute("log", "UPDATE log SET position = 7").await;
    assert_eq!(verify(&*store, &log()).await.unwrap().position, Position(7));
}

async fn what_was_removed_is_missed(store: Arc<dyn Store>, disk: Disk) {
    written(&*store).await;
    let (second, last) = (event(&disk, 2), event(&disk, 7));
    disk.execute("event", &format!("DELETE FROM event WHERE {last}")).await;
    damaged_at(&*store, 7, "the last event is gone").await;
    disk.execute("blob", "DELETE FROM blob").await;
    damaged_at(&*store, 5, "a body is gone").await;
    disk.execute("event", &format!("UPDATE event SET body = NULL WHERE {second}")).await;
    damaged_at(&*store, 2, "another body is gone").await;
    disk.execute("event", &format!("DELETE FROM event WHERE {}", event(&disk, 1))).await;
    damaged_at(&*store, 1, "the first event is gone").await;
}

async fn a_damaged_row_is_never_shown(store: Arc<dyn Store>, disk: Disk) {
    written(&*store).await;
    project_log(&*store, 10).await;
    let table = if matches!(disk, Disk::Sqlite(_)) { "row" } else { "view_row" };
    for column in ["key", "body", "digest"] {
        let seen = async |what: &str| {
            let listed = store.rows(&log(), Table::Agents, Position::START, 10).await;
            assert!(matches!(listed, Err(StoreError::DamagedRow(_))), "{what}: {listed:?}");
            let found = store.row(&log(), Table::Agents, "web").await;
            assert!(matches!(found, Err(StoreError::DamagedRow(_)) | Ok(None)), "{what}: {found:?}");
        };
        disk.damage(place_of(table, column, "name = 'agents'"), seen).await;
    }
    assert!(store.row(&log(), Table::Agents, "web").await.unwrap().is_some());
}

async fn a_damaged_snapshot_is_none(store: Arc<dyn Store>, disk: Disk) {
    opened(&*store).await;
    let kept = snapshot(7, b"a state of some length, in the caller's encoding");
    store.save_snapshot(&log(), kept.clone()).await.unwrap();
    for column in ["position", "hash", "state", "digest"] {
        let seen = async |what: &str| assert_eq!(store.snapshot(&log()).await.unwrap(), None, "{what}");
        disk.damage(place_of("snapshot", column, "1 = 1"), seen).await;
    }
    assert_eq!(store.snapshot(&log()).await.unwrap(), Some(kept));
}

macro_rules! on_every_disk {
    ($($story:ident)+) => {
        mod sqlite { $(#[test] fn $story() { super::on_sqlite(super::$story); })+ }
        mod postgres { $(#[test] fn $story() { super::on_postgres(super::$story); })+ }
    };
}

on_every_disk! {
    a_flipped_bit_is_found
    a_damaged_head_is_found
    what_was_removed_is_missed
    a_damaged_row_is_never_shown
    a_damaged_snapshot_is_none
}
