//! What results have shown of the agent's mail, and when that may be said.
//!
//! That a result was written to the host is no evidence that a model had it: the host may have died, or dropped it. A later
//! call of a tool is, since the model makes it with the earlier result before it. So what a result showed is kept here once
//! it is on its way, and said to the hall when the next call begins: what was whole to be in context, and what only began
//! there to be delivered. A host that cancels a call drops its result,
//! also one that has been written already: what that showed is taken back.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard};

use rmcp::model::RequestId;

use crate::limits::{OWED, REMEMBERED};

/// Places of a mailbox, from the first to the second.
pub(crate) type Stretch = (u64, u64);

/// Which mailbox, in which life of the log: the numbers of another mean nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Mailbox {
    pub(crate) incarnation: String,
    /// The name the agent has in the hall.
    pub(crate) owner: String,
}

/// What one result shows of the agent's mail.
#[derive(Debug, Default)]
pub(crate) struct MailShown {
    /// Whose.
    pub(crate) mailbox: Mailbox,
    /// The messages in it, whole or not.
    pub(crate) numbers: Vec<u64>,
    /// The places of those that are whole.
    pub(crate) receipt: Vec<Stretch>,
    /// The places of those of which it shows the beginning, and says how to read on.
    pub(crate) begun: Vec<Stretch>,
    /// How many waiting messages it speaks of, those it only counts included.
    pub(crate) told: usize,
    /// What it shows of one that is longer than a result may be, and is read part by part.
    pub(crate) part: Option<Part>,
}

/// A part of a message, in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Part {
    /// Which message.
    pub(crate) number: u64,
    /// How many characters come before it.
    pub(crate) from: usize,
    /// How many there are up to its end.
    pub(crate) to: usize,
    /// How many the message has.
    pub(crate) all: usize,
}

impl Part {
    /// Whether nothing comes after it.
    pub(crate) fn is_last(&self) -> bool {
        self.to == self.all
    }
}

/// What all results have shown so far.
#[derive(Debug, Default)]
pub(crate) struct Evidence(Mutex<Shown>);

#[derive(Debug, Default)]
struct Shown {
    mailbox: Mailbox,
    /// Not yet said to the hall, the newest result last.
    owed: VecDeque<Owed>,
    /// Numbers of messages shown, the newest last.
    numbers: VecDeque<u64>,
    /// The newest part of a long message, and the call that showed it.
    reading: Option<(RequestId, Part)>,
}

/// What the result of one call showed.
#[derive(Debug)]
struct Owed {
    request: RequestId,
    receipt: Receipt,
}

/// Places of messages, by how much of them was shown.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Receipt {
    /// All.
    pub(crate) whole: Vec<Stretch>,
    /// The beginning.
    pub(crate) begun: Vec<Stretch>,
}

impl Receipt {
    fn len(&self) -> usize {
        self.whole.len() + self.begun.len()
    }

    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether all of another lies in this one.
    fn covers(&self, other: &Self) -> bool {
        let within = |ours: &[Stretch], theirs: &[Stretch]| {
            theirs.iter().all(|(first, last)| ours.iter().any(|(from, to)| from <= first && last <= to))
        };
        within(&self.whole, &other.whole) && within(&self.begun, &other.begun)
    }
}

impl Evidence {
    /// The result of this call is on its way to the host.
    pub(crate) fn showed(&self, request: &RequestId, mail: &MailShown) {
        if mail.numbers.is_empty() {
            return;
        }
        let mut shown = self.lock();
        if shown.mailbox != mail.mailbox {
            *shown = Shown { mailbox: mail.mailbox.clone(), ..Shown::default() };
        }
        for number in &mail.numbers {
            if !shown.numbers.contains(number) {
                shown.numbers.push_back(*number);
            }
        }
        let forgotten = shown.numbers.len().saturating_sub(REMEMBERED);
        shown.numbers.drain(..forgotten);
        if let Some(part) = mail.part {
            shown.reading = Some((request.clone(), part));
        }
        let receipt = Receipt { whole: mail.receipt.clone(), begun: mail.begun.clone() };
        if !receipt.is_empty() {
            shown.owed.push_back(Owed { request: request.clone(), receipt });
        }
        while shown.owed.iter().map(|owed| owed.receipt.len()).sum::<usize>() > OWED {
            shown.owed.pop_front();
        }
    }

    /// The host has cancelled this call, so no model has its result, or will have.
    pub(crate) fn withdrawn(&self, request: &RequestId) {
        let mut shown = self.lock();
        shown.owed.retain(|owed| owed.request != *request);
        if let Some((_, part)) = shown.reading.as_mut().filter(|(by, _)| by == request) {
            part.to = part.from;
        }
    }

    /// Where the reading of this message goes on, in characters from its beginning.
    pub(crate) fn read_up_to(&self, mailbox: &Mailbox, number: u64) -> usize {
        let shown = self.lock();
        let reading = shown.reading.as_ref().filter(|_| shown.mailbox == *mailbox);
        reading.filter(|(_, part)| part.number == number && !part.is_last()).map_or(0, |(_, part)| part.to)
    }

    /// Whether a result has shown this message before.
    pub(crate) fn was_shown(&self, mailbox: &Mailbox, number: u64) -> bool {
        let shown = self.lock();
        shown.mailbox == *mailbox && shown.numbers.contains(&number)
    }

    /// What is to be said to the hall, and of which mailbox.
    pub(crate) fn owed(&self) -> Option<(Mailbox, Receipt)> {
        let shown = self.lock();
        let all = |of: fn(&Receipt) -> &[Stretch]| {
            joined(shown.owed.iter().flat_map(|owed| of(&owed.receipt).iter().copied()))
        };
        let receipt = Receipt { whole: all(|receipt| &receipt.whole), begun: all(|receipt| &receipt.begun) };
        (!receipt.is_empty()).then(|| (shown.mailbox.clone(), receipt))
    }

    /// This need not be said any more.
    pub(crate) fn settled(&self, mailbox: &Mailbox, receipt: &Receipt) {
        let mut shown = self.lock();
        if shown.mailbox == *mailbox {
            shown.owed.retain(|owed| !receipt.covers(&owed.receipt));
        }
    }

    fn lock(&self) -> MutexGuard<'_, Shown> {
        self.0.lock().expect("nothing panics while it is held")
    }
}

/// In order, without those that lie in others.
fn joined(stretches: impl Iterator<Item = Stretch>) -> Vec<Stretch> {
    let mut stretches: Vec<_> = stretches.collect();
    stretches.sort_unstable();
    let mut joined: Vec<Stretch> = Vec::new();
    for (first, last) in stretches {
        match joined.last_mut() {
            Some((_, end)) if first <= end.saturating_add(1) => *end = last.max(*end),
            _ => joined.push((first, last)),
        }
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mailbox(incarnation: &str) -> Mailbox {
        Mailbox { incarnation: incarnation.into(), owner: "web".into() }
    }

    fn mail(incarnation: &str, numbers: &[u64], receipt: &[Stretch]) -> MailShown {
        let (numbers, receipt) = (numbers.into(), receipt.into());
        MailShown { mailbox: mailbox(incarnation), numbers, receipt, ..MailShown::default() }
    }

    fn whole(stretches: &[Stretch]) -> Receipt {
        Receipt { whole: stretches.into(), begun: vec![] }
    }

    fn call(id: u32) -> RequestId {
        RequestId::Number(id.into())
    }

    #[test]
    fn what_was_shown_is_owed_until_it_is_settled() {
        let evidence = Evidence::default();
        assert_eq!(evidence.owed(), None);
        evidence.showed(&call(1), &mail("a", &[3, 9], &[(3, 3)]));
        evidence.showed(&call(2), &mail("a", &[4, 7], &[(4, 7)]));
        assert_eq!(evidence.owed(), Some((mailbox("a"), whole(&[(3, 7)]))));
        assert!(
            evidence.was_shown(&mailbox("a"), 9)
                && !evidence.was_shown(&mailbox("a"), 5)
                && !evidence.was_shown(&mailbox("b"), 9)
        );
        evidence.settled(&mailbox("b"), &whole(&[(3, 7)]));
        assert!(evidence.owed().is_some(), "another life's evidence settles nothing");
        evidence.showed(&call(3), &mail("a", &[20], &[(20, 20)]));
        evidence.settled(&mailbox("a"), &whole(&[(3, 7)]));
        assert_eq!(
            evidence.owed(),
            Some((mailbox("a"), whole(&[(20, 20)]))),
            "what came meanwhile is still owed"
        );
    }

    #[test]
    fn what_only_began_is_owed_beside_what_was_whole() {
        let evidence = Evidence::default();
        evidence.showed(&call(1), &MailShown { begun: vec![(5, 5)], ..mail("a", &[3, 5], &[(3, 3)]) });
        let owed = Receipt { whole: vec![(3, 3)], begun: vec![(5, 5)] };
        assert_eq!(evidence.owed(), Some((mailbox("a"), owed.clone())));
        evidence.settled(&mailbox("a"), &whole(&[(3, 5)]));
        assert!(evidence.owed().is_some(), "nobody has said of the second that it was delivered");
        evidence.settled(&mailbox("a"), &owed);
        assert_eq!(evidence.owed(), None);
    }

    #[test]
    fn what_a_cancelled_call_showed_is_taken_back() {
        let evidence = Evidence::default();
        evidence.showed(&call(1), &mail("a", &[3, 4], &[(3, 4)]));
        evidence.showed(&call(2), &mail("a", &[4, 5], &[(4, 5)]));
        evidence.withdrawn(&call(1));
        assert_eq!(evidence.owed(), Some((mailbox("a"), whole(&[(4, 5)]))), "the other showed that too");
        assert!(evidence.was_shown(&mailbox("a"), 3), "it may have come to somebody's eyes");
        evidence.withdrawn(&call(2));
        assert_eq!(evidence.owed(), None);
    }

    #[test]
    fn reading_goes_on_behind_the_newest_part_that_came() {
        let evidence = Evidence::default();
        let part = |from, to| MailShown {
            part: Some(Part { number: 3, from, to, all: 30 }),
            ..mail("a", &[3], &[])
        };
        assert_eq!(evidence.read_up_to(&mailbox("a"), 3), 0);
        evidence.showed(&call(1), &part(0, 10));
        evidence.showed(&call(2), &part(10, 20));
        assert_eq!((evidence.read_up_to(&mailbox("a"), 3), evidence.read_up_to(&mailbox("a"), 4)), (20, 0));
        evidence.withdrawn(&call(2));
        assert_eq!(evidence.read_up_to(&mailbox("a"), 3), 10);
        evidence.showed(&call(3), &part(10, 30));
        assert_eq!(evidence.read_up_to(&mailbox("a"), 3), 0, "from the beginning, if it is offered again");
    }

    #[test]
    fn another_life_of_the_log_begins_anew() {
        let evidence = Evidence::default();
        evidence.showed(&call(1), &mail("a", &[3], &[(3, 3)]));
        evidence.showed(&call(2), &mail("b", &[4], &[(4, 4)]));
        assert_eq!(evidence.owed(), Some((mailbox("b"), whole(&[(4, 4)]))));
        assert!(!evidence.was_shown(&mailbox("b"), 3));
        let renamed = Mailbox { owner: "ui".into(), ..mailbox("b") };
        let shown = MailShown { mailbox: renamed.clone(), ..mail("b", &[9], &[(9, 9)]) };
        evidence.showed(&call(3), &shown);
        assert_eq!(evidence.owed(), Some((renamed, whole(&[(9, 9)]))), "another name has another mailbox");
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let evidence = Evidence::default();
        for number in (0..20_000).step_by(2) {
            evidence.showed(&call(1), &mail("a", &[number], &[(number, number)]));
        }
        assert_eq!(evidence.owed().unwrap().1.len(), OWED);
        assert!(evidence.was_shown(&mailbox("a"), 19_998) && !evidence.was_shown(&mailbox("a"), 0));
    }
}
