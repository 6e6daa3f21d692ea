//! The bridge as a host sees it and as the hall sees it, both played by the tests.

#[cfg(test)]
mod conversation;
#[cfg(test)]
mod coordination;
#[cfg(test)]
mod linker;
#[cfg(test)]
mod listing;
#[cfg(test)]
mod mail;
#[cfg(test)]
mod stage;
