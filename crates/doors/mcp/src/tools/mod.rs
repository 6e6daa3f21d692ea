//! The tools: one file each. What a model reads about a tool, what it may pass, and what comes back stand together.

mod agents;
mod answer;
mod ask;
mod context;
mod decide;
mod inbox;
mod reserve;
mod search;
pub(crate) mod send;
mod send_file;
mod status;
mod wait;

use rmcp::model::{JsonObject, Tool};

use crate::about::About;
use crate::hall::Visit;
use crate::outcome::{Failure, Outcome};

/// A tool by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Named {
    Agents,
    Ask,
    Answer,
    Context,
    Decide,
    Send,
    Inbox,
    Reserve,
    Search,
    SendFile,
    Status,
    Wait,
}

impl Named {
    const ALL: [Self; 12] = [
        Self::Agents,
        Self::Ask,
        Self::Answer,
        Self::Context,
        Self::Decide,
        Self::Send,
        Self::Inbox,
        Self::Reserve,
        Self::Search,
        Self::SendFile,
        Self::Status,
        Self::Wait,
    ];

    /// The word under which hosts call it.
    fn name(self) -> &'static str {
        match self {
            Self::Agents => "agents",
            Self::Ask => "ask",
            Self::Answer => "answer",
            Self::Context => "context",
            Self::Decide => "decide",
            Self::Send => "send",
            Self::Inbox => "inbox",
            Self::Reserve => "reserve",
            Self::Search => "search",
            Self::SendFile => "send_file",
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
            Self::Send => send::about(),
            Self::Inbox => inbox::about(),
            Self::Reserve => reserve::about(),
            Self::Search => search::about(),
            Self::SendFile => send_file::about(),
            Self::Status => status::about(),
            Self::Wait => wait::about(),
        }
    }

    /// As it stands in the listing.
    pub(crate) fn describe(self) -> Tool {
        self.about().describe(self.name(), self.only_looks())
    }

    /// Whether it never changes anything.
    fn only_looks(self) -> bool {
        match self {
            Self::Agents | Self::Search | Self::Status | Self::Wait => true,
            Self::Ask
            | Self::Answer
            | Self::Context
            | Self::Decide
            | Self::Send
            | Self::Inbox
            | Self::Reserve
            | Self::SendFile => false,
        }
    }

    /// Calls it.
    pub(crate) async fn call(
        self,
        hall: &mut Visit<'_>,
        given: Option<JsonObject>,
    ) -> Result<Outcome, Failure> {
        let arguments = self.about().arguments(self.name(), given)?;
        match self {
            Self::Agents => agents::call(hall).await,
            Self::Ask => ask::call(hall, &arguments).await,
            Self::Answer => answer::call(hall, &arguments).await,
            Self::Context => context::call(hall, &arguments).await,
            Self::Decide => decide::call(hall, &arguments).await,
            Self::Send => send::call(hall, &arguments).await,
            Self::Inbox => inbox::call(hall, &arguments).await,
            Self::Reserve => reserve::call(hall, &arguments).await,
            Self::Search => search::call(hall, &arguments).await,
            Self::SendFile => send_file::call(hall, &arguments).await,
            Self::Status => status::call(hall).await,
            Self::Wait => wait::call(hall, &arguments).await,
        }
    }
}

/// Every tool, for `tools/list`.
pub(crate) fn listing() -> Vec<Tool> {
    Named::ALL.into_iter().map(Named::describe).collect()
}
