//! Opening `views.db`, whatever became of it. It is a cache: one that SQLite cannot read is put out of the way, and the
//! read models are made again from the log. A row that holds something else is not found here, but by its digests.

use std::fs;
use std::path::Path;

use rusqlite::Connection;

use super::readers::{fault, open_for_writing};
use super::{failure::failed, files, migrations};
use crate::{Result, StoreError, limits};

/// What a store is opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// A start must not take long: a large file is looked at where a start reads it. If it is damaged it is made anew.
    Serving,
    /// The file is looked through, and made anew if it is damaged.
    Rebuilding,
    /// The file is looked through, and left as it is.
    Verifying,
}

/// Opens the file for its one writer.
///
/// # Errors
/// [`StoreError::DamagedViews`] if it is damaged and is to be left as it is.
pub(super) fn open_views(path: &Path, purpose: Purpose) -> Result<Connection> {
    let what = match open(path, purpose) {
        Err(StoreError::Malformed(what)) => what,
        // A server leaves alone what another edition made; whoever rebuilds wants it gone.
        Err(cause @ StoreError::ForeignMigration(_)) if purpose == Purpose::Rebuilding => cause.to_string(),
        opened => return opened,
    };
    if purpose == Purpose::Verifying {
        return Err(StoreError::DamagedViews { file: path.to_owned(), what });
    }
    let aside = files::set_aside(path)?;
    tracing::warn!(
        file = %path.display(), moved_to = %aside.display(), what,
        "the file of the read models is damaged; they are made anew"
    );
    open(path, purpose)
}

fn open(path: &Path, purpose: Purpose) -> Result<Connection> {
    let mut connection = open_for_writing(path, "NORMAL")?;
    let all = purpose != Purpose::Serving
        || fs::metadata(path).is_ok_and(|file| file.len() <= limits::VIEWS_LOOK_BYTES);
    let refuse = |what| Err(StoreError::Malformed(what));
    if all && let Some(what) = fault(&connection, "integrity_check(1)")? {
        return refuse(what);
    }
    migrations::migrate(&mut connection, migrations::VIEWS, &Ok(()))?;
    if let Some(what) = lost(&connection)? {
        return refuse(format!("it has no {what}"));
    }
    // What a start reads of it.
    for table in ["projected", "snapshot", "indexed"] {
        if !all && let Some(what) = fault(&connection, &format!("integrity_check({table})"))? {
            return refuse(what);
        }
    }
    Ok(connection)
}

/// A table or index that must be there, and is not or is another.
fn lost(connection: &Connection) -> Result<Option<String>> {
    let mut fresh = Connection::open_in_memory().map_err(failed)?;
    migrations::migrate(&mut fresh, migrations::VIEWS, &Ok(()))?;
    let (made, found) = (schema(&fresh)?, schema(connection)?);
    Ok(made.into_iter().find(|made| !found.contains(made)).map(|(what, _)| what))
}

/// Names of tables and indices, with the statements that made them.
fn schema(connection: &Connection) -> Result<Vec<(String, Option<String>)>> {
    let sql = "SELECT type || ' ' || name || ' of ' || tbl_name, sql FROM sqlite_schema";
    let mut statement = connection.prepare(sql).map_err(failed)?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).map_err(failed)?;
    rows.collect::<rusqlite::Result<_>>().map_err(failed)
}
