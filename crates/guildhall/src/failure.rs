//! How a failure is told: always on stderr, as a sentence for people or, with `--json`, as one line of JSON with a stable
//! code.

use std::ffi::OsStr;
use std::fmt;

use client::{CallError, shown};
use serde_json::{Value, json};

use crate::output::printable_json;

/// What was named does not exist. The hall says so of most things; this is for what a command looks up by itself.
#[derive(Debug)]
pub(crate) struct NotFound(pub(crate) String);

impl fmt::Display for NotFound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for NotFound {}

/// Tells why a command failed.
pub(crate) fn tell(why: &anyhow::Error, as_json: bool) {
    let message = format!("{why:#}");
    if as_json {
        eprintln!("{}", line(code(why), &message));
    } else {
        // It may name what agents call themselves.
        eprintln!("guildhall: {}", shown::prose(&message));
    }
}

/// Tells, as JSON, why what was typed was not understood.
pub(crate) fn tell_usage(why: &clap::Error) {
    let text = why.render().to_string();
    eprintln!("{}", line("usage".into(), text.trim_end().trim_start_matches("error: ")));
}

/// Whether these arguments ask for JSON, as far as can be told of some that were not understood.
pub(crate) fn ask_for_json(arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> bool {
    let mut options = arguments.into_iter().take_while(|argument| argument.as_ref() != "--");
    options.any(|argument| argument.as_ref() == "--json")
}

fn line(code: Value, message: &str) -> String {
    let line = json!({ "error": { "code": code, "message": message } });
    printable_json(&line.to_string()).into_owned()
}

/// The hall's own code if it is the hall that said no, or what became of the way there; `failed` for all else.
fn code(why: &anyhow::Error) -> Value {
    if why.is::<NotFound>() {
        return "not_found".into();
    }
    match why.downcast_ref::<CallError>() {
        Some(CallError::Refused { code, .. }) => json!(code),
        Some(CallError::NotRunning { .. }) => "not_running".into(),
        Some(CallError::Unreachable { .. }) => "unreachable".into(),
        Some(CallError::Closed) => "unavailable".into(),
        Some(CallError::Lost) => "unknown".into(),
        Some(CallError::TooLong(_)) => "too_large".into(),
        Some(CallError::Garbled(_)) => "garbled".into(),
        None => "failed".into(),
    }
}

#[cfg(test)]
mod tests {
    use anyhow::Context as _;
    use client::protocol::ErrorCode;

    use super::*;

    #[test]
    fn a_failure_keeps_its_code_whatever_is_said_around_it() {
        let refused = CallError::Refused { code: ErrorCode::Forbidden, message: "no".into() };
        let refused = Err::<(), _>(refused).context("with /owner.token").unwrap_err();
        assert_eq!(code(&refused), "forbidden");
        assert_eq!(code(&NotFound("no such key".into()).into()), "not_found");
        assert_eq!(code(&CallError::Lost.into()), "unknown");
        assert_eq!(code(&anyhow::anyhow!("a disk is full")), "failed");
    }

    #[test]
    fn json_is_asked_for_by_an_option_and_not_by_a_text() {
        assert!(ask_for_json(["guildhall", "fly", "--json"]));
        assert!(!ask_for_json(["guildhall", "decide", "--", "--json"]));
    }
}
