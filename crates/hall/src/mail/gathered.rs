//! What waits for readers who are far behind, kept while they read it page by page: to look through all their lists anew
//! for each page would cost with the square of it.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard};

use model::AgentId;
use model::mailboxes::Mailbox;

use super::waiting::Waiting;
use crate::limits;

/// Of the readers who looked last, the newest last. Each is whole up to its end.
#[derive(Debug, Default)]
pub(crate) struct Gathered(Mutex<VecDeque<(AgentId, Waiting)>>);

impl Gathered {
    /// What was gathered for a reader, to go on from its end; none if its topics were others then. It is to be given back
    /// by [`Gathered::keep`].
    pub(super) fn take(&self, reader: &AgentId, mailbox: &Mailbox) -> Option<Waiting> {
        let mut kept = self.kept();
        let index = kept.iter().position(|(whose, _)| whose == reader)?;
        let (_, waiting) = kept.remove(index)?;
        waiting.mailbox.follows().eq(mailbox.follows()).then_some(waiting)
    }

    /// Keeps what was gathered for a reader, if that is neither little nor too much.
    pub(super) fn keep(&self, reader: &AgentId, waiting: &Waiting) {
        if !(limits::GATHERED_FROM..=limits::GATHERED_TO).contains(&waiting.messages.len()) {
            return;
        }
        let mut kept = self.kept();
        kept.retain(|(whose, _)| whose != reader);
        kept.push_back((reader.clone(), waiting.clone()));
        if kept.len() > limits::GATHERED_READERS {
            kept.pop_front();
        }
    }

    fn kept(&self) -> MutexGuard<'_, VecDeque<(AgentId, Waiting)>> {
        self.0.lock().expect("nothing panics while it is held")
    }
}
