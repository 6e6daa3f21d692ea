//! A correspondent's connection to the tRPC door. Looking into its inbox is no evidence there: it says itself how far its
//! messages have come, at whichever stage, and later perhaps that they have come further.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use model::mailboxes::Stage;
use serde_json::{Value, json};

use crate::dice::Dice;
use crate::letters::{Letters, number_of};
use crate::linker::Failure;
use crate::reading::STAGES;
use crate::trpc::{self, Client};

/// As many as an inbox or a list gives at once.
const PAGE: usize = 1_000;
/// Receipts kept to say later that their messages have come further.
const RECEIPTS: usize = 20;
/// Of its own letters it asks in the end how far so many have come.
const LOOKED_AT: usize = 200;

/// One connection of a correspondent's.
pub(crate) struct TrpcDesk {
    client: Client,
    /// The id that it has joined under.
    agent: String,
    name: String,
    letters: Arc<Letters>,
    /// What it was shown last, if it has said nothing of that yet.
    in_hand: Option<Shown>,
    /// What it has said to have come not all the way, and how far.
    taken: Vec<(Stage, Shown)>,
    /// The ids of what it was shown, by number.
    ids: BTreeMap<usize, String>,
    /// Its own letters and their places in the log.
    sent: Vec<(usize, Value)>,
}

/// Letters of an inbox, and the receipt that came with them.
struct Shown {
    letters: Vec<usize>,
    receipt: Value,
}

impl From<trpc::Failure> for Failure {
    fn from(failure: trpc::Failure) -> Self {
        match failure {
            trpc::Failure::Refused { code, message } => Self::Refused(format!("{code}: {message}")),
            trpc::Failure::Lost => Self::Lost,
        }
    }
}

/// Joins; the id to speak under from then on, whatever becomes of connections.
pub(crate) async fn join(address: SocketAddr, name: &str) -> Result<String, Failure> {
    let client = Client::connect(address).await?;
    let input = json!({ "name": name, "role": "target", "repoPath": "/" });
    let joined = client.mutate("session.join", input).await?;
    Ok(joined["agent"]["id"].as_str().unwrap_or_default().to_owned())
}

// === impl TrpcDesk ===

impl TrpcDesk {
    pub(crate) async fn open(
        address: SocketAddr,
        name: &str,
        agent: &str,
        letters: &Arc<Letters>,
    ) -> Result<Self, Failure> {
        Ok(Self {
            client: Client::connect(address).await?,
            agent: agent.to_owned(),
            name: name.to_owned(),
            letters: letters.clone(),
            in_hand: None,
            taken: vec![],
            ids: BTreeMap::new(),
            sent: vec![],
        })
    }

    /// Does one thing. Whether it goes on with this connection.
    pub(crate) async fn work(&mut self, dice: &mut Dice) -> Result<bool, Failure> {
        match dice.below(20) {
            0..8 => self.write(dice).await?,
            8..12 => _ = self.look().await?,
            12..15 => self.take(dice).await?,
            15..17 => self.take_further(dice).await?,
            17 => self.mark(dice).await?,
            18 => self.look_after(dice).await?,
            // Hung up, perhaps with an inbox in hand of which nothing was said.
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Asks how far its letters have come, and takes all that waits.
    pub(crate) async fn clear(&mut self) -> Result<(), Failure> {
        let listed = self
            .client
            .query("messages.list", self.with(json!({ "sent": true, "limit": LOOKED_AT })))
            .await?;
        for message in listed["messages"].as_array().map_or(&[][..], Vec::as_slice) {
            match message["content"].as_str().and_then(number_of) {
                Some(letter) => self.look_at(letter, &message["number"]).await?,
                None => self.letters.fault(format!("{} is said to have sent {message}", self.name)),
            }
        }
        while self.look().await? > 0 {
            if let Some(shown) = self.in_hand.take() {
                self.say(Stage::InContext, shown).await?;
            }
        }
        Ok(())
    }

    async fn write(&mut self, dice: &mut Dice) -> Result<(), Failure> {
        let (numbers, payloads): (Vec<_>, Vec<_>) = self.letters.some(&self.name, dice).into_iter().unzip();
        let calls: Vec<_> =
            payloads.into_iter().map(|payload| ("messages.send", self.with(payload))).collect();
        let sent = self.client.mutate_all(&calls).await?;
        self.letters.durable(&numbers);
        self.sent
            .extend(numbers.into_iter().zip(sent.into_iter().map(|mut message| message["number"].take())));
        Ok(())
    }

    /// Looks into its inbox; how much is in it.
    async fn look(&mut self) -> Result<usize, Failure> {
        let due = self.letters.due(&self.name);
        let mut inbox = self.client.query("messages.inbox", self.with(json!({ "limit": PAGE }))).await?;
        let messages = inbox["messages"].as_array().map_or(&[][..], Vec::as_slice);
        // If not all were shown, what is due may be among the others.
        let due = if inbox["left"] == 0 { due } else { Default::default() };
        let letters = self.letters.offered(&self.name, &due, messages);
        let ids = messages.iter().map(|message| message["id"].as_str().unwrap_or_default().to_owned());
        self.ids.extend(letters.iter().copied().zip(ids));
        let count = messages.len();
        self.in_hand = (count > 0).then(|| Shown { letters, receipt: inbox["receipt"].take() });
        Ok(count)
    }

    /// Says how far that has come which it was shown last.
    async fn take(&mut self, dice: &mut Dice) -> Result<(), Failure> {
        let Some(shown) = self.in_hand.take() else { return Ok(()) };
        self.say(STAGES[dice.below(3) as usize], shown).await
    }

    /// Says of some of what has come not all the way that it has come further.
    async fn take_further(&mut self, dice: &mut Dice) -> Result<(), Failure> {
        if self.taken.is_empty() {
            return Ok(());
        }
        let (stage, shown) = self.taken.swap_remove(dice.below(self.taken.len() as u64) as usize);
        let further: Vec<_> = STAGES.into_iter().filter(|further| *further > stage).collect();
        self.say(further[dice.below(further.len() as u64) as usize], shown).await
    }

    async fn say(&mut self, stage: Stage, shown: Shown) -> Result<(), Failure> {
        let news = self.letters.news(&self.name, stage, &shown.letters);
        let sure = self.letters.evident(&self.name, stage, &shown.letters, self.letters.now());
        let name = match stage {
            Stage::Delivered => "delivered",
            Stage::InContext => "in_context",
            Stage::Read => "read",
        };
        let input = self.with(json!({ "receipt": shown.receipt, "stage": name }));
        let took = self.client.mutate("messages.took", input).await?;
        if !news.is_empty() && took["success"] != true {
            self.letters.fault(format!("{} is told that it is no news that it has {news:?}", self.name));
        }
        self.letters.proved(&self.name, stage, &shown.letters, &sure);
        if stage < Stage::Read && self.taken.len() < RECEIPTS {
            self.taken.push((stage, shown));
        }
        Ok(())
    }

    /// Marks some of what it was ever shown.
    async fn mark(&mut self, dice: &mut Dice) -> Result<(), Failure> {
        let Some(last) = self.ids.last_key_value().map(|(number, _)| *number) else { return Ok(()) };
        let start = dice.below(last as u64 + 1) as usize;
        let chosen: Vec<_> = self.ids.range(start..).filter(|_| dice.below(3) > 0).take(8).collect();
        let (numbers, ids): (Vec<usize>, Vec<&String>) = chosen.into_iter().unzip();
        let sure = self.letters.evident(&self.name, Stage::Read, &numbers, self.letters.now());
        let marked = self.client.mutate("messages.markRead", self.with(json!({ "ids": ids }))).await?;
        if marked["count"].as_u64() != Some(numbers.len() as u64) {
            self.letters.fault(format!("{} marked {} and is told {marked}", self.name, numbers.len()));
        }
        self.letters.proved(&self.name, Stage::Read, &numbers, &sure);
        Ok(())
    }

    /// Asks how far one of its own letters has come.
    async fn look_after(&mut self, dice: &mut Dice) -> Result<(), Failure> {
        if self.sent.is_empty() {
            return Ok(());
        }
        let (letter, place) = &self.sent[dice.below(self.sent.len() as u64) as usize];
        self.look_at(*letter, place).await
    }

    async fn look_at(&self, letter: usize, place: &Value) -> Result<(), Failure> {
        // Before it is asked, not after: meanwhile others may have said more.
        let sure = self.letters.progress(letter);
        let message = self.client.query("messages.get", self.with(json!({ "number": place }))).await?;
        self.letters.looked_at(letter, sure, &message["progress"]);
        Ok(())
    }

    /// An input of its own.
    fn with(&self, mut input: Value) -> Value {
        input["agentId"] = self.agent.as_str().into();
        input
    }
}
