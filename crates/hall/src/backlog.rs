//! What events have written into the read models and the store does not hold yet, in memory and bounded.

use std::sync::Arc;

use model::Position;
use store::{PlacedRow, Projection};

use crate::limits;

/// What is on its way to the store.
pub(crate) struct Backlog {
    /// How far the store's read models have come.
    written: Position,
    /// What is being written, until it is.
    pub(crate) writing: Option<Stretch>,
    /// What has come since.
    pub(crate) new: Projection,
    /// How far that has come.
    seen: Position,
    /// Whether no room can be hoped for: the last attempt to write has failed, or was the last.
    pub(crate) stuck: bool,
}

/// What is written at once.
pub(crate) struct Stretch {
    to: Position,
    projection: Arc<Projection>,
}

// === impl Backlog ===

impl Backlog {
    /// Nothing, of a store that stands at `written`.
    pub(crate) fn new(written: Position) -> Self {
        Self { written, writing: None, new: Projection::default(), seen: written, stuck: false }
    }

    /// Takes in what the events between two positions write, as far as the store has not seen it.
    pub(crate) fn note(&mut self, from: Position, to: Position, mut projection: Projection) {
        if to <= self.written {
            return;
        }
        if from < self.written {
            projection.keep_after(self.written);
        }
        self.seen = to;
        self.new.append(projection);
    }

    /// Begins to write what is new, or again what could not be written: between which positions it lies, and what it is.
    pub(crate) fn begin(&mut self) -> Option<(Position, Position, Arc<Projection>)> {
        if self.writing.is_none() && self.seen > self.written {
            let projection = Arc::new(std::mem::take(&mut self.new));
            self.writing = Some(Stretch { to: self.seen, projection });
        }
        let stretch = self.writing.as_ref()?;
        Some((self.written, stretch.to, stretch.projection.clone()))
    }

    /// What waits, the older first.
    pub(crate) fn pieces(&self) -> impl Iterator<Item = &Projection> {
        let writing = self.writing.as_ref().map(|stretch| &*stretch.projection);
        writing.into_iter().chain([&self.new])
    }

    /// Its rows, as they came to be.
    pub(crate) fn rows(&self) -> impl Iterator<Item = &PlacedRow> {
        self.pieces().flat_map(|piece| &piece.rows)
    }

    /// Whether so much is new that it should be written at once.
    pub(crate) fn is_much(&self) -> bool {
        let from = self.writing.as_ref().map_or(self.written, |stretch| stretch.to);
        self.new.rows.len() >= limits::PROJECT_ROWS
            || self.new.items() >= limits::PROJECT_ITEMS
            || self.seen.0 - from.0 >= limits::SNAPSHOT_EVENTS
    }

    /// Whether no more may be noted until some is written.
    pub(crate) fn is_full(&self) -> bool {
        let rows: usize = self.pieces().map(|piece| piece.rows.len()).sum();
        let bytes = || self.rows().map(|row| row.row.body.len()).sum::<usize>();
        // What a row weighs at the least keeps the sum from being taken each time. Items are small.
        rows > limits::PENDING_ROWS
            || self.pieces().map(Projection::items).sum::<usize>() > limits::PENDING_ITEMS
            || (rows > limits::PENDING_BYTES / model::limits::PROSE_TOKEN_BYTES
                && bytes() > limits::PENDING_BYTES)
    }

    /// Lets go of what is written.
    pub(crate) fn reached(&mut self, written: Position) {
        match self.writing.take_if(|stretch| stretch.to <= written) {
            Some(done) if done.to == written => {}
            // Another node has written what is new here, too …
            Some(_) => self.new.keep_after(written),
            // … or only a part of it.
            None => {
                if let Some(stretch) = &mut self.writing {
                    Arc::make_mut(&mut stretch.projection).keep_after(written);
                }
            }
        }
        self.written = written;
        self.seen = self.seen.max(written);
    }
}
