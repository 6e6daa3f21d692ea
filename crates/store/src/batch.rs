//! What is appended at once, and what comes back when it is read.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use model::codec::{self, Encoded};
use model::effect::{Effect, effects};
use model::{Event, Position, Principal, Recorded, Timestamp, WorkspaceName};
use uuid::Uuid;

use crate::chain::Hash;
use crate::error::StoreError;
use crate::limits;
use crate::projection::Projection;

/// Which life of a log this is. Restoring an older copy begins a new one, and every cursor into the old is void.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Incarnation(pub Uuid);

/// Where a log ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// The position of its last event.
    pub position: Position,
    /// That event's hash.
    pub hash: Hash,
    /// Which life of the log.
    pub incarnation: Incarnation,
}

impl Head {
    /// A log without events.
    pub fn empty(log: &WorkspaceName, incarnation: Incarnation) -> Self {
        Self { position: Position::START, hash: Hash::genesis(log), incarnation }
    }
}

/// One stored event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Its place.
    pub position: Position,
    /// See [`model::codec`].
    pub header: Bytes,
    /// See [`model::codec`]. `None` once it was pruned.
    pub body: Option<Bytes>,
    /// The SHA-256 of the body, which stays when the body goes.
    pub digest: Hash,
    /// The link of the chain.
    pub hash: Hash,
}

impl Record {
    /// The bytes it takes.
    pub fn bytes(&self) -> usize {
        self.header.len() + self.body.as_ref().map_or(0, Bytes::len)
    }

    /// Reads the event; `None` if its body was pruned.
    pub fn decode(&self, log: &WorkspaceName) -> Result<Option<Recorded>, StoreError> {
        let Some(body) = &self.body else { return Ok(None) };
        let event =
            codec::decode(&self.header, body).map_err(|cause| self.damaged(log, cause.to_string()))?;
        Ok(Some(Recorded { position: self.position, event }))
    }

    /// Checks digest and link against the hash of the event before.
    pub fn check(&self, log: &WorkspaceName, previous: &Hash) -> Result<(), StoreError> {
        if self.body.as_ref().is_some_and(|body| Hash::of(body) != self.digest) {
            return Err(self.damaged(log, "its body does not match its digest".into()));
        }
        if previous.next(self.position, &self.header, &self.digest) != self.hash {
            return Err(self.damaged(log, "it does not link to the event before it".into()));
        }
        Ok(())
    }

    fn damaged(&self, log: &WorkspaceName, what: String) -> StoreError {
        StoreError::Damaged { log: log.to_string(), position: self.position, what }
    }
}

/// The proof that a command given under an idempotency key was carried out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// Whose key it is.
    pub by: Principal,
    /// The key.
    pub key: String,
    /// The digest of the command: the same key with another is a conflict.
    pub command: Hash,
    /// The first event of the command.
    pub first: Position,
    /// Its last event.
    pub last: Position,
    /// When.
    pub at: Timestamp,
}

/// Bytes that events refer to by their digest: a file of a message. Kept once for each digest and log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blob {
    /// The SHA-256 of the bytes.
    pub digest: Hash,
    /// The bytes.
    pub bytes: Bytes,
}

impl Blob {
    /// Bytes with their digest.
    pub fn of(bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        Self { digest: Hash::of(&bytes), bytes }
    }
}

/// Events that become durable together, with all that hangs on them.
///
/// They are sealed when somebody first looks at their [`Batch::records`]: to compute what follows from them alone is
/// expensive, and left to whoever writes them.
#[derive(Debug, Clone)]
pub struct Batch {
    /// Names the batch in what is logged of it. Whether it was committed is found out by the hash of its last event.
    pub id: Uuid,
    /// The log it goes to.
    pub log: WorkspaceName,
    /// Receipts of commands that came with a key; each takes the place of an older one under its key.
    pub receipts: Vec<Receipt>,
    /// Bytes that the events refer to. What is kept already is not written again.
    pub blobs: Vec<Blob>,
    /// At least one.
    events: Vec<Recorded>,
    sealed: OnceLock<Sealed>,
    /// Where the log must end for the batch to be appended: the `end` of the one before it.
    expected: Arc<OnceLock<Head>>,
    /// Where the log ends after it, once it is sealed.
    end: Arc<OnceLock<Head>>,
}

/// What events come to in a log.
#[derive(Debug, Clone)]
struct Sealed {
    records: Vec<Record>,
    effects: Vec<Effect>,
    projection: Projection,
}

impl Batch {
    /// Events that follow `expected`.
    ///
    /// # Panics
    /// If there are no events.
    pub fn of(
        id: Uuid,
        log: WorkspaceName,
        expected: Head,
        events: Vec<Event>,
        receipts: Vec<Receipt>,
    ) -> Self {
        Self::new(id, log, expected.position, Arc::new(OnceLock::from(expected)), events, receipts)
    }

    /// Events that follow those of another batch of the same log, which need not be sealed yet. It must be handed to the
    /// store before this one; if it is not appended, neither is this.
    ///
    /// # Panics
    /// If there are no events.
    pub fn behind(previous: &Self, id: Uuid, events: Vec<Event>, receipts: Vec<Receipt>) -> Self {
        Self::new(id, previous.log.clone(), previous.last(), previous.end.clone(), events, receipts)
    }

    fn new(
        id: Uuid,
        log: WorkspaceName,
        after: Position,
        expected: Arc<OnceLock<Head>>,
        events: Vec<Event>,
        receipts: Vec<Receipt>,
    ) -> Self {
        assert!(!events.is_empty(), "a batch has events");
        let places = (after.next().0..).map(Position);
        let events = places.zip(events).map(|(position, event)| Recorded { position, event }).collect();
        let (sealed, end) = (OnceLock::new(), Arc::default());
        Self { id, log, receipts, blobs: vec![], events, sealed, expected, end }
    }

    /// The same with bytes that its events refer to.
    #[must_use]
    pub fn with_blobs(self, blobs: Vec<Blob>) -> Self {
        Self { blobs, ..self }
    }

    /// Where the log must end for the batch to be appended. None if that is not known, since the batch before this one was
    /// never sealed: then that was not appended, and this cannot be.
    pub fn expected(&self) -> Option<Head> {
        self.expected.get().copied()
    }

    /// The position of its last event.
    pub fn last(&self) -> Position {
        self.events.last().expect("a batch has events").position
    }

    /// The events, as they are kept: each with its place and its link.
    ///
    /// # Panics
    /// This and what follows, if it is not known what the batch [expects](Self::expected).
    pub fn records(&self) -> &[Record] {
        &self.sealed().records
    }

    /// Changes to the log's jobs, in order.
    pub fn effects(&self) -> &[Effect] {
        &self.sealed().effects
    }

    fn sealed(&self) -> &Sealed {
        self.sealed.get_or_init(|| {
            let expected = self.expected().expect("a batch is sealed after the one before it");
            let (mut changes, mut projection) = (Vec::new(), Projection::default());
            let mut hash = expected.hash;
            let seal = |recorded: &Recorded| {
                changes.extend(effects(&recorded.event.fact));
                projection.add(recorded);
                let Encoded { bytes, header_length } = codec::encode(&recorded.event);
                let mut body = Bytes::from(bytes);
                let header = body.split_to(header_length);
                let (position, digest) = (recorded.position, Hash::of(&body));
                hash = hash.next(position, &header, &digest);
                Record { position, header, body: Some(body), digest, hash }
            };
            let records = self.events.iter().map(seal).collect();
            // Nobody else sets it.
            _ = self.end.set(Head { position: self.last(), hash, incarnation: expected.incarnation });
            Sealed { records, effects: changes, projection }
        })
    }

    /// Where the log ends after this batch.
    pub fn head(&self) -> Head {
        self.sealed();
        *self.end.get().expect("it has just been sealed")
    }

    /// The events at their places, each with the bytes it takes; and what they write into the read models.
    pub fn into_events(self) -> (Vec<(Recorded, usize)>, Projection) {
        self.sealed();
        let Self { events, sealed, .. } = self;
        let Sealed { records, projection, .. } = sealed.into_inner().expect("it has just been sealed");
        let events = events.into_iter().zip(records).map(|(event, record)| (event, record.bytes())).collect();
        (events, projection)
    }

    /// Refuses a batch behind one that was not appended, and a body that no store keeps.
    pub(crate) fn check(&self) -> Result<(), StoreError> {
        if self.expected().is_none() {
            return Err(StoreError::Orphaned { log: self.log.to_string() });
        }
        let bodies =
            self.records().iter().map(|record| (record.position, record.bytes() - record.header.len()));
        let end = self.head().position;
        let bodies = bodies.chain(self.blobs.iter().map(|blob| (end, blob.bytes.len())));
        match bodies.into_iter().find(|(_, bytes)| *bytes > limits::BODY_BYTES) {
            Some((position, bytes)) => {
                Err(StoreError::TooLarge { position, bytes, limit: limits::BODY_BYTES })
            }
            None => Ok(()),
        }
    }

    /// The bytes it takes; none if it cannot be appended.
    pub fn bytes(&self) -> usize {
        if self.expected().is_none() {
            return 0;
        }
        self.records().iter().map(Record::bytes).sum::<usize>()
            + self.blobs.iter().map(|blob| blob.bytes.len()).sum::<usize>()
    }
}
