//! Reads a tool call's arguments. Whatever does not fit is refused with a sentence that names the argument, for the
//! model to mend: it sees errors of a tool, never those of the protocol.
//!
//! Two liberties models take are granted: `null`, or an empty text for an optional one, means absent, unless something else
//! would be done without it; and a single text stands for a list of one.

use std::fmt::Display;
use std::ops::RangeInclusive;

use rmcp::model::JsonObject;
use serde_json::Value;

use crate::outcome::Failure;

/// The arguments of one call.
pub(crate) struct Arguments(JsonObject);

impl Arguments {
    /// Arguments of `tool`, none of them but `known` ones.
    pub(crate) fn new(tool: &str, given: Option<JsonObject>, known: &[&str]) -> Result<Self, Failure> {
        let mut given = given.unwrap_or_default();
        given.retain(|_, value| !value.is_null());
        match given.keys().find(|name| !known.contains(&name.as_str())) {
            None => Ok(Self(given)),
            Some(name) if known.is_empty() => {
                Err(Failure::argument(name, format_args!("is unknown: `{tool}` takes no arguments")))
            }
            Some(name) => {
                Err(Failure::argument(name, format_args!("is unknown: `{tool}` takes {}", known.join(", "))))
            }
        }
    }

    /// A text that must be there, of at least one character.
    pub(crate) fn text(&self, name: &str) -> Result<String, Failure> {
        match self.any_text(name)? {
            text if text.is_empty() => Err(Failure::argument(name, "must not be empty")),
            text => Ok(text),
        }
    }

    /// A text that must be there and may be empty.
    pub(crate) fn any_text(&self, name: &str) -> Result<String, Failure> {
        match self.0.get(name) {
            Some(Value::String(text)) => Ok(text.clone()),
            Some(other) => Err(unfit(name, "a text", other)),
            None => Err(Failure::argument(name, "is missing")),
        }
    }

    /// A text that may be absent.
    pub(crate) fn optional_text(&self, name: &str) -> Result<Option<String>, Failure> {
        match self.0.get(name) {
            None => Ok(None),
            Some(_) => self.any_text(name).map(|text| Some(text).filter(|text| !text.is_empty())),
        }
    }

    /// A text that may be absent, and is not empty: without it, the call would do something else.
    pub(crate) fn telling_text(&self, name: &str) -> Result<Option<String>, Failure> {
        self.0.contains_key(name).then(|| self.text(name)).transpose()
    }

    /// Which of these is given.
    pub(crate) fn first_of<'n>(&self, names: &[&'n str]) -> Option<&'n str> {
        names.iter().copied().find(|name| self.0.contains_key(*name))
    }

    /// A list of texts that may be absent, and is not empty: without it, the call would do something else.
    pub(crate) fn telling_texts(&self, name: &str) -> Result<Vec<String>, Failure> {
        match self.texts(name)? {
            texts if texts.is_empty() && self.0.contains_key(name) => {
                Err(Failure::argument(name, "must not be empty"))
            }
            texts => Ok(texts),
        }
    }

    /// A list of texts; empty if absent.
    pub(crate) fn texts(&self, name: &str) -> Result<Vec<String>, Failure> {
        match self.0.get(name) {
            None => Ok(Vec::new()),
            Some(Value::String(text)) if text.is_empty() => Ok(Vec::new()),
            Some(Value::String(text)) => Ok(vec![text.clone()]),
            Some(Value::Array(items)) => items
                .iter()
                .enumerate()
                .map(|(at, item)| match item {
                    Value::String(text) => Ok(text.clone()),
                    other => Err(unfit(&format!("{name}[{at}]"), "a text", other)),
                })
                .collect(),
            Some(other) => Err(unfit(name, "a list of texts", other)),
        }
    }

    /// Yes or no; no if absent.
    pub(crate) fn flag(&self, name: &str) -> Result<bool, Failure> {
        match self.0.get(name) {
            None => Ok(false),
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(other) => Err(unfit(name, "true or false", other)),
        }
    }

    /// A whole number within a range; may be absent.
    pub(crate) fn number(&self, name: &str, range: RangeInclusive<u64>) -> Result<Option<u64>, Failure> {
        let Some(value) = self.0.get(name) else { return Ok(None) };
        match whole(value) {
            Some(number) if range.contains(&number) => Ok(Some(number)),
            _ => {
                let wanted = format!("a whole number from {} to {}", range.start(), range.end());
                Err(unfit(name, &wanted, value))
            }
        }
    }

    /// One of a few words; may be absent.
    pub(crate) fn word<T: Copy>(&self, name: &str, words: &[(&str, T)]) -> Result<Option<T>, Failure> {
        let Some(word) = self.optional_text(name)? else { return Ok(None) };
        match words.iter().find(|(known, _)| *known == word) {
            Some((_, meaning)) => Ok(Some(*meaning)),
            None => {
                let known: Vec<_> = words.iter().map(|(known, _)| *known).collect();
                Err(Failure::argument(
                    name,
                    format_args!("must be one of {}; got {word:?}", known.join(", ")),
                ))
            }
        }
    }
}

/// Also `30.0`: some hosts write every number as a float.
fn whole(value: &Value) -> Option<u64> {
    // A float up to 2^53 holds a whole number exactly, and the cast is exact below that.
    let exact = |float: &f64| float.fract() == 0.0 && (0.0..=9_007_199_254_740_992.0).contains(float);
    value.as_u64().or_else(|| value.as_f64().filter(exact).map(|float| float as u64))
}

fn unfit(name: &str, wanted: &str, got: &Value) -> Failure {
    let got: &dyn Display = match got {
        Value::Object(_) => &"an object",
        Value::Array(_) => &"a list",
        Value::String(text) if text.len() > 40 => &"a long text",
        short => short,
    };
    Failure::argument(name, format_args!("must be {wanted}; got {got}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn given(arguments: Value) -> Arguments {
        let Value::Object(arguments) = arguments else { panic!("an object") };
        Arguments::new("ask", Some(arguments), &["question", "to", "wait", "on_timeout"]).unwrap()
    }

    #[track_caller]
    fn refused<T>(result: Result<T, Failure>, sentence: &str) {
        let Err(failure) = result else { panic!("accepted, instead of: {sentence}") };
        assert_eq!(failure.to_string(), sentence);
    }

    #[test]
    fn what_is_wrong_is_named() {
        let asked = given(json!({"question": 7, "to": ["web", 3], "wait": 46, "on_timeout": "sometime"}));
        refused(asked.text("question"), "argument `question` must be a text; got 7");
        refused(asked.texts("to"), "argument `to[1]` must be a text; got 3");
        refused(asked.number("wait", 0..=45), "argument `wait` must be a whole number from 0 to 45; got 46");
        refused(
            asked.word("on_timeout", &[("next", 1), ("fail", 2)]),
            "argument `on_timeout` must be one of next, fail; got \"sometime\"",
        );
        refused(asked.flag("wait"), "argument `wait` must be true or false; got 46");
        refused(given(json!({})).text("question"), "argument `question` is missing");
        refused(given(json!({"question": ""})).text("question"), "argument `question` must not be empty");
        refused(given(json!({"to": {}})).texts("to"), "argument `to` must be a list of texts; got an object");
        for wait in [json!(-1), json!(1.5), json!("soon"), json!(1e300)] {
            assert!(given(json!({"wait": wait})).number("wait", 0..=45).is_err(), "{wait}");
        }
        let stray = json!({"qestion": "?"}).as_object().cloned();
        refused(
            Arguments::new("ask", stray.clone(), &["question", "to"]),
            "argument `qestion` is unknown: `ask` takes question, to",
        );
        refused(
            Arguments::new("agents", stray, &[]),
            "argument `qestion` is unknown: `agents` takes no arguments",
        );
    }

    #[test]
    fn liberties_that_models_take() {
        let asked = given(json!({"question": null, "to": "web", "wait": 30.0, "on_timeout": ""}));
        assert_eq!(asked.optional_text("question").unwrap(), None);
        assert_eq!(asked.texts("to").unwrap(), ["web"]);
        assert_eq!(asked.number("wait", 0..=45).unwrap(), Some(30));
        assert_eq!(asked.word("on_timeout", &[("next", 1)]).unwrap(), None);
        assert_eq!(given(json!({"to": ["web", "role:target"]})).texts("to").unwrap(), ["web", "role:target"]);
    }
}
