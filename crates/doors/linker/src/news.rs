//! Telling a client what is new: messages in pairs of frames, and receipts for its own.

use bytes::Bytes;
use hall::mail::message;
use hall::{Entry, Workspace};
use model::lists::{List, MessageItem};
use model::mailboxes::{Stage, Taken, counts};
use model::marks::Marks;
use model::messages::{self, Party, Recipient};
use model::{AgentId, Fact, Position, Timestamp};

use crate::dispatcher::News;
use crate::goodbye::End;
use crate::session::Session;
use crate::shown::{self, recipient};
use crate::wire::frame::{DeliveryReceipt, Frame, Iso, Joined, Message, Notification, ReadReceipt, Status};
use crate::wire::preview::preview;

/// Names the two forms of a message to many that all sockets share.
struct InFull;
struct InShort;

impl Session {
    pub(crate) async fn tell(&mut self, news: News) -> Result<(), End> {
        let place = match news {
            News::Joined(who) => return self.tell_who_came(&who).await,
            News::At(place) => place,
        };
        let entry = self.workspace.entry(place).await.map_err(End::Unreadable)?;
        match entry.fact() {
            // It may have taken another name since this was for it.
            Fact::MessageSent(message) if !self.is_mine(place, message) => Ok(()),
            Fact::MessageSent(message) => {
                // What is for one is encoded for one; what is for many, once for all of them.
                let (full, short) = match message.to {
                    Recipient::Topic(_) => {
                        (entry.encoded::<InFull>(in_full), entry.encoded::<InShort>(in_short))
                    }
                    Recipient::Party(_) | Recipient::Unknown(_) => (in_full(&entry), in_short(&entry)),
                };
                self.put_encoded(full).await?;
                self.put_encoded(short).await
            }
            Fact::MessagesTaken(taken) => {
                let Some(me) = self.me.as_ref().map(|me| me.party.id.clone()) else { return Ok(()) };
                self.tell_receipts(&me, taken, entry.recorded().event.at).await
            }
            _ => Ok(()),
        }
    }

    async fn tell_who_came(&mut self, who: &Party) -> Result<(), End> {
        let description = self.dispatcher.description(&who.id);
        let instance = Joined { id: &who.id, name: &who.name, description: description.as_ref() };
        self.put(&Frame::InstanceJoined { instance }).await
    }

    /// Whether a message is for the one that this connection speaks for.
    fn is_mine(&self, place: Position, message: &messages::Message) -> bool {
        let state = self.workspace.state();
        self.me.as_ref().is_some_and(|me| {
            let mailbox = state.mailboxes.get(&me.party.id);
            mailbox.is_some_and(|mailbox| mailbox.is_for(&me.party.id, place, message))
        })
    }

    /// Tells what it has been told itself, so much at most.
    pub(crate) async fn tell_what_waits(&mut self, most: usize) -> Result<(), End> {
        for _ in 0..most {
            let Some(news) = self.pending.try_next() else { break };
            self.tell(news).await?;
        }
        Ok(())
    }

    /// Tells what happened up to a place, and nothing later: what a reply speaks of was told before it.
    pub(crate) async fn tell_up_to(&mut self, place: Position) -> Result<(), End> {
        self.dispatcher.tell_up_to(place).await;
        while let Some(news) = self.pending.try_next_up_to(place) {
            self.tell(news).await?;
        }
        Ok(())
    }

    /// Tells which of its own messages a reader took.
    async fn tell_receipts(&mut self, me: &AgentId, taken: &Taken, at: Timestamp) -> Result<(), End> {
        let (own, ranges) = (List::From(me.clone()), Marks::default().with(&taken.ranges));
        let mut after = Some(Position::START);
        while let Some(place) = after {
            let page = self.workspace.within(&own, &ranges, place).await.map_err(End::Unreadable)?;
            for (place, note) in &page.messages {
                if is_receipted(&self.workspace, taken, *place, note, at) {
                    self.put(&receipt(taken, note, at)).await?;
                }
            }
            after = page.behind;
        }
        Ok(())
    }
}

fn in_full(entry: &Entry) -> Bytes {
    frame_of(entry, |message, broadcast| {
        let message = Message { broadcast, ..shown::message(entry.position(), message) };
        Frame::NewMessage { message }.encode()
    })
}

fn in_short(entry: &Entry) -> Bytes {
    frame_of(entry, |message, broadcast| {
        let content = shown::content(entry.position(), message);
        let text = content.decode();
        let (preview, has_more) = preview(&text);
        let notification = Notification {
            from: &message.from.name,
            preview,
            timestamp: Iso(message.sent_at),
            priority: message.priority,
            broadcast,
            has_more,
        };
        Frame::MessageNotification { notification }.encode()
    })
}

fn frame_of(entry: &Entry, encode: impl FnOnce(&messages::Message, bool) -> Bytes) -> Bytes {
    let message = message(entry).expect("only messages are encoded as messages");
    encode(message, matches!(message.to, Recipient::Topic(_)))
}

/// Whether a message in a range that a reader took is one that it took: ranges may span what others were sent.
fn is_receipted(
    workspace: &Workspace,
    taken: &Taken,
    place: Position,
    note: &MessageItem,
    at: Timestamp,
) -> bool {
    let (reader, state) = (&taken.reader.id, workspace.state());
    let Some(mailbox) = state.mailboxes.get(reader) else { return false };
    let is_to_reader = match &note.to {
        Recipient::Party(party) => party.id == *reader,
        Recipient::Topic(topic) => {
            let mut follows = mailbox.follows();
            note.from.id != *reader && follows.any(|(followed, since)| followed == topic && since < place)
        }
        Recipient::Unknown(_) => false,
    };
    // These clients know one stage for both: of what was delivered before they have heard.
    let was_told = taken.stage == Stage::InContext && mailbox.has(Stage::Delivered, place);
    is_to_reader && !was_told && counts(at, note.expires_at)
}

fn receipt<'a>(taken: &'a Taken, note: &'a MessageItem, at: Timestamp) -> Frame<'a> {
    match taken.stage {
        // A model has what was delivered to it; these clients know no stage between the two.
        Stage::Delivered | Stage::InContext => Frame::DeliveryReceipt {
            receipt: DeliveryReceipt {
                message_id: &note.id,
                to: &taken.reader.id,
                status: Status::Delivered,
                delivered_at: Iso(at),
            },
        },
        Stage::Read => Frame::ReadReceipt {
            receipt: ReadReceipt {
                message_id: &note.id,
                to: recipient(&note.to),
                status: Status::Read,
                read_at: Iso(at),
            },
        },
    }
}
