//! A correspondent's connection to the linker's door. Nobody says there that messages arrived: a pong or a later request is
//! the evidence.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use model::mailboxes::Stage;
use serde_json::{Value, json};

use crate::dice::Dice;
use crate::letters::Letters;
use crate::linker::{Failure, Linker};

/// One connection of a correspondent's.
pub(crate) struct LinkerDesk {
    socket: Linker,
    name: String,
    letters: Arc<Letters>,
    /// Letters sent, with no reply behind them yet.
    unsettled: Vec<usize>,
    /// Letters in the newest reply, when nothing was said or read since.
    in_hand: Vec<usize>,
    /// Letters whose evidence may be under way …
    unproved: Vec<usize>,
    /// … and those of them that have come no further before.
    sure: Vec<usize>,
    /// The ids of what it was shown, by number.
    ids: BTreeMap<usize, String>,
}

// === impl LinkerDesk ===

impl LinkerDesk {
    pub(crate) async fn open(
        linker: SocketAddr,
        name: &str,
        letters: &Arc<Letters>,
    ) -> Result<Self, Failure> {
        let mut desk = Self {
            socket: Linker::meet_as(linker, name).await?,
            name: name.to_owned(),
            letters: letters.clone(),
            unsettled: vec![],
            in_hand: vec![],
            unproved: vec![],
            sure: vec![],
            ids: BTreeMap::new(),
        };
        desk.look_aside();
        Ok(desk)
    }

    /// Does one thing. Whether it goes on with this connection.
    pub(crate) async fn work(&mut self, dice: &mut Dice) -> Result<bool, Failure> {
        match dice.below(20) {
            0..9 => self.write(dice).await?,
            9..13 => {
                self.fetch().await?;
                // Hung up with the reply in hand: the server has no evidence that it arrived.
                return Ok(dice.below(4) > 0);
            }
            13 => self.fetch_in_haste().await?,
            14..16 => self.listen().await?,
            16 => self.mark(dice).await?,
            17 => self.count().await?,
            _ => _ = self.ask("heartbeat", json!({})).await?,
        }
        Ok(true)
    }

    async fn write(&mut self, dice: &mut Dice) -> Result<(), Failure> {
        let (numbers, payloads) =
            self.letters.some(&self.name, dice).into_iter().unzip::<_, _, Vec<_>, Vec<_>>();
        self.unsettled.extend(numbers);
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

    /// Asks for messages and for something else in one go: what was asked for before the messages came is no evidence that
    /// they did, unless they really left before it was looked at.
    async fn fetch_in_haste(&mut self) -> Result<(), Failure> {
        self.move_on();
        let (due, asked) = (self.letters.due(&self.name), self.letters.now());
        self.socket.ask_at_once(&["get_messages", "heartbeat"]).await?;
        let reply = self.socket.reply("get_messages").await;
        self.look_aside();
        let reply = reply?;
        self.settle();
        let messages = reply["messages"].as_array().map_or(&[][..], Vec::as_slice);
        let numbers = self.letters.offered(&self.name, &due, messages);
        self.note_ids(&numbers, messages);
        self.sure.extend(self.letters.evident(&self.name, Stage::Delivered, &numbers, asked));
        self.unproved.extend(numbers);
        let reply = self.socket.reply("heartbeat").await;
        self.look_aside();
        reply.map(|_| ())
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
        self.move_on();
        let sure = self.letters.evident(&self.name, Stage::Read, &numbers, self.letters.now());
        let reply = self.ask("mark_read", payload).await?;
        if reply["count"].as_u64() != Some(numbers.len() as u64) {
            self.letters.fault(format!("{} marked {} and is told {reply}", self.name, numbers.len()));
        }
        self.letters.proved(&self.name, Stage::Read, &numbers, &sure);
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

    /// Asks how far its letters have come, and takes all that waits.
    pub(crate) async fn clear(&mut self) -> Result<(), Failure> {
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
        self.settle();
        Ok(reply)
    }

    /// A reply came to something that was said after all that is noted.
    fn settle(&mut self) {
        self.letters.durable(&std::mem::take(&mut self.unsettled));
        let (unproved, sure) = (std::mem::take(&mut self.unproved), std::mem::take(&mut self.sure));
        self.letters.proved(&self.name, Stage::Delivered, &unproved, &sure);
    }

    /// From now on the server may see that what is in hand has arrived.
    fn move_on(&mut self) {
        let now = self.letters.now();
        self.sure.extend(self.letters.evident(&self.name, Stage::Delivered, &self.in_hand, now));
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
