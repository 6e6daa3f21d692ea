//! Reservations: who says to be working on which files, and until when. Advisory: nothing stops a hand on the disk, but
//! whoever asks first is told first.

use std::sync::Arc;
use std::time::Duration;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use crate::event::Fact;
use crate::glob;
use crate::ids::ReservationId;
use crate::limits;
use crate::messages::Party;
use crate::refusal::Refusal;
use crate::time::Timestamp;

/// A claim on files.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reservation {
    /// Its id.
    pub id: ReservationId,
    /// Who holds it.
    pub holder: Party,
    /// Which files: see [`crate::glob`].
    pub globs: Arc<[Arc<str>]>,
    /// Whether others may hold the same files, as long as they share too.
    pub shared: bool,
    /// What for.
    pub why: Option<Arc<str>>,
    /// Rises with each reservation of a workspace, and with each renewal: whoever holds a larger one came later.
    pub fence: u64,
    /// When it was made or last renewed.
    pub since: Timestamp,
    /// When it ends by itself.
    pub until: Timestamp,
}

/// Claims files, or renews a claim: what the same holder has on the very same globs is replaced.
#[derive(Debug, Clone, Serialize)]
pub struct Reserve {
    /// Who.
    pub holder: Party,
    /// Which files.
    pub globs: Arc<[Arc<str>]>,
    /// Whether others may share them.
    pub shared: bool,
    /// What for.
    pub why: Option<Arc<str>>,
    /// For how long.
    pub ttl: Duration,
}

/// Ends a claim before its time; one that has ended is no error and no event.
#[derive(Debug, Clone, Serialize)]
pub struct Release {
    /// Whose.
    pub holder: Party,
    /// Which.
    pub reservation: ReservationId,
}

/// A claim ended before its time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Released {
    /// Which.
    pub reservation: Arc<Reservation>,
}

/// Claims that have not been released. Some may be over.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Reservations {
    held: IndexMap<ReservationId, Arc<Reservation>>,
    fence: u64,
}

impl Reservations {
    /// Those in force, oldest first.
    pub fn in_force(&self, at: Timestamp) -> impl Iterator<Item = &Arc<Reservation>> {
        self.held.values().filter(move |reservation| reservation.until > at)
    }

    pub(crate) fn size(&self) -> usize {
        self.held.len()
    }

    pub(crate) fn reserve(
        &self,
        id: ReservationId,
        at: Timestamp,
        reserve: &Reserve,
    ) -> Result<Vec<Fact>, Refusal> {
        check(reserve)?;
        let mut id = id;
        let mut in_force = 0;
        for other in self.in_force(at) {
            in_force += 1;
            if other.holder.id == reserve.holder.id {
                if other.globs == reserve.globs {
                    id = other.id.clone();
                }
                continue;
            }
            if reserve.shared && other.shared {
                continue;
            }
            let meets = |mine: &Arc<str>| other.globs.iter().find(|theirs| glob::overlap(mine, theirs));
            if let Some(theirs) = reserve.globs.iter().find_map(meets) {
                return Err(Refusal::Conflict(format!(
                    "{theirs} is reserved by {} until {}",
                    other.holder.name, other.until
                )));
            }
        }
        if in_force >= limits::RESERVATIONS {
            let remedy = "release some, or let them end";
            return Err(Refusal::Full { what: "reservations", limit: limits::RESERVATIONS, remedy });
        }
        Ok(vec![Fact::FilesReserved(Arc::new(Reservation {
            id,
            holder: reserve.holder.clone(),
            globs: reserve.globs.clone(),
            shared: reserve.shared,
            why: reserve.why.clone(),
            fence: self.fence + 1,
            since: at,
            until: at.after(reserve.ttl),
        }))])
    }

    pub(crate) fn release(&self, release: &Release) -> Result<Vec<Fact>, Refusal> {
        let Some(reservation) = self.held.get(&release.reservation) else { return Ok(vec![]) };
        if reservation.holder.id != release.holder.id {
            return Err(Refusal::Forbidden(format!("{} holds this reservation", reservation.holder.name)));
        }
        Ok(vec![Fact::FilesReleased(Arc::new(Released { reservation: reservation.clone() }))])
    }

    pub(crate) fn was_made(&mut self, made: &Arc<Reservation>) {
        // What is over makes room; the event's own time decides, so every replay drops the same ones.
        self.held.retain(|_, other| other.until > made.since);
        self.held.insert(made.id.clone(), made.clone());
        self.fence = made.fence;
    }

    pub(crate) fn was_released(&mut self, released: &Released) {
        self.held.shift_remove(&released.reservation.id);
    }
}

fn check(reserve: &Reserve) -> Result<(), Refusal> {
    let globs = reserve.globs.len();
    if globs == 0 || globs > limits::GLOBS {
        return Err(Refusal::Invalid(format!("a reservation has 1 to {} globs", limits::GLOBS)));
    }
    for text in &*reserve.globs {
        glob::check(text).map_err(|why| Refusal::Invalid(format!("{text:?} is no glob: {why}")))?;
    }
    if let Some(why) = reserve.why.as_ref().filter(|why| why.len() > limits::NAME_BYTES) {
        return Err(Refusal::TooLarge { what: "why", bytes: why.len(), limit: limits::NAME_BYTES });
    }
    let ms = reserve.ttl.as_millis();
    if ms == 0 || ms > u128::from(limits::DEADLINE_MS) {
        return Err(Refusal::Invalid("a reservation ends between one millisecond and 366 days ahead".into()));
    }
    Ok(())
}
