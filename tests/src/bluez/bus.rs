//! A bus of its own: `dbus-daemon` in a temporary folder.
//!
//! libdbus reads the address of the system bus once for each process, so a test that wants its own
//! runs in a process of its own: [`on_a_bus`].

#![allow(clippy::expect_used, reason = "in a test, a step that fails is a test that fails")]

use std::{
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use tempfile::TempDir;

use crate::world::did_not_run;

/// Who may speak to `org.bluez`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Policy {
    /// Everybody.
    Open,
    /// Nobody: the bus itself refuses, as on a machine that keeps people from Bluetooth.
    Closed,
}

/// A running bus. Dropped: gone.
pub struct Bus {
    daemon: Child,
    folder: TempDir,
}

const INSIDE: &str = "OMNIOT_TEST_BUS";
const START_LIMIT: Duration = Duration::from_secs(20);
const TEST_LIMIT: Duration = Duration::from_secs(180);

impl Bus {
    /// Starts one; `None` when there is no `dbus-daemon` here.
    ///
    /// # Panics
    /// When it does not start.
    #[must_use]
    pub fn start(policy: Policy) -> Option<Self> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let config = folder.path().join("bus.conf");
        std::fs::write(&config, configuration(&folder.path().join("bus"), policy)).expect("the configuration of the bus");
        let log = std::fs::File::create(folder.path().join("log")).expect("a log file");
        let daemon = Command::new("dbus-daemon").arg("--config-file").arg(&config).args(["--nofork", "--nopidfile"]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn();
        let mut bus = Self { daemon: daemon.ok()?, folder };
        let limit = Instant::now() + START_LIMIT;
        while !bus.folder.path().join("bus").exists() {
            assert!(matches!(bus.daemon.try_wait(), Ok(None)) && Instant::now() < limit, "dbus-daemon does not start");
            std::thread::sleep(Duration::from_millis(5));
        }
        Some(bus)
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// Its address, as in `DBUS_SYSTEM_BUS_ADDRESS`.
    #[must_use]
    pub fn address(&self) -> String {
        format!("unix:path={}", self.folder.path().join("bus").display())
    }
}

impl Drop for Bus {
    fn drop(&mut self) {
        let _ = self.daemon.kill();
        let _ = self.daemon.wait();
    }
}

fn configuration(socket: &Path, policy: Policy) -> String {
    let deny = if policy == Policy::Closed { r#"<deny send_destination="org.bluez"/>"# } else { "" };
    format!(
        r#"<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN" "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>session</type>
  <listen>unix:path={}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/>{deny}</policy>
</busconfig>
"#,
        socket.display()
    )
}

/// Runs this test once more in a process of its own, whose system bus is a fresh one; there, `body`
/// is run with the address of that bus. To be the whole of a `#[test]` function.
///
/// # Panics
/// When the test fails, or does not end in time.
#[allow(clippy::disallowed_methods, reason = "the environment says in which of the two processes this is")]
pub fn on_a_bus<F: Future<Output = ()>>(policy: Policy, body: impl FnOnce(String) -> F) {
    if let Ok(address) = std::env::var(INSIDE) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
        runtime.block_on(body(address));
        // Whatever still hangs on the bus does not hold up the end.
        runtime.shutdown_timeout(Duration::from_secs(1));
        return;
    }
    let name = name_of(&body);
    let Some(bus) = Bus::start(policy) else { return did_not_run(&name, "dbus-daemon is missing (scripts/setup test installs it)") };
    let here = std::env::current_exe().expect("the running test has a path");
    let mut again = Command::new(here);
    again.args(["--exact", &name, "--nocapture", "--test-threads=1"]).env("DBUS_SYSTEM_BUS_ADDRESS", bus.address()).env(INSIDE, bus.address());
    let mut again = again.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the test starts once more");
    let said = [reader(again.stdout.take()), reader(again.stderr.take())];
    let limit = Instant::now() + TEST_LIMIT;
    let status = loop {
        if let Ok(Some(status)) = again.try_wait() {
            break Some(status);
        }
        if Instant::now() >= limit {
            let _ = again.kill();
            let _ = again.wait();
            break None;
        }
        std::thread::sleep(Duration::from_millis(10));
    };
    let said = said.map(|reader| reader.join().unwrap_or_default()).concat();
    assert!(status.is_some_and(|status| status.success()), "{name} failed on its bus ({}):\n{said}\n{}", status.map_or("too long".into(), |status| status.to_string()), bus.log());
    assert!(said.contains("1 passed"), "{name} did not run on its bus:\n{said}");
}

fn reader(pipe: Option<impl std::io::Read + Send + 'static>) -> std::thread::JoinHandle<String> {
    std::thread::spawn(move || {
        let mut said = Vec::new();
        if let Some(mut pipe) = pipe {
            let _ = pipe.read_to_end(&mut said);
        }
        String::from_utf8_lossy(&said).into_owned()
    })
}

/// The test function around a closure, as the test runner calls it.
fn name_of<T>(_: &T) -> String {
    let full = std::any::type_name::<T>();
    let within = full.split("::{{closure}}").next().unwrap_or(full);
    within.split_once("::").map_or(within, |(_, name)| name).to_owned()
}
