//! What the environment decides: the one place of the app that reads it.
//!
//! Deliberately not here: defaults of the core.

use std::{env, path::PathBuf};

use omniot_app::{Config, RadioChoice};

/// `OMNIOT_APP_DATA` (folder), `OMNIOT_SERVER` (origin), `OMNIOT_VIRTUAL_RADIO` (`host:port`).
/// Without a virtual radio the operating system's Bluetooth is used.
#[allow(clippy::disallowed_methods, reason = "the shell is the edge that reads the environment")]
pub fn from_environment(default_folder: PathBuf, downloads: Option<PathBuf>) -> Config {
    let given = |name: &str| env::var(name).ok().filter(|value| !value.is_empty());
    let mut config = Config::new(given("OMNIOT_APP_DATA").map_or(default_folder, PathBuf::from));
    if let Some(downloads) = downloads {
        config.exports = downloads;
    }
    config.metered = omniot_app::transport::metered::of_system();
    config.default_server = given("OMNIOT_SERVER");
    config.radio = given("OMNIOT_VIRTUAL_RADIO").map_or(RadioChoice::Bluetooth, RadioChoice::Virtual);
    config
}
