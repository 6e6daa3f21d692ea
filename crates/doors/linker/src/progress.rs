//! How far messages have come, by the marks of their readers: those of most are loaded once, not looked up for each message.

use std::collections::HashMap;
use std::sync::Arc;

use hall::{HallError, Workspace};
use model::lists::{List, MessageItem};
use model::mailboxes::{Mailbox, Stage, counts};
use model::messages::Recipient;
use model::{AgentId, Position, Timestamp};
use store::Span;

use crate::limits;
use crate::shown::recipient;
use crate::wire::frame::{ByPriority, Iso, Receipt, Stats, Status};

/// What readers took, from some place on.
struct Marks {
    after: Position,
    /// Of each reader and stage, in order.
    taken: HashMap<(AgentId, Stage), Vec<Took>>,
    /// Who follows a topic and has had anything since, each with when it began to.
    followers: HashMap<Arc<str>, Vec<(AgentId, Position)>>,
}

/// What a reader took at once.
struct Took {
    from: Position,
    to: Position,
    at: Timestamp,
}

/// How far one message has come.
struct Reached {
    delivered: Option<Timestamp>,
    read: Option<Timestamp>,
}

/// How far a sender's own messages have come, the newest [`limits::RECEIPTS`], in the order they were sent. Dead letters
/// have gone nowhere.
pub(crate) async fn receipts(
    workspace: &Workspace,
    sender: Option<AgentId>,
) -> Result<Vec<Receipt>, HallError> {
    let Some(sender) = sender else { return Ok(vec![]) };
    let sent = collect(workspace, &List::From(sender), limits::RECEIPTS).await?;
    let mut marks = Marks::new(&sent);
    let mut receipts = Vec::with_capacity(sent.len());
    for (place, item) in &sent {
        let reached = marks.reached(workspace, *place, item).await?;
        receipts.push(Receipt {
            id: item.id.clone(),
            to: recipient(&item.to).to_owned(),
            status: reached.status(),
            sent_at: Iso(item.sent_at),
            delivered_at: reached.delivered.map(Iso),
            read_at: reached.read.map(Iso),
        });
    }
    Ok(receipts)
}

/// Figures over the newest [`limits::STATS_MESSAGES`] messages. Who is here is for the caller to say.
pub(crate) async fn stats(workspace: &Workspace, now: Timestamp) -> Result<Stats, HallError> {
    let sent = collect(workspace, &List::Messages, limits::STATS_MESSAGES).await?;
    let mut marks = Marks::new(&sent);
    let mut stats = Stats { total: sent.len(), ..Stats::default() };
    let (mut delivered, mut taken) = (0, 0);
    for (place, item) in &sent {
        let reached = marks.reached(workspace, *place, item).await?;
        match reached.status() {
            Status::Sent => stats.by_status.sent += 1,
            Status::Delivered => stats.by_status.delivered += 1,
            Status::Read => stats.by_status.read += 1,
        }
        count(&mut stats.by_priority, item);
        stats.expired += usize::from(item.expires_at.is_some_and(|expires| expires <= now));
        if let Some(at) = reached.delivered {
            delivered += 1;
            taken += at.as_millis() - item.sent_at.as_millis();
        }
    }
    if delivered > 0 {
        stats.avg_delivery_time = (taken + delivered / 2) / delivered;
    }
    Ok(stats)
}

fn count(by_priority: &mut ByPriority, item: &MessageItem) {
    use model::messages::Priority::{High, Low, Normal};
    match item.priority {
        High => by_priority.high += 1,
        Normal => by_priority.normal += 1,
        Low => by_priority.low += 1,
    }
}

/// The newest messages of a list that are for somebody, oldest first.
async fn collect(
    workspace: &Workspace,
    list: &List,
    most: usize,
) -> Result<Vec<(Position, Arc<MessageItem>)>, HallError> {
    let mut sent = Vec::new();
    workspace
        .look_back(list, Position::START, None, most, |place, item| {
            if !matches!(item.to, Recipient::Unknown(_)) {
                sent.push((place, item));
            }
            true
        })
        .await?;
    sent.reverse();
    Ok(sent)
}

// === impl Marks ===

impl Marks {
    fn new(sent: &[(Position, Arc<MessageItem>)]) -> Self {
        let first = sent.first().map_or(0, |(place, _)| place.0);
        Self { after: Position(first.saturating_sub(1)), taken: HashMap::new(), followers: HashMap::new() }
    }

    async fn reached(
        &mut self,
        workspace: &Workspace,
        place: Position,
        item: &MessageItem,
    ) -> Result<Reached, HallError> {
        let readers: Vec<AgentId> = match &item.to {
            Recipient::Party(party) => vec![party.id.clone()],
            Recipient::Topic(topic) => {
                let after = self.after;
                let known = self.followers.entry(topic.clone());
                let known = known.or_insert_with(|| followers(workspace, topic, after));
                let had = readers_of(workspace, known, place, item);
                // Looking at many is no reason to keep everybody else waiting.
                tokio::task::yield_now().await;
                had
            }
            Recipient::Unknown(_) => vec![],
        };
        let (mut delivered, mut seen) = (Vec::new(), Vec::new());
        for reader in readers {
            for stage in [Stage::Delivered, Stage::InContext] {
                delivered.extend(self.at(workspace, &reader, stage, place, item).await?);
            }
            seen.extend(self.at(workspace, &reader, Stage::Read, place, item).await?);
        }
        Ok(Reached { delivered: delivered.into_iter().min(), read: seen.into_iter().min() })
    }

    /// When a reader took the message at a place.
    async fn at(
        &mut self,
        workspace: &Workspace,
        reader: &AgentId,
        stage: Stage,
        place: Position,
        item: &MessageItem,
    ) -> Result<Option<Timestamp>, HallError> {
        // What a reader has not come to need not be looked up.
        let has = workspace.state().mailboxes.get(reader).is_some_and(|mailbox| mailbox.has(stage, place));
        if !has {
            return Ok(None);
        }
        let key = (reader.clone(), stage);
        if !self.taken.contains_key(&key) && self.taken.len() >= limits::MARKS_LOADED {
            return workspace.reached(reader, stage, place, item.expires_at).await;
        }
        if !self.taken.contains_key(&key) {
            let ranges = load(workspace, reader, stage, self.after).await?;
            self.taken.insert(key.clone(), ranges);
        }
        let ranges = &self.taken[&key];
        match ranges.get(ranges.partition_point(|took| took.to < place)) {
            Some(took) => Ok((took.from <= place && counts(took.at, item.expires_at)).then_some(took.at)),
            // It has taken so much since that not all of it is known.
            None if ranges.len() >= limits::MARKS_SCAN => {
                workspace.reached(reader, stage, place, item.expires_at).await
            }
            None => Ok(None),
        }
    }
}

/// Who of a topic's followers has had a message to it: those first who say that they have read it.
fn readers_of(
    workspace: &Workspace,
    followers: &[(AgentId, Position)],
    place: Position,
    item: &MessageItem,
) -> Vec<AgentId> {
    let state = workspace.state();
    let (mut read, mut had) = (Vec::new(), Vec::new());
    // Who took something behind the end of a message seems to have it too: of those that expire more are asked.
    let most =
        if item.expires_at.is_some() { hall::limits::EXPIRING_READERS } else { hall::limits::TOPIC_READERS };
    for (reader, since) in followers {
        let mailbox = state.mailboxes.get(reader).filter(|_| *reader != item.from.id && *since < place);
        match mailbox.filter(|mailbox| !mailbox.is_unread(place)) {
            Some(mailbox) if mailbox.has(Stage::Read, place) => read.push(reader),
            Some(_) => had.push(reader),
            None => {}
        }
        if read.len() == most {
            break;
        }
    }
    read.into_iter().chain(had).take(most).cloned().collect()
}

/// Who follows a topic, here or away, and has had anything behind a place; each with since when it follows.
/// [`limits::FOLLOWERS`] at most.
fn followers(workspace: &Workspace, topic: &str, after: Position) -> Vec<(AgentId, Position)> {
    let state = workspace.state();
    let since = |(reader, mailbox): (&AgentId, &Mailbox)| {
        let (_, since) = mailbox.follows().find(|(followed, _)| ***followed == *topic)?;
        mailbox.has_had_behind(after).then(|| (reader.clone(), since))
    };
    state.mailboxes.iter().filter_map(since).take(limits::FOLLOWERS).collect()
}

/// Receipts never overlap and stand where they end: those behind a place are all that can hold what is behind it.
async fn load(
    workspace: &Workspace,
    reader: &AgentId,
    stage: Stage,
    mut after: Position,
) -> Result<Vec<Took>, HallError> {
    let most = hall::limits::LIST_PAGE;
    let mut ranges = Vec::new();
    while ranges.len() < limits::MARKS_SCAN {
        let span = Span { after, before: None, most, newest_first: false };
        let page = workspace.taken(reader, stage, span).await?;
        ranges.extend(page.iter().map(|(to, taken)| Took { from: taken.from, to: *to, at: taken.at }));
        match page.last() {
            Some((last, _)) if page.len() == most => after = *last,
            _ => break,
        }
    }
    Ok(ranges)
}

// === impl Reached ===

impl Reached {
    fn status(&self) -> Status {
        match (self.read, self.delivered) {
            (Some(_), _) => Status::Read,
            (None, Some(_)) => Status::Delivered,
            (None, None) => Status::Sent,
        }
    }
}
