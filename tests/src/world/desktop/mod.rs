//! A desk with a screen: the real app in a real window, driven as a person would.
//!
//! Deliberately not here: the app without a window ([`super::Phone`]).

mod machine;
mod window;

pub use window::Window;

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use super::{Fleet, World, binary};
use machine::Machine;

/// A screen, a session bus and a WebDriver, with the app's data.
pub struct Desk {
    machine: Machine,
    settings: Vec<(&'static str, String)>,
    pictures: PathBuf,
}

impl Desk {
    /// A new desk whose way to the server is the world's network; `None` when this machine
    /// cannot show windows (no Xvfb or no `WebKitWebDriver`). Under `CI=true` that fails.
    pub async fn new(world: &World, name: &str, fleet: &Fleet) -> Option<Self> {
        let folder = world.folder().join(name);
        let machine = Machine::start(&folder).await?;
        let settings = vec![
            ("OMNIOT_APP_DATA", folder.join("app").display().to_string()),
            ("OMNIOT_SERVER", world.network.origin()),
            ("OMNIOT_VIRTUAL_RADIO", fleet.address()),
        ];
        let pictures = Path::new(env!("CARGO_MANIFEST_DIR")).join("output");
        std::fs::create_dir_all(&pictures).expect("a folder for pictures");
        Some(Self { machine, settings, pictures })
    }

    /// Starts the app; after [`Window::kill`] again on the same data.
    pub async fn open(&self) -> Window {
        Window::open(&self.machine, &self.settings).await
    }

    /// Starts the app a second time with a link, as the system does when one is clicked; waits until that start ends.
    pub async fn click_link(&self, link: &str) {
        let mut command = self.machine.command(binary("omniot-app"));
        command.arg(link).envs(self.settings.iter().map(|(name, value)| (*name, value))).kill_on_drop(true);
        let ended = tokio::time::timeout(Duration::from_secs(30), command.status()).await;
        let status = ended.expect("a second start hands over and ends").expect("the app starts");
        assert!(status.success(), "the second start ends with {status}");
    }

    /// Clicks the cross of the window.
    ///
    /// # Panics
    /// When the screen does not answer.
    pub fn click_cross(&self) {
        self.machine.ask_windows_to_close().expect("the screen answers");
    }

    /// A picture of the whole screen, `tests/output/<name>.png`.
    pub async fn picture(&self, name: &str) -> PathBuf {
        let path = self.pictures.join(name).with_extension("png");
        self.machine.picture(&path).await;
        path
    }
}
