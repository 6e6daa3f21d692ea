//! Every fact of a wire page has a case told by a real client.
//!
//! A fact is a table row or a list item of the sections that a [`Page`] names. Its case is a test in the page's files of
//! `tests/clients` whose name begins `§2 Max message` (section, then the row's first cell without markup) or `§2.1 (3)`
//! (section, then which item of the section's lists it is, from 1).

use super::{Problem, markdown};
use crate::repository::Repository;

/// A page of facts about what clients meet on the wire.
struct Page {
    path: &'static str,
    /// How the names of the files begin in `tests/clients` that hold its cases.
    tests: &'static [&'static str],
    /// Sections that state facts. The others explain or look ahead.
    sections: &'static [&'static str],
}

const PAGES: [Page; 2] = [
    Page {
        path: "docs/wire/coordinator.md",
        tests: &["trpc-"],
        sections: &["2", "2.1", "2.2", "3", "3.1", "4", "4.1", "4.2", "5", "6", "6.1", "7"],
    },
    Page {
        path: "docs/wire/linker.md",
        // Its MCP server is one of the program's own, so section 6 is told by the other end.
        tests: &["linker-", "mcp-linker."],
        sections: &["2", "3.1", "3.2", "4", "5", "6", "8"],
    },
];

/// The pages against the names of the clients' tests.
pub(super) fn check(repository: &Repository) -> Vec<Problem> {
    PAGES.iter().flat_map(|page| check_page(repository, page)).collect()
}

fn check_page(repository: &Repository, page: &Page) -> Vec<Problem> {
    let Some(text) = repository.text(page.path) else {
        return vec![Problem::in_file(page.path, "is missing")];
    };
    let is_test = |path: &str| {
        let name = path.strip_prefix("tests/clients/");
        name.is_some_and(|name| {
            page.tests.iter().any(|begin| name.starts_with(begin)) && name.ends_with(".test.mjs")
        })
    };
    let tests = repository.texts().filter(|(path, _)| is_test(path));
    let cases: Vec<String> = tests.flat_map(|(_, text)| case_names(text)).collect();
    facts(text, page.sections)
        .into_iter()
        .filter(|fact| !cases.iter().any(|case| tells(case, &fact.name)))
        .map(|fact| {
            let files: Vec<_> = page.tests.iter().map(|begin| format!("tests/clients/{begin}*")).collect();
            let what = format!("no test in {} begins '{}'", files.join(" or "), fact.name);
            Problem::at_line(page.path, fact.line, what)
        })
        .collect()
}

struct Fact {
    line: usize,
    /// How the name of its case begins.
    name: String,
}

fn facts(page: &str, sections: &[&str]) -> Vec<Fact> {
    let mut facts = Vec::new();
    let mut section = None;
    let mut items = 0;
    let mut rows = 0;
    for (line, text) in markdown::prose(page) {
        if text.starts_with('#') {
            section = numbered(text).filter(|number| sections.contains(number));
            items = 0;
        }
        let Some(section) = section else { continue };
        rows = if text.starts_with('|') { rows + 1 } else { 0 };
        if rows > 2 {
            // After the head and the line under it.
            facts.push(Fact { line, name: format!("§{section} {}", plain(first_cell(text))) });
        } else if is_item(text) {
            items += 1;
            facts.push(Fact { line, name: format!("§{section} ({items})") });
        }
    }
    facts
}

/// The number of a heading such as `### 2.1 Keepalive` or `## 2. Transport`.
fn numbered(heading: &str) -> Option<&str> {
    let number = heading.trim_start_matches('#').split_whitespace().next()?.trim_end_matches('.');
    number.starts_with(|first: char| first.is_ascii_digit()).then_some(number)
}

/// `* text`, `- text` or `12. text`, at the left margin.
fn is_item(line: &str) -> bool {
    let after_digits = line.trim_start_matches(|character: char| character.is_ascii_digit());
    let numbered = after_digits.len() < line.len() && after_digits.starts_with(". ");
    numbered || line.starts_with("* ") || line.starts_with("- ")
}

/// Up to the first `|` that is not escaped.
fn first_cell(row: &str) -> &str {
    let row = row.trim_start_matches('|');
    let end =
        row.match_indices('|').find(|(at, _)| !row[..*at].ends_with('\\')).map_or(row.len(), |(at, _)| at);
    &row[..end]
}

/// Without backticks, stars and escapes, with single spaces: the same for the page and for a name in a test.
fn plain(text: &str) -> String {
    let text = text.replace(['`', '*', '\\'], "");
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The string literals that begin with `§`, in any of JavaScript's quotes.
fn case_names(source: &str) -> Vec<String> {
    let mut names = Vec::new();
    for (at, _) in source.match_indices('§') {
        let Some(quote) = source[..at].chars().next_back().filter(|quote| "'\"`".contains(*quote)) else {
            continue;
        };
        let literal = &source[at..];
        let end = literal.match_indices(quote).find(|(end, _)| !literal[..*end].ends_with('\\'));
        if let Some((end, _)) = end {
            names.push(plain(&literal[..end]));
        }
    }
    names
}

/// Whether a case's name begins with this, as whole words.
fn tells(case: &str, fact: &str) -> bool {
    case.strip_prefix(fact).is_some_and(|rest| !rest.starts_with(char::is_alphanumeric))
}

#[cfg(test)]
mod tests {
    use super::*;

    const WIRE: &str = "\
## 1. System shape

| Piece | Role |
|---|---|
| server | one |

## 2. Transport

| Fact | Value |
|---|---|
| WS path | any |
| `a\\|b` **Frames** | text |

### 2.1 Keepalive
* Client text `PING`
* Server

1. Numbered

```json
* no item
```

## Where it differs
* not a fact
";

    fn missing(tests: &str) -> Vec<String> {
        let (page, file) = (&PAGES[0], "tests/clients/trpc-a.test.mjs");
        let others = ("tests/clients/linker-a.test.mjs", "test('§2 WS path', f)");
        let repository = Repository::of([(page.path, WIRE), (file, tests), others]);
        check_page(&repository, page).iter().map(Problem::to_string).collect()
    }

    #[test]
    fn facts_without_a_case_are_told_with_the_name_their_case_would_have() {
        assert_eq!(
            missing(
                "test('§2 WS path: every path', f);\ntest(\"§2.1 (2) server\", f);\ntest('§2.1 (30)', f);"
            ),
            [
                "docs/wire/coordinator.md:12: no test in tests/clients/trpc-* begins '§2 a|b Frames'",
                "docs/wire/coordinator.md:15: no test in tests/clients/trpc-* begins '§2.1 (1)'",
                "docs/wire/coordinator.md:18: no test in tests/clients/trpc-* begins '§2.1 (3)'",
            ]
        );
    }

    #[test]
    fn the_linkers_tools_are_told_by_its_clients_or_by_the_bridge() {
        let page = "## 6 MCP stdio server\n\n| tool | text |\n|---|---|\n| a | b |\n| c | d |\n";
        let stories = [
            (PAGES[1].path, page),
            ("tests/clients/mcp-linker.test.mjs", "test('§6 a', f)"),
            ("tests/clients/mcp-messages.test.mjs", "test('§6 c', f)"),
        ];
        let problems = check_page(&Repository::of(stories), &PAGES[1]);
        assert_eq!(
            problems.iter().map(Problem::to_string).collect::<Vec<_>>(),
            [
                "docs/wire/linker.md:6: no test in tests/clients/linker-* or tests/clients/mcp-linker.* begins '§6 c'"
            ]
        );
    }

    #[test]
    fn quotes_and_markup_do_not_matter_and_longer_words_do() {
        let all = "test(`§2  WS path`); test('§2 \\`a|b\\` Frames: x'); t('§2.1 (1)'); t('§2.1 (2)'); t('§2.1 (3)')";
        assert_eq!(missing(all), [""; 0]);
        assert!(!tells("§2 Frameset", "§2 Frames"));
        assert!(tells("§2 Frames, all", "§2 Frames"));
        assert_eq!(case_names("// see §2 for it's facts"), [""; 0]);
    }
}
