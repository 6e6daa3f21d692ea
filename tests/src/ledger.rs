//! What the outside world knows: what was asked of the server, what it promised, and what it has shown.
//!
//! Every deed has a text of its own, never used again. So the text names the deed wherever it turns up.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use guildhall_faultdisk::Position;
use model::Fact;
use serde_json::Value;

/// The text after which followers are done: on every feed, and no deed.
pub(crate) const LAST: &str = "the last";

/// What kind of event a deed makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A key was given a value.
    Share,
    /// A question was put.
    Ask,
    /// A question was answered.
    Answer,
    /// A decision was written down.
    Decide,
}

/// Something that was asked of the server.
#[derive(Debug, Clone)]
pub struct Deed {
    /// What.
    pub kind: Kind,
    /// Its text.
    pub text: String,
    /// What became of it, as far as the client knows.
    pub outcome: Outcome,
}

impl Deed {
    /// Where the disk stood when its acknowledgement had arrived, if it has.
    pub fn seen(&self) -> Option<Position> {
        match self.outcome {
            Outcome::Acknowledged { seen, .. } => seen,
            Outcome::Unknown | Outcome::Refused => None,
        }
    }
}

/// What a client knows of its deed.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// Nothing: the answer never came, or was that nobody knows.
    Unknown,
    /// It was acknowledged.
    Acknowledged {
        /// The id of what it made, if the reply has one.
        id: Option<String>,
        /// Where the disk stood when the reply had arrived.
        seen: Option<Position>,
    },
    /// The server said that nothing was written.
    Refused,
}

/// Something that the server showed.
#[derive(Debug, Clone)]
pub struct Shown {
    /// The text of the deed.
    pub text: String,
    /// The event's position, if it was told.
    pub position: Option<u64>,
    /// Where the disk stood then.
    pub seen: Option<Position>,
}

/// The list itself, shared by all clients of a story.
pub struct Ledger {
    next: AtomicU64,
    deeds: Mutex<Vec<Deed>>,
    shown: Mutex<Vec<Shown>>,
    disk: Box<dyn Fn() -> Option<Position> + Send + Sync>,
}

impl Ledger {
    /// A ledger for a server on an ordinary disk.
    #[allow(clippy::new_without_default, reason = "a ledger is not a neutral value")]
    pub fn new() -> Self {
        Self::with_disk(|| None)
    }

    /// A ledger that notes where the disk stands.
    pub fn with_disk(disk: impl Fn() -> Option<Position> + Send + Sync + 'static) -> Self {
        Self {
            next: AtomicU64::new(0),
            deeds: Mutex::default(),
            shown: Mutex::default(),
            disk: Box::new(disk),
        }
    }

    /// Takes over the deeds of an earlier life of the same log.
    ///
    /// # Panics
    /// If another user of the ledger has.
    pub fn remember(&self, before: Vec<Deed>) {
        let mut deeds = self.deeds.lock().expect("nothing panics while it is held");
        // Numbered on from there: texts stay unique.
        self.next.fetch_add(before.len() as u64, Ordering::Relaxed);
        deeds.extend(before);
    }

    /// Notes a deed before it is sent. Returns its number, and its text, of about `length` bytes.
    ///
    /// # Panics
    /// If another user of the ledger has.
    pub fn intend(&self, kind: Kind, length: usize) -> (usize, String) {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let mut text = format!("deed {number} ");
        while text.len() < length {
            // Nothing in it repeats, so that bytes in the wrong place are noticed.
            text.push_str(&format!(
                "{:x}.",
                number.wrapping_mul(0x9e37_79b9).wrapping_add(text.len() as u64)
            ));
        }
        let mut deeds = self.deeds.lock().expect("nothing panics while it is held");
        deeds.push(Deed { kind, text: text.clone(), outcome: Outcome::Unknown });
        (deeds.len() - 1, text)
    }

    /// Notes that the server acknowledged a deed, now.
    ///
    /// # Panics
    /// If the reply is about something else.
    pub fn acknowledge(&self, number: usize, reply: &Value) {
        let seen = (self.disk)();
        let mut deeds = self.deeds.lock().expect("nothing panics while it is held");
        let deed = &mut deeds[number];
        let told = match deed.kind {
            Kind::Share => &reply["value"],
            Kind::Ask => &reply["question"],
            Kind::Answer => &reply["answer"],
            Kind::Decide => &reply["decision"],
        };
        assert_eq!(told.as_str(), Some(&*deed.text), "a reply about another deed");
        // A key's id is that of its first version, by whomever.
        let id = if deed.kind == Kind::Share { None } else { reply["id"].as_str().map(str::to_owned) };
        deed.outcome = Outcome::Acknowledged { id, seen };
    }

    /// Notes that the server said nothing was written.
    ///
    /// # Panics
    /// If another user of the ledger has.
    pub fn refuse(&self, number: usize) {
        self.deeds.lock().expect("nothing panics while it is held")[number].outcome = Outcome::Refused;
    }

    /// Notes that the server showed a deed, now.
    ///
    /// # Panics
    /// If another user of the ledger has.
    pub fn show(&self, text: String, position: Option<u64>) {
        let seen = (self.disk)();
        self.shown.lock().expect("nothing panics while it is held").push(Shown { text, position, seen });
    }

    /// All deeds.
    ///
    /// # Panics
    /// If another user of the ledger has.
    pub fn deeds(&self) -> Vec<Deed> {
        self.deeds.lock().expect("nothing panics while it is held").clone()
    }

    /// Everything shown.
    ///
    /// # Panics
    /// If another user of the ledger has.
    pub fn shown(&self) -> Vec<Shown> {
        self.shown.lock().expect("nothing panics while it is held").clone()
    }

    /// How many deeds were acknowledged.
    ///
    /// # Panics
    /// If another user of the ledger has.
    pub fn acknowledged(&self) -> usize {
        let deeds = self.deeds.lock().expect("nothing panics while it is held");
        deeds.iter().filter(|deed| matches!(deed.outcome, Outcome::Acknowledged { .. })).count()
    }
}

/// The deed that an event came of, and the id of what it is about; `None` for events that no writer here causes.
pub fn deed_of(fact: &Fact) -> Option<(Kind, String, &str)> {
    let deed = match fact {
        Fact::ContextShared(entry) => (Kind::Share, entry.value.decode().into_owned(), entry.id.as_str()),
        Fact::QuestionAsked(question) => {
            (Kind::Ask, question.text.decode().into_owned(), question.id.as_str())
        }
        Fact::QuestionAnswered(question) => match &question.status {
            model::questions::Status::Answered(answered) => {
                (Kind::Answer, answered.answer.decode().into_owned(), question.id.as_str())
            }
            _ => return None,
        },
        Fact::DecisionLogged(decision) => {
            (Kind::Decide, decision.decision.decode().into_owned(), decision.id.as_str())
        }
        _ => return None,
    };
    (deed.1 != LAST).then_some(deed)
}
