//! The living server: it decides commands in batches, keeps them, and wakes whoever follows.
//!
//! A door holds a [`Hall`], asks it for a [`Workspace`], and there does three things: [`Workspace::submit`] a
//! command, read [`Workspace::state`] or rows, and [`Workspace::follow`] what happens. Everything it sees is
//! committed.
//!
//! Where to look: a command's way is [`workspace`] → [`submission`] → [`writer`] → the store → [`tail`] → [`follower`]. Beside
//! it run [`projector`] (read models; what is not written yet stands in [`backlog`]), [`indexer`] (words), [`snapshots`],
//! [`presence`] and [`timers`]. Messages are read through [`mail`], found by their words through [`search`], and their files
//! through [`files`].

pub mod access;
pub mod authors;
mod backlog;
pub mod clock;
pub mod entry;
pub mod error;
mod failpoint;
mod files;
pub mod follower;
mod house;
mod indexer;
mod informed;
pub mod limits;
pub mod mail;
mod opening;
pub mod presence;
mod projector;
mod rebuild;
mod recall;
mod receipts;
pub mod search;
mod snapshots;
mod submission;
mod tail;
mod tasks;
mod timers;
pub mod workspace;
mod writer;

pub use access::{Identity, IssuedToken};
pub use authors::Standing;
pub use clock::Clock;
pub use entry::Entry;
pub use error::{Declined, HallError};
pub use files::{File, attach};
pub use follower::{Follower, Page};
pub use house::{Hall, Options};
pub use presence::Attendance;
pub use rebuild::{dump, rebuild};
pub use submission::{Done, Outstanding, Submitted};
pub use workspace::Workspace;
