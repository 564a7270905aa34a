//! Room on the disk that belongs to local edits alone.
//!
//! A file of noise beside the replica. When the disk is full while a person saves something, the file
//! is given up and the edit is tried once more. Pulled rows never get this room: they can come again,
//! what a person did cannot.
//! Deliberately not here: the edit itself (see [`super::Store::edit`]).

use std::{
    fs::OpenOptions,
    io::{self, Write},
    path::{Path, PathBuf},
};

use rand::Rng as _;

use crate::chance;

/// Enough for a season of intents.
pub const SIZE: u64 = 16 * 1024 * 1024;
/// What is written again and again; more than a compressor takes at once.
const NOISE: usize = 1024 * 1024;

/// The file that keeps the room.
#[derive(Debug)]
pub struct Reserve(PathBuf);

impl Reserve {
    /// The reserve in an account's folder, as it is.
    #[must_use]
    pub fn in_folder(folder: &Path) -> Self {
        Self(folder.join("reserve"))
    }

    /// Gives the room back to the disk. `false` when there was none left to give.
    pub fn release(&self) -> bool {
        std::fs::remove_file(&self.0).is_ok()
    }

    /// Whether the room is held now.
    #[must_use]
    pub fn is_held(&self) -> bool {
        std::fs::metadata(&self.0).map_or(0, |file| file.len()) >= SIZE
    }

    /// Takes the room again when it is not held; on a full disk nothing happens. Whether it is held now.
    pub fn refill(&self) -> bool {
        if self.is_held() {
            return true;
        }
        let filled = self.fill().is_ok();
        if !filled {
            self.release();
        }
        filled
    }

    /// Noise: a sparse file would reserve nothing, and neither would zeros where the file system compresses.
    fn fill(&self) -> io::Result<()> {
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).open(&self.0)?;
        // The same everywhere: no file system looks for repetition as far as this.
        let mut noise = vec![0; NOISE];
        chance::rng().fill_bytes(&mut noise);
        for _ in 0..SIZE / NOISE as u64 {
            file.write_all(&noise)?;
        }
        file.sync_all()
    }
}
