//! What results have shown of the agent's mail, and when that may be said.
//!
//! That a result was written to the host is no evidence that a model had it: the host may have died, or dropped it. A later
//! call of a tool is, since the model makes it with the earlier result before it. So what a result showed whole is kept
//! here once it is on its way, and said to the hall when the next call begins.

use std::collections::VecDeque;
use std::mem;
use std::sync::{Mutex, MutexGuard};

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
    /// How many waiting messages it speaks of, those it only counts included.
    pub(crate) told: usize,
}

/// What all results have shown so far.
#[derive(Debug, Default)]
pub(crate) struct Evidence(Mutex<Shown>);

#[derive(Debug, Default)]
struct Shown {
    mailbox: Mailbox,
    /// Shown whole, and not yet said to the hall.
    owed: Vec<Stretch>,
    /// Numbers of messages shown, the newest last.
    numbers: VecDeque<u64>,
}

impl Evidence {
    /// A result is on its way to the host.
    pub(crate) fn showed(&self, mail: &MailShown) {
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
        shown.owed = joined(mem::take(&mut shown.owed).into_iter().chain(mail.receipt.iter().copied()));
        let forgotten = shown.owed.len().saturating_sub(OWED);
        shown.owed.drain(..forgotten);
    }

    /// Whether a result has shown this message before.
    pub(crate) fn was_shown(&self, mailbox: &Mailbox, number: u64) -> bool {
        let shown = self.lock();
        shown.mailbox == *mailbox && shown.numbers.contains(&number)
    }

    /// What is to be said to the hall, and of which mailbox.
    pub(crate) fn owed(&self) -> Option<(Mailbox, Vec<Stretch>)> {
        let shown = self.lock();
        (!shown.owed.is_empty()).then(|| (shown.mailbox.clone(), shown.owed.clone()))
    }

    /// This need not be said any more.
    pub(crate) fn settled(&self, mailbox: &Mailbox, receipt: &[Stretch]) {
        let mut shown = self.lock();
        if shown.mailbox == *mailbox {
            // Another call may have added to a stretch meanwhile: then it is said again, which does no harm.
            shown.owed.retain(|stretch| !receipt.contains(stretch));
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
        MailShown { mailbox: mailbox(incarnation), numbers: numbers.into(), receipt: receipt.into(), told: 0 }
    }

    #[test]
    fn what_was_shown_is_owed_until_it_is_settled() {
        let evidence = Evidence::default();
        assert_eq!(evidence.owed(), None);
        evidence.showed(&mail("a", &[3, 9], &[(3, 3)]));
        evidence.showed(&mail("a", &[4, 7], &[(4, 7)]));
        assert_eq!(evidence.owed(), Some((mailbox("a"), vec![(3, 7)])));
        assert!(
            evidence.was_shown(&mailbox("a"), 9)
                && !evidence.was_shown(&mailbox("a"), 5)
                && !evidence.was_shown(&mailbox("b"), 9)
        );
        evidence.settled(&mailbox("b"), &[(3, 7)]);
        assert!(evidence.owed().is_some(), "another life's evidence settles nothing");
        evidence.showed(&mail("a", &[20], &[(20, 20)]));
        evidence.settled(&mailbox("a"), &[(3, 7)]);
        assert_eq!(
            evidence.owed(),
            Some((mailbox("a"), vec![(20, 20)])),
            "what came meanwhile is still owed"
        );
    }

    #[test]
    fn another_life_of_the_log_begins_anew() {
        let evidence = Evidence::default();
        evidence.showed(&mail("a", &[3], &[(3, 3)]));
        evidence.showed(&mail("b", &[4], &[(4, 4)]));
        assert_eq!(evidence.owed(), Some((mailbox("b"), vec![(4, 4)])));
        assert!(!evidence.was_shown(&mailbox("b"), 3));
        let renamed = Mailbox { owner: "ui".into(), ..mailbox("b") };
        evidence.showed(&MailShown { mailbox: renamed.clone(), ..mail("b", &[9], &[(9, 9)]) });
        assert_eq!(evidence.owed(), Some((renamed, vec![(9, 9)])), "another name has another mailbox");
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let evidence = Evidence::default();
        for number in (0..20_000).step_by(2) {
            evidence.showed(&mail("a", &[number], &[(number, number)]));
        }
        assert_eq!(evidence.owed().unwrap().1.len(), OWED);
        assert!(evidence.was_shown(&mailbox("a"), 19_998) && !evidence.was_shown(&mailbox("a"), 0));
    }
}
