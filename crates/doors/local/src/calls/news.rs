//! Waiting for news: questions to the caller, answers to its own, keys it read that have changed.
//!
//! The caller's cursor is a position of the log. Without one it is told what is open now, and goes on from there. A
//! caller that is far behind is led up to the end of the log in as many calls as it takes.

use std::sync::Arc;

use client::protocol::{News, Stale, Wait};
use hall::Page;
use model::questions::Question;
use model::{Fact, Position, QuestionId};
use tokio::time::Instant;

use super::list::Weight;
use super::{unreadable, until};
use crate::caller::Caller;
use crate::refused::Refused;
use crate::told;

pub(super) async fn wait(caller: &Caller, wait: Wait) -> Result<News, Refused> {
    let end = until(wait.seconds)?;
    let mut found = Found::default();
    let start = {
        let state = caller.workspace.state();
        if wait.after.is_none() {
            found.asked.extend(state.questions.open().filter(|q| caller.is_asked(q)).map(|q| q.id.clone()));
        }
        // A position of another life of the log may lie beyond its end.
        wait.after.map_or(state.position(), |after| Position(after).min(state.position()))
    };
    let mut follower = caller.workspace.follow(start);
    loop {
        while found.is_empty() && follower.is_behind() {
            let page = follower.take().await.map_err(unreadable)?;
            found.look(caller, &page);
            if page.is_empty() || Instant::now() >= end {
                break;
            }
        }
        let news = found.tell(caller, follower.position())?;
        if !(news.questions.is_empty() && news.answers.is_empty() && news.stale.is_empty()) {
            return Ok(news);
        }
        // What was found has gone again, such as a question that somebody else has answered.
        found = Found::default();
        tokio::select! {
            biased;
            () = caller.ending.cancelled() => return Ok(news),
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
    answers: Vec<Arc<Question>>,
}

impl Found {
    fn is_empty(&self) -> bool {
        self.asked.is_empty() && self.answers.is_empty()
    }

    fn look(&mut self, caller: &Caller, page: &Page) {
        for entry in page {
            match entry.fact() {
                Fact::QuestionAsked(question) | Fact::QuestionPassed(question)
                    if caller.is_asked(question) =>
                {
                    self.asked.retain(|id| *id != question.id);
                    self.asked.push(question.id.clone());
                }
                Fact::QuestionAnswered(question) | Fact::QuestionFailed(question)
                    if caller.has_asked(question) =>
                {
                    self.answers.retain(|answer| answer.id != question.id);
                    self.answers.push(question.clone());
                }
                _ => {}
            }
        }
    }

    fn tell(&self, caller: &Caller, position: Position) -> Result<News, Refused> {
        let state = caller.workspace.state();
        let mut weight = Weight::default();
        let still_open = self.asked.iter().filter_map(|id| state.questions.get(id));
        let questions = still_open.filter(|question| caller.is_asked(question));
        let mut tell = |question: &Arc<Question>| {
            weight.add(question.text.bytes())?;
            Ok(told::question(question))
        };
        let questions = questions.map(&mut tell).collect::<Result<_, Refused>>()?;
        let answers = self.answers.iter().map(&mut tell).collect::<Result<_, Refused>>()?;
        let stale: Vec<Stale> = caller
            .agent
            .iter()
            .flat_map(|member| {
                state.context.stale_reads(&member.agent).map(|(key, read, now)| Stale {
                    key: key.to_string(),
                    read,
                    now,
                })
            })
            .collect();
        let stale = caller.told.lock().expect("nothing panics while it is held").news(stale);
        Ok(News { position: position.0, questions, answers, stale })
    }
}
