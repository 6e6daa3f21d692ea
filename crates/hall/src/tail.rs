//! The newest events in memory, for followers that keep up.

use std::collections::VecDeque;
use std::sync::{Arc, RwLock};

use model::Position;

use crate::entry::Entry;
use crate::limits;

/// The end of a log, bounded in events and bytes.
#[derive(Default)]
pub(crate) struct Tail {
    entries: RwLock<Kept>,
}

#[derive(Default)]
struct Kept {
    entries: VecDeque<Arc<Entry>>,
    bytes: usize,
}

impl Tail {
    pub(crate) fn push(&self, new: &[Arc<Entry>]) {
        let mut kept = self.entries.write().expect("pushing does not panic");
        for entry in new {
            kept.bytes += entry.weight();
            kept.entries.push_back(entry.clone());
        }
        while kept.entries.len() > limits::TAIL_EVENTS || kept.bytes > limits::TAIL_BYTES {
            match kept.entries.pop_front() {
                Some(old) => kept.bytes -= old.weight(),
                None => break,
            }
        }
    }

    /// One page of what follows `after`; `None` if that is no longer, or not yet, in memory.
    pub(crate) fn page(&self, after: Position) -> Option<Vec<Arc<Entry>>> {
        let kept = self.entries.read().expect("pushing does not panic");
        let first = kept.entries.front()?.position();
        let skip = usize::try_from(after.next().0.checked_sub(first.0)?).ok()?;
        let mut bytes = 0;
        let page = kept.entries.iter().skip(skip).take(limits::PAGE_EVENTS).take_while(|entry| {
            let first = bytes == 0;
            bytes += entry.weight();
            first || bytes <= limits::PAGE_BYTES
        });
        let page: Vec<_> = page.cloned().collect();
        (!page.is_empty()).then_some(page)
    }

    /// The event at a position, if it is still in memory.
    pub(crate) fn get(&self, position: Position) -> Option<Arc<Entry>> {
        let kept = self.entries.read().expect("pushing does not panic");
        let first = kept.entries.front()?.position();
        kept.entries.get(usize::try_from(position.0.checked_sub(first.0)?).ok()?).cloned()
    }
}
