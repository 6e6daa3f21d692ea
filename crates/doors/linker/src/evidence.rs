//! What shows that messages in a reply have arrived, since these clients do not say so: the pong to a ping behind the
//! reply, or a request that came after both had left. Until then the same messages are offered again.
//!
//! A request that came together with the one that was replied to shows nothing: its client may have sent both at once, and
//! be gone before the reply leaves.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::task::{Context, Poll};

use futures_util::{SinkExt as _, StreamExt as _};
use gate::{Outbox, Socket};
use hall::mail::Shown;
use model::messages::Party;
use tokio::task::coop;
use tokio_tungstenite::tungstenite::error::Error;
use tokio_tungstenite::tungstenite::{Bytes, Message};

use crate::door::Inner;
use crate::goodbye::End;
use crate::limits;

/// How far the replies of one connection have gone, and what has come since.
#[derive(Default)]
pub(crate) struct Evidence {
    /// Replies that nothing shows to have arrived, oldest first.
    unproved: VecDeque<Unproved>,
    /// Pings put behind replies so far. Each carries its number.
    pings: u64,
    /// Of these, how many have left.
    left: u64,
    /// How many had left before what is read next from the socket came.
    answerable: u64,
    /// How many had left before what was read last came.
    answered: u64,
    /// Whether there was nothing to read when it was last looked.
    is_drained: bool,
    /// What was read while something left, and so came before that, with how many had left before it.
    ahead: VecDeque<(Received, u64)>,
    /// The bytes of that.
    ahead_bytes: usize,
}

/// What a socket gives: none at its end.
type Received = Option<Result<Message, Error>>;

/// Messages in a reply whose arrival is not proved.
pub(crate) struct Unproved {
    /// The number of the ping behind it.
    ping: u64,
    pub(crate) reader: Party,
    pub(crate) shown: Shown,
}

// === impl Evidence ===

impl Evidence {
    /// Notes messages that are being sent in reply; gives the ping to send behind them. None if too many replies are noted
    /// already: what this one shows is offered again.
    pub(crate) fn ask_for(&mut self, reader: Party, shown: Shown) -> Option<Message> {
        if self.unproved.len() >= limits::UNPROVED {
            return None;
        }
        self.pings += 1;
        self.unproved.push_back(Unproved { ping: self.pings, reader, shown });
        Some(Message::Ping(Bytes::copy_from_slice(&self.pings.to_be_bytes())))
    }

    /// Lets everything leave. What has come is read before the last of it does, to be told from what comes afterwards.
    pub(crate) async fn flush(&mut self, outbox: &mut Outbox<Inner>, socket: &mut Socket) -> Result<(), End> {
        let leaving = poll_fn(|context| {
            self.look_ahead(context, socket);
            socket.poll_flush_unpin(context)
        });
        outbox.leave(leaving).await?;
        self.flushed();
        Ok(())
    }

    fn look_ahead(&mut self, context: &mut Context<'_>, socket: &mut Socket) {
        let is_over = matches!(self.ahead.back(), Some((None | Some(Err(_)), _)));
        while !is_over && self.ahead.len() < limits::AHEAD && self.ahead_bytes < limits::AHEAD_BYTES {
            let Poll::Ready(received) = self.poll(context, socket) else { return };
            self.ahead_bytes += bytes_of(&received);
            let goes_on = matches!(received, Some(Ok(_)));
            self.ahead.push_back((received, self.answerable));
            if !goes_on {
                return;
            }
        }
        self.is_drained = false;
    }

    /// All that was written has left.
    fn flushed(&mut self) {
        self.left = self.pings;
        if self.is_drained {
            self.answerable = self.left;
        }
    }

    /// Reads the next frame, and notes what had left before it came.
    pub(crate) async fn read(&mut self, socket: &mut Socket) -> Received {
        if let Some((received, answered)) = self.ahead.pop_front() {
            self.ahead_bytes -= bytes_of(&received);
            self.answered = answered;
            return received;
        }
        let received = poll_fn(|context| self.poll(context, socket)).await;
        self.came();
        received
    }

    /// What was read last came just now.
    fn came(&mut self) {
        self.answered = self.answerable;
    }

    fn poll(&mut self, context: &mut Context<'_>, socket: &mut Socket) -> Poll<Received> {
        let received = socket.poll_next_unpin(context);
        if received.is_ready() {
            self.is_drained = false;
        } else if coop::has_budget_remaining() {
            // Without budget the runtime says that nothing has come, although it has not looked.
            self.drained();
        }
        received
    }

    /// There is nothing to read: what comes from now on comes after all that has left.
    fn drained(&mut self) {
        self.is_drained = true;
        self.answerable = self.left;
    }

    /// What a pong shows to have arrived: the reply before its ping, and those before that one.
    pub(crate) fn pong(&mut self, payload: &[u8]) -> Vec<Unproved> {
        match payload.try_into().map(u64::from_be_bytes) {
            Ok(number) if number <= self.pings => self.up_to(number),
            _ => vec![],
        }
    }

    /// What a request that was just read shows to have arrived: whoever asks for something has read what had left before.
    pub(crate) fn request(&mut self) -> Vec<Unproved> {
        self.up_to(self.answered)
    }

    fn up_to(&mut self, number: u64) -> Vec<Unproved> {
        let proved = self.unproved.partition_point(|unproved| unproved.ping <= number);
        self.unproved.drain(..proved).collect()
    }
}

fn bytes_of(received: &Received) -> usize {
    received.as_ref().and_then(|received| received.as_ref().ok()).map_or(0, Message::len)
}

#[cfg(test)]
mod tests {
    use model::AgentId;

    use super::*;

    fn evidence(replies: usize) -> Evidence {
        let mut evidence = Evidence::default();
        for _ in 0..replies {
            let reader = Party { id: AgentId::of("default", "api"), name: "api".into() };
            assert!(evidence.ask_for(reader, Shown::default()).is_some());
        }
        evidence
    }

    fn numbers(proved: Vec<Unproved>) -> Vec<u64> {
        proved.into_iter().map(|unproved| unproved.ping).collect()
    }

    #[test]
    fn a_request_read_before_the_reply_left_shows_nothing() {
        let mut evidence = evidence(1);
        assert!(evidence.request().is_empty());
        evidence.flushed();
        evidence.came();
        assert!(evidence.request().is_empty(), "it may have come with the one before");
        evidence.drained();
        assert!(evidence.request().is_empty(), "that one has been read before");
        evidence.came();
        assert_eq!(numbers(evidence.request()), [1]);
    }

    #[test]
    fn a_request_that_comes_after_the_reply_left_shows_that_it_arrived() {
        let mut evidence = evidence(1);
        evidence.drained();
        evidence.came();
        assert!(evidence.request().is_empty(), "the reply is in the buffer still");
        evidence.flushed();
        evidence.came();
        assert_eq!(numbers(evidence.request()), [1]);
    }

    #[test]
    fn a_pong_shows_what_came_before_its_ping_and_nothing_else() {
        let mut evidence = evidence(3);
        for none in [&[][..], b"hello", &4_u64.to_be_bytes()] {
            assert!(evidence.pong(none).is_empty());
        }
        assert_eq!(numbers(evidence.pong(&2_u64.to_be_bytes())), [1, 2]);
        assert!(evidence.pong(&2_u64.to_be_bytes()).is_empty());
        assert_eq!(numbers(evidence.pong(&3_u64.to_be_bytes())), [3]);
    }

    #[test]
    fn a_client_that_shows_nothing_is_kept_no_endless_account_of() {
        let mut evidence = evidence(limits::UNPROVED);
        let reader = Party { id: AgentId::of("default", "api"), name: "api".into() };
        assert!(evidence.ask_for(reader, Shown::default()).is_none());
        assert_eq!(evidence.pong(&1_u64.to_be_bytes()).len(), 1);
        assert_eq!(evidence.unproved.len(), limits::UNPROVED - 1);
    }
}
