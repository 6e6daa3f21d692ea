//! Runs: items of one list that follow one another and are stored as one, with one digest.
//!
//! ```json
//! {"v":1,"from":[["id","name"]],"to":[{"topic":"broadcast"}],"items":[[7,"id",0,0,"normal",1000,null,400]]}
//! {"v":1,"items":[[7,1,1000,8]]}
//! ```
//!
//! The first form is of messages: whom they are from and to stands there once, and each item is its place, id, from, to,
//! priority, when it was sent, when it expires, and bytes. The second is of what a reader took: the end of a range, its
//! beginning, when, and the event.
//!
//! No item ever comes to stand between two of one run, so runs of a list never overlap, and the first and the last place
//! of a run say where it belongs.

use std::hash::Hash;
use std::sync::Arc;

use foldhash::fast::RandomState;
use indexmap::IndexSet;
use serde::{Deserialize, Serialize};

use super::{Item, List, MessageItem, Note, TakenItem};
use crate::event::Position;
use crate::ids::{AgentId, MessageId};
use crate::limits;
use crate::messages::{Party, Priority, Recipient};
use crate::time::Timestamp;

/// The form above.
const VERSION: u8 = 1;

/// Why something is no run.
#[derive(Debug, thiserror::Error)]
pub enum NotARun {
    /// It has not the form of one.
    #[error(transparent)]
    Malformed(#[from] serde_json::Error),
    /// It was written by a newer Guildhall.
    #[error("its form is {0}, and this program reads {VERSION}")]
    Version(u8),
    /// An item names somebody whom the run does not.
    #[error("its item {0} is from or to nobody")]
    Nobody(Position),
    /// It is empty, or not in order.
    #[error("its items are not in order")]
    Disorder,
}

#[derive(Serialize, Deserialize)]
struct Run<From, To, Entry> {
    v: u8,
    from: Vec<From>,
    to: Vec<To>,
    items: Vec<Entry>,
}

#[derive(Serialize, Deserialize)]
struct TakenRun {
    v: u8,
    items: Vec<(Position, Position, Timestamp, Position)>,
}

/// A message: place, id, from, to, priority, sent, expires, bytes.
type Entry<Id> = (Position, Id, usize, usize, Priority, Timestamp, Option<Timestamp>, u64);
type Written<'a> = Run<(&'a AgentId, &'a str), &'a Recipient, Entry<&'a MessageId>>;
type Read = Run<(AgentId, Arc<str>), Recipient, Entry<MessageId>>;

/// Divides items of one list, which stand in order, into runs.
pub fn runs(items: &[Item]) -> impl Iterator<Item = &[Item]> {
    items.chunk_by(adjoin).flat_map(|run| run.chunks(limits::RUN_ITEMS))
}

/// Whether nothing can ever come to stand between two items. Messages are listed as the log goes on; but what a reader
/// takes may lie before what it took earlier, unless the ranges touch.
fn adjoin(one: &Item, next: &Item) -> bool {
    match &next.note {
        Note::Message(_) => true,
        Note::Taken(taken) => taken.from == one.place.next(),
    }
}

/// Writes a run.
pub fn encode(items: &[Item]) -> Vec<u8> {
    let (mut from, mut to) = (Dictionary::default(), Dictionary::default());
    let (mut messages, mut ranges) = (Vec::with_capacity(items.len()), Vec::new());
    for Item { place, note } in items {
        match note {
            Note::Message(note) => messages.push((
                *place,
                &note.id,
                from.number(&note.from),
                to.number(&note.to),
                note.priority,
                note.sent_at,
                note.expires_at,
                note.bytes,
            )),
            Note::Taken(taken) => ranges.push((*place, taken.from, taken.at, taken.event)),
        }
    }
    let encoded = if ranges.is_empty() {
        let from = from.words.iter().map(|party| (&party.id, &*party.name)).collect();
        let to = to.words.into_iter().collect();
        serde_json::to_vec(&Written { v: VERSION, from, to, items: messages })
    } else {
        serde_json::to_vec(&TakenRun { v: VERSION, items: ranges })
    };
    encoded.expect("runs always serialise")
}

/// Reads a run of a list: at least one item, in order.
///
/// # Errors
/// If it is not what [`encode`] has written of items of this list.
pub fn decode(list: &List, encoded: &[u8]) -> Result<Vec<Item>, NotARun> {
    let items = match list {
        List::Taken(..) => decode_taken(encoded)?,
        _ => decode_messages(encoded)?,
    };
    if items.is_empty() || !items.is_sorted_by(|one, next| one.place < next.place) {
        return Err(NotARun::Disorder);
    }
    Ok(items)
}

fn decode_messages(encoded: &[u8]) -> Result<Vec<Item>, NotARun> {
    let run: Read = serde_json::from_slice(encoded)?;
    known(run.v)?;
    let parties: Vec<_> = run.from.into_iter().map(|(id, name)| Party { id, name }).collect();
    let item = |(place, id, from, to, priority, sent_at, expires_at, bytes): Entry<MessageId>| {
        let (Some(from), Some(to)) = (parties.get(from), run.to.get(to)) else {
            return Err(NotARun::Nobody(place));
        };
        let (from, to) = (from.clone(), to.clone());
        let note = MessageItem { id, from, to, priority, sent_at, expires_at, bytes };
        Ok(Item { place, note: Note::Message(Arc::new(note)) })
    };
    run.items.into_iter().map(item).collect()
}

fn decode_taken(encoded: &[u8]) -> Result<Vec<Item>, NotARun> {
    let run: TakenRun = serde_json::from_slice(encoded)?;
    known(run.v)?;
    let item = |(place, from, at, event)| Item { place, note: Note::Taken(TakenItem { from, at, event }) };
    Ok(run.items.into_iter().map(item).collect())
}

fn known(version: u8) -> Result<(), NotARun> {
    if version == VERSION { Ok(()) } else { Err(NotARun::Version(version)) }
}

/// Words by number, in the order they first occur.
struct Dictionary<'a, T> {
    words: IndexSet<&'a T, RandomState>,
    last: usize,
}

impl<T> Default for Dictionary<'_, T> {
    fn default() -> Self {
        Self { words: IndexSet::default(), last: 0 }
    }
}

impl<'a, T: Hash + Eq> Dictionary<'a, T> {
    fn number(&mut self, word: &'a T) -> usize {
        // In most lists one of the two is always the same, and comparing is cheaper than hashing.
        if self.words.get_index(self.last) != Some(&word) {
            self.last = self.words.insert_full(word).0;
        }
        self.last
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mailboxes::Stage;

    fn party(name: &str) -> Party {
        Party { id: AgentId::of("default", name), name: name.into() }
    }

    fn message(place: u64, from: &str, to: Recipient) -> Item {
        let note = MessageItem {
            id: MessageId::parse(&format!("00000000-0000-4000-8000-{place:012}")).unwrap(),
            from: party(from),
            to,
            priority: Priority::High,
            sent_at: Timestamp::from_millis(1_000),
            expires_at: (place == 9).then(|| Timestamp::from_millis(2_000)),
            bytes: 400,
        };
        Item { place: Position(place), note: Note::Message(Arc::new(note)) }
    }

    fn taken(from: u64, to: u64) -> Item {
        let note = TakenItem { from: Position(from), at: Timestamp::from_millis(1_000), event: Position(90) };
        Item { place: Position(to), note: Note::Taken(note) }
    }

    fn messages() -> Vec<Item> {
        let broadcast = || Recipient::Topic("broadcast".into());
        vec![
            message(7, "web", broadcast()),
            message(8, "web", Recipient::Party(party("api"))),
            message(9, "api", broadcast()),
            message(12, "web", Recipient::Unknown("nobody".into())),
        ]
    }

    #[test]
    fn a_run_reads_back_as_it_was_written() {
        assert_eq!(decode(&List::Messages, &encode(&messages())).unwrap(), messages());
        let (list, ranges) =
            (List::Taken(AgentId::of("default", "web"), Stage::Read), [taken(1, 5), taken(6, 6)]);
        assert_eq!(decode(&list, &encode(&ranges)).unwrap(), ranges);
        assert!(decode(&list, &encode(&messages())).is_err());
        assert!(decode(&List::Messages, &encode(&ranges)).is_err());
    }

    #[test]
    fn the_form_of_a_run_is_what_is_stored_everywhere() {
        let web = AgentId::of("default", "web");
        let expected = format!(
            r#"{{"v":1,"from":[["{web}","web"]],"to":[{{"topic":"broadcast"}}],"items":[[7,"00000000-0000-4000-8000-000000000007",0,0,"high",1000,null,400]]}}"#
        );
        assert_eq!(String::from_utf8(encode(&messages()[..1])).unwrap(), expected);
        let ranges = encode(&[taken(1, 5), taken(6, 6)]);
        assert_eq!(String::from_utf8(ranges).unwrap(), r#"{"v":1,"items":[[5,1,1000,90],[6,6,1000,90]]}"#);
    }

    #[test]
    fn what_is_no_run_is_refused() {
        for written in [
            "",
            "[]",
            r#"{"v":2,"from":[],"to":[],"items":[]}"#,
            r#"{"v":1,"from":[],"to":[],"items":[]}"#,
            r#"{"v":1,"from":[],"to":[],"items":[[7,"00000000-0000-4000-8000-000000000007",0,0,"high",1,null,4]]}"#,
        ] {
            assert!(decode(&List::Messages, written.as_bytes()).is_err(), "{written}");
        }
        let mut disordered = messages();
        disordered.swap(0, 1);
        assert!(matches!(decode(&List::Messages, &encode(&disordered)), Err(NotARun::Disorder)));
    }

    #[test]
    fn a_run_ends_where_something_may_come_to_stand_between() {
        let ranges = [taken(1, 5), taken(6, 6), taken(9, 12), taken(13, 20)];
        assert_eq!(runs(&ranges).map(<[_]>::len).collect::<Vec<_>>(), [2, 2]);
        assert_eq!(runs(&messages()).count(), 1);
        assert_eq!(runs(&[]).count(), 0);
    }

    #[test]
    fn a_run_has_so_many_items_at_most() {
        let many: Vec<_> =
            (1..=600).map(|place| message(place, "web", Recipient::Topic("t".into()))).collect();
        assert_eq!(runs(&many).map(<[_]>::len).collect::<Vec<_>>(), [256, 256, 88]);
    }
}
