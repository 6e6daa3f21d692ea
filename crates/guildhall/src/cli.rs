//! The command line: what can be typed, and how it ends.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::commands::{
    agents, answer, ask, completions, config, context, decide, doctor, inbox, mcp, reserve, search, send,
    serve, status, store, token, topics, workspace,
};
use crate::failure;
use crate::here::Here;

/// What holds for all commands.
const ENDS: &str = "\
Data goes to stdout, everything else to stderr. With --json an error is one line there:
  {\"error\":{\"code\":\"not_found\",\"message\":\"…\"}}

Exit codes:
  0  done
  1  refused or failed, or what was looked at is not well
  2  not understood";

/// One self-hosted server where coding agents and the people who run them meet.
#[derive(Debug, Parser)]
#[command(name = "guildhall", version, max_term_width = 100, disable_help_subcommand = true, after_help = ENDS)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
    /// Print data, and errors, as JSON.
    #[arg(long, global = true)]
    json: bool,
    /// The workspace to speak in [default: default].
    #[arg(long, short, global = true, value_name = "NAME")]
    workspace: Option<String>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server.
    Serve(Box<serve::Serve>),
    /// Be the bridge of one agent: the Model Context Protocol over stdin and stdout.
    Mcp(mcp::Mcp),
    /// Show how the server and the workspace stand.
    Status,
    /// Show who is here.
    Agents,
    /// Send a message, with files if wished.
    Send(send::Send),
    /// Show what waits for you, and take it as read; or what was sent before.
    Inbox(Box<inbox::Inbox>),
    /// Show which topics there are; follow one, or leave it.
    Topics(topics::Topics),
    /// Say which files you work on; without arguments, show who says so of which.
    Reserve(reserve::Reserve),
    /// Find words in what was said, shared, asked, answered and decided.
    Search(search::Search),
    /// Put a question to agents or people.
    Ask(ask::Ask),
    /// Answer a question; without arguments, show what waits for an answer.
    Answer(answer::Answer),
    /// Share what is known, and look it up.
    #[command(subcommand)]
    Context(context::Context),
    /// Write down what was decided, and look it up.
    Decide(decide::Decide),
    /// Make workspaces.
    #[command(subcommand)]
    Workspace(workspace::Workspace),
    /// Issue and withdraw tokens.
    #[command(subcommand)]
    Token(token::Token),
    /// Check and mend what is kept, while no server runs.
    #[command(subcommand)]
    Store(store::Store),
    /// Show the configuration.
    #[command(subcommand)]
    Config(config::Config),
    /// Look for what is wrong with this installation.
    Doctor,
    /// Write a completion script for a shell.
    Completions(completions::Completions),
}

/// Runs the program with the arguments of this process.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(why) if why.use_stderr() && failure::ask_for_json(std::env::args_os()) => {
            failure::tell_usage(&why);
            return ExitCode::from(2);
        }
        Err(why) => why.exit(),
    };
    let as_json = cli.json;
    run(cli).unwrap_or_else(|why| {
        failure::tell(&why, as_json);
        ExitCode::FAILURE
    })
}

fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    let here = Here::find(cli.json, cli.workspace)?;
    match cli.command {
        // These arrange threads for themselves.
        Command::Serve(serve) => return serve.run(&here),
        Command::Mcp(mcp) => return mcp.run(&here),
        Command::Config(config) => return config.run(&here),
        Command::Completions(completions) => return completions.run(&here),
        _ => {}
    }
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        match cli.command {
            Command::Status => status::run(&here).await,
            Command::Agents => agents::run(&here).await,
            Command::Send(send) => send.run(&here).await,
            Command::Inbox(inbox) => inbox.run(&here).await,
            Command::Topics(topics) => topics.run(&here).await,
            Command::Reserve(reserve) => reserve.run(&here).await,
            Command::Search(search) => search.run(&here).await,
            Command::Ask(ask) => ask.run(&here).await,
            Command::Answer(answer) => answer.run(&here).await,
            Command::Context(context) => context.run(&here).await,
            Command::Decide(decide) => decide.run(&here).await,
            Command::Workspace(workspace) => workspace.run(&here).await,
            Command::Token(token) => token.run(&here).await,
            Command::Store(store) => store.run(&here).await,
            Command::Doctor => doctor::run(&here).await,
            Command::Serve(_) | Command::Mcp(_) | Command::Config(_) | Command::Completions(_) => {
                unreachable!("they were run above")
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    /// The help of a command and all below it, as somebody sees it who asks for it.
    fn help(command: &mut clap::Command, path: &str, text: &mut String) {
        text.push_str(&format!("$ {path} --help\n{}\n", command.render_long_help()));
        let names: Vec<String> =
            command.get_subcommands().map(|command| command.get_name().to_owned()).collect();
        for name in names {
            let below = command.find_subcommand_mut(&name).expect("it was just listed");
            help(below, &format!("{path} {name}"), text);
        }
    }

    #[test]
    fn help_is_what_was_agreed() {
        let mut command = Cli::command().term_width(100);
        command.build();
        let mut text = String::new();
        help(&mut command, "guildhall", &mut text);
        crate::golden::compare("golden/help.txt", &text);
    }

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[track_caller]
    fn parse(line: &str) -> Cli {
        Cli::try_parse_from(line.split(' ')).unwrap_or_else(|why| panic!("{line}: {why}"))
    }

    #[test]
    fn what_scripts_type_is_understood() {
        assert!(parse("guildhall token create --json --role member --name ada").json);
        assert_eq!(parse("guildhall ask -w team What?").workspace.as_deref(), Some("team"));
        let Command::Serve(serve) =
            parse("guildhall serve --json --listen 127.0.0.1:0 --compat trpc=0").command
        else {
            panic!("it is serve")
        };
        assert_eq!(serve.flags.0["compat"], "trpc=0");
        assert_eq!(serve.flags.0["listen"], "127.0.0.1:0");
        let Command::Serve(serve) = parse("guildhall serve --compat").command else { panic!("it is serve") };
        assert_eq!(serve.flags.0["compat"], "trpc,linker");
        parse("guildhall ask --ticket 0a1b --wait 5");
        parse("guildhall answer --all --limit 7");
        parse("guildhall decide list");
        parse("guildhall decide tabs");
        parse("guildhall send web hello --priority high --ttl 60 --file a --file b");
        parse("guildhall send --reply-to 7 yes");
        parse("guildhall inbox --with web --before 7 --limit 5");
        parse("guildhall inbox --message 7 --save files");
        parse("guildhall topics");
        parse("guildhall topics follow builds");
        parse("guildhall reserve");
        parse("guildhall reserve src/** docs/* --for 60 --shared --why tidying");
        parse("guildhall reserve --release");
        parse("guildhall reserve --release 0a1b --json");
        parse("guildhall search some words --kind message --kind decision --before 7");
        parse("guildhall mcp --tools linker");
        parse("guildhall ask --wait 31622400 --deadline 31622400 What?");
        for unbounded in [
            "guildhall ask --wait 18446744073709551615 What?",
            "guildhall ask --deadline 18446744073709551615 What?",
            "guildhall ask --deadline 0 What?",
            "guildhall token create --role member --life 18446744073709551615",
            "guildhall token create --role member --life 0",
            "guildhall mcp --wait-for-server 18446744073709551615",
            "guildhall answer --all --limit 0",
            "guildhall context list --limit 1001",
            "guildhall send web hello --ttl 0",
            "guildhall send web hello --ttl 31622401",
            "guildhall inbox --limit 0",
            "guildhall reserve src/** --for 0",
            "guildhall search word --limit 101",
        ] {
            let why = Cli::try_parse_from(unbounded.split(' ')).unwrap_err();
            assert!(why.to_string().contains("is not in "), "{unbounded}: {why}");
        }
        for bad in [
            "guildhall",
            "guildhall fly",
            "guildhall decide",
            "guildhall token create",
            "guildhall answer x",
            "guildhall answer x y --all",
            "guildhall answer --limit 7",
            "guildhall ask",
            "guildhall ask What? --ticket 0a1b",
            "guildhall ask --ticket 0a1b --to web",
            "guildhall send web",
            "guildhall send --all web hello",
            "guildhall send web hello --priority urgent",
            "guildhall send --resend 7 --ttl 5",
            "guildhall inbox --peek --all",
            "guildhall inbox --sent --dead",
            "guildhall inbox --save files",
            "guildhall inbox --before 7",
            "guildhall inbox --message 7 --before 7",
            "guildhall topics follow",
            "guildhall reserve src/**",
            "guildhall reserve --for 60",
            "guildhall reserve --shared",
            "guildhall reserve src/** --for 60 --release",
            "guildhall search",
            "guildhall search word --kind task",
            "guildhall mcp --tools all",
        ] {
            assert_eq!(Cli::try_parse_from(bad.split(' ')).unwrap_err().exit_code(), 2, "{bad}");
        }
    }
}
