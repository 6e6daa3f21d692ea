//! What can happen: ids, commands, events, state; decide and apply.
