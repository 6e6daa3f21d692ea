//! Messages of one mailbox by their ids, newest first: whoever marks a message has usually just seen it.

use std::collections::{HashMap, HashSet};

use indexmap::IndexSet;
use model::mailboxes::Mailbox;
use model::marks::{Marks, Range};
use model::{AgentId, MessageId, Position};
use store::Span;

use super::lists::{Noted, Source};
use super::message;
use super::shown::Shown;
use super::waiting::Fetched;
use crate::error::HallError;
use crate::limits;
use crate::workspace::Workspace;

/// What was found of the messages asked for.
#[derive(Debug, Default)]
pub struct Found {
    /// How many of the ids, each as often as it was given, are of this mailbox.
    pub count: usize,
    /// How to say that the reader has had them.
    pub shown: Shown,
}

/// What a reader was handed last: whoever marks messages has mostly just been given them, out of turn perhaps, and they are
/// then found without looking for them.
#[derive(Debug, Default)]
pub struct Handed {
    /// In the order of the log: where each stands, its id, and whose it is.
    messages: Vec<(Position, MessageId, AgentId)>,
    /// Within each of these, these are all there is to this reader.
    ranges: Vec<Range>,
}

/// One list of a mailbox, read backwards.
struct Backwards {
    source: Source,
    before: Option<Position>,
}

// === impl Handed ===

impl Handed {
    /// What was fetched.
    pub fn of(fetched: &Fetched) -> Self {
        let messages = fetched.messages.iter().filter_map(|entry| Some((entry.position(), message(entry)?)));
        let mut messages: Vec<_> =
            messages.map(|(place, message)| (place, message.id.clone(), message.from.id.clone())).collect();
        messages.sort_unstable_by_key(|(place, ..)| *place);
        Self { messages, ranges: fetched.receipt.ranges.clone() }
    }

    /// Those among them that are wanted, which are then wanted no more.
    fn find(&self, wanted: &mut HashMap<&str, usize>) -> Found {
        let (mut found, mut messages) = (Found::default(), self.messages.iter().peekable());
        let mut marks = Marks::default();
        for (from, to) in &self.ranges {
            let mut before = Position(from.0.saturating_sub(1));
            while let Some((place, id, sender)) = messages.next_if(|(place, ..)| place <= to) {
                if let Some(times) = wanted.remove(id.as_str()) {
                    found.count += times;
                    found.shown.senders.push(sender.clone());
                    marks.insert((before.next(), *place));
                }
                before = *place;
            }
        }
        found.shown.ranges = marks.ranges().to_vec();
        found
    }
}

// === impl Workspace ===

impl Workspace {
    /// Looks for messages in a reader's mailbox: by where they stand, and by their ids. For ids it looks first among what the
    /// reader was handed last, if that is known; then among all that wait; then among what was taken last, and among what came
    /// last, of either [`limits::MAILBOX_PAGES`] pages of each list.
    ///
    /// # Errors
    /// If the mailbox cannot be read.
    pub async fn find_messages(
        &self,
        reader: &AgentId,
        ids: &[String],
        places: &[Position],
        handed: &Handed,
    ) -> Result<Found, HallError> {
        let Some(mailbox) = self.mailbox(reader) else { return Ok(Found::default()) };
        let mut wanted: HashMap<&str, usize> = HashMap::new();
        ids.iter().for_each(|id| *wanted.entry(id).or_default() += 1);
        let mut found = at(self, reader, &mailbox, places).await?;
        let just_now = handed.find(&mut wanted);
        found.count += just_now.count;
        found.shown.join(just_now.shown);
        if wanted.is_empty() {
            return Ok(found);
        }
        let waiting = self.waiting(reader).await?;
        let among: HashSet<Position> = (waiting.messages.iter())
            .filter_map(|(place, item)| wanted.remove(item.id.as_str()).map(|times| (*place, times)))
            .map(|(place, times)| {
                found.count += times;
                place
            })
            .collect();
        found.shown.join(waiting.receipt(&among));
        for before in [waiting.low.next(), waiting.end.next()] {
            if wanted.is_empty() {
                break;
            }
            let more = look_back(self, reader, &mailbox, before, &mut wanted).await?;
            found.count += more.count;
            found.shown.join(more.shown);
        }
        Ok(found)
    }
}

/// The messages of a mailbox that stand at these places.
async fn at(
    workspace: &Workspace,
    reader: &AgentId,
    mailbox: &Mailbox,
    places: &[Position],
) -> Result<Found, HallError> {
    let mut found = Found::default();
    for place in places {
        let Some(message) = workspace.message_at(*place).await? else { continue };
        if mailbox.is_for(reader, *place, &message) {
            found.count += 1;
            found
                .shown
                .join(Shown { ranges: vec![(*place, *place)], senders: vec![message.from.id.clone()] });
        }
    }
    Ok(found)
}

/// Looks for ids before a place, newest first; takes out of those that are wanted what it has found.
async fn look_back(
    workspace: &Workspace,
    reader: &AgentId,
    mailbox: &Mailbox,
    before: Position,
    wanted: &mut HashMap<&str, usize>,
) -> Result<Found, HallError> {
    let backwards = |source| Backwards { source, before: Some(before) };
    let mut sources: Vec<_> = Source::of(reader, mailbox).into_iter().map(backwards).collect();
    let mut known: Vec<Noted> = Vec::new();
    // Behind this place every message of the mailbox is known.
    let mut floor = Position::START;
    for _ in 0..limits::MAILBOX_PAGES {
        let mut exhausted = Vec::new();
        for source in sources {
            exhausted.extend(source.read(workspace, reader, &mut known).await?);
        }
        sources = exhausted;
        floor = sources.iter().filter_map(|source| source.before).max().unwrap_or(Position::START);
        let reached =
            known.iter().filter(|(place, item)| *place > floor && wanted.contains_key(item.id.as_str()));
        if sources.is_empty() || reached.count() == wanted.len() {
            break;
        }
    }
    known.retain(|(place, _)| *place > floor);
    known.sort_unstable_by_key(|(place, _)| *place);
    let found = mark(&known, floor, wanted);
    for (_, item) in &known {
        wanted.remove(item.id.as_str());
    }
    Ok(found)
}

/// Between a message and the one before it lies nothing to this reader, so what is marked one by one becomes one range.
fn mark(known: &[Noted], floor: Position, wanted: &HashMap<&str, usize>) -> Found {
    let (mut count, mut ranges, mut senders) = (0, Vec::<Range>::new(), IndexSet::new());
    let mut before = floor;
    for (place, item) in known {
        if let Some(times) = wanted.get(item.id.as_str()) {
            count += times;
            senders.insert(item.from.id.clone());
            match ranges.last_mut().filter(|last| last.1 == before) {
                Some(last) => last.1 = *place,
                None => ranges.push((before.next(), *place)),
            }
        }
        before = *place;
    }
    Found { count, shown: Shown { ranges, senders: senders.into_iter().collect() } }
}

impl Backwards {
    /// Reads one more page; gives itself back if there may be more.
    async fn read(
        mut self,
        workspace: &Workspace,
        reader: &AgentId,
        known: &mut Vec<Noted>,
    ) -> Result<Option<Self>, HallError> {
        let most = limits::LIST_PAGE;
        let span = Span { after: self.source.since, before: self.before, most, newest_first: true };
        let page = workspace.messages(&self.source.list, span).await?;
        let whole = page.len() == most;
        self.before = page.last().map(|(place, _)| *place);
        known.extend(page.into_iter().filter(|(_, item)| self.source.is_for(reader, item)));
        Ok(whole.then_some(self))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use model::Timestamp;
    use model::lists::MessageItem;
    use model::messages::{Party, Priority, Recipient};

    use super::*;

    fn id(n: u64) -> String {
        format!("00000000-0000-4000-8000-{n:012}")
    }

    /// A message of the mailbox at each of these places, its id made of the place.
    fn known(places: &[u64]) -> Vec<Noted> {
        let web = Party { id: AgentId::of("default", "web"), name: "web".into() };
        let item = |place: &u64| MessageItem {
            id: MessageId::parse(&id(*place)).expect("a UUID"),
            from: web.clone(),
            to: Recipient::Party(web.clone()),
            priority: Priority::Normal,
            sent_at: Timestamp::default(),
            expires_at: None,
            bytes: 0,
        };
        places.iter().map(|place| (Position(*place), Arc::new(item(place)))).collect()
    }

    fn ranges(places: &[u64], floor: u64, marked: &[u64]) -> (usize, Vec<(u64, u64)>) {
        let ids: Vec<_> = marked.iter().map(|place| id(*place)).collect();
        let mut wanted = HashMap::new();
        ids.iter().for_each(|id| *wanted.entry(&**id).or_default() += 1);
        let found = mark(&known(places), Position(floor), &wanted);
        (found.count, found.shown.ranges.iter().map(|(from, to)| (from.0, to.0)).collect())
    }

    #[test]
    fn a_range_reaches_back_to_the_message_before() {
        assert_eq!(ranges(&[10, 20, 30], 0, &[10]), (1, vec![(1, 10)]));
        assert_eq!(ranges(&[10, 20, 30], 0, &[20]), (1, vec![(11, 20)]));
        assert_eq!(ranges(&[10, 20, 30], 0, &[30, 10]), (2, vec![(1, 10), (21, 30)]));
        assert_eq!(ranges(&[10, 20, 30], 0, &[10, 20, 30, 20]), (4, vec![(1, 30)]));
    }

    #[test]
    fn and_no_further_than_is_known() {
        assert_eq!(ranges(&[20, 30], 15, &[20]), (1, vec![(16, 20)]));
        assert_eq!(ranges(&[20, 30], 15, &[10]), (0, vec![]));
    }
}
