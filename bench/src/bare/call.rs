//! Calls of the paths, read and answered with as little as that takes.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use tokio_tungstenite::tungstenite::{Bytes, Utf8Bytes};

/// Stands for the ids and times that a server would draw: they cost the same to send and less to make.
pub(super) const SOME_ID: &str = "6f1e2d3c-4b5a-4968-8776-655443322110";
pub(super) const SOME_TIME: &str = "2026-01-01T00:00:00.000Z";

#[derive(Deserialize)]
pub(super) struct Frame<'a> {
    #[serde(borrow)]
    pub(super) id: &'a RawValue,
    #[serde(borrow)]
    pub(super) params: Params<'a>,
}

#[derive(Deserialize)]
pub(super) struct Params<'a> {
    pub(super) path: &'a str,
    #[serde(borrow)]
    pub(super) input: Option<&'a RawValue>,
}

#[derive(Deserialize)]
pub(super) struct Join<'a> {
    #[serde(borrow)]
    pub(super) name: Cow<'a, str>,
}

#[derive(Deserialize)]
pub(super) struct Get<'a> {
    #[serde(borrow)]
    pub(super) key: Cow<'a, str>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Share<'a> {
    #[serde(borrow)]
    pub(super) key: Cow<'a, str>,
    #[serde(borrow)]
    value: &'a RawValue,
    #[serde(borrow)]
    tags: &'a RawValue,
    #[serde(borrow)]
    agent_id: Cow<'a, str>,
}

/// Somebody who joined.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Agent {
    id: &'static str,
    name: String,
    role: &'static str,
    repo_path: &'static str,
    connected_at: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Joined<'a> {
    agent: &'a Agent,
    session_id: &'static str,
}

/// An entry, for the log and for clients alike.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Entry<'a> {
    id: &'static str,
    key: &'a str,
    value: &'a RawValue,
    tags: &'a RawValue,
    created_by: &'a str,
    created_at: &'static str,
    updated_at: &'static str,
}

impl Agent {
    pub(super) fn new(name: &str) -> Self {
        let (role, repo_path) = ("source", "/srv/bench");
        Self { id: SOME_ID, name: name.to_owned(), role, repo_path, connected_at: SOME_TIME }
    }

    /// What it is told.
    pub(super) fn joined(&self) -> impl Serialize + '_ {
        Joined { agent: self, session_id: SOME_ID }
    }
}

impl Share<'_> {
    pub(super) fn entry(&self) -> serde_json::Result<Vec<u8>> {
        serde_json::to_vec(&Entry {
            id: SOME_ID,
            key: &self.key,
            value: self.value,
            tags: self.tags,
            created_by: &self.agent_id,
            created_at: SOME_TIME,
            updated_at: SOME_TIME,
        })
    }
}

/// A frame with a call's result, or an event. `data` is JSON that was made here, or comes from a text frame.
pub(super) fn result(id: &str, data: &[u8]) -> Utf8Bytes {
    let mut frame = begin(id, data.len());
    frame.extend_from_slice(data);
    end(frame)
}

/// The same, encoded into the frame.
pub(super) fn encoded(id: &str, data: &impl Serialize) -> serde_json::Result<Utf8Bytes> {
    let mut frame = begin(id, 4096);
    serde_json::to_writer(&mut frame, data)?;
    Ok(end(frame))
}

fn begin(id: &str, bytes: usize) -> Vec<u8> {
    let mut frame = Vec::with_capacity(bytes + id.len() + 48);
    frame.extend_from_slice(b"{\"id\":");
    frame.extend_from_slice(id.as_bytes());
    frame.extend_from_slice(b",\"result\":{\"type\":\"data\",\"data\":");
    frame
}

fn end(mut frame: Vec<u8>) -> Utf8Bytes {
    frame.extend_from_slice(b"}}");
    text(frame)
}

/// The frame that begins a subscription.
pub(super) fn started(id: &str) -> Utf8Bytes {
    text(format!("{{\"id\":{id},\"result\":{{\"type\":\"started\"}}}}").into_bytes())
}

fn text(frame: Vec<u8>) -> Utf8Bytes {
    Utf8Bytes::try_from(Bytes::from(frame)).expect("JSON is UTF-8")
}
