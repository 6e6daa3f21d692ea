//! How much one connection may make the hall hold in memory: its calls, and answers that it has not taken yet.
//!
//! A call counts from when it was read until it is carried out, its answer from when it is made until it is written.
//! What a call that looks things up will weigh is known only once it is there, so few of those are made at once, and
//! the next waits until there is room for the last. A call never waits for room while it holds some: so whoever reads
//! its answers is always served.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::limits;

/// The room of one connection, in KiB.
#[derive(Clone)]
pub(crate) struct Room {
    kib: Arc<Semaphore>,
    looking: Arc<Semaphore>,
}

/// So much of it, until it is dropped.
pub(crate) struct Held {
    _kib: OwnedSemaphorePermit,
}

impl Room {
    pub(crate) fn new() -> Self {
        Self {
            kib: Arc::new(Semaphore::new(limits::ROOM_KIB as usize)),
            looking: Arc::new(Semaphore::new(limits::LOOKING)),
        }
    }

    /// Waits until there is room for so many bytes, or for the most there ever is.
    pub(crate) async fn hold(&self, bytes: usize) -> Held {
        let kib = u32::try_from(bytes / 1024 + 1).unwrap_or(limits::ROOM_KIB).min(limits::ROOM_KIB);
        let kib = self.kib.clone().acquire_many_owned(kib).await;
        Held { _kib: kib.expect("the semaphore is never closed") }
    }

    /// Makes the answer to a call that was `held`: the answer, and the room that this takes. A call that `only_looks`
    /// things up waits for its turn; answers to the others are bounded by their calls, or by how many may wait.
    pub(crate) async fn answer(
        &self,
        only_looks: bool,
        held: Held,
        answer: impl Future<Output = Vec<u8>>,
    ) -> (Vec<u8>, Held) {
        let looking = if only_looks {
            Some(self.looking.clone().acquire_owned().await.expect("the semaphore is never closed"))
        } else {
            None
        };
        let answer = answer.await;
        drop(held);
        let held = self.hold(answer.len()).await;
        drop(looking);
        (answer, held)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use client::protocol::LINE_BYTES;
    use tokio::task::JoinSet;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn answers_behind_a_reader_that_does_not_read_are_not_made() {
        let room = Room::new();
        let made = Arc::new(AtomicUsize::new(0));
        let (read, reading) = tokio::sync::watch::channel(false);
        let mut calls = JoinSet::new();
        for _ in 0..limits::CALLS {
            let (room, made, mut reading) = (room.clone(), made.clone(), reading.clone());
            calls.spawn(async move {
                let held = room.hold(100).await;
                let answer = async {
                    made.fetch_add(1, Ordering::Relaxed);
                    vec![0; LINE_BYTES - 1024]
                };
                let written = room.answer(true, held, answer).await;
                reading.wait_for(|reading| *reading).await.unwrap();
                drop(written);
            });
        }
        tokio::time::sleep(Duration::from_secs(60)).await;
        let made_before = made.load(Ordering::Relaxed);
        assert!(made_before <= 2 + limits::LOOKING, "{made_before}");
        read.send_replace(true);
        while calls.join_next().await.is_some() {}
        assert_eq!(made.load(Ordering::Relaxed), limits::CALLS, "whoever reads gets all");
    }
}
