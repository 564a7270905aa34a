//! Processes of a world: found beside the tests, logged to files, gone with their owner.

use std::{
    env,
    fs::File,
    io::Write,
    path::{Path, PathBuf},
    process::Stdio,
    sync::atomic::{AtomicU16, Ordering},
};

use tokio::process::Command;

/// A program of this workspace, built by the same `cargo test` or `cargo build` as the tests.
///
/// # Panics
/// When it is not there, saying how to build it.
#[must_use]
pub fn binary(name: &str) -> PathBuf {
    let here = env::current_exe().expect("the running test has a path");
    let profile = here.ancestors().find(|folder| folder.join("deps").is_dir()).expect("tests run from a target folder");
    let path = profile.join(name).with_extension(env::consts::EXE_EXTENSION);
    assert!(path.is_file(), "{} is missing: build it with `cargo build --workspace --bins --features omniot-app/gui`", path.display());
    path
}

/// A loopback port that nobody listens on. Each call gives another one, below the range from which
/// the system takes ports of its own, so that worlds side by side do not meet.
#[must_use]
pub fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let start = u16::try_from(std::process::id() % 9000).unwrap_or(0);
    for _ in 0..9000 {
        let port = 20_000 + (start + NEXT.fetch_add(1, Ordering::Relaxed)) % 9000;
        if std::net::TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
    panic!("no free port between 20000 and 29000");
}

/// Says that a part of a test did not run on this machine, past the capture of test output.
///
/// # Panics
/// Under `CI=true`, where everything runs.
#[allow(clippy::disallowed_methods, reason = "whether this is CI comes from the environment")]
pub fn did_not_run(what: &str, why: &str) {
    assert_ne!(env::var("CI").as_deref(), Ok("true"), "{what} does not run: {why}");
    let said = std::io::stderr().write_all(format!("DID NOT RUN {what}: {why}\n").as_bytes());
    said.expect("standard error can be written");
}

/// A running process. Dropped: killed.
pub struct Child {
    process: tokio::process::Child,
    log: PathBuf,
    name: String,
}

impl Child {
    /// Starts `command` with its output in `<folder>/<name>.log`.
    pub fn start(name: &str, folder: &Path, mut command: Command) -> Self {
        let log = folder.join(format!("{name}.log"));
        let file = File::options().create(true).append(true).open(&log).expect("a log file");
        let process = command
            .stdin(Stdio::null())
            .stdout(file.try_clone().expect("a second handle of the log"))
            .stderr(file)
            .kill_on_drop(true)
            .spawn()
            .unwrap_or_else(|why| panic!("{name} does not start: {why}"));
        Self { process, log, name: name.to_owned() }
    }

    /// What it has written so far.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Fails the test when the process has ended, with the end of its log.
    pub fn assert_alive(&mut self) {
        if let Ok(Some(status)) = self.process.try_wait() {
            panic!("{} ended with {status}; its log:\n{}", self.name, tail(&self.log()));
        }
    }

    /// Its id, while it runs.
    #[must_use]
    pub fn id(&self) -> Option<u32> {
        self.process.id()
    }

    /// `kill -9`.
    pub async fn kill(&mut self) {
        self.process.kill().await.expect("a process of ours can be killed");
    }
}

/// Sends a signal (`STOP`, `CONT`, `KILL`) to a process of ours.
pub async fn signal(process: u32, name: &str) {
    let sent = Command::new("sh").args(["-c", "kill -s \"$0\" \"$1\"", name, &process.to_string()]).status().await.expect("sh runs");
    assert!(sent.success(), "process {process} is not there to get {name}");
}

impl Drop for Child {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- the end of {}'s log ---\n{}", self.name, tail(&self.log()));
        }
    }
}

fn tail(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(25)..].join("\n")
}
