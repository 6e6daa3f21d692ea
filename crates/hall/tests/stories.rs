//! What a hall does for those who use it, told on a store that can be made to fail.

#![allow(clippy::unwrap_used, reason = "a story that cannot go on has failed")]

extern crate guildhall_hall as hall;

#[path = "stories/faulty.rs"]
mod faulty;
#[path = "stories/following.rs"]
mod following;
#[path = "stories/keys.rs"]
mod keys;
#[path = "stories/messages.rs"]
mod messages;
#[path = "stories/nodes.rs"]
mod nodes;
#[path = "stories/presence.rs"]
mod presence;
#[path = "stories/questions.rs"]
mod questions;
#[path = "stories/rebuilding.rs"]
mod rebuilding;
#[path = "stories/restarts.rs"]
mod restarts;
#[path = "stories/scene.rs"]
mod scene;
#[path = "stories/searching.rs"]
mod searching;
#[path = "stories/troubles.rs"]
mod troubles;
