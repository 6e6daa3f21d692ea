//! Messages of a form: a file, code, a task.

use client::protocol::{Call, Send, Sent};
use client::shown::name;
use serde_json::json;

use crate::about::About;
use crate::arguments::Arguments;
use crate::files;
use crate::hall::Visit;
use crate::limits::LANGUAGE_CHARACTERS;
use crate::outcome::{Failure, Outcome};

pub(super) fn about_file() -> About {
    About {
        description: "Send a file of this instance's directory, 8 MiB at most",
        properties: json!({
            "to": {"type": "string", "description": "Name or ID of the instance, or \"broadcast\""},
            "file_path": {"type": "string", "description": "Path inside this instance's directory"},
            "description": {"type": "string", "description": "What the file is"},
        }),
        required: &["to", "file_path"],
    }
}

pub(super) async fn file(hall: &Visit<'_>, arguments: &Arguments) -> Result<Outcome, Failure> {
    let to = arguments.text("to")?;
    let description = arguments.optional_text("description")?;
    let file = files::read(hall.directory(), &arguments.text("file_path")?).await?;
    let called = name(&file.name).into_owned();
    let content = description.unwrap_or_else(|| format!("File {called}"));
    let send = Send { to: Some(to.clone()), content, files: vec![file], ..Send::default() };
    let Sent { id, .. } = hall.call(Call::Send(send)).await?;
    Ok(Outcome::text(format!("File {called} sent to {} (ID: {id})", name(&to))))
}

pub(super) fn about_code() -> About {
    About {
        description: "Share a piece of code with another instance",
        properties: json!({
            "to": {"type": "string", "description": "Name or ID of the instance, or \"broadcast\""},
            "language": {"type": "string", "description": "Language of the code, such as rust"},
            "code": {"type": "string", "description": "The code"},
            "description": {"type": "string", "description": "What it does or what is asked about it"},
        }),
        required: &["to", "language", "code"],
    }
}

pub(super) async fn code(hall: &Visit<'_>, arguments: &Arguments) -> Result<Outcome, Failure> {
    let to = arguments.text("to")?;
    let language = arguments.text("language")?;
    // It stands on the line that opens the block, where a backtick or a break would end it.
    let fits = |character: char| character.is_ascii_alphanumeric() || "+-#._".contains(character);
    if language.chars().count() > LANGUAGE_CHARACTERS || !language.chars().all(fits) {
        return Err(Failure::argument("language", "must be a language's name, such as rust or c++"));
    }
    let description = arguments.optional_text("description")?.map(|text| text + "\n\n").unwrap_or_default();
    let block = fenced(&language, &arguments.text("code")?);
    let send = Send { to: Some(to.clone()), content: description + &block, ..Send::default() };
    let Sent { id, .. } = hall.call(Call::Send(send)).await?;
    Ok(Outcome::text(format!("Code shared with {} (ID: {id})", name(&to))))
}

/// Code between fences that are longer than any within.
fn fenced(language: &str, code: &str) -> String {
    let longest = code.split(|character| character != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(3.max(longest + 1));
    let end = if code.ends_with('\n') { "" } else { "\n" };
    format!("{fence}{language}\n{code}{end}{fence}")
}

pub(super) fn about_task() -> About {
    About {
        description: "Write a task note to the instance that is to do it, or to all",
        properties: json!({
            "title": {"type": "string", "description": "What is to be done, in a line"},
            "assignee": {"type": "string", "description": "Name or ID of the instance; all if absent"},
            "description": {"type": "string", "description": "More about it"},
            "deadline": {"type": "string", "description": "Date by which it is to be done"},
        }),
        required: &["title"],
    }
}

pub(super) async fn task(hall: &Visit<'_>, arguments: &Arguments) -> Result<Outcome, Failure> {
    let title = arguments.text("title")?;
    let assignee = arguments.optional_text("assignee")?;
    let description = arguments.optional_text("description")?;
    let deadline = arguments.optional_text("deadline")?;
    let mut note = vec![format!("Task: {title}")];
    note.extend(assignee.as_ref().map(|assignee| format!("Assignee: {assignee}")));
    note.extend(deadline.map(|deadline| format!("Deadline: {deadline}")));
    note.extend(description.map(|description| format!("\n{description}")));
    let content = note.join("\n");
    let to = assignee.clone().unwrap_or_else(|| "broadcast".into());
    let Sent { id, .. } = hall.call(Call::Send(Send { to: Some(to), content, ..Send::default() })).await?;
    let whom = assignee.as_deref().map_or("all instances".into(), name);
    Ok(Outcome::text(format!("Task \"{}\" sent to {whom} (ID: {id})", name(&title))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_cannot_end_its_block() {
        assert_eq!(fenced("rust", "fn main() {}"), "```rust\nfn main() {}\n```");
        assert_eq!(fenced("md", "a\n```\nb\n````\n"), "`````md\na\n```\nb\n````\n`````");
    }
}
