//! What these clients are shown of a message.

use std::borrow::Cow;

use model::messages::{Message, Recipient};
use model::{Position, Text};

use crate::wire::frame::{self, Iso};

/// A message as its recipient gets it.
pub(crate) fn message(place: Position, message: &Message) -> frame::Message<'_> {
    frame::Message {
        id: &message.id,
        from: &message.from.id,
        from_name: &message.from.name,
        content: content(place, message),
        timestamp: Iso(message.sent_at),
        priority: message.priority,
        broadcast: false,
    }
}

/// What a message says. These clients know no files: which it has, and how to come by them, stands below its text.
pub(crate) fn content(place: Position, message: &Message) -> Cow<'_, Text> {
    if message.attachments.is_empty() {
        return Cow::Borrowed(&message.content);
    }
    let files = message.attachments.iter();
    let files: Vec<_> =
        files.map(|file| format!("{} ({}, {} bytes)", file.name, file.content_type, file.bytes)).collect();
    Cow::Owned(Text::new(&format!(
        "{}\n\nFiles: {}\n(to save them: guildhall inbox --message {place} --save DIRECTORY)",
        message.content.decode(),
        files.join(", ")
    )))
}

/// For whom a message is.
pub(crate) fn recipient(to: &Recipient) -> &str {
    match to {
        Recipient::Party(party) => party.id.as_str(),
        Recipient::Topic(topic) | Recipient::Unknown(topic) => topic,
    }
}
