//! A temporary home, and the program started on it: a process of its own, with its own ports, gone when the story ends.
//!
//! The first start lets the system pick the ports; later starts on the same home take the same ones, so that clients
//! find the server again.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Output, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use guildhall_faultdisk::{Disk, Image};
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// How long a start may take on a busy machine.
const START: Duration = Duration::from_secs(30);
/// How long an ordered end may take.
const END: Duration = Duration::from_secs(30);

/// The program under test.
///
/// # Panics
/// If it is not there.
pub fn program() -> PathBuf {
    let program = match std::env::var_os("GUILDHALL_BIN") {
        Some(named) => PathBuf::from(named),
        None => {
            let executable = std::env::current_exe().expect("a test knows its own file");
            let built = executable.ancestors().find(|place| place.ends_with("deps"));
            let beside = built.and_then(Path::parent).expect("cargo builds tests into `deps`");
            beside.join("guildhall")
        }
    };
    assert!(
        program.is_file(),
        "there is no program {}: build it with `cargo build --workspace`, or run `cargo xtask test`",
        program.display()
    );
    program
}

/// A directory that is the server's whole world. It goes away with this value.
pub struct Home {
    _directory: TempDir,
    path: PathBuf,
    /// Outside of the home, so that a disk under the home has only the server's own files.
    beside: TempDir,
    settings: Vec<(OsString, OsString)>,
    store: Option<String>,
    ports: Mutex<Ports>,
}

/// The ports of a home's servers; 0 until the system has picked them.
#[derive(Debug, Clone, Copy, Default)]
struct Ports {
    http: u16,
    trpc: u16,
    linker: u16,
}

/// A server that runs. It is killed when this value goes away.
pub struct Server {
    child: Child,
    /// Kept open: a server that writes to it must not find it closed.
    _stdout: BufReader<ChildStdout>,
    log: PathBuf,
    /// The main listener.
    pub http: SocketAddr,
    /// The compatibility listener for tRPC.
    pub compat: SocketAddr,
    /// The compatibility listener for the linker's clients.
    pub linker: SocketAddr,
    /// The socket for processes of this machine.
    pub socket: PathBuf,
}

/// An answer to a plain HTTP request.
#[derive(Debug)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The body.
    pub body: String,
}

// === impl Home ===

impl Home {
    /// An empty home.
    #[allow(clippy::new_without_default, reason = "it makes a directory")]
    pub fn new() -> Self {
        // Short: the socket's path in it has to fit a socket address.
        let directory = tempfile::Builder::new().prefix("gh").tempdir().expect("there is room for a home");
        let beside = tempfile::tempdir().expect("there is room for a log");
        // A drain only costs time here; the stories about it are the clients'.
        let settings = vec![("GUILDHALL_DRAIN_MS".into(), "200".into())];
        // As a disk under it is named.
        let path = directory.path().canonicalize().expect("it is there");
        Self { _directory: directory, path, beside, settings, store: None, ports: Mutex::default() }
    }

    /// A home as a power cut left it.
    ///
    /// # Panics
    /// If it cannot be written.
    pub fn of(image: &Image) -> Self {
        let home = Self::new();
        image.write_to(home.path()).expect("there is room for a home");
        home
    }

    /// With a setting for every start and command.
    #[must_use]
    pub fn set(mut self, variable: &str, value: impl AsRef<OsStr>) -> Self {
        self.settings.push((variable.into(), value.as_ref().to_owned()));
        self
    }

    /// With another store than the default.
    #[must_use]
    pub fn on_store(mut self, store: &str) -> Self {
        self.store = Some(store.to_owned());
        self
    }

    /// The home.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where the databases are.
    pub fn data(&self) -> PathBuf {
        self.path().join("data")
    }

    fn command(&self) -> Command {
        let mut command = Command::new(program());
        let ours = |name: &str| name.starts_with("GUILDHALL_") || ["PORT", "HOST"].contains(&name);
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_str().is_some_and(ours)) {
            command.env_remove(name);
        }
        command
            .env("GUILDHALL_HOME", self.path())
            .envs(self.settings.iter().map(|(name, value)| (name, value)));
        command.current_dir(self.path());
        command
    }

    /// Runs another command of the program on this home, to its end.
    ///
    /// # Panics
    /// If it cannot be run.
    pub fn run(&self, arguments: &[&str]) -> Output {
        self.command().args(arguments).stdin(Stdio::null()).output().expect("the program can be run")
    }

    /// The command that starts a server, not yet started.
    pub fn serve(&self) -> Command {
        let Ports { http, trpc, linker } = *self.ports.lock().expect("nothing panics while it is held");
        let mut command = self.command();
        command.args(["serve", "--json", "--listen", &format!("127.0.0.1:{http}")]);
        command.args(["--compat", &format!("trpc={trpc},linker={linker}")]);
        if let Some(store) = &self.store {
            command.args(["--store", store]);
        }
        command
    }

    /// Starts a server, and waits until it is ready.
    ///
    /// # Panics
    /// If it does not become ready; what it said on stderr is in the message.
    pub async fn start(&self) -> Server {
        self.start_as(self.serve()).await
    }

    /// Starts a server whose home is a disk that can be made to fail.
    ///
    /// # Panics
    /// As [`Home::start`].
    pub async fn start_on(&self, disk: &Disk) -> Server {
        let mut command = self.serve();
        command.envs(disk.environment());
        self.start_as(command).await
    }

    /// Starts what [`Home::serve`] gave, with some changes.
    ///
    /// # Panics
    /// As [`Home::start`].
    pub async fn start_as(&self, command: Command) -> Server {
        self.launch(command).await.unwrap_or_else(|ended| panic!("the server did not start: {ended}"))
    }

    /// Starts a server, and waits until it is ready or has ended: then what it said.
    ///
    /// # Errors
    /// If it ended.
    ///
    /// # Panics
    /// If it does neither.
    pub async fn launch(&self, mut command: Command) -> Result<Server, String> {
        let log = self.beside.path().join("log");
        let stderr = File::options().append(true).create(true).open(&log).expect("the log can be written");
        let before = stderr.metadata().map_or(0, |log| log.len());
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(stderr)
            .spawn()
            .expect("the program can be started");
        let stdout = child.stdout.take().expect("it is a pipe");
        let read = tokio::task::spawn_blocking(move || {
            let (mut stdout, mut line) = (BufReader::new(stdout), String::new());
            stdout.read_line(&mut line).map(|_| (stdout, line))
        });
        let read = tokio::time::timeout(START, read).await;
        let said = || {
            let said = fs::read(&log).unwrap_or_default();
            String::from_utf8_lossy(said.get(before as usize..).unwrap_or_default()).into_owned()
        };
        let Ok(read) = read else {
            // Its pipe is being read from; only its end can end that.
            child.kill().expect("a child can be killed");
            panic!("the server was not ready after {START:?}: {}", said());
        };
        let (stdout, line) = read.expect("reading does not panic").expect("a pipe can be read");
        if line.is_empty() {
            let status = child.wait().expect("a child can be waited for");
            return Err(format!("{status}: {}", said()));
        }
        let ready: Value = serde_json::from_str(&line).unwrap_or_else(|_| panic!("not a ready line: {line}"));
        assert_eq!(ready["event"], "ready", "{line}");
        let address = |value: &Value, scheme: &str| -> SocketAddr {
            let address = value.as_str().and_then(|url| url.strip_prefix(scheme)?.parse().ok());
            address.unwrap_or_else(|| panic!("no address in {line}"))
        };
        let http = address(&ready["http"], "http://");
        let compat = address(&ready["compat"]["trpc"], "ws://");
        let linker = address(&ready["compat"]["linker"], "ws://");
        let socket = PathBuf::from(ready["socket"].as_str().unwrap_or_else(|| panic!("no socket in {line}")));
        *self.ports.lock().expect("nothing panics while it is held") =
            Ports { http: http.port(), trpc: compat.port(), linker: linker.port() };
        Ok(Server { child, _stdout: stdout, log, http, compat, linker, socket })
    }
}

// === impl Server ===

impl Server {
    /// Its process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Ends it by SIGKILL, and waits until it is gone.
    ///
    /// # Panics
    /// If it cannot be waited for.
    pub async fn kill(&mut self) {
        self.child.kill().expect("a child can be killed");
        self.ended(END).await.expect("nothing survives SIGKILL");
    }

    /// Ends it by SIGTERM, as an init system does.
    ///
    /// # Panics
    /// If it does not end well.
    pub async fn stop(mut self) {
        let status = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status();
        assert!(status.expect("`kill` can be run").success());
        let status = self.ended(END).await;
        assert!(status.is_some_and(|status| status.success()), "ended with {status:?}: {}", self.said());
    }

    /// Waits until it has ended by itself; `None` if it has not by then.
    ///
    /// # Panics
    /// If it cannot be waited for.
    pub async fn ended(&mut self, within: Duration) -> Option<ExitStatus> {
        let end = Instant::now() + within;
        loop {
            if let Some(status) = self.child.try_wait().expect("a child can be waited for") {
                return Some(status);
            }
            if Instant::now() > end {
                return None;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    /// Everything that servers on this home have said on stderr.
    pub fn said(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    /// Asks the main listener for a path.
    ///
    /// # Panics
    /// If it does not answer in HTTP.
    pub async fn get(&self, path: &str) -> Answer {
        let mut stream = tokio::net::TcpStream::connect(self.http).await.expect("the server listens");
        let request = format!("GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", self.http);
        stream.write_all(request.as_bytes()).await.expect("the server reads");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.expect("the server answers");
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
        let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).expect("a status");
        Answer { status, body: body.to_owned() }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Both fail if it was waited for already.
        _ = self.child.kill();
        _ = self.child.wait();
        if std::thread::panicking() {
            let said = self.said();
            let tail = said.char_indices().rev().nth(4000).map_or(0, |(at, _)| at);
            eprintln!("--- the server said:\n{}", &said[tail..]);
        }
    }
}
