//! What every database reads back alike, and believes only if it still is what was written.
//!
//! A column that is `None` here had a value no program like this one can have stored.

use bytes::Bytes;
use model::lists::List;
use model::rows::{Row, Table};
use model::{Position, Principal, Timestamp, WorkspaceName};
use uuid::Uuid;

use crate::{
    ClaimedJob, Hash, Head, Incarnation, PlacedRow, Receipt, Result, Snapshot, StoreError, limits, seal,
};

/// The name of a log, the directory's included; `None` if no program like this one can have stored it.
pub(crate) fn log_name(stored: &str) -> Option<WorkspaceName> {
    let directory = WorkspaceName::directory();
    if stored == directory.as_str() { Some(directory) } else { WorkspaceName::parse(stored).ok() }
}

/// The bytes kept under a digest, if they fit it.
pub(crate) fn intact_blob(log: &WorkspaceName, digest: &Hash, bytes: Bytes) -> Result<Bytes> {
    if Hash::of(&bytes) == *digest { Ok(bytes) } else { Err(StoreError::damaged_blob(log, digest)) }
}

/// The row of a log.
pub(crate) struct StoredLog<'a> {
    pub(crate) name: Option<&'a str>,
    pub(crate) incarnation: &'a [u8],
    pub(crate) digest: &'a [u8],
}

/// Where a log says that it ends.
pub(crate) struct StoredEnd<'a> {
    pub(crate) position: Option<i64>,
    pub(crate) hash: &'a [u8],
    /// The hash of the event at that position, if there is one.
    pub(crate) event: Option<&'a [u8]>,
}

/// A job.
pub(crate) struct StoredJob<'a> {
    /// The name of the log it belongs to, if it does to any.
    pub(crate) log: Option<&'a str>,
    pub(crate) key: &'a [u8],
    pub(crate) due: Option<i64>,
    pub(crate) job: &'a [u8],
    pub(crate) digest: &'a [u8],
}

/// A receipt.
pub(crate) struct StoredReceipt<'a> {
    pub(crate) by: &'a [u8],
    pub(crate) key: &'a [u8],
    pub(crate) command: &'a [u8],
    pub(crate) first: Option<i64>,
    pub(crate) last: Option<i64>,
    pub(crate) at: Option<i64>,
    pub(crate) digest: &'a [u8],
}

/// A row of a read model.
pub(crate) struct StoredRow<'a> {
    pub(crate) place: Option<i64>,
    pub(crate) key: &'a [u8],
    pub(crate) body: &'a [u8],
    pub(crate) digest: &'a [u8],
    pub(crate) place_digest: &'a [u8],
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

// === impl StoredLog ===

impl StoredLog<'_> {
    /// Its name and which life it is in.
    pub(crate) fn identity(&self) -> Result<(WorkspaceName, Incarnation)> {
        let intact = || {
            let name = log_name(self.name?)?;
            let incarnation = Incarnation(Uuid::from_slice(self.incarnation).ok()?);
            (seal::log(&name, incarnation).0 == *self.digest).then_some((name, incarnation))
        };
        intact().ok_or_else(|| StoreError::Damaged {
            log: self.name.unwrap_or("?").to_owned(),
            position: Position::START,
            what: "its name or its incarnation is not what was written".into(),
        })
    }

    /// Its name, and where it ends: at an event that is there and has the hash that the log says it has.
    pub(crate) fn head(&self, end: &StoredEnd<'_>) -> Result<Head> {
        let (log, incarnation) = self.identity()?;
        let position = Position(end.position.map_or(u64::MAX, i64::cast_unsigned));
        let genesis = Head::empty(&log, incarnation);
        let event = if position == genesis.position { Some(&genesis.hash.0[..]) } else { end.event };
        match (event, Hash::from_slice(end.hash)) {
            (Some(event), Some(hash)) if hash.0 == *event => Ok(Head { position, hash, incarnation }),
            _ => Err(StoreError::Damaged {
                log: log.to_string(),
                position,
                what: "the log's head does not match its last event".into(),
            }),
        }
    }
}

// === impl StoredJob ===

impl StoredJob<'_> {
    /// Whether it is what was written.
    pub(crate) fn check(&self) -> Result<()> {
        self.parts().map(drop)
    }

    /// The job.
    pub(crate) fn claimed(&self) -> Result<ClaimedJob> {
        let (log, key, due, job) = self.parts()?;
        let job = serde_json::from_str(job).map_err(|cause| {
            StoreError::Database(format!(
                "this program cannot read the job {key:?} of the log {log}: {cause}"
            ))
        })?;
        Ok(ClaimedJob { log, key: key.to_owned(), due, job })
    }

    fn parts(&self) -> Result<(WorkspaceName, &str, Timestamp, &str)> {
        let intact = || {
            let log = log_name(self.log?)?;
            let (key, job) = (str::from_utf8(self.key).ok()?, str::from_utf8(self.job).ok()?);
            let due = Timestamp::from_millis(self.due?);
            (seal::job(&log, key, due, job).0 == *self.digest).then_some((log, key, due, job))
        };
        intact().ok_or_else(|| StoreError::DamagedJob {
            log: self.log.unwrap_or("?").to_owned(),
            key: lossy(self.key),
        })
    }
}

// === impl StoredReceipt ===

impl StoredReceipt<'_> {
    /// The receipt. It stands in this log, or in none if that is `None`.
    pub(crate) fn receipt(&self, log: Option<&WorkspaceName>) -> Result<Receipt> {
        let intact = || {
            let position = |stored: i64| Position(stored.cast_unsigned());
            let receipt = Receipt {
                by: Principal::parse(str::from_utf8(self.by).ok()?).ok()?,
                key: str::from_utf8(self.key).ok()?.to_owned(),
                command: Hash::from_slice(self.command)?,
                first: position(self.first?),
                last: position(self.last?),
                at: Timestamp::from_millis(self.at?),
            };
            (seal::receipt(log?, &receipt).0 == *self.digest).then_some(receipt)
        };
        intact().ok_or_else(|| StoreError::DamagedReceipt {
            log: log.map_or("?", WorkspaceName::as_str).to_owned(),
            by: lossy(self.by),
            key: lossy(self.key),
        })
    }
}

// === impl StoredRow ===

impl StoredRow<'_> {
    /// The row.
    pub(crate) fn placed(&self, log: &WorkspaceName, table: Table) -> Result<PlacedRow> {
        let intact = || {
            let key = str::from_utf8(self.key).ok()?.to_owned();
            let row = Row { table, key, body: self.body.to_vec() };
            let place = Position(self.place?.cast_unsigned());
            let (content, stands) = (seal::row(log, &row), seal::place(log, &row, place));
            (content.0 == *self.digest && stands.0 == *self.place_digest).then_some(PlacedRow { place, row })
        };
        intact().ok_or_else(|| {
            StoreError::DamagedRow(format!("{} {:?} of {log}", table.as_str(), lossy(self.key)))
        })
    }
}

// === Positions ===

/// Above which places a listing begins. A damaged place may be below the first, and must be come across all the same.
pub(crate) fn above(after: Position) -> i64 {
    if after == Position::START { i64::MIN } else { i64::try_from(after.0).unwrap_or(i64::MAX) }
}

/// The name of a list.
pub(crate) fn intact_list(log: &WorkspaceName, key: &[u8]) -> Result<List> {
    let list = str::from_utf8(key).ok().and_then(List::parse);
    list.ok_or_else(|| StoreError::DamagedRow(format!("a list {:?} of {log}", lossy(key))))
}

/// How far the read models have come.
pub(crate) fn intact_projected(
    log: &WorkspaceName,
    position: Option<i64>,
    digest: &[u8],
) -> Result<Position> {
    let position = position.map(|stored| Position(stored.cast_unsigned()));
    position
        .filter(|position| seal::projected(log, *position).0 == *digest)
        .ok_or_else(|| StoreError::DamagedRow(format!("how far those of {log} have come")))
}

/// How far a log is indexed that stands in the index under this number.
pub(crate) fn intact_indexed(
    log: &WorkspaceName,
    number: i64,
    position: Option<i64>,
    digest: &[u8],
) -> Result<Position> {
    let position = position.map(|stored| Position(stored.cast_unsigned()));
    position
        .filter(|position| seal::indexed(log, number, *position).0 == *digest)
        .ok_or_else(|| StoreError::DamagedRow(format!("how far the index of {log} has come")))
}

/// A snapshot; `None` if it is not what was written.
pub(crate) fn intact_snapshot(
    log: &WorkspaceName,
    position: i64,
    hash: &[u8],
    state: Vec<u8>,
    digest: &[u8],
) -> Option<Snapshot> {
    let position = Position(position.cast_unsigned());
    let snapshot = Snapshot { position, hash: Hash::from_slice(hash)?, state };
    (seal::snapshot(log, &snapshot).0 == *digest).then_some(snapshot)
}

// === Leases ===

/// A lease in milliseconds, as long as one may be.
pub(crate) fn lease_millis(lease: std::time::Duration) -> i64 {
    i64::try_from(lease.min(limits::LEASE).as_millis()).expect("the longest lease is short")
}
