//! Search, against the plainest reading of what it promises.

#![allow(clippy::unwrap_used, reason = "clippy allows it in test functions, but not in what they call")]

use std::sync::Arc;

use guildhall_model::decisions::Decision;
use guildhall_model::search::{Query, Term, document, words};
use guildhall_model::{Fact, MemberId, Text, Timestamp};
use proptest::prelude::*;
use uuid::Uuid;

fn decided(decision: &str, rationale: &str) -> Fact {
    Fact::DecisionLogged(Arc::new(Decision {
        id: Uuid::nil().into(),
        decision: Text::new(decision),
        rationale: Some(Text::new(rationale)),
        supersedes: None,
        by: MemberId::hall(),
        at: Timestamp::from_millis(0),
    }))
}

/// Words that meet often, in any case, between anything.
fn text() -> impl Strategy<Value = String> {
    prop::collection::vec(("[abB]{1,2}", "[ ,.\\-\n*]{1,2}"), 0..8)
        .prop_map(|parts| parts.into_iter().flat_map(|(word, between)| [word, between]).collect())
}

/// A phrase of a few words; the flag makes its last word a prefix.
fn phrase() -> impl Strategy<Value = (Vec<String>, bool)> {
    (prop::collection::vec("[abB]{1,2}", 1..4), any::<bool>())
}

fn naively_holds(text: &str, (phrase, prefix): &(Vec<String>, bool)) -> bool {
    let text: Vec<_> = words(text).collect();
    text.windows(phrase.len()).any(|window| {
        window.iter().zip(phrase).enumerate().all(|(n, (word, wanted))| {
            let wanted = wanted.to_lowercase();
            if *prefix && n + 1 == phrase.len() { word.starts_with(&wanted) } else { *word == wanted }
        })
    })
}

proptest! {
    #[test]
    fn folding_what_is_folded_changes_nothing(text in any::<String>()) {
        let once: Vec<_> = words(&text).collect();
        let twice: Vec<_> = words(&once.join(" ")).collect();
        prop_assert_eq!(once, twice);
    }

    #[test]
    fn what_matches_is_what_holds_every_phrase(
        one in text(),
        two in text(),
        phrases in prop::collection::vec(phrase(), 1..4),
    ) {
        let written: Vec<_> = phrases.iter().map(|(words, prefix)| {
            format!("{}{}", words.join("-"), if *prefix { "*" } else { "" })
        }).collect();
        let query = Query::parse(&written.join(" ")).unwrap();
        let fact = decided(&one, &two);
        let document = document(&fact).unwrap();
        let naively = phrases.iter().all(|phrase| naively_holds(&one, phrase) || naively_holds(&two, phrase));
        prop_assert_eq!(query.matches(&document), naively);

        // What matches is among what an index finds.
        let indexed = document.terms();
        let found = query.terms().iter().all(|term| indexed.split(' ').any(|word| match term {
            Term::Word(wanted) => word == wanted,
            Term::Prefix(wanted) => word.starts_with(&**wanted),
        }));
        prop_assert!(found || !naively);
    }

    #[test]
    fn anything_written_is_a_query_or_refused(text in any::<String>()) {
        if let Ok(query) = Query::parse(&text) {
            prop_assert!(!query.terms().is_empty());
        }
    }

    #[test]
    fn a_text_is_found_by_its_own_words(text in ".{1,80}") {
        if let Ok(query) = Query::parse(&format!("\"{}\"", text.replace('"', " "))) {
            let fact = decided("other", &text.replace('"', " "));
            prop_assert!(query.matches(&document(&fact).unwrap()));
        }
    }
}
