//! The door for Model Context Protocol hosts: tools over stdio.
//!
//! A host such as Claude Code starts `guildhall mcp` for each session and speaks the protocol with it over stdin
//! and stdout. The process is a bridge: it keeps one connection to the hall's unix socket, which is the agent's presence
//! there, and turns tool calls into calls of the local protocol. It holds nothing else, so the hall may restart under
//! it: the connection is taken up again with the same membership.
//!
//! ```text
//! host ──▶ lines ──▶ handshake ─▶ SDK ─▶ bridge ─▶ tools::{ask, …} ─▶ hall ──unix socket──▶ the hall
//!                                       └─◀ outcome + notice ◀──────┘
//! ```
//!
//! - `lines`: what the host writes, and what it is told of lines that are no messages
//! - `handshake`: how a conversation opens, and that it has ended
//! - `bridge`: what the SDK asks for: the listing, calls, and their end when nobody waits any more
//! - `tools`: one file a tool: what the model is told about it, what it takes, what it does, how its result reads
//! - `linker`: the old linker's tools, served in place of these if asked for
//! - `about`, `arguments`, `outcome`: what a tool is told by, what it is given, what it comes to
//! - `text`, `letters`, `authors`: wording
//! - `hall`, `notices`: the way to the hall, and what every answer tells at its end
//! - `evidence`: what results have shown of the agent's mail, and when that may be said
//! - `files`: what messages carry, in the agent's directory and nowhere else
//!
//! The listing of tools is part of every prompt of every agent, so its size is bounded by a test. stdout carries the
//! protocol and nothing else; logs are for stderr, which is the program's to arrange.

mod about;
mod arguments;
mod authors;
mod bridge;
mod evidence;
mod files;
mod hall;
mod handshake;
mod letters;
mod limits;
mod lines;
mod linker;
mod notices;
mod outcome;
mod text;
mod tools;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use rmcp::service::{QuitReason, ServerInitializeError, serve_server};
use rmcp::transport::io::stdio_pipes;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::sync::CancellationToken;

use bridge::Bridge;
use hall::Hall;
use handshake::Handshake;
use lines::Lines;

/// How long answers may take to reach a host that has hung up and may still read, once all calls have ended.
const FAREWELL: Duration = Duration::from_secs(1);

/// Whose bridge this is, and where the hall is.
#[derive(Debug, Clone)]
pub struct Options {
    /// The hall's unix socket. It need not exist yet.
    pub socket: PathBuf,
    /// The agent's name.
    pub name: String,
    /// `source` or `target`.
    pub role: String,
    /// The directory the agent works in.
    pub repo_path: String,
    /// Which of several running agents of this name it is, if the host says so: Claude Code gives its session's id.
    pub instance: Option<String>,
    /// The workspace; `default` if absent.
    pub workspace: Option<String>,
    /// How long a tool call waits for a hall that cannot be reached; [`client::PATIENCE`] is usual.
    pub wait_for_server: Duration,
    /// Which tools are served.
    pub tools: ToolSet,
}

/// A set of tools.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ToolSet {
    /// The hall's own.
    #[default]
    Default,
    /// Those of the old linker's MCP server, by their old names, for agents whose instructions speak of them.
    Linker,
}

/// Why the conversation ended otherwise than by the host's hanging up.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The host cannot be written to, or opened the conversation in a way that leaves nothing to say.
    #[error("the conversation with the host failed: {0}")]
    Opening(#[source] Box<ServerInitializeError>),
    /// A fault of this program.
    #[error("the bridge stopped working: {0}")]
    Stopped(#[source] tokio::task::JoinError),
}

/// Serves on stdin and stdout until stdin ends; then ends itself, at once or little later.
///
/// Where stdin is no pipe it is read by a thread that cannot be interrupted, so after an error the runtime may only be
/// shut down in the background.
///
/// # Errors
/// See [`Error`]. A hall that cannot be reached is none: calls say so, and later ones may reach it.
pub async fn run(options: Options) -> Result<(), Error> {
    let (stdin, stdout) = stdio_pipes();
    serve(options, stdin, stdout).await
}

/// As [`run`], on other streams.
///
/// # Errors
/// See [`Error`].
pub async fn serve(
    options: Options,
    from_host: impl AsyncRead + Send + Unpin + 'static,
    to_host: impl AsyncWrite + Send + Unpin + 'static,
) -> Result<(), Error> {
    let hung_up = CancellationToken::new();
    let lines = Lines::new(from_host, to_host);
    let tools = options.tools;
    let hall = Arc::new(Hall::new(options, hung_up.clone()));
    let handshake = Handshake::new(lines, hung_up.clone(), hall.evidence());
    let bridge = Bridge::new(hall.clone(), tools, hung_up.clone());
    converse(bridge, handshake, hung_up).await?;
    hall.leave().await;
    Ok(())
}

/// Until the host has hung up, and calls that are nearly done have ended.
async fn converse(
    bridge: Bridge,
    handshake: Handshake<impl AsyncRead + Send + Unpin + 'static, impl AsyncWrite + Send + Unpin + 'static>,
    hung_up: CancellationToken,
) -> Result<(), Error> {
    let conversation = match serve_server(bridge, handshake).await {
        Ok(conversation) => conversation,
        Err(ServerInitializeError::ConnectionClosed(_)) => return Ok(()),
        Err(cause) => return Err(Error::Opening(Box::new(cause))),
    };
    let ended = tokio::select! {
        ended = conversation.waiting() => ended,
        () = async {
            hung_up.cancelled().await;
            tokio::time::sleep(bridge::GRACE + FAREWELL).await;
        } => return Ok(()),
    };
    match ended {
        Ok(QuitReason::JoinError(fault)) | Err(fault) => Err(Error::Stopped(fault)),
        Ok(_) => Ok(()),
    }
}
