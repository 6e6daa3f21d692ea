//! One connection: reads lines, has the calls carried out side by side, writes the answers as they come.

use std::sync::Arc;

use client::protocol::{Call, ErrorCode, LINE_BYTES};
use client::wire::{self, Incoming, LineError};
use serde::Serialize;
use serde_json::value::RawValue;
use tokio::io::{AsyncWriteExt as _, BufReader};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::Mutex;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::admission::Admission;
use crate::ancestry::Lineage;
use crate::caller::Caller;
use crate::calls;
use crate::introduction::introduce;
use crate::limits;
use crate::listener::Door;
use crate::refused::Refused;

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
    let session = Session {
        ending: door.closing.child_token(),
        door,
        peer,
        admission: Admission::new(),
        write: Arc::new(Mutex::new(write)),
    };
    session.run(BufReader::new(read)).await;
}

struct Session {
    door: Arc<Door>,
    peer: Peer,
    admission: Admission,
    /// Held for as long as one line takes.
    write: Arc<Mutex<OwnedWriteHalf>>,
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
        let introduction = tokio::time::sleep(limits::INTRODUCTION);
        tokio::pin!(introduction);
        loop {
            let room = self.admission.room().await;
            tokio::select! {
                line = wire::read_line(read, &mut line) => match line {
                    Ok(true) => {}
                    Ok(false) => return,
                    Err(cause @ LineError::TooLong) => {
                        let refused = Refused::new(ErrorCode::TooLarge, cause.to_string());
                        return send(&self.write, refusal_line(RawValue::NULL, &refused)).await;
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
            let Incoming { id, call } = Incoming::read(&line);
            let call = match call {
                Ok(call) => call,
                Err(unfit) => {
                    let answer = wire::error_line(&id, unfit.number, ErrorCode::BadRequest, &unfit.message);
                    send(&self.write, answer).await;
                    continue;
                }
            };
            match (call, &caller) {
                (Call::Hello(hello), None) => {
                    let introduced = introduce(&self.door, &self.peer, hello, &self.ending).await;
                    let answer = match introduced {
                        Ok((welcome, new)) => {
                            caller = Some(Arc::new(new));
                            answer_line(&id, Ok(welcome))
                        }
                        Err(refused) => refusal_line(&id, &refused),
                    };
                    send(&self.write, answer).await;
                }
                (Call::Hello(_), Some(_)) => {
                    let refused = Refused::bad_request("this connection has said who speaks already");
                    send(&self.write, refusal_line(&id, &refused)).await;
                }
                (_, None) => {
                    let message = "say who speaks first, with the method \"hello\"";
                    let refused = Refused::new(ErrorCode::NotIntroduced, message);
                    send(&self.write, refusal_line(&id, &refused)).await;
                }
                (call, Some(caller)) => match self.admission.admit(room, &caller.allowance, &call) {
                    Ok(admitted) => {
                        let (caller, write) = (caller.clone(), self.write.clone());
                        calls.spawn(async move {
                            let answer = calls::carry_out(&caller, &id, call).await;
                            send(&write, answer).await;
                            drop(admitted);
                        });
                    }
                    Err(refused) => send(&self.write, refusal_line(&id, &refused)).await,
                },
            }
        }
    }
}

async fn send(write: &Mutex<OwnedWriteHalf>, line: Vec<u8>) {
    if let Err(cause) = write.lock().await.write_all(&line).await {
        // The reading side ends too and says so; what was done stays done.
        tracing::debug!(%cause, "an answer found nobody to take it");
    }
}

/// An answer as a line. One that does not fit a line is an error that says so.
pub(crate) fn answer_line(id: &RawValue, answer: Result<impl Serialize, Refused>) -> Vec<u8> {
    let refused = match answer {
        Ok(result) => {
            let line = wire::result_line(id, &result);
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
    wire::error_line(id, wire::REFUSED, refused.code, &refused.message)
}
