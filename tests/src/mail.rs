//! The mailboxes that are left, held against what the writers and readers of letters know.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;

use guildhall_faultdisk::{Image, Position as Moment};
use hall::{Hall, Workspace};
use model::mailboxes::Stage;
use model::{AgentId, Fact, Position, WorkspaceName};
use store::{Span, SqliteStore, Store};

use crate::judgement::events;
use crate::letters::Letter;
use crate::reading::{Reading, STAGES};

/// All messages that are kept, and how far each has come.
#[derive(Debug, Default)]
pub struct Mail {
    messages: Vec<Message>,
}

/// A message that is kept.
#[derive(Debug, Clone)]
struct Message {
    text: String,
    id: String,
    /// How it stands with each reader, by name.
    readers: BTreeMap<String, Standing>,
}

/// How a message stands with one reader.
#[derive(Debug, Clone, Copy)]
struct Standing {
    waits: bool,
    /// At which of the [`STAGES`] it is marked.
    marked: [bool; STAGES.len()],
}

/// What one reader's mailbox says, by places in the log.
struct Mailbox {
    waiting: HashSet<Position>,
    /// Of each of the [`STAGES`].
    taken: [Vec<(Position, Position)>; STAGES.len()],
}

// === impl Mail ===

impl Mail {
    /// Reads the mail among `names` from the databases of a server that does not run.
    ///
    /// # Errors
    /// Whatever does not go well.
    pub async fn open(data: &Path, names: &[String]) -> Result<Self, String> {
        let store = SqliteStore::open(data).map_err(|cause| format!("store: {cause}"))?;
        let store: Arc<dyn Store> = Arc::new(store);
        let hall = Hall::open(store.clone(), hall::Options::default()).await;
        let hall = hall.map_err(|cause| format!("hall: {cause}"))?;
        let name = WorkspaceName::default_workspace();
        let mail = match hall.workspace(&name) {
            Ok(workspace) => Self::read(&*store, &workspace, names).await,
            // The power went before there was one.
            Err(_) => Ok(Self::default()),
        };
        hall.close().await;
        mail
    }

    /// The same of what a power cut leaves.
    ///
    /// # Errors
    /// As [`Mail::open`].
    ///
    /// # Panics
    /// If there is no room for a home.
    pub async fn left_on(image: &Image, names: &[String]) -> Result<Self, String> {
        let home = tempfile::tempdir().expect("there is room for a home");
        image.write_to(home.path()).expect("there is room for a home");
        let data = home.path().join("data");
        std::fs::create_dir_all(&data).expect("there is room for a directory");
        Self::open(&data, names).await
    }

    async fn read(store: &dyn Store, workspace: &Workspace, names: &[String]) -> Result<Self, String> {
        let mut mailboxes = HashMap::new();
        for name in names {
            mailboxes.insert(name, Mailbox::read(workspace, name).await?);
        }
        let log = events(store, workspace.name()).await.map_err(|cause| format!("log: {cause}"))?;
        let mut messages = Vec::new();
        for recorded in &log {
            let Fact::MessageSent(message) = &recorded.event.fact else { continue };
            let standing = |name: &String| (name.clone(), mailboxes[name].standing(recorded.position));
            messages.push(Message {
                text: message.content.decode().into_owned(),
                id: message.id.as_str().to_owned(),
                readers: names.iter().map(standing).collect(),
            });
        }
        Ok(Self { messages })
    }

    /// What is wrong with this mail, given what was known at a moment of the disk.
    pub fn faults(&self, letters: &[Letter], by: Moment) -> Vec<String> {
        let mut faults = Vec::new();
        let mut kept: HashMap<&str, &Message> = HashMap::new();
        for message in &self.messages {
            if kept.insert(&message.text, message).is_some() {
                faults.push(format!("twice: {}", short(&message.text)));
            }
        }
        for letter in letters {
            let name = short(&letter.text);
            let Some(message) = kept.remove(&*letter.text) else {
                if letter.durable.is_some_and(|since| since <= by) {
                    faults.push(format!("kept once, and lost: {name}"));
                }
                continue;
            };
            if letter.id.as_ref().is_some_and(|id| *id != message.id) {
                faults.push(format!("{name} has another id than it was shown by"));
            }
            for (reader, reading) in &letter.readers {
                let wrong = message.readers.get(reader).and_then(|standing| standing.wrong(reading, by));
                faults.extend(wrong.map(|wrong| format!("{name}, with {reader}: {wrong}")));
            }
        }
        faults.extend(kept.into_keys().map(|text| format!("nobody wrote {}", short(text))));
        faults
    }
}

// === impl Standing ===

impl Standing {
    /// What is wrong with it, if anything is.
    fn wrong(self, reading: &Reading, by: Moment) -> Option<String> {
        let Self { waits, marked } = self;
        let checks = [
            (!waits && !reading.may_be_had(by), "not offered any more, without evidence"),
            (waits && reading.must_be_had(by), "offered again after its evidence"),
            (waits == marked.contains(&true), "it waits and was had, or neither"),
        ];
        if let Some((_, what)) = checks.into_iter().find(|(is_wrong, _)| *is_wrong) {
            return Some(what.to_owned());
        }
        STAGES.into_iter().zip(marked).find_map(|(stage, is_marked)| {
            let known = reading.of(stage);
            match is_marked {
                true if !known.may(by) => Some(format!("marked {stage:?} without evidence")),
                false if known.must(by) => Some(format!("was {stage:?}, and is not marked")),
                _ => None,
            }
        })
    }
}

// === impl Mailbox ===

impl Mailbox {
    async fn read(workspace: &Workspace, name: &str) -> Result<Self, String> {
        let agent = AgentId::of(workspace.name().as_str(), name);
        let waiting = workspace.waiting(&agent).await.map_err(|cause| format!("{name}: {cause}"))?;
        Ok(Self {
            waiting: waiting.messages.into_iter().map(|(place, _)| place).collect(),
            taken: [
                taken(workspace, &agent, STAGES[0]).await?,
                taken(workspace, &agent, STAGES[1]).await?,
                taken(workspace, &agent, STAGES[2]).await?,
            ],
        })
    }

    fn standing(&self, place: Position) -> Standing {
        let within = |ranges: &[(Position, Position)]| {
            // They never overlap, and stand in order.
            let range = ranges.get(ranges.partition_point(|(_, last)| *last < place));
            range.is_some_and(|(first, _)| *first <= place)
        };
        Standing {
            waits: self.waiting.contains(&place),
            marked: self.taken.each_ref().map(|ranges| within(ranges)),
        }
    }
}

/// The ranges that a reader took.
async fn taken(
    workspace: &Workspace,
    agent: &AgentId,
    stage: Stage,
) -> Result<Vec<(Position, Position)>, String> {
    let most = hall::limits::LIST_PAGE;
    let (mut ranges, mut after) = (Vec::new(), Position::START);
    loop {
        let span = Span { after, before: None, most, newest_first: false };
        let page = workspace.taken(agent, stage, span).await.map_err(|cause| format!("{agent}: {cause}"))?;
        ranges.extend(page.iter().map(|(place, taken)| (taken.from, *place)));
        match page.last() {
            Some((last, _)) if page.len() == most => after = *last,
            _ => return Ok(ranges),
        }
    }
}

/// The beginning of a text, which names it.
fn short(text: &str) -> String {
    text.chars().take(24).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::letters::To;
    use crate::reading::Known;

    const WAITS: Standing = Standing { waits: true, marked: [false, false, false] };
    const HAD: Standing = Standing { waits: false, marked: [true, false, false] };
    const IN_CONTEXT: Standing = Standing { waits: false, marked: [true, true, false] };
    const READ: Standing = Standing { waits: false, marked: [true, false, true] };

    fn known(possible: bool, certain: bool) -> Known {
        let now = Moment::default();
        Known { possible: possible.then_some(now), certain: certain.then_some(now) }
    }

    fn letter(delivered: Known, in_context: Known, read: Known) -> Letter {
        let had = [delivered, in_context, read].iter().find_map(|known| known.certain);
        Letter {
            from: "web".into(),
            to: To::One("api".into()),
            text: "letter 0 ".into(),
            id: Some("one".into()),
            durable: Some(Moment::default()),
            readers: [("api".to_owned(), Reading { delivered, in_context, read, had })].into(),
        }
    }

    fn kept(text: &str, id: &str, standing: Standing) -> Message {
        Message { text: text.into(), id: id.into(), readers: [("api".to_owned(), standing)].into() }
    }

    fn faults(messages: &[Message], letter: Letter) -> usize {
        Mail { messages: messages.to_vec() }.faults(&[letter], Moment::default()).len()
    }

    #[test]
    fn a_letter_is_missed_when_it_is_gone_and_noticed_when_it_is_another() {
        let unread = || letter(Known::default(), Known::default(), Known::default());
        assert_eq!(faults(&[kept("letter 0 ", "one", WAITS)], unread()), 0);
        assert_eq!(faults(&[], unread()), 1, "lost");
        assert_eq!(faults(&[], Letter { durable: None, ..unread() }), 0, "nobody knew that it was kept");
        assert_eq!(faults(&[kept("letter 0 ", "two", WAITS)], unread()), 1, "another id");
        let twice = [kept("letter 0 ", "one", WAITS), kept("letter 0 ", "one", WAITS)];
        assert_eq!(faults(&twice, unread()), 1, "twice");
        let more = [kept("letter 0 ", "one", WAITS), kept("what nobody wrote", "two", WAITS)];
        assert_eq!(faults(&more, unread()), 1, "one too many");
    }

    #[test]
    fn it_is_to_wait_until_there_is_evidence_and_be_marked_no_further() {
        let (never, perhaps, surely) = (known(false, false), known(true, false), known(true, true));
        // By what is known of each stage: whether it may wait, be delivered, be in context besides, be read besides.
        let cases = [
            ([never, never, never], [true, false, false, false]),
            ([perhaps, never, never], [true, true, false, false]),
            ([surely, never, never], [false, true, false, false]),
            ([surely, perhaps, never], [false, true, true, false]),
            ([surely, surely, never], [false, false, true, false]),
            ([surely, never, perhaps], [false, true, false, true]),
            ([surely, never, surely], [false, false, false, true]),
            ([never, perhaps, never], [true, false, false, false]),
        ];
        for ([delivered, in_context, read], may) in cases {
            for (standing, may) in [WAITS, HAD, IN_CONTEXT, READ].into_iter().zip(may) {
                let found =
                    faults(&[kept("letter 0 ", "one", standing)], letter(delivered, in_context, read));
                assert_eq!(found == 0, may, "{delivered:?}, {in_context:?}, {read:?}: {standing:?}");
            }
        }
        let nowhere = Standing { waits: false, ..WAITS };
        assert_eq!(
            faults(&[kept("letter 0 ", "one", nowhere)], letter(perhaps, never, never)),
            1,
            "neither waits nor was had"
        );
    }
}
