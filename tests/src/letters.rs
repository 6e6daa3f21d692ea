//! What the writers and readers of messages know: what was written, from when on it must be kept, what each reader was
//! shown of it, and what the server can have learned of that.
//!
//! Each letter has a text of its own, so the text names it wherever it turns up. Moments are those of the disk, where one
//! is recorded; elsewhere all are the same one, and everything that has happened is due.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard};

use guildhall_faultdisk::Position as Moment;
use model::AgentId;
use model::mailboxes::Stage;
use serde_json::{Value, json};

use crate::dice::Dice;
use crate::reading::{Reading, STAGES};

/// For whom a letter is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum To {
    /// One reader.
    One(String),
    /// All but its writer.
    Everybody,
}

/// A message.
#[derive(Debug, Clone)]
pub struct Letter {
    /// Its writer's name.
    pub from: String,
    /// Its readers.
    pub to: To,
    /// Its text.
    pub text: String,
    /// Its id, once anybody was shown it.
    pub id: Option<String>,
    /// Since when somebody has known that it is kept: its writer by a later reply, or a reader who was shown it.
    pub durable: Option<Moment>,
    /// By the readers' names.
    pub readers: BTreeMap<String, Reading>,
}

/// All letters, shared by all who write and read.
pub struct Letters {
    names: Vec<String>,
    book: Mutex<Book>,
    disk: Box<dyn Fn() -> Moment + Send + Sync>,
}

#[derive(Default)]
struct Book {
    letters: Vec<Letter>,
    /// Each once, however often it was met.
    faults: BTreeSet<String>,
}

/// The number of the letter with this text.
pub(crate) fn number_of(text: &str) -> Option<usize> {
    text.strip_prefix("letter ")?.split(' ').next()?.parse().ok()
}

fn fault(faults: &mut BTreeSet<String>, what: String) {
    faults.insert(what);
}

// === impl Letters ===

impl Letters {
    /// No letters yet, among these; on an ordinary disk.
    pub fn among(names: Vec<String>) -> Self {
        Self::with_disk(names, Moment::default)
    }

    /// The same, with a note of where the disk stands.
    pub fn with_disk(names: Vec<String>, disk: impl Fn() -> Moment + Send + Sync + 'static) -> Self {
        Self { names, book: Mutex::default(), disk: Box::new(disk) }
    }

    /// Everybody.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().expect("nothing panics while it is held")
    }

    /// Notes a letter before it is sent: its number, and its text, of about `length` bytes.
    fn write(&self, from: &str, to: To, length: usize) -> (usize, String) {
        let mut book = self.book();
        let number = book.letters.len();
        let mut text = format!("letter {number} ");
        while text.len() < length {
            // Nothing in it repeats, so that bytes in the wrong place are noticed.
            text.push_str(&format!("{:x}.", (number + 1).wrapping_mul(0x9e37_79b9).wrapping_add(text.len())));
        }
        let readers: Vec<&String> = match &to {
            To::One(reader) => vec![reader],
            To::Everybody => self.names.iter().filter(|name| *name != from).collect(),
        };
        let readers = readers.into_iter().map(|name| (name.clone(), Reading::default())).collect();
        let from = from.to_owned();
        book.letters.push(Letter { from, to, text: text.clone(), id: None, durable: None, readers });
        (number, text)
    }

    /// Notes some letters to anybody: their numbers, and what is to be sent of them, which both doors take alike.
    pub(crate) fn some(&self, from: &str, dice: &mut Dice) -> Vec<(usize, Value)> {
        let count = 1 + dice.below(6);
        let letter = |_| {
            let (to, address) = match dice.below(10) {
                0 => (To::Everybody, "broadcast"),
                _ => {
                    let name = &self.names[dice.below(self.names.len() as u64) as usize];
                    (To::One(name.clone()), &**name)
                }
            };
            // One in a hundred is large enough to be kept apart from its event.
            let length = if dice.below(100) == 0 { 20_000 } else { 30 + dice.below(400) };
            let (number, text) = self.write(from, to, length as usize);
            let priority = ["high", "normal", "low"][dice.below(3) as usize];
            (number, json!({ "to": address, "content": text, "priority": priority }))
        };
        (0..count).map(letter).collect()
    }

    /// Their writer has a later reply.
    pub fn durable(&self, numbers: &[usize]) {
        let now = (self.disk)();
        let mut book = self.book();
        for number in numbers {
            book.letters[*number].durable.get_or_insert(now);
        }
    }

    /// What a reader must be offered.
    pub fn due(&self, reader: &str) -> BTreeSet<usize> {
        let now = (self.disk)();
        let book = self.book();
        let due = book.letters.iter().enumerate().filter(|(_, letter)| {
            let reading = letter.readers.get(reader);
            letter.durable.is_some() && reading.is_some_and(|reading| !reading.may_be_had(now))
        });
        due.map(|(number, _)| number).collect()
    }

    /// A reader was shown a message; its number.
    pub fn shown(&self, reader: &str, message: &Value) -> Option<usize> {
        let now = (self.disk)();
        let mut book = self.book();
        let found = book.shown(reader, message, now);
        found.map_err(|what| fault(&mut book.faults, what)).ok()
    }

    /// A reader asked for its messages when `due` were, and was offered these; their numbers.
    pub fn offered(&self, reader: &str, due: &BTreeSet<usize>, messages: &[Value]) -> Vec<usize> {
        let had: Vec<usize> = {
            let (now, book) = ((self.disk)(), self.book());
            let had = book.letters.iter().enumerate().filter(|(_, letter)| {
                letter.readers.get(reader).is_some_and(|reading| reading.must_be_had(now))
            });
            had.map(|(number, _)| number).collect()
        };
        let offered: Vec<_> = messages.iter().filter_map(|message| self.shown(reader, message)).collect();
        let distinct: BTreeSet<_> = offered.iter().copied().collect();
        let mut book = self.book();
        if distinct.len() != offered.len() {
            fault(&mut book.faults, format!("{reader} was offered a letter twice at once"));
        }
        book.faults.extend(
            due.difference(&distinct).map(|number| format!("{reader} was not offered letter {number}")),
        );
        let again = had.iter().filter(|number| distinct.contains(number));
        book.faults
            .extend(again.map(|number| format!("{reader} was offered letter {number} after its evidence")));
        offered
    }

    /// This moment.
    pub fn now(&self) -> Moment {
        (self.disk)()
    }

    /// From a moment on the server can learn that these have come to a stage. Gives those of them that it has to note as
    /// having come there once it has learned it: the others it may know to have come further.
    pub fn evident(&self, reader: &str, stage: Stage, numbers: &[usize], since: Moment) -> Vec<usize> {
        let mut sure = Vec::new();
        self.note(reader, numbers, |number, reading| {
            if !reading.may_be_further(stage, since) {
                sure.push(number);
            }
            reading.of_mut(stage).possible.get_or_insert(since);
        });
        sure
    }

    /// Of these those of which the server cannot know yet that they have come to a stage, or further.
    pub(crate) fn news(&self, reader: &str, stage: Stage, numbers: &[usize]) -> Vec<usize> {
        let now = self.now();
        let book = self.book();
        let is_news = |number: &&usize| {
            let reading = &book.letters[**number].readers[reader];
            !reading.of(stage).may(now) && !reading.may_be_further(stage, now)
        };
        numbers.iter().filter(is_news).copied().collect()
    }

    /// The server has learned that these were had: it has answered something later. `sure` are those of them that have come
    /// to the stage by that, as [`Letters::evident`] gave them.
    pub fn proved(&self, reader: &str, stage: Stage, numbers: &[usize], sure: &[usize]) {
        let now = self.now();
        self.note(reader, numbers, |_, reading| _ = reading.had.get_or_insert(now));
        self.note(reader, sure, |_, reading| _ = reading.of_mut(stage).certain.get_or_insert(now));
    }

    fn note(&self, reader: &str, numbers: &[usize], mut what: impl FnMut(usize, &mut Reading)) {
        let mut book = self.book();
        for number in numbers {
            let reading = book.letters[*number].readers.get_mut(reader);
            what(*number, reading.expect("a reader is shown what is for it"));
        }
    }

    /// A writer was told live how far a letter has come: it must not be too far, and cannot be taken back.
    pub fn told(&self, receipt: &Value) {
        let now = (self.disk)();
        let mut book = self.book();
        let (id, to) = (receipt["messageId"].as_str(), receipt["to"].as_str().unwrap_or_default());
        let is_read = receipt["status"] == "read";
        let Book { letters, faults } = &mut *book;
        let Some(letter) = letters.iter_mut().find(|letter| letter.id.as_deref() == id) else {
            return fault(faults, format!("a receipt for a letter that nobody was shown: {receipt}"));
        };
        let reader = self.names.iter().find(|name| AgentId::of("default", name).as_str() == to);
        let Some(reader) = reader else {
            // A broadcast that was read: it is not said by whom.
            if !letter.readers.values().any(|reading| reading.read.may(now)) {
                fault(faults, format!("nobody has read what was told to be read: {receipt}"));
            }
            return;
        };
        let Some(reading) = letter.readers.get_mut(reader) else {
            return fault(faults, format!("{reader} is no reader of it: {receipt}"));
        };
        if !(if is_read { reading.read.may(now) } else { reading.may_be_had(now) }) {
            fault(faults, format!("told without evidence from {reader}: {receipt}"));
        }
        reading.had.get_or_insert(now);
        // What is told to be delivered may have come further: there is no frame for what lies between.
        if is_read {
            reading.read.certain.get_or_insert(now);
        }
    }

    /// A writer asked how far its letters have come.
    pub fn receipts(&self, receipts: &[Value]) {
        let now = (self.disk)();
        let mut book = self.book();
        let Book { letters, faults } = &mut *book;
        for receipt in receipts {
            let id = receipt["id"].as_str();
            // One that nobody was shown is looked for among those that wait.
            let Some(letter) =
                letters.iter().find(|letter| letter.id.is_some() && letter.id.as_deref() == id)
            else {
                continue;
            };
            // Of several readers it is not said which.
            let any = |which: fn(&Reading, Moment) -> bool| {
                letter.readers.values().any(|reading| which(reading, now))
            };
            let (delivered, read) = (!receipt["deliveredAt"].is_null(), !receipt["readAt"].is_null());
            let said = receipt["status"].as_str().unwrap_or_default();
            let should = if read {
                "read"
            } else if delivered {
                "delivered"
            } else {
                "sent"
            };
            if said != should {
                fault(faults, format!("a status and times that differ: {receipt}"));
            }
            if (read && !any(|reading, by| reading.read.may(by))) || (delivered && !any(Reading::may_be_had))
            {
                fault(faults, format!("marked further than its evidence: {receipt}"));
            }
            let is_direct = letter.to != To::Everybody;
            if is_direct && !read && any(|reading, by| reading.read.must(by)) {
                fault(faults, format!("marked read, and not any more: {receipt}"));
            }
            let must_be_delivered =
                |reading: &Reading, by| reading.delivered.must(by) || reading.in_context.must(by);
            if is_direct
                && !delivered
                && letter.readers.values().any(|reading| must_be_delivered(reading, now))
            {
                fault(faults, format!("delivered, and not any more: {receipt}"));
            }
        }
    }

    /// At which of the [`STAGES`] a letter to one reader must be marked.
    pub(crate) fn progress(&self, number: usize) -> [bool; STAGES.len()] {
        let (now, book) = (self.now(), self.book());
        let letter = &book.letters[number];
        let is_direct = letter.to != To::Everybody;
        STAGES.map(|stage| is_direct && letter.readers.values().any(|reading| reading.of(stage).must(now)))
    }

    /// A writer asked how far a letter had come when it was `sure` that it had come so far.
    pub(crate) fn looked_at(&self, number: usize, sure: [bool; STAGES.len()], progress: &Value) {
        let now = self.now();
        let mut book = self.book();
        let Book { letters, faults } = &mut *book;
        let names = ["deliveredAt", "inContextAt", "readAt"];
        for ((stage, name), is_sure) in STAGES.into_iter().zip(names).zip(sure) {
            let is_marked = !progress[name].is_null();
            let may_be = letters[number].readers.values().any(|reading| reading.of(stage).may(now));
            if is_marked && !may_be {
                fault(faults, format!("letter {number} is marked further than its evidence: {progress}"));
            }
            if !is_marked && is_sure {
                fault(faults, format!("letter {number} has no {name}, or not any more: {progress}"));
            }
        }
    }

    /// A fault that somebody met.
    pub fn fault(&self, what: String) {
        fault(&mut self.book().faults, what);
    }

    /// What was wrong with what anybody was told so far.
    pub fn faults(&self) -> Vec<String> {
        self.book().faults.iter().cloned().collect()
    }

    /// All letters.
    pub fn letters(&self) -> Vec<Letter> {
        self.book().letters.clone()
    }

    /// How many are known to be kept.
    pub fn kept(&self) -> usize {
        self.book().letters.iter().filter(|letter| letter.durable.is_some()).count()
    }
}

// === impl Book ===

impl Book {
    fn shown(&mut self, reader: &str, message: &Value, now: Moment) -> Result<usize, String> {
        let text = message["content"].as_str().unwrap_or_default();
        let number = number_of(text);
        let short: String = text.chars().take(24).collect();
        let found = number.and_then(|number| Some((number, self.letters.get_mut(number)?)));
        let Some((number, letter)) = found.filter(|(_, letter)| letter.text == text) else {
            return Err(format!("{reader} was shown what nobody wrote: {short}"));
        };
        if !letter.readers.contains_key(reader) || message["fromName"] != *letter.from {
            return Err(format!(
                "{reader} was shown what is not for it, or not from {}: {short}",
                letter.from
            ));
        }
        letter.durable.get_or_insert(now);
        let id = message["id"].as_str().unwrap_or_default();
        if letter.id.get_or_insert_with(|| id.to_owned()) != id {
            return Err(format!("{short} came by two ids, the second to {reader}"));
        }
        Ok(number)
    }
}
