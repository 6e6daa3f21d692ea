//! Long work that nobody waits for at the moment.

use std::time::Instant;

use crate::limits;

/// Lets others have the core from time to time.
///
/// Where there are few cores, the thread that commits would wait for the end of such work, and everybody with it. But
/// where something else keeps all cores busy, giving way costs this work its turn; so it is not done for every row.
pub struct Background {
    /// Since when it has had the core.
    since: Instant,
}

impl Background {
    /// Begins a piece of work.
    pub fn begin() -> Self {
        Self { since: Instant::now() }
    }

    /// To be called between pieces: lets others have the core if this has had it for [`limits::UNINTERRUPTED`].
    pub fn give_way(&mut self) {
        if self.since.elapsed() >= limits::UNINTERRUPTED {
            std::thread::yield_now();
            self.since = Instant::now();
        }
    }
}
