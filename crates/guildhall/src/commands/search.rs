//! `guildhall search`: finds words in all that was said, shared, asked, answered and decided.

use std::process::ExitCode;

use clap::{Args, ValueEnum, value_parser};
use client::protocol::{self, Call, Found, Hit};
use client::shown::name;

use crate::here::Here;
use crate::limits;
use crate::output::indented;

#[derive(Debug, Args)]
pub(crate) struct Search {
    /// Words that are all there; `word*` for all that begin so, '"some words"' for words in this order.
    #[arg(required = true)]
    words: Vec<String>,
    /// Only things of this kind; may be given several times.
    #[arg(long, value_enum)]
    kind: Vec<Kind>,
    /// Only what came before this number, as the page before said.
    #[arg(long, value_name = "NUMBER")]
    before: Option<u64>,
    /// How many at most, up to 100.
    #[arg(long, value_name = "NUMBER", default_value_t = 20, value_parser = value_parser!(u16).range(1..=limits::HITS))]
    limit: u16,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Kind {
    /// A message, also one that found no recipient.
    Message,
    /// A key's value as it is now.
    Context,
    /// A question.
    Question,
    /// An answer to a question.
    Answer,
    /// A decision.
    Decision,
}

impl Search {
    pub(crate) async fn run(self, here: &Here) -> anyhow::Result<ExitCode> {
        let call = Call::Search(protocol::Search {
            query: self.words.join(" "),
            kinds: self.kind.into_iter().map(Into::into).collect(),
            before: self.before,
            limit: Some(self.limit.into()),
        });
        let found: Found = here.hall().await?.call(call).await?;
        if found.hits.is_empty() {
            here.output.say("Nothing was found.");
        }
        here.output.show(&found, |found| found.hits.iter().map(paragraph).collect())?;
        if let Some(next) = found.next {
            here.output.say(&format!("\nThere may be older ones; go on with --before {next}."));
        }
        if !found.complete {
            let as_of = found.as_of;
            here.output.say(&format!(
                "\nThis is all up to number {as_of}; what came later is still being taken in."
            ));
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl From<Kind> for protocol::Kind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Message => Self::Message,
            Kind::Context => Self::Context,
            Kind::Question => Self::Question,
            Kind::Answer => Self::Answer,
            Kind::Decision => Self::Decision,
        }
    }
}

/// What was found, under a line that says what it is and how it is looked at.
fn paragraph(hit: &Hit) -> String {
    let Hit { number, id, by, at, .. } = hit;
    let (id, by) = (name(id), name(by));
    let heading = match hit.kind {
        protocol::Kind::Message => {
            let to = name(hit.to.as_deref().unwrap_or_default());
            format!("{number}  message from {by} to {to}, {at}")
        }
        protocol::Kind::Context => format!("{number}  context {id} by {by}, {at}"),
        protocol::Kind::Question => format!("{number}  question {id} from {by}, {at}"),
        protocol::Kind::Answer => format!("{number}  answer to {id} by {by}, {at}"),
        protocol::Kind::Decision => format!("{number}  decision {id} by {by}, {at}"),
    };
    let more = if hit.excerpt { "    …\n" } else { "" };
    format!("{heading}\n{}{more}", indented(&hit.text))
}
