//! The hall behind the bridge: typed calls, all those of one tool with one end, and news that is told until it is heard.

use std::time::Duration;

use client::protocol::{
    Call, Hello, Listing, News, Question, QuestionStatus, Questions, Speaker, Ticket, VERSION, Wait, Welcome,
};
use client::{CallError, Reconnecting};
use serde::de::DeserializeOwned;
use tokio::sync::{Mutex, MutexGuard};
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;

use crate::Options;
use crate::authors::Authors;
use crate::notices;
use crate::outcome::{Failure, Outcome};

/// How long a hall that is connected may take over what does not wait. It takes milliseconds; this is for one that is
/// stopped or whose disk hangs.
const SILENCE: Duration = Duration::from_secs(10);
/// How much longer than asked for a hall may take over what waits. With the longest wait and the usual patience, hosts
/// hear of it before they give up themselves after a minute.
const LATENESS: Duration = Duration::from_secs(4);
/// How long a finished call is held up by the question whether there is news.
const NEWS: Duration = Duration::from_secs(1);

/// The hall, as the agent of this bridge sees it.
pub(crate) struct Hall {
    client: Reconnecting,
    patience: Duration,
    name: String,
    workspace: Option<String>,
    cursor: Mutex<Cursor>,
    hung_up: CancellationToken,
}

/// How far in the log the agent was told what there is for it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Cursor {
    /// In which life of the log: positions of another mean nothing.
    incarnation: String,
    /// `None` before the first time.
    position: Option<u64>,
}

/// What there is to tell at the end of a call.
pub(crate) struct Telling<'a> {
    /// Held until it is told, so that two calls that end together do not tell the same.
    cursor: MutexGuard<'a, Cursor>,
    next: Cursor,
    text: Option<String>,
}

impl Telling<'_> {
    /// It goes out with the answer now: from here on it counts as told.
    pub(crate) fn told(mut self) -> Option<String> {
        *self.cursor = self.next;
        self.text
    }
}

/// One tool's call, on its way through the hall.
pub(crate) struct Visit<'a> {
    hall: &'a Hall,
    began: Instant,
    /// How long it may wait for something to happen.
    waits: Duration,
}

impl Hall {
    /// Begins to dial, so that the agent is seen before its first call.
    /// `hung_up` is cancelled when the host has closed its side.
    pub(crate) fn new(options: Options, hung_up: CancellationToken) -> Self {
        let Options { socket, name, role, repo_path, instance, workspace, wait_for_server: patience } =
            options;
        let speaker = Speaker::Agent { name: name.clone(), role, repo_path, instance, member: None };
        let hello = Hello { version: VERSION, workspace: workspace.clone(), speaker };
        let client = Reconnecting::new(socket, hello, patience);
        Self { client, patience, name, workspace, cursor: Mutex::default(), hung_up }
    }

    /// The agent's name.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// The workspace's name.
    pub(crate) fn workspace(&self) -> &str {
        self.workspace.as_deref().unwrap_or("default")
    }

    /// A tool begins its call.
    pub(crate) fn visit(&self) -> Visit<'_> {
        Visit { hall: self, began: Instant::now(), waits: Duration::ZERO }
    }

    /// What there is to tell at the end of a call, but for what its outcome tells already.
    pub(crate) async fn notice(&self, outcome: Option<&Outcome>) -> Telling<'_> {
        let cursor = self.cursor.lock().await;
        let end = Instant::now() + NEWS;
        let heard = outcome.and_then(|outcome| outcome.heard.as_ref());
        let mut next = match heard {
            // Another call may have told what comes after that meanwhile.
            Some(heard) if heard.incarnation != cursor.incarnation => heard.clone(),
            Some(heard) => Cursor { position: heard.position.max(cursor.position), ..heard.clone() },
            None => cursor.clone(),
        };
        let (mut news, mut trouble) = (News::default(), None);
        loop {
            match timeout_at(end, self.look(&next, 0)).await {
                Ok(Ok((more, position))) => {
                    next = position;
                    notices::join(&mut news, more);
                    if !news.behind {
                        break;
                    }
                }
                // What is refused now would be refused each time, and nobody would hear of anything again.
                Ok(Err(why @ CallError::Refused { .. })) => {
                    trouble = Some(format!("note: what is new for you cannot be told: {why}"));
                    break;
                }
                Ok(Err(cause)) => {
                    tracing::debug!(%cause, "no news");
                    break;
                }
                Err(_) => break,
            }
        }
        let shown = outcome.map(|outcome| &outcome.shown);
        let text =
            [notices::notice(&news, shown), trouble].into_iter().flatten().collect::<Vec<_>>().join("\n");
        Telling { cursor, next, text: Some(text).filter(|text| !text.is_empty()) }
    }

    /// Looks once, or waits, for news behind a cursor: what there is, and the cursor behind it.
    async fn look(&self, cursor: &Cursor, seconds: u64) -> Result<(News, Cursor), CallError> {
        let incarnation = self.client.introduced().await?.incarnation;
        let after = cursor.position.filter(|_| cursor.incarnation == incarnation);
        let news: News = self.client.call(Call::Wait(Wait { wait_seconds: seconds, after })).await?;
        let position = Some(news.position);
        Ok((news, Cursor { incarnation, position }))
    }
}

impl Visit<'_> {
    /// This call may wait so long for something to happen.
    pub(crate) fn may_wait(&mut self, seconds: u64) {
        self.waits = Duration::from_secs(seconds);
    }

    /// The agent's name.
    pub(crate) fn name(&self) -> &str {
        self.hall.name()
    }

    /// Resolves when the host has closed its side.
    pub(crate) async fn hung_up(&self) {
        self.hall.hung_up.cancelled().await;
    }

    /// Makes a call.
    pub(crate) async fn call<T: DeserializeOwned>(&self, call: Call) -> Result<T, Failure> {
        self.in_time(self.hall.client.call(call)).await
    }

    /// Who the agent is as the hall has it.
    pub(crate) async fn introduced(&self) -> Result<Welcome, Failure> {
        self.in_time(self.hall.client.introduced()).await
    }

    /// All that a tool does has one end: its own time, a hall that is not there yet, and a hall that is slow.
    async fn in_time<T>(&self, what: impl Future<Output = Result<T, CallError>>) -> Result<T, Failure> {
        let limit = self.hall.patience + SILENCE.max(self.waits + LATENESS);
        match timeout_at(self.began + limit, what).await {
            Ok(outcome) => Ok(outcome?),
            Err(_) => Err(Failure::Silent(limit)),
        }
    }

    /// A question, once it is no longer open or the time to wait is over.
    pub(crate) async fn question(&self, ticket: &str) -> Result<Question, Failure> {
        loop {
            let look = Call::Question(Ticket { question: ticket.to_owned(), wait_seconds: self.left() });
            let question: Question = self.call(look).await?;
            // A hall that is about to close answers early.
            if question.status != QuestionStatus::Pending || self.left() == 0 {
                return Ok(question);
            }
        }
    }

    /// Waits for news: what there is, and up to where it was heard.
    pub(crate) async fn news(&self) -> Result<(News, Cursor), Failure> {
        // Not held while waiting: another call's notice may tell the same meanwhile, which is the lesser evil.
        let mut cursor = self.hall.cursor.lock().await.clone();
        loop {
            let (news, heard) = self.in_time(self.hall.look(&cursor, self.left())).await?;
            let nothing = news.questions.is_empty() && news.answers.is_empty() && news.stale.is_empty();
            let over = self.left() == 0 && (!news.behind || self.began.elapsed() > self.waits + NEWS);
            if !nothing || over {
                return Ok((news, heard));
            }
            cursor = heard;
        }
    }

    /// Whole seconds that are left of the time to wait.
    fn left(&self) -> u64 {
        self.waits.saturating_sub(self.began.elapsed()).as_millis().div_ceil(1000) as u64
    }

    /// Open questions that wait for the agent, long ones as excerpts.
    pub(crate) async fn open_questions(&self) -> Result<Listing<Question>, Failure> {
        self.call(Call::Questions(Questions { for_me: true, ..Questions::default() })).await
    }

    /// How to speak of authors.
    pub(crate) async fn authors(&self) -> Result<Authors, Failure> {
        Ok(Authors::new(self.introduced().await?.member))
    }
}
