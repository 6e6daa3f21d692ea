//! One connection sends, another receives: so many messages are under way at any time. What there is to send at once
//! is written at once.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

use super::linker::{self, Heard};
use super::load::{LAST_ANSWERS, micros, micros_of};
use super::resp::Value;
use super::{AGAIN, Connection, Door, Measured, Resp};
use crate::{corpus, process};

/// A load from one connection to another.
#[derive(Debug, Clone, Copy)]
pub(crate) struct OneWay {
    pub(crate) in_flight: usize,
    pub(crate) warm_up: Duration,
    pub(crate) time: Duration,
}

/// Two connections to a broker. What goes in at one comes out at the other in the same order.
pub(crate) trait Pipe {
    /// Puts a message of 400 bytes into the buffer.
    async fn feed(&mut self, number: usize) -> Result<()>;
    /// Sends what is in the buffer.
    async fn flush(&mut self) -> Result<()>;
    /// Waits until something has become of messages.
    async fn progress(&mut self) -> Result<Progress>;
}

/// How many messages came to which end.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    /// Durable and delivered.
    delivered: usize,
    refused: usize,
}

/// A pipe through a linker's door. What is delivered there is durable.
pub(crate) struct LinkerPipe {
    sender: Connection,
    receiver: Connection,
    /// The message that is due; those before it may have been refused.
    next: usize,
}

/// A pipe through a stream of Redis. A message counts once its `XADD` was answered and an `XREAD` has given it out.
pub(crate) struct RedisPipe {
    producer: Resp,
    consumer: Resp,
    answered: usize,
    read: usize,
    /// The messages that were both.
    counted: usize,
}

// === impl OneWay ===

impl OneWay {
    /// Puts the load on. `pid` is the server's.
    pub(crate) async fn put_on(self, pipe: &mut impl Pipe, pid: u32) -> Result<Measured> {
        let begun = Instant::now();
        let (from, to) = (self.warm_up, self.warm_up + self.time);
        let (mut number, mut counted, mut errors, mut latencies) = (0, 0, 0, micros());
        let mut sent = VecDeque::with_capacity(self.in_flight);
        let (mut first, mut last) = (None, None);
        let mut room = self.in_flight;
        loop {
            for _ in 0..room {
                pipe.feed(number).await?;
                sent.push_back(Instant::now());
                number += 1;
            }
            pipe.flush().await?;
            if sent.is_empty() {
                break;
            }
            // What has not come by then is lost.
            let Ok(progress) = tokio::time::timeout(LAST_ANSWERS, pipe.progress()).await else { break };
            let Progress { delivered, refused } = progress?;
            let now = Instant::now();
            let since = now - begun;
            if since >= from && first.is_none() {
                first = Some((now, process::cpu(pid)?));
            }
            if since >= to && last.is_none() {
                last = Some((now, process::cpu(pid)?));
            }
            for _ in 0..delivered {
                let at = sent.pop_front().context("more came out than went in")?;
                if first.is_some() && last.is_none() {
                    counted += 1;
                    latencies.saturating_record(micros_of(now - at));
                }
            }
            // Which ones were refused is not told; what counts is how many are under way.
            ensure!(sent.len() >= refused, "more was refused than went in");
            sent.drain(..refused);
            errors += refused as u64;
            if refused > 0 {
                tokio::time::sleep(AGAIN).await;
            }
            room = if last.is_none() { delivered + refused } else { 0 };
        }
        let (from, used) = first.context("nothing was delivered")?;
        let (to, spent) = match last {
            Some(end) => end,
            None => (Instant::now(), process::cpu(pid)?),
        };
        Ok(Measured {
            answered: counted,
            errors,
            lost: sent.len() as u64,
            time: to - from,
            latencies,
            cpu: spent.saturating_sub(used),
            resident: process::resident(pid)?,
        })
    }
}

// === impl LinkerPipe ===

impl LinkerPipe {
    /// Opens one.
    pub(crate) async fn open(door: &Door) -> Result<Self> {
        let mut receiver = Connection::open(door).await?;
        receiver.register(&linker::instance(0)).await?;
        let mut sender = Connection::open(door).await?;
        sender.register(&linker::instance(1)).await?;
        Ok(Self { sender, receiver, next: 0 })
    }

    /// Takes a frame of either side.
    fn take(&mut self, frame: &str, progress: &mut Progress) -> Result<()> {
        match linker::heard(frame)? {
            Heard::Notification(number) => {
                ensure!(number >= self.next, "message {number} came, and {} was due", self.next);
                self.next = number + 1;
                progress.delivered += 1;
            }
            // Messages have no other reply.
            Heard::Error => progress.refused += 1,
            Heard::Message(_) | Heard::Other => {}
        }
        Ok(())
    }
}

impl Pipe for LinkerPipe {
    async fn feed(&mut self, number: usize) -> Result<()> {
        self.sender.feed(linker::send(0, number)).await
    }

    async fn flush(&mut self) -> Result<()> {
        self.sender.flush().await
    }

    async fn progress(&mut self) -> Result<Progress> {
        let mut progress = Progress::default();
        while progress.delivered + progress.refused == 0 {
            let frame = tokio::select! {
                frame = self.receiver.receive() => frame?,
                frame = self.sender.receive() => frame?,
            };
            self.take(&frame, &mut progress)?;
            while let Some(frame) = self.receiver.arrived() {
                self.take(&frame?, &mut progress)?;
            }
        }
        Ok(progress)
    }
}

// === impl RedisPipe ===

impl RedisPipe {
    const STREAM: &[u8] = b"bench";
    /// Entries given out at once, at most.
    const COUNT: &[u8] = b"1000";

    /// Opens one, on a stream that does not exist yet.
    pub(crate) async fn open(address: std::net::SocketAddr) -> Result<Self> {
        let (producer, consumer) = (Resp::open(address).await?, Resp::open(address).await?);
        let mut pipe = Self { producer, consumer, answered: 0, read: 0, counted: 0 };
        pipe.ask_for_more(b"0-0").await?;
        Ok(pipe)
    }

    /// Asks for what comes behind this entry, and waits for it at the server.
    async fn ask_for_more(&mut self, after: &[u8]) -> Result<()> {
        let stream = Self::STREAM;
        self.consumer.feed(&[b"XREAD", b"COUNT", Self::COUNT, b"BLOCK", b"0", b"STREAMS", stream, after]);
        self.consumer.flush().await
    }

    /// Takes entries, which come as a list of streams, each a name and a list of ids with fields.
    async fn take(&mut self, entries: Value) -> Result<()> {
        let stream = entries.list()?.pop().context("no stream")?;
        let mut entries = stream.list()?.pop().context("no entries")?.list()?;
        self.read += entries.len();
        let last = entries.pop().context("an answer without entries")?;
        let id = last.list()?.swap_remove(0).text()?;
        self.ask_for_more(&id).await
    }
}

impl Pipe for RedisPipe {
    async fn feed(&mut self, number: usize) -> Result<()> {
        let content = corpus::value(number);
        self.producer.feed(&[b"XADD", Self::STREAM, b"*", b"content", content.as_bytes()]);
        Ok(())
    }

    async fn flush(&mut self) -> Result<()> {
        self.producer.flush().await
    }

    async fn progress(&mut self) -> Result<Progress> {
        while self.answered.min(self.read) == self.counted {
            tokio::select! {
                answer = self.producer.receive() => {
                    answer?.text()?;
                    self.answered += 1;
                    while let Some(answer) = self.producer.arrived()? {
                        answer.text()?;
                        self.answered += 1;
                    }
                }
                entries = self.consumer.receive() => self.take(entries?).await?,
            }
        }
        let both = self.answered.min(self.read);
        let delivered = both - std::mem::replace(&mut self.counted, both);
        Ok(Progress { delivered, refused: 0 })
    }
}
