//! Clients of the linker's door at work: each writes, fetches, gives evidence or fails to, and marks what it has read. They
//! outlive the server: when it is gone they dial again until it is back, and go on.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::dice::Dice;
use crate::home::Server;
use crate::letters::{Letters, To};
use crate::linker::{Failure, Linker};

/// Pause before dialling again.
const REDIAL: Duration = Duration::from_millis(10);
/// How long a server that lives may take for anything.
const PATIENCE: Duration = Duration::from_secs(60);

/// Clients at work.
pub struct Correspondence {
    letters: Arc<Letters>,
    linker: SocketAddr,
    done: Arc<AtomicBool>,
    correspondents: Vec<JoinHandle<()>>,
}

/// One connection of a correspondent's.
struct Desk {
    socket: Linker,
    name: String,
    letters: Arc<Letters>,
    /// Letters sent, with no reply behind them yet.
    unsettled: Vec<usize>,
    /// Letters in the newest reply, when nothing was said or read since.
    in_hand: Vec<usize>,
    /// Letters whose evidence may be under way.
    unproved: Vec<usize>,
    /// The ids of what it was shown, by number.
    ids: BTreeMap<usize, String>,
}

// === impl Correspondence ===

impl Correspondence {
    /// Sets everybody to work. Nobody writes before all are there: so each broadcast is for all of them.
    ///
    /// # Panics
    /// If the server does not let them in.
    pub async fn begin(server: &Server, letters: Arc<Letters>, seed: u64) -> Self {
        let (linker, done) = (server.linker, Arc::new(AtomicBool::new(false)));
        let mut desks = Vec::new();
        for name in letters.names() {
            desks.push(Desk::open(linker, name, &letters).await.expect("anybody may register"));
        }
        let correspondents = desks.into_iter().enumerate().map(|(number, desk)| {
            let dice = Dice::new(seed.wrapping_mul(1000).wrapping_add(number as u64));
            tokio::spawn(correspond(linker, desk, done.clone(), dice))
        });
        let correspondents = correspondents.collect();
        Self { letters, linker, done, correspondents }
    }

    /// Waits until so many more letters are known to be kept.
    ///
    /// # Panics
    /// If that takes too long.
    pub async fn progress(&self, more: usize) {
        let goal = self.letters.kept() + more;
        let reached = async {
            while self.letters.kept() < goal {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        tokio::time::timeout(PATIENCE, reached).await.expect("messages are kept");
    }

    /// Ends the work, on a server that runs. What waits goes on waiting.
    ///
    /// # Panics
    /// If a client met something that must not happen.
    pub async fn finish(self) {
        self.done.store(true, Ordering::SeqCst);
        for correspondent in self.correspondents {
            let ended = tokio::time::timeout(PATIENCE, correspondent).await;
            ended.expect("a correspondent ends").expect("a correspondent meets nothing that must not happen");
        }
    }

    /// Ends the work; then everybody asks how far its letters have come, and takes all that waits.
    ///
    /// # Panics
    /// As [`Correspondence::finish`].
    pub async fn clear(self) {
        let (letters, linker) = (self.letters.clone(), self.linker);
        self.finish().await;
        for name in letters.names() {
            let mut desk = Desk::open(linker, name, &letters).await.expect("the server runs");
            desk.clear().await.expect("the server runs");
        }
    }
}

async fn correspond(linker: SocketAddr, first: Desk, done: Arc<AtomicBool>, mut dice: Dice) {
    let (name, letters) = (first.name.clone(), first.letters.clone());
    let mut open = Some(first);
    while !done.load(Ordering::SeqCst) {
        let mut desk = match open.take() {
            Some(desk) => desk,
            None => match Desk::open(linker, &name, &letters).await {
                Ok(desk) => desk,
                Err(Failure::Lost) => {
                    tokio::time::sleep(REDIAL).await;
                    continue;
                }
                Err(Failure::Refused(why)) => panic!("{name} may not register: {why}"),
            },
        };
        while !done.load(Ordering::SeqCst) {
            match desk.work(&mut dice).await {
                Ok(true) => {}
                Ok(false) | Err(Failure::Lost) => break,
                Err(Failure::Refused(why)) => panic!("{name} is told: {why}"),
            }
        }
    }
}

// === impl Desk ===

impl Desk {
    async fn open(linker: SocketAddr, name: &str, letters: &Arc<Letters>) -> Result<Self, Failure> {
        let mut desk = Self {
            socket: Linker::meet_as(linker, name).await?,
            name: name.to_owned(),
            letters: letters.clone(),
            unsettled: vec![],
            in_hand: vec![],
            unproved: vec![],
            ids: BTreeMap::new(),
        };
        desk.look_aside();
        Ok(desk)
    }

    /// Does one thing. Whether it goes on with this connection.
    async fn work(&mut self, dice: &mut Dice) -> Result<bool, Failure> {
        match dice.below(20) {
            0..9 => self.write(dice).await?,
            9..13 => {
                self.fetch().await?;
                // Hung up with the reply in hand: the server has no evidence that it arrived.
                return Ok(dice.below(4) > 0);
            }
            13..15 => self.listen().await?,
            15..17 => self.mark(dice).await?,
            17 => self.count().await?,
            _ => _ = self.ask("heartbeat", json!({})).await?,
        }
        Ok(true)
    }

    async fn write(&mut self, dice: &mut Dice) -> Result<(), Failure> {
        let names = self.letters.names();
        let mut payloads = Vec::new();
        for _ in 0..1 + dice.below(6) {
            let (to, address) = match dice.below(10) {
                0 => (To::Everybody, "broadcast"),
                _ => {
                    let name = &names[dice.below(names.len() as u64) as usize];
                    (To::One(name.clone()), &**name)
                }
            };
            // One in a hundred is large enough to be kept apart from its event.
            let length = if dice.below(100) == 0 { 20_000 } else { 30 + dice.below(400) };
            let (number, text) = self.letters.write(&self.name, to, length as usize);
            let priority = ["high", "normal", "low"][dice.below(3) as usize];
            payloads.push(json!({ "to": address, "content": text, "priority": priority }));
            self.unsettled.push(number);
        }
        self.move_on();
        let sent = self.socket.send("send_message", &payloads).await;
        self.look_aside();
        sent
    }

    async fn fetch(&mut self) -> Result<usize, Failure> {
        self.move_on();
        let due = self.letters.due(&self.name);
        let reply = self.ask("get_messages", json!({})).await?;
        let messages = reply["messages"].as_array().map_or(&[][..], Vec::as_slice);
        let numbers = self.letters.offered(&self.name, &due, messages);
        self.note_ids(&numbers, messages);
        self.in_hand = numbers;
        Ok(messages.len())
    }

    /// Reads on for a moment: the pong is sent by this.
    async fn listen(&mut self) -> Result<(), Failure> {
        self.move_on();
        let listened = self.socket.listen(Duration::from_millis(3)).await;
        self.look_aside();
        listened
    }

    async fn mark(&mut self, dice: &mut Dice) -> Result<(), Failure> {
        let Some(last) = self.ids.last_key_value().map(|(number, _)| *number) else { return Ok(()) };
        // From some place on, some of them: so what is marked has holes.
        let start = dice.below(last as u64 + 1) as usize;
        let chosen: Vec<_> = self.ids.range(start..).filter(|_| dice.below(3) > 0).take(8).collect();
        let (numbers, ids): (Vec<usize>, Vec<&String>) = chosen.into_iter().unzip();
        let payload = json!({ "messageIds": ids });
        self.letters.marking(&self.name, &numbers);
        let reply = self.ask("mark_read", payload).await?;
        if reply["count"].as_u64() != Some(numbers.len() as u64) {
            self.letters.fault(format!("{} marked {} and is told {reply}", self.name, numbers.len()));
        }
        self.letters.marked(&self.name, &numbers);
        Ok(())
    }

    async fn count(&mut self) -> Result<(), Failure> {
        self.move_on();
        let due = self.letters.due(&self.name).len() as u64;
        let reply = self.ask("get_message_count", json!({})).await?;
        if reply["count"].as_u64().is_none_or(|count| count < due) {
            self.letters.fault(format!("{due} letters wait for {}, and it is told {reply}", self.name));
        }
        Ok(())
    }

    async fn clear(&mut self) -> Result<(), Failure> {
        let receipts = self.ask("get_receipts", json!({})).await?;
        self.letters.receipts(receipts["receipts"].as_array().map_or(&[], Vec::as_slice));
        while self.fetch().await? > 0 {}
        Ok(())
    }

    /// Asks for something that has a reply: all that this connection said before it is settled then.
    async fn ask(&mut self, kind: &str, payload: Value) -> Result<Value, Failure> {
        self.move_on();
        let reply = self.socket.ask(kind, payload).await;
        self.look_aside();
        let reply = reply?;
        self.letters.durable(&std::mem::take(&mut self.unsettled));
        self.letters.proved(&self.name, &std::mem::take(&mut self.unproved));
        Ok(reply)
    }

    /// From now on the server may see that what is in hand has arrived.
    fn move_on(&mut self) {
        self.letters.evident(&self.name, &self.in_hand);
        self.unproved.append(&mut self.in_hand);
    }

    fn look_aside(&mut self) {
        for frame in self.socket.aside() {
            match frame["type"].as_str() {
                Some("new_message") => {
                    let message = &frame["message"];
                    let number = self.letters.shown(&self.name, message);
                    self.note_ids(number.as_slice(), std::slice::from_ref(message));
                }
                Some("delivery_receipt" | "read_receipt") => self.letters.told(&frame["receipt"]),
                Some("message_notification" | "instance_joined") => {}
                _ => self.letters.fault(format!("{} was sent {frame}", self.name)),
            }
        }
    }

    fn note_ids(&mut self, numbers: &[usize], messages: &[Value]) {
        let ids = messages.iter().map(|message| message["id"].as_str().unwrap_or_default().to_owned());
        self.ids.extend(numbers.iter().copied().zip(ids));
    }
}
