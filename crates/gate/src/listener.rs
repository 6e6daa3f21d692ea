//! Listening: one task a connection, a bound on their number, and an end.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

use crate::limits;
use crate::routes::Gate;
use crate::tasks::Tasks;

/// A listening socket with its gate.
pub struct Listener {
    socket: TcpListener,
    gate: Gate,
    connections: Arc<Semaphore>,
}

/// A connection that was accepted, as its requests know it. What comes of one of them runs among the listener's tasks.
#[derive(Clone)]
pub(crate) struct Accepted {
    pub(crate) peer: SocketAddr,
    pub(crate) tasks: Tasks,
    /// Its place among those that may be open; the last clone to go gives it back.
    #[allow(dead_code, reason = "held for its drop")]
    place: Arc<OwnedSemaphorePermit>,
}

// === impl Listener ===

impl Listener {
    /// Binds an address. `connections` bounds the connections of all listeners that share it.
    ///
    /// # Errors
    /// If the address cannot be bound.
    pub async fn bind(address: SocketAddr, gate: Gate, connections: Arc<Semaphore>) -> io::Result<Self> {
        Ok(Self { socket: TcpListener::bind(address).await?, gate, connections })
    }

    /// Where it listens.
    ///
    /// # Errors
    /// If the operating system does not say.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// Accepts connections until `closing`, then waits for those that are open, also for the ones that became WebSockets:
    /// their doors are to tell them. What has not ended after [`limits::FINISH`] is cut off; so is everything at once
    /// if this is dropped before its end.
    pub async fn run(self, closing: CancellationToken) {
        let Self { socket, gate, connections } = self;
        let tasks = Tasks::default();
        let _cut = tasks.cut_at_end();
        loop {
            let accepted = tokio::select! {
                accepted = socket.accept() => accepted,
                () = closing.cancelled() => break,
            };
            let (stream, peer) = match accepted {
                Ok(accepted) => accepted,
                Err(cause) => {
                    // Out of file descriptors, mostly: waiting lets some connections end.
                    tracing::warn!(%cause, "could not accept a connection");
                    tokio::time::sleep(limits::ACCEPT_AGAIN).await;
                    continue;
                }
            };
            let Ok(place) = connections.clone().try_acquire_owned() else {
                tracing::warn!(%peer, "refused a connection: there are too many");
                continue;
            };
            let accepted = Accepted { peer, tasks: tasks.clone(), place: Arc::new(place) };
            tasks.spawn("http", peer, serve(stream, accepted, gate.clone(), closing.clone()));
        }
        // Closed before the waiting: whoever comes now is to be refused, not left in the backlog.
        drop(socket);
        tasks.finish(limits::FINISH).await;
    }
}

async fn serve(stream: TcpStream, accepted: Accepted, gate: Gate, closing: CancellationToken) {
    let peer = accepted.peer;
    // Frames are gathered before they are written; waiting for more to gather would only add latency.
    if let Err(cause) = stream.set_nodelay(true) {
        tracing::debug!(%peer, %cause, "a connection was gone before it was served");
        return;
    }
    let router = gate.router();
    let service = hyper::service::service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(accepted.clone());
        router.clone().oneshot(request)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits::HEAD_TIME)
        .max_buf_size(limits::HEAD_BYTES)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    let mut connection = std::pin::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = closing.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(cause) = ended {
        tracing::debug!(%peer, %cause, "a connection ended badly");
    }
}
