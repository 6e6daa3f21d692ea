//! Calls of one session: queries answered at once, mutations when they are durable, subscriptions from then on.
//!
//! Two orders are kept. Whoever subscribes on the connection it writes on sees an event before the reply to the call
//! that made it. And a query waits for the mutations that came before it on its connection, so that a client reads
//! its own writes; it waits for nobody else's, unless it names a position that it wants to see ([`crate::awaited`]).

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use gate::Unsent;
use hall::{Declined, Done, HallError, Submitted};
use model::{Fact, MemberId, Position};
use serde_json::value::RawValue;
use tokio::time::Instant;

use crate::feed::Following;
use crate::goodbye::End;
use crate::mutation::{self, Prepared, Reply};
use crate::session::Session;
use crate::wire::error::{Code, TrpcError};
use crate::wire::procedure::{self, Call, Delivery, Feed, Mutation, Procedure, Query, Subscription};
use crate::wire::reply::{self, ReplyTo};
use crate::wire::request::{Input, Method, Request};
use crate::wire::text::JsonText;
use crate::{cursor, ids, limits, query, refusal};

/// Why a call is not served.
pub(crate) enum Stop {
    /// It is refused, and the connection goes on.
    Refused(TrpcError),
    /// The connection does not.
    End(End),
}

/// A mutation that was submitted.
pub(crate) struct Pending {
    to: Option<ReplyTo<'static>>,
    procedure: Procedure,
    reply: Reply,
    outcome: Submitted,
}

/// A mutation whose outcome is known.
pub(crate) type Finished = (ReplyTo<'static>, Procedure, Reply, Result<Done, Declined>);

/// A query that waits for what its client wrote before, or for a position: the parts of its frame.
pub(crate) struct Deferred {
    after: u64,
    to: ReplyTo<'static>,
    path: Box<RawValue>,
    input: Option<Box<RawValue>>,
    last_event_id: Option<Box<RawValue>>,
}

impl Session {
    /// Starts a call.
    pub(crate) async fn call(&mut self, request: &Request<'_>) -> Result<(), Stop> {
        if let (Method::Subscription, Some(id)) = (request.method, &request.to.id)
            && self.following.contains_key(&id.clone().into_owned())
        {
            return Err(TrpcError::duplicate_id(id, request.path).into());
        }
        if !self.allowance.take(self.keep_alive.heard()) {
            return Err(TrpcError::new(Code::TooManyRequests, "too many calls; slow down").into());
        }
        if self.identity.expires_at.is_some_and(|end| self.door.hall.clock().now() >= end) {
            return Err(End::Unauthorized("this token has expired").into());
        }
        match procedure::parse(request)? {
            Call::Query(_) if self.submitted > self.answered => {
                let deferred = self.defer(request);
                self.deferred.push_back(deferred);
                Ok(())
            }
            Call::Query(query) => self.query(request, query).await,
            Call::Mutation(mutation) => self.mutate(request.to.clone().into_owned(), mutation).await,
            Call::Subscription(subscription) => {
                self.subscribe(request.to.clone().into_owned(), &subscription).await
            }
        }
    }

    async fn query(&mut self, request: &Request<'_>, query: Query<'_>) -> Result<(), Stop> {
        if let Some(place) = &query.min_pos().0 {
            let position = cursor::read(&self.workspace, "minPos", place)?;
            if *self.workspace.head().borrow() < position {
                // Whatever else its client asks for does not wait behind it.
                let (deadline, deferred) = (Instant::now() + self.workspace.patience(), self.defer(request));
                self.awaited.add(position, deadline, deferred);
                self.workspace.look();
                return Ok(());
            }
        }
        if let Some(agent) = query.agent() {
            self.notice(ids::member(agent)).await;
        }
        let mut frame = Vec::with_capacity(limits::FRAME_HINT);
        reply::data_prefix(&request.to, &mut frame);
        query::answer(&self.workspace, &self.identity, query, &mut frame).await?;
        frame.extend_from_slice(reply::DATA_SUFFIX);
        Ok(self.outbox.put(&mut self.socket, frame).await?)
    }

    /// Keeps a query until it can be answered.
    fn defer(&mut self, request: &Request<'_>) -> Deferred {
        let deferred = Deferred::new(self.submitted, request);
        self.deferred_bytes += deferred.bytes();
        deferred
    }

    /// Takes the agent that a query or subscription names for one that is here, as mutations do, if it is the client's own.
    /// The call is answered in any case: what is not found out now is found out when the agent next does something.
    async fn notice(&mut self, agent: MemberId) {
        if self.members.contains_key(&agent) || !self.identity.grant.may_write() {
            return;
        }
        match self.workspace.speak_as(&self.identity.principal, &agent).await {
            Ok(standing) if standing.is_member() => self.attend(agent),
            Ok(_) | Err(Declined::Refused(_)) => {}
            Err(cause) => {
                tracing::debug!(%agent, %cause, "whether an agent is its client's own is not known")
            }
        }
    }

    async fn mutate(&mut self, to: ReplyTo<'static>, mutation: Mutation<'_>) -> Result<(), Stop> {
        if !self.identity.grant.may_write() {
            return Err(mutation::read_only().into());
        }
        let procedure = mutation.procedure();
        let Prepared { author, command, reply, key } =
            mutation::prepare(&self.workspace, &self.identity, mutation).await?;
        let by = &self.identity.principal;
        if let Some(author) = author.filter(|author| !self.members.contains_key(author)) {
            if procedure == Procedure::SessionLeave {
                self.workspace.standing(by, &author).await?;
            } else if self.workspace.speak_as(by, &author).await?.is_member() {
                self.attend(author);
            }
        }
        let outcome = match key {
            Some(key) => self.workspace.submit_once(&self.identity.principal, &key, command).await?,
            None => self.workspace.submit(&self.identity.principal, command).await?,
        };
        self.submitted += 1;
        self.calls.push(Pending { to: Some(to), procedure, reply, outcome });
        Ok(())
    }

    /// Keeps a member present for as long as this connection lasts.
    fn attend(&mut self, member: MemberId) {
        if self.members.len() < limits::MEMBERS {
            let attendance = self.workspace.attend(&member);
            self.members.insert(member, attendance);
        }
    }

    /// Answers a mutation, and the queries that waited for it.
    pub(crate) async fn answer(&mut self, finished: Finished) -> Result<(), End> {
        let (to, procedure, reply, outcome) = finished;
        self.answered += 1;
        match outcome {
            Ok(done) => {
                match done.entries.last().map(|entry| entry.fact()) {
                    Some(Fact::MemberJoined(member)) => self.attend(member.id.clone()),
                    Some(Fact::MemberLeft(departure)) => drop(self.members.remove(&departure.member.id)),
                    _ => {}
                }
                self.pump_to(done.position).await?;
                let mut frame = Vec::with_capacity(limits::FRAME_HINT);
                reply::data_prefix(&to, &mut frame);
                match mutation::write_reply(&self.workspace, reply, &done, &mut frame) {
                    Ok(()) => {
                        frame.extend_from_slice(reply::DATA_SUFFIX);
                        self.outbox.put(&mut self.socket, frame).await?;
                    }
                    Err(error) => self.put_error(&to, &error.at(procedure.path())).await?,
                }
            }
            Err(declined) => {
                self.put_error(&to, &refusal::declined(&declined).at(procedure.path())).await?;
            }
        }
        while self.deferred.front().is_some_and(|next| next.after <= self.answered)
            && let Some(deferred) = self.deferred.pop_front()
        {
            self.go_on(deferred, Ok(())).await?;
        }
        Ok(())
    }

    /// Answers the queries that waited for what the log has reached now, and those that have waited long enough.
    pub(crate) async fn answer_awaited(&mut self, head: Position) -> Result<(), End> {
        while let Some(deferred) = self.awaited.take_reached(head) {
            self.go_on(deferred, Ok(())).await?;
        }
        while let Some((asked, deferred)) = self.awaited.take_late(Instant::now()) {
            let error = refusal::unreached(&HallError::NotReached { asked, end: head });
            self.go_on(deferred, Err(error)).await?;
        }
        Ok(())
    }

    /// Answers a query that had to wait, or says why it cannot be answered.
    pub(crate) async fn go_on(
        &mut self,
        deferred: Deferred,
        reached: Result<(), TrpcError>,
    ) -> Result<(), End> {
        self.deferred_bytes -= deferred.bytes();
        match self.call_deferred(&deferred, reached).await {
            Ok(()) => Ok(()),
            Err(Stop::Refused(error)) => self.put_error(&deferred.to, &error).await,
            Err(Stop::End(end)) => Err(end),
        }
    }

    async fn call_deferred(
        &mut self,
        deferred: &Deferred,
        reached: Result<(), TrpcError>,
    ) -> Result<(), Stop> {
        let request = deferred.request().ok_or_else(defect)?;
        let answered = match (reached, procedure::parse(&request)?) {
            (Err(error), _) => Err(error.into()),
            (Ok(()), Call::Query(query)) => self.query(&request, query).await,
            (Ok(()), Call::Mutation(_) | Call::Subscription(_)) => Err(defect().into()),
        };
        answered.map_err(|stop| stop.at(request.path))
    }

    async fn subscribe(&mut self, to: ReplyTo<'static>, subscription: &Subscription<'_>) -> Result<(), Stop> {
        let Some(id) = to.id.clone() else { return Err(TrpcError::id_required().into()) };
        if self.following.len() >= limits::SUBSCRIPTIONS {
            let message = format!("a connection has at most {} subscriptions", limits::SUBSCRIPTIONS);
            return Err(TrpcError::new(Code::TooManyRequests, &message).into());
        }
        let following = Following::start(&self.workspace, &self.identity, to, subscription).await?;
        if let Feed::Messages(agent) = &subscription.feed {
            self.notice(ids::member(agent)).await;
        }
        let resumed = matches!(subscription.delivery, Delivery::Tracked { last_event_id: Some(_) });
        let snapshot = following.snapshot(&self.workspace, resumed)?;
        let mut frame = Vec::new();
        reply::started(following.to(), &mut frame);
        self.outbox.put(&mut self.socket, frame).await?;
        if let Some(snapshot) = snapshot {
            self.outbox.put(&mut self.socket, snapshot).await?;
        }
        self.behind |= following.is_behind();
        self.following.insert(id, following);
        Ok(())
    }

    pub(crate) async fn put_error(&mut self, to: &ReplyTo<'_>, error: &TrpcError) -> Result<(), End> {
        Ok(self.outbox.put(&mut self.socket, reply::error(to, error)).await?)
    }
}

impl Future for Pending {
    type Output = Finished;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Finished> {
        let outcome = ready!(Pin::new(&mut self.outcome).poll(context));
        let to = self.to.take().unwrap_or(ReplyTo::NOBODY);
        Poll::Ready((to, self.procedure, self.reply, outcome))
    }
}

impl Deferred {
    fn new(after: u64, request: &Request<'_>) -> Self {
        Self {
            after,
            to: request.to.clone().into_owned(),
            path: request.path.raw().to_owned(),
            input: request.input.raw.map(RawValue::to_owned),
            last_event_id: request.input.last_event_id.map(|id| id.raw().to_owned()),
        }
    }

    fn bytes(&self) -> usize {
        let texts = [Some(&self.path), self.input.as_ref(), self.last_event_id.as_ref()];
        texts.into_iter().flatten().map(|text| text.get().len()).sum()
    }

    fn request(&self) -> Option<Request<'_>> {
        let last_event_id = self.last_event_id.as_deref().and_then(JsonText::of);
        Some(Request {
            to: self.to.clone(),
            method: Method::Query,
            path: JsonText::of(&self.path)?,
            input: Input { raw: self.input.as_deref(), last_event_id },
        })
    }
}

fn defect() -> TrpcError {
    TrpcError::new(Code::InternalServerError, "the call could not be put off")
}

impl Stop {
    /// The same, telling which procedure was called.
    pub(crate) fn at(self, path: JsonText<'_>) -> Self {
        match self {
            Self::Refused(error) => Self::Refused(error.at_token(path)),
            end @ Self::End(_) => end,
        }
    }
}

impl From<TrpcError> for Stop {
    fn from(error: TrpcError) -> Self {
        Self::Refused(error)
    }
}

impl From<Declined> for Stop {
    fn from(declined: Declined) -> Self {
        Self::Refused(refusal::declined(&declined))
    }
}

impl From<Unsent> for Stop {
    fn from(unsent: Unsent) -> Self {
        Self::End(unsent.into())
    }
}

impl From<End> for Stop {
    fn from(end: End) -> Self {
        Self::End(end)
    }
}
