//! The log that is left, held against what clients know.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;

use guildhall_faultdisk::{Image, Position as Moment};
use hall::Hall;
use model::event::Recorded;
use model::{Position, WorkspaceName};
use store::{PageLimit, SqliteStore, Store, StoreError};
use tempfile::TempDir;

use crate::ledger::{Deed, Kind, Ledger, Outcome, Shown, deed_of};

/// A workspace's log, read whole and verified.
pub struct Log {
    /// All events.
    pub events: Vec<Recorded>,
    by_text: HashMap<String, Found>,
    twice: Vec<String>,
}

struct Found {
    kind: Kind,
    id: String,
    position: u64,
}

/// How much is read at once.
const PAGE: PageLimit = PageLimit { events: 4096, bytes: 16 * 1024 * 1024 };

/// Opens the databases on an image. The directory they lie in is gone when it is dropped.
fn open(image: &Image) -> Result<(TempDir, SqliteStore), String> {
    let home = tempfile::tempdir().expect("there is room for a home");
    image.write_to(home.path()).expect("there is room for a home");
    let data = home.path().join("data");
    std::fs::create_dir_all(&data).expect("there is room for a directory");
    let store = SqliteStore::open(&data).map_err(|cause| format!("store: {cause}"))?;
    Ok((home, store))
}

impl Log {
    /// Reads the log of `default` from the databases of a server that does not run.
    ///
    /// # Errors
    /// If they cannot be opened or read, or the chain has a fault.
    pub async fn open(data: &Path) -> Result<Self, StoreError> {
        Self::read(&SqliteStore::open(data)?).await
    }

    /// Reads the log of `default`, and verifies it; a store without one has an empty one.
    ///
    /// # Errors
    /// As [`Log::open`].
    pub async fn read(store: &dyn Store) -> Result<Self, StoreError> {
        let name = WorkspaceName::default_workspace();
        if store.logs().await?.contains(&name) {
            let head = store::verify::verify(store, &name).await?;
            let log = Self::of(events(store, &name).await?);
            assert_eq!(log.events.len() as u64, head.position.0, "as many events as the head says");
            return Ok(log);
        }
        Ok(Self::of(vec![]))
    }

    /// Opens what a power cut leaves as the server does, in this process: the hall starts, and its read models say what
    /// the log says.
    ///
    /// # Errors
    /// Whatever does not go well.
    ///
    /// # Panics
    /// If there is no room for a home.
    pub async fn left_on(image: &Image) -> Result<Self, String> {
        let (_home, store) = open(image)?;
        let store: Arc<dyn Store> = Arc::new(store);
        let hall = Hall::open(store.clone(), hall::Options::default()).await;
        hall.map_err(|cause| format!("hall: {cause}"))?.close().await;
        let name = WorkspaceName::default_workspace();
        let unreadable = |cause: StoreError| format!("read models: {cause}");
        let found = hall::dump(&*store, &name).await.map_err(unreadable)?;
        hall::rebuild(&*store, &name).await.map_err(unreadable)?;
        if found != hall::dump(&*store, &name).await.map_err(unreadable)? {
            return Err("the read models are not what the log makes them".into());
        }
        Self::read(&*store).await.map_err(|cause| format!("log: {cause}"))
    }

    /// The same of the log alone, which takes a fraction of the time where much is kept.
    ///
    /// # Errors
    /// As [`Log::left_on`].
    ///
    /// # Panics
    /// As [`Log::left_on`].
    pub async fn kept_on(image: &Image) -> Result<Self, String> {
        let (_home, store) = open(image)?;
        Self::read(&store).await.map_err(|cause| format!("log: {cause}"))
    }

    fn of(events: Vec<Recorded>) -> Self {
        let (mut by_text, mut twice) = (HashMap::new(), Vec::new());
        for recorded in &events {
            let Some((kind, text, id)) = deed_of(&recorded.event.fact) else { continue };
            let found = Found { kind, id: id.to_owned(), position: recorded.position.0 };
            if by_text.insert(text.clone(), found).is_some() {
                twice.push(text);
            }
        }
        Self { events, by_text, twice }
    }

    /// What is wrong with this log, given all that clients know.
    pub fn faults(&self, ledger: &Ledger) -> Vec<String> {
        self.faults_at(None, &ledger.deeds(), &ledger.shown())
    }

    /// What is wrong with this log, given what clients knew at a moment of the disk. That they could have asked for
    /// something is no fault at any moment.
    pub fn faults_at(&self, moment: Option<Moment>, deeds: &[Deed], shown: &[Shown]) -> Vec<String> {
        let due = |seen: Option<Moment>| moment.is_none_or(|moment| seen.is_none_or(|seen| seen <= moment));
        let mut faults: Vec<String> = Vec::new();
        for (index, recorded) in self.events.iter().enumerate() {
            if recorded.position.0 != index as u64 + 1 {
                faults.push(format!("position {} comes after {index}", recorded.position));
            }
        }
        faults.extend(self.twice.iter().map(|text| format!("twice in the log: {}", short(text))));
        let mut known = HashSet::new();
        for Deed { kind, text, outcome } in deeds {
            known.insert(text);
            match (outcome, self.by_text.get(text)) {
                (Outcome::Refused, Some(found)) => {
                    faults.push(format!("{} was refused and is at {}", short(text), found.position));
                }
                (Outcome::Acknowledged { seen, .. }, None) if due(*seen) => {
                    faults.push(format!("acknowledged and lost: {}", short(text)));
                }
                (Outcome::Acknowledged { id: Some(id), .. }, Some(found)) if *id != found.id => {
                    faults.push(format!("{} was acknowledged as {id} and is {}", short(text), found.id));
                }
                (_, Some(found)) if found.kind != *kind => {
                    faults.push(format!("{} was {kind:?} and is {:?}", short(text), found.kind));
                }
                _ => {}
            }
        }
        for text in self.by_text.keys().filter(|text| !known.contains(*text)) {
            faults.push(format!("nobody asked for {}", short(text)));
        }
        for Shown { text, position, .. } in shown.iter().filter(|shown| due(shown.seen)) {
            match self.by_text.get(text) {
                None => faults.push(format!("shown and not there: {}", short(text))),
                Some(found) if position.is_some_and(|position| position != found.position) => {
                    faults.push(format!(
                        "{} was shown at {position:?} and is at {}",
                        short(text),
                        found.position
                    ));
                }
                Some(_) => {}
            }
        }
        faults
    }

    /// The positions and texts of all events of these kinds, as a follower sees them.
    pub fn feed(&self, kinds: &[Kind]) -> Vec<(u64, String)> {
        let deeds = self.events.iter().filter_map(|recorded| {
            let (kind, text, _) = deed_of(&recorded.event.fact)?;
            kinds.contains(&kind).then_some((recorded.position.0, text))
        });
        deeds.collect()
    }
}

/// All events of a log.
///
/// # Errors
/// If it cannot be read.
pub async fn events(store: &dyn Store, log: &WorkspaceName) -> Result<Vec<Recorded>, StoreError> {
    let mut events: Vec<Recorded> = Vec::new();
    loop {
        let after = events.last().map_or(Position::START, |last| last.position);
        let page = store.read(log, after, PAGE).await?;
        if page.is_empty() {
            return Ok(events);
        }
        for record in &page {
            events.extend(record.decode(log)?);
        }
    }
}

/// The beginning of a text, which names it.
fn short(text: &str) -> String {
    text.chars().take(24).collect()
}
