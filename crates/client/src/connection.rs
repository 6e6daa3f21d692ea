//! One connection to the hall: a task owns the socket, callers hold the handle.
//!
//! Any number of calls may be under way; each answer finds its caller by the call's id. When the socket ends, for
//! whatever reason, every caller that still waits is told so.

use std::collections::HashMap;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use tokio::io::{AsyncWriteExt as _, BufReader};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{mpsc, oneshot};

use crate::error::CallError;
use crate::protocol::{Call, Hello, LINE_BYTES, Welcome};
use crate::wire;

/// How long the hall may take to answer the introduction. It does so at once, unless it is about to close.
const INTRODUCTION: Duration = Duration::from_secs(10);
/// Calls waiting for the socket to take them; whoever makes more waits.
const QUEUE: usize = 64;

/// A connection to the hall, introduced. Cheap to clone; the socket closes when the last clone is gone.
#[derive(Debug, Clone)]
pub struct Connection {
    calls: mpsc::Sender<Outgoing>,
    welcome: Arc<Welcome>,
}

/// A call on its way to the socket.
#[derive(Debug)]
struct Outgoing {
    call: Call,
    reply: Reply,
}

type Reply = oneshot::Sender<Result<Box<RawValue>, CallError>>;

/// Callers that wait, by the id of their call.
type Waiting = Mutex<HashMap<u64, Reply>>;

/// Connects to the hall at `socket` and says who speaks.
///
/// # Errors
/// [`CallError::NotRunning`] if nobody listens there; [`CallError::Refused`] if the hall does not let the speaker in.
pub async fn connect(socket: &Path, hello: Hello) -> Result<Connection, CallError> {
    let stream = UnixStream::connect(socket).await.map_err(|cause| match cause.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => {
            CallError::NotRunning { socket: socket.to_owned() }
        }
        _ => CallError::Unreachable { socket: socket.to_owned(), cause: cause.to_string() },
    })?;
    // The introduction may hold the owner's credential, and a path under a shared directory may be anybody's.
    let unreachable = |cause: String| CallError::Unreachable { socket: socket.to_owned(), cause };
    let hall = stream.peer_cred().map_err(|cause| unreachable(cause.to_string()))?;
    if hall.uid() != rustix::process::geteuid().as_raw() {
        return Err(unreachable("it is another user's".into()));
    }
    let (read, write) = stream.into_split();
    let (calls, queue) = mpsc::channel(QUEUE);
    // Ends when the last handle is dropped or the socket ends, and owns nothing else.
    tokio::spawn(carry(BufReader::new(read), write, queue));
    let introduction = call(&calls, Call::Hello(hello));
    let answered = tokio::time::timeout(INTRODUCTION, introduction).await;
    let welcome = answered.map_err(|_| unreachable("the hall does not answer".into()))??;
    Ok(Connection { calls, welcome: Arc::new(welcome) })
}

impl Connection {
    /// What the hall said to the introduction.
    pub fn welcome(&self) -> &Welcome {
        &self.welcome
    }

    /// Makes a call and waits for its result, of the type [`Call`] names. Cancelling gives up the waiting, not the
    /// call.
    pub async fn call<T: DeserializeOwned>(&self, call: Call) -> Result<T, CallError> {
        self::call(&self.calls, call).await
    }

    /// Whether the socket has ended.
    pub fn is_closed(&self) -> bool {
        self.calls.is_closed()
    }

    /// Waits until the socket has ended.
    pub async fn closed(&self) {
        self.calls.closed().await;
    }
}

async fn call<T: DeserializeOwned>(calls: &mpsc::Sender<Outgoing>, call: Call) -> Result<T, CallError> {
    let (reply, result) = oneshot::channel();
    calls.send(Outgoing { call, reply }).await.map_err(|_| CallError::Closed)?;
    let result = result.await.unwrap_or(Err(CallError::Closed))?;
    serde_json::from_str(result.get()).map_err(|cause| CallError::Garbled(cause.to_string()))
}

/// Carries calls out and answers in, until either way ends.
async fn carry(
    mut read: BufReader<OwnedReadHalf>,
    mut write: OwnedWriteHalf,
    mut queue: mpsc::Receiver<Outgoing>,
) {
    let waiting = Waiting::default();
    // Neither way may hold up the other: the hall stops reading from one who does not take its answers.
    let ended = tokio::select! {
        ended = send(&mut queue, &mut write, &waiting) => ended.map_err(wire::LineError::Io),
        ended = receive(&mut read, &waiting) => ended,
    };
    if let Err(cause) = ended {
        tracing::debug!(%cause, "the connection to the hall ended");
    }
    // Closed first, so that whoever is told can see that the connection is gone.
    queue.close();
    for (_, reply) in waiting.into_inner().expect("nothing panics while it is held").drain() {
        // A caller that no longer waits needs no answer.
        _ = reply.send(Err(CallError::Lost));
    }
}

async fn send(
    queue: &mut mpsc::Receiver<Outgoing>,
    write: &mut OwnedWriteHalf,
    waiting: &Waiting,
) -> io::Result<()> {
    let mut id = 0;
    while let Some(Outgoing { call, reply }) = queue.recv().await {
        id += 1;
        let line = wire::call_line(id, &call);
        if line.len() > LINE_BYTES {
            _ = reply.send(Err(CallError::TooLong(line.len())));
            continue;
        }
        // Noted before it is sent: the answer may be faster than the return from sending.
        waiting.lock().expect("nothing panics while it is held").insert(id, reply);
        write.write_all(&line).await?;
    }
    Ok(())
}

async fn receive(read: &mut BufReader<OwnedReadHalf>, waiting: &Waiting) -> Result<(), wire::LineError> {
    let mut line = Vec::new();
    while wire::read_line(read, &mut line).await? {
        let reply: wire::Reply = match serde_json::from_slice(&line) {
            Ok(reply) => reply,
            Err(cause) => {
                tracing::warn!(%cause, "the hall sent a line that is no answer; closing");
                return Ok(());
            }
        };
        let caller =
            reply.id.and_then(|id| waiting.lock().expect("nothing panics while it is held").remove(&id));
        let Some(caller) = caller else {
            tracing::warn!(id = reply.id, "the hall answered a call that was not made");
            continue;
        };
        let result = match (reply.error, reply.result) {
            (Some(failure), _) => Err(CallError::Refused { code: failure.code(), message: failure.message }),
            (None, result) => Ok(result.unwrap_or_else(|| RawValue::NULL.to_owned())),
        };
        _ = caller.send(result);
    }
    Ok(())
}
