//! Decisions: what was decided, why, and what it replaces. The log holds them, the state none.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::event::Fact;
use crate::ids::{DecisionId, MemberId};
use crate::refusal::Refusal;
use crate::text::Text;
use crate::time::Timestamp;

/// A decision.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Decision {
    /// Its id.
    pub id: DecisionId,
    /// What was decided.
    pub decision: Text,
    /// Why.
    pub rationale: Option<Text>,
    /// The decision that no longer holds.
    pub supersedes: Option<DecisionId>,
    /// Who wrote it down, as claimed.
    pub by: MemberId,
    /// When.
    pub at: Timestamp,
}

/// Writes a decision down.
#[derive(Debug, Clone, Serialize)]
pub struct Log {
    /// What was decided.
    pub decision: Text,
    /// Why.
    pub rationale: Option<Text>,
    /// The decision that no longer holds; the hall has checked that it exists.
    pub supersedes: Option<DecisionId>,
    /// The author.
    pub author: MemberId,
}

pub(crate) fn log(id: DecisionId, at: Timestamp, log: &Log) -> Result<Vec<Fact>, Refusal> {
    Refusal::unless_prose_fits("decision", &log.decision)?;
    log.rationale.as_ref().map_or(Ok(()), |text| Refusal::unless_prose_fits("rationale", text))?;
    Ok(vec![Fact::DecisionLogged(Arc::new(Decision {
        id,
        decision: log.decision.clone(),
        rationale: log.rationale.clone(),
        supersedes: log.supersedes.clone(),
        by: log.author.clone(),
        at,
    }))])
}
