//! Which connection speaks for which agent, and what each is to be told.
//!
//! One task follows the log and tells each connection the places of what concerns it; the connection reads them. So an
//! event costs those whom it concerns, and a slow client holds on to a few bytes for each of its messages. A push is no
//! receipt: what a client was not told, because it came too late or was dropped, waits in its mailbox all the same.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use hall::{Entry, Follower, Workspace};
use model::messages::{Message, Party, Recipient};
use model::{AgentId, Fact, Position, Text, Timestamp};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use crate::{door, limits};

/// Tells the connections of one workspace what happens there.
pub(crate) struct Dispatcher {
    subscribers: Mutex<Subscribers>,
    /// Up to where everybody has been told.
    told: watch::Receiver<Position>,
}

#[derive(Default)]
struct Subscribers {
    /// Those who speak for an agent, in the order they registered: the last is told what is new.
    of: HashMap<AgentId, Vec<Subscriber>>,
    next: u64,
}

struct Subscriber {
    number: u64,
    /// What happened before was before it came.
    since: Position,
    news: mpsc::Sender<News>,
    /// Ends a connection that does not keep up.
    behind: Arc<AtomicBool>,
    profile: Profile,
}

/// What an instance says of itself, and when it was heard of. Kept while it is connected only.
#[derive(Debug, Clone)]
pub(crate) struct Profile {
    pub(crate) description: Option<Text>,
    pub(crate) registered_at: Timestamp,
    pub(crate) last_seen: Timestamp,
}

/// Something for a connection to say to its client.
#[derive(Debug)]
pub(crate) enum News {
    /// The event at this place.
    At(Position),
    /// Somebody has come. What it says of itself is looked up when this is told, so what waits is small.
    Joined(Party),
}

/// A connection's own. Dropping it ends it; that of another connection of the same name goes on.
pub(crate) struct Subscription {
    dispatcher: Arc<Dispatcher>,
    agent: AgentId,
    number: u64,
}

// === impl Dispatcher ===

impl Dispatcher {
    /// A workspace's dispatcher, and its task, which ends with `close`.
    pub(crate) fn open(
        workspace: &Workspace,
        close: CancellationToken,
    ) -> (Arc<Self>, impl Future<Output = ()> + Send + 'static) {
        let start = *workspace.head().borrow();
        let (progress, told) = watch::channel(start);
        let dispatcher = Arc::new(Self { subscribers: Mutex::default(), told });
        let dispatching =
            dispatch(dispatcher.clone(), workspace.clone(), workspace.follow(start), progress, close);
        (dispatcher, dispatching)
    }

    fn subscribers(&self) -> MutexGuard<'_, Subscribers> {
        self.subscribers.lock().expect("nothing panics while it holds them")
    }

    /// Subscribes a connection that speaks for an agent; from then on it is the one that is told.
    pub(crate) fn subscribe(
        self: &Arc<Self>,
        agent: &AgentId,
        since: Position,
        profile: Profile,
        news: mpsc::Sender<News>,
        behind: Arc<AtomicBool>,
    ) -> Subscription {
        let mut subscribers = self.subscribers();
        subscribers.next += 1;
        let number = subscribers.next;
        let subscriber = Subscriber { number, since, news, behind, profile };
        subscribers.of.entry(agent.clone()).or_default().push(subscriber);
        Subscription { dispatcher: self.clone(), agent: agent.clone(), number }
    }

    /// The profiles of all who are connected: of several connections of one name the newest's, heard of when any was.
    pub(crate) fn profiles(&self) -> HashMap<AgentId, Profile> {
        let profile = |of_agent: &Vec<Subscriber>| {
            let last_seen = of_agent.iter().map(|subscriber| subscriber.profile.last_seen).max()?;
            of_agent.last().map(|subscriber| Profile { last_seen, ..subscriber.profile.clone() })
        };
        let subscribers = self.subscribers();
        subscribers
            .of
            .iter()
            .filter_map(|(agent, of_agent)| Some((agent.clone(), profile(of_agent)?)))
            .collect()
    }

    /// Tells everybody that somebody came, but the connection it came by.
    pub(crate) fn announce(&self, who: &Party, except: Option<&Subscription>) {
        for subscriber in self.subscribers().of.values().flatten() {
            if except.is_none_or(|except| except.number != subscriber.number) {
                subscriber.tell(News::Joined(who.clone()));
            }
        }
    }

    /// What an agent says of itself, if it is connected here: its newest connection.
    pub(crate) fn description(&self, agent: &AgentId) -> Option<Text> {
        self.subscribers().of.get(agent)?.last()?.profile.description.clone()
    }

    /// Waits until everybody has been told what happened up to a place.
    pub(crate) async fn tell_up_to(&self, place: Position) {
        // An error means that the server closes, and there is nothing to wait for.
        _ = self.told.clone().wait_for(|told| *told >= place).await;
    }

    fn deliver(&self, workspace: &Workspace, entry: &Entry) {
        match entry.fact() {
            Fact::MessageSent(message) => self.deliver_message(workspace, entry.position(), message),
            Fact::MessagesTaken(taken) => {
                let subscribers = self.subscribers();
                taken.senders.iter().for_each(|sender| subscribers.tell(sender, entry.position()));
            }
            // Who comes by this door is announced after they have been told that they are in.
            Fact::MemberJoined(member) if *member.door != *door::NAME => {
                let who = Party { id: member.agent.clone(), name: member.name.clone() };
                self.announce(&who, None);
            }
            _ => {}
        }
    }

    fn deliver_message(&self, workspace: &Workspace, place: Position, message: &Message) {
        match &message.to {
            Recipient::Party(party) => self.subscribers().tell(&party.id, place),
            Recipient::Topic(_) => {
                let state = workspace.state();
                let subscribers = self.subscribers();
                let follows = |agent: &AgentId| {
                    state.mailboxes.get(agent).is_some_and(|mailbox| mailbox.is_for(agent, place, message))
                };
                let followers = subscribers.of.keys().filter(|agent| follows(agent));
                followers.for_each(|agent| subscribers.tell(agent, place));
            }
            Recipient::Unknown(_) => {}
        }
    }
}

/// Tells what happens to those whom it concerns, until the server closes.
async fn dispatch(
    dispatcher: Arc<Dispatcher>,
    workspace: Workspace,
    mut follower: Follower,
    progress: watch::Sender<Position>,
    close: CancellationToken,
) {
    loop {
        tokio::select! {
            () = close.cancelled() => return,
            waited = follower.wait() => if waited.is_err() { return },
        }
        match follower.take().await {
            Ok(page) => page.iter().for_each(|entry| dispatcher.deliver(&workspace, entry)),
            Err(cause) => {
                tracing::error!(%cause, "what is new could not be read; trying again");
                tokio::time::sleep(limits::READ_AGAIN).await;
            }
        }
        progress.send_replace(follower.position());
    }
}

// === impl Subscribers ===

impl Subscribers {
    /// Tells the newest connection of an agent of an event.
    fn tell(&self, agent: &AgentId, place: Position) {
        if let Some(subscriber) = self.of.get(agent).and_then(|of_agent| of_agent.last())
            && subscriber.since < place
        {
            subscriber.tell(News::At(place));
        }
    }
}

impl Subscriber {
    fn tell(&self, news: News) {
        if let Err(mpsc::error::TrySendError::Full(_)) = self.news.try_send(news) {
            self.behind.store(true, Ordering::Relaxed);
        }
    }
}

// === impl Subscription ===

impl Subscription {
    /// The connection was heard of.
    pub(crate) fn seen(&self, at: Timestamp) {
        let mut subscribers = self.dispatcher.subscribers();
        let mut of_agent = subscribers.of.get_mut(&self.agent).into_iter().flatten();
        if let Some(this) = of_agent.find(|subscriber| subscriber.number == self.number) {
            this.profile.last_seen = at;
        }
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        let mut subscribers = self.dispatcher.subscribers();
        if let Some(of_agent) = subscribers.of.get_mut(&self.agent) {
            of_agent.retain(|subscriber| subscriber.number != self.number);
            if of_agent.is_empty() {
                subscribers.of.remove(&self.agent);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dispatcher() -> Arc<Dispatcher> {
        Arc::new(Dispatcher { subscribers: Mutex::default(), told: watch::channel(Position::START).1 })
    }

    struct Connection {
        subscriber: Subscription,
        news: mpsc::Receiver<News>,
        behind: Arc<AtomicBool>,
    }

    fn subscribe(dispatcher: &Arc<Dispatcher>, agent: &AgentId, since: u64, seen: i64) -> Connection {
        let ((told, news), behind) = (mpsc::channel(2), Arc::<AtomicBool>::default());
        let at = Timestamp::from_millis(seen);
        let profile = Profile { description: None, registered_at: at, last_seen: at };
        Connection {
            subscriber: dispatcher.subscribe(agent, Position(since), profile, told, behind.clone()),
            news,
            behind,
        }
    }

    fn places(connection: &mut Connection) -> Vec<u64> {
        let mut places = Vec::new();
        while let Ok(News::At(place)) = connection.news.try_recv() {
            places.push(place.0);
        }
        places
    }

    #[test]
    fn the_newest_of_a_name_is_told_and_the_older_again_when_it_has_gone() {
        let (dispatcher, twin) = (dispatcher(), AgentId::of("default", "twin"));
        let (mut older, mut newer) =
            (subscribe(&dispatcher, &twin, 0, 1), subscribe(&dispatcher, &twin, 5, 2));
        dispatcher.subscribers().tell(&twin, Position(5));
        dispatcher.subscribers().tell(&twin, Position(6));
        assert_eq!(
            (places(&mut older), places(&mut newer)),
            (vec![], vec![6]),
            "not what was before it came"
        );
        drop(newer);
        dispatcher.subscribers().tell(&twin, Position(7));
        assert_eq!(places(&mut older), [7]);
        drop(older);
        assert!(dispatcher.profiles().is_empty());
    }

    #[test]
    fn an_agent_was_seen_when_any_of_its_connections_was() {
        let (dispatcher, twin) = (dispatcher(), AgentId::of("default", "twin"));
        let (older, _newer) = (subscribe(&dispatcher, &twin, 0, 1), subscribe(&dispatcher, &twin, 0, 2));
        older.subscriber.seen(Timestamp::from_millis(9));
        let profile = dispatcher.profiles().remove(&twin).expect("it is connected");
        assert_eq!((profile.registered_at.as_millis(), profile.last_seen.as_millis()), (2, 9));
    }

    #[test]
    fn who_is_too_far_behind_is_let_go() {
        let (dispatcher, slow) = (dispatcher(), AgentId::of("default", "slow"));
        let connection = subscribe(&dispatcher, &slow, 0, 1);
        for place in 1..=2 {
            dispatcher.subscribers().tell(&slow, Position(place));
        }
        assert!(!connection.behind.load(Ordering::Relaxed));
        dispatcher.subscribers().tell(&slow, Position(3));
        assert!(connection.behind.load(Ordering::Relaxed));
    }

    #[test]
    fn who_comes_is_announced_to_all_but_itself() {
        let dispatcher = dispatcher();
        let (web, api) = (AgentId::of("default", "web"), AgentId::of("default", "api"));
        let (mut one, mut other) = (subscribe(&dispatcher, &web, 0, 1), subscribe(&dispatcher, &api, 0, 1));
        let who = Party { id: api, name: "api".into() };
        dispatcher.announce(&who, Some(&other.subscriber));
        assert!(matches!(one.news.try_recv(), Ok(News::Joined(told)) if told == who));
        assert!(other.news.try_recv().is_err());
    }
}
