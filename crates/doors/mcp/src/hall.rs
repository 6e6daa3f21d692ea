//! The hall behind the bridge: typed calls, all those of one tool with one end, and news that is told until it is heard.

use std::mem;
use std::path::Path;
use std::sync::{Arc, RwLock};
use std::time::Duration;

use client::protocol::{
    Call, Changed, Empty, ErrorCode, Hello, Inbox, Listing, Mail, Marked, News, Question, QuestionStatus,
    Questions, Speaker, Stage, Ticket, Took, VERSION, Wait, Welcome,
};
use client::{CallError, Reconnecting};
use rmcp::model::RequestId;
use serde::de::DeserializeOwned;
use tokio::sync::{Mutex, MutexGuard};
use tokio::time::{Instant, timeout, timeout_at};
use tokio_util::sync::CancellationToken;

use crate::Options;
use crate::authors::Authors;
use crate::evidence::{Evidence, Mailbox};
use crate::limits::{EVIDENCE, FOOTER_MESSAGES, LEAVING};
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
    options: Options,
    presence: RwLock<Presence>,
    cursor: Mutex<Cursor>,
    evidence: Arc<Evidence>,
    hung_up: CancellationToken,
}

/// The agent as it is known in the hall: it is there as long as its connection is.
#[derive(Clone)]
struct Presence {
    name: String,
    client: Reconnecting,
}

impl Presence {
    /// Begins to dial under this name.
    fn begin(options: &Options, name: String) -> Self {
        let Options { socket, role, repo_path, instance, workspace, wait_for_server, .. } = options.clone();
        let speaker = Speaker::Agent { name: name.clone(), role, repo_path, instance, member: None };
        let hello = Hello { version: VERSION, workspace, speaker };
        Self { name, client: Reconnecting::new(socket, hello, wait_for_server) }
    }

    /// Ends it at once, rather than once the hall has waited for its return. A hall that does not hear of it will do so.
    async fn end(&self) {
        if self.client.welcome().is_none() {
            return;
        }
        match timeout(LEAVING, self.client.call::<Changed>(Call::Leave(Empty {}))).await {
            Ok(Ok(_)) => {}
            Ok(Err(why)) => tracing::debug!(%why, "the hall does not hear that the agent has left"),
            Err(_) => tracing::debug!("the hall is slow to hear that the agent has left"),
        }
    }
}

/// How far in the log the agent was told what there is for it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Cursor {
    /// In which life of the log: positions of another mean nothing.
    incarnation: String,
    /// `None` before the first time.
    position: Option<u64>,
}

impl Cursor {
    /// In which life of the log it stands.
    pub(crate) fn incarnation(&self) -> &str {
        &self.incarnation
    }
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
        let presence = RwLock::new(Presence::begin(&options, options.name.clone()));
        Self { options, presence, cursor: Mutex::default(), evidence: Arc::default(), hung_up }
    }

    /// What results have shown of the agent's mail.
    pub(crate) fn evidence(&self) -> Arc<Evidence> {
        self.evidence.clone()
    }

    /// The host has hung up: the agent is not here any more.
    pub(crate) async fn leave(&self) {
        self.presence().end().await;
    }

    /// The agent's name.
    pub(crate) fn name(&self) -> String {
        self.presence().name
    }

    /// The workspace's name.
    pub(crate) fn workspace(&self) -> &str {
        self.options.workspace.as_deref().unwrap_or("default")
    }

    fn presence(&self) -> Presence {
        self.presence.read().expect("nothing panics while it is held").clone()
    }

    fn client(&self) -> Reconnecting {
        self.presence().client
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
        let text =
            [notices::notice(&news, outcome), trouble].into_iter().flatten().collect::<Vec<_>>().join("\n");
        Telling { cursor, next, text: Some(text).filter(|text| !text.is_empty()) }
    }

    /// A call begins, so the model had what earlier results showed it: says so to the hall. What cannot be said now is
    /// said when the next call begins; this one goes on in any case.
    pub(crate) async fn settle(&self) {
        let Some((mailbox, receipt)) = self.evidence.owed() else { return };
        let Presence { name, client } = self.presence();
        let said = async {
            if name == mailbox.owner && client.introduced().await?.incarnation == mailbox.incarnation {
                let stages = [(&receipt.whole, Stage::InContext), (&receipt.begun, Stage::Delivered)];
                for (places, stage) in stages.into_iter().filter(|(places, _)| !places.is_empty()) {
                    let took = Took { receipt: places.clone(), stage };
                    let Marked { .. } = client.call(Call::Took(took)).await?;
                }
            }
            Ok(())
        };
        match timeout(EVIDENCE, said).await {
            Ok(Ok(())) => self.evidence.settled(&mailbox, &receipt),
            Ok(Err(why)) if is_for_good(&why) => {
                tracing::warn!(%why, "the hall does not take what was shown for taken");
                self.evidence.settled(&mailbox, &receipt);
            }
            Ok(Err(why)) => tracing::debug!(%why, "what was shown is said later"),
            Err(_) => tracing::debug!("the hall is slow: what was shown is said later"),
        }
    }

    /// This outcome of a call goes out to the host now.
    pub(crate) fn showed(&self, request: &RequestId, outcome: &Result<Outcome, Failure>) {
        if let Ok(outcome) = outcome {
            self.evidence.showed(request, &outcome.mail);
        }
    }

    /// What waits, for a line at the end of a finished call; `None` if it cannot be said at once.
    pub(crate) async fn glance(&self) -> Option<Mail> {
        let client = self.client();
        let look = Call::Inbox(Inbox { limit: Some(FOOTER_MESSAGES) });
        match timeout(NEWS, client.call(look)).await {
            Ok(Ok(mail)) => Some(mail),
            Ok(Err(why)) => {
                tracing::debug!(%why, "what waits is not known");
                None
            }
            Err(_) => None,
        }
    }

    /// Looks once, or waits, for news behind a cursor: what there is, and the cursor behind it.
    async fn look(&self, cursor: &Cursor, seconds: u64) -> Result<(News, Cursor), CallError> {
        let client = self.client();
        let incarnation = client.introduced().await?.incarnation;
        let after = cursor.position.filter(|_| cursor.incarnation == incarnation);
        let news: News = client.call(Call::Wait(Wait { wait_seconds: seconds, after })).await?;
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
    pub(crate) fn name(&self) -> String {
        self.hall.name()
    }

    /// The directory the agent works in.
    pub(crate) fn directory(&self) -> &Path {
        Path::new(&self.hall.options.repo_path)
    }

    /// The hall's unix socket.
    pub(crate) fn socket(&self) -> &Path {
        &self.hall.options.socket
    }

    /// Which mailbox a call reads that is made after this. If the log begins another life meanwhile, or the agent another
    /// name, what is shown of it is of a mailbox that is no more, and nothing is claimed.
    pub(crate) async fn mailbox(&self) -> Result<Mailbox, Failure> {
        let owner = self.name();
        Ok(Mailbox { incarnation: self.introduced().await?.incarnation, owner })
    }

    /// Whether a result has shown this message of a mailbox before.
    pub(crate) fn was_shown(&self, mailbox: &Mailbox, number: u64) -> bool {
        self.hall.evidence.was_shown(mailbox, number)
    }

    /// Where the reading of a message goes on that is longer than a result, in characters from its beginning.
    pub(crate) fn read_up_to(&self, mailbox: &Mailbox, number: u64) -> usize {
        self.hall.evidence.read_up_to(mailbox, number)
    }

    /// Introduces the agent under another name. The old presence ends once the new one is let in; if it is not, the old
    /// one stays.
    pub(crate) async fn rename(&self, name: String) -> Result<Welcome, Failure> {
        let presence = Presence::begin(&self.hall.options, name);
        let welcome = self.in_time(presence.client.introduced()).await?;
        let old = {
            let mut cursor = self.hall.cursor.lock().await;
            *cursor = Cursor::default();
            let mut now = self.hall.presence.write().expect("nothing panics while it is held");
            mem::replace(&mut *now, presence)
        };
        old.end().await;
        Ok(welcome)
    }

    /// Resolves when the host has closed its side.
    pub(crate) async fn hung_up(&self) {
        self.hall.hung_up.cancelled().await;
    }

    /// Makes a call.
    pub(crate) async fn call<T: DeserializeOwned>(&self, call: Call) -> Result<T, Failure> {
        let client = self.hall.client();
        self.in_time(client.call(call)).await
    }

    /// Who the agent is as the hall has it.
    pub(crate) async fn introduced(&self) -> Result<Welcome, Failure> {
        let client = self.hall.client();
        self.in_time(client.introduced()).await
    }

    /// All that a tool does has one end: its own time, a hall that is not there yet, and a hall that is slow.
    async fn in_time<T>(&self, what: impl Future<Output = Result<T, CallError>>) -> Result<T, Failure> {
        let limit = self.hall.options.wait_for_server + SILENCE.max(self.waits + LATENESS);
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
            let over = self.left() == 0 && (!news.behind || self.began.elapsed() > self.waits + NEWS);
            if !news.is_empty() || over {
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

/// Whether the hall would say the same the next time.
fn is_for_good(why: &CallError) -> bool {
    match why.code() {
        None | Some(ErrorCode::Unavailable | ErrorCode::TooMany | ErrorCode::Unknown) => false,
        Some(
            ErrorCode::BadRequest
            | ErrorCode::NotIntroduced
            | ErrorCode::Forbidden
            | ErrorCode::NotFound
            | ErrorCode::Conflict
            | ErrorCode::TooLarge,
        ) => true,
    }
}
