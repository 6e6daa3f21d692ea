//! File globs: `*` for any run of characters within one name, `?` for one of them, `**` for any number of whole names.
//! Every other character is itself, brackets and braces too, which many projects have in their paths.
//! Paths are relative to the workspace's root, with `/` between names, and compared letter by letter.

use crate::limits;

/// Whether a text is a glob that can be reserved; if not, why.
pub(crate) fn check(glob: &str) -> Result<(), &'static str> {
    if glob.is_empty() || glob.len() > limits::GLOB_BYTES {
        return Err("it has 1 to 256 bytes");
    }
    if glob.starts_with('/') {
        return Err("it is relative, and begins with a name");
    }
    for name in glob.split('/') {
        match name {
            "" => return Err("it has an empty name"),
            "." | ".." => return Err("it stays where it is, without . and .."),
            "**" => {}
            name if name.contains("**") => return Err("** stands alone between slashes"),
            name if name.contains(['\0', '\\']) => return Err("it has slashes between names, and no others"),
            _ => {}
        }
    }
    Ok(())
}

/// Whether some path is matched by both.
pub(crate) fn overlap(one: &str, other: &str) -> bool {
    let (one, other): (Vec<_>, Vec<_>) = (one.split('/').collect(), other.split('/').collect());
    meet(
        &one,
        &other,
        |name| *name == "**",
        |a, b| {
            let (a, b): (Vec<_>, Vec<_>) = (a.chars().collect(), b.chars().collect());
            meet(&a, &b, |c| *c == '*', |a, b| a == b || *a == '?' || *b == '?')
        },
    )
}

/// Whether two patterns match a common sequence. `wild` elements match any run, the others one element each, on which
/// `same` decides. Takes the product of both lengths in time.
fn meet<T>(one: &[T], other: &[T], wild: impl Fn(&T) -> bool, same: impl Fn(&T, &T) -> bool) -> bool {
    // reachable[j]: the first i of `one` and the first j of `other` match a common sequence.
    let mut reachable = vec![false; other.len() + 1];
    reachable[0] = true;
    for j in 0..other.len() {
        reachable[j + 1] = reachable[j] && wild(&other[j]);
    }
    for a in one {
        let mut next = vec![false; other.len() + 1];
        next[0] = reachable[0] && wild(a);
        for (j, b) in other.iter().enumerate() {
            next[j + 1] = match (wild(a), wild(b)) {
                // A run may be empty, or take one more of what the other side matches.
                (true, _) | (_, true) => reachable[j + 1] || next[j],
                (false, false) => reachable[j] && same(a, b),
            };
        }
        reachable = next;
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
        ] {
            assert_eq!(overlap(one, other), expected, "{one} {other}");
            assert_eq!(overlap(other, one), expected, "{other} {one}");
        }
    }

    #[test]
    fn what_leaves_the_workspace_or_means_something_else_is_refused() {
        for bad in ["", "/etc", "../x", "a/./b", "a//b", "a**", "a\\b", "a/"] {
            assert!(check(bad).is_err(), "{bad}");
        }
        for good in ["a", "**", "src/**/*.rs", "wei\u{df} ?.txt", "app/[id]/page.tsx", "a{b,c}"] {
            assert!(check(good).is_ok(), "{good}");
        }
    }
}
