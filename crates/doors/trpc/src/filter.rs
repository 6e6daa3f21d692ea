//! Which context entries a list is asked for.

use std::collections::HashMap;

use model::context::Current;

use crate::wire::UuidText;

/// What an entry must have to be listed. The state is locked while entries are looked at, so looking at one takes no
/// longer than its tags are many, however many are asked for.
pub(crate) struct Filter<'a> {
    /// Each tag with the number of the last entry that had it.
    tags: HashMap<&'a str, usize>,
    created_by: Option<&'a str>,
    looked_at: usize,
}

impl<'a> Filter<'a> {
    /// Entries with all of these tags, if any, first shared by this agent, if one is named. `None` if there can be none.
    pub(crate) fn new(
        tags: impl Iterator<Item = &'a str>,
        created_by: Option<&'a UuidText<'_>>,
    ) -> Option<Self> {
        let tags: HashMap<_, _> = tags.map(|tag| (tag, 0)).collect();
        let possible = tags.len() <= model::limits::TAGS;
        possible.then(|| Self { tags, created_by: created_by.map(UuidText::as_str), looked_at: 0 })
    }

    /// Whether an entry is asked for.
    pub(crate) fn wants(&mut self, entry: &Current) -> bool {
        self.created_by.is_none_or(|by| by == entry.created_by.as_str()) && self.has_all(&entry.tags)
    }

    fn has_all(&mut self, tags: &[String]) -> bool {
        if self.tags.len() > tags.len() {
            return false;
        }
        self.looked_at += 1;
        let mut missing = self.tags.len();
        for tag in tags {
            if missing == 0 {
                break;
            }
            // A tag given twice is one tag.
            if let Some(last) = self.tags.get_mut(tag.as_str()).filter(|last| **last != self.looked_at) {
                *last = self.looked_at;
                missing -= 1;
            }
        }
        missing == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter<'a>(tags: &[&'a str]) -> Filter<'a> {
        Filter::new(tags.iter().copied(), None).unwrap()
    }

    fn tags(tags: &[&str]) -> Vec<String> {
        tags.iter().map(|tag| (*tag).to_owned()).collect()
    }

    #[test]
    fn all_tags_must_be_there_in_any_order() {
        let mut filter = filter(&["a", "b", "a"]);
        for (has, wanted) in [
            (&["a", "b"][..], true),
            (&["b", "c", "a"], true),
            (&["a", "a"], false),
            (&["a"], false),
            (&["a", "b"], true),
            (&[], false),
        ] {
            assert_eq!(filter.has_all(&tags(has)), wanted, "{has:?}");
        }
    }

    #[test]
    fn no_tags_are_no_filter() {
        assert!(filter(&[]).has_all(&[]) && filter(&[]).has_all(&tags(&["a"])));
    }

    #[test]
    fn more_tags_than_an_entry_may_have_are_had_by_none() {
        let many: Vec<_> = (0..=model::limits::TAGS).map(|tag| tag.to_string()).collect();
        assert!(Filter::new(many.iter().map(String::as_str), None).is_none());
        let fewer = many.iter().skip(1).chain(&many[1..]);
        assert!(Filter::new(fewer.map(String::as_str), None).is_some(), "each counts once");
    }
}
