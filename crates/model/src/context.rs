//! Shared context: keys with values, tags and versions.
//!
//! The state keeps what deciding and finding need: a key's id, authors, tags, version and the position of the event
//! that holds its value. Values are read from the log by that position. Each value names the position of the one
//! before it, so a key's history is a chain through the log and needs no index.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use crate::event::{Fact, Position};
use crate::ids::{AgentId, EntryId, MemberId};
use crate::limits;
use crate::refusal::Refusal;
use crate::text::Text;
use crate::time::Timestamp;

/// One version of a key.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ContextEntry {
    /// The same through all versions.
    pub id: EntryId,
    /// The key.
    pub key: Arc<str>,
    /// What was shared, untouched.
    pub value: Text,
    /// Tags of this version.
    pub tags: Arc<[String]>,
    /// Who shared the first version.
    pub created_by: MemberId,
    /// When the first version was shared.
    pub created_at: Timestamp,
    /// Who shared this version.
    pub updated_by: MemberId,
    /// When this version was shared.
    pub updated_at: Timestamp,
    /// 1 for the first, one more for each change; deleting is a change too.
    pub version: u64,
    /// Where the version before this one stands.
    pub previous: Option<Position>,
}

/// A key taken away.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Deletion {
    /// The entry's id.
    pub id: EntryId,
    /// The key.
    pub key: Arc<str>,
    /// Who took it away.
    pub by: MemberId,
    /// The version that the deletion is.
    pub version: u64,
    /// Where the version before this one stands.
    pub previous: Position,
}

/// An agent has seen a version.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ContextRead {
    /// Who read.
    pub agent: AgentId,
    /// The key.
    pub key: Arc<str>,
    /// The version it saw.
    pub version: u64,
}

/// Gives a key a value.
#[derive(Debug, Clone, Serialize)]
pub struct Share {
    /// The key.
    pub key: Arc<str>,
    /// The value.
    pub value: Text,
    /// The new tags; those of an earlier version are not kept.
    pub tags: Arc<[String]>,
    /// The author.
    pub author: MemberId,
    /// Only if the key is at this version; 0 for a key that has no value.
    pub if_version: Option<u64>,
}

/// Takes a key away; one that has no value is no error and no event.
#[derive(Debug, Clone, Serialize)]
pub struct Delete {
    /// The key.
    pub key: Arc<str>,
    /// Who takes it away.
    pub author: MemberId,
    /// Only if the key is at this version.
    pub if_version: Option<u64>,
}

/// Remembers that an agent has seen a key's current version; no event if that is known already.
#[derive(Debug, Clone, Serialize)]
pub struct Read {
    /// Who read.
    pub agent: AgentId,
    /// The key.
    pub key: Arc<str>,
    /// The version it was given.
    pub version: u64,
}

/// What the state keeps of a key's current version.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Current {
    /// The entry's id.
    pub id: EntryId,
    /// Its tags.
    pub tags: Arc<[String]>,
    /// Who shared the first version.
    pub created_by: MemberId,
    /// When the first version was shared.
    pub created_at: Timestamp,
    /// The version.
    pub version: u64,
    /// Where the whole entry stands.
    pub position: Position,
}

/// A key whose value was taken away: its versions go on counting.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Grave {
    version: u64,
    position: Position,
}

/// All keys of a workspace.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Context {
    current: IndexMap<Arc<str>, Current>,
    deleted: HashMap<Arc<str>, Grave>,
    reads: IndexMap<AgentId, VecDeque<(Arc<str>, u64)>>,
    /// What keys and tags hold.
    bytes: usize,
}

impl Context {
    /// A key's current version.
    pub fn get(&self, key: &str) -> Option<&Current> {
        self.current.get(key)
    }

    pub(crate) fn size(&self) -> usize {
        self.current.len() + self.deleted.len() + self.reads.len()
    }

    /// How many keys have a value.
    pub fn len(&self) -> usize {
        self.current.len()
    }

    /// Whether no key has one.
    pub fn is_empty(&self) -> bool {
        self.current.is_empty()
    }

    /// All keys that have a value, in the order they were first shared.
    pub fn entries(&self) -> impl DoubleEndedIterator<Item = (&Arc<str>, &Current)> {
        self.current.iter()
    }

    /// The keys after `key` in the same order; all of them if `key` has no value.
    pub fn entries_after(&self, key: &str) -> impl Iterator<Item = (&Arc<str>, &Current)> {
        let start = self.current.get_index_of(key).map_or(0, |index| index + 1);
        self.current.iter().skip(start)
    }

    /// Where the newest change of a key stands, deletions included: the head of its chain.
    pub fn newest_change(&self, key: &str) -> Option<Position> {
        let deleted = || self.deleted.get(key).map(|grave| grave.position);
        self.current.get(key).map(|current| current.position).or_else(deleted)
    }

    /// What `agent` has read and is no longer so: the key, the version it saw, the version now.
    pub fn stale_reads(&self, agent: &AgentId) -> impl Iterator<Item = (&Arc<str>, u64, u64)> {
        let reads = self.reads.get(agent).into_iter().flatten();
        reads.filter_map(|(key, seen)| {
            let now = self.version(key);
            (now > *seen).then_some((key, *seen, now))
        })
    }

    fn version(&self, key: &str) -> u64 {
        let deleted = || self.deleted.get(key).map(|grave| grave.version);
        self.current.get(key).map(|current| current.version).or_else(deleted).unwrap_or(0)
    }

    fn check_version(&self, key: &str, wanted: Option<u64>) -> Result<(), Refusal> {
        let now = self.current.get(key).map_or(0, |current| current.version);
        match wanted {
            Some(wanted) if wanted != now => {
                Err(Refusal::Conflict(format!("context key {key:?} is at version {now}, not {wanted}")))
            }
            _ => Ok(()),
        }
    }

    pub(crate) fn share(&self, id: EntryId, at: Timestamp, share: &Share) -> Result<Vec<Fact>, Refusal> {
        let tags = share.tags.iter().map(String::len).sum();
        for (what, bytes, limit) in
            [("key", share.key.len(), limits::KEY_BYTES), ("tags", tags, limits::TAGS_BYTES)]
        {
            if bytes > limit {
                return Err(Refusal::TooLarge { what, bytes, limit });
            }
        }
        if share.tags.len() > limits::TAGS {
            return Err(Refusal::Invalid(format!("an entry has at most {} tags", limits::TAGS)));
        }
        Refusal::unless_text_fits("value", &share.value, limits::VALUE_BYTES, limits::VALUE_TOKEN_BYTES)?;
        self.check_version(&share.key, share.if_version)?;
        let before = self.current.get(&*share.key);
        if before.is_none()
            && !self.deleted.contains_key(&*share.key)
            && self.current.len() + self.deleted.len() >= limits::KEYS
        {
            return Err(Refusal::Full {
                what: "context keys",
                limit: limits::KEYS,
                remedy: "use the keys there are",
            });
        }
        let held = before.map_or(0, |before| tag_bytes(&before.tags));
        if self.bytes - held + share.key.len() + tag_bytes(&share.tags) > limits::CONTEXT_BYTES {
            let remedy = "use shorter keys, and fewer tags";
            return Err(Refusal::Full {
                what: "bytes of keys and tags",
                limit: limits::CONTEXT_BYTES,
                remedy,
            });
        }
        Ok(vec![Fact::ContextShared(Arc::new(ContextEntry {
            id: before.map_or(id, |entry| entry.id.clone()),
            key: share.key.clone(),
            value: share.value.clone(),
            tags: share.tags.clone(),
            created_by: before.map_or(&share.author, |entry| &entry.created_by).clone(),
            created_at: before.map_or(at, |entry| entry.created_at),
            updated_by: share.author.clone(),
            updated_at: at,
            version: self.version(&share.key) + 1,
            previous: self.newest_change(&share.key),
        }))])
    }

    pub(crate) fn delete(&self, delete: &Delete) -> Result<Vec<Fact>, Refusal> {
        self.check_version(&delete.key, delete.if_version)?;
        let Some((_, key, current)) = self.current.get_full(&*delete.key) else { return Ok(vec![]) };
        Ok(vec![Fact::ContextDeleted(Arc::new(Deletion {
            id: current.id.clone(),
            key: key.clone(),
            by: delete.author.clone(),
            version: current.version + 1,
            previous: current.position,
        }))])
    }

    pub(crate) fn read(&self, read: &Read) -> Vec<Fact> {
        let known = self.reads.get(&read.agent).into_iter().flatten();
        let already = known.into_iter().any(|(key, version)| *key == read.key && *version >= read.version);
        if already || read.version == 0 || read.version > self.version(&read.key) {
            return vec![];
        }
        vec![Fact::ContextRead(Arc::new(ContextRead {
            agent: read.agent.clone(),
            key: read.key.clone(),
            version: read.version,
        }))]
    }

    pub(crate) fn was_shared(&mut self, position: Position, entry: &ContextEntry) {
        if self.deleted.remove(&entry.key).is_none() && !self.current.contains_key(&*entry.key) {
            self.bytes += entry.key.len();
        }
        self.bytes += tag_bytes(&entry.tags);
        let current = Current {
            id: entry.id.clone(),
            tags: entry.tags.clone(),
            created_by: entry.created_by.clone(),
            created_at: entry.created_at,
            version: entry.version,
            position,
        };
        match self.current.get_mut(&*entry.key) {
            Some(before) => {
                self.bytes -= tag_bytes(&before.tags);
                *before = current;
            }
            None => drop(self.current.insert(entry.key.clone(), current)),
        }
    }

    pub(crate) fn was_deleted(&mut self, position: Position, deletion: &Deletion) {
        // The key stays, for its versions go on counting.
        self.bytes -= self.current.shift_remove(&*deletion.key).map_or(0, |gone| tag_bytes(&gone.tags));
        self.deleted.insert(deletion.key.clone(), Grave { version: deletion.version, position });
    }

    pub(crate) fn was_read(&mut self, read: &ContextRead) {
        // Taken out and put back at the end: the order of the map is the order of last reading.
        let mut keys = self.reads.shift_remove(&read.agent).unwrap_or_default();
        keys.retain(|(key, _)| *key != read.key);
        keys.push_back((read.key.clone(), read.version));
        if keys.len() > limits::READS {
            keys.pop_front();
        }
        self.reads.insert(read.agent.clone(), keys);
        if self.reads.len() > limits::READERS {
            self.reads.shift_remove_index(0);
        }
    }
}

/// What tags hold on to.
fn tag_bytes(tags: &[String]) -> usize {
    tags.iter().map(|tag| tag.len() + size_of::<String>()).sum()
}
