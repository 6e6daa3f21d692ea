//! The files of the data directory: what is there before SQLite looks, who may read them, and where a damaged one goes.

use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags};

use super::failure::failed;
use super::{LOG_FILE, VIEWS_FILE};
use crate::{Result, StoreError};

/// For their user alone: what agents tell one another is nobody else's business.
pub(super) const MODE: u32 = 0o600;

/// A file beside another, which bears its name and this ending.
pub(super) fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

/// Makes an empty database file, if there is none. SQLite gives those beside it the same mode.
pub(super) fn make(path: &Path) -> Result<()> {
    match OpenOptions::new().write(true).create_new(true).mode(MODE).open(path) {
        Ok(_) => Ok(()),
        Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(cause) if cause.kind() == io::ErrorKind::StorageFull => Err(StoreError::Full),
        Err(cause) => Err(StoreError::Database(format!("it cannot be made: {cause}"))),
    }
}

/// Moves a database that nobody has open out of the way, over one that was moved there earlier. Returns where it is.
pub(super) fn set_aside(path: &Path) -> Result<PathBuf> {
    let aside = beside(path, ".damaged");
    let failed = |cause| StoreError::Database(format!("it cannot be moved aside: {cause}"));
    // The write-ahead log belongs to its database; that of an earlier one would be taken for that of this one.
    for ending in ["-wal", "-shm"] {
        remove(&beside(&aside, ending)).map_err(failed)?;
    }
    fs::rename(path, &aside).map_err(failed)?;
    match fs::rename(beside(path, "-wal"), beside(&aside, "-wal")) {
        Err(cause) if cause.kind() != io::ErrorKind::NotFound => return Err(failed(cause)),
        _ => {}
    }
    remove(&beside(path, "-shm")).map_err(failed)?;
    Ok(aside)
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(cause) if cause.kind() != io::ErrorKind::NotFound => Err(cause),
        _ => Ok(()),
    }
}

/// Whether a log is kept in a directory. Makes nothing.
///
/// # Errors
/// [`StoreError::CannotLook`] if that cannot be told, and [`StoreError::LogGone`] if there was one, as its read models
/// remember, and there is none any more.
pub fn is_kept(directory: &Path) -> Result<bool> {
    let (log, views) = (directory.join(LOG_FILE), directory.join(VIEWS_FILE));
    let length = |path: &Path| match fs::metadata(path) {
        Ok(found) => Ok(found.len()),
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(0),
        Err(cause) => {
            Err(StoreError::CannotLook { directory: directory.to_owned(), cause: cause.to_string() })
        }
    };
    if length(&log)? > 0 {
        return Ok(true);
    }
    if length(&views)? == 0 {
        return Ok(false);
    }
    let remembered = match remembered(&views) {
        Ok(None) => return Ok(false),
        Ok(Some(remembered)) => remembered,
        Err(StoreError::Malformed(what)) => format!("something that cannot be read ({what})"),
        Err(cause) => return Err(StoreError::Opening { file: views, cause: cause.into() }),
    };
    Err(StoreError::LogGone { log, views, remembered })
}

/// The events that read models and snapshots were made from, in words, if there were any.
fn remembered(views: &Path) -> Result<Option<String>> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(views, flags).map_err(failed)?;
    let sql = "SELECT count(*) FROM sqlite_schema WHERE name IN ('projected', 'snapshot') AND type = 'table'";
    let tables: i64 = connection.query_row(sql, [], |row| row.get(0)).map_err(failed)?;
    if tables < 2 {
        // It was being made when its process was killed.
        return Ok(None);
    }
    // Not checked against their digests: that there were some is all that counts here.
    let sql = "SELECT group_concat(position || ' events of ' || log, ', ') FROM (
                   SELECT log, max(position) AS position FROM (
                       SELECT log, position FROM projected UNION ALL SELECT log, position FROM snapshot)
                   WHERE position > 0 GROUP BY log ORDER BY log)";
    connection.query_row(sql, [], |row| row.get(0)).map_err(failed)
}
