//! Reading a whole log to see whether it is what was written.

use model::{Position, WorkspaceName};

use crate::{Hash, Head, PageLimit, Result, Store, StoreError};

/// How much is read at once.
const PAGE: PageLimit = PageLimit { events: 4096, bytes: 16 * 1024 * 1024 };

/// Checks digest, link, order and readability of every event, and that the head is the last of them. The first that
/// does not fit is the error. Returns where the log ends. A log may grow meanwhile.
///
/// The head's incarnation is not part of the chain: it is drawn at random, and nothing says what it should be.
pub async fn verify(store: &dyn Store, log: &WorkspaceName) -> Result<Head> {
    let (mut position, mut hash) = (Position::START, Hash::genesis(log));
    loop {
        let page = store.read(log, position, PAGE).await?;
        for record in &page {
            if record.decode(log)?.is_none() {
                return Err(damaged(log, record.position, "its body is missing"));
            }
            (position, hash) = (record.position, record.hash);
        }
        if !page.is_empty() {
            continue;
        }
        // Asked for after the events, so that the head cannot be behind them; it may be ahead of them by now.
        let head = store.head(log).await?;
        if position > head.position || (position == head.position && hash != head.hash) {
            return Err(damaged(log, head.position, "the log's head does not match its last event"));
        }
        if position == head.position {
            return Ok(head);
        }
        if store.read(log, position, PAGE).await?.is_empty() {
            let what = "it is missing, and the log's head says it was written";
            return Err(damaged(log, position.next(), what));
        }
    }
}

fn damaged(log: &WorkspaceName, position: Position, what: &str) -> StoreError {
    StoreError::Damaged { log: log.to_string(), position, what: what.into() }
}
