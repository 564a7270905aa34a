//! Small files of the app: private to the user, replaced whole or not at all.
//!
//! Deliberately not here: the replicas (`store/`), which SQLite writes.

use std::{
    fs::{File, OpenOptions},
    io::{self, Write},
    path::Path,
};

/// Makes a folder (and those above it) that only this user can open.
///
/// # Errors
/// What the operating system says.
pub fn private_folder(path: &Path) -> io::Result<()> {
    std::fs::create_dir_all(path)?;
    restrict(path, 0o700)
}

/// Replaces the file as a whole: a crash leaves the old text or the new one, never a part.
///
/// # Errors
/// What the operating system says, `StorageFull` among it; the old file then still stands.
pub fn replace(path: &Path, text: &[u8]) -> io::Result<()> {
    replace_with(path, |file| file.write_all(text))
}

/// The same for what is written bit by bit; `write` says what else may go wrong.
///
/// # Errors
/// What the operating system says, or `write`.
pub fn replace_with<T, E: From<io::Error>>(path: &Path, write: impl FnOnce(&mut File) -> Result<T, E>) -> Result<T, E> {
    let fresh = path.with_extension("new");
    let written = write_new(&fresh, write).and_then(|written| std::fs::rename(&fresh, path).map(|()| written).map_err(E::from));
    if written.is_err() {
        let _ = std::fs::remove_file(&fresh);
        return written;
    }
    sync_folder(path)?;
    written
}

/// The file's bytes, `None` when there is no such file.
///
/// # Errors
/// What the operating system says.
pub fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    match std::fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn write_new<T, E: From<io::Error>>(path: &Path, write: impl FnOnce(&mut File) -> Result<T, E>) -> Result<T, E> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    restrict(path, 0o600)?;
    let written = write(&mut file)?;
    file.sync_all()?;
    Ok(written)
}

/// The rename itself must survive a power cut.
fn sync_folder(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(folder) if cfg!(unix) => File::open(folder)?.sync_all(),
        _ => Ok(()),
    }
}

#[cfg(unix)]
fn restrict(path: &Path, mode: u32) -> io::Result<()> {
    std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(mode))
}

#[cfg(not(unix))]
fn restrict(_path: &Path, _mode: u32) -> io::Result<()> {
    Ok(())
}
