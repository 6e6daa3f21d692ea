//! One PostgreSQL server in a temporary directory.
//!
//! Rust tests have no hook at their end, and may be killed. So the server is the child of a shell that reads from a
//! pipe whose other end this process holds: when the process is gone, however it went, the shell reads the end of the
//! file, stops the server it started, and removes the directory.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// What the name of a socket in the directory is made of. It is no real port: the server does not listen on TCP.
const PORT: u16 = 5432;
/// The only role, which may do everything.
const ROLE: &str = "guildhall";
/// How long a start may take on a busy machine.
const START: Duration = Duration::from_secs(60);

/// Arguments: the directory, then the server's command.
const KEEPER: &str = r#"
    directory=$1; shift
    "$@" &
    server=$!
    cat > /dev/null
    kill -QUIT $server
    wait $server
    rm -rf "$directory"
"#;

/// A running server. It is stopped when this is dropped or the process ends.
pub struct Cluster {
    directory: PathBuf,
    _keeper: ChildStdin,
}

impl Cluster {
    /// The one that all tests of this binary share.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Cluster> = OnceLock::new();
        SHARED.get_or_init(|| Self::start(&[]))
    }

    /// Starts a server with some settings, such as `fsync=off`, that differ from the defaults.
    pub fn start(settings: &[&str]) -> Self {
        let programs = Programs::find();
        let directory = directory();
        let user = User::to_run_as();
        if let Some(user) = user {
            chown(&directory, Some(user.uid), Some(user.gid)).expect("the directory can be given away");
        }
        let data = directory.join("data");
        let mut initdb = Command::new(&programs.initdb);
        initdb.arg("--pgdata").arg(&data).args(["--username", ROLE, "--auth", "trust", "--encoding", "UTF8"]);
        // Without the sync the empty cluster is not safe from a power cut, which ends the tests anyway.
        initdb.args(["--locale", "C", "--no-sync"]);
        let made = User::apply(user, &mut initdb).current_dir(&directory).output();
        let made = made.expect("initdb can be run");
        assert!(made.status.success(), "initdb failed: {}", String::from_utf8_lossy(&made.stderr));

        let log = fs::File::create(directory.join("log")).expect("the directory can be written to");
        let mut keeper = Command::new("/bin/sh");
        keeper.args(["-c", KEEPER, "keeper"]).arg(&directory).arg(&programs.postgres).arg("-D").arg(&data);
        keeper.arg("-k").arg(&directory).args(["-p", &PORT.to_string()]);
        keeper.args(["-c", "listen_addresses=", "-c", "max_connections=300", "-c", "shared_buffers=64MB"]);
        keeper.args(settings.iter().flat_map(|setting| ["-c", setting]));
        // A group of its own: Ctrl-C at the tests must not kill the keeper before it has done its work.
        keeper.process_group(0).current_dir(&directory).stdin(Stdio::piped());
        keeper.stdout(log.try_clone().expect("a file has a second handle")).stderr(log);
        let keeper = User::apply(user, &mut keeper).spawn().expect("a shell can be run").stdin;
        let cluster = Self { directory, _keeper: keeper.expect("standard input is a pipe") };
        cluster.wait();
        cluster
    }

    /// Where the server's unix socket is.
    pub fn socket(&self) -> PathBuf {
        self.directory.join(format!(".s.PGSQL.{PORT}"))
    }

    /// The URL of a database in this cluster.
    pub fn url(&self, database: &str) -> String {
        let mut host = String::new();
        for byte in self.directory.to_str().expect("a temporary directory has a plain name").bytes() {
            write!(host, "%{byte:02x}").expect("a String takes everything");
        }
        format!("postgres://{ROLE}@{host}:{PORT}/{database}")
    }

    /// The URL of a database in this cluster, by way of a [`crate::Wire`] on a port of the loopback interface.
    pub(crate) fn url_through(port: u16, database: &str) -> String {
        format!("postgres://{ROLE}@127.0.0.1:{port}/{database}")
    }

    /// Waits until the server says so in the eighth line of its `postmaster.pid`, where `pg_ctl` looks too.
    fn wait(&self) {
        let end = Instant::now() + START;
        let said = || fs::read_to_string(self.directory.join("data/postmaster.pid")).unwrap_or_default();
        while said().lines().nth(7).map(str::trim) != Some("ready") {
            let log = || fs::read_to_string(self.directory.join("log")).unwrap_or_default();
            assert!(Instant::now() < end, "PostgreSQL did not start: {}", log());
            std::thread::park_timeout(Duration::from_millis(20));
        }
    }
}

/// A new directory that its owner alone may enter; the keeper removes it.
fn directory() -> PathBuf {
    let directory = tempfile::Builder::new().prefix("guildhall-postgres-").tempdir();
    let directory = directory.expect("there is room for temporary files").keep();
    let owner_only = fs::Permissions::from_mode(0o700);
    fs::set_permissions(&directory, owner_only).expect("a new directory is ours");
    directory
}

/// PostgreSQL's programs.
struct Programs {
    initdb: PathBuf,
    postgres: PathBuf,
}

impl Programs {
    /// Looks where the PATH says, and where Debian puts them, the newest version first.
    fn find() -> Self {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let mut places: Vec<PathBuf> = std::env::split_paths(&path).collect();
        let mut versions: Vec<PathBuf> = fs::read_dir("/usr/lib/postgresql")
            .map(|entries| entries.flatten().map(|entry| entry.path()).collect())
            .unwrap_or_default();
        versions.sort_by_key(|path| path.file_name().and_then(|name| name.to_str()?.parse::<u32>().ok()));
        places.extend(versions.into_iter().rev().map(|version| version.join("bin")));
        // `initdb` looks for `postgres` beside itself, so both must come from one place.
        let programs = |place: &Path| {
            let initdb = fs::canonicalize(place.join("initdb")).ok()?;
            let postgres = initdb.with_file_name("postgres");
            postgres.is_file().then_some(Self { initdb, postgres })
        };
        places.iter().find_map(|place| programs(place)).expect(
            "these tests need PostgreSQL, and neither the PATH nor /usr/lib/postgresql has it; \
             install it with: apt-get install postgresql",
        )
    }
}

/// Whom the server runs as, since it refuses to run as root.
#[derive(Clone, Copy)]
struct User {
    uid: u32,
    gid: u32,
}

impl User {
    /// `nobody`, if we are root; else ourselves.
    fn to_run_as() -> Option<Self> {
        use std::os::unix::fs::MetadataExt as _;
        let ours = tempfile::tempfile().and_then(|file| file.metadata()).expect("a file can be made").uid();
        if ours != 0 {
            return None;
        }
        let accounts = fs::read_to_string("/etc/passwd").unwrap_or_default();
        let nobody = accounts.lines().find_map(|line| {
            let mut fields = line.strip_prefix("nobody:")?.split(':').skip(1);
            Some(Self { uid: fields.next()?.parse().ok()?, gid: fields.next()?.parse().ok()? })
        });
        Some(nobody.expect("PostgreSQL does not run as root, and there is no user `nobody`"))
    }

    fn apply(user: Option<Self>, command: &mut Command) -> &mut Command {
        match user {
            Some(user) => command.uid(user.uid).gid(user.gid),
            None => command,
        }
    }
}
