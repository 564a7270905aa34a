//! `omniot label`: a batch of devices as sheets of labels.
//!
//! Deliberately not here: reading and drawing them (`labels`).

use std::{
    fs::{File, OpenOptions},
    io::{self, Read as _, Write as _},
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use clap::Args;

use super::say;
use crate::labels::{
    batch,
    sheet::{self, Grid},
};

#[derive(Debug, Args)]
pub(super) struct LabelArgs {
    /// The batch, `-` for standard input: CSV with the columns serial, name, pop, username, security,
    /// network, public_key, product; or lines of a serial number, a tab and the QR text.
    batch: PathBuf,
    /// Where the sheet goes; of several pages each gets its number before the dot. They hold the
    /// secrets of the devices, and are readable for this user only.
    #[arg(long, default_value = "labels.svg")]
    out: PathBuf,
    /// What stands on a label whose product the batch does not say, e.g. the brand.
    #[arg(long, default_value = "OmnIoT")]
    title: String,
    /// Labels beside each other on an A4 page.
    #[arg(long, default_value_t = 2)]
    columns: u16,
    /// Labels below each other.
    #[arg(long, default_value_t = 7)]
    rows: u16,
}

pub(super) fn label(args: &LabelArgs) -> anyhow::Result<()> {
    let from = args.batch.display();
    let text = read(&args.batch).with_context(|| format!("the batch {from} cannot be read"))?;
    let items = batch::read(&text).with_context(|| format!("the batch {from} is not printed"))?;
    let pages = sheet::pages(&items, &args.title, Grid { columns: args.columns, rows: args.rows })?;
    for (number, page) in (1..).zip(&pages) {
        let path = if pages.len() == 1 { args.out.clone() } else { numbered(&args.out, number) };
        write(&path, page).with_context(|| format!("the sheet {} cannot be written", path.display()))?;
        say(&path.display().to_string())?;
    }
    Ok(())
}

fn read(path: &Path) -> io::Result<String> {
    if path == Path::new("-") {
        let mut text = String::new();
        io::stdin().read_to_string(&mut text)?;
        return Ok(text);
    }
    std::fs::read_to_string(path)
}

/// `labels.svg` becomes `labels-2.svg`.
fn numbered(path: &Path, number: usize) -> PathBuf {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let name = match path.extension() {
        Some(extension) => format!("{stem}-{number}.{}", extension.to_string_lossy()),
        None => format!("{stem}-{number}"),
    };
    path.with_file_name(name)
}

fn write(path: &Path, page: &str) -> io::Result<()> {
    // What was there keeps its permissions when it is overwritten: it goes first.
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    create(path)?.write_all(page.as_bytes())
}

#[cfg(unix)]
fn create(path: &Path) -> io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt as _;
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

#[cfg(not(unix))]
fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).open(path)
}
