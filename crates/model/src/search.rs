//! Search: what of an event can be found, and by which words.
//!
//! The databases keep an index from words to events and narrow a search down; [`Query::matches`] looks at each event that
//! they name. So all of them show the same, phrases need no positions in the index, and a damaged index shows nothing
//! that is not there.

use std::borrow::Cow;
use std::collections::HashSet;

use crate::event::Fact;
use crate::limits;
use crate::questions::Status;
use crate::refusal::Refusal;
pub use crate::words::{Words, words};

/// What is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A message, dead letters included: what it says, and what its files are called.
    Message,
    /// A version of a key: key, value, tags.
    Context,
    /// A question: what is asked, and the answers to choose from.
    Question,
    /// An answer, a default included: what was answered.
    Answer,
    /// A decision, and why.
    Decision,
}

/// What of an event can be found.
#[derive(Debug, Clone)]
pub struct Document<'a> {
    /// What it is.
    pub kind: Kind,
    texts: Vec<Cow<'a, str>>,
}

/// What is looked for: phrases, all of which must be there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    phrases: Vec<Phrase>,
}

/// Words that follow one another within one text; a single word is a phrase of one.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Phrase {
    words: Vec<String>,
    /// Whether the last of them is only how a word begins.
    prefix: bool,
}

/// What an index is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Term {
    /// This word.
    Word(String),
    /// Any word that begins so.
    Prefix(String),
}

/// What of an event can be found; `None` if nothing.
pub fn document(fact: &Fact) -> Option<Document<'_>> {
    let (kind, texts) = match fact {
        Fact::MessageSent(message) | Fact::MessageDied(message) => {
            let names = message.attachments.iter().map(|file| Cow::from(&*file.name));
            (Kind::Message, [message.content.decode()].into_iter().chain(names).collect())
        }
        Fact::ContextShared(entry) => {
            let tags = entry.tags.iter().map(|tag| Cow::from(&**tag));
            (Kind::Context, [Cow::from(&*entry.key), entry.value.decode()].into_iter().chain(tags).collect())
        }
        Fact::QuestionAsked(question) => {
            let options = question.options.iter().map(|option| Cow::from(&**option));
            (Kind::Question, [question.text.decode()].into_iter().chain(options).collect())
        }
        Fact::QuestionAnswered(question) => match &question.status {
            Status::Answered(answered) => (Kind::Answer, vec![answered.answer.decode()]),
            Status::Pending { .. } | Status::Failed { .. } => return None,
        },
        Fact::DecisionLogged(decision) => {
            let why = decision.rationale.iter().map(|rationale| rationale.decode());
            (Kind::Decision, [decision.decision.decode()].into_iter().chain(why).collect())
        }
        Fact::MemberJoined(_)
        | Fact::MemberReturned(_)
        | Fact::MemberLeft(_)
        | Fact::ContextDeleted(_)
        | Fact::ContextRead(_)
        | Fact::QuestionPassed(_)
        | Fact::QuestionFailed(_)
        | Fact::MessagesTaken(_)
        | Fact::TopicFollowed(_)
        | Fact::TopicLeft(_)
        | Fact::StatusSet(_)
        | Fact::FilesReserved(_)
        | Fact::FilesReleased(_)
        | Fact::WorkspaceOpened(_)
        | Fact::TokenIssued(_)
        | Fact::TokenRevoked(_)
        | Fact::Unknown(_) => return None,
    };
    Some(Document { kind, texts })
}

// === impl Document ===

impl Document<'_> {
    /// Its words for the index, each once, with a space between them: the first of them, up to
    /// [`limits::DOCUMENT_BYTES`] in all. By what comes behind those it is not found.
    pub fn terms(&self) -> String {
        let mut seen = HashSet::new();
        let mut terms = String::new();
        for word in self.texts.iter().flat_map(|text| words(text)) {
            if seen.contains(&word) {
                continue;
            }
            if terms.len() + 1 + word.len() > limits::DOCUMENT_BYTES {
                break;
            }
            if !terms.is_empty() {
                terms.push(' ');
            }
            terms.push_str(&word);
            seen.insert(word);
        }
        terms
    }
}

// === impl Query ===

impl Query {
    /// Reads what a person writes: words, all of which must be there; `word*` for any that begins so; `"some words"` in
    /// this order without others between. What holds words together, as in `foo-bar`, makes them a phrase.
    ///
    /// # Errors
    /// [`Refusal::TooLarge`] over [`limits::QUERY_BYTES`]. [`Refusal::Invalid`] without a word, or with more than
    /// [`limits::QUERY_WORDS`].
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        if text.len() > limits::QUERY_BYTES {
            let (bytes, limit) = (text.len(), limits::QUERY_BYTES);
            return Err(Refusal::TooLarge { what: "what to search for", bytes, limit });
        }
        let mut phrases = Vec::new();
        // Every second part stands in quotes; the last may lack its closing one.
        for (part, quoted) in text.split('"').zip([false, true].into_iter().cycle()) {
            if quoted {
                phrases.push(Phrase { words: words(part).collect(), prefix: false });
            } else {
                phrases.extend(part.split_whitespace().map(Phrase::of_chunk));
            }
        }
        phrases.retain(|phrase| !phrase.words.is_empty());
        match phrases.iter().map(|phrase| phrase.words.len()).sum() {
            0 => Err(Refusal::Invalid("a search needs a word of letters or digits".into())),
            1..=limits::QUERY_WORDS => Ok(Self { phrases }),
            _ => Err(Refusal::Invalid(format!("a search has at most {} words", limits::QUERY_WORDS))),
        }
    }

    /// What an event's words must hold, each once.
    pub fn terms(&self) -> Vec<Term> {
        let mut terms = Vec::new();
        for Phrase { words, prefix } in &self.phrases {
            for (n, word) in words.iter().enumerate() {
                let cut = *prefix && n + 1 == words.len();
                let term = if cut { Term::Prefix(word.clone()) } else { Term::Word(word.clone()) };
                if !terms.contains(&term) {
                    terms.push(term);
                }
            }
        }
        terms
    }

    /// Whether all that is looked for is there.
    pub fn matches(&self, document: &Document<'_>) -> bool {
        let mut wanted: Vec<&Phrase> = self.phrases.iter().collect();
        for text in &document.texts {
            // Of each phrase: in bit n, whether the last n + 1 words are its first.
            let mut begun = vec![0u32; wanted.len()];
            let mut found = vec![false; wanted.len()];
            for word in words(text) {
                for ((phrase, begun), found) in wanted.iter().zip(&mut begun).zip(&mut found) {
                    *begun = (*begun << 1 | 1) & phrase.places_of(&word);
                    *found |= *begun >> (phrase.words.len() - 1) & 1 == 1;
                }
            }
            let mut found = found.into_iter();
            wanted.retain(|_| !found.next().expect("there is one for each"));
            if wanted.is_empty() {
                return true;
            }
        }
        false
    }
}

// A bit for each word of a phrase.
const _: () = assert!(limits::QUERY_WORDS <= 32);

// === impl Phrase ===

impl Phrase {
    /// What stands between spaces.
    fn of_chunk(chunk: &str) -> Self {
        let begins = chunk.trim_end_matches('*');
        let prefix = begins.len() < chunk.len() && begins.ends_with(char::is_alphanumeric);
        Self { words: words(begins).collect(), prefix }
    }

    /// Where in the phrase a word may stand, a bit for each place.
    fn places_of(&self, word: &str) -> u32 {
        let last = self.words.len() - 1;
        let mut places = 0;
        for (n, mine) in self.words.iter().enumerate() {
            let fits = if self.prefix && n == last { word.starts_with(&**mine) } else { word == mine };
            places |= u32::from(fits) << n;
        }
        places
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::decisions::Decision;
    use crate::ids::MemberId;
    use crate::text::Text;
    use crate::time::Timestamp;

    fn decided(decision: &str, rationale: &str) -> Fact {
        Fact::DecisionLogged(Arc::new(Decision {
            id: uuid::Uuid::nil().into(),
            decision: Text::new(decision),
            rationale: Some(Text::new(rationale)),
            supersedes: None,
            by: MemberId::hall(),
            at: Timestamp::from_millis(0),
        }))
    }

    #[test]
    fn words_prefixes_and_phrases_are_found_and_nothing_else() {
        let fact = decided("Use one port, and ONE port only: 8080.", "Fire-walls are simple then");
        let document = document(&fact).unwrap();
        for (query, expected) in [
            ("port", true),
            ("PORT use", true),
            ("simple port", true),
            ("ports", false),
            ("por", false),
            ("por*", true),
            ("80* fi*", true),
            ("x* port", false),
            ("\"one port only\"", true),
            ("\"port one\"", false),
            ("\"one port and one port only\"", true),
            ("\"one port 8080\"", false),
            ("\"8080 fire\"", false),
            ("fire-walls", true),
            ("walls-fire", false),
            ("fire/wa*", true),
            ("fire* \"are simple", true),
            ("one-por** then", true),
            ("'then' * -", true),
        ] {
            let query = (Query::parse(query).unwrap(), query);
            assert_eq!(query.0.matches(&document), expected, "{}", query.1);
        }
    }

    #[test]
    fn what_finds_nothing_or_asks_for_too_much_is_refused() {
        for nothing in ["", "  ", "*", "\"\"", "- \" .", "…"] {
            assert!(matches!(Query::parse(nothing), Err(Refusal::Invalid(_))), "{nothing}");
        }
        assert!(Query::parse(&"a-".repeat(limits::QUERY_WORDS)).is_ok());
        let refused = Query::parse(&"a-".repeat(limits::QUERY_WORDS + 1));
        assert!(matches!(refused, Err(Refusal::Invalid(_))));
        let refused = Query::parse(&"a".repeat(limits::QUERY_BYTES + 1));
        assert!(matches!(refused, Err(Refusal::TooLarge { .. })));
    }

    #[test]
    fn an_index_is_asked_for_each_word_once() {
        let query = Query::parse("one \"ONE two\" two* thr-two*").unwrap();
        let [word, prefix] = [Term::Word, Term::Prefix];
        let expected = [word("one".into()), word("two".into()), prefix("two".into()), word("thr".into())];
        assert_eq!(query.terms(), expected);
    }

    #[test]
    fn of_a_long_text_the_first_words_are_indexed() {
        let fact = decided(&"word ".repeat(100_000), "b a b");
        assert_eq!(document(&fact).unwrap().terms(), "word b a");
        let all: String = (0..200_000).map(|n| format!("{n:06} ")).collect();
        let fact = decided(&all, "");
        let terms = document(&fact).unwrap().terms();
        assert!(terms.len() <= limits::DOCUMENT_BYTES && terms.len() > limits::DOCUMENT_BYTES - 8);
        assert!(all.starts_with(&terms));
    }
}
