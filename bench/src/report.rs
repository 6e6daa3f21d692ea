//! The table, as Markdown.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

use crate::machine::Machine;
use crate::rounds::Figure;
use crate::works::Scale;

/// What the table stands between in `docs/benchmarks.md`.
const BEGIN: &str = "<!-- bench: begin -->";
const END: &str = "<!-- bench: end -->";

/// One line of the table.
pub(crate) struct Row {
    /// What to ask for to measure it again.
    pub(crate) name: &'static str,
    pub(crate) work: String,
    pub(crate) guildhall: String,
    pub(crate) bare: String,
    /// Guildhall's figure divided by the bare one.
    pub(crate) ratio: Option<Figure>,
    pub(crate) gate: Option<Gate>,
    pub(crate) goal: Option<Goal>,
    /// What the coordinator, or the broker, that came before reached, in memory.
    pub(crate) before: &'static str,
    pub(crate) durability: &'static str,
}

/// A bound that holds on every machine, for it is a ratio.
pub(crate) struct Gate {
    text: String,
    met: bool,
}

/// An absolute figure, for a machine with two cores.
pub(crate) struct Goal {
    pub(crate) text: String,
    pub(crate) reached: bool,
}

impl Gate {
    pub(crate) fn at_least(what: &str, figure: f64, bound: f64) -> Self {
        Self { text: format!("≥ {bound} {what}"), met: figure >= bound }
    }

    pub(crate) fn at_most(what: &str, figure: f64, bound: f64) -> Self {
        Self { text: format!("≤ {bound} {what}"), met: figure <= bound }
    }
}

/// A figure's spread, to follow it.
pub(crate) fn spread(figure: Figure) -> String {
    format!(" ±{:.0} %", figure.spread * 100.0)
}

/// The whole of what a run has to say.
pub(crate) fn page(machine: &Machine, scale: &Scale, command: &str, rows: &[Row]) -> Result<String> {
    let now = hall::Clock::system().now().to_string();
    let day = now.get(..10).unwrap_or(&now);
    let mut text = format!("{}. {day}, revision {}, `{command}`, ", machine.line(), revision()?);
    text += &format!(
        "the median of {} rounds of {} s in turn, ± half the distance between the extremes.\n\n",
        scale.rounds,
        scale.time.as_secs_f64()
    );
    text += "| work | Guildhall | bare | ratio | gate | goal on two cores | before, in memory | durability | command |\n";
    text += "|---|---|---|---|---|---|---|---|---|\n";
    for row in rows {
        let ratio =
            row.ratio.map_or("–".to_owned(), |ratio| format!("{:.2}{}", ratio.median, spread(ratio)));
        let gate = match &row.gate {
            None => "–".to_owned(),
            Some(Gate { text, met: true }) => format!("{text}: met"),
            Some(Gate { text, met: false }) => format!("{text}: **missed**"),
        };
        let goal = match &row.goal {
            None => "–".to_owned(),
            Some(Goal { text, reached: true }) => format!("{text}: reached"),
            Some(Goal { text, reached: false }) => format!("{text}: not reached"),
        };
        let Row { name, work, guildhall, bare, before, durability, .. } = row;
        text += &format!(
            "| {work} | {guildhall} | {bare} | {ratio} | {gate} | {goal} | {before} | {durability} | `cargo xtask bench {name}` |\n"
        );
    }
    Ok(text)
}

/// Puts the page into `docs/benchmarks.md` in place of the last one.
pub(crate) fn write(page: &str) -> Result<()> {
    let path = root().join("docs/benchmarks.md");
    let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    std::fs::write(&path, between_marks(&text, page)?)?;
    Ok(())
}

fn between_marks(text: &str, page: &str) -> Result<String> {
    let (before, rest) = text.split_once(BEGIN).with_context(|| format!("no {BEGIN}"))?;
    let (_, after) = rest.split_once(END).with_context(|| format!("no {END}"))?;
    Ok(format!("{before}{BEGIN}\n\n{page}\n{END}{after}"))
}

/// The revision that was measured, and whether it was changed.
fn revision() -> Result<String> {
    let git = |arguments: &[&str]| -> Result<String> {
        let output = Command::new("git")
            .args(["-c", "safe.directory=*"])
            .args(arguments)
            .current_dir(root())
            .output()?;
        ensure!(output.status.success(), "git: {}", String::from_utf8_lossy(&output.stderr));
        Ok(String::from_utf8(output.stdout)?.trim().to_owned())
    };
    let revision = git(&["rev-parse", "--short", "HEAD"])?;
    let changed =
        !git(&["status", "--porcelain", "--untracked-files=no", "--", "crates", "bench"])?.is_empty();
    Ok(if changed { format!("{revision} with changes") } else { revision })
}

fn root() -> PathBuf {
    let here = manifest_directory();
    here.parent().unwrap_or(&here).to_owned()
}

/// This crate's directory, as cargo says when it runs this. What was told when it was compiled may be another checkout's,
/// if both share a target directory.
fn manifest_directory() -> PathBuf {
    std::env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| env!("CARGO_MANIFEST_DIR").into(), PathBuf::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_page_takes_the_old_ones_place_and_leaves_the_rest() {
        let text = format!("# Benchmarks\n\n{BEGIN}\nold\n{END}\n\nafter\n");
        let written = between_marks(&text, "new\n").unwrap();
        assert_eq!(written, format!("# Benchmarks\n\n{BEGIN}\n\nnew\n\n{END}\n\nafter\n"));
        assert_eq!(between_marks(&written, "new\n").unwrap(), written);
        assert!(between_marks("no marks", "new").is_err());
    }
}
