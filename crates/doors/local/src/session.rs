//! One connection: reads lines, has the calls carried out side by side, writes the answers as they come.

use std::sync::Arc;

use client::protocol::{Call, ErrorCode, LINE_BYTES};
use client::wire::{self, Incoming, LineError};
use gate::rate::Allowance;
use model::{Position, Principal};
use serde::Serialize;
use serde_json::value::RawValue;
use tokio::io::BufReader;
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::admission::{Admission, Admitted, within_rate};
use crate::ancestry::Lineage;
use crate::caller::Caller;
use crate::calls::{self, Request};
use crate::introduction::{allowance, introduce};
use crate::limits;
use crate::listener::Door;
use crate::refused::Refused;
use crate::room::{Held, Room};
use crate::waits::Waits;
use crate::writing::Writing;

/// Who is on the other side, as the operating system says.
pub(crate) struct Peer {
    /// The process and its ancestors when it connected.
    pub(crate) lineage: Option<Lineage>,
}

/// Serves a connection until either side closes it.
pub(crate) async fn serve(stream: UnixStream, door: Arc<Door>) {
    let peer = match stream.peer_cred() {
        Ok(credentials) if credentials.uid() == rustix::process::geteuid().as_raw() => {
            let pid = credentials.pid().and_then(|pid| u32::try_from(pid).ok());
            Peer { lineage: pid.and_then(|pid| door.ancestry.lineage(pid)) }
        }
        Ok(credentials) => {
            tracing::warn!(uid = credentials.uid(), "refused a process of another user");
            return;
        }
        Err(cause) => {
            tracing::warn!(%cause, "refused a process that cannot be told");
            return;
        }
    };
    let (read, write) = stream.into_split();
    let ending = door.closing.child_token();
    let session = Session {
        write: Arc::new(Writing::new(write, ending.clone())),
        ending,
        strangers: allowance(&door, &Principal::local()),
        door,
        peer,
        admission: Admission::new(),
        room: Room::new(),
        waits: Waits::default(),
    };
    session.run(BufReader::new(read)).await;
}

struct Session {
    door: Arc<Door>,
    peer: Peer,
    admission: Admission,
    room: Room,
    /// How often lines may come that are nobody's calls.
    strangers: Allowance,
    write: Arc<Writing<OwnedWriteHalf>>,
    waits: Waits,
    /// Cancelled when no more calls are read: whatever waits then ends.
    ending: CancellationToken,
}

impl Session {
    async fn run(self, mut read: BufReader<OwnedReadHalf>) {
        // One task a call; they end with their answers, waiting ones at the latest with `ending`.
        let mut calls = JoinSet::new();
        self.take_calls(&mut read, &mut calls).await;
        self.ending.cancel();
        while let Some(ended) = calls.join_next().await {
            if let Err(cause) = ended {
                tracing::error!(%cause, "a call was cut short");
            }
        }
    }

    async fn take_calls(&self, read: &mut BufReader<OwnedReadHalf>, calls: &mut JoinSet<()>) {
        let mut caller: Option<Arc<Caller>> = None;
        let mut line = Vec::new();
        let mut stranger = tokio::select! {
            place = self.door.strangers.clone().acquire_owned() => {
                Some(place.expect("the semaphore is never closed"))
            }
            () = self.ending.cancelled() => return,
        };
        let introduction = tokio::time::sleep(limits::INTRODUCTION);
        tokio::pin!(introduction);
        loop {
            let place = tokio::select! {
                place = self.admission.room() => place,
                () = self.ending.cancelled() => return,
            };
            let most = if stranger.is_some() { limits::INTRODUCTION_BYTES } else { LINE_BYTES };
            tokio::select! {
                line = wire::read_line(read, &mut line, most) => match line {
                    Ok(true) => {}
                    Ok(false) => return,
                    Err(cause @ LineError::TooLong(_)) => {
                        let refused = Refused::new(ErrorCode::TooLarge, cause.to_string());
                        return self.write.send(&refusal_line(RawValue::NULL, &refused)).await;
                    }
                    Err(cause) => return tracing::debug!(%cause, "a local connection ended"),
                },
                () = &mut introduction, if caller.is_none() => return,
                () = self.ending.cancelled() => return,
            }
            while let Some(ended) = calls.try_join_next() {
                if let Err(cause) = ended {
                    // Its caller would wait for ever.
                    return tracing::error!(%cause, "a call was cut short; closing the connection");
                }
            }
            let held = tokio::select! {
                held = self.room.hold(line.len()) => held,
                () = self.ending.cancelled() => return,
            };
            let Incoming { id, min_pos, call } = Incoming::read(&line);
            line.clear();
            line.shrink_to(limits::BUFFER);
            let allowance = caller.as_ref().map_or(&self.strangers, |caller| &caller.allowance);
            let refusal = match (call, &caller) {
                (Err(unfit), _) => match within_rate(allowance) {
                    Ok(()) => {
                        wire::error_line(&id, None, unfit.number, ErrorCode::BadRequest, &unfit.message)
                    }
                    Err(refused) => refusal_line(&id, &refused),
                },
                (Ok(Call::Hello(hello)), None) => match within_rate(allowance) {
                    Err(refused) => refusal_line(&id, &refused),
                    Ok(()) => match introduce(&self.door, &self.peer, hello).await {
                        Ok((welcome, new)) => {
                            let line = answer_line(&id, &new, Ok(welcome));
                            caller = Some(Arc::new(new));
                            stranger = None;
                            line
                        }
                        Err(refused) => refusal_line(&id, &refused),
                    },
                },
                (Ok(_), None) => {
                    let message = "say who speaks first, with the method \"hello\"";
                    let refused = Refused::new(ErrorCode::NotIntroduced, message);
                    refusal_line(&id, &within_rate(allowance).err().unwrap_or(refused))
                }
                (Ok(call), Some(caller)) => match self.admission.admit(place, allowance, &call) {
                    Ok(admitted) => {
                        calls.spawn(self.carry_out(caller, id, min_pos, call, held, admitted));
                        continue;
                    }
                    Err(refused) => refusal_line(&id, &refused),
                },
            };
            self.write.send(&refusal).await;
        }
    }

    /// Carries a call out and answers it.
    fn carry_out(
        &self,
        caller: &Arc<Caller>,
        id: Box<RawValue>,
        min_pos: Option<u64>,
        call: Call,
        held: Held,
        admitted: Admitted,
    ) -> impl Future<Output = ()> + use<> {
        let (caller, write, room, waits) =
            (caller.clone(), self.write.clone(), self.room.clone(), self.waits.clone());
        let ending = self.ending.child_token();
        let number = id.get().parse().ok().filter(|_| call.waits());
        // Known before the next line is read, which may want to end it.
        if let Some(number) = number {
            waits.begin(number, ending.clone());
        }
        async move {
            let only_looks = call.only_looks() && !call.waits();
            let request = Request { caller: &caller, ending: &ending, waits: &waits };
            // Before its turn to look comes: who waits for what is not there yet holds nobody up.
            let reached = reach(&caller, min_pos.filter(|_| call.only_looks()), &ending).await;
            let answer = async {
                match reached {
                    Ok(()) => calls::carry_out(request, &id, call).await,
                    Err(refused) => refusal_line(&id, &refused),
                }
            };
            let (answer, held) = room.answer(only_looks, held, answer).await;
            if let Some(number) = number {
                waits.forget(number);
            }
            write.send(&answer).await;
            drop((held, admitted));
        }
    }
}

/// Waits until queries see what the caller has seen already, as [`hall::Workspace::reach`] does.
async fn reach(caller: &Caller, min_pos: Option<u64>, ending: &CancellationToken) -> Result<(), Refused> {
    let Some(min_pos) = min_pos else { return Ok(()) };
    tokio::select! {
        // What is there already is there also at the end.
        biased;
        reached = caller.workspace.reach(Position(min_pos)) => Ok(reached?),
        () = ending.cancelled() => Err(Refused::new(ErrorCode::Unavailable, "the call was ended before it was answered")),
    }
}

/// An answer as a line, with where the log stands. One that does not fit a line is an error that says so.
pub(crate) fn answer_line(
    id: &RawValue,
    caller: &Caller,
    answer: Result<impl Serialize, Refused>,
) -> Vec<u8> {
    let refused = match answer {
        Ok(result) => {
            let position = caller.workspace.state().position();
            let line = wire::result_line(id, Some(position.0), &result);
            if line.len() <= LINE_BYTES {
                return line;
            }
            too_large()
        }
        Err(refused) => refused,
    };
    refusal_line(id, &refused)
}

/// The answer would not fit a line.
pub(crate) fn too_large() -> Refused {
    let message = format!("the answer is longer than {LINE_BYTES} bytes; ask for fewer at once with `limit`");
    Refused::new(ErrorCode::TooLarge, message)
}

fn refusal_line(id: &RawValue, refused: &Refused) -> Vec<u8> {
    wire::error_line(id, refused.position, wire::REFUSED, refused.code, &refused.message)
}
