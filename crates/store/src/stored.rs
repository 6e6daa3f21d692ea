//! What every database reads back alike: names of logs, and rows and snapshots with the digests that show damage.

use model::WorkspaceName;
use model::lists::Item;
use model::rows::Row;

use crate::{Hash, PlacedRow, Position, Result, Snapshot, StoreError};

/// The name of a log, the directory's included; `None` if no program like this one can have stored it.
pub(crate) fn log_name(stored: &str) -> Option<WorkspaceName> {
    let directory = WorkspaceName::directory();
    if stored == directory.as_str() { Some(directory) } else { WorkspaceName::parse(stored).ok() }
}

/// The place is left out: it stays when a row is written again, and reading in the wrong order shows no wrong row.
pub(crate) fn row_digest(log: &WorkspaceName, row: &Row) -> Hash {
    let name = format!("{log}\0{}\0{}\0", row.table.as_str(), row.key);
    Hash::of(&[name.as_bytes(), &row.body].concat())
}

/// A row as it was read, if it still is what was written.
pub(crate) fn intact_row(
    log: &WorkspaceName,
    place: Position,
    row: Row,
    stored_digest: &[u8],
) -> Result<PlacedRow> {
    if row_digest(log, &row).0 != *stored_digest {
        return Err(StoreError::DamagedRow(format!("{} at {place} of {log}", row.table.as_str())));
    }
    Ok(PlacedRow { place, row })
}

pub(crate) fn item_digest(log: &WorkspaceName, item: &Item) -> Hash {
    let name = format!("{log}\0{}\0{}\0", item.list.key(), item.place);
    Hash::of(&[name.as_bytes(), &item.body].concat())
}

/// An item as it was read, if it still is what was written.
pub(crate) fn intact_item(log: &WorkspaceName, item: Item, stored_digest: &[u8]) -> Result<Item> {
    if item_digest(log, &item).0 != *stored_digest {
        return Err(StoreError::DamagedRow(format!("{} at {} of {log}", item.list.key(), item.place)));
    }
    Ok(item)
}

/// Covers the position and the hash too: a good state at a wrong place would be believed.
pub(crate) fn snapshot_digest(log: &WorkspaceName, snapshot: &Snapshot) -> Hash {
    let name = format!("{log}\0");
    let position = snapshot.position.0.to_be_bytes();
    Hash::of(&[name.as_bytes(), &position, &snapshot.hash.0, &snapshot.state].concat())
}

/// A snapshot as it was read; `None` if it is not what was written.
pub(crate) fn intact_snapshot(
    log: &WorkspaceName,
    position: i64,
    hash: &[u8],
    state: Vec<u8>,
    stored_digest: &[u8],
) -> Option<Snapshot> {
    let position = Position(position.cast_unsigned());
    let snapshot = Snapshot { position, hash: Hash::from_slice(hash)?, state };
    (snapshot_digest(log, &snapshot).0 == *stored_digest).then_some(snapshot)
}
