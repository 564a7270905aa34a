//! The processes around a window: Xvfb, a session bus.

use std::{
    env,
    path::{Path, PathBuf},
};

use tokio::process::Command;
use x11rb::{
    CURRENT_TIME,
    connection::Connection,
    protocol::xproto::{AtomEnum, ClientMessageEvent, ConnectionExt, EventMask, MapState},
};

use super::super::{Child, did_not_run, eventually};

/// A screen and a session bus of their own.
pub(super) struct Machine {
    folder: PathBuf,
    display: String,
    bus: String,
    _screen: Child,
    _bus: Child,
}

fn there(program: &str) -> bool {
    env::var_os("PATH").is_some_and(|path| env::split_paths(&path).any(|folder| folder.join(program).is_file()))
}

impl Machine {
    pub async fn start(folder: &Path) -> Option<Self> {
        let missing: Vec<&str> = ["Xvfb", "dbus-daemon", "WebKitWebDriver", "import"].into_iter().filter(|program| !there(program)).collect();
        if !missing.is_empty() {
            did_not_run("in a window", &format!("{missing:?} are missing (scripts/setup test installs them)"));
            return None;
        }
        std::fs::create_dir_all(folder.join("home")).expect("a home folder");
        // It picks a free display itself and says which.
        let mut screen = Command::new("Xvfb");
        screen.args(["-displayfd", "1", "-screen", "0", "1280x900x24", "-nolisten", "tcp"]);
        let mut screen = Child::start("screen", folder, screen);
        let display = eventually("Xvfb has a display", || {
            screen.assert_alive();
            let log = screen.log();
            async move { log.lines().find_map(|line| line.trim().parse::<u32>().ok()) }
        })
        .await;

        let socket = folder.join("bus");
        let mut bus = Command::new("dbus-daemon");
        bus.args(["--session", "--nofork", "--nopidfile"]).arg(format!("--address=unix:path={}", socket.display()));
        let bus = Child::start("bus", folder, bus);
        eventually("the session bus is there", || async { socket.exists().then_some(()) }).await;
        Some(Self { folder: folder.to_owned(), display: format!(":{display}"), bus: format!("unix:path={}", socket.display()), _screen: screen, _bus: bus })
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The program on this screen, with this home and bus.
    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        let home = self.folder.join("home");
        command.env("DISPLAY", &self.display).env("DBUS_SESSION_BUS_ADDRESS", &self.bus);
        command.env("HOME", &home).env("XDG_DATA_HOME", home.join("data")).env("XDG_CONFIG_HOME", home.join("config")).env("XDG_CACHE_HOME", home.join("cache"));
        command.env("XDG_RUNTIME_DIR", &home).env("NO_AT_BRIDGE", "1").env("GTK_USE_PORTAL", "0").env("LANG", "C.UTF-8");
        command.env_remove("WAYLAND_DISPLAY");
        command
    }

    /// What the cross of a title bar does, for each window on this screen (ICCCM 4.2.8.1).
    pub fn ask_windows_to_close(&self) -> Result<(), Box<dyn std::error::Error>> {
        let (screen, number) = x11rb::connect(Some(&self.display))?;
        let atom = |name: &[u8]| -> Result<u32, Box<dyn std::error::Error>> { Ok(screen.intern_atom(false, name)?.reply()?.atom) };
        let (protocols, close) = (atom(b"WM_PROTOCOLS")?, atom(b"WM_DELETE_WINDOW")?);
        for window in screen.query_tree(screen.setup().roots[number].root)?.reply()?.children {
            let understood = screen.get_property(false, window, protocols, AtomEnum::ATOM, 0, 32)?.reply()?;
            let shown = screen.get_window_attributes(window)?.reply()?.map_state == MapState::VIEWABLE;
            if shown && understood.value32().is_some_and(|mut all| all.any(|one| one == close)) {
                let message = ClientMessageEvent::new(32, window, protocols, [close, CURRENT_TIME, 0, 0, 0]);
                screen.send_event(false, window, EventMask::NO_EVENT, message)?.check()?;
            }
        }
        Ok(())
    }

    /// The whole screen as a PNG file (the WebDriver's own pictures come out empty).
    pub async fn picture(&self, path: &Path) {
        let status = self.command("import").args(["-window", "root"]).arg(path).status().await.expect("import runs");
        assert!(status.success(), "the screen could not be photographed");
    }
}
