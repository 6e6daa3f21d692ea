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

// === impl Workspace ===

impl Workspace {
    /// How far a message has come: with its recipient; of one to a topic, with how many of its readers, here or away, and
    /// when with the first of them. For that, [`limits::TOPIC_READERS`] of those are asked whom it has reached.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn progress_of(&self, place: Position, message: &Message) -> Result<Progress, HallError> {
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
                    readers.delivered += usize::from(!mailbox.is_unread(place));
                    readers.in_context += usize::from(mailbox.has(Stage::InContext, place));
                    readers.read += usize::from(mailbox.has(Stage::Read, place));
                    if !mailbox.is_unread(place) && reached.len() < limits::TOPIC_READERS {
                        reached.push(reader.clone());
                    }
                }
            }
        }
        let mut first = Progress { readers: Some(readers), ..Progress::default() };
        for reader in &reached {
            let progress = self.progress(reader, place, message).await?;
            let earlier =
                |one: Option<Timestamp>, other: Option<Timestamp>| one.into_iter().chain(other).min();
            first.delivered = earlier(first.delivered, progress.delivered);
            first.in_context = earlier(first.in_context, progress.in_context);
            first.read = earlier(first.read, progress.read);
        }
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
        Ok(Progress {
            delivered: self.reached(reader, Stage::Delivered, place, message).await?,
            in_context: self.reached(reader, Stage::InContext, place, message).await?,
            read: self.reached(reader, Stage::Read, place, message).await?,
            readers: None,
        })
    }

    async fn reached(
        &self,
        reader: &AgentId,
        stage: Stage,
        place: Position,
        message: &Message,
    ) -> Result<Option<Timestamp>, HallError> {
        // Receipts never overlap, and stand where they end: the first behind the message is the only one that may hold it.
        let before = Position(place.0.saturating_sub(1));
        let span = Span { after: before, before: None, most: 1, newest_first: false };
        let found = self.taken(reader, stage, span).await?;
        let Some((_, taken)) = found.first() else { return Ok(None) };
        Ok((taken.from <= place && counts(taken.at, message.expires_at)).then_some(taken.at))
    }
}
