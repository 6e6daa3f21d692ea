//! A person's terminal: a directory with everything in it, and perhaps a server.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;

/// A directory with everything in it, and perhaps a server.
pub(crate) struct Place {
    pub(crate) directory: tempfile::TempDir,
    server: Option<Child>,
}

impl Place {
    pub(crate) fn empty() -> Self {
        Self { directory: tempfile::tempdir().unwrap(), server: None }
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_guildhall"));
        command.args(arguments);
        self.at_home(command)
    }

    /// The same, out of a process between that stands for an agent's host. Whoever starts a bridge is taken for an agent, so
    /// a test that goes on as a person has it started by somebody else.
    pub(crate) fn hosted(&self, arguments: &[&str]) -> Command {
        let mut host = Command::new("sh");
        // The second command keeps the shell from becoming the first.
        host.args(["-c", "\"$@\"; exit", "host", env!("CARGO_BIN_EXE_guildhall")]).args(arguments);
        self.at_home(host)
    }

    fn at_home(&self, mut command: Command) -> Command {
        let inherited = std::env::vars().map(|(name, _)| name);
        for name in inherited.filter(|name| name.starts_with("GUILDHALL_")) {
            command.env_remove(name);
        }
        command
            .env_remove("HOST")
            .env_remove("PORT")
            .env("GUILDHALL_HOME", self.directory.path().join("home"))
            .current_dir(self.directory.path());
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// What a command prints that must go well.
    pub(crate) fn text(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    pub(crate) fn json(&self, arguments: &[&str]) -> Value {
        let text = self.text(&[arguments, &["--json"]].concat());
        serde_json::from_str(&text).unwrap_or_else(|why| panic!("{arguments:?}: {why}: {text}"))
    }

    /// What a command says that has nothing to print.
    pub(crate) fn said(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(output.status.success(), "{arguments:?}");
        assert_eq!(String::from_utf8_lossy(&output.stdout), "", "{arguments:?}");
        String::from_utf8(output.stderr).unwrap()
    }

    /// How a command ends that must not go well, and the error it writes as JSON.
    pub(crate) fn error(&self, arguments: &[&str]) -> (Option<i32>, Value) {
        let output = self.run(&[&["--json"], arguments].concat());
        assert_eq!(String::from_utf8_lossy(&output.stdout), "", "{arguments:?}");
        let line = String::from_utf8(output.stderr).unwrap();
        assert_eq!(line.lines().count(), 1, "{arguments:?}: {line}");
        let told: Value =
            serde_json::from_str(&line).unwrap_or_else(|why| panic!("{arguments:?}: {why}: {line}"));
        assert!(told["error"]["message"].as_str().is_some_and(|message| !message.is_empty()), "{line}");
        (output.status.code(), told["error"]["code"].clone())
    }

    /// What a command says on stderr that must fail, printing nothing.
    pub(crate) fn failure(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        assert_eq!(String::from_utf8_lossy(&output.stdout), "", "{arguments:?}");
        String::from_utf8(output.stderr).unwrap()
    }

    pub(crate) fn serve(&mut self) -> Value {
        let mut serve = self.command(&["serve", "--json", "--listen", "127.0.0.1:0"]);
        serve.stdout(Stdio::piped()).stderr(Stdio::null());
        self.started(serve)
    }

    /// Starts a server; what it says once it can be used.
    pub(crate) fn started(&mut self, mut serve: Command) -> Value {
        let mut server = serve.spawn().unwrap();
        let mut ready = String::new();
        BufReader::new(server.stdout.take().unwrap()).read_line(&mut ready).unwrap();
        self.server = Some(server);
        serde_json::from_str(&ready).unwrap()
    }

    /// Tells the server to end, and waits until it has.
    pub(crate) fn end(&mut self) {
        let mut server = self.server.take().unwrap();
        let told = Command::new("kill").arg(server.id().to_string()).status().unwrap();
        assert!(told.success());
        assert!(server.wait().unwrap().success());
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(mut server) = self.server.take() {
            // A test that failed leaves it running.
            _ = server.kill();
            _ = server.wait();
        }
    }
}
