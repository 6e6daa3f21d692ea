//! Reservations.

use std::time::Duration;

use client::protocol::{self as wire, Empty, Marked};
use model::reservations::{Release, Reserve};
use model::{Command, Fact, ReservationId};

use super::Request;
use crate::refused::Refused;
use crate::told;

pub(super) async fn make(
    Request { caller, .. }: Request<'_>,
    reserve: wire::Reserve,
) -> Result<wire::Reservation, Refused> {
    let command = Command::Reserve(Reserve {
        holder: caller.party(),
        globs: reserve.files.iter().map(|glob| glob.as_str().into()).collect(),
        shared: reserve.shared,
        why: reserve.why.map(Into::into),
        ttl: Duration::from_secs(reserve.ttl_seconds),
    });
    let done = caller.carry_out(command, reserve.once.as_deref()).await?;
    let made = done.entries.iter().find_map(|entry| match entry.fact() {
        Fact::FilesReserved(made) => Some(told::reservation(made, &caller.party().id)),
        _ => None,
    });
    made.ok_or_else(|| Refused::without_events("reserving"))
}

pub(super) async fn release(
    Request { caller, .. }: Request<'_>,
    release: wire::Release,
) -> Result<Marked, Refused> {
    let holder = caller.party();
    let ids = match release.id {
        Some(id) => vec![ReservationId::parse(&id).map_err(Refused::bad_request)?],
        None => {
            let (state, now) = (caller.workspace.state(), caller.door.hall.clock().now());
            let own =
                state.reservations.in_force(now).filter(|reservation| reservation.holder.id == holder.id);
            own.map(|reservation| reservation.id.clone()).collect()
        }
    };
    let mut count = 0;
    for reservation in ids {
        let release = Release { holder: holder.clone(), reservation };
        count += caller.carry_out(Command::Release(release), None).await?.entries.len();
    }
    Ok(Marked { count })
}

pub(super) async fn list(
    Request { caller, .. }: Request<'_>,
    _: Empty,
) -> Result<Vec<wire::Reservation>, Refused> {
    let (state, me) = (caller.workspace.state(), caller.party().id);
    let in_force = state.reservations.in_force(caller.door.hall.clock().now());
    Ok(in_force.map(|reservation| told::reservation(reservation, &me)).collect())
}
