//! One connection, from the handshake to its end. One task does all of it: reading frames, submitting, pumping
//! subscriptions, writing. What it writes is gathered, and leaves when there is nothing more to do at once.

use std::collections::{HashMap, VecDeque};
use std::convert::Infallible;
use std::future::ready;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use gate::rate::Allowance;
use gate::{Buffering, Connection, KeepAlive, Outbox, Socket};
use hall::{Attendance, Declined, Identity, Workspace};
use indexmap::IndexMap;
use model::{MemberId, Position};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::error::Error;

use crate::awaited::Awaited;
use crate::calls::{Deferred, Finished, Pending, Stop};
use crate::door::{Arrival, Entrance, Inner};
use crate::feed::Following;
use crate::goodbye::{End, finish};
use crate::introduction::introduce;
use crate::wire::error::TrpcError;
use crate::wire::reply::{self, ReplyTo, RequestId};
use crate::wire::request::{self, Incoming};
use crate::{limits, refusal};

/// A connection that was let in.
pub(crate) struct Session {
    pub(crate) door: Arc<Inner>,
    pub(crate) workspace: Workspace,
    pub(crate) identity: Identity,
    pub(crate) allowance: Allowance,
    pub(crate) socket: Socket,
    pub(crate) outbox: Outbox<Inner>,
    pub(crate) calls: FuturesUnordered<Pending>,
    /// Mutations submitted so far.
    pub(crate) submitted: u64,
    /// Mutations answered so far.
    pub(crate) answered: u64,
    /// Queries that wait for mutations before them, oldest first.
    pub(crate) deferred: VecDeque<Deferred>,
    /// Queries that wait for a position.
    pub(crate) awaited: Awaited,
    /// What both hold.
    pub(crate) deferred_bytes: usize,
    pub(crate) following: IndexMap<RequestId<'static>, Following>,
    /// Whether some subscription has more to be sent at once.
    pub(crate) behind: bool,
    pub(crate) members: HashMap<MemberId, Attendance>,
    pub(crate) keep_alive: KeepAlive,
    head: watch::Receiver<Position>,
    drain: Drain,
}

/// How far the client has been told that the server ends.
#[derive(Clone, Copy, PartialEq)]
enum Drain {
    Serving,
    /// To be told once so many mutations are answered: those that were under way.
    After(u64),
    Told,
}

/// What a session wakes up for.
enum Event {
    Finished(Finished),
    Received(Option<Result<Message, Error>>),
    News,
    Gathered,
    Breath,
    Late,
    Tick,
    DirectoryChanged,
    Drain,
    Close,
}

// === impl Session ===

impl Session {
    /// Serves a connection to its end.
    pub(crate) async fn serve(door: Arc<Inner>, arrival: Box<Arrival>, connection: Connection) {
        let address = arrival.caller.address;
        // Boxed, since what it needs is needed only now, and the session is there for long.
        let Some(mut session) = Box::pin(Self::begin(door, arrival, connection)).await else { return };
        tracing::debug!(%address, principal = %session.identity.principal, "connected");
        let Err(end) = session.run().await;
        let Self { socket, outbox, .. } = session;
        Box::pin(finish(socket, outbox, end, address)).await;
    }

    /// Lets somebody in; says goodbye to one who may not come in.
    async fn begin(door: Arc<Inner>, arrival: Box<Arrival>, connection: Connection) -> Option<Self> {
        let Arrival { caller, entrance } = *arrival;
        let mut outbox = Outbox::new(door.clone());
        let (identity, workspace, socket) = match entrance {
            Entrance::Known(identity, workspace) => {
                (identity, workspace, connection.known(Buffering::UpToThreshold).await)
            }
            Entrance::ByMessage(name) => {
                let mut stranger = connection.stranger().await;
                match introduce(&door, &caller, &name, &mut stranger, &mut outbox).await {
                    Ok((identity, workspace)) => (
                        identity,
                        workspace,
                        Connection::from(stranger).known(Buffering::UpToThreshold).await,
                    ),
                    Err(end) => {
                        finish(stranger, outbox, end, caller.address).await;
                        return None;
                    }
                }
            }
        };
        Some(Self {
            allowance: caller.allowance(&identity),
            head: workspace.head(),
            keep_alive: KeepAlive::new(door.options.keep_alive, door.options.keep_alive_grace),
            // Who comes while the server ends has moved already.
            drain: if door.drain.is_cancelled() { Drain::Told } else { Drain::Serving },
            door,
            workspace,
            identity,
            socket,
            outbox,
            calls: FuturesUnordered::new(),
            submitted: 0,
            answered: 0,
            deferred: VecDeque::new(),
            awaited: Awaited::default(),
            deferred_bytes: 0,
            following: IndexMap::new(),
            behind: false,
            members: HashMap::new(),
        })
    }

    async fn run(&mut self) -> Result<Infallible, End> {
        let door = self.door.clone();
        let (mut drain, mut close) = (pin!(door.drain.cancelled()), pin!(door.close.cancelled()));
        let mut tick =
            pin!(tokio::time::sleep_until(self.awake_at(Instant::now() + door.options.keep_alive)));
        let mut directory = pin!(door.hall.directory_changes());
        // What happened to the token between the upgrade and now was told to nobody.
        self.check_token()?;
        let mut in_a_row = 0;
        loop {
            let head = *self.head.borrow();
            self.answer_awaited(head).await?;
            let late = self.awaited.deadline();
            let full = self.calls.len() >= limits::CALLS
                || self.deferred.len() + self.awaited.len() >= limits::DEFERRED
                || self.deferred_bytes >= limits::DEFERRED_BYTES;
            let breathless = in_a_row >= limits::IN_A_ROW;
            let event = tokio::select! {
                biased;
                Some(finished) = self.calls.next(), if !self.calls.is_empty() => Event::Finished(finished),
                () = ready(()), if self.outbox.is_full() => Event::Gathered,
                received = self.socket.next(), if !full && !breathless => Event::Received(received),
                () = ready(()), if self.behind => Event::News,
                Ok(()) = self.head.changed(), if !self.following.is_empty() || late.is_some() => Event::News,
                () = sleep_until(late.unwrap_or_else(Instant::now)), if late.is_some() => Event::Late,
                () = ready(()), if self.outbox.is_waiting() => Event::Gathered,
                () = &mut drain, if self.drain == Drain::Serving => Event::Drain,
                () = &mut close => Event::Close,
                Some(()) = directory.next(), if self.identity.token.is_some() => Event::DirectoryChanged,
                () = tick.as_mut() => Event::Tick,
                () = ready(()), if breathless => Event::Breath,
            };
            in_a_row = if matches!(event, Event::Received(_)) { in_a_row + 1 } else { 0 };
            match event {
                Event::Finished(finished) => self.answer(finished).await?,
                Event::Received(received) => self.receive(received).await?,
                Event::News => {
                    self.behind = self.pump().await?;
                    self.outbox.flush(&mut self.socket).await?;
                }
                Event::Gathered => self.outbox.flush(&mut self.socket).await?,
                Event::Late => {}
                // A client that sends without end does not keep the rest from being looked at.
                Event::Breath => {}
                Event::Drain => self.drain = Drain::After(self.submitted),
                Event::Close => {
                    while let Some(finished) = self.calls.next().await {
                        self.answer(finished).await?;
                    }
                    while let Some(deferred) = self.awaited.take_any() {
                        self.go_on(deferred, Err(refusal::declined(&Declined::Closing))).await?;
                    }
                    return Err(End::Closing);
                }
                Event::DirectoryChanged => self.check_token()?,
                Event::Tick => {
                    self.check_token()?;
                    let next = self.keep_alive.look_after(&mut self.socket, &mut self.outbox).await?;
                    tick.as_mut().reset(self.awake_at(next.ok_or(End::Silent)?));
                }
            }
            if matches!(self.drain, Drain::After(submitted) if self.answered >= submitted) {
                self.drain = Drain::Told;
                self.outbox.put(&mut self.socket, reply::RECONNECT).await?;
            }
        }
    }

    fn check_token(&self) -> Result<(), End> {
        if self.door.hall.still_holds(&self.identity) {
            return Ok(());
        }
        Err(End::Unauthorized("this token has expired or was revoked"))
    }

    /// This moment, or when the token expires if that is before: nobody else tells.
    fn awake_at(&self, moment: Instant) -> Instant {
        let Some(end) = self.identity.expires_at else { return moment };
        let left = end.as_millis().saturating_sub(self.door.hall.clock().now().as_millis());
        moment.min(Instant::now() + Duration::from_millis(u64::try_from(left).unwrap_or(0)))
    }

    async fn receive(&mut self, received: Option<Result<Message, Error>>) -> Result<(), End> {
        let message = match received {
            None => return Err(End::Gone),
            Some(Err(error)) => return Err(End::Socket(error)),
            Some(Ok(message)) => message,
        };
        self.keep_alive.hear();
        match message {
            Message::Text(text) => self.receive_text(&text).await,
            Message::Binary(_) => self.put_error(&ReplyTo::NOBODY, &TrpcError::binary_frame()).await,
            // The answer to a ping or a close is in the socket's buffer already.
            Message::Ping(_) => Ok(self.outbox.flush(&mut self.socket).await?),
            Message::Pong(_) | Message::Frame(_) => Ok(()),
            Message::Close(_) => {
                self.outbox.flush(&mut self.socket).await?;
                Err(End::Gone)
            }
        }
    }

    async fn receive_text(&mut self, text: &str) -> Result<(), End> {
        match request::parse(text, &limits::FRAME) {
            Ok(Incoming::Ping) => Ok(self.outbox.put(&mut self.socket, reply::PONG).await?),
            Ok(Incoming::Pong) => Ok(()),
            Ok(Incoming::One(message)) => self.obey(message).await,
            Ok(Incoming::Batch(messages)) => {
                for message in messages {
                    self.obey(message).await?;
                }
                Ok(())
            }
            Err(refusal) => {
                for to in &refusal.to {
                    self.put_error(to, &refusal.error).await?;
                }
                Ok(())
            }
        }
    }

    async fn obey(&mut self, message: request::Message<'_>) -> Result<(), End> {
        match message {
            request::Message::WithoutId(to) => self.put_error(&to, &TrpcError::id_required()).await,
            request::Message::Stop(id) => match self.following.shift_remove(&id.into_owned()) {
                Some(following) => {
                    let mut frame = Vec::new();
                    reply::stopped(following.to(), &mut frame);
                    Ok(self.outbox.put(&mut self.socket, frame).await?)
                }
                None => Ok(()),
            },
            request::Message::Request(request) => {
                match self.call(&request).await.map_err(|stop| stop.at(request.path)) {
                    Ok(()) => Ok(()),
                    Err(Stop::Refused(error)) => self.put_error(&request.to, &error).await,
                    Err(Stop::End(end)) => Err(end),
                }
            }
        }
    }

    /// Sends every subscription a page of what it has not been sent; whether there is more.
    async fn pump(&mut self) -> Result<bool, End> {
        self.head.mark_unchanged();
        let (mut more, mut ended) = (false, Vec::new());
        let now = self.door.hall.clock().now();
        for (id, following) in self.following.iter_mut().filter(|(_, following)| following.is_behind()) {
            let taken = following.take(&self.workspace, now).await.map_err(End::Unreadable)?;
            for frame in taken.frames {
                self.outbox.put(&mut self.socket, frame).await?;
            }
            if let Some(error) = taken.ended {
                self.outbox.put(&mut self.socket, reply::error(following.to(), &error)).await?;
                ended.push(id.clone());
            } else {
                more |= following.is_behind();
            }
        }
        for id in ended {
            self.following.shift_remove(&id);
        }
        Ok(more)
    }

    /// Sends every subscription all it has not been sent, up to a position: the next page when the socket has taken
    /// the last.
    pub(crate) async fn pump_to(&mut self, target: Position) -> Result<(), End> {
        while self.following.values().any(|following| following.is_before(target)) {
            if self.door.close.is_cancelled() {
                return Err(End::Closing);
            }
            self.behind = self.pump().await?;
            if self.following.values().any(|following| following.is_before(target)) {
                self.outbox.flush(&mut self.socket).await?;
            }
        }
        Ok(())
    }
}
