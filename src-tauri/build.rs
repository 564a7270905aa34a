//! Hands the Tauri context to the shell when the feature `gui` is on.

fn main() {
    #[cfg(feature = "gui")]
    tauri_build::build();
}
