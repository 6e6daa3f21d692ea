//! Settings as flags of a command, made from the table.

use clap::error::Error;
use clap::{Arg, ArgMatches, Args, Command, FromArgMatches};

use super::layers::Flags;
use super::settings::{self, Kind, SETTINGS, Setting};

/// A flag for every setting but the workspace, which is a flag of all commands.
#[derive(Debug, Clone, Default)]
pub(crate) struct AllSettings(pub(crate) Flags);

/// A flag for where everything is kept.
#[derive(Debug, Clone, Default)]
pub(crate) struct StoreSetting(pub(crate) Flags);

fn of_a_server() -> impl Iterator<Item = &'static Setting> {
    SETTINGS.iter().filter(|setting| setting.key != settings::WORKSPACE)
}

fn of_a_store() -> impl Iterator<Item = &'static Setting> {
    SETTINGS.iter().filter(|setting| setting.key == settings::STORE)
}

fn augment(command: Command, settings: impl Iterator<Item = &'static Setting>) -> Command {
    settings.fold(command, |command, setting| {
        let usually = if setting.default.is_empty() {
            String::new()
        } else {
            format!(" [default: {}]", setting.default)
        };
        let arg = Arg::new(setting.key)
            .long(setting.flag)
            .value_name(value_name(setting.kind))
            .help(format!("{}{usually}", setting.description));
        // `--compat` alone means the ports that those clients look for.
        let arg = match setting.kind {
            Kind::Compat => arg.num_args(0..=1).default_missing_value("trpc,linker"),
            _ => arg,
        };
        command.arg(arg)
    })
}

fn value_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Address => "ADDRESS:PORT",
        Kind::Compat => "trpc=PORT,linker=PORT",
        Kind::Store => "STORE",
        Kind::Count { .. } => "NUMBER",
        Kind::Milliseconds { .. } => "MILLISECONDS",
        Kind::Hosts | Kind::Origins => "A,B",
        Kind::Filter => "FILTER",
        Kind::Word(_) => "WORD",
        Kind::Workspace => "NAME",
    }
}

fn given(matches: &ArgMatches, settings: impl Iterator<Item = &'static Setting>) -> Flags {
    settings
        .filter_map(|setting| Some((setting.key, matches.get_one::<String>(setting.key)?.clone())))
        .collect()
}

macro_rules! flags {
    ($type:ident, $settings:ident) => {
        impl Args for $type {
            fn augment_args(command: Command) -> Command {
                augment(command, $settings())
            }

            fn augment_args_for_update(command: Command) -> Command {
                augment(command, $settings())
            }
        }

        impl FromArgMatches for $type {
            fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
                Ok(Self(given(matches, $settings())))
            }

            fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
                self.0.extend(given(matches, $settings()));
                Ok(())
            }
        }
    };
}

flags!(AllSettings, of_a_server);
flags!(StoreSetting, of_a_store);
