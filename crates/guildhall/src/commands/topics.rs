//! `guildhall topics`: which there are, and which of them one follows.

use std::process::ExitCode;

use clap::{Args, Subcommand};
use client::protocol::{Call, Changed, Empty, Follow, Listing, Topic, topic_name};
use client::shown;

use crate::here::Here;
use crate::output::table;

#[derive(Debug, Args)]
pub(crate) struct Topics {
    #[command(subcommand)]
    command: Option<Other>,
}

#[derive(Debug, Subcommand)]
enum Other {
    /// From now on, what is sent to a topic waits for you.
    Follow {
        /// The topic's name.
        name: String,
    },
    /// Follow a topic no longer.
    Leave {
        /// The topic's name.
        name: String,
    },
}

impl Topics {
    pub(crate) async fn run(self, here: &Here) -> anyhow::Result<ExitCode> {
        let hall = here.hall().await?;
        let (topic, follow) = match self.command {
            Some(Other::Follow { name }) => (name, true),
            Some(Other::Leave { name }) => (name, false),
            None => {
                let Listing { items: topics, more }: Listing<Topic> =
                    hall.call(Call::Topics(Empty {})).await?;
                here.output.list(&topics, "There are no topics yet.", list)?;
                if more {
                    here.output
                        .say("There are more topics than are listed; those you follow are among these.");
                }
                return Ok(ExitCode::SUCCESS);
            }
        };
        let topic = topic_name(&topic).to_owned();
        let call = Call::Follow(Follow { topic: topic.clone(), follow });
        let changed: Changed = hall.call(call).await?;
        here.output.show(&changed, |changed| {
            let name = shown::name(&topic);
            match (follow, changed.success) {
                (true, true) => format!("You follow {name} now.\n"),
                (true, false) => format!("You followed {name} already.\n"),
                (false, true) => format!("You follow {name} no longer.\n"),
                (false, false) => format!("You did not follow {name}.\n"),
            }
        })?;
        Ok(ExitCode::SUCCESS)
    }
}

fn list(topics: &[Topic]) -> String {
    let row = |topic: &Topic| {
        let followed = if topic.followed { "yes" } else { "no" };
        let last = topic.last_at.clone().unwrap_or_else(|| "never".into());
        [topic.name.clone(), topic.followers.to_string(), followed.to_owned(), last]
    };
    table(["NAME", "FOLLOWERS", "FOLLOWED", "LAST"], topics.iter().map(row))
}
