//! What can happen in a Guildhall, and nothing else.
//!
//! A **command** is a wish; [`State::decide`] turns it into **events** or a [`Refusal`]; [`State::apply`] folds an
//! event into the state. Both are pure: no clock, no randomness, no network, no disk. Time and ids arrive inside
//! the [`Proposal`], so that deciding the same proposal again, on a later state, gives the same ids.
//!
//! The state is small on purpose: who is here, which questions are open, which version of a key is current. The
//! bodies of what was said stay in the log and are read by position.
//!
//! Reading order: [`event`], [`command`], [`state`], then one file per concept ([`roster`], [`context`],
//! [`questions`], [`decisions`], [`messages`], [`mailboxes`], [`reservations`], [`directory`]). What follows from an event
//! outside the state stands in [`rows`] and [`lists`] (read models) and [`effect`] (timers). How events are stored, and how older forms are read, stands in [`codec`] and
//! [`upcast`].

pub mod address;
pub mod codec;
pub mod command;
pub mod context;
pub mod decisions;
pub mod directory;
pub mod effect;
pub mod event;
mod glob;
pub mod ids;
pub mod limits;
pub mod lists;
pub mod mailboxes;
pub mod marks;
pub mod messages;
pub mod names;
pub mod questions;
pub mod refusal;
pub mod reservations;
pub mod roster;
pub mod rows;
pub mod state;
pub mod statuses;
pub mod text;
pub mod time;
mod upcast;

pub use address::Address;
pub use command::{Command, Proposal};
pub use event::{Event, Fact, Position, Recorded};
pub use ids::{
    AgentId, CommandId, DecisionId, EntryId, MemberId, MessageId, QuestionId, ReservationId, TokenId,
};
pub use names::{Principal, WorkspaceName};
pub use refusal::Refusal;
pub use state::State;
pub use text::Text;
pub use time::Timestamp;
