//! `guildhall reserve`: who says to be working on which files. Advisory: nobody is stopped, but whoever asks is told.

use std::process::ExitCode;

use clap::{Args, value_parser};
use client::protocol::{self, Call, Empty, LONGEST_SECONDS, Marked, Release, Reservation};

use crate::here::Here;
use crate::output::table;

#[derive(Debug, Args)]
#[command(override_usage = "guildhall reserve [OPTIONS]
       guildhall reserve [OPTIONS] <FILES>... --for <SECONDS>
       guildhall reserve [OPTIONS] --release [ID]")]
pub(crate) struct Reserve {
    /// The files, as globs from the project's root: `*` and `?` within a name, `**` for any number of names, `src/` for a
    /// folder with all that lies in it. The same ones once more renew what you hold.
    #[arg(requires = "seconds")]
    files: Vec<String>,
    /// How long you want to hold them.
    #[arg(long = "for", value_name = "SECONDS", requires = "files", value_parser = value_parser!(u64).range(1..=LONGEST_SECONDS))]
    seconds: Option<u64>,
    /// Let others hold them too, as long as they share.
    #[arg(long, requires = "files")]
    shared: bool,
    /// What for.
    #[arg(long, value_name = "TEXT", requires = "files")]
    why: Option<String>,
    /// End a reservation of yours before its time, by its id; all of yours without one.
    #[arg(long, value_name = "ID", num_args = 0..=1, conflicts_with = "files")]
    release: Option<Option<String>>,
}

impl Reserve {
    pub(crate) async fn run(self, here: &Here) -> anyhow::Result<ExitCode> {
        let hall = here.hall().await?;
        if let Some(id) = self.release {
            let released: Marked = hall.call(Call::Release(Release { id })).await?;
            here.output.show(&released, |Marked { count }| match count {
                1 => "Released 1 reservation.\n".into(),
                _ => format!("Released {count} reservations.\n"),
            })?;
        } else if let Some(ttl_seconds) = self.seconds {
            let Self { files, shared, why, .. } = self;
            let call = Call::Reserve(protocol::Reserve { files, shared, why, ttl_seconds, once: None });
            let made: Reservation = hall.call(call).await?;
            here.output.show(&made, |made| format!("{}\n", made.id))?;
            here.output.say(&format!("Yours until {}.", made.until));
        } else {
            let reservations: Vec<Reservation> = hall.call(Call::Reservations(Empty {})).await?;
            here.output.list(&reservations, "Nothing is reserved.", list)?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn list(reservations: &[Reservation]) -> String {
    let row = |reservation: &Reservation| {
        let Reservation { id, holder, files, until, why, .. } = reservation.clone();
        let mine = if reservation.mine { "yes" } else { "no" };
        let shared = if reservation.shared { "yes" } else { "no" };
        let [mine, shared] = [mine, shared].map(str::to_owned);
        [id, holder, mine, until, shared, files.join(" "), why.unwrap_or_default()]
    };
    table(["ID", "HOLDER", "YOURS", "UNTIL", "SHARED", "FILES", "WHY"], reservations.iter().map(row))
}
