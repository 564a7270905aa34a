//! A batch: the devices whose labels are printed together, as a table or as lines of QR texts.
//!
//! A table is CSV with a header: `serial` and, as the device has them, `name` (in the air; the serial
//! without), `pop`, `username`, `security`, `network`, `public_key` (64 hexadecimal digits of its
//! factory key, which the label pins) and `product`. Lines are `serial<TAB>QR text`, as the fleet of
//! virtual devices writes them.
//!
//! Deliberately not here: making secrets.

use std::collections::HashSet;

use omniot_shared::{
    claim::PublicKey,
    label::{self, ClaimCode, InvalidLabel, Label, Network, Pinned, Pop, Scanned},
};
use serde::Deserialize;

/// One device of a batch. No `Debug`: its label holds a secret.
pub struct Item {
    /// For people.
    pub serial: String,
    /// What it is; the sheet's own word when the batch does not say.
    pub product: Option<String>,
    /// What the QR code says.
    pub label: Label,
}

/// Why a batch is not printed. Its words never repeat a label: that holds a secret.
#[derive(Debug, thiserror::Error)]
pub enum BatchError {
    /// No device in it.
    #[error("the batch has no devices")]
    Empty,
    /// The table cannot be read.
    #[error("line {line}: {why}")]
    Table {
        /// Where.
        line: u64,
        /// Why.
        why: String,
    },
    /// A field cannot stand on a label.
    #[error("line {line}: {why}")]
    Label {
        /// Where.
        line: u64,
        /// Why.
        why: InvalidLabel,
    },
    /// A field of the table has another form.
    #[error("line {line}: `{field}` is wrong")]
    Field {
        /// Where.
        line: u64,
        /// Which.
        field: &'static str,
    },
    /// Two labels for one serial number.
    #[error("line {line}: the serial number {serial} is there twice")]
    Twice {
        /// Where the second one is.
        line: u64,
        /// Which.
        serial: String,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    serial: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    pop: String,
    #[serde(default)]
    username: String,
    #[serde(default)]
    security: String,
    #[serde(default)]
    network: String,
    #[serde(default)]
    public_key: String,
    #[serde(default)]
    product: String,
}

/// Reads a batch in either form.
///
/// # Errors
/// The first thing that is wrong, with its line.
pub fn read(text: &str) -> Result<Vec<Item>, BatchError> {
    let text = text.trim_start_matches('\u{feff}');
    let is_lines = text.lines().find(|line| !line.trim().is_empty()).is_some_and(|line| line.split_once('\t').is_some_and(|(_, label)| label.trim_start().starts_with('{')));
    let items = if is_lines { lines(text) } else { table(text) }?;
    if items.is_empty() {
        return Err(BatchError::Empty);
    }
    let mut seen = HashSet::new();
    for (line, item) in &items {
        if !seen.insert(omniot_shared::ids::normal_serial(&item.serial)) {
            return Err(BatchError::Twice { line: *line, serial: item.serial.clone() });
        }
    }
    Ok(items.into_iter().map(|(_, item)| item).collect())
}

fn lines(text: &str) -> Result<Vec<(u64, Item)>, BatchError> {
    let numbered = (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty());
    numbered
        .map(|(line, text)| {
            let (serial, label) = text.split_once('\t').ok_or(BatchError::Field { line, field: "label" })?;
            match label::read(label) {
                Ok(Scanned::Label(label)) => Ok((line, Item { serial: serial.trim().to_owned(), product: None, label: *label })),
                Ok(Scanned::Code(_)) => Err(BatchError::Label { line, why: InvalidLabel::NotALabel }),
                Err(why) => Err(BatchError::Label { line, why }),
            }
        })
        .collect()
}

fn table(text: &str) -> Result<Vec<(u64, Item)>, BatchError> {
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(text.as_bytes());
    let mut rows = reader.deserialize::<Row>();
    let mut items = Vec::new();
    while let Some(row) = rows.next() {
        let line = rows.reader().position().line();
        let row = row.map_err(|why| BatchError::Table { line: why.position().map_or(line, csv::Position::line), why: reason(&why) })?;
        // The position is that behind the row.
        items.push((line.saturating_sub(1), item(row, line.saturating_sub(1))?));
    }
    Ok(items)
}

/// In words that repeat no field.
fn reason(why: &csv::Error) -> String {
    match why.kind() {
        csv::ErrorKind::UnequalLengths { .. } => "has more or fewer fields than the header".to_owned(),
        csv::ErrorKind::Utf8 { .. } => "is not UTF-8".to_owned(),
        csv::ErrorKind::Deserialize { err, .. } => match err.kind() {
            csv::DeserializeErrorKind::Message(text) => text.clone(),
            _ => "has a field of another form".to_owned(),
        },
        _ => "cannot be read".to_owned(),
    }
}

fn item(row: Row, line: u64) -> Result<Item, BatchError> {
    let wrong = |field| BatchError::Field { line, field };
    let some = |text: String| Some(text).filter(|text| !text.is_empty());
    if !omniot_shared::ids::is_serial(&row.serial) {
        return Err(wrong("serial"));
    }
    let pinned = match some(row.public_key) {
        Some(text) => {
            let key = hex::decode(text).ok().and_then(|bytes| bytes.try_into().ok()).map(PublicKey).ok_or(wrong("public_key"))?;
            Some(Pinned { serial: row.serial.clone(), key: key.fingerprint(), code: ClaimCode::of(key) })
        }
        None => None,
    };
    let label = Label {
        name: some(row.name).unwrap_or_else(|| row.serial.clone()),
        pop: some(row.pop).map(Pop::new),
        username: some(row.username),
        security: some(row.security).map(|level| level.parse().map_err(|_| wrong("security"))).transpose()?,
        network: match row.network.to_ascii_lowercase().as_str() {
            "" | "wifi" => Network::Wifi,
            "thread" => Network::Thread,
            _ => return Err(wrong("network")),
        },
        pinned,
    };
    // A label that the app would not read is not printed.
    match label::read(&label.to_json()) {
        Ok(Scanned::Label(read)) if *read == label => Ok(Item { serial: row.serial, product: some(row.product), label }),
        Ok(_) => Err(wrong("name")),
        Err(why) => Err(BatchError::Label { line, why }),
    }
}
