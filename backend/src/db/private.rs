//! Files that only the server's own user may read: password hashes and claim keys lie in them.
//!
//! SQLite gives the files it puts beside a database the mode of the database, so the mode has to be
//! right before the first byte. Deliberately not here: granting anything. A mode is only narrowed.

use std::{
    fs::{self, OpenOptions, Permissions},
    io::{self, ErrorKind},
    os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _},
    path::Path,
};

/// Makes a database file for its owner alone when `create` says so and it is missing, and closes one that is there.
///
/// # Errors
/// When it cannot be made.
pub(super) fn file(path: &Path, create: bool) -> io::Result<()> {
    if create {
        match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
            Ok(_) => return Ok(()),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    close(path);
    Ok(())
}

/// Takes away what others may do with a file or folder. One that is not ours stays as it is, and is logged.
pub(super) fn close(path: &Path) {
    let Ok(mode) = fs::metadata(path).map(|metadata| metadata.permissions().mode()) else { return };
    if mode & 0o077 == 0 {
        return;
    }
    if let Err(error) = fs::set_permissions(path, Permissions::from_mode(mode & 0o700)) {
        tracing::warn!(path = %path.display(), %error, "others on this machine may read this, and this user may not change that");
    }
}
