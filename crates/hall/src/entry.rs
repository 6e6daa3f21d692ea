//! A committed event as readers share it.

use std::any::TypeId;
use std::fmt;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use model::event::Recorded;
use model::messages::Recipient;
use model::roster::Membership;
use model::{Fact, Position};

/// One committed event, with whatever forms doors have encoded it in: each is made once and shared by all sockets.
pub struct Entry {
    recorded: Recorded,
    roster: Option<Arc<[Arc<Membership>]>>,
    weight: usize,
    encodings: Mutex<Vec<(TypeId, Bytes)>>,
}

impl Entry {
    pub(crate) fn new(recorded: Recorded, roster: Option<Arc<[Arc<Membership>]>>, weight: usize) -> Self {
        // The roster is shared; what doors make of it, once for each event, is not.
        let listed = |member: &Arc<Membership>| member.name.len() + member.repo_path.len() + 200;
        // Counted before it is made, since the sums of the tail must not change under it. A form says what the event
        // says, so it is about as large; what is for one reader has none that is kept.
        let encoded = match &recorded.event.fact {
            Fact::MessageSent(message) if matches!(message.to, Recipient::Party(_)) => 0,
            Fact::MessageDied(_) | Fact::MessagesTaken(_) => 0,
            _ => weight + 256,
        };
        let listed = roster.as_ref().map_or(0, |roster| roster.iter().map(listed).sum());
        let weight = weight + encoded + listed + 256;
        Self { recorded, roster, weight, encodings: Mutex::default() }
    }

    /// Its place in the log.
    pub fn position(&self) -> Position {
        self.recorded.position
    }

    /// The event at its place.
    pub fn recorded(&self) -> &Recorded {
        &self.recorded
    }

    /// What happened.
    pub fn fact(&self) -> &Fact {
        &self.recorded.event.fact
    }

    /// Who was here after this event, in joining order. Only for a change of the roster, and only while it is fresh:
    /// an event read back from the store has none.
    pub fn roster(&self) -> Option<&Arc<[Arc<Membership>]>> {
        self.roster.as_ref()
    }

    /// About how many bytes it holds on to, with what doors keep in it.
    pub(crate) fn weight(&self) -> usize {
        self.weight
    }

    /// This event in the form `F`, which `encode` makes the first time. `F` only names the form.
    pub fn encoded<F: 'static>(&self, encode: impl FnOnce(&Self) -> Bytes) -> Bytes {
        let form = TypeId::of::<F>();
        let find = |made: &[(TypeId, Bytes)]| {
            made.iter().find(|(of, _)| *of == form).map(|(_, bytes)| bytes.clone())
        };
        if let Some(bytes) = find(&self.encodings.lock().expect("no form panics while it is kept")) {
            return bytes;
        }
        // Two readers may encode at once; that costs time, and the first to finish is kept.
        let fresh = encode(self);
        let mut made = self.encodings.lock().expect("no form panics while it is kept");
        if let Some(bytes) = find(&made) {
            return bytes;
        }
        made.push((form, fresh.clone()));
        fresh
    }
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Entry").field(&self.recorded).finish()
    }
}
