//! Finds what was said, shared, asked and decided.

use client::protocol::{Call, Found, Hit, Kind, Search};
use client::shown::name;
use serde_json::json;

use crate::about::About;
use crate::arguments::Arguments;
use crate::hall::Visit;
use crate::limits::{MOST_LISTED, RESULT_MESSAGES};
use crate::outcome::{Failure, Outcome};
use crate::text::{below, moment};

const KINDS: [(&str, Kind); 5] = [
    ("message", Kind::Message),
    ("context", Kind::Context),
    ("question", Kind::Question),
    ("answer", Kind::Answer),
    ("decision", Kind::Decision),
];

pub(super) fn about() -> About {
    About {
        description: "Find words in messages, context, questions, answers and decisions, newest first.",
        properties: json!({
            "query": {"type": "string", "description": "words that must all be there; begin* and \"a phrase\" too"},
            "kind": {"enum": ["message", "context", "question", "answer", "decision"]},
            "before": {"type": "integer", "description": "go on from there, as told"},
            "limit": {"type": "integer", "description": "20 if absent"},
        }),
        required: &["query"],
    }
}

pub(super) async fn call(hall: &Visit<'_>, arguments: &Arguments) -> Result<Outcome, Failure> {
    let limit = arguments.number("limit", 1..=MOST_LISTED)?.unwrap_or(RESULT_MESSAGES);
    let search = Search {
        query: arguments.text("query")?,
        kinds: arguments.word("kind", &KINDS)?.into_iter().collect(),
        before: arguments.number("before", 0..=u64::MAX)?,
        limit: usize::try_from(limit).ok(),
    };
    let Found { hits, next, as_of, complete } = hall.call(Call::Search(search)).await?;
    let mut lines: Vec<_> = hits.iter().map(show).collect();
    if lines.is_empty() {
        lines.push("nothing found".into());
    }
    lines.extend(next.map(|next| format!("there may be older ones: `before` {next}")));
    if !complete {
        lines.push(format!(
            "looked through up to place {as_of} of the log: what came later is not searched yet, try again"
        ));
    }
    Ok(Outcome::text(lines.join("\n")))
}

/// One line of ours, and the words themselves below it.
fn show(hit: &Hit) -> String {
    let what = match hit.kind {
        Kind::Message => format!("message #{}", hit.number),
        Kind::Context => format!("context {:?}", hit.id),
        Kind::Question => format!("question {}", name(&hit.id)),
        Kind::Answer => format!("answer to {}", name(&hit.id)),
        Kind::Decision => format!("decision {}", name(&hit.id)),
    };
    let to = hit.to.as_deref().map(|to| format!(" to {}", name(to))).unwrap_or_default();
    let more = if hit.excerpt { "…" } else { "" };
    let text = below(&format!("\n{}", hit.text));
    format!("- {what} by {}{to}, {}{text}{more}", name(&hit.by), moment(&hit.at))
}
