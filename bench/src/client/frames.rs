//! tRPC frames as a client writes and reads them; `docs/wire/coordinator.md` has them all.

use serde::Deserialize;

use crate::corpus;

/// What joins the coordinator's session.
pub(crate) fn join(id: usize, name: &str) -> String {
    format!(
        r#"{{"id":{id},"method":"mutation","params":{{"path":"session.join","input":{{"name":"{name}","role":"source","repoPath":"/srv/bench"}}}}}}"#
    )
}

pub(crate) fn list(id: usize) -> String {
    format!(r#"{{"id":{id},"method":"query","params":{{"path":"session.list"}}}}"#)
}

pub(crate) fn get(id: usize, number: usize) -> String {
    let key = corpus::key(number);
    format!(r#"{{"id":{id},"method":"query","params":{{"path":"context.get","input":{{"key":"{key}"}}}}}}"#)
}

/// Shares one of the corpus' keys.
pub(crate) fn share(id: usize, number: usize, agent: &str) -> String {
    let (key, value) = (corpus::key(number), corpus::value(number));
    format!(
        r#"{{"id":{id},"method":"mutation","params":{{"path":"context.share","input":{{"key":"{key}","value":"{value}","tags":[],"agentId":"{agent}"}}}}}}"#
    )
}

/// Asks for every entry with its version.
pub(crate) fn versions(id: usize) -> String {
    format!(
        r#"{{"id":{id},"method":"query","params":{{"path":"context.list","input":{{"withVersion":true}}}}}}"#
    )
}

pub(crate) fn subscribe(id: usize) -> String {
    format!(r#"{{"id":{id},"method":"subscription","params":{{"path":"context.onContextChange"}}}}"#)
}

/// What a frame from the server is, as far as load is concerned.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// A result, or an event of a subscription.
    Data,
    /// A subscription begins.
    Started,
    /// The call was refused.
    Error,
}

/// Reads only the start of a frame, which servers write in one order: parsing all of it would measure the client.
pub(crate) fn answer(frame: &str) -> Option<(usize, Answer)> {
    let rest = frame.strip_prefix("{\"id\":")?;
    let (id, rest) = rest.split_once(',')?;
    let answer = if rest.starts_with("\"result\":{\"type\":\"data\"") {
        Answer::Data
    } else if rest.starts_with("\"result\":{\"type\":\"started\"") {
        Answer::Started
    } else if rest.starts_with("\"error\"") {
        Answer::Error
    } else {
        return None;
    };
    Some((id.parse().ok()?, answer))
}

#[derive(Deserialize)]
struct Reply<T> {
    result: Data<T>,
}

#[derive(Deserialize)]
struct Data<T> {
    data: T,
}

#[derive(Deserialize)]
struct Joined {
    agent: Agent,
}

#[derive(Deserialize)]
struct Agent {
    id: String,
}

#[derive(Deserialize)]
struct Version {
    version: u64,
}

/// The agent's id in the reply to [`join`].
pub(crate) fn joined(frame: &str) -> serde_json::Result<String> {
    serde_json::from_str::<Reply<Joined>>(frame).map(|reply| reply.result.data.agent.id)
}

/// All versions in the reply to [`versions`] together: how many shares are behind them.
pub(crate) fn shares_behind(frame: &str) -> serde_json::Result<u64> {
    let reply = serde_json::from_str::<Reply<Vec<Version>>>(frame)?;
    Ok(reply.result.data.iter().map(|entry| entry.version).sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_start_of_a_frame_tells_what_it_is() {
        let told = |frame| answer(frame);
        assert_eq!(told(r#"{"id":7,"result":{"type":"data","data":null}}"#), Some((7, Answer::Data)));
        assert_eq!(told(r#"{"id":0,"result":{"type":"started"}}"#), Some((0, Answer::Started)));
        assert_eq!(told(r#"{"id":12,"error":{"message":"no"}}"#), Some((12, Answer::Error)));
        assert_eq!(told(r#"{"id":null,"method":"reconnect"}"#), None);
    }

    #[test]
    fn calls_are_json() {
        for frame in [join(1, "a"), list(2), get(3, 4), share(5, 6, "x"), versions(7), subscribe(8)] {
            serde_json::from_str::<serde_json::Value>(&frame).unwrap();
        }
    }
}
