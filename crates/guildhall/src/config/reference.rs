//! The page `docs/configuration.md`, written from the table of settings and compared here.

use std::fmt::Write as _;

use super::settings::{SETTINGS, VARIABLES};

fn page() -> String {
    let mut page = String::from(
        "# Configuration\n\n\
         This page is written from the program's table of settings, `crates/guildhall/src/config/settings.rs`.\n\n\
         Each setting has a flag of `guildhall serve`, an environment variable, and a key of the files. The first of these\n\
         that says something counts:\n\n\
         1. the flag\n\
         2. the environment variable; an empty one says nothing\n\
         3. `guildhall.toml` in the working directory, the project's own; it may set `workspace` only\n\
         4. the user's file: `$GUILDHALL_HOME/config.toml`, or `~/.config/guildhall/config.toml`\n\
         5. the default\n\n\
         `guildhall config show --origin` shows what counts and where it comes from, `guildhall config path` where files are.\n\
         A key that does not exist is an error, and so is a value that its setting does not take. `workspace` is a flag of every command.\n\n\
         ## Settings\n",
    );
    for setting in SETTINGS {
        let values = setting.kind.values();
        let default =
            if setting.default.is_empty() { "none".into() } else { format!("`{}`", setting.default) };
        _ = write!(
            page,
            "\n### `{}`\n\n{}\n\n- takes {values}\n- default: {default}\n- flag: `--{}`\n- variable: `{}`\n",
            setting.key, setting.description, setting.flag, setting.variable
        );
    }
    page.push_str("\n## Other variables\n\n| variable | for |\n|---|---|\n");
    for variable in VARIABLES {
        _ = writeln!(page, "| `{}` | {} |", variable.name, variable.description);
    }
    page
}

#[test]
fn the_page_says_what_the_table_says() {
    crate::golden::compare("../../docs/configuration.md", &page());
}
