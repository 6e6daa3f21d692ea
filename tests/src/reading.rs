//! What is known of one reader's dealings with a letter: from when on the server can have known how far it had come, and
//! from when on it must.

use guildhall_faultdisk::Position as Moment;
use model::mailboxes::Stage;

/// From the first to the last.
pub(crate) const STAGES: [Stage; 3] = [Stage::Delivered, Stage::InContext, Stage::Read];

/// Something known, from a moment on.
#[derive(Debug, Clone, Copy, Default)]
pub struct Known {
    /// From then on the server can know it.
    pub possible: Option<Moment>,
    /// From then on it must, for it has answered what came later.
    pub certain: Option<Moment>,
}

/// One reader's dealings with a letter.
#[derive(Debug, Clone, Copy, Default)]
pub struct Reading {
    /// That it arrived in a reply, by evidence of its reader's.
    pub delivered: Known,
    /// That its reader's model has it, as the reader says.
    pub in_context: Known,
    /// That its reader said it was read.
    pub read: Known,
    /// Since when the server must know that it was had, at whichever of these stages.
    pub had: Option<Moment>,
}

// === impl Known ===

impl Known {
    /// Whether the server can know it by a moment.
    pub fn may(&self, by: Moment) -> bool {
        self.possible.is_some_and(|since| since <= by)
    }

    /// Whether it must.
    pub fn must(&self, by: Moment) -> bool {
        self.certain.is_some_and(|since| since <= by)
    }
}

// === impl Reading ===

impl Reading {
    /// What is known of one stage.
    pub fn of(&self, stage: Stage) -> Known {
        match stage {
            Stage::Delivered => self.delivered,
            Stage::InContext => self.in_context,
            Stage::Read => self.read,
        }
    }

    pub(crate) fn of_mut(&mut self, stage: Stage) -> &mut Known {
        match stage {
            Stage::Delivered => &mut self.delivered,
            Stage::InContext => &mut self.in_context,
            Stage::Read => &mut self.read,
        }
    }

    /// Whether the server can hold the letter to have been had.
    pub fn may_be_had(&self, by: Moment) -> bool {
        STAGES.iter().any(|stage| self.of(*stage).may(by))
    }

    /// Whether it must, and so not offer it any more.
    pub fn must_be_had(&self, by: Moment) -> bool {
        self.had.is_some_and(|since| since <= by)
    }

    /// Whether the server can hold it to have come further than to a stage. Then it need not note that stage any more.
    pub(crate) fn may_be_further(&self, stage: Stage, by: Moment) -> bool {
        STAGES.iter().any(|further| *further > stage && self.of(*further).may(by))
    }
}
