//! One connection, from `connected` to its end. One task does all of it: reading frames, submitting, telling what is
//! new, writing. What it writes is gathered, and leaves when there is nothing more to do at once.
//!
//! Requests are served one after the other, and replies leave in their order. Only messages are not waited for: they
//! have no reply. Whatever comes behind them waits until they are durable, so a client finds what it sent.

use std::convert::Infallible;
use std::future::ready;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::StreamExt as _;
use gate::rate::Allowance;
use gate::{Buffering, Caller, Connection, KeepAlive, Outbox, Socket};
use hall::mail::{Handed, Shown};
use hall::{Attendance, Declined, Done, Entry, Identity, Outstanding, Workspace};
use model::mailboxes::{Stage, Take};
use model::messages::{Party, Recipient};
use model::roster::{Leave, Reason};
use model::{Command, Fact, MemberId, Refusal};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::error::Error;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use crate::dispatcher::{Dispatcher, News, Subscription};
use crate::door::Inner;
use crate::evidence::{Evidence, Unproved};
use crate::goodbye::{self, End};
use crate::limits;
use crate::pending::Pending;
use crate::wire::frame::Frame;
use crate::wire::refusal::UNKNOWN_SENDER;
use crate::wire::request::{self, Request};

/// Somebody who comes in, to a workspace they may enter.
pub(crate) struct Arrival {
    pub(crate) caller: Caller,
    pub(crate) identity: Identity,
    pub(crate) workspace: Workspace,
}

/// A connection that was let in.
pub(crate) struct Session {
    pub(crate) door: Arc<Inner>,
    pub(crate) workspace: Workspace,
    pub(crate) identity: Identity,
    pub(crate) dispatcher: Arc<Dispatcher>,
    /// Who it speaks for, once it has said so.
    pub(crate) me: Option<Registration>,
    /// Messages of its last reply that held any.
    pub(crate) handed: Handed,
    pub(crate) pending: Pending,
    /// The other end of it, for a subscription.
    pub(crate) told: mpsc::Sender<News>,
    /// Set when it does not keep up with what it is told.
    pub(crate) behind: Arc<AtomicBool>,
    outstanding: Outstanding<What>,
    allowance: Allowance,
    socket: Socket,
    outbox: Outbox<Inner>,
    evidence: Evidence,
    keep_alive: KeepAlive,
}

/// Who a connection speaks for.
pub(crate) struct Registration {
    pub(crate) party: Party,
    pub(crate) member: MemberId,
    pub(crate) subscription: Subscription,
    /// Keeps the membership present.
    #[allow(dead_code, reason = "held for its drop")]
    pub(crate) attendance: Attendance,
}

/// Something submitted that nobody is answered for unless it fails.
#[derive(Clone, Copy)]
pub(crate) enum What {
    Send,
    Take,
    Leave,
}

/// What a session wakes up for.
enum Event {
    Settled(What, Result<Done, Declined>),
    Received(Option<Result<Message, Error>>),
    News(News),
    Gathered,
    Breath,
    Tick,
    DirectoryChanged,
    Close,
}

// === impl Session ===

impl Session {
    /// Serves a connection to its end.
    pub(crate) async fn serve(door: Arc<Inner>, arrival: Box<Arrival>, connection: Connection) {
        let Arrival { caller, identity, workspace } = *arrival;
        let address = caller.address;
        tracing::debug!(%address, principal = %identity.principal, "connected");
        let (told, news) = mpsc::channel(limits::NEWS);
        let mut session = Self {
            dispatcher: door.dispatcher(&workspace),
            allowance: caller.allowance(&identity),
            outbox: Outbox::new(door.clone()),
            keep_alive: KeepAlive::new(door.options.keep_alive, door.options.keep_alive_grace),
            socket: connection.known(Buffering::UntilFlushed).await,
            door,
            workspace,
            identity,
            me: None,
            handed: Handed::default(),
            pending: Pending::new(news),
            told,
            behind: Arc::default(),
            outstanding: Outstanding::new(is_dead_letter),
            evidence: Evidence::default(),
        };
        let Err(end) = session.run().await;
        session.depart().await;
        let Self { socket, outbox, .. } = session;
        Box::pin(goodbye::finish(socket, outbox, end, address)).await;
    }

    async fn run(&mut self) -> Result<Infallible, End> {
        let door = self.door.clone();
        let mut close = pin!(door.close.cancelled());
        let mut tick =
            pin!(tokio::time::sleep_until(self.awake_at(Instant::now() + door.options.keep_alive)));
        let mut directory = pin!(door.hall.directory_changes());
        // What happened to the token between the upgrade and now was told to nobody.
        self.check_token()?;
        self.put(&Frame::Connected { connection_id: hall::clock::draw().to_string() }).await?;
        let mut in_a_row = 0;
        loop {
            if self.outstanding.count() >= limits::SENDS {
                self.settle().await?;
            }
            let breathless = in_a_row >= limits::IN_A_ROW;
            let event = if let Some((what, outcome)) = self.outstanding.try_told() {
                Event::Settled(what, outcome)
            } else {
                tokio::select! {
                    biased;
                    received = self.evidence.read(&mut self.socket), if !breathless => Event::Received(received),
                    Some(news) = self.pending.next() => Event::News(news),
                    () = ready(()), if self.outbox.is_waiting() => Event::Gathered,
                    (what, outcome) = self.outstanding.told() => Event::Settled(what, outcome),
                    () = &mut close => Event::Close,
                    Some(()) = directory.next(), if self.identity.token.is_some() => Event::DirectoryChanged,
                    () = tick.as_mut() => Event::Tick,
                    () = ready(()), if breathless => Event::Breath,
                }
            };
            in_a_row = if matches!(event, Event::Received(_)) { in_a_row + 1 } else { 0 };
            match event {
                Event::Settled(what, outcome) => self.settled(what, outcome).await?,
                Event::Received(received) => self.receive(received).await?,
                Event::News(news) => {
                    if self.behind.load(Ordering::Relaxed) {
                        return Err(End::Behind);
                    }
                    self.tell(news).await?;
                    // As many as are read in a row: neither direction waits for the other.
                    self.tell_what_waits(limits::IN_A_ROW).await?;
                    self.flush().await?;
                }
                Event::Gathered => self.flush().await?,
                // A client that sends without end does not keep the rest from being looked at.
                Event::Breath => {}
                Event::Close => {
                    self.close().await?;
                    return Err(End::Closed);
                }
                Event::DirectoryChanged => self.check_token()?,
                Event::Tick => {
                    self.check_token()?;
                    let next = self.keep_alive.look_after(&mut self.socket, &mut self.outbox).await?;
                    tick.as_mut().reset(self.awake_at(next.ok_or(End::Silent)?));
                }
            }
        }
    }

    /// Serves what the client has sent before it hears that the server closes. Messages have no reply: one that is left
    /// unread would be lost without a word.
    async fn close(&mut self) -> Result<(), End> {
        let deadline = Instant::now() + limits::FAREWELL;
        for _ in 0..limits::LAST_FRAMES {
            // What was sent in one go comes in pieces, the next when there is room for it.
            let quiet = deadline.min(Instant::now() + limits::NOTHING_MORE);
            let Ok(received) = timeout_at(quiet, self.evidence.read(&mut self.socket)).await else { break };
            self.receive(received).await?;
            if self.outstanding.count() >= limits::SENDS {
                self.settle().await?;
            }
        }
        self.settle().await?;
        goodbye::say(&mut self.socket, &mut self.outbox, CloseCode::Restart, "the server is restarting")
            .await?;
        // However it ends, the connection is over.
        _ = timeout_at(deadline, self.hear_last_words()).await;
        Ok(())
    }

    /// Takes the messages that were under way when the client was told that the server closes; nothing can be said to them
    /// any more.
    async fn hear_last_words(&mut self) {
        while let Some(Ok(frame)) = self.evidence.read(&mut self.socket).await {
            let Ok(text) = frame.to_text() else { continue };
            let Ok(Request::SendMessage(message)) = request::parse(text) else { continue };
            let Some(send) = self.send_command(message) else { continue };
            if self.check_token().is_err() || !self.allowance.take(Instant::now()) {
                continue;
            }
            let outcome = match self.workspace.submit(&self.identity.principal, send).await {
                Ok(outcome) => outcome.await,
                Err(declined) => Err(declined),
            };
            if let Err(cause) = outcome {
                tracing::info!(%cause, "could not keep a message that came while the server closes");
            }
        }
    }

    /// Whoever it spoke for is not here by it any more.
    async fn depart(&mut self) {
        let Some(Registration { member, .. }) = self.me.take() else { return };
        let leave = Command::Leave(Leave { member, reason: Reason::Left });
        if let Err(cause) = self.workspace.submit(&self.identity.principal, leave).await {
            tracing::debug!(%cause, "could not say that an instance has left; it will lapse");
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

    // --- reading ---

    async fn receive(&mut self, received: Option<Result<Message, Error>>) -> Result<(), End> {
        let message = match received {
            None => return Err(End::Gone),
            Some(Err(error)) => return Err(End::Socket(error)),
            Some(Ok(message)) => message,
        };
        self.keep_alive.hear();
        match message {
            Message::Text(text) => self.receive_text(&text).await,
            Message::Binary(bytes) => self.receive_text(&String::from_utf8_lossy(&bytes)).await,
            // The answer to a ping or a close is in the socket's buffer already.
            Message::Ping(_) => self.flush().await,
            Message::Pong(payload) => {
                let proved = self.evidence.pong(&payload);
                self.take(proved).await;
                Ok(())
            }
            Message::Frame(_) => Ok(()),
            Message::Close(_) => {
                self.flush().await?;
                Err(End::Gone)
            }
        }
    }

    async fn receive_text(&mut self, text: &str) -> Result<(), End> {
        if !self.allowance.take(self.keep_alive.heard()) {
            return self.put_behind_sends(&Frame::error("Too many requests; slow down")).await;
        }
        if self.identity.expires_at.is_some_and(|end| self.door.hall.clock().now() >= end) {
            return Err(End::Unauthorized("this token has expired"));
        }
        match request::parse(text) {
            Ok(request) => {
                let proved = self.evidence.request();
                self.take(proved).await;
                self.serve_request(request).await
            }
            Err(refusal) => self.put_behind_sends(&Frame::error(refusal)).await,
        }
    }

    // --- evidence ---

    /// Puts a reply with messages, and asks for a sign that they arrived. Both leave together.
    pub(crate) async fn put_messages(
        &mut self,
        frame: &Frame<'_>,
        reader: Party,
        shown: Shown,
    ) -> Result<(), End> {
        self.outbox.put(&mut self.socket, frame.encode()).await?;
        let ping = if shown.is_empty() { None } else { self.evidence.ask_for(reader, shown) };
        if let Some(ping) = ping {
            self.outbox.send(&mut self.socket, ping).await?;
        }
        self.flush_if_full().await
    }

    /// Marks messages that are proved to have arrived.
    async fn take(&mut self, proved: Vec<Unproved>) {
        for Unproved { reader, shown: Shown { ranges, senders }, .. } in proved {
            let take = Take {
                reader,
                stage: Stage::Delivered,
                evidence: "linker: answered a ping or asked again",
                ranges: ranges.into(),
                senders: senders.into(),
            };
            self.submit(What::Take, Command::Take(take)).await;
        }
    }

    // --- submitting ---

    /// Submits a command that nobody is answered for unless it fails, waiting for room.
    pub(crate) async fn submit(&mut self, what: What, command: Command) {
        self.workspace.submit_to(&self.outstanding, what, &self.identity.principal, command).await;
    }

    /// Waits for all that was submitted.
    pub(crate) async fn settle(&mut self) -> Result<(), End> {
        self.outstanding.settled().await;
        while let Some((what, outcome)) = self.outstanding.try_told() {
            self.settled(what, outcome).await?;
        }
        Ok(())
    }

    async fn settled(&mut self, what: What, outcome: Result<Done, Declined>) -> Result<(), End> {
        match (what, outcome) {
            (What::Send, Ok(done)) => {
                match done.entries.first().map(|entry| (entry.position(), entry.fact())) {
                    Some((place, Fact::MessageDied(message))) => {
                        let Recipient::Unknown(to) = &message.to else { return Ok(()) };
                        let why = format!("Unknown recipient: {to} (kept as dead letter {place})");
                        self.put(&Frame::error(why)).await
                    }
                    _ => Ok(()),
                }
            }
            (What::Send, Err(Declined::Refused(Refusal::NotFound { what: "Sender", .. }))) => {
                // Another client has let this membership leave: registering again makes a new one.
                self.put(&Frame::error(format!("{UNKNOWN_SENDER}: register again"))).await
            }
            (What::Send, Err(declined)) => self.put(&not_done("Message not sent", &declined)).await,
            (What::Take, Err(cause)) => {
                tracing::warn!(%cause, "could not note that messages arrived; they will be offered again");
                Ok(())
            }
            (What::Leave, Err(cause)) => {
                tracing::debug!(%cause, "could not say that an instance has left; it will lapse");
                Ok(())
            }
            (What::Take | What::Leave, Ok(_)) => Ok(()),
        }
    }

    // --- writing ---

    pub(crate) async fn put(&mut self, frame: &Frame<'_>) -> Result<(), End> {
        self.put_encoded(frame.encode()).await
    }

    pub(crate) async fn put_encoded(&mut self, frame: bytes::Bytes) -> Result<(), End> {
        self.outbox.put(&mut self.socket, frame).await?;
        self.flush_if_full().await
    }

    async fn flush_if_full(&mut self) -> Result<(), End> {
        if self.outbox.is_full() { self.flush().await } else { Ok(()) }
    }

    /// Answers once what was sent before is settled: an error about it comes first.
    async fn put_behind_sends(&mut self, frame: &Frame<'_>) -> Result<(), End> {
        self.settle().await?;
        self.put(frame).await
    }

    pub(crate) async fn flush(&mut self) -> Result<(), End> {
        self.evidence.flush(&mut self.outbox, &mut self.socket).await
    }
}

/// What a client is told whose command was declined. Of an outcome that is not known nobody says that nothing was done.
pub(crate) fn not_done(what: &str, declined: &Declined) -> Frame<'static> {
    match declined {
        Declined::Unknown(_) => Frame::error(declined),
        declined => Frame::error(format!("{what}: {declined}")),
    }
}

/// Whether a message was for nobody known.
fn is_dead_letter(entries: &[Arc<Entry>]) -> bool {
    entries.first().is_some_and(|entry| matches!(entry.fact(), Fact::MessageDied(_)))
}
