//! Load generator and side-by-side benchmarks: how close Guildhall comes to what the machine can do.
//!
//! Each path of the server has a *bare prototype* here: socket, parse, group commit, send, and nothing else. Both are
//! driven by the same load generator, as processes of their own, in turn (A B A B …), so that each figure stands next
//! to its machine's limit at that hour. A gate is a ratio of the two; an absolute figure is a goal for a machine that
//! is named with it. Nothing here is a test: it reports, and `missed` is a word in a table.
//!
//! Where to look: [`works`] is the table, row by row. [`client`] is the load, [`bare`] the prototypes, [`subject`]
//! starts either server, [`rounds`] takes turns, [`report`] writes.

mod bare;
mod client;
mod corpus;
mod filling;
mod ground;
mod machine;
mod process;
mod redis;
mod report;
mod rounds;
mod subject;
mod works;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, Result};
use clap::{Parser, Subcommand};

use crate::ground::Ground;
use crate::works::{Scale, Work};

/// The server's, so that the prototypes have it too.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Measures Guildhall beside bare prototypes of its paths.
#[derive(Parser)]
#[command(name = "cargo xtask bench", args_conflicts_with_subcommands = true)]
struct Arguments {
    /// What to measure; everything by default.
    #[arg(value_enum)]
    works: Vec<Work>,
    /// Two short rounds and a smaller history: to see that it works, not to publish.
    #[arg(long)]
    quick: bool,
    /// Rounds per figure, each one run of either side.
    #[arg(long)]
    rounds: Option<usize>,
    /// Seconds that each run is measured.
    #[arg(long)]
    seconds: Option<f64>,
    /// Puts the table into docs/benchmarks.md too.
    #[arg(long)]
    write: bool,
    #[command(subcommand)]
    hidden: Option<Hidden>,
}

#[derive(Subcommand)]
enum Hidden {
    /// Serves one bare path until it is killed.
    #[command(hide = true)]
    Bare {
        /// Which path.
        #[arg(long, value_enum)]
        path: bare::Path,
        /// Where the log goes.
        #[arg(long)]
        data: PathBuf,
    },
}

fn main() -> Result<ExitCode> {
    let arguments = Arguments::parse();
    // One thread for the sockets, on either side: on two cores more of them only get into each other's way.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    match arguments.hidden {
        Some(Hidden::Bare { path, data }) => runtime.block_on(bare::serve(path, &data))?,
        None => runtime.block_on(measure(&arguments))?,
    }
    Ok(ExitCode::SUCCESS)
}

async fn measure(arguments: &Arguments) -> Result<()> {
    let mut scale = if arguments.quick { Scale::quick() } else { Scale::full() };
    if let Some(rounds) = arguments.rounds {
        scale.rounds = rounds.max(1);
    }
    if let Some(seconds) = arguments.seconds {
        scale.time = Duration::try_from_secs_f64(seconds).context("--seconds")?;
    }
    let works = match &arguments.works[..] {
        [] => Work::ALL.to_vec(),
        chosen => Work::ALL.into_iter().filter(|work| chosen.contains(work)).collect(),
    };
    let mut ground = Ground::take()?;
    let machine = machine::Machine::look_at(ground.path())?;
    let mut rows = Vec::new();
    for work in works {
        eprintln!("=== {}", work.name());
        rows.extend(work.measure(&mut ground, &scale).await.with_context(|| work.name())?);
    }
    let mut words: Vec<_> = std::env::args().skip(1).filter(|word| word != "--write").collect();
    words.insert(0, "cargo xtask bench".to_owned());
    let page = report::page(&machine, &scale, &words.join(" "), &rows)?;
    println!("{page}");
    if arguments.write {
        report::write(&page)?;
    }
    Ok(())
}
