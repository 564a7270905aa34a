//! The OmnIoT app on the desktop.

// No console window beside the real one on Windows.
#![cfg_attr(not(debug_assertions), windows_subsystem = "windows")]

mod shell;

use std::process::ExitCode;

fn main() -> ExitCode {
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| "info,zbus=warn".into()))
        .with_writer(std::io::stderr)
        .init();
    match shell::run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            tracing::error!("OmnIoT cannot start: {why}");
            ExitCode::FAILURE
        }
    }
}
