//! Making jobs anew from the events they follow from, and letting go of receipts that can no longer be believed.

use std::collections::BTreeMap;

use model::effect::{Effect, effects};
use model::{Position, WorkspaceName};

use crate::verify::PAGE;
use crate::{Result, Store};

/// Mends what hangs on a log and is not its read models. No server may be running.
///
/// A job that was performed, and struck off without an event, is scheduled again; jobs are safe to repeat.
///
/// # Errors
/// If the log cannot be read, or the jobs cannot be written.
pub async fn mend(store: &dyn Store, log: &WorkspaceName) -> Result<()> {
    let (mut position, mut jobs) = (Position::START, BTreeMap::new());
    loop {
        let page = store.read(log, position, PAGE).await?;
        let Some(last) = page.last() else { break };
        position = last.position;
        for record in &page {
            let Some(recorded) = record.decode(log)? else { continue };
            for effect in effects(&recorded.event.fact) {
                match effect {
                    Effect::Schedule { ref key, .. } => drop(jobs.insert(key.clone(), effect)),
                    Effect::Cancel { key } => drop(jobs.remove(&key)),
                }
            }
        }
    }
    store.mend(log, &jobs.into_values().collect::<Vec<_>>()).await
}
