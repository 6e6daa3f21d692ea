//! One connection to the hall: a task owns the socket, callers hold the handle.
//!
//! Any number of calls may be under way; each answer finds its caller by the call's id. When the socket ends, for
//! whatever reason, every caller that still waits is told so. A caller that goes away while its call waits for
//! something has the hall end that: the hall lets only so many wait.
//!
//! A connection remembers how far in the log it has seen, and wants its queries answered from there on.

use std::collections::HashMap;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use tokio::io::{AsyncWriteExt as _, BufReader};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{mpsc, oneshot};

use crate::error::CallError;
use crate::protocol::{Call, Cancel, Hello, LINE_BYTES, Welcome};
use crate::wire;

/// How long the hall may take to answer the introduction. It does so at once, unless it is about to close.
const INTRODUCTION: Duration = Duration::from_secs(10);
/// Calls waiting for the socket to take them; whoever makes more waits.
const QUEUE: usize = 64;
/// What is kept of a buffer that has held a long line.
const BUFFER: usize = 64 * 1024;

/// A connection to the hall, introduced. Cheap to clone; the socket closes when the last clone is gone.
#[derive(Debug, Clone)]
pub struct Connection {
    way: Way,
    welcome: Arc<Welcome>,
}

/// The way to the task that owns the socket.
#[derive(Debug, Clone)]
struct Way {
    calls: mpsc::Sender<Outgoing>,
    /// Ids of calls that wait for something and whose callers have gone.
    abandoned: mpsc::UnboundedSender<u64>,
    last_id: Arc<AtomicU64>,
    /// The highest position that the hall has told; 0 before the first.
    seen: Arc<AtomicU64>,
}

/// A call on its way to the socket.
#[derive(Debug)]
struct Outgoing {
    id: u64,
    call: Call,
    reply: Reply,
}

type Reply = oneshot::Sender<Result<Box<RawValue>, CallError>>;

/// Callers that wait, by the id of their call; `None` where nobody does and an answer will come all the same.
type Waiting = Mutex<HashMap<u64, Option<Reply>>>;

/// Tells that a call was abandoned, unless it was answered.
struct Abandoning<'a> {
    way: &'a Way,
    id: u64,
    answered: bool,
}

impl Drop for Abandoning<'_> {
    fn drop(&mut self) {
        if !self.answered {
            // If the socket has ended, so has the call.
            _ = self.way.abandoned.send(self.id);
        }
    }
}

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
    let (abandoned, given_up) = mpsc::unbounded_channel();
    let way = Way { calls, abandoned, last_id: Arc::default(), seen: Arc::default() };
    // Ends when the last handle is dropped or the socket ends, and owns nothing else.
    let outbox = Outbox { queue, given_up, last_id: way.last_id.clone(), seen: way.seen.clone() };
    tokio::spawn(carry(BufReader::new(read), write, outbox));
    let introduction = way.call(Call::Hello(hello));
    let answered = tokio::time::timeout(INTRODUCTION, introduction).await;
    let welcome = answered.map_err(|_| unreachable("the hall does not answer".into()))??;
    Ok(Connection { way, welcome: Arc::new(welcome) })
}

impl Connection {
    /// What the hall said to the introduction.
    pub fn welcome(&self) -> &Welcome {
        &self.welcome
    }

    /// Makes a call and waits for its result, of the type [`Call`] names. Cancelling gives up the waiting, the hall's
    /// too, not the call: what it was to do is done.
    pub async fn call<T: DeserializeOwned>(&self, call: Call) -> Result<T, CallError> {
        self.way.call(call).await
    }

    /// The highest position of the workspace's log that the hall has told here.
    pub(crate) fn seen(&self) -> u64 {
        self.way.seen.load(Ordering::Relaxed)
    }

    /// The caller has seen this position of the same log elsewhere: queries are to see it too.
    pub(crate) fn has_seen(&self, position: u64) {
        self.way.seen.fetch_max(position, Ordering::Relaxed);
    }

    /// Whether the socket has ended.
    pub fn is_closed(&self) -> bool {
        self.way.calls.is_closed()
    }

    /// Waits until the socket has ended.
    pub async fn closed(&self) {
        self.way.calls.closed().await;
    }
}

impl Way {
    async fn call<T: DeserializeOwned>(&self, call: Call) -> Result<T, CallError> {
        let (reply, result) = oneshot::channel();
        let id = self.last_id.fetch_add(1, Ordering::Relaxed) + 1;
        let mut abandoning = call.waits().then(|| Abandoning { way: self, id, answered: false });
        let answer = match self.calls.send(Outgoing { id, call, reply }).await {
            Ok(()) => result.await.unwrap_or(Err(CallError::Closed)),
            Err(_) => Err(CallError::Closed),
        };
        if let Some(abandoning) = &mut abandoning {
            abandoning.answered = true;
        }
        serde_json::from_str(answer?.get()).map_err(|cause| CallError::Garbled(cause.to_string()))
    }
}

/// What goes out on the socket.
struct Outbox {
    queue: mpsc::Receiver<Outgoing>,
    given_up: mpsc::UnboundedReceiver<u64>,
    last_id: Arc<AtomicU64>,
    seen: Arc<AtomicU64>,
}

/// Carries calls out and answers in, until either way ends.
async fn carry(mut read: BufReader<OwnedReadHalf>, mut write: OwnedWriteHalf, mut outbox: Outbox) {
    let (waiting, seen) = (Waiting::default(), outbox.seen.clone());
    // Neither way may hold up the other: the hall stops reading from one who does not take its answers.
    let ended = tokio::select! {
        ended = send(&mut outbox, &mut write, &waiting) => ended.map_err(wire::LineError::Io),
        ended = receive(&mut read, &waiting, &seen) => ended,
    };
    if let Err(cause) = ended {
        tracing::debug!(%cause, "the connection to the hall ended");
    }
    // Closed first, so that whoever is told can see that the connection is gone.
    outbox.queue.close();
    let waiting = waiting.into_inner().expect("nothing panics while it is held");
    for reply in waiting.into_values().flatten() {
        // A caller that no longer waits needs no answer.
        _ = reply.send(Err(CallError::Lost));
    }
}

async fn send(outbox: &mut Outbox, write: &mut OwnedWriteHalf, waiting: &Waiting) -> io::Result<()> {
    let note = |id, reply| waiting.lock().expect("nothing panics while it is held").insert(id, reply);
    loop {
        tokio::select! {
            // Places of calls that nobody waits for are given back before the next call is made.
            biased;
            Some(id) = outbox.given_up.recv() => {
                let under_way =
                    waiting.lock().expect("nothing panics while it is held").get_mut(&id).map(Option::take);
                // Otherwise it was answered just now, or is still in the queue and will not be sent.
                if under_way.is_some() {
                    let own = outbox.last_id.fetch_add(1, Ordering::Relaxed) + 1;
                    note(own, None);
                    write.write_all(&wire::call_line(own, None, &Call::Cancel(Cancel { id }))).await?;
                }
            }
            next = outbox.queue.recv() => {
                let Some(Outgoing { id, call, reply }) = next else { return Ok(()) };
                if call.waits() && reply.is_closed() {
                    continue;
                }
                let seen = outbox.seen.load(Ordering::Relaxed);
                let min_pos = Some(seen).filter(|seen| *seen > 0 && call.only_looks());
                let line = wire::call_line(id, min_pos, &call);
                if line.len() > LINE_BYTES {
                    _ = reply.send(Err(CallError::TooLong(line.len())));
                    continue;
                }
                // Noted before it is sent: the answer may be faster than the return from sending.
                note(id, Some(reply));
                write.write_all(&line).await?;
            }
        }
    }
}

async fn receive(
    read: &mut BufReader<OwnedReadHalf>,
    waiting: &Waiting,
    seen: &AtomicU64,
) -> Result<(), wire::LineError> {
    let mut line = Vec::new();
    while wire::read_line(read, &mut line, LINE_BYTES).await? {
        let reply: wire::Reply = match serde_json::from_slice(&line) {
            Ok(reply) => reply,
            Err(cause) => {
                tracing::warn!(%cause, "the hall sent a line that is no answer; closing");
                return Ok(());
            }
        };
        match (reply.position, &reply.error) {
            (Some(position), None) => _ = seen.fetch_max(position, Ordering::Relaxed),
            // What was seen is not there. The caller is told so once, and goes on with what there is: a log that was put
            // back from a copy never gets there.
            (Some(position), Some(_)) => seen.store(position, Ordering::Relaxed),
            (None, _) => {}
        }
        let caller =
            reply.id.and_then(|id| waiting.lock().expect("nothing panics while it is held").remove(&id));
        let Some(caller) = caller else {
            tracing::warn!(id = reply.id, "the hall answered a call that was not made");
            continue;
        };
        let Some(caller) = caller else { continue };
        let result = match (reply.error, reply.result) {
            (Some(failure), _) => Err(CallError::Refused { code: failure.code(), message: failure.message }),
            (None, result) => Ok(result.unwrap_or_else(|| RawValue::NULL.to_owned())),
        };
        _ = caller.send(result);
        line.clear();
        line.shrink_to(BUFFER);
    }
    Ok(())
}
