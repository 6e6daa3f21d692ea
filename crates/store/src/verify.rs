//! Reading all that is kept of a log to see whether it is what was written.

use std::collections::HashSet;

use model::lists::List;
use model::rows::Table;
use model::{Position, WorkspaceName};

use crate::{Hash, Head, PageLimit, Result, Span, Store, StoreError, limits};

/// How much is read at once.
pub(crate) const PAGE: PageLimit = PageLimit { events: 4096, bytes: 16 * 1024 * 1024 };

/// Checks digest, link, order and readability of every event, that the head is the last of them, and then the read
/// models, the jobs and the receipts. The first that does not fit is the error. Returns where the log ends. A log may
/// grow meanwhile.
pub async fn verify(store: &dyn Store, log: &WorkspaceName) -> Result<Head> {
    let head = verify_events(store, log).await?;
    verify_files(store, log).await?;
    store.projected(log).await?;
    store.indexed(log).await?;
    for table in Table::ALL {
        let mut after = Position::START;
        while let Some(last) = store.rows(log, table, after, limits::CHECK_ROWS).await?.last() {
            after = last.place;
        }
    }
    let mut lists = String::new();
    while let Some(last) = verify_lists(store, log, &lists).await? {
        lists = last;
    }
    store.check(log).await?;
    Ok(head)
}

/// Checks the bytes of the files that messages refer to, each once, as long as they can all be remembered.
async fn verify_files(store: &dyn Store, log: &WorkspaceName) -> Result<()> {
    let (mut position, mut seen) = (Position::START, HashSet::new());
    loop {
        let page = store.read(log, position, PAGE).await?;
        let Some(last) = page.last() else { return Ok(()) };
        position = last.position;
        for record in &page {
            let Some(recorded) = record.decode(log)? else { continue };
            for attachment in recorded.event.fact.attachments() {
                let digest = Hash::parse(&attachment.digest)
                    .ok_or_else(|| damaged(log, record.position, "a file's digest is none"))?;
                if seen.contains(&digest) {
                    continue;
                }
                if store.blob(log, &digest).await?.is_none() {
                    return Err(StoreError::damaged_blob(log, &digest));
                }
                if seen.len() < limits::CHECK_FILES {
                    seen.insert(digest);
                }
            }
        }
    }
}

/// Reads some lists whole. Returns the last of them.
async fn verify_lists(store: &dyn Store, log: &WorkspaceName, after: &str) -> Result<Option<String>> {
    let lists = store.lists(log, after, limits::CHECK_ROWS).await?;
    for list in &lists {
        let mut span =
            Span { after: Position::START, before: None, most: limits::CHECK_ROWS, newest_first: false };
        while let Some(last) = store.items(log, list, span).await?.last() {
            span.after = last.place;
        }
    }
    Ok(lists.last().map(List::key))
}

/// Checks the events and the head alone: if they are well, whatever else there is can be made from them.
pub async fn verify_events(store: &dyn Store, log: &WorkspaceName) -> Result<Head> {
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
        let head = store.head(log).await.map_err(|error| error.at_most_at(position.next()))?;
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
