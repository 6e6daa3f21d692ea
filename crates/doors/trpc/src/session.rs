//! One connection, from the handshake to its end. One task does all of it: reading frames, submitting, pumping
//! subscriptions, writing. What it writes is gathered, and leaves when there is nothing more to do at once.

use std::collections::{HashMap, VecDeque};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use gate::rate::Allowance;
use gate::{Caller, Socket};
use hall::workspace::Submitted;
use hall::{Attendance, Declined, Done, Identity, Standing, Workspace};
use indexmap::IndexMap;
use model::{Fact, MemberId, Position};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{Instant, Sleep};
use tokio_tungstenite::tungstenite::error::{CapacityError, Error};
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Bytes, Message};

use crate::door::Inner;
use crate::feed::Following;
use crate::mutation::{self, Prepared, Reply};
use crate::outbox::Outbox;
use crate::wire::error::{Code, TrpcError};
use crate::wire::handshake::{self, Handshake};
use crate::wire::procedure::{self, Call, Delivery, Mutation, Subscription};
use crate::wire::reply::{self, ReplyTo, RequestId};
use crate::wire::request::{self, Incoming, Method, Request};
use crate::{limits, query, refusal};

/// Why a session ends.
#[derive(Debug, thiserror::Error)]
pub(crate) enum End {
    #[error("the client is gone")]
    Gone,
    #[error("the client takes nothing off its socket")]
    Stalled,
    #[error("the client has not been heard of")]
    Silent,
    #[error("the socket failed: {0}")]
    Socket(Error),
    #[error("not let in: {0}")]
    Unauthorized(&'static str),
    #[error("the server closes")]
    Closing,
    #[error("the store could not be read: {0}")]
    Unreadable(store::StoreError),
    #[error("a defect: {0}")]
    Defect(&'static str),
}

/// A connection that was let in.
pub(crate) struct Session {
    door: Arc<Inner>,
    workspace: Workspace,
    identity: Identity,
    allowance: Allowance,
    socket: Socket,
    outbox: Outbox,
    calls: FuturesUnordered<Pending>,
    /// Mutations submitted and answered so far: a query waits for those submitted before it.
    submitted: u64,
    answered: u64,
    deferred: VecDeque<Deferred>,
    following: IndexMap<RequestId<'static>, Following>,
    head: watch::Receiver<Position>,
    members: HashMap<MemberId, Attendance>,
    heard: Instant,
}

/// A mutation that was submitted.
struct Pending {
    to: Option<ReplyTo<'static>>,
    path: &'static str,
    reply: Reply,
    outcome: Submitted,
}

/// A query that waits for what its client wrote before, so that it reads it.
struct Deferred {
    after: u64,
    to: ReplyTo<'static>,
    path: String,
    input: Option<String>,
    last_event_id: Option<String>,
}

type Finished = (ReplyTo<'static>, &'static str, Reply, Result<Done, Declined>);

impl Future for Pending {
    type Output = Finished;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Finished> {
        let outcome = ready!(Pin::new(&mut self.outcome).poll(context));
        let to = self.to.take().unwrap_or(ReplyTo::NOBODY);
        Poll::Ready((to, self.path, self.reply, outcome))
    }
}

/// What a session wakes up for.
enum Event {
    Finished(Finished),
    Received(Option<Result<Message, Error>>),
    News,
    Idle,
    Tick,
    DirectoryChanged,
    Drain,
    Close,
}

// === impl Session ===

impl Session {
    /// Serves a connection to its end. `handshake` says whether the client's first message names connection
    /// parameters, among them perhaps the token.
    pub(crate) async fn serve(
        door: Arc<Inner>,
        workspace: Workspace,
        caller: Caller,
        handshake: bool,
        mut socket: Socket,
    ) {
        let address = caller.address;
        let mut outbox = Outbox::new(door.options.write_stall);
        let entered = match handshake {
            true => shake_hands(&door, &workspace, &caller, &mut socket, &mut outbox).await,
            false => caller.identity.clone().ok_or(End::Defect("a caller without identity")),
        };
        let identity = match entered {
            Ok(identity) => identity,
            Err(end) => return finish(socket, outbox, end, address).await,
        };
        let mut session = Self {
            allowance: caller.allowance(&identity),
            head: workspace.head(),
            door,
            workspace,
            identity,
            socket,
            outbox,
            calls: FuturesUnordered::new(),
            submitted: 0,
            answered: 0,
            deferred: VecDeque::new(),
            following: IndexMap::new(),
            members: HashMap::new(),
            heard: Instant::now(),
        };
        tracing::debug!(%address, principal = %session.identity.principal, "connected");
        let end = match session.run().await {
            Err(end) => end,
            Ok(never) => match never {},
        };
        let Self { socket, outbox, .. } = session;
        finish(socket, outbox, end, address).await;
    }

    async fn run(&mut self) -> Result<std::convert::Infallible, End> {
        let door = self.door.clone();
        let mut to_be_told = !door.drain.is_cancelled();
        let (mut drain, mut close) = (pin!(door.drain.cancelled()), pin!(door.close.cancelled()));
        let mut directory = self.door.hall.directory_changes();
        let tick = tokio::time::sleep_until(self.heard + self.door.options.keep_alive);
        let mut tick = Box::pin(tick);
        loop {
            let full = self.calls.len() >= limits::CALLS || self.deferred.len() >= limits::DEFERRED;
            let event = tokio::select! {
                biased;
                Some(finished) = self.calls.next(), if !self.calls.is_empty() => Event::Finished(finished),
                () = std::future::ready(()), if self.outbox.is_full() => Event::Idle,
                received = self.socket.next(), if !full => Event::Received(received),
                Ok(()) = self.head.changed(), if !self.following.is_empty() => Event::News,
                () = std::future::ready(()), if self.outbox.is_waiting() => Event::Idle,
                () = &mut drain, if to_be_told && self.calls.is_empty() => Event::Drain,
                () = &mut close => Event::Close,
                Ok(()) = directory.wait(), if self.identity.token.is_some() => Event::DirectoryChanged,
                () = tick.as_mut() => Event::Tick,
            };
            match event {
                Event::Finished(finished) => self.answer(finished).await?,
                Event::Received(received) => self.receive(received).await?,
                Event::News => {
                    let target = *self.head.borrow_and_update();
                    self.pump(target).await?;
                }
                Event::Idle => self.outbox.flush(&mut self.socket).await?,
                Event::Drain => {
                    to_be_told = false;
                    self.outbox.put(&mut self.socket, reply::RECONNECT.into()).await?;
                }
                Event::Close => return Err(End::Closing),
                Event::DirectoryChanged => {
                    directory = self.door.hall.directory_changes();
                    if !self.door.hall.still_holds(&self.identity) {
                        return Err(End::Unauthorized("this token was revoked"));
                    }
                }
                Event::Tick => self.keep_alive(&mut tick).await?,
            }
        }
    }

    /// Pings a client that has been silent; drops it if the ping was not answered.
    async fn keep_alive(&mut self, tick: &mut Pin<Box<Sleep>>) -> Result<(), End> {
        let options = &self.door.options;
        let silent = self.heard.elapsed();
        let next = if silent >= options.keep_alive + options.keep_alive_grace {
            return Err(End::Silent);
        } else if silent >= options.keep_alive {
            self.outbox.send(&mut self.socket, Message::Ping(Bytes::new())).await?;
            self.heard + options.keep_alive + options.keep_alive_grace
        } else {
            self.heard + options.keep_alive
        };
        tick.as_mut().reset(next);
        Ok(())
    }

    async fn receive(&mut self, received: Option<Result<Message, Error>>) -> Result<(), End> {
        let message = match received {
            None => return Err(End::Gone),
            Some(Err(error)) => return Err(End::Socket(error)),
            Some(Ok(message)) => message,
        };
        self.heard = Instant::now();
        match message {
            Message::Text(text) => self.receive_text(&text).await,
            Message::Binary(_) => self.put_error(&ReplyTo::NOBODY, &TrpcError::binary_frame()).await,
            // The answer to a ping or a close is in the socket's buffer already.
            Message::Ping(_) => self.outbox.flush(&mut self.socket).await,
            Message::Pong(_) | Message::Frame(_) => Ok(()),
            Message::Close(_) => {
                self.outbox.flush(&mut self.socket).await?;
                Err(End::Gone)
            }
        }
    }

    async fn receive_text(&mut self, text: &str) -> Result<(), End> {
        match request::parse(text, &limits::FRAME) {
            Ok(Incoming::Ping) => self.outbox.put(&mut self.socket, reply::PONG.into()).await,
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
                    self.outbox.put(&mut self.socket, frame).await
                }
                None => Ok(()),
            },
            request::Message::Request(request) => match self.call(&request).await {
                Ok(result) => result,
                Err(error) => self.put_error(&request.to, &error.at_token(request.path)).await,
            },
        }
    }

    /// Starts a call. The inner result is that of writing; the outer one is for the caller.
    async fn call(&mut self, request: &Request<'_>) -> Result<Result<(), End>, TrpcError> {
        if let (Method::Subscription, Some(id)) = (request.method, &request.to.id)
            && self.following.contains_key(&id.clone().into_owned())
        {
            return Err(TrpcError::duplicate_id(id, request.path));
        }
        if !self.allowance.take() {
            return Err(TrpcError::new(Code::TooManyRequests, "too many calls; slow down"));
        }
        let now = self.door.hall.clock().now();
        if self.identity.expires_at.is_some_and(|end| now >= end) {
            return Ok(Err(End::Unauthorized("this token has expired")));
        }
        match procedure::parse(request)? {
            Call::Query(_) if self.submitted > self.answered => {
                self.deferred.push_back(Deferred {
                    after: self.submitted,
                    to: request.to.clone().into_owned(),
                    path: request.path.token().to_owned(),
                    input: request.input.raw.map(|raw| raw.get().to_owned()),
                    last_event_id: request.input.last_event_id.map(|id| id.token().to_owned()),
                });
                Ok(Ok(()))
            }
            Call::Query(query) => {
                let mut frame = Vec::with_capacity(512);
                reply::data_prefix(&request.to, &mut frame);
                query::answer(&self.workspace, query, &mut frame).await?;
                frame.extend_from_slice(reply::DATA_SUFFIX);
                Ok(self.outbox.put(&mut self.socket, frame).await)
            }
            Call::Mutation(mutation) => {
                let path = path_of(&mutation);
                self.mutate(request.to.clone().into_owned(), path, mutation).await?;
                Ok(Ok(()))
            }
            Call::Subscription(subscription) => {
                self.subscribe(request.to.clone().into_owned(), &subscription).await
            }
        }
    }

    async fn mutate(
        &mut self,
        to: ReplyTo<'static>,
        path: &'static str,
        mutation: Mutation<'_>,
    ) -> Result<(), TrpcError> {
        let declined = |declined: Declined| refusal::declined(&declined);
        if !self.identity.grant.may_write() {
            return Err(declined(mutation::read_only()));
        }
        let leaving = matches!(mutation, Mutation::SessionLeave(_));
        let Prepared { author, command, reply } =
            mutation::prepare(&self.workspace, &self.identity, mutation);
        if let Some(author) = author
            && !self.members.contains_key(&author)
        {
            let by = &self.identity.principal;
            if leaving {
                self.workspace.check_author(by, &author).await.map_err(declined)?;
            } else if self.workspace.speak_as(by, &author).await.map_err(declined)? == Standing::Member {
                self.attend(author);
            }
        }
        let outcome = self.workspace.submit(&self.identity.principal, command).await.map_err(declined)?;
        self.submitted += 1;
        self.calls.push(Pending { to: Some(to), path, reply, outcome });
        Ok(())
    }

    fn attend(&mut self, member: MemberId) {
        if self.members.len() < limits::MEMBERS {
            let attendance = self.workspace.attend(&member);
            self.members.insert(member, attendance);
        }
    }

    async fn answer(&mut self, (to, path, reply, outcome): Finished) -> Result<(), End> {
        self.answered += 1;
        match outcome {
            Ok(done) => {
                match done.entries.last().map(|entry| entry.fact()) {
                    Some(Fact::MemberJoined(member)) => self.attend(member.id.clone()),
                    Some(Fact::MemberLeft(departure)) => drop(self.members.remove(&departure.member.id)),
                    _ => {}
                }
                // Whoever subscribes on the connection it writes on sees the event before the reply.
                self.pump(done.position).await?;
                let mut frame = Vec::with_capacity(512);
                reply::data_prefix(&to, &mut frame);
                match mutation::write_reply(&self.workspace, reply, &done, &mut frame) {
                    Ok(()) => {
                        frame.extend_from_slice(reply::DATA_SUFFIX);
                        self.outbox.put(&mut self.socket, frame).await?;
                    }
                    Err(error) => self.put_error(&to, &error.at(path)).await?,
                }
            }
            Err(declined) => self.put_error(&to, &refusal::declined(&declined).at(path)).await?,
        }
        self.answer_deferred().await
    }

    async fn answer_deferred(&mut self) -> Result<(), End> {
        while self.deferred.front().is_some_and(|next| next.after <= self.answered)
            && let Some(next) = self.deferred.pop_front()
        {
            let mut frame = Vec::with_capacity(512);
            reply::data_prefix(&next.to, &mut frame);
            match self.ask_again(&next, &mut frame).await {
                Ok(()) => {
                    frame.extend_from_slice(reply::DATA_SUFFIX);
                    self.outbox.put(&mut self.socket, frame).await?;
                }
                Err(error) => self.put_error(&next.to, &error).await?,
            }
        }
        Ok(())
    }

    async fn ask_again(&self, deferred: &Deferred, frame: &mut Vec<u8>) -> Result<(), TrpcError> {
        match procedure::parse(&deferred.request()?)? {
            Call::Query(query) => query::answer(&self.workspace, query, frame).await,
            Call::Mutation(_) | Call::Subscription(_) => Err(defect()),
        }
    }

    async fn subscribe(
        &mut self,
        to: ReplyTo<'static>,
        subscription: &Subscription<'_>,
    ) -> Result<Result<(), End>, TrpcError> {
        let Some(id) = to.id.clone() else { return Err(TrpcError::id_required()) };
        if self.following.len() >= limits::SUBSCRIPTIONS {
            let message = format!("a connection has at most {} subscriptions", limits::SUBSCRIPTIONS);
            return Err(TrpcError::new(Code::TooManyRequests, &message));
        }
        let following = Following::start(&self.workspace, to, subscription)?;
        let resumed = matches!(subscription.delivery, Delivery::Tracked { last_event_id: Some(_) });
        let mut frame = Vec::new();
        reply::started(following.to(), &mut frame);
        let snapshot = following.snapshot(&self.workspace, resumed);
        self.following.insert(id, following);
        Ok(self.open(frame, snapshot).await)
    }

    async fn open(&mut self, started: Vec<u8>, snapshot: Option<Vec<u8>>) -> Result<(), End> {
        self.outbox.put(&mut self.socket, started).await?;
        if let Some(snapshot) = snapshot {
            self.outbox.put(&mut self.socket, snapshot).await?;
        }
        let target = *self.head.borrow_and_update();
        self.pump(target).await
    }

    /// Sends every subscription what it has not been sent, up to a position: a page each, in turn, and the next
    /// page only when the socket has taken the last.
    async fn pump(&mut self, target: Position) -> Result<(), End> {
        let mut again = !self.following.is_empty();
        while again {
            again = false;
            for following in self.following.values_mut().filter(|following| following.is_before(target)) {
                let frames = following.take(&self.workspace).await.map_err(End::Unreadable)?;
                for frame in frames {
                    self.outbox.put(&mut self.socket, frame).await?;
                }
                again |= following.is_before(target);
            }
            if again {
                self.outbox.flush(&mut self.socket).await?;
            }
        }
        Ok(())
    }

    async fn put_error(&mut self, to: &ReplyTo<'_>, error: &TrpcError) -> Result<(), End> {
        put_error(&mut self.outbox, &mut self.socket, to, error).await
    }
}

impl Deferred {
    fn request(&self) -> Result<Request<'_>, TrpcError> {
        use crate::wire::text::JsonText;
        let raw = self.input.as_deref().map(serde_json::from_str).transpose().map_err(|_| defect())?;
        Ok(Request {
            to: self.to.clone(),
            method: Method::Query,
            path: JsonText::kept(&self.path).ok_or_else(defect)?,
            input: request::Input {
                raw,
                last_event_id: self.last_event_id.as_deref().and_then(JsonText::kept),
            },
        })
    }
}

fn defect() -> TrpcError {
    TrpcError::new(Code::InternalServerError, "the call could not be put off")
}

fn path_of(mutation: &Mutation<'_>) -> &'static str {
    use crate::wire::procedure::Procedure;
    match mutation {
        Mutation::SessionJoin(_) => Procedure::SessionJoin,
        Mutation::SessionLeave(_) => Procedure::SessionLeave,
        Mutation::ContextShare(_) => Procedure::ContextShare,
        Mutation::ContextDelete(_) => Procedure::ContextDelete,
        Mutation::QuestionsAsk(_) => Procedure::QuestionsAsk,
        Mutation::QuestionsAnswer(_) => Procedure::QuestionsAnswer,
        Mutation::DecisionsLog(_) => Procedure::DecisionsLog,
    }
    .path()
}

async fn put_error(
    outbox: &mut Outbox,
    socket: &mut Socket,
    to: &ReplyTo<'_>,
    error: &TrpcError,
) -> Result<(), End> {
    let mut frame = Vec::new();
    reply::error(to, error, &mut frame);
    outbox.put(socket, frame).await
}

/// Waits for the connection parameters, and finds out who it is.
async fn shake_hands(
    door: &Inner,
    workspace: &Workspace,
    caller: &Caller,
    socket: &mut Socket,
    outbox: &mut Outbox,
) -> Result<Identity, End> {
    let patience = door.options.keep_alive + door.options.keep_alive_grace;
    let deadline = Instant::now() + patience;
    loop {
        let received = tokio::select! {
            received = tokio::time::timeout_at(deadline, socket.next()) => received.map_err(|_| End::Silent)?,
            () = door.close.cancelled() => return Err(End::Closing),
        };
        let message = received.ok_or(End::Gone)?.map_err(End::Socket)?;
        let text = match &message {
            Message::Text(text) => text.as_str(),
            Message::Binary(_) => "",
            Message::Close(_) => return Err(End::Gone),
            Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => {
                outbox.flush(socket).await?;
                continue;
            }
        };
        match handshake::parse(text) {
            Ok(Handshake::Ping) => {
                outbox.put(socket, reply::PONG.into()).await?;
                outbox.flush(socket).await?;
            }
            Ok(Handshake::Pong) => {}
            Ok(Handshake::Params(parameters)) => {
                let identity = match (parameters.get("token"), &caller.identity) {
                    (Some(token), _) => caller.identify(&token).ok(),
                    (None, known) => known.clone(),
                };
                let entered = identity.filter(|identity| identity.may_enter(workspace.name()));
                return match entered {
                    Some(identity) => Ok(identity),
                    None => {
                        let error = TrpcError::new(Code::Unauthorized, "a valid token is needed");
                        put_error(outbox, socket, &ReplyTo::NOBODY, &error).await?;
                        Err(End::Unauthorized("a valid token is needed"))
                    }
                };
            }
            Err(error) => {
                put_error(outbox, socket, &ReplyTo::NOBODY, &error).await?;
                return Err(End::Unauthorized("its connection parameters are malformed"));
            }
        }
    }
}

/// Says goodbye as well as the way it ended allows.
async fn finish(mut socket: Socket, mut outbox: Outbox, end: End, address: std::net::IpAddr) {
    let close = match &end {
        End::Gone => return,
        End::Stalled | End::Silent => {
            return tracing::info!(%address, reason = %end, "dropped a client");
        }
        End::Socket(Error::Capacity(CapacityError::MessageTooLong { .. })) => {
            Some((CloseCode::Size, "a message is at most 16 MiB"))
        }
        End::Socket(Error::Utf8(_)) => Some((CloseCode::Invalid, "text is UTF-8")),
        End::Socket(Error::Protocol(_)) => Some((CloseCode::Protocol, "not the WebSocket protocol")),
        End::Socket(_) => return tracing::debug!(%address, reason = %end, "a connection broke"),
        End::Unauthorized(why) => {
            tracing::info!(%address, why, "closed a connection");
            None
        }
        End::Closing => Some((CloseCode::Restart, "the server is restarting")),
        End::Unreadable(_) | End::Defect(_) => {
            tracing::error!(%address, reason = %end, "ended a connection");
            Some((CloseCode::Error, "the server cannot go on with this connection"))
        }
    };
    let frame = close.map(|(code, reason)| CloseFrame { code, reason: reason.into() });
    // The client may be gone already, and then there is nobody to say it to.
    if outbox.send(&mut socket, Message::Close(frame)).await.is_ok()
        && outbox.flush(&mut socket).await.is_ok()
    {
        linger(socket.into_inner()).await;
    }
}

/// Reads on for a while, and throws away what comes. Closing a connection with unread bytes in it resets it, and the
/// reset would overtake the reason that was just sent.
async fn linger(mut stream: TcpStream) {
    let drain = async {
        stream.shutdown().await?;
        tokio::io::copy(&mut stream.take(limits::LINGER_BYTES), &mut tokio::io::sink()).await
    };
    // However it ends, the connection is over.
    _ = tokio::time::timeout(limits::LINGER, drain).await;
}
