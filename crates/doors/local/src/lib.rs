//! The door for processes of this machine: the unix socket.
//!
//! The protocol stands in [`client::protocol`]. This door answers it for the hall's own user only, and knows from the
//! operating system which process is on the other side. That decides what a caller may do:
//!
//! | caller | acts as | may |
//! |---|---|---|
//! | an agent, through its MCP bridge | `local`, as a member | all but what is for people |
//! | a person who shows the owner's credential | the token's principal, usually `owner` | everything |
//! | a person who does not | `local` | all but what is for people |
//! | whoever descends from an agent | `local` | all but what is for people, whatever it shows |
//!
//! *For people* are workspaces, tokens, and answering for a person. [`ancestry`] says who descends from an agent.
//!
//! Where to look: [`listener`] owns the socket, [`session`] one connection, whose bounds are [`admission`]'s and
//! [`room`]'s, [`introduction`] turns its first call into a [`caller`], and `calls` has a file for each
//! group of methods, named as in the table of them, [`client::methods`].

mod admission;
pub mod ancestry;
mod authors;
mod caller;
mod calls;
mod introduction;
pub mod limits;
mod listener;
mod refused;
mod register;
mod room;
mod session;
mod told;
mod waits;
mod writing;

pub use listener::{BindError, LocalDoor, Options};
