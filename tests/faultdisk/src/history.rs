//! What happened to one file, and what of it a power cut leaves.
//!
//! Each sector has a version: how many of the file's changes the disk has seen there. A durable write raises it for the whole
//! of its pages, a lucky one for the sectors it was lucky with, and the bytes of a sector are those of all writes up to
//! its version. That a lost write comes back where a later one to the same sector was kept is as it should be: the cache
//! that is written out has both.

use std::ops::Range;

use crate::chance::{Chance, mix};
use crate::trace::Position;

const SECTOR: u64 = 512;
const PAGE_IN_SECTORS: u64 = 8;

/// How a cut treats what was not synced.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Loss {
    /// All of it had just been written out.
    Nothing,
    /// None of it had.
    Everything,
    /// What is older than some moment had, what is younger had not, and one write was under way.
    After(Position),
    /// Each write for itself: so many percent lost, and so many percent of the others torn.
    Mixed { lost: u64, torn: u64 },
}

/// A file from the beginning of the trace to its end.
#[derive(Default)]
pub(crate) struct History {
    base: Vec<u8>,
    changes: Vec<(Position, Change)>,
    syncs: Vec<Sync>,
}

enum Change {
    Write { offset: u64, data: Range<usize> },
    Resize(u64),
}

/// A sync that has returned.
pub(crate) struct Sync {
    /// Where the trace stood when it began: what is older is covered.
    pub(crate) covers: Position,
    /// Where its record ends.
    pub(crate) ended: Position,
    /// Whether it reported success.
    pub(crate) succeeded: bool,
}

/// Which sectors of one write reach the disk.
enum Fate {
    Whole,
    Lost,
    Range(Range<u64>),
    Scattered { seed: u64, unit: u64 },
}

impl Fate {
    fn draw(chance: &mut Chance, lost: u64, torn: u64, sectors: Range<u64>) -> Fate {
        if chance.percent(lost) {
            return Fate::Lost;
        }
        if !chance.percent(torn) {
            return Fate::Whole;
        }
        let middle = sectors.start + chance.below(sectors.end - sectors.start + 1);
        match chance.below(4) {
            0 => Fate::Range(sectors.start..middle),
            1 => Fate::Range(middle..sectors.end),
            2 => Fate::Scattered { seed: chance.draw(), unit: 1 },
            _ => Fate::Scattered { seed: chance.draw(), unit: PAGE_IN_SECTORS },
        }
    }

    fn keeps(&self, sector: u64) -> bool {
        match self {
            Fate::Whole => true,
            Fate::Lost => false,
            Fate::Range(kept) => kept.contains(&sector),
            Fate::Scattered { seed, unit } => mix(seed ^ (sector / unit)) & 1 == 1,
        }
    }
}

impl History {
    pub(crate) fn of(base: Vec<u8>) -> History {
        History { base, ..History::default() }
    }

    pub(crate) fn write(&mut self, ended: Position, offset: u64, data: Range<usize>) {
        self.changes.push((ended, Change::Write { offset, data }));
    }

    pub(crate) fn resize(&mut self, ended: Position, size: u64) {
        self.changes.push((ended, Change::Resize(size)));
    }

    pub(crate) fn sync(&mut self, sync: Sync) {
        self.syncs.push(sync);
    }

    pub(crate) fn forget_syncs(&mut self) {
        self.syncs.clear();
    }

    /// How many changes are older than a position.
    fn changes_before(&self, position: Position) -> usize {
        self.changes.partition_point(|(ended, _)| *ended <= position)
    }

    /// Which changes are certain at a cut: the number of those covered by a sync, and for each whether a failed sync
    /// came first, so that it is certain no more.
    fn certain(&self, cut: Position) -> (usize, Vec<bool>) {
        let mut durable = 0;
        let mut abandoned = vec![false; self.changes.len()];
        for sync in self.syncs.iter().filter(|sync| sync.ended <= cut) {
            let covered = self.changes_before(sync.covers);
            if sync.succeeded {
                durable = durable.max(covered);
            } else if covered > durable {
                abandoned[durable..covered].fill(true);
            }
        }
        (durable, abandoned)
    }

    /// The file's size after each number of changes.
    fn sizes(&self) -> Vec<u64> {
        let mut sizes = vec![self.base.len() as u64];
        let mut size = self.base.len() as u64;
        for (_, change) in &self.changes {
            size = match change {
                Change::Write { offset, data } => size.max(offset + data.len() as u64),
                Change::Resize(size) => *size,
            };
            sizes.push(size);
        }
        sizes
    }

    /// The bytes of the file after a power cut. `trace` is where the data of the writes stands.
    pub(crate) fn after(&self, cut: Position, loss: Loss, chance: &mut Chance, trace: &[u8]) -> Vec<u8> {
        let happened = self.changes_before(cut);
        let (durable, abandoned) = self.certain(cut);
        let sizes = self.sizes();
        let sized = self.changes_of_size(durable..happened, loss, chance);
        let size = self.size(sized, durable, loss, &sizes, chance);

        let reach = sizes[..=happened].iter().copied().max().unwrap_or(0);
        let mut version = vec![0; reach.div_ceil(SECTOR) as usize];
        let mut under_way = true;
        for (index, (ended, change)) in self.changes[..happened].iter().enumerate() {
            let Change::Write { offset, data } = change else { continue };
            let sectors = sectors_of(*offset, data.len());
            if index < durable && !abandoned[index] {
                let pages = sectors.start / PAGE_IN_SECTORS * PAGE_IN_SECTORS
                    ..sectors.end.next_multiple_of(PAGE_IN_SECTORS).min(version.len() as u64);
                version[pages.start as usize..pages.end as usize].fill(index + 1);
                continue;
            }
            let fate = match loss {
                Loss::Nothing => Fate::Whole,
                Loss::Everything => Fate::Lost,
                Loss::After(moment) if *ended <= moment => Fate::Whole,
                Loss::After(_) if under_way => {
                    under_way = false;
                    Fate::draw(chance, 0, 100, sectors.clone())
                }
                Loss::After(_) => Fate::Lost,
                Loss::Mixed { lost, torn } => Fate::draw(chance, lost, torn, sectors.clone()),
            };
            for sector in sectors.filter(|sector| fate.keeps(*sector)) {
                version[sector as usize] = index + 1;
            }
        }
        // A truncation that did not reach the disk: what was written behind it went to blocks nobody finds.
        for (index, (_, change)) in self.changes[..happened].iter().enumerate().skip(sized) {
            if let Change::Resize(size) = change {
                let behind = version.iter_mut().skip(size.div_ceil(SECTOR) as usize);
                behind.for_each(|version| *version = index.min(*version));
            }
        }
        self.replay(happened, sized, &version, size, reach, trace)
    }

    /// How many changes have had their effect on the size.
    fn changes_of_size(&self, pending: Range<usize>, loss: Loss, chance: &mut Chance) -> usize {
        match loss {
            Loss::Nothing => pending.end,
            Loss::Everything => pending.start,
            Loss::After(moment) => self.changes_before(moment).clamp(pending.start, pending.end),
            Loss::Mixed { .. } => match chance.below(4) {
                0 => pending.start,
                1 => pending.start + chance.below((pending.end - pending.start) as u64 + 1) as usize,
                _ => pending.end,
            },
        }
    }

    /// The size on disk; if the last change was an unsynced write that grew the file, it may have stopped at a page.
    fn size(&self, sized: usize, durable: usize, loss: Loss, sizes: &[u64], chance: &mut Chance) -> u64 {
        let after = sizes[sized];
        let unsynced = sized > durable && matches!(loss, Loss::After(_) | Loss::Mixed { .. });
        if unsynced
            && let Change::Write { .. } = self.changes[sized - 1].1
            && sizes[sized - 1] < after
            && chance.percent(25)
        {
            let before = sizes[sized - 1];
            return (before + chance.below(after - before))
                .next_multiple_of(SECTOR * PAGE_IN_SECTORS)
                .clamp(before, after);
        }
        after
    }

    fn replay(
        &self,
        happened: usize,
        sized: usize,
        version: &[usize],
        size: u64,
        reach: u64,
        trace: &[u8],
    ) -> Vec<u8> {
        let mut bytes = self.base.clone();
        bytes.resize(reach as usize, 0);
        for (index, (_, change)) in self.changes[..happened].iter().enumerate() {
            match change {
                Change::Write { offset, data } => {
                    let (start, end) = (*offset, offset + data.len() as u64);
                    for sector in sectors_of(start, data.len()) {
                        if version[sector as usize] > index {
                            let from = start.max(sector * SECTOR);
                            let to = end.min((sector + 1) * SECTOR);
                            let source = data.start + (from - start) as usize;
                            bytes[from as usize..to as usize]
                                .copy_from_slice(&trace[source..source + (to - from) as usize]);
                        }
                    }
                }
                Change::Resize(size) if index < sized => {
                    let rest = bytes.len().min(*size as usize);
                    bytes[rest..].fill(0);
                }
                Change::Resize(_) => {}
            }
        }
        bytes.resize(size as usize, 0);
        bytes
    }
}

fn sectors_of(offset: u64, length: usize) -> Range<u64> {
    offset / SECTOR..(offset + length as u64).div_ceil(SECTOR)
}
