//! Hands the Tauri context to the shell when the feature `gui` is on.

fn main() {
    #[cfg(feature = "gui")]
    gui();
}

/// Declares the shell's one command, so that the page needs a permission for it like for any other.
#[cfg(feature = "gui")]
fn gui() {
    let commands = tauri_build::AppManifest::new().commands(&["request"]);
    if let Err(why) = tauri_build::try_build(tauri_build::Attributes::new().app_manifest(commands)) {
        println!("cargo::error=the Tauri configuration is not valid: {why:#}");
    }
}
