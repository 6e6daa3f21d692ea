//! Whether a client that says nothing is still there: it is sent a ping, which every client answers by itself (RFC 6455,
//! section 5.5.2), and is given up if nothing comes.

use std::time::Duration;

use rustix::net::{RecvFlags, recv};
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::{Bytes, Message};

use crate::outbox::{Outbox, Patience, Unsent};
use crate::websocket::Socket;

/// When a client was heard of, and what is to be done about its silence.
#[derive(Debug)]
pub struct KeepAlive {
    /// A client that has been silent for so long is sent a ping …
    idle: Duration,
    /// … and given up if nothing comes for so long again.
    grace: Duration,
    heard: Instant,
    /// When it was sent the ping that it has not answered.
    asked: Option<Instant>,
}

/// What is to be done about a client's silence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Due {
    /// Nothing, before this moment.
    Nothing(Instant),
    /// To send it a ping, and to look again at this moment.
    Ping(Instant),
    /// To give it up.
    End,
}

impl KeepAlive {
    /// Begins with a client that was heard of just now.
    pub fn new(idle: Duration, grace: Duration) -> Self {
        Self { idle, grace, heard: Instant::now(), asked: None }
    }

    /// Something of the client's was read.
    pub fn hear(&mut self) {
        (self.heard, self.asked) = (Instant::now(), None);
    }

    /// When that was.
    pub fn heard(&self) -> Instant {
        self.heard
    }

    /// Sends the client a ping if it has been silent for long. When to look again; never, if it is to be given up.
    ///
    /// # Errors
    /// If the ping cannot be sent.
    pub async fn look_after(
        &mut self,
        socket: &mut Socket,
        outbox: &mut Outbox<impl Patience>,
    ) -> Result<Option<Instant>, Unsent> {
        match self.due_at(Instant::now(), || has_unread(socket)) {
            Due::Nothing(next) => Ok(Some(next)),
            Due::Ping(next) => {
                outbox.send(socket, Message::Ping(Bytes::new())).await?;
                Ok(Some(next))
            }
            Due::End => Ok(None),
        }
    }

    fn due_at(&mut self, now: Instant, has_unread: impl FnOnce() -> bool) -> Due {
        let silent_from = self.heard + self.idle;
        match self.asked {
            None if now < silent_from => Due::Nothing(silent_from),
            None => {
                self.asked = Some(now);
                Due::Ping(now + self.grace)
            }
            Some(asked) if now < asked + self.grace => Due::Nothing(asked + self.grace),
            // After this process was stopped for a while (a suspended machine, say) its timers are due before it is told
            // what has come meanwhile; and a session that is busy leaves things unread.
            Some(_) if has_unread() => {
                self.asked = Some(now);
                Due::Nothing(now + self.grace)
            }
            Some(_) => Due::End,
        }
    }
}

/// Whether something lies in the socket that was not read, as the system says now.
fn has_unread(socket: &Socket) -> bool {
    recv(socket.get_ref(), &mut [0; 1], RecvFlags::PEEK | RecvFlags::DONTWAIT)
        .is_ok_and(|(bytes, _)| bytes > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const IDLE: Duration = Duration::from_secs(30);
    const GRACE: Duration = Duration::from_secs(5);

    #[test]
    fn who_is_silent_is_asked_and_then_given_up() {
        let mut client = KeepAlive::new(IDLE, GRACE);
        let start = client.heard();
        let mut due = |after: u64| client.due_at(start + Duration::from_secs(after), || false);
        assert_eq!(due(29), Due::Nothing(start + IDLE));
        assert_eq!(due(31), Due::Ping(start + Duration::from_secs(36)));
        assert_eq!(due(35), Due::Nothing(start + Duration::from_secs(36)));
        assert_eq!(due(36), Due::End);
    }

    #[test]
    fn nobody_is_given_up_for_the_silence_of_the_server_itself() {
        let mut client = KeepAlive::new(IDLE, GRACE);
        let start = client.heard();
        // It was stopped for an hour: before the ping, and again behind it.
        let hour = Duration::from_secs(3600);
        assert_eq!(client.due_at(start + hour, || true), Due::Ping(start + hour + GRACE));
        assert_eq!(client.due_at(start + 2 * hour, || true), Due::Nothing(start + 2 * hour + GRACE));
        client.hear();
        assert!(matches!(client.due_at(client.heard() + GRACE, || false), Due::Nothing(_)));
    }
}
