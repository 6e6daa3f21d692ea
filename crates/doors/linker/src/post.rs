//! The post of one workspace: which connection speaks for which agent, and what each is to be told.
//!
//! One task follows the log and tells each connection the places of what concerns it; the connection reads them. So an
//! event costs those whom it concerns, and a slow client holds on to a few bytes for each of its messages. A push is no
//! receipt: what a client was not told, because it came too late or was dropped, waits in its mailbox all the same.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use bytes::Bytes;
use hall::{Entry, Follower, Workspace};
use model::messages::{Message, Party, Recipient};
use model::{AgentId, Fact, Position, Text, Timestamp};
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use crate::wire::frame::{Frame, Joined};
use crate::{door, limits};

/// The post of one workspace.
pub(crate) struct Post {
    seats: Mutex<Seats>,
    /// Up to where everybody has been told.
    told: watch::Receiver<Position>,
}

#[derive(Default)]
struct Seats {
    /// Those who speak for an agent, in the order they registered: the last is told what is new.
    of: HashMap<AgentId, Vec<Seat>>,
    next: u64,
}

struct Seat {
    number: u64,
    /// What happened before was before it came.
    since: Position,
    news: mpsc::Sender<News>,
    /// Ends a connection that does not keep up.
    behind: Arc<AtomicBool>,
    card: Card,
}

/// What an instance says of itself, and when it was heard of. Kept while it is connected only.
#[derive(Debug, Clone)]
pub(crate) struct Card {
    pub(crate) description: Option<Text>,
    pub(crate) registered_at: Timestamp,
    pub(crate) last_seen: Timestamp,
}

/// Something for a connection to say to its client.
#[derive(Debug)]
pub(crate) enum News {
    /// The event at this place.
    At(Position),
    /// A frame.
    Frame(Bytes),
}

/// A connection's place at the post. Dropping it gives it up; what another connection of the same name has is not
/// touched.
pub(crate) struct Seated {
    post: Arc<Post>,
    agent: AgentId,
    number: u64,
}

// === impl Post ===

impl Post {
    /// Opens a workspace's post; gives the task that carries it, which ends with `close`.
    pub(crate) fn open(
        workspace: &Workspace,
        close: CancellationToken,
    ) -> (Arc<Self>, impl Future<Output = ()> + Send + 'static) {
        let start = *workspace.head().borrow();
        let (progress, told) = watch::channel(start);
        let post = Arc::new(Self { seats: Mutex::default(), told });
        let carrying = carry(post.clone(), workspace.clone(), workspace.follow(start), progress, close);
        (post, carrying)
    }

    fn seats(&self) -> MutexGuard<'_, Seats> {
        self.seats.lock().expect("nothing panics while it looks for a seat")
    }

    /// Takes a seat for an agent; from then on it is the one that is told.
    pub(crate) fn sit(
        self: &Arc<Self>,
        agent: &AgentId,
        since: Position,
        card: Card,
        news: mpsc::Sender<News>,
        behind: Arc<AtomicBool>,
    ) -> Seated {
        let mut seats = self.seats();
        seats.next += 1;
        let number = seats.next;
        seats.of.entry(agent.clone()).or_default().push(Seat { number, since, news, behind, card });
        Seated { post: self.clone(), agent: agent.clone(), number }
    }

    /// The cards of all who are connected: of several connections of one name the newest's, heard of when any was.
    pub(crate) fn cards(&self) -> HashMap<AgentId, Card> {
        let card = |seats: &Vec<Seat>| {
            let last_seen = seats.iter().map(|seat| seat.card.last_seen).max()?;
            seats.last().map(|seat| Card { last_seen, ..seat.card.clone() })
        };
        self.seats().of.iter().filter_map(|(agent, seats)| Some((agent.clone(), card(seats)?))).collect()
    }

    /// Tells everybody that somebody came, but the connection it came by.
    pub(crate) fn announce(&self, who: &Party, description: Option<&Text>, except: Option<&Seated>) {
        let frame =
            Frame::InstanceJoined { instance: Joined { id: &who.id, name: &who.name, description } }.encode();
        for seat in self.seats().of.values().flatten() {
            if except.is_none_or(|except| except.number != seat.number) {
                seat.tell(News::Frame(frame.clone()));
            }
        }
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
                let seats = self.seats();
                taken.senders.iter().for_each(|sender| seats.tell(sender, entry.position()));
            }
            // Who comes by this door is announced after they have been told that they are in.
            Fact::MemberJoined(member) if *member.door != *door::NAME => {
                let who = Party { id: member.agent.clone(), name: member.name.clone() };
                self.announce(&who, None, None);
            }
            _ => {}
        }
    }

    fn deliver_message(&self, workspace: &Workspace, place: Position, message: &Message) {
        match &message.to {
            Recipient::Party(party) => self.seats().tell(&party.id, place),
            Recipient::Topic(_) => {
                let state = workspace.state();
                let seats = self.seats();
                let follows = |agent: &AgentId| {
                    state.mailboxes.get(agent).is_some_and(|mailbox| mailbox.is_for(agent, place, message))
                };
                seats.of.keys().filter(|agent| follows(agent)).for_each(|agent| seats.tell(agent, place));
            }
            Recipient::Unknown(_) => {}
        }
    }
}

/// Carries what happens to those whom it concerns, until the server closes.
async fn carry(
    post: Arc<Post>,
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
            Ok(page) => page.iter().for_each(|entry| post.deliver(&workspace, entry)),
            Err(cause) => {
                tracing::error!(%cause, "what is new could not be read; trying again");
                tokio::time::sleep(limits::READ_AGAIN).await;
            }
        }
        progress.send_replace(follower.position());
    }
}

// === impl Seats ===

impl Seats {
    /// Tells the newest connection of an agent of an event.
    fn tell(&self, agent: &AgentId, place: Position) {
        if let Some(seat) = self.of.get(agent).and_then(|seats| seats.last())
            && seat.since < place
        {
            seat.tell(News::At(place));
        }
    }
}

impl Seat {
    fn tell(&self, news: News) {
        if let Err(mpsc::error::TrySendError::Full(_)) = self.news.try_send(news) {
            self.behind.store(true, Ordering::Relaxed);
        }
    }
}

// === impl Seated ===

impl Seated {
    /// The connection was heard of.
    pub(crate) fn seen(&self, at: Timestamp) {
        let mut seats = self.post.seats();
        let seats = seats.of.get_mut(&self.agent).into_iter().flatten();
        seats.filter(|seat| seat.number == self.number).for_each(|seat| seat.card.last_seen = at);
    }
}

impl Drop for Seated {
    fn drop(&mut self) {
        let mut seats = self.post.seats();
        if let Some(of_agent) = seats.of.get_mut(&self.agent) {
            of_agent.retain(|seat| seat.number != self.number);
            if of_agent.is_empty() {
                seats.of.remove(&self.agent);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn post() -> Arc<Post> {
        Arc::new(Post { seats: Mutex::default(), told: watch::channel(Position::START).1 })
    }

    struct Connection {
        seat: Seated,
        news: mpsc::Receiver<News>,
        behind: Arc<AtomicBool>,
    }

    fn sit(post: &Arc<Post>, agent: &AgentId, since: u64, seen: i64) -> Connection {
        let ((told, news), behind) = (mpsc::channel(2), Arc::<AtomicBool>::default());
        let at = Timestamp::from_millis(seen);
        let card = Card { description: None, registered_at: at, last_seen: at };
        Connection { seat: post.sit(agent, Position(since), card, told, behind.clone()), news, behind }
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
        let (post, twin) = (post(), AgentId::of("default", "twin"));
        let (mut older, mut newer) = (sit(&post, &twin, 0, 1), sit(&post, &twin, 5, 2));
        post.seats().tell(&twin, Position(5));
        post.seats().tell(&twin, Position(6));
        assert_eq!(
            (places(&mut older), places(&mut newer)),
            (vec![], vec![6]),
            "not what was before it came"
        );
        drop(newer);
        post.seats().tell(&twin, Position(7));
        assert_eq!(places(&mut older), [7]);
        drop(older);
        assert!(post.cards().is_empty());
    }

    #[test]
    fn an_agent_was_seen_when_any_of_its_connections_was() {
        let (post, twin) = (post(), AgentId::of("default", "twin"));
        let (older, _newer) = (sit(&post, &twin, 0, 1), sit(&post, &twin, 0, 2));
        older.seat.seen(Timestamp::from_millis(9));
        let card = post.cards().remove(&twin).expect("it is connected");
        assert_eq!((card.registered_at.as_millis(), card.last_seen.as_millis()), (2, 9));
    }

    #[test]
    fn who_is_too_far_behind_is_let_go() {
        let (post, slow) = (post(), AgentId::of("default", "slow"));
        let connection = sit(&post, &slow, 0, 1);
        for place in 1..=2 {
            post.seats().tell(&slow, Position(place));
        }
        assert!(!connection.behind.load(Ordering::Relaxed));
        post.seats().tell(&slow, Position(3));
        assert!(connection.behind.load(Ordering::Relaxed));
    }

    #[test]
    fn who_comes_is_announced_to_all_but_itself() {
        let post = post();
        let (web, api) = (AgentId::of("default", "web"), AgentId::of("default", "api"));
        let (mut one, mut other) = (sit(&post, &web, 0, 1), sit(&post, &api, 0, 1));
        let who = Party { id: api, name: "api".into() };
        post.announce(&who, None, Some(&other.seat));
        assert!(matches!(one.news.try_recv(), Ok(News::Frame(_))));
        assert!(other.news.try_recv().is_err());
    }
}
