//! Digests of what the chain does not cover: logs' identities, jobs, receipts, read models, snapshots.
//!
//! ```text
//! seal = SHA-256(kind · log · column …), each of them after its length as 8 bytes, big-endian
//! ```
//!
//! Numbers are 8 bytes, big-endian. The kind keeps a row of one table from passing for a row of another, the log one
//! of one log for one of another, the lengths one column for a part of the next. What changes without an event, which
//! is how long a job is held, is in no seal.

use model::rows::Row;
use model::{Position, Timestamp, WorkspaceName};
use sha2::{Digest as _, Sha256};

use crate::{Hash, Incarnation, Receipt, Snapshot};

fn seal(kind: &str, log: &WorkspaceName, columns: &[&[u8]]) -> Hash {
    let mut hash = Sha256::new();
    for part in [kind.as_bytes(), log.as_str().as_bytes()].iter().chain(columns) {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    Hash(hash.finalize().into())
}

/// Of the row of a log. Made once, with the log: where it ends is sealed by the chain.
pub(crate) fn log(log: &WorkspaceName, incarnation: Incarnation) -> Hash {
    seal("log", log, &[incarnation.0.as_bytes()])
}

/// Of a job, in its stored form.
pub(crate) fn job(log: &WorkspaceName, key: &str, due: Timestamp, job: &str) -> Hash {
    seal("job", log, &[key.as_bytes(), &due.as_millis().to_be_bytes(), job.as_bytes()])
}

/// Of a receipt.
pub(crate) fn receipt(log: &WorkspaceName, receipt: &Receipt) -> Hash {
    let Receipt { by, key, command, first, last, at } = receipt;
    let numbers = [first.0.to_be_bytes(), last.0.to_be_bytes(), at.as_millis().to_be_bytes()];
    let columns = [by.as_str().as_bytes(), key.as_bytes(), &command.0, &numbers[0], &numbers[1], &numbers[2]];
    seal("receipt", log, &columns)
}

/// Of how far the read models have come.
pub(crate) fn projected(log: &WorkspaceName, position: Position) -> Hash {
    seal("projected", log, &[&position.0.to_be_bytes()])
}

/// Of what a row of a read model holds.
pub(crate) fn row(log: &WorkspaceName, row: &Row) -> Hash {
    seal("row", log, &[row.table.as_str().as_bytes(), row.key.as_bytes(), &row.body])
}

/// Of where a row of a read model stands. One of its own, since the place stays when the row is written again.
pub(crate) fn place(log: &WorkspaceName, row: &Row, place: Position) -> Hash {
    seal("place", log, &[row.table.as_str().as_bytes(), row.key.as_bytes(), &place.0.to_be_bytes()])
}

/// Of a run of a list: of all its items, in their stored form, and where the last of them stands.
pub(crate) fn run(log: &WorkspaceName, list: &str, place: Position, body: &[u8]) -> Hash {
    seal("run", log, &[list.as_bytes(), &place.0.to_be_bytes(), body])
}

/// Of how far a log is indexed, and under which number it stands in the index.
pub(crate) fn indexed(log: &WorkspaceName, number: i64, position: Position) -> Hash {
    seal("indexed", log, &[&number.to_be_bytes(), &position.0.to_be_bytes()])
}

/// Of a snapshot. Covers the position and the hash too: a good state at a wrong place would be believed.
pub(crate) fn snapshot(log: &WorkspaceName, snapshot: &Snapshot) -> Hash {
    seal("snapshot", log, &[&snapshot.position.0.to_be_bytes(), &snapshot.hash.0, &snapshot.state])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_column_passes_for_a_part_of_the_next() {
        let log = WorkspaceName::default_workspace();
        let sealed = |columns: &[&[u8]]| seal("row", &log, columns).0;
        assert_ne!(sealed(&[b"a\0b", b"c"]), sealed(&[b"a", b"b\0c"]));
        assert_ne!(sealed(&[b"", b"ab"]), sealed(&[b"ab", b""]));
        assert_ne!(sealed(&[b"ab"]), sealed(&[b"ab", b""]));
        assert_ne!(seal("place", &log, &[b"a"]).0, sealed(&[b"a"]));
        assert_ne!(seal("row", &WorkspaceName::directory(), &[b"a"]).0, sealed(&[b"a"]));
    }
}
