//! The archive into which an app saves what has not been sent.

use std::{
    fs::File,
    io::{self, Read as _},
};

use serde_json::Value;
use zip::ZipArchive;

/// One that was saved.
pub struct Archive(ZipArchive<File>);

impl Archive {
    /// What an app says that it saved.
    pub fn of(saved: &Value) -> Self {
        Self(ZipArchive::new(File::open(saved["path"].as_str().expect("a path")).expect("a file")).expect("a ZIP"))
    }

    /// What it says of the changes and files in it.
    pub fn changes(&mut self) -> Value {
        serde_json::from_slice(&self.file("changes.json").expect("what is in it")).expect("JSON")
    }

    /// A file in it; what it is as a whole is compared with its sum.
    pub fn file(&mut self, name: &str) -> io::Result<Vec<u8>> {
        let mut content = Vec::new();
        let _ = self.0.by_name(name).map_err(io::Error::from)?.read_to_end(&mut content)?;
        Ok(content)
    }
}
