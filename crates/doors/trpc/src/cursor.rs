//! Places in a workspace's log as clients are told them: the id of a tracked event. From one a subscription goes on, and a
//! query can wait for it.

use hall::Workspace;
use model::Position;
use store::Incarnation;

use crate::wire::error::{Code, TrpcError};

/// A place as it is told: the log's incarnation and the position in it.
pub(crate) fn write(incarnation: Incarnation, position: Position) -> String {
    format!("{}.{position}", incarnation.0.simple())
}

/// Reads a place that came as the field of this name.
///
/// # Errors
/// If it is of another life of the log, or of none.
pub(crate) fn read(workspace: &Workspace, field: &str, place: &str) -> Result<Position, TrpcError> {
    let stale = |why| TrpcError::new(Code::PreconditionFailed, &format!("{field} is {why}"));
    let none = || stale("none of this server's");
    let (life, position) = place.split_once('.').ok_or_else(none)?;
    if life != workspace.incarnation().0.simple().to_string() {
        return Err(stale("of another life of this workspace: read its present state and go on from there"));
    }
    position.parse().map(Position).map_err(|_| none())
}
