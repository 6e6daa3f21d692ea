//! Read models and the index of words from the log alone: catching up, making anew, comparing.

use model::lists::{Item, List};
use model::rows::Table;
use model::{Position, WorkspaceName};
use store::{PageLimit, PlacedRow, Projection, Span, Store, StoreError, Terms};

use crate::indexer::terms;

/// Brings a log's read models from where they stand up to a position, page by page. Returns where they stand then, which
/// is further on if another node has brought them there.
///
/// # Errors
/// If the log cannot be read up to there, or the rows cannot be written.
pub(crate) async fn project_up_to(
    store: &dyn Store,
    log: &WorkspaceName,
    mut from: Position,
    to: Position,
) -> Result<Position, StoreError> {
    let limit = PageLimit { events: 4096, bytes: 8 * 1024 * 1024 };
    while from < to {
        let records = store.read(log, from, limit).await?;
        let Some(last) = records.last().map(|record| record.position) else {
            let what = "it is missing, and the log's head says it was written";
            return Err(damaged(log, from.next(), what));
        };
        let mut projection = Projection::default();
        for record in &records {
            let place = record.position;
            let recorded = record.decode(log)?.ok_or_else(|| damaged(log, place, "its body is missing"))?;
            projection.add(&recorded);
        }
        // Another node may be at the same: where they stand now is where to go on.
        let moved = store.project(log, from, last, projection.into()).await?;
        from = if moved { last } else { store.projected(log).await? };
    }
    Ok(from)
}

/// Indexes a log from where its index stands up to a position, page by page.
async fn index_up_to(store: &dyn Store, log: &WorkspaceName, to: Position) -> Result<(), StoreError> {
    let limit = PageLimit { events: 4096, bytes: 8 * 1024 * 1024 };
    let mut from = store.indexed(log).await?;
    while from < to {
        let records = store.read(log, from, limit).await?;
        let Some(last) = records.last().map(|record| record.position) else {
            return Err(damaged(log, from.next(), "it is missing, and the log's head says it was written"));
        };
        let mut documents: Vec<Terms> = Vec::new();
        for record in &records {
            let recorded = record.decode(log)?;
            let recorded = recorded.ok_or_else(|| damaged(log, record.position, "its body is missing"))?;
            documents.extend(terms(&recorded));
        }
        let moved = store.index(log, from, last, &documents).await?;
        from = if moved { last } else { store.indexed(log).await? };
    }
    Ok(())
}

/// Makes all read models, the index of words and the jobs of a log anew, and forgets damaged receipts. The server must
/// not be running. Returns where the read models stand, which is the log's end.
///
/// # Errors
/// [`StoreError::Damaged`] names the first bad position of a log that cannot be read to its end. Nothing was changed
/// then. If the disk fails on the way, the read models stand where they came to, and go on from there at the next start.
pub async fn rebuild(store: &dyn Store, log: &WorkspaceName) -> Result<Position, StoreError> {
    let head = store::verify::verify_events(store, log).await?;
    store::mend::mend(store, log).await?;
    store.clear_rows(log).await?;
    project_up_to(store, log, Position::START, head.position).await?;
    if log != &WorkspaceName::directory() {
        index_up_to(store, log, head.position).await?;
    }
    let stand = store.projected(log).await?;
    if stand == head.position {
        return Ok(stand);
    }
    Err(StoreError::DamagedRow(format!(
        "those of {log} stand at {stand}, and the log ends at {}",
        head.position
    )))
}

fn damaged(log: &WorkspaceName, position: Position, what: &str) -> StoreError {
    StoreError::Damaged { log: log.to_string(), position, what: what.into() }
}

/// All read models of a log as one ordered text: a line a row, tables and rows in order.
pub async fn dump(store: &dyn Store, log: &WorkspaceName) -> Result<String, StoreError> {
    let mut text = String::new();
    for table in Table::ALL {
        let mut after = Position::START;
        loop {
            let rows = store.rows(log, table, after, 1_000).await?;
            let Some(last) = rows.last() else { break };
            after = last.place;
            for PlacedRow { place, row } in &rows {
                let body = String::from_utf8_lossy(&row.body);
                text.push_str(&format!("{}\t{place}\t{}\t{body}\n", table.as_str(), row.key));
            }
        }
    }
    let mut name = String::new();
    loop {
        let lists = store.lists(log, &name, 1_000).await?;
        let Some(last) = lists.last() else { break };
        name = last.key();
        for list in &lists {
            dump_list(store, log, list, &mut text).await?;
        }
    }
    Ok(text)
}

async fn dump_list(
    store: &dyn Store,
    log: &WorkspaceName,
    list: &List,
    text: &mut String,
) -> Result<(), StoreError> {
    let mut span = Span { after: Position::START, before: None, most: 1_000, newest_first: false };
    loop {
        let items = store.items(log, list, span).await?;
        let Some(last) = items.last() else { return Ok(()) };
        span.after = last.place;
        for Item { place, note } in &items {
            let note = serde_json::to_string(note).expect("notes always serialise");
            text.push_str(&format!("{}\t{place}\t{note}\n", list.key()));
        }
    }
}
