//! The writing side of a connection: one line after the other, and no longer than somebody takes them.

use std::io;

use tokio::io::{AsyncWrite, AsyncWriteExt as _};
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

use crate::limits;

/// Where answers are written.
pub(crate) struct Writing<W> {
    /// Held for as long as one line takes. Gone once a line could not be written whole: nothing can follow it.
    to: Mutex<Option<W>>,
    /// Cancelled when it is gone.
    ended: CancellationToken,
}

impl<W: AsyncWrite + Unpin> Writing<W> {
    /// `ended` is cancelled once nothing can be written any more.
    pub(crate) fn new(to: W, ended: CancellationToken) -> Self {
        Self { to: Mutex::new(Some(to)), ended }
    }

    /// Writes a line. If the other side does not take it, that is the end of the connection.
    pub(crate) async fn send(&self, line: &[u8]) {
        let mut to = self.to.lock().await;
        let Some(write) = &mut *to else { return };
        if let Err(cause) = write_all(write, line).await {
            // What was done stays done.
            tracing::debug!(%cause, "an answer found nobody to take it");
            *to = None;
            self.ended.cancel();
        }
    }
}

async fn write_all(write: &mut (impl AsyncWrite + Unpin), mut rest: &[u8]) -> io::Result<()> {
    while !rest.is_empty() {
        let taken = tokio::time::timeout(limits::STALL, write.write(rest)).await??;
        if taken == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        rest = &rest[taken..];
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::io::AsyncReadExt as _;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn who_takes_nothing_is_let_go_and_who_takes_little_is_not() {
        let (write, mut read) = tokio::io::duplex(16);
        let ended = CancellationToken::new();
        let writing = Writing::new(write, ended.clone());
        let slowly = async {
            let mut taken = [0; 16];
            for _ in 0..10 {
                tokio::time::sleep(limits::STALL / 2).await;
                read.read_exact(&mut taken).await.unwrap();
            }
        };
        tokio::join!(writing.send(&[b'x'; 160]), slowly);
        assert!(!ended.is_cancelled(), "it got on all the time");

        let stalled = tokio::time::timeout(limits::STALL + Duration::from_secs(1), writing.send(&[b'x'; 17]));
        stalled.await.unwrap();
        assert!(ended.is_cancelled());
        writing.send(b"more").await;
        let mut taken = Vec::new();
        read.read_to_end(&mut taken).await.unwrap();
        assert_eq!(taken.len(), 16, "nothing follows half a line");
    }
}
