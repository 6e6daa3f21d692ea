//! One socket of a prototype: reads what has come, writes what has gathered.

use anyhow::{Context as _, Result, bail};
use futures_util::{FutureExt as _, SinkExt as _, StreamExt as _};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error, Message, Utf8Bytes};

use super::call::{self, Frame};
use super::log::{Record, Then};
use super::{Path, Server, messages};

/// As the server's.
const READ_BUFFER: usize = 4 * 1024;
const WRITE_BUFFER: usize = 64 * 1024;
/// Frames taken out of the queue at once.
const FRAMES: usize = 256;

pub(super) async fn serve(server: &Server, stream: TcpStream) -> Result<()> {
    stream.set_nodelay(true)?;
    let config = WebSocketConfig::default().read_buffer_size(READ_BUFFER).write_buffer_size(WRITE_BUFFER);
    let mut socket = tokio_tungstenite::accept_async_with_config(stream, Some(config)).await?;
    let (to, mut outgoing) = mpsc::unbounded_channel();
    let mut frames = Vec::new();
    let mut instance = String::new();
    loop {
        tokio::select! {
            biased;
            _ = outgoing.recv_many(&mut frames, FRAMES) => {
                for frame in frames.drain(..) {
                    socket.feed(Message::Text(frame)).await?;
                }
                socket.flush().await?;
            }
            received = socket.next() => {
                let mut received = Some(received);
                let mut answered = false;
                while let Some(message) = received {
                    let text = match message {
                        // Clients are killed, not closed.
                        None | Some(Ok(Message::Close(_)) | Err(Error::Protocol(_) | Error::Io(_))) => return Ok(()),
                        Some(message) => message?,
                    };
                    if let Message::Text(text) = text {
                        answered |= match server.path {
                            Path::Messages => {
                                messages::obey(server, &text, &mut instance, &to, &mut socket).await?
                            }
                            Path::Read | Path::Share | Path::FanOut => {
                                obey(server, &text, &to, &mut socket).await?
                            }
                        };
                    }
                    received = socket.next().now_or_never();
                }
                if answered {
                    socket.flush().await?;
                }
            }
        }
    }
}

/// Carries out a call; whether there is an answer to flush.
async fn obey(
    server: &Server,
    text: &str,
    to: &mpsc::UnboundedSender<Utf8Bytes>,
    socket: &mut WebSocketStream<TcpStream>,
) -> Result<bool> {
    let Frame { id, params } = serde_json::from_str(text)?;
    let input = params.input.map_or("null", |input| input.get());
    let answer = match params.path {
        "session.join" => {
            let agent = call::Agent::new(&serde_json::from_str::<call::Join<'_>>(input)?.name);
            let joined = call::encoded(id.get(), &agent.joined())?;
            server.memory.borrow_mut().agents.push(agent);
            joined
        }
        "session.list" => call::encoded(id.get(), &server.memory.borrow().agents)?,
        "context.get" => {
            let get: call::Get<'_> = serde_json::from_str(input)?;
            let memory = server.memory.borrow();
            let entry = memory.entries.get(&*get.key);
            call::result(id.get(), entry.map_or(b"null", Vec::as_slice))
        }
        "context.share" => {
            let share: call::Share<'_> = serde_json::from_str(input)?;
            let entry = share.entry()?;
            match &server.log {
                Some(log) => {
                    let then = Then::Answer { id: id.get().to_owned(), to: to.clone() };
                    log.append(Record { body: entry.into(), then })?;
                    return Ok(false);
                }
                None => {
                    let answer = call::result(id.get(), &entry);
                    server.memory.borrow_mut().entries.insert(share.key.into_owned(), entry);
                    answer
                }
            }
        }
        "context.onContextChange" if server.path == Path::FanOut => {
            server.memory.borrow_mut().listeners.push((id.get().to_owned(), to.clone()));
            call::started(id.get())
        }
        path => bail!("the bare path {:?} has no {path}", server.path),
    };
    socket.feed(Message::Text(answer)).await.context("the client is gone")?;
    Ok(true)
}
