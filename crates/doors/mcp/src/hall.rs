//! The hall behind the bridge: typed calls, each with an end, and news that is told once.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use client::Reconnecting;
use client::protocol::{
    Agent, Call, Empty, Hello, News, Question, Questions, Speaker, Stale, Ticket, VERSION, Wait, Welcome,
};
use serde::de::DeserializeOwned;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

use crate::Options;
use crate::names::Names;
use crate::notices;
use crate::outcome::Failure;

/// How long a hall that is connected may take over a call that does not wait. It takes milliseconds; this is for one
/// that is stopped or whose disk hangs.
const SILENCE: Duration = Duration::from_secs(10);
/// How much longer than asked for a waiting call may take before it counts as having waited in vain.
const LATENESS: Duration = Duration::from_secs(2);
/// How long a finished call is held up by the question whether there is news.
const NEWS: Duration = Duration::from_secs(1);
/// Changed keys remembered as told. Forgetting them all means that one may be told twice, after a restart of the hall.
const REMEMBERED: usize = 1000;

/// The hall, as the agent of this bridge sees it.
pub(crate) struct Hall {
    client: Reconnecting,
    patience: Duration,
    name: String,
    workspace: Option<String>,
    told: Mutex<Told>,
}

/// What the agent was told.
#[derive(Default)]
struct Told {
    /// How far in the log; `None` before the first time.
    position: Option<u64>,
    /// Versions of changed keys. The hall remembers them too, but only as long as the connection.
    stale: HashMap<String, u64>,
}

impl Told {
    /// What of this is new; it counts as told from now on.
    fn take(&mut self, mut news: News) -> News {
        self.position = self.position.max(Some(news.position));
        if self.stale.len() > REMEMBERED {
            self.stale.clear();
        }
        news.stale.retain(|Stale { key, now, .. }| self.stale.insert(key.clone(), *now) != Some(*now));
        news
    }
}

impl Hall {
    /// Begins to dial, so that the agent is seen before its first call.
    pub(crate) fn new(options: Options) -> Self {
        let Options { socket, name, role, repo_path, workspace, wait_for_server: patience } = options;
        let speaker = Speaker::Agent { name: name.clone(), role, repo_path, member: None };
        let hello = Hello { version: VERSION, workspace: workspace.clone(), speaker };
        let client = Reconnecting::new(socket, hello, patience);
        Self { client, patience, name, workspace, told: Mutex::default() }
    }

    /// The agent's name.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The workspace's name.
    pub(crate) fn workspace(&self) -> &str {
        self.workspace.as_deref().unwrap_or("default")
    }

    /// Who the agent is as the hall has it.
    pub(crate) async fn introduced(&self) -> Result<Welcome, Failure> {
        Ok(self.client.introduced().await?)
    }

    /// Makes a call that does not wait.
    pub(crate) async fn call<T: DeserializeOwned>(&self, call: Call) -> Result<T, Failure> {
        let limit = self.patience + SILENCE;
        timeout(limit, self.client.call(call))
            .await
            .map_err(|_| Failure::Silent(limit))?
            .map_err(Failure::from)
    }

    /// A question, once it is no longer open or this many seconds have passed.
    pub(crate) async fn question(&self, ticket: &str, seconds: u64) -> Result<Question, Failure> {
        let end = Instant::now() + Duration::from_secs(seconds);
        loop {
            let wait_seconds = left(end);
            let look = Call::Question(Ticket { question: ticket.to_owned(), wait_seconds });
            let question: Question = match timeout(late(wait_seconds), self.client.call(look)).await {
                Ok(question) => question?,
                // The hall began anew meanwhile and counts from the start.
                Err(_) if wait_seconds > 0 => continue,
                Err(_) => return Err(Failure::Silent(late(0))),
            };
            // A hall that is about to close answers early.
            if question.status != "pending" || left(end) == 0 {
                return Ok(question);
            }
        }
    }

    /// Waits for news, and takes it as told.
    pub(crate) async fn news(&self, seconds: u64) -> Result<News, Failure> {
        let end = Instant::now() + Duration::from_secs(seconds);
        loop {
            let seconds = left(end);
            // Not held while waiting: another call's notice may tell the same meanwhile, which is the lesser evil.
            let after = self.told.lock().await.position;
            let look = Call::Wait(Wait { seconds, after });
            let news = match timeout(late(seconds), self.client.call(look)).await {
                Ok(news) => self.told.lock().await.take(news?),
                Err(_) if seconds > 0 => continue,
                Err(_) => return Err(Failure::Silent(late(0))),
            };
            let nothing = news.questions.is_empty() && news.answers.is_empty() && news.stale.is_empty();
            if !nothing || left(end) == 0 {
                return Ok(news);
            }
        }
    }

    /// What there is to tell at the end of a call, if anything, but for the questions it showed.
    pub(crate) async fn notice(&self, shown: &HashSet<String>) -> Option<String> {
        // Held throughout, so that two calls that end together do not tell the same.
        let mut told = self.told.lock().await;
        let look = Call::Wait(Wait { seconds: 0, after: told.position });
        match timeout(NEWS, self.client.call(look)).await {
            Ok(Ok(news)) => notices::notice(&told.take(news), shown),
            Ok(Err(cause)) => {
                tracing::debug!(%cause, "no news");
                None
            }
            Err(_) => None,
        }
    }

    /// Open questions that wait for the agent.
    pub(crate) async fn open_questions(&self) -> Result<Vec<Question>, Failure> {
        self.call(Call::Questions(Questions { for_me: true, all: false, limit: None })).await
    }

    /// Who is here, and the names by which to speak of authors.
    pub(crate) async fn names(&self) -> Result<(Vec<Agent>, Names), Failure> {
        let agents: Vec<Agent> = self.call(Call::Agents(Empty {})).await?;
        let me = self.introduced().await?.member;
        let names = Names::new(&agents, me);
        Ok((agents, names))
    }
}

/// Whole seconds until then.
fn left(end: Instant) -> u64 {
    end.saturating_duration_since(Instant::now()).as_millis().div_ceil(1000) as u64
}

fn late(seconds: u64) -> Duration {
    Duration::from_secs(seconds) + LATENESS
}
