//! Shows the messages that wait for the agent, and those of before.

use client::protocol::{Attachment, Call, File, FileOf, Inbox, Listing, Mail, Message, Messages, Number};
use serde_json::json;

use crate::about::About;
use crate::arguments::Arguments;
use crate::evidence::MailShown;
use crate::files;
use crate::hall::Visit;
use crate::letters::{Long, Page, head, head_with_recipient, letter, line, progress};
use crate::limits::{MOST_LISTED, RESULT_MESSAGES};
use crate::outcome::{Failure, Outcome};
use crate::text::count;

pub(super) fn about() -> About {
    About {
        description: "Without arguments: the messages that wait for you, whole. Otherwise one message, a thread, or \
                      what you sent and how far it has come.",
        properties: json!({
            "message": {"type": "integer", "description": "number of one to read whole"},
            "save": {"type": "string", "description": "with `message`: directory inside yours to save its files in"},
            "thread": {"type": "integer", "description": "number of any message of it"},
            "sent": {"type": "boolean"},
            "limit": {"type": "integer", "description": "20 if absent"},
        }),
        required: &[],
    }
}

pub(super) async fn call(hall: &Visit<'_>, arguments: &Arguments) -> Result<Outcome, Failure> {
    let message = arguments.number("message", 1..=u64::MAX)?;
    let thread = arguments.number("thread", 1..=u64::MAX)?;
    let sent = arguments.flag("sent")?;
    let save = arguments.optional_text("save")?;
    let limit = arguments.number("limit", 1..=MOST_LISTED)?.unwrap_or(RESULT_MESSAGES);
    let limit = usize::try_from(limit).ok();
    match (message, thread, sent) {
        (Some(message), None, false) => show(hall, message, save).await,
        _ if save.is_some() => Err(Failure::argument("save", "goes with `message` and nothing else")),
        (None, Some(thread), false) => {
            let what = Messages { thread: Some(thread), limit, ..Messages::default() };
            list(hall, what, "no such thread").await
        }
        (None, None, true) => {
            let what = Messages { sent, limit, ..Messages::default() };
            list(hall, what, "you have sent no message").await
        }
        (None, None, false) => waiting(hall, limit).await,
        _ => Err(Failure::argument("message", "and `thread` and `sent` ask for different things: give one")),
    }
}

async fn waiting(hall: &Visit<'_>, limit: Option<usize>) -> Result<Outcome, Failure> {
    let mailbox = hall.mailbox().await?;
    let mail: Mail = hall.call(Call::Inbox(Inbox { limit })).await?;
    if mail.messages.is_empty() && mail.left == 0 {
        return Ok(Outcome::text("no message waits for you"));
    }
    let page = Page::of(mail, mailbox.clone(), Long::Excerpt, |message| {
        let before = if hall.was_shown(&mailbox, message.number) { " (shown before)" } else { "" };
        letter(&format!("{}{before}", head(message)), message)
    });
    let mut blocks = page.letters;
    if page.left > 0 {
        blocks.push(format!("{} for you: use `inbox` again", count_more(page.left)));
    }
    Ok(Outcome::mail(blocks.join("\n"), page.shown))
}

/// `1 more message waits`, `2 more messages wait`.
pub(super) fn count_more(n: usize) -> String {
    format!("{} {}", count(n, "more message"), if n == 1 { "waits" } else { "wait" })
}

async fn show(hall: &Visit<'_>, number: u64, save: Option<String>) -> Result<Outcome, Failure> {
    let mailbox = hall.mailbox().await?;
    let message: Message = hall.call(Call::Message(Number { message: number })).await?;
    let mut blocks = vec![letter(&head_with_recipient(&message), &message)];
    if let Some(come) = &message.progress {
        blocks.push(format!("how far it has come: {}", progress(come)));
    }
    if let Some(into) = save {
        blocks.push(save_files(hall, &message, &into).await?);
    }
    // One's own is not among what waits; of others' in whose mailbox this is not, the hall takes no notice.
    let place = (message.progress.is_none() && !message.excerpt).then_some((number, number));
    let shown = MailShown { mailbox, numbers: vec![number], receipt: place.into_iter().collect(), told: 0 };
    Ok(Outcome::mail(blocks.join("\n"), shown))
}

/// Saves a message's files, one after the other, and says where they are.
async fn save_files(hall: &Visit<'_>, message: &Message, into: &str) -> Result<String, Failure> {
    if message.files.is_empty() {
        return Ok("it has no files to save".into());
    }
    let mut lines = Vec::new();
    for Attachment { name, .. } in &message.files {
        let asked = FileOf { message: message.number, name: name.clone() };
        let file: File = hall.call(Call::File(asked)).await?;
        let path = files::save(hall.directory(), into, file).await?;
        lines.push(format!("saved {name:?} as {:?}", path.to_string_lossy()));
    }
    Ok(lines.join("\n"))
}

async fn list(hall: &Visit<'_>, what: Messages, none: &str) -> Result<Outcome, Failure> {
    let Listing { items, more }: Listing<Message> = hall.call(Call::Messages(what)).await?;
    if items.is_empty() {
        return Ok(Outcome::text(none));
    }
    let mut lines = vec![format!("{}, the newest last", count(items.len(), "message"))];
    lines.extend(items.iter().map(|message| {
        let come = message.progress.as_ref().map(|come| format!(", {}", progress(come)));
        line(&format!("{}{}", head_with_recipient(message), come.unwrap_or_default()), message)
    }));
    lines.extend(more.then(|| "there are older ones: raise `limit`".into()));
    Ok(Outcome::text(lines.join("\n")))
}
