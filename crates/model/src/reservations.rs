//! Reservations: who says to be working on which files, and until when. Advisory: nothing stops a hand on the disk, but
//! whoever asks first is told first.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use crate::event::Fact;
use crate::glob::{self, Glob};
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

/// Claims files, or renews a claim: what the same holder has on the same globs is replaced.
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
        let globs = check(reserve)?;
        // What the same holder has on the same globs: this takes its place.
        let renewed = self.in_force(at).find(|one| one.holder.id == reserve.holder.id && one.globs == globs);
        let id = renewed.map_or(id, |renewed| renewed.id.clone());
        let others: Vec<_> = self.in_force(at).filter(|other| other.id != id).collect();
        // First whether there is room: comparing takes longer.
        let remedy = "release some, or let them end";
        let full = |what, limit| Err(Refusal::Full { what, limit, remedy });
        if others.len() >= limits::RESERVATIONS {
            return full("reservations", limits::RESERVATIONS);
        }
        if others.iter().map(|other| size(&other.globs)).sum::<usize>() + size(&globs)
            > limits::RESERVED_BYTES
        {
            return full("bytes of reserved globs", limits::RESERVED_BYTES);
        }
        let is_in_the_way = |other: &&&Arc<Reservation>| {
            other.holder.id != reserve.holder.id && !(reserve.shared && other.shared)
        };
        let mine: Vec<_> = globs.iter().map(|glob| Glob::new(glob)).collect();
        for other in others.iter().filter(is_in_the_way) {
            let clashes = |theirs: &&Arc<str>| {
                let theirs = Glob::new(theirs);
                mine.iter().any(|mine| mine.overlaps(&theirs))
            };
            if let Some(theirs) = other.globs.iter().find(clashes) {
                return Err(Refusal::Conflict(format!(
                    "{theirs} is reserved by {} until {}",
                    other.holder.name, other.until
                )));
            }
        }
        Ok(vec![Fact::FilesReserved(Arc::new(Reservation {
            id,
            holder: reserve.holder.clone(),
            globs,
            shared: reserve.shared,
            why: reserve.why.clone(),
            fence: self.fence + 1,
            since: at,
            until: at.after(reserve.ttl),
        }))])
    }

    pub(crate) fn release(&self, at: Timestamp, release: &Release) -> Result<Vec<Fact>, Refusal> {
        let held = self.held.get(&release.reservation).filter(|reservation| reservation.until > at);
        let Some(reservation) = held else { return Ok(vec![]) };
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

/// Looks whether this can be reserved, and gives the globs in the order and the spelling in which they are kept.
fn check(reserve: &Reserve) -> Result<Arc<[Arc<str>]>, Refusal> {
    let number = reserve.globs.len();
    if number == 0 || number > limits::GLOBS {
        return Err(Refusal::Invalid(format!("a reservation has 1 to {} globs", limits::GLOBS)));
    }
    let mut globs = BTreeSet::new();
    for written in &*reserve.globs {
        let parsed = glob::parse(written);
        globs.insert(parsed.map_err(|why| Refusal::Invalid(format!("{written:?} is no glob: {why}")))?);
    }
    let globs: Arc<[Arc<str>]> = globs.into_iter().collect();
    if size(&globs) > limits::RESERVATION_BYTES {
        let (bytes, limit) = (size(&globs), limits::RESERVATION_BYTES);
        return Err(Refusal::TooLarge { what: "the globs of a reservation", bytes, limit });
    }
    if let Some(why) = reserve.why.as_ref().filter(|why| why.len() > limits::NAME_BYTES) {
        return Err(Refusal::TooLarge { what: "why", bytes: why.len(), limit: limits::NAME_BYTES });
    }
    let ms = reserve.ttl.as_millis();
    if ms == 0 || ms > u128::from(limits::DEADLINE_MS) {
        return Err(Refusal::Invalid("a reservation ends between one millisecond and 366 days ahead".into()));
    }
    Ok(globs)
}

/// What globs hold, in bytes.
fn size(globs: &[Arc<str>]) -> usize {
    globs.iter().map(|glob| glob.len()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::AgentId;

    fn reserve(name: &str, glob: &str) -> Reserve {
        let holder = Party { id: AgentId::of("default", name), name: name.into() };
        Reserve {
            holder,
            globs: [glob.into()].into(),
            shared: false,
            why: None,
            ttl: Duration::from_secs(60),
        }
    }

    fn make(held: &mut Reservations, number: u128, reserve: &Reserve) -> Result<(), Refusal> {
        let id = uuid::Uuid::from_u128(number).into();
        for fact in held.reserve(id, Timestamp::from_millis(0), reserve)? {
            let Fact::FilesReserved(made) = fact else { panic!("{fact:?}") };
            held.was_made(&made);
        }
        Ok(())
    }

    #[test]
    fn when_no_more_can_be_reserved_what_is_can_still_be_renewed() {
        let mut held = Reservations::default();
        for number in 0..limits::RESERVATIONS {
            make(&mut held, number as u128, &reserve("web", &format!("src/{number}"))).unwrap();
        }
        let full = make(&mut held, 5_000, &reserve("api", "docs/one")).unwrap_err();
        assert!(matches!(full, Refusal::Full { .. }), "{full}");
        make(&mut held, 5_001, &reserve("web", "src/7")).unwrap();
    }

    #[test]
    fn the_same_files_written_otherwise_are_the_same_claim() {
        let mut held = Reservations::default();
        let globs = |globs: &[&str]| globs.iter().map(|glob| Arc::from(*glob)).collect::<Arc<[Arc<str>]>>();
        let mut both = reserve("web", "");
        both.globs = globs(&["src/", "a.rs"]);
        make(&mut held, 1, &both).unwrap();
        both.globs = globs(&["./a.rs", "src/**", "a.rs"]);
        make(&mut held, 2, &both).unwrap();
        let [made] = &held.in_force(Timestamp::from_millis(1)).collect::<Vec<_>>()[..] else {
            panic!("{held:?}")
        };
        assert_eq!((&made.globs, made.fence), (&globs(&["a.rs", "src/**"]), 2));
    }

    #[test]
    fn globs_are_bounded_all_together() {
        let mut held = Reservations::default();
        let long = |number: usize| format!("{number}/{}", "x".repeat(limits::GLOB_BYTES - 8));
        let refused = (0..limits::RESERVATIONS)
            .find_map(|number| make(&mut held, number as u128, &reserve("web", &long(number))).err());
        assert!(
            matches!(refused, Some(Refusal::Full { what: "bytes of reserved globs", .. })),
            "{refused:?}"
        );
    }
}
