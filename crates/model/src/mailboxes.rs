//! Mailboxes: what each reader has had of the messages to it, and which topics it follows.
//!
//! A mailbox belongs to the durable agent, not to one of its memberships or connections. It holds no messages, only
//! [`Marks`] over the log; so a reader that has read a million messages costs as much as one that has read one.
//!
//! **Unread** is defined here and nowhere else: [`Mailbox::is_unread`].

use std::collections::BTreeMap;
use std::sync::Arc;

use foldhash::fast::RandomState;
use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use crate::event::{Fact, Position};
use crate::ids::AgentId;
use crate::limits;
use crate::marks::{Marks, Range};
use crate::messages::{self, BROADCAST, Message, Party, Recipient};
use crate::names::Principal;
use crate::refusal::Refusal;
use crate::roster::{Membership, Roster};
use crate::time::Timestamp;

/// How far a message has come with one reader, by evidence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// The reader fetched it, and has shown that it received the reply.
    Delivered,
    /// It stood in what the reader's model was given, which has gone on since.
    InContext,
    /// The reader says that it has read it.
    Read,
}

/// A reader took messages.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Taken {
    /// Who.
    pub reader: Party,
    /// How far they have come.
    pub stage: Stage,
    /// What shows it.
    pub evidence: Arc<str>,
    /// Which of the reader's messages: those within.
    pub ranges: Arc<[Range]>,
    /// Whose messages are among them: who may want to know.
    pub senders: Arc<[AgentId]>,
}

/// Takes messages; those that had come as far already are no event.
#[derive(Debug, Clone, Serialize)]
pub struct Take {
    /// Who.
    pub reader: Party,
    /// How far they have come.
    pub stage: Stage,
    /// What shows it: a few words.
    pub evidence: &'static str,
    /// Which: between the ends of a range lies no message to this reader that is not meant.
    pub ranges: Arc<[Range]>,
    /// Who sent them, each once.
    pub senders: Arc<[AgentId]>,
}

/// A reader begins or ceases to follow a topic.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Following {
    /// Who.
    pub reader: Party,
    /// Which topic.
    pub topic: Arc<str>,
}

/// Begins or ceases to follow a topic; what is so already is no event.
#[derive(Debug, Clone, Serialize)]
pub struct Follow {
    /// Who.
    pub reader: Party,
    /// Which topic.
    pub topic: Arc<str>,
    /// Whether from now on, or no longer.
    pub on: bool,
}

/// One reader's.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Mailbox {
    /// Who holds the agent's name; none if it is a person's, or nobody has joined under it yet.
    holder: Option<Principal>,
    /// Nothing was ever sent by its owner, or to it alone, and it follows what all follow: if there is no more room and its
    /// owner is away, it goes. Clients that make up a name for each start would fill all there is.
    is_passing: bool,
    /// When its owner last came or went.
    seen: Position,
    /// Topics followed, each since when.
    follows: BTreeMap<Arc<str>, Position>,
    delivered: Marks,
    in_context: Marks,
    read: Marks,
}

impl Mailbox {
    /// Topics followed, [`BROADCAST`] among them, each with the position after which its messages belong here.
    pub fn follows(&self) -> impl Iterator<Item = (&Arc<str>, Position)> {
        self.follows.iter().map(|(topic, since)| (topic, *since))
    }

    /// Whether a message belongs into this mailbox, which is `owner`'s.
    pub fn is_for(&self, owner: &AgentId, position: Position, message: &Message) -> bool {
        match &message.to {
            Recipient::Party(party) => party.id == *owner,
            // Nobody needs to be told what they have said themselves.
            Recipient::Topic(topic) => {
                message.from.id != *owner && self.follows.get(topic).is_some_and(|since| *since < position)
            }
            Recipient::Unknown(_) => false,
        }
    }

    /// Whether a message of this mailbox is unread: no evidence shows that its reader has it. One that has expired is
    /// not offered, read or not.
    pub fn is_unread(&self, position: Position) -> bool {
        ![&self.delivered, &self.in_context, &self.read].iter().any(|marks| marks.contains(position))
    }

    /// The parts of a range of which no evidence shows that the reader has had anything.
    pub fn not_had(&self, range: Range) -> Vec<Range> {
        self.short_of(Stage::Delivered, range)
    }

    /// The parts of a range that have not come so far, nor further.
    pub fn short_of(&self, stage: Stage, range: Range) -> Vec<Range> {
        let stages = [Stage::Delivered, Stage::InContext, Stage::Read].into_iter().filter(|at| *at >= stage);
        stages.fold(vec![range], |parts, stage| {
            parts.into_iter().flat_map(|part| self.marked(stage).missing(part)).collect()
        })
    }

    /// Up to where nothing is unread.
    pub fn low(&self) -> Position {
        self.taken_behind(Position::START)
    }

    /// Whether anything behind a place was taken.
    pub fn has_had_behind(&self, place: Position) -> bool {
        let marks = [&self.delivered, &self.in_context, &self.read];
        marks.iter().any(|marks| marks.ranges().last().is_some_and(|(_, to)| *to > place))
    }

    /// Up to where everything behind a place was taken; the place itself if the next was not.
    pub fn taken_behind(&self, mut place: Position) -> Position {
        let marks = [&self.delivered, &self.in_context, &self.read];
        while let Some(range) = marks.iter().find_map(|marks| marks.around(place.next())) {
            place = range.1;
        }
        place
    }

    /// Whether a message has come so far with this reader, as it says itself or as was shown.
    pub fn has(&self, stage: Stage, position: Position) -> bool {
        self.marked(stage).contains(position)
    }

    /// Whether it can be written down that these were taken, at whichever stage: no more than [`limits::MARKS`] runs of
    /// messages may be taken out of turn.
    pub fn has_room_for(&self, ranges: &[Range]) -> bool {
        let stages = [&self.delivered, &self.in_context, &self.read];
        stages.into_iter().all(|marks| marks.with(ranges).ranges().len() <= limits::MARKS)
    }

    fn marks(&mut self, stage: Stage) -> &mut Marks {
        match stage {
            Stage::Delivered => &mut self.delivered,
            Stage::InContext => &mut self.in_context,
            Stage::Read => &mut self.read,
        }
    }

    fn marked(&self, stage: Stage) -> &Marks {
        match stage {
            Stage::Delivered => &self.delivered,
            Stage::InContext => &self.in_context,
            Stage::Read => &self.read,
        }
    }
}

/// All mailboxes of a workspace.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Mailboxes {
    boxes: IndexMap<AgentId, Mailbox, RandomState>,
    /// Whether some that were here in passing have gone.
    has_forgotten: bool,
}

impl Mailboxes {
    /// A reader's; none if it was never here and never read anything.
    pub fn get(&self, owner: &AgentId) -> Option<&Mailbox> {
        self.boxes.get(owner)
    }

    /// Whether somebody may have been here who has no mailbox any more.
    pub fn has_forgotten(&self) -> bool {
        self.has_forgotten
    }

    /// Who holds the name of an agent, if anybody has joined under it.
    pub fn holder(&self, agent: &AgentId) -> Option<&Principal> {
        self.get(agent)?.holder.as_ref()
    }

    /// All of them, with whose they are.
    pub fn iter(&self) -> impl Iterator<Item = (&AgentId, &Mailbox)> {
        self.boxes.iter()
    }

    /// All topics that anybody follows, each with how many do.
    pub fn followers(&self) -> BTreeMap<Arc<str>, usize> {
        let mut followers: BTreeMap<Arc<str>, usize> = BTreeMap::new();
        for topic in self.boxes.values().flat_map(|mailbox| mailbox.follows.keys()) {
            *followers.entry(topic.clone()).or_default() += 1;
        }
        followers
    }

    pub(crate) fn size(&self) -> usize {
        self.boxes.len()
    }

    /// Whether one more reader fits.
    pub(crate) fn room(&self, owner: &AgentId) -> Result<(), Refusal> {
        if self.boxes.len() < limits::MAILBOXES || self.boxes.contains_key(owner) {
            return Ok(());
        }
        let remedy = "use a name that was here before";
        Err(Refusal::Full { what: "mailboxes", limit: limits::MAILBOXES, remedy })
    }

    /// Whether somebody who joins fits, perhaps in place of somebody who was here in passing.
    pub(crate) fn room_to_join(&self, agent: &AgentId, roster: &Roster) -> Result<(), Refusal> {
        self.room(agent).or_else(|full| {
            let here = roster.agents();
            let goes = |(owner, mailbox): (&AgentId, &Mailbox)| mailbox.is_passing && !here.contains(owner);
            if self.iter().any(goes) { Ok(()) } else { Err(full) }
        })
    }

    /// Whether one more reader fits, if a message makes one.
    pub(crate) fn room_for(&self, fact: &Fact) -> Result<(), Refusal> {
        let Fact::MessageSent(message) = fact else { return Ok(()) };
        self.room(&message.from.id)?;
        match &message.to {
            Recipient::Party(party) => self.room(&party.id),
            Recipient::Topic(_) | Recipient::Unknown(_) => Ok(()),
        }
    }

    pub(crate) fn take(&self, take: &Take) -> Result<Vec<Fact>, Refusal> {
        self.room(&take.reader.id)?;
        let mailbox = self.get(&take.reader.id);
        // Only what is new: the ranges of a reader's receipts never overlap, so the first that holds a message tells when.
        // And what has come further already is not said to have come so far only now.
        let news: Vec<_> = match mailbox {
            Some(mailbox) => {
                take.ranges.iter().flat_map(|range| mailbox.short_of(take.stage, *range)).collect()
            }
            None => take.ranges.to_vec(),
        };
        if news.is_empty() {
            return Ok(vec![]);
        }
        let marked = mailbox.map(|mailbox| mailbox.marked(take.stage).with(&news));
        if marked.map_or(news.len(), |marked| marked.ranges().len()) > limits::MARKS {
            let remedy = "take those first that have waited longest";
            return Err(Refusal::Full {
                what: "gaps in what one reader has had",
                limit: limits::MARKS,
                remedy,
            });
        }
        Ok(vec![Fact::MessagesTaken(Arc::new(Taken {
            reader: take.reader.clone(),
            stage: take.stage,
            evidence: take.evidence.into(),
            ranges: news.into(),
            senders: take.senders.clone(),
        }))])
    }

    pub(crate) fn follow(&self, follow: &Follow) -> Result<Vec<Fact>, Refusal> {
        self.room(&follow.reader.id)?;
        messages::check_topic(&follow.topic)?;
        if &*follow.topic == BROADCAST {
            return Err(Refusal::Invalid("everybody follows broadcast, always".into()));
        }
        let follows = self.get(&follow.reader.id).map(|mailbox| &mailbox.follows);
        if follows.is_some_and(|follows| follows.contains_key(&follow.topic)) == follow.on {
            return Ok(vec![]);
        }
        if follow.on && follows.map_or(0, BTreeMap::len) >= limits::TOPICS_FOLLOWED {
            let remedy = "cease to follow some first";
            return Err(Refusal::Full {
                what: "topics that one reader follows",
                limit: limits::TOPICS_FOLLOWED,
                remedy,
            });
        }
        let following = Arc::new(Following { reader: follow.reader.clone(), topic: follow.topic.clone() });
        Ok(vec![if follow.on { Fact::TopicFollowed(following) } else { Fact::TopicLeft(following) }])
    }

    /// Whether a message may be shown to somebody: to a topic, to everybody; otherwise to its sender, its recipient, and
    /// whoever holds the name of one of them, with all other agents of that principal.
    pub fn may_read(&self, reader: Option<&AgentId>, by: &Principal, from: &AgentId, to: &Recipient) -> bool {
        let is_theirs = |agent: &AgentId| {
            reader == Some(agent)
                || self.get(agent).is_some_and(|mailbox| mailbox.holder.as_ref() == Some(by))
        };
        match to {
            Recipient::Topic(_) => true,
            Recipient::Party(party) => is_theirs(from) || is_theirs(&party.id),
            Recipient::Unknown(_) => is_theirs(from),
        }
    }

    /// An agent is here: from now on broadcasts are for it too.
    pub(crate) fn arrived(&mut self, position: Position, member: &Membership, roster: &Roster) {
        let is_new = !self.boxes.contains_key(&member.agent);
        if is_new && self.boxes.len() >= limits::MAILBOXES {
            self.make_room(roster);
        }
        let mailbox = self.open(&member.agent, position);
        mailbox.is_passing |= is_new;
        mailbox.seen = position;
        mailbox.holder = Some(member.principal.clone());
    }

    /// An agent has gone; others of its name may still be here.
    pub(crate) fn departed(&mut self, position: Position, agent: &AgentId) {
        if let Some(mailbox) = self.boxes.get_mut(agent) {
            mailbox.seen = position;
        }
    }

    /// Lets go of those in passing whose owners are away, the longest first: many at once, since that takes as long as one.
    fn make_room(&mut self, roster: &Roster) {
        let here = roster.agents();
        let may_go = |owner: &AgentId, mailbox: &Mailbox| mailbox.is_passing && !here.contains(owner);
        let away = self.iter().filter(|(owner, mailbox)| may_go(owner, mailbox));
        let mut seen: Vec<_> = away.map(|(_, mailbox)| mailbox.seen).collect();
        seen.sort_unstable();
        seen.truncate(limits::MAILBOXES / 50);
        let Some(last) = seen.last() else { return };
        self.boxes.retain(|owner, mailbox| !may_go(owner, mailbox) || mailbox.seen > *last);
        self.has_forgotten = true;
    }

    fn open(&mut self, owner: &AgentId, position: Position) -> &mut Mailbox {
        // Nearly always there is one, and looking for it costs no copy of its owner's id.
        let index = self.boxes.get_index_of(owner).unwrap_or_else(|| {
            let follows = [(BROADCAST.into(), position)].into();
            self.boxes.insert_full(owner.clone(), Mailbox { follows, ..Mailbox::default() }).0
        });
        &mut self.boxes[index]
    }

    pub(crate) fn was_sent(&mut self, position: Position, message: &Message) {
        // A person's begins with the first message to or from them: whoever has written can be answered.
        self.open(&message.from.id, position).is_passing = false;
        if let Recipient::Party(party) = &message.to {
            self.open(&party.id, position).is_passing = false;
        }
    }

    pub(crate) fn was_sent_to_nobody(&mut self, message: &Message) {
        if let Some(mailbox) = self.boxes.get_mut(&message.from.id) {
            mailbox.is_passing = false;
        }
    }

    pub(crate) fn was_taken(&mut self, position: Position, taken: &Taken) {
        let marks = self.open(&taken.reader.id, position).marks(taken.stage);
        for range in &*taken.ranges {
            marks.insert(*range);
        }
    }

    pub(crate) fn was_followed(&mut self, position: Position, following: &Following) {
        let mailbox = self.open(&following.reader.id, position);
        mailbox.is_passing = false;
        mailbox.follows.insert(following.topic.clone(), position);
    }

    pub(crate) fn was_left(&mut self, position: Position, following: &Following) {
        self.open(&following.reader.id, position).follows.remove(&following.topic);
    }
}

/// The status of a message with one reader, from the receipts that cover it: a receipt that came when the message had
/// expired says nothing of it, since it was not offered any more.
pub fn counts(receipt_at: Timestamp, expires_at: Option<Timestamp>) -> bool {
    expires_at.is_none_or(|expires| receipt_at < expires)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::roster::Role;

    fn member(name: &str, number: u128) -> Arc<Membership> {
        Arc::new(Membership {
            id: uuid::Uuid::from_u128(number).into(),
            agent: AgentId::of("default", name),
            name: name.into(),
            role: Role::Target,
            repo_path: "unknown".into(),
            principal: Principal::compat(),
            connected_at: Timestamp::default(),
            door: "linker".into(),
            instance: None,
        })
    }

    #[test]
    fn when_all_mailboxes_are_taken_those_go_that_were_here_in_passing() {
        let (mut mailboxes, mut roster) = (Mailboxes::default(), Roster::default());
        for number in 0..limits::MAILBOXES {
            let member = member(&format!("claude-{number}"), number as u128);
            mailboxes.arrived(Position(number as u64 + 1), &member, &roster);
        }
        let agent = |number: usize| AgentId::of("default", &format!("claude-{number}"));
        // The first is here, the second follows a topic, the fourth has just left.
        mailboxes.departed(Position(60_000), &agent(3));
        roster.arrived(&member("claude-0", 0));
        let reader = Party { id: agent(1), name: "claude-1".into() };
        mailboxes.was_followed(Position(60_000), &Following { reader, topic: "news".into() });

        let new = member("api", 60_000);
        mailboxes.room(&new.agent).unwrap_err();
        mailboxes.room_to_join(&new.agent, &roster).unwrap();
        mailboxes.arrived(Position(60_001), &new, &roster);
        assert!(mailboxes.get(&new.agent).is_some() && mailboxes.size() < limits::MAILBOXES);
        let kept = [0, 1, 2, 3, limits::MAILBOXES - 1].map(|number| mailboxes.get(&agent(number)).is_some());
        assert_eq!(kept, [true, true, false, true, true], "who was away the longest goes, of those that may");
        assert!(mailboxes.has_forgotten());
    }
}
