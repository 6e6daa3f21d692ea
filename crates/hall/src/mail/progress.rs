//! How far messages have come, by what their readers took.

use model::mailboxes::{Stage, counts};
use model::messages::{Message, Recipient};
use model::{AgentId, Position, Timestamp};
use store::Span;

use crate::error::HallError;
use crate::limits;
use crate::workspace::Workspace;

/// How far a message has come with one reader.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Progress {
    /// When the reader had it.
    pub delivered: Option<Timestamp>,
    /// When the reader's model had it.
    pub in_context: Option<Timestamp>,
    /// When the reader said it had read it.
    pub read: Option<Timestamp>,
    /// Of a message to a topic, with how many it has come how far.
    pub readers: Option<Readers>,
}

/// With how many of those who follow its topic a message has come how far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Readers {
    /// For whom it is.
    pub all: usize,
    /// Who have had it.
    pub delivered: usize,
    /// Whose model had it.
    pub in_context: usize,
    /// Who say that they have read it.
    pub read: usize,
}

// === impl Progress ===

impl Progress {
    /// Whether the reader has had it at all.
    fn has_come(&self) -> bool {
        self.delivered.is_some() || self.in_context.is_some() || self.read.is_some()
    }
}

// === impl Workspace ===

impl Workspace {
    /// How far a message has come: with its recipient; of one to a topic, with how many of its readers, here or away, and
    /// when with the first of them. For that, [`limits::TOPIC_READERS`] of those are asked whom it has reached; if it expires,
    /// [`limits::EXPIRING_READERS`], and nobody else is counted.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn progress_of(&self, place: Position, message: &Message) -> Result<Progress, HallError> {
        // What a reader took later than a message's end spans it, and says nothing of it: of those each is asked when.
        let most =
            if message.expires_at.is_some() { limits::EXPIRING_READERS } else { limits::TOPIC_READERS };
        let (mut readers, mut reached) = (Readers::default(), Vec::new());
        match &message.to {
            Recipient::Party(party) => return self.progress(&party.id, place, message).await,
            Recipient::Unknown(_) => return Ok(Progress::default()),
            Recipient::Topic(_) => {
                let state = self.state();
                for (reader, mailbox) in state.mailboxes.iter() {
                    if !mailbox.is_for(reader, place, message) {
                        continue;
                    }
                    readers.all += 1;
                    if mailbox.is_unread(place) {
                        continue;
                    }
                    if message.expires_at.is_none() {
                        readers.delivered += 1;
                        readers.in_context += usize::from(mailbox.has(Stage::InContext, place));
                        readers.read += usize::from(mailbox.has(Stage::Read, place));
                    }
                    if reached.len() < most {
                        reached.push(reader.clone());
                    }
                }
            }
        }
        let mut first = Progress::default();
        for reader in &reached {
            let progress = self.progress(reader, place, message).await?;
            if message.expires_at.is_some() {
                readers.delivered += usize::from(progress.has_come());
                readers.in_context += usize::from(progress.in_context.is_some());
                readers.read += usize::from(progress.read.is_some());
            }
            let earlier =
                |one: Option<Timestamp>, other: Option<Timestamp>| one.into_iter().chain(other).min();
            first.delivered = earlier(first.delivered, progress.delivered);
            first.in_context = earlier(first.in_context, progress.in_context);
            first.read = earlier(first.read, progress.read);
        }
        first.readers = Some(readers);
        Ok(first)
    }

    /// How far a message has come with a reader.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn progress(
        &self,
        reader: &AgentId,
        place: Position,
        message: &Message,
    ) -> Result<Progress, HallError> {
        let mut progress = Progress::default();
        for (stage, at) in [
            (Stage::Delivered, &mut progress.delivered),
            (Stage::InContext, &mut progress.in_context),
            (Stage::Read, &mut progress.read),
        ] {
            // What it has not come to need not be looked up.
            let has = self.state().mailboxes.get(reader).is_some_and(|mailbox| mailbox.has(stage, place));
            if has {
                *at = self.reached(reader, stage, place, message.expires_at).await?;
            }
        }
        Ok(progress)
    }

    /// When the message at a place, which expires then or never, came so far with a reader.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn reached(
        &self,
        reader: &AgentId,
        stage: Stage,
        place: Position,
        expires_at: Option<Timestamp>,
    ) -> Result<Option<Timestamp>, HallError> {
        // Receipts never overlap, and stand where they end: the first behind the message is the only one that may hold it.
        let before = Position(place.0.saturating_sub(1));
        let span = Span { after: before, before: None, most: 1, newest_first: false };
        let found = self.taken(reader, stage, span).await?;
        let Some((_, taken)) = found.first() else { return Ok(None) };
        Ok((taken.from <= place && counts(taken.at, expires_at)).then_some(taken.at))
    }
}
