//! `guildhall send`: sends a message, or a dead letter once more.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::bail;
use clap::error::{Error, ErrorKind};
use clap::{ArgMatches, Args, Command, FromArgMatches, ValueEnum, value_parser};
use client::files;
use client::protocol::{self, Call, File, LONGEST_SECONDS, Resend, Sent};
use client::shown::name;

use super::context::given_or_stdin;
use crate::here::Here;

/// How a message to everybody is addressed.
const EVERYBODY: &str = "broadcast";

/// What is to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Send {
    /// A message.
    New(Letter),
    /// A dead letter, to whom it was for or to somebody else.
    Again { dead: u64, to: Option<String>, once: Option<String> },
}

/// A message as it was typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Letter {
    /// If nobody, whoever wrote what is answered.
    to: Option<String>,
    text: String,
    reply_to: Option<u64>,
    priority: Priority,
    ttl: Option<u64>,
    files: Vec<PathBuf>,
    /// Under which it is sent once.
    once: Option<String>,
}

/// The arguments, as `--help` shows them. How many there may be depends on the options, which clap cannot say; so they
/// are read from here into [`Send`].
#[derive(Debug, Args)]
#[command(override_usage = "guildhall send [OPTIONS] <TO> <TEXT>
       guildhall send [OPTIONS] --topic <NAME> <TEXT>
       guildhall send [OPTIONS] --all <TEXT>
       guildhall send [OPTIONS] --reply-to <NUMBER> [TO] <TEXT>
       guildhall send --resend <NUMBER> [TO]")]
struct Typed {
    /// For whom: an agent's name or id, `person:NAME`, `topic:NAME`, or `broadcast` for everybody.
    to: Option<String>,
    /// What it says; `-` to read it from stdin.
    text: Option<String>,
    /// To whoever follows this topic.
    #[arg(long, value_name = "NAME", conflicts_with = "all")]
    topic: Option<String>,
    /// To everybody.
    #[arg(long)]
    all: bool,
    /// The number of the message that this one answers; it goes to whoever wrote that, unless somebody is named.
    #[arg(long, value_name = "NUMBER")]
    reply_to: Option<u64>,
    /// How soon it wants to be read.
    #[arg(long, value_enum, default_value_t = Priority::Normal)]
    priority: Priority,
    /// How long it waits for its reader [default: for ever].
    #[arg(long, value_name = "SECONDS", value_parser = value_parser!(u64).range(1..=LONGEST_SECONDS))]
    ttl: Option<u64>,
    /// A file to go with it, of 8 MiB at most; may be given several times.
    #[arg(long, value_name = "PATH")]
    file: Vec<PathBuf>,
    /// A key of your own: sent again under it within a day, it is the same message, and nothing is sent twice.
    #[arg(long, value_name = "KEY")]
    once: Option<String>,
    /// Send a dead letter again, by its number: to whom it was for, or to somebody else.
    #[arg(long, value_name = "NUMBER",
        conflicts_with_all = ["topic", "all", "reply_to", "priority", "ttl", "file"])]
    resend: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Priority {
    /// Before all others.
    High,
    /// In its turn.
    Normal,
    /// When there is nothing else.
    Low,
}

// === impl Send ===

impl Send {
    pub(crate) async fn run(self, here: &Here) -> anyhow::Result<ExitCode> {
        let call = match self {
            Self::New(letter) => Call::Send(letter.read()?),
            Self::Again { dead, to, once } => Call::Resend(Resend { message: dead, to, once }),
        };
        let sent: Sent = here.hall().await?.call(call).await?;
        here.output.show(&sent, |sent| format!("{}\n", sent.number))?;
        here.output.say(&format!("Sent to {}.", name(&sent.to)));
        Ok(ExitCode::SUCCESS)
    }
}

impl TryFrom<Typed> for Send {
    type Error = &'static str;

    fn try_from(typed: Typed) -> Result<Self, Self::Error> {
        let Typed { to: first, text: second, topic, all, reply_to, priority, ttl, file: files, once, resend } =
            typed;
        if let Some(dead) = resend {
            return match second {
                None => Ok(Self::Again { dead, to: first, once }),
                Some(_) => Err("a dead letter keeps its text: after --resend there is at most a recipient"),
            };
        }
        let said = topic
            .map(|topic| format!("topic:{}", protocol::topic_name(&topic)))
            .or_else(|| all.then(|| EVERYBODY.to_owned()));
        let (to, text) = match (said, first, second) {
            (Some(to), Some(text), None) => (Some(to), text),
            (Some(_), _, Some(_)) => {
                return Err("--topic and --all say for whom it is: only the text follows");
            }
            (None, Some(to), Some(text)) => (Some(to), text),
            (None, Some(text), None) if reply_to.is_some() => (None, text),
            (None, Some(_), None) => {
                return Err("it takes a recipient and a text, and only one of them was given");
            }
            (_, None, _) => return Err("it takes a text, and none was given"),
        };
        Ok(Self::New(Letter { to, text, reply_to, priority, ttl, files, once }))
    }
}

impl Args for Send {
    fn augment_args(command: Command) -> Command {
        Typed::augment_args(command)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Typed::augment_args_for_update(command)
    }
}

impl FromArgMatches for Send {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        let typed = Typed::from_arg_matches(matches)?;
        typed.try_into().map_err(|why| {
            // Put into words here, where it is known that this is about `send`: further out it would end with the usage of the
            // whole program.
            let mut command = Self::augment_args(Command::new("send"));
            Error::raw(ErrorKind::WrongNumberOfValues, why).format(&mut command)
        })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

// === impl Letter ===

impl Letter {
    /// With all that it takes from elsewhere: its files, and its text if that stands on stdin.
    fn read(self) -> anyhow::Result<protocol::Send> {
        Ok(protocol::Send {
            to: self.to,
            files: read_files(&self.files)?,
            content: given_or_stdin(self.text)?,
            reply_to: self.reply_to,
            priority: match self.priority {
                Priority::High => protocol::Priority::High,
                Priority::Normal => protocol::Priority::Normal,
                Priority::Low => protocol::Priority::Low,
            },
            ttl_ms: self.ttl.map(|seconds| seconds * 1000),
            once: self.once,
        })
    }
}

/// Reads the files to go with a message. Each has a name of its own there; whoever typed paths has to be told of that in
/// other words than the hall has.
fn read_files(paths: &[PathBuf]) -> anyhow::Result<Vec<File>> {
    let mut files: Vec<File> = Vec::with_capacity(paths.len());
    for path in paths {
        let file = files::read(path)?;
        if files.iter().any(|other| other.name == file.name) {
            bail!("two of these files are called {}; send them one by one", name(&file.name));
        }
        files.push(file);
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn typed(line: &str) -> Result<Send, Error> {
        let command = Send::augment_args(Command::new("send"));
        Send::from_arg_matches(&command.try_get_matches_from(line.split(' '))?)
    }

    #[test]
    fn whom_and_what_are_told_apart_by_the_options() {
        for (line, to, text) in [
            ("send web hello", Some("web"), "hello"),
            ("send --topic builds green", Some("topic:builds"), "green"),
            ("send --all lunch", Some("broadcast"), "lunch"),
            ("send --reply-to 7 yes", None, "yes"),
            ("send --reply-to 7 api yes", Some("api"), "yes"),
            ("send web -", Some("web"), "-"),
        ] {
            let Send::New(letter) = typed(line).unwrap() else { panic!("{line}") };
            assert_eq!((letter.to.as_deref(), &*letter.text), (to, text), "{line}");
        }
        assert_eq!(typed("send --resend 7").unwrap(), Send::Again { dead: 7, to: None, once: None });
        assert_eq!(
            typed("send --resend 7 web").unwrap(),
            Send::Again { dead: 7, to: Some("web".into()), once: None }
        );
    }

    #[test]
    fn too_few_and_too_many_are_told_from_each_other() {
        for (line, says) in [
            ("send", "none was given"),
            ("send web", "only one of them was given"),
            ("send --topic builds", "none was given"),
            ("send --topic builds web green", "only the text follows"),
            ("send --resend 7 web hello", "keeps its text"),
            ("send --resend 7 --file x", "cannot be used with"),
            ("send --all --topic builds green", "cannot be used with"),
            ("send a b c", "unexpected argument"),
        ] {
            let why = typed(line).unwrap_err();
            assert_eq!(why.exit_code(), 2, "{line}");
            assert!(why.to_string().contains(says), "{line}: {why}");
            assert!(why.to_string().contains("\nUsage: guildhall send "), "{line}: {why}");
        }
    }

    #[test]
    fn two_files_of_one_name_are_not_sent_together() {
        let place = tempfile::tempdir().unwrap();
        let [a, b] = ["a/x.txt", "b/x.txt"].map(|name| place.path().join(name));
        for path in [&a, &b] {
            std::fs::create_dir(path.parent().unwrap()).unwrap();
            std::fs::write(path, "x").unwrap();
        }
        assert_eq!(read_files(std::slice::from_ref(&a)).unwrap()[0].name, "x.txt");
        let why = read_files(&[a, b]).unwrap_err().to_string();
        assert_eq!(why, "two of these files are called x.txt; send them one by one");
    }
}
