//! File globs: `*` for any run of characters within one name, `?` for one of them, `**` for any number of whole names.
//! Every other character is itself, brackets and braces too, which many projects have in their paths.
//! Paths are relative to the workspace's root, with `/` between names, and compared letter by letter.

use std::sync::Arc;

use crate::limits;

/// A glob in the one spelling in which it is kept, if it can be reserved; if not, why. A folder, `src/`, is all that lies in
/// it, `src/**`; and `./` at the beginning says nothing.
pub(crate) fn parse(written: &str) -> Result<Arc<str>, &'static str> {
    if written.starts_with('/') {
        return Err("it begins in the project's root, without a slash");
    }
    let mut glob = written;
    while let Some(rest) = glob.strip_prefix("./") {
        glob = rest;
    }
    let glob = match glob.strip_suffix('/') {
        Some(folder) => format!("{folder}/**"),
        None => glob.to_owned(),
    };
    if glob.is_empty() || glob.len() > limits::GLOB_BYTES {
        return Err("it has 1 to 256 bytes");
    }
    if glob.split('/').count() > limits::GLOB_NAMES {
        return Err("it has at most 32 names");
    }
    for name in glob.split('/') {
        match name {
            "" => return Err("it has an empty name"),
            "." | ".." => return Err("it stays where it is, without . and ..; all files are **"),
            "**" => {}
            name if name.contains("**") => return Err("** stands alone between slashes"),
            name if name.contains(['\0', '\\']) => return Err("it has slashes between names, and no others"),
            _ => {}
        }
    }
    Ok(glob.into())
}

/// A glob to be compared with others: split into its names.
pub(crate) struct Glob<'a>(Vec<Name<'a>>);

/// A name of a glob.
struct Name<'a> {
    text: &'a str,
    /// Its characters, if some of them are wild.
    wild: Option<Vec<char>>,
}

// === impl Glob ===

impl<'a> Glob<'a> {
    /// Splits what [`parse`] has given.
    pub(crate) fn new(glob: &'a str) -> Self {
        let name =
            |text: &'a str| Name { text, wild: text.contains(['*', '?']).then(|| text.chars().collect()) };
        Self(glob.split('/').map(name).collect())
    }

    /// Whether both can be about the same file: some path is matched by both, or one is the path of a folder in which the
    /// other looks.
    pub(crate) fn overlaps(&self, other: &Self) -> bool {
        meet(&self.0, &other.0, Name::is_any_number, Name::meets)
            || self.is_folder_of(other)
            || other.is_folder_of(self)
    }

    /// Whether this is one path, since nothing in it is wild, and the other says of its first names that they are these.
    /// Behind `**` anything may lie anywhere: that says nothing.
    fn is_folder_of(&self, other: &Self) -> bool {
        let Self(path) = self;
        path.len() < other.0.len()
            && path.iter().all(|name| name.wild.is_none())
            && path
                .iter()
                .zip(&other.0)
                .all(|(name, pattern)| !pattern.is_any_number() && name.meets(pattern))
    }
}

// === impl Name ===

impl Name<'_> {
    fn is_any_number(&self) -> bool {
        self.text == "**"
    }

    /// Whether some name is matched by both.
    fn meets(&self, other: &Self) -> bool {
        match (&self.wild, &other.wild) {
            (None, None) => self.text == other.text,
            _ if self.text == "*" || other.text == "*" => true,
            (Some(one), Some(other)) => characters_meet(one, other),
            (Some(one), None) => characters_meet(one, &other.text.chars().collect::<Vec<_>>()),
            (None, Some(other)) => characters_meet(&self.text.chars().collect::<Vec<_>>(), other),
        }
    }
}

fn characters_meet(one: &[char], other: &[char]) -> bool {
    meet(one, other, |c| *c == '*', |a, b| a == b || *a == '?' || *b == '?')
}

/// Whether two patterns match a common sequence. `wild` elements match any run, the others one element each, on which
/// `same` decides. Takes the product of both lengths in time.
fn meet<T>(one: &[T], other: &[T], wild: impl Fn(&T) -> bool, same: impl Fn(&T, &T) -> bool) -> bool {
    // reachable[j]: the first i of `one` and the first j of `other` match a common sequence.
    let mut reachable = vec![false; other.len() + 1];
    let mut next = reachable.clone();
    reachable[0] = true;
    for j in 0..other.len() {
        reachable[j + 1] = reachable[j] && wild(&other[j]);
    }
    for a in one {
        next[0] = reachable[0] && wild(a);
        for (j, b) in other.iter().enumerate() {
            next[j + 1] = match (wild(a), wild(b)) {
                // A run may be empty, or take one more of what the other side matches.
                (true, _) | (_, true) => reachable[j + 1] || next[j],
                (false, false) => reachable[j] && same(a, b),
            };
        }
        std::mem::swap(&mut reachable, &mut next);
    }
    reachable[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_overlap_if_a_path_can_match_both() {
        for (one, other, expected) in [
            ("src/main.rs", "src/main.rs", true),
            ("src/main.rs", "src/lib.rs", false),
            ("src/*.rs", "src/main.rs", true),
            ("src/*.rs", "src/a/main.rs", false),
            ("src/**", "src/a/main.rs", true),
            ("src/**", "src", true),
            ("**/*.rs", "src/a/b", false),
            ("**/*.rs", "src/a/*", true),
            ("a*c", "ab*", true),
            ("a?c", "abd", false),
            ("*a", "b*", true),
            ("**", "x", true),
            ("a/**/z", "a/b/c/z", true),
            ("a/**/z", "a/b/c/y", false),
            ("docs/?.md", "docs/*", true),
            ("src", "src/a.rs", true),
            ("src", "*/a.rs", true),
            ("src", "src/a/*.rs", true),
            ("src", "srcs/a.rs", false),
            ("src/*", "src/a/b.rs", false),
            ("README.md", "**/*.rs", false),
        ] {
            assert_eq!(Glob::new(one).overlaps(&Glob::new(other)), expected, "{one} {other}");
            assert_eq!(Glob::new(other).overlaps(&Glob::new(one)), expected, "{other} {one}");
        }
    }

    #[test]
    fn what_leaves_the_workspace_or_means_something_else_is_refused() {
        for bad in ["", "/etc", "../x", "a/./b", "a//b", "a**", "a\\b", "a//", ".", "./", "/"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
        for good in ["a", "**", "src/**/*.rs", "wei\u{df} ?.txt", "app/[id]/page.tsx", "a{b,c}"] {
            assert_eq!(parse(good).as_deref(), Ok(good));
        }
    }

    #[test]
    fn what_is_written_in_several_ways_is_kept_in_one() {
        for (written, kept) in
            [("./a", "a"), ("././a/b", "a/b"), ("src/", "src/**"), ("./src/*/", "src/*/**")]
        {
            assert_eq!(parse(written).as_deref(), Ok(kept));
        }
    }
}
