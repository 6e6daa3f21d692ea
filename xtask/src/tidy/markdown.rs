//! The little of Markdown that the checks read: lines outside fenced code, and headings.

/// The lines that are not in a fenced block, with their numbers from 1.
pub(super) fn prose(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut fenced = false;
    text.lines().enumerate().filter_map(move |(index, line)| {
        let fence = line.trim_start().starts_with("```");
        fenced ^= fence;
        (!fenced && !fence).then_some((index + 1, line))
    })
}

/// The line without what stands between backticks.
pub(super) fn without_code(line: &str) -> String {
    line.split('`').step_by(2).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fenced_lines_are_left_out_and_the_rest_keeps_its_numbers() {
        let lines: Vec<_> = prose("a\n```json\n[b]\n```\nc").collect();
        assert_eq!(lines, [(1, "a"), (5, "c")]);
        assert_eq!(without_code("see `[x](y)` and [z](w)"), "see  and [z](w)");
    }
}
