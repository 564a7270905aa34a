//! The Tauri shell: a window, one command `request`, one event channel `omniot`, deep links.
//!
//! Deliberately not here: anything that decides. The core ([`omniot_app::App`]) answers every
//! request and holds every secret; the page sees neither tokens nor files. To give the page a new
//! ability, give the core's door a path, not the page a Tauri permission.

mod closing;
mod command;
mod core;
mod links;
mod settings;
mod window;

use tauri::{Manager, RunEvent};

use self::core::Core;

/// What the window's page listens to.
const CHANNEL: &str = "omniot";

/// Opens the window and stays until it is closed.
///
/// # Errors
/// When the machine's window system or the runtime cannot be started.
pub fn run() -> Result<(), Box<dyn std::error::Error>> {
    // Ours, so that the core's tasks and the shell's live in one runtime that outlives the window.
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    tauri::async_runtime::set(runtime.handle().clone());
    tauri::Builder::default()
        // First, so that a second start hands its link over before anything else happens.
        .plugin(tauri_plugin_single_instance::init(|app, _arguments, _folder| window::show(app)))
        .plugin(tauri_plugin_deep_link::init())
        .invoke_handler(tauri::generate_handler![command::request])
        .setup(|app| {
            let settings = settings::from_environment(app.path().app_data_dir()?, app.path().download_dir().ok());
            app.manage(tauri::async_runtime::block_on(Core::open(settings)));
            app.manage(links::Waiting::default());
            app.manage(closing::Closing::default());
            window::open(app.handle())?;
            core::forward_events(app.handle());
            links::listen(app.handle());
            Ok(())
        })
        .build(tauri::generate_context!())?
        .run(|app, event| {
            if matches!(event, RunEvent::Exit) {
                tauri::async_runtime::block_on(app.state::<Core>().close());
            }
        });
    Ok(())
}
