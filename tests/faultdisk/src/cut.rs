//! A power cut: when it comes, and what it takes along.

use crate::chance::Chance;
use crate::history::Loss;
use crate::image::Image;
use crate::trace::{Position, Trace};

/// Keeps the draws of the moment apart from those of the losses.
const MOMENT: u64 = 0x6d6f_6d65_6e74;
/// How many records back the last orderly write-out may lie.
const RECENT: u64 = 64;

/// A power cut. The same seed and trace always give the same image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut {
    seed: u64,
    position: Position,
}

impl Cut {
    /// A cut at any moment of the trace.
    pub fn random(seed: u64, trace: &Trace) -> Cut {
        let moments = trace.moments();
        let index = Chance::new(seed ^ MOMENT).below(moments.len() as u64);
        Cut { seed, position: moments[index as usize] }
    }

    /// A cut at a given moment; the seed decides on the losses.
    pub fn at(seed: u64, position: Position) -> Cut {
        Cut { seed, position }
    }

    /// The moment: what was acknowledged at or before it must be in the image.
    pub fn position(&self) -> Position {
        self.position
    }

    /// The disk that this cut leaves behind.
    pub fn image(&self, trace: &Trace) -> Image {
        let mut chance = Chance::new(self.seed);
        let loss = self.loss(trace, &mut chance);
        trace.image(self.position, loss, &mut chance)
    }

    fn loss(&self, trace: &Trace, chance: &mut Chance) -> Loss {
        match chance.below(8) {
            0 => Loss::Nothing,
            1 => Loss::Everything,
            2 | 3 => {
                let moments = trace.moments();
                let past = moments.partition_point(|moment| *moment <= self.position) as u64;
                let back = chance.below(past.min(RECENT) + 1);
                let index = (past - back).checked_sub(1);
                Loss::After(index.map_or(Position::default(), |index| moments[index as usize]))
            }
            _ => Loss::Mixed { lost: chance.pick(&[10, 50, 90]), torn: chance.pick(&[0, 30, 100]) },
        }
    }
}

impl std::fmt::Display for Cut {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "power cut at {} with seed {}", self.position, self.seed)
    }
}
