//! What a connection is to say to its client, in the order in which it happened.

use model::Position;
use tokio::sync::mpsc;

use crate::dispatcher::News;

/// What is still to be said.
pub(crate) struct Pending {
    queue: mpsc::Receiver<News>,
    /// What was taken out and not said: it comes before the rest.
    next: Option<News>,
}

impl Pending {
    pub(crate) fn new(queue: mpsc::Receiver<News>) -> Self {
        Self { queue, next: None }
    }

    /// The next, once there is one. May be cancelled.
    pub(crate) async fn next(&mut self) -> Option<News> {
        match self.next.take() {
            Some(next) => Some(next),
            None => self.queue.recv().await,
        }
    }

    /// The next, if there is one.
    pub(crate) fn try_next(&mut self) -> Option<News> {
        self.next.take().or_else(|| self.queue.try_recv().ok())
    }

    /// The next, if there is one that happened no later than at a place.
    pub(crate) fn try_next_up_to(&mut self, place: Position) -> Option<News> {
        match self.try_next()? {
            News::At(at) if at > place => {
                self.next = Some(News::At(at));
                None
            }
            next => Some(next),
        }
    }
}

#[cfg(test)]
mod tests {
    use model::AgentId;
    use model::messages::Party;

    use super::*;

    #[test]
    fn what_happened_later_waits_and_comes_first_then() {
        let (told, queue) = mpsc::channel(4);
        let mut pending = Pending::new(queue);
        let web = Party { id: AgentId::of("default", "web"), name: "web".into() };
        let joined = || News::Joined(web.clone());
        for news in [News::At(Position(1)), joined(), News::At(Position(3)), joined()] {
            told.try_send(news).unwrap();
        }
        assert!(matches!(pending.try_next_up_to(Position(2)), Some(News::At(Position(1)))));
        assert!(matches!(pending.try_next_up_to(Position(2)), Some(News::Joined(_))));
        assert!(pending.try_next_up_to(Position(2)).is_none());
        assert!(pending.try_next_up_to(Position(2)).is_none(), "nor what comes behind it");
        assert!(matches!(pending.try_next_up_to(Position(3)), Some(News::At(Position(3)))));
        assert!(matches!(pending.try_next(), Some(News::Joined(_))));
        assert!(pending.try_next().is_none());
    }
}
