//! Waiting for news: questions to the caller, answers to its own, keys it read that have changed.
//!
//! The caller's cursor is a position of the log, and it alone decides what is news: what lies between it and the
//! position that is told with the answer. So an answer that is lost on its way is no loss: whoever asks again from
//! the same cursor hears the same. Without a cursor the caller is told what is open and stale now, and goes on from
//! there. A caller that is far behind is led up to the end of the log in as many calls as it takes.

use std::sync::Arc;

use client::protocol::{self as wire, News, Stale, Wait};
use hall::{Page, Workspace};
use model::questions::Question;
use model::{Fact, Position, QuestionId};
use tokio::time::Instant;

use super::list::PAGE_BYTES;
use super::questions::newest_that_fit;
use super::{Request, unreadable, until};
use crate::caller::Caller;
use crate::limits;
use crate::refused::Refused;
use crate::told;

pub(super) async fn wait(Request { caller, ending, .. }: Request<'_>, wait: Wait) -> Result<News, Refused> {
    let end = until(wait.wait_seconds)?;
    let mut found = Found::default();
    if wait.after.is_none() {
        found.waiting = caller.workspace.waiting(&caller.party().id).await?.messages.len();
    }
    let start = {
        let state = caller.workspace.state();
        if wait.after.is_none() {
            let open = state.questions.open().filter(|question| caller.is_asked(question));
            found.asked.extend(open.map(|question| question.id.clone()));
        }
        // A position of another life of the log may lie beyond its end.
        wait.after.map_or(state.position(), |after| Position(after).min(state.position()))
    };
    // Where what was not told yet begins.
    let after = wait.after.map(|_| start);
    let mut follower = caller.workspace.follow(start);
    loop {
        while found.is_empty() && follower.is_behind() {
            let page = follower.take().await.map_err(unreadable)?;
            let seen = found.look(caller, &page);
            if let Some(seen) = seen {
                follower = caller.workspace.follow(seen);
            }
            if page.is_empty() || Instant::now() >= end {
                break;
            }
        }
        let mut news = found.tell(caller, after, follower.position());
        news.behind = follower.is_behind();
        let nothing = news.is_empty();
        // What was found may have gone again, such as a question that somebody else has answered.
        found = Found::default();
        if !nothing || Instant::now() >= end {
            return Ok(news);
        }
        tokio::select! {
            biased;
            () = ending.cancelled() => return Ok(news),
            () = tokio::time::sleep_until(end) => return Ok(news),
            ready = follower.wait() => if ready.is_err() { return Ok(news) },
        }
    }
}

/// What a stretch of the log had for the caller.
#[derive(Default)]
struct Found {
    /// Questions that were put to it; they may be closed by now.
    asked: Vec<QuestionId>,
    /// Its own questions as they stood last in this stretch.
    answers: Vec<wire::Question>,
    /// Messages to it; they may be read by now.
    messages: Vec<(Position, wire::Message)>,
    /// How many wait, before any of these.
    waiting: usize,
    /// What all of these come to at most.
    weight: usize,
}

impl Found {
    fn is_empty(&self) -> bool {
        self.asked.is_empty() && self.answers.is_empty() && self.messages.is_empty() && self.waiting == 0
    }

    /// Looks through a page, up to where one more thing would not fit an answer: then, up to which event it has seen.
    fn look(&mut self, caller: &Caller, page: &Page) -> Option<Position> {
        let mut seen = None;
        let (me, now) = (caller.party().id, caller.door.hall.clock().now());
        let mailbox = caller.workspace.mailbox(&me);
        for entry in page {
            if let (Fact::MessageSent(message), Some(mailbox)) = (entry.fact(), &mailbox)
                && mailbox.is_for(&me, entry.position(), message)
                && !message.is_expired(now)
            {
                let told = told::message_excerpt(entry.position(), message);
                self.weight += told::message_weight(&told);
                if self.weight > PAGE_BYTES && !self.is_empty() {
                    return seen;
                }
                self.messages.push((entry.position(), told));
            }
            let concerns: Option<&Arc<Question>> = match entry.fact() {
                Fact::QuestionAsked(question) | Fact::QuestionPassed(question) => {
                    Some(question).filter(|question| caller.is_asked(question))
                }
                Fact::QuestionAnswered(question) | Fact::QuestionFailed(question) => {
                    Some(question).filter(|question| caller.has_asked(question))
                }
                _ => None,
            };
            if let Some(question) = concerns {
                let told = told::excerpt(question);
                self.weight += told::weight(&told);
                if self.weight > PAGE_BYTES && !self.is_empty() {
                    return seen;
                }
                if question.is_pending() {
                    self.asked.retain(|id| *id != question.id);
                    self.asked.push(question.id.clone());
                } else {
                    self.answers.retain(|answer| answer.id != told.id);
                    self.answers.push(told);
                }
            }
            seen = Some(entry.position());
        }
        None
    }

    fn tell(&mut self, caller: &Caller, after: Option<Position>, position: Position) -> News {
        let state = caller.workspace.state();
        let still_open = self.asked.iter().filter_map(|id| state.questions.get(id));
        let questions = still_open.filter(|question| caller.is_asked(question));
        let questions = questions.map(|question| told::excerpt(question)).collect();
        let (questions, left_out) = newest_that_fit(questions, limits::LIST);
        let mailbox = state.mailboxes.get(&caller.party().id);
        let unread = |place: &Position| mailbox.is_none_or(|mailbox| mailbox.is_unread(*place));
        let messages = std::mem::take(&mut self.messages).into_iter();
        let messages = messages.filter(|(place, _)| unread(place)).map(|(_, message)| message).collect();
        drop(state);
        let answers = std::mem::take(&mut self.answers);
        let stale = stale(caller, &caller.workspace, after, position);
        News {
            position: position.0,
            behind: false,
            left_out,
            questions,
            answers,
            stale,
            messages,
            waiting: self.waiting,
        }
    }
}

/// What an agent has read and is no longer so, if that came about in this stretch of the log: later changes are for the
/// next one.
fn stale(caller: &Caller, workspace: &Workspace, after: Option<Position>, position: Position) -> Vec<Stale> {
    let Some(member) = &caller.agent else { return Vec::new() };
    let state = workspace.state();
    let in_stretch = |key: &str| {
        let changed = state.context.newest_change(key);
        changed.is_some_and(|changed| after.is_none_or(|after| changed > after) && changed <= position)
    };
    let stale = state.context.stale_reads(&member.agent).filter(|(key, ..)| in_stretch(key));
    stale.map(|(key, read, now)| Stale { key: key.to_string(), read, now }).collect()
}
