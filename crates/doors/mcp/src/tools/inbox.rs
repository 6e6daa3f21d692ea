//! Shows the messages that wait for the agent, and those of before.

use client::protocol::{
    Attachment, Call, Changed, File, FileOf, Follow, Inbox, Mail, Message, Messages, Number, Past, topic_name,
};
use client::shown::name;
use serde_json::json;

use crate::about::About;
use crate::arguments::Arguments;
use crate::evidence::{MailShown, Part};
use crate::files;
use crate::hall::Visit;
use crate::letters::{Long, Page, extent, head, head_with_recipient, letter, line, part_of, progress};
use crate::limits::{MOST_LISTED, RESULT_CHARACTERS, RESULT_MESSAGES};
use crate::outcome::{Failure, Outcome};
use crate::text::count;

/// What is asked for.
enum Asked {
    /// What waits.
    Waiting,
    /// One message, from this character on.
    Message { number: u64, from: usize, save: Option<String> },
    /// Messages of before, or what to say if there are none.
    List(Messages, &'static str),
    /// To begin or cease following a topic.
    Follow(Follow),
}

pub(super) fn about() -> About {
    About {
        description: "Without arguments: the messages that wait for you, whole. Otherwise one message, a thread, what you \
                      sent and how far it has come, dead letters (for nobody known); or (un)follow a topic.",
        properties: json!({
            "message": {"type": "integer", "description": "number of one to read"},
            "from": {"type": "integer", "description": "with `message`: character to go on from, as told"},
            "save": {"type": "string", "description": "with `message`: directory inside yours to save its files in"},
            "thread": {"type": "integer", "description": "number of any message of it"},
            "sent": {"type": "boolean"},
            "dead": {"type": "boolean"},
            "before": {"type": "integer", "description": "older ones, as told"},
            "limit": {"type": "integer", "description": "20 if absent"},
            "follow": {"type": "string", "description": "a topic's name"},
            "unfollow": {"type": "string"},
        }),
        required: &[],
    }
}

pub(super) async fn call(hall: &Visit<'_>, arguments: &Arguments) -> Result<Outcome, Failure> {
    let limit = arguments.number("limit", 1..=MOST_LISTED)?.unwrap_or(RESULT_MESSAGES);
    let limit = usize::try_from(limit).ok();
    match read(arguments, limit)? {
        Asked::Waiting => waiting(hall, limit).await,
        Asked::Message { number, from, save } => show(hall, number, from, save).await,
        Asked::List(what, none) => list(hall, what, none).await,
        Asked::Follow(what) => follow(hall, what).await,
    }
}

/// At most one thing is asked for, and what else is given belongs to it.
fn read(arguments: &Arguments, limit: Option<usize>) -> Result<Asked, Failure> {
    let message = arguments.number("message", 1..=u64::MAX)?;
    let thread = arguments.number("thread", 1..=u64::MAX)?;
    let (sent, dead) = (arguments.flag("sent")?, arguments.flag("dead")?);
    let followed = arguments.telling_text("follow")?;
    let unfollowed = arguments.telling_text("unfollow")?;
    let before = arguments.number("before", 1..=u64::MAX)?;
    let from = arguments.number("from", 0..=u64::MAX)?;
    let save = arguments.telling_text("save")?;
    let asked = [
        ("message", message.is_some()),
        ("thread", thread.is_some()),
        ("sent", sent),
        ("dead", dead),
        ("follow", followed.is_some()),
        ("unfollow", unfollowed.is_some()),
    ];
    let mut asked = asked.into_iter().filter_map(|(name, given)| given.then_some(name));
    let first = asked.next();
    if let (Some(first), Some(second)) = (first, asked.next()) {
        let why = format_args!("and `{second}` ask for different things: give one");
        return Err(Failure::argument(first, why));
    }
    if let Some(name) = arguments.first_of(&["from", "save"]).filter(|_| message.is_none()) {
        return Err(Failure::argument(name, "goes with `message` and nothing else"));
    }
    if before.is_some() && !matches!(first, Some("thread" | "sent" | "dead")) {
        return Err(Failure::argument("before", "goes with `thread`, `sent` or `dead`"));
    }
    let of_before = Messages { thread, sent, dead, before, limit, ..Messages::default() };
    let follow =
        |topic: String, follow| Asked::Follow(Follow { topic: topic_name(&topic).to_owned(), follow });
    Ok(match (message, followed, unfollowed) {
        (Some(number), ..) => {
            let from = usize::try_from(from.unwrap_or(0)).unwrap_or(usize::MAX);
            Asked::Message { number, from, save }
        }
        (_, Some(topic), _) => follow(topic, true),
        (_, _, Some(topic)) => follow(topic, false),
        _ if thread.is_some() => Asked::List(of_before, "no such thread, or nothing older in it"),
        _ if sent => Asked::List(of_before, "you have sent no message"),
        _ if dead => Asked::List(of_before, "there are no dead letters"),
        _ => Asked::Waiting,
    })
}

async fn waiting(hall: &Visit<'_>, limit: Option<usize>) -> Result<Outcome, Failure> {
    let mailbox = hall.mailbox().await?;
    let mail: Mail = hall.call(Call::Inbox(Inbox { limit })).await?;
    if mail.messages.is_empty() && mail.left == 0 {
        return Ok(Outcome::text("no message waits for you"));
    }
    let page = Page::of(mail, mailbox.clone(), Long::Excerpt, |message, _| {
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

async fn show(hall: &Visit<'_>, number: u64, from: usize, save: Option<String>) -> Result<Outcome, Failure> {
    let mailbox = hall.mailbox().await?;
    let message: Message = hall.call(Call::Message(Number { message: number })).await?;
    let (text, part) = beginning_at(&message, from)?;
    let mut blocks = vec![text];
    if let Some(come) = &message.progress {
        blocks.push(format!("how far it has come: {}", progress(come)));
    }
    if let Some(into) = save {
        blocks.push(save_files(hall, &message, &into).await?);
    }
    // Of what is read part by part all was shown only if each part went on where the last ended.
    let goes_on = part.filter(|part| part.from == 0 || part.from == hall.read_up_to(&mailbox, number));
    let is_whole = part.is_none() || goes_on.is_some_and(|part| part.is_last());
    // One's own is not among what waits; of others' in whose mailbox this is not, the hall takes no notice.
    let place = (message.progress.is_none() && !message.excerpt && is_whole).then_some((number, number));
    let receipt = place.into_iter().collect();
    let shown = MailShown { mailbox, numbers: vec![number], receipt, part: goes_on, ..MailShown::default() };
    Ok(Outcome::mail(blocks.join("\n"), shown))
}

/// A message from this character on, as far as a result goes, and which part that is if it is not all.
fn beginning_at(message: &Message, from: usize) -> Result<(String, Option<Part>), Failure> {
    let head = head_with_recipient(message);
    if from == 0 {
        let whole = letter(&head, message);
        if whole.chars().count() <= RESULT_CHARACTERS {
            return Ok((whole, None));
        }
    }
    let (text, part) = part_of(message, from);
    if part.from >= part.all {
        let why = format!("must be less than {}: so many characters the message has", part.all);
        return Err(Failure::argument("from", why));
    }
    let number = part.number;
    let more = if part.is_last() {
        ", the last".into()
    } else {
        format!("; go on with `inbox`, `message` {number}, `from` {}", part.to)
    };
    Ok((letter(&format!("{head}, {}{more}", extent(&part)), &text), Some(part)))
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
    let Past { items, before }: Past = hall.call(Call::Messages(what)).await?;
    let mut lines = vec![match items.len() {
        0 if before.is_some() => "none of the newest is to be shown".into(),
        0 => none.into(),
        number => format!("{}, the newest last", count(number, "message")),
    }];
    lines.extend(items.iter().map(|message| {
        let come = message.progress.as_ref().map(|come| format!(", {}", progress(come)));
        line(&format!("{}{}", head_with_recipient(message), come.unwrap_or_default()), message)
    }));
    lines.extend(before.map(|before| format!("there may be older ones: `before` {before}")));
    Ok(Outcome::text(lines.join("\n")))
}

async fn follow(hall: &Visit<'_>, what: Follow) -> Result<Outcome, Failure> {
    let topic = name(&what.topic).into_owned();
    let follow = what.follow;
    let Changed { success } = hall.call(Call::Follow(what)).await?;
    Ok(Outcome::text(match (follow, success) {
        (true, true) => format!("from now on you get what is sent to topic:{topic}"),
        (true, false) => format!("you follow topic:{topic} already"),
        (false, true) => format!("you do not follow topic:{topic} any more"),
        (false, false) => format!("you do not follow topic:{topic}"),
    }))
}
