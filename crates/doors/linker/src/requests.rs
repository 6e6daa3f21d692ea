//! Requests of one session, each from its parts to its reply.

use std::sync::Arc;

use hall::mail::{Handed, message};
use hall::{Declined, HallError};
use indexmap::IndexSet;
use model::mailboxes::Stage;
use model::messages::{BROADCAST, Party, Priority, Send, To};
use model::roster::{Join, Leave, Membership, Reason, Role};
use model::{Command, Fact, Position};

use crate::dispatcher::Profile;
use crate::goodbye::End;
use crate::session::{Registration, Session, What, not_done};
use crate::wire::frame::{self, Frame};
use crate::wire::refusal::UNKNOWN_SENDER;
use crate::wire::request::{GetConversation, MarkRead, Register, Request, SendMessage, Target};
use crate::{door, history, instances, limits, progress, shown};

/// Where an instance works that does not say so.
const UNKNOWN_PLACE: &str = "unknown";

impl Session {
    pub(crate) async fn serve_request(&mut self, request: Request) -> Result<(), End> {
        if !matches!(request, Request::SendMessage(_)) {
            // Replies keep the order of requests, and a client finds what it wrote.
            self.settle().await?;
        }
        let served = match request {
            Request::Register(register) => self.register(register).await,
            Request::SendMessage(message) => self.send_message(message).await,
            Request::GetMessages => self.get_messages().await,
            Request::GetMessageCount => self.get_message_count().await,
            Request::ListInstances => {
                let instances = instances::present(&self.workspace, &self.dispatcher);
                self.put(&Frame::Instances { instances }).await
            }
            Request::GetConversation(asked) => self.get_conversation(&asked).await,
            Request::MarkRead(marked) => self.mark_read(marked).await,
            Request::GetReceipts => self.get_receipts().await,
            Request::GetStats => self.get_stats().await,
            Request::Heartbeat => {
                if let Some(me) = &self.me {
                    me.subscription.seen(self.door.hall.clock().now());
                }
                self.put(&Frame::HeartbeatAck).await
            }
        };
        match served {
            Err(End::Unreadable(cause)) => self.put_unreadable(&cause).await,
            served => served,
        }
    }

    /// A query that fails is told; what exactly is wrong with the store is for the log.
    async fn put_unreadable(&mut self, cause: &HallError) -> Result<(), End> {
        tracing::error!(%cause, "a query failed");
        self.put(&Frame::error("What is stored could not be read; the server's log says why")).await
    }

    // --- who speaks ---

    async fn register(&mut self, register: Register) -> Result<(), End> {
        if !self.identity.grant.may_write() {
            return self.put(&Frame::error("Not registered: this token may only read")).await;
        }
        let Register { name, description, directory } = register;
        let before = self.me.take();
        let same = before.as_ref().filter(|me| *me.party.name == *name);
        let moves = |member: &Membership| directory.as_ref().is_some_and(|to| **to != *member.repo_path);
        let stays = same.and_then(|me| self.membership(me)).filter(|member| !moves(member));
        let (member, since) = match stays {
            Some(member) => (member, Position::START),
            None => match self.join(&name, directory).await {
                // What was said to the same before is to be told, also if it is not told yet.
                Ok((member, _)) if same.is_some() => (member, Position::START),
                Ok(joined) => joined,
                Err(declined) => {
                    self.me = before;
                    return self.put(&not_done("Not registered", &declined)).await;
                }
            },
        };
        if before.as_ref().is_none_or(|before| before.party.id != member.agent) {
            // What another was handed is none of this one's.
            self.handed = Handed::default();
        }
        let now = self.door.hall.clock().now();
        let profile = Profile { description, registered_at: now, last_seen: now };
        let party = Party { id: member.agent.clone(), name: member.name.clone() };
        // A new subscription for an old name as well: whoever registered last is the one that is told.
        let subscription =
            self.dispatcher.subscribe(&party.id, since, profile, self.told.clone(), self.behind.clone());
        let attendance = self.workspace.attend(&member.id);
        let left = before.filter(|before| before.member != member.id).map(|before| before.member);
        self.me =
            Some(Registration { party: party.clone(), member: member.id.clone(), subscription, attendance });
        if let Some(member) = left {
            self.submit(What::Leave, Command::Leave(Leave { member, reason: Reason::Left })).await;
            self.settle().await?;
        }
        self.put(&Frame::Registered { instance_id: &party.id, name: &party.name }).await?;
        let subscription = self.me.as_ref().map(|me| &me.subscription);
        self.dispatcher.announce(&party, subscription);
        Ok(())
    }

    /// The membership this connection has, unless another client has let it leave.
    fn membership(&self, me: &Registration) -> Option<Arc<Membership>> {
        self.workspace.state().roster.get(&me.member).cloned()
    }

    /// Joins; gives the membership, and the place in the log where it begins.
    async fn join(
        &self,
        name: &str,
        directory: Option<String>,
    ) -> Result<(Arc<Membership>, Position), Declined> {
        let join = Join {
            workspace: self.workspace.name().into(),
            name: name.into(),
            role: Role::Target,
            repo_path: directory.unwrap_or_else(|| UNKNOWN_PLACE.into()).into(),
            door: door::NAME,
            instance: None,
            held_by: None,
        };
        let done = self.workspace.carry_out(&self.identity.principal, Command::Join(join)).await?;
        match done.entries.first().map(|entry| (entry.fact(), entry.position())) {
            Some((Fact::MemberJoined(member), place)) => Ok((member.clone(), place)),
            _ => Err(model::Refusal::Invalid("nobody has joined".into()).into()),
        }
    }

    // --- messages ---

    async fn send_message(&mut self, message: SendMessage) -> Result<(), End> {
        let Some(send) = self.send_command(message) else {
            self.settle().await?;
            return self.put(&Frame::error(format!("{UNKNOWN_SENDER}: register first"))).await;
        };
        self.submit(What::Send, send).await;
        Ok(())
    }

    /// The command that sends a message; none if it is not known who says it.
    pub(crate) fn send_command(&self, message: SendMessage) -> Option<Command> {
        let me = self.me.as_ref()?;
        Some(Command::Send(Send {
            workspace: self.workspace.name().into(),
            author: me.member.clone(),
            to: match message.to {
                Target::One(to) => To::parse(&to),
                Target::Everybody => To::Topic(BROADCAST.into()),
            },
            reply_to: None,
            thread: None,
            content: message.content,
            priority: message.priority,
            ttl: message.ttl,
            attachments: Arc::default(),
            resends: None,
            found: None,
        }))
    }

    async fn get_messages(&mut self) -> Result<(), End> {
        let Some(me) = &self.me else { return self.put(&Frame::Messages { messages: vec![] }).await };
        let reader = me.party.clone();
        let fetched = self.workspace.fetch(&reader.id, limits::FETCH_MESSAGES, limits::FETCH_BYTES).await;
        let fetched = fetched.map_err(End::Unreadable)?;
        self.handed = Handed::of(&fetched);
        self.tell_up_to(fetched.end).await?;
        let messages = fetched.messages.iter().filter_map(|entry| Some((entry.position(), message(entry)?)));
        let messages = messages.map(|(place, message)| shown::message(place, message)).collect();
        self.put_messages(&Frame::Messages { messages }, reader, fetched.receipt).await?;
        // Clients that read this forget what they were notified of, with all that came in the same piece.
        self.flush().await
    }

    async fn get_message_count(&mut self) -> Result<(), End> {
        let waiting = match &self.me {
            Some(me) => self.workspace.waiting(&me.party.id).await.map_err(End::Unreadable)?,
            None => hall::mail::Waiting::default(),
        };
        self.tell_up_to(waiting.end).await?;
        let mut queue: Vec<_> = waiting.messages.iter().map(|(_, item)| item).collect();
        queue.sort_by_key(|item| item.priority);
        let high_priority = queue.iter().take_while(|item| item.priority == Priority::High).count();
        let senders: IndexSet<&str> = queue.iter().map(|item| &*item.from.name).collect();
        let from = senders.into_iter().take(limits::SENDERS).collect();
        self.put(&Frame::MessageCount { count: queue.len(), from, high_priority }).await
    }

    async fn mark_read(&mut self, MarkRead { ids }: MarkRead) -> Result<(), End> {
        if !self.identity.grant.may_write() {
            return self.put(&Frame::error("Not marked: this token may only read")).await;
        }
        let Some(me) = &self.me else { return self.put(&Frame::MarkedRead { count: 0 }).await };
        let (by, reader) = (&self.identity.principal, me.party.clone());
        let found = self
            .workspace
            .find_messages(&reader.id, &ids, &[], &self.handed)
            .await
            .map_err(End::Unreadable)?;
        if !found.shown.is_empty() {
            let evidence = "linker: mark_read";
            match self.workspace.take(by, reader, Stage::Read, evidence, found.shown).await {
                // Receipts go out before the reply, also to a client that has marked its own message.
                Ok(done) => self.tell_up_to(done.position).await?,
                Err(declined) => return self.put(&not_done("Not marked", &declined)).await,
            }
        }
        self.put(&Frame::MarkedRead { count: found.count }).await
    }

    async fn get_conversation(&mut self, asked: &GetConversation) -> Result<(), End> {
        let me = self.me.as_ref().map(|me| me.party.id.clone());
        let entries = history::conversation(&self.workspace, &self.identity.principal, me, asked)
            .await
            .map_err(End::Unreadable)?;
        self.put(&history::frame(&entries)).await
    }

    async fn get_receipts(&mut self) -> Result<(), End> {
        let me = self.me.as_ref().map(|me| me.party.id.clone());
        let receipts = progress::receipts(&self.workspace, me).await.map_err(End::Unreadable)?;
        self.put(&Frame::Receipts { receipts }).await
    }

    async fn get_stats(&mut self) -> Result<(), End> {
        let present = instances::present(&self.workspace, &self.dispatcher).len();
        let now = self.door.hall.clock().now();
        let mut stats = progress::stats(&self.workspace, now).await.map_err(End::Unreadable)?;
        stats.instances = frame::Instances { total: present, connected: present };
        self.put(&Frame::Stats { stats }).await
    }
}
