//! Questions and answers: to agents, roles or people; with options, a deadline, and what happens when it passes.
//!
//! Only open questions are kept in the state. One that was answered or given up is read from the read model.

use std::sync::Arc;
use std::time::Duration;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use crate::address::Address;
use crate::event::Fact;
use crate::ids::{MemberId, QuestionId};
use crate::limits;
use crate::names::Principal;
use crate::refusal::Refusal;
use crate::roster::{Membership, Roster};
use crate::text::Text;
use crate::time::Timestamp;

/// A question, whole, as it stands after some event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Question {
    /// Its id, and the ticket its asker holds.
    pub id: QuestionId,
    /// What is asked.
    pub text: Text,
    /// Who asks, as claimed.
    pub from: MemberId,
    /// The asker's name, if it is here, or the person's.
    pub from_name: Arc<str>,
    /// For whom it is; for everybody if empty. With [`OnTimeout::Next`], one after the other.
    pub to: Arc<[Address]>,
    /// The membership that clients see as addressee, who know only memberships.
    pub to_member: Option<MemberId>,
    /// Answers to choose from; any text may be answered all the same.
    pub options: Arc<[String]>,
    /// When it was put.
    pub asked_at: Timestamp,
    /// What happens if nobody answers in time; `None` if it may wait for ever.
    pub patience: Option<Patience>,
    /// How it stands.
    pub status: Status,
}

/// How long a question waits, and then.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Patience {
    /// How long each addressee has, in milliseconds.
    pub wait_ms: u64,
    /// When the time of the present addressee is over.
    pub deadline: Timestamp,
    /// What happens then.
    pub then: OnTimeout,
}

/// What happens when a deadline passes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnTimeout {
    /// This answer is given in the hall's name.
    Default(Text),
    /// The next of `to` is asked, with the same time; after the last the question fails.
    Next,
    /// It goes to the people, and waits for one of them without a deadline.
    Human,
    /// The question is given up.
    Fail,
}

/// How a question stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Waiting; `turn` counts the addressees that let their time pass.
    Pending {
        /// How many addressees let their time pass.
        turn: u32,
    },
    /// Answered.
    Answered(Answered),
    /// Given up at the deadline.
    Failed {
        /// When.
        at: Timestamp,
    },
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Answered {
    /// What was answered.
    pub answer: Text,
    /// By whom, as claimed; [`MemberId::hall`] if it is the default.
    pub by: MemberId,
    /// The answerer's name, if it is here; else as [`name_without_membership`] has it.
    pub by_name: Arc<str>,
    /// When.
    pub at: Timestamp,
}

/// Puts a question.
#[derive(Debug, Clone, Serialize)]
pub struct Ask {
    /// What is asked.
    pub text: Text,
    /// The author.
    pub author: MemberId,
    /// For whom; for everybody if empty.
    pub to: Arc<[Address]>,
    /// Answers to choose from.
    pub options: Arc<[String]>,
    /// How long it waits, and then; for ever if absent.
    pub patience: Option<(Duration, OnTimeout)>,
}

/// Answers a question, also one that was answered before.
#[derive(Debug, Clone, Serialize)]
pub struct Answer {
    /// Which.
    pub question: QuestionId,
    /// What is answered.
    pub answer: Text,
    /// The author.
    pub author: MemberId,
    /// Whether the hall knows that a person answers, by what they have shown.
    pub person: bool,
    /// The question from the read model, if it is no longer open. What is used of it never changes.
    #[serde(skip)]
    pub known: Option<Arc<Question>>,
}

/// A deadline has passed. No event if the question was answered, or has a later deadline by now.
#[derive(Debug, Clone, Serialize)]
pub struct TimeOut {
    /// Which.
    pub question: QuestionId,
}

impl Question {
    /// Whom it waits for now: all of `to`, or the one whose turn it is.
    pub fn asked_now(&self) -> &[Address] {
        let turn = match (&self.status, &self.patience) {
            (Status::Pending { turn }, Some(Patience { then: OnTimeout::Next, .. })) => *turn as usize,
            _ => return &self.to,
        };
        &self.to[turn.min(self.to.len())..self.to.len().min(turn + 1)]
    }

    /// Whether only a person may answer it, if `author` is the one who wants to. What is asked of people only people
    /// answer; a member that is asked beside them may be first, and may not change what was answered.
    pub fn needs_a_person(&self, author: Option<&Membership>) -> bool {
        let asked = self.asked_now();
        let of_people =
            asked.iter().any(|address| matches!(address, Address::Person(_) | Address::AnyPerson));
        let is_asked = |member: &Membership| asked.iter().any(|address| address.reaches(member));
        of_people && !(self.is_pending() && author.is_some_and(is_asked))
    }

    /// Whether it waits for an answer.
    pub fn is_pending(&self) -> bool {
        matches!(self.status, Status::Pending { .. })
    }
}

/// The questions that wait for an answer.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Questions {
    open: IndexMap<QuestionId, Arc<Question>>,
    bytes: usize,
}

impl Questions {
    /// All open questions, in the order they were put.
    pub fn open(&self) -> impl ExactSizeIterator<Item = &Arc<Question>> {
        self.open.values()
    }

    /// An open question.
    pub fn get(&self, id: &QuestionId) -> Option<&Arc<Question>> {
        self.open.get(id)
    }

    pub(crate) fn ask(
        &self,
        id: QuestionId,
        by: &Principal,
        at: Timestamp,
        now: Timestamp,
        roster: &Roster,
        ask: &Ask,
    ) -> Result<Vec<Fact>, Refusal> {
        Refusal::unless_prose_fits("question", &ask.text)?;
        let options: usize = ask.options.iter().map(String::len).sum();
        if options > limits::PROSE_BYTES {
            return Err(Refusal::TooLarge { what: "options", bytes: options, limit: limits::PROSE_BYTES });
        }
        if ask.to.len() > limits::CHOICES || ask.options.len() > limits::CHOICES {
            return Err(Refusal::Invalid(format!(
                "a question has at most {} addressees and options",
                limits::CHOICES
            )));
        }
        let full = |what, limit| Err(Refusal::Full { what, limit, remedy: "answer some of them first" });
        if self.open.len() >= limits::OPEN_QUESTIONS {
            return full("open questions", limits::OPEN_QUESTIONS);
        }
        if self.bytes + ask.text.bytes() > limits::OPEN_QUESTION_BYTES {
            return full("bytes of open questions", limits::OPEN_QUESTION_BYTES);
        }
        let patience = match &ask.patience {
            None => None,
            Some((wait, then)) => Some(patience(now, *wait, then, &ask.to)?),
        };
        Ok(vec![Fact::QuestionAsked(Arc::new(Question {
            id,
            text: ask.text.clone(),
            from: ask.author.clone(),
            from_name: name_of(roster, &ask.author, by),
            to: ask.to.clone(),
            to_member: member_of(roster, first_asked(&ask.to, patience.as_ref())),
            options: ask.options.clone(),
            asked_at: at,
            patience,
            status: Status::Pending { turn: 0 },
        }))])
    }

    pub(crate) fn answer(
        &self,
        by: &Principal,
        at: Timestamp,
        roster: &Roster,
        answer: &Answer,
    ) -> Result<Vec<Fact>, Refusal> {
        Refusal::unless_prose_fits("answer", &answer.answer)?;
        let Some(question) = self.open.get(&answer.question).or(answer.known.as_ref()) else {
            return Err(Refusal::NotFound { what: "Question", id: answer.question.to_string() });
        };
        let author = roster.get(&answer.author).filter(|member| member.principal == *by);
        if !answer.person && question.needs_a_person(author.map(|member| &**member)) {
            return Err(Refusal::Forbidden(
                "this waits for a person, who answers it with `guildhall answer` at a terminal of their own"
                    .into(),
            ));
        }
        let answered = Answered {
            answer: answer.answer.clone(),
            by: answer.author.clone(),
            by_name: name_of(roster, &answer.author, by),
            at,
        };
        Ok(vec![Fact::QuestionAnswered(with_status(question, Status::Answered(answered)))])
    }

    pub(crate) fn time_out(
        &self,
        at: Timestamp,
        now: Timestamp,
        roster: &Roster,
        time_out: &TimeOut,
    ) -> Vec<Fact> {
        let Some(question) = self.open.get(&time_out.question) else { return vec![] };
        let (Some(patience), Status::Pending { turn }) = (&question.patience, &question.status) else {
            return vec![];
        };
        if now < patience.deadline {
            return vec![];
        }
        vec![match &patience.then {
            OnTimeout::Default(answer) => {
                let answered =
                    Answered { answer: answer.clone(), by: MemberId::hall(), by_name: "hall".into(), at };
                Fact::QuestionAnswered(with_status(question, Status::Answered(answered)))
            }
            OnTimeout::Next if (*turn as usize) + 1 < question.to.len() => {
                let deadline = now.after(Duration::from_millis(patience.wait_ms));
                let next = &question.to[*turn as usize + 1];
                Fact::QuestionPassed(Arc::new(Question {
                    to_member: member_of(roster, std::slice::from_ref(next)),
                    patience: Some(Patience { deadline, ..patience.clone() }),
                    status: Status::Pending { turn: turn + 1 },
                    ..Question::clone(question)
                }))
            }
            OnTimeout::Human => Fact::QuestionPassed(Arc::new(Question {
                to: [Address::AnyPerson].into(),
                to_member: None,
                patience: None,
                status: Status::Pending { turn: turn + 1 },
                ..Question::clone(question)
            })),
            OnTimeout::Next | OnTimeout::Fail => {
                Fact::QuestionFailed(with_status(question, Status::Failed { at }))
            }
        }]
    }

    pub(crate) fn stands(&mut self, question: &Arc<Question>) {
        let before = if question.is_pending() {
            self.bytes += question.text.bytes();
            self.open.insert(question.id.clone(), question.clone())
        } else {
            self.open.shift_remove(&question.id)
        };
        self.bytes -= before.map_or(0, |before| before.text.bytes());
    }
}

/// Whom a new question waits for.
fn first_asked<'a>(to: &'a [Address], patience: Option<&Patience>) -> &'a [Address] {
    let in_turn = patience.is_some_and(|patience| patience.then == OnTimeout::Next);
    if in_turn { &to[..to.len().min(1)] } else { to }
}

/// The membership by which clients that know only memberships see these addressees.
fn member_of(roster: &Roster, to: &[Address]) -> Option<MemberId> {
    to.iter().find_map(|address| match address {
        Address::Member(id) => Some(id.clone()),
        address => roster.members().find(|member| address.reaches(member)).map(|member| member.id.clone()),
    })
}

/// How long a question waits, by the clock: an event's time may lie ahead of it, if the clock was set back since the last.
fn patience(now: Timestamp, wait: Duration, then: &OnTimeout, to: &[Address]) -> Result<Patience, Refusal> {
    let wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
    if wait_ms == 0 || wait_ms > limits::DEADLINE_MS {
        return Err(Refusal::Invalid("a deadline lies between one millisecond and 366 days ahead".into()));
    }
    match then {
        OnTimeout::Default(answer) => Refusal::unless_prose_fits("default answer", answer)?,
        OnTimeout::Next if to.is_empty() => {
            return Err(Refusal::Invalid(
                "on_timeout `next` needs the addressees to go through in `to`".into(),
            ));
        }
        OnTimeout::Next | OnTimeout::Human | OnTimeout::Fail => {}
    }
    Ok(Patience { wait_ms, deadline: now.after(wait), then: then.clone() })
}

fn with_status(question: &Question, status: Status) -> Arc<Question> {
    Arc::new(Question { status, ..question.clone() })
}

fn name_of(roster: &Roster, member: &MemberId, by: &Principal) -> Arc<str> {
    roster.get(member).map_or_else(|| name_without_membership(by), |member| member.name.clone())
}

/// What an author is called who has no membership: `person:NAME`, which is no agent's name, so that nobody is taken for
/// a person who is none. Principals under which many speak have their bare name.
pub fn name_without_membership(by: &Principal) -> Arc<str> {
    if by.is_shared() { by.as_str().into() } else { format!("person:{by}").into() }
}
