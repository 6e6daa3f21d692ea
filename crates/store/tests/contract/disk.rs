//! Databases whose insides can be reached, to do to them what a failing disk does.

use std::path::PathBuf;
use std::sync::Arc;

use guildhall_store::sqlite::{LOG_FILE, VIEWS_FILE};
use guildhall_store::{PostgresStore, SqliteStore, Store};
use postgres_harness::Database;
use rusqlite::types::Value;
use tokio_postgres::types::Type;

use crate::houses;

/// A database whose insides can be reached.
pub(crate) enum Disk {
    Sqlite(PathBuf),
    Postgres(Database),
}

/// One value in a table: column, and the condition that finds the row.
pub(crate) struct Place {
    table: &'static str,
    column: &'static str,
    condition: String,
}

impl Disk {
    fn connection(&self, table: &str) -> rusqlite::Connection {
        let Self::Sqlite(directory) = self else { panic!("this is PostgreSQL") };
        let file = if ["row", "run", "projected", "snapshot", "indexed", "document_data"].contains(&table) {
            VIEWS_FILE
        } else {
            LOG_FILE
        };
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

    pub(crate) fn is_sqlite(&self) -> bool {
        matches!(self, Self::Sqlite(_))
    }

    /// Changes one row of a table.
    pub(crate) async fn execute(&self, table: &str, sql: &str) {
        match self {
            Self::Sqlite(_) => assert_eq!(self.connection(table).execute(sql, []).unwrap(), 1, "{sql}"),
            Self::Postgres(database) => database.execute(sql).await,
        }
    }

    /// Flips a bit in one byte after another of a value, sees what comes of each, and puts all back.
    pub(crate) async fn damage(&self, place: Place, seen: impl AsyncFn(&str)) {
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

pub(crate) fn place_of(table: &'static str, column: &'static str, condition: &str) -> Place {
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

pub(crate) fn on_sqlite(story: impl AsyncFn(Arc<dyn Store>, Disk)) {
    let directory = tempfile::tempdir().unwrap();
    houses::run(async {
        let store = Arc::new(SqliteStore::open(directory.path()).unwrap());
        story(store, Disk::Sqlite(directory.path().to_owned())).await;
    });
}

pub(crate) fn on_postgres(story: impl AsyncFn(Arc<dyn Store>, Disk)) {
    houses::run(async {
        let database = Database::create().await;
        let store = Arc::new(PostgresStore::connect(&database.url()).await.unwrap());
        story(store, Disk::Postgres(database)).await;
    });
}

/// Makes a test of each story for each database.
macro_rules! on_every_disk {
    ($($story:ident)+) => {
        mod sqlite { $(#[test] fn $story() { crate::disk::on_sqlite(super::$story); })+ }
        mod postgres { $(#[test] fn $story() { crate::disk::on_postgres(super::$story); })+ }
    };
}
pub(crate) use on_every_disk;
