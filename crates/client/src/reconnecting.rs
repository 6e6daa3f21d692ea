//! A connection that outlives the hall's restarts.
//!
//! A task keeps one connection up: it dials, introduces itself with the membership it was given the first time, so
//! that the agent stays the same, and dials again when the socket ends. Calls wait for it. A call whose answer was
//! lost is made again only if that does no harm; writing calls get an idempotency key for this. How far in the log was
//! seen goes along to the next connection, if it leads to the same life of the log.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde::de::DeserializeOwned;
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio::time::Instant;

use crate::connection::{Connection, connect};
use crate::error::CallError;
use crate::protocol::{Call, ErrorCode, Hello, Speaker, Welcome};

/// How long a call usually waits for a connection.
pub const PATIENCE: Duration = Duration::from_secs(5);
/// The time before the second attempt to dial; doubled for each further one.
const FIRST_WAIT: Duration = Duration::from_millis(20);
/// The longest time between two attempts.
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// A standing way to the hall. Cheap to clone; ends with its last clone.
#[derive(Debug, Clone)]
pub struct Reconnecting(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    socket: PathBuf,
    patience: Duration,
    link: watch::Receiver<Link>,
    welcome: Arc<Mutex<Option<Welcome>>>,
    keeper: AbortHandle,
}

/// How the connection stands.
#[derive(Debug, Clone)]
enum Link {
    /// There is none, nor a reason against it; why the newest attempt has failed.
    Dialling(Option<CallError>),
    /// The hall is there and does not let the speaker in.
    Refused(CallError),
    Up(Connection),
}

impl Reconnecting {
    /// Begins to dial the hall at `socket`, and goes on as long as this lives. A call waits up to `patience` for a
    /// connection; [`PATIENCE`] is usual. Must be called inside a tokio runtime.
    pub fn new(socket: PathBuf, hello: Hello, patience: Duration) -> Self {
        let (tell, link) = watch::channel(Link::Dialling(None));
        let welcome = Arc::default();
        let keeper = tokio::spawn(keep(socket.clone(), hello, tell, Arc::clone(&welcome))).abort_handle();
        Self(Arc::new(Inner { socket, patience, link, welcome, keeper }))
    }

    /// What the hall said to the newest introduction that it welcomed; `None` before the first.
    pub fn welcome(&self) -> Option<Welcome> {
        self.0.welcome.lock().expect("nothing panics while it is held").clone()
    }

    /// Waits for a connection, and gives what the hall said to the introduction.
    pub async fn introduced(&self) -> Result<Welcome, CallError> {
        Ok(self.connection().await?.welcome().clone())
    }

    /// Makes a call and waits for its result, of the type [`Call`] names.
    ///
    /// # Errors
    /// Why there is no connection in time, such as [`CallError::NotRunning`]; [`CallError::Lost`] if the connection
    /// ended before the answer came and the call may not be repeated, or could not be in time: then it may have been
    /// done.
    pub async fn call<T: DeserializeOwned>(&self, call: Call) -> Result<T, CallError> {
        let call = call.once_only();
        let began = Instant::now();
        let mut sent = false;
        loop {
            let connection = match self.connection().await {
                Err(_) if sent && !call.only_looks() => return Err(CallError::Lost),
                connection => connection?,
            };
            match connection.call(call.after(began.elapsed())).await {
                Err(CallError::Closed) => {}
                Err(CallError::Lost) if call.may_be_repeated() => sent = true,
                outcome => return outcome,
            }
        }
    }

    async fn connection(&self) -> Result<Connection, CallError> {
        let mut link = self.0.link.clone();
        let ready = link.wait_for(|link| match link {
            Link::Dialling(_) => false,
            Link::Refused(_) => true,
            Link::Up(connection) => !connection.is_closed(),
        });
        if let Ok(Ok(link)) = tokio::time::timeout(self.0.patience, ready).await {
            match &*link {
                Link::Up(connection) => return Ok(connection.clone()),
                Link::Refused(why) => return Err(why.clone()),
                Link::Dialling(_) => {}
            }
        }
        match &*self.0.link.borrow() {
            Link::Dialling(Some(why)) => Err(why.clone()),
            _ => Err(CallError::NotRunning { socket: self.0.socket.clone() }),
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.keeper.abort();
    }
}

async fn keep(
    socket: PathBuf,
    mut hello: Hello,
    tell: watch::Sender<Link>,
    welcome: Arc<Mutex<Option<Welcome>>>,
) {
    let mut wait = FIRST_WAIT;
    // The log's life and the highest position that the last connection was told.
    let mut seen: Option<(String, u64)> = None;
    loop {
        match connect(&socket, hello.clone()).await {
            Ok(connection) => {
                if let Speaker::Agent { member, .. } = &mut hello.speaker {
                    *member = Some(connection.welcome().member.clone());
                }
                *welcome.lock().expect("nothing panics while it is held") =
                    Some(connection.welcome().clone());
                let incarnation = &connection.welcome().incarnation;
                if let Some((_, position)) = seen.as_ref().filter(|(life, _)| life == incarnation) {
                    connection.has_seen(*position);
                }
                tell.send_replace(Link::Up(connection.clone()));
                connection.closed().await;
                seen = Some((incarnation.clone(), connection.seen()));
                tell.send_replace(Link::Dialling(None));
                wait = FIRST_WAIT;
            }
            // A hall that closes, or has its hands full, will be another one soon.
            Err(why @ CallError::Refused { code, .. })
                if !matches!(code, ErrorCode::Unavailable | ErrorCode::TooMany) =>
            {
                tell.send_replace(Link::Refused(why));
            }
            Err(cause) => {
                tracing::debug!(%cause, "no connection yet");
                tell.send_replace(Link::Dialling(Some(cause)));
            }
        }
        tokio::time::sleep(wait).await;
        wait = (wait * 2).min(LONGEST_WAIT);
    }
}
