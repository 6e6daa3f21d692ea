//! The tools: one file each. What a model reads about a tool, what it may pass, and what comes back stand together.
//!
//! Schemas are written by hand: derived ones spend twice the bytes on the same words, in every prompt of every agent.

mod agents;
mod answer;
mod ask;
mod context;
mod decide;
mod status;
mod wait;

use std::sync::Arc;

use rmcp::model::{JsonObject, MetaObject, Tool, ToolAnnotations};
use serde_json::{Value, json};

use crate::arguments::Arguments;
use crate::hall::Visit;
use crate::outcome::{Failure, Outcome};

/// What keeps Claude Code from hiding tools until the model searches for them. These are few and small, and an agent that
/// would have to look for them would not think of them.
const ALWAYS_LOAD: &str = "anthropic/alwaysLoad";

/// A tool by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Named {
    Agents,
    Ask,
    Answer,
    Context,
    Decide,
    Status,
    Wait,
}

impl Named {
    const ALL: [Self; 7] =
        [Self::Agents, Self::Ask, Self::Answer, Self::Context, Self::Decide, Self::Status, Self::Wait];

    /// The word under which hosts call it.
    fn name(self) -> &'static str {
        match self {
            Self::Agents => "agents",
            Self::Ask => "ask",
            Self::Answer => "answer",
            Self::Context => "context",
            Self::Decide => "decide",
            Self::Status => "status",
            Self::Wait => "wait",
        }
    }

    /// The tool of this name.
    pub(crate) fn find(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|tool| tool.name() == name)
    }

    fn about(self) -> About {
        match self {
            Self::Agents => agents::about(),
            Self::Ask => ask::about(),
            Self::Answer => answer::about(),
            Self::Context => context::about(),
            Self::Decide => decide::about(),
            Self::Status => status::about(),
            Self::Wait => wait::about(),
        }
    }

    /// As it stands in the listing.
    pub(crate) fn describe(self) -> Tool {
        let About { description, properties, required } = self.about();
        let mut schema = JsonObject::new();
        schema.insert("type".into(), "object".into());
        schema.insert("properties".into(), properties);
        if !required.is_empty() {
            schema.insert("required".into(), json!(required));
        }
        let mut meta = MetaObject::new();
        meta.insert(ALWAYS_LOAD.into(), true.into());
        let tool = Tool::new(self.name(), description, Arc::new(schema)).with_meta(meta);
        if self.only_looks() { tool.with_annotations(ToolAnnotations::new().read_only(true)) } else { tool }
    }

    /// Whether it never changes anything: hosts may call such tools side by side and without leave.
    fn only_looks(self) -> bool {
        match self {
            Self::Agents | Self::Status | Self::Wait => true,
            Self::Ask | Self::Answer | Self::Context | Self::Decide => false,
        }
    }

    /// Calls it.
    pub(crate) async fn call(
        self,
        hall: &mut Visit<'_>,
        given: Option<JsonObject>,
    ) -> Result<Outcome, Failure> {
        let properties = self.about().properties;
        let known: Vec<_> =
            properties.as_object().into_iter().flatten().map(|(name, _)| name.as_str()).collect();
        let arguments = Arguments::new(self.name(), given, &known)?;
        match self {
            Self::Agents => agents::call(hall).await,
            Self::Ask => ask::call(hall, &arguments).await,
            Self::Answer => answer::call(hall, &arguments).await,
            Self::Context => context::call(hall, &arguments).await,
            Self::Decide => decide::call(hall, &arguments).await,
            Self::Status => status::call(hall).await,
            Self::Wait => wait::call(hall, &arguments).await,
        }
    }
}

/// What the model is told about a tool.
struct About {
    description: &'static str,
    /// The JSON Schema of each argument, by name.
    properties: Value,
    required: &'static [&'static str],
}

/// Every tool, for `tools/list`.
pub(crate) fn listing() -> Vec<Tool> {
    Named::ALL.into_iter().map(Named::describe).collect()
}
