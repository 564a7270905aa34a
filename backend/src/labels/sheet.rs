//! Labels on A4 pages, as SVG: no fonts to embed, sharp at any size, and every printer takes it.
//!
//! Each cell has the QR code on its left and beside it what can be typed. All lengths are millimetres.
//!
//! Deliberately not here: which devices ([`super::batch`]) and where the pages are written (the
//! command line).

use std::fmt::Write as _;

use qrcode::{Color, EcLevel, QrCode, types::QrError};

use super::batch::Item;

const WIDTH: f32 = 210.0;
const HEIGHT: f32 = 297.0;
/// What most printers leave empty.
const MARGIN: f32 = 8.0;
/// Inside a cell.
const PADDING: f32 = 2.5;
/// Empty modules around a QR code, as its standard demands.
const QUIET: usize = 4;
/// Smaller modules are not read reliably from a matt label with a phone.
const LEAST_MODULE: f32 = 0.33;
/// Width of a letter of the font, in its size; wide ones included.
const LETTER: f32 = 0.62;

/// How a page is divided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grid {
    /// Labels beside each other.
    pub columns: u16,
    /// Labels below each other.
    pub rows: u16,
}

/// Why a sheet is not made.
#[derive(Debug, thiserror::Error)]
pub enum SheetError {
    /// No cell at all.
    #[error("a page has at least one column and one row")]
    NoCells,
    /// The QR code would be too small to be read.
    #[error("with {columns} columns and {rows} rows the QR code of {serial} is too small to be read; take fewer")]
    TooSmall {
        /// As asked for.
        columns: u16,
        /// As asked for.
        rows: u16,
        /// The label with the longest text.
        serial: String,
    },
    /// The text does not fit into any QR code.
    #[error("the label of {0} is too long for a QR code")]
    TooLong(String),
}

/// One label with its place.
struct Cell<'a> {
    item: &'a Item,
    title: &'a str,
    x: f32,
    y: f32,
    width: f32,
    height: f32,
}

/// The pages of a batch; `title` stands on the labels whose product the batch does not say.
///
/// # Errors
/// When a QR code would not be readable.
pub fn pages(items: &[Item], title: &str, grid: Grid) -> Result<Vec<String>, SheetError> {
    if grid.columns == 0 || grid.rows == 0 {
        return Err(SheetError::NoCells);
    }
    let (width, height) = ((WIDTH - 2.0 * MARGIN) / f32::from(grid.columns), (HEIGHT - 2.0 * MARGIN) / f32::from(grid.rows));
    let mut pages = Vec::new();
    for page in items.chunks(usize::from(grid.columns) * usize::from(grid.rows)) {
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}mm\" height=\"{HEIGHT}mm\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"Helvetica, Arial, sans-serif\">\n<rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"#fff\"/>\n"
        );
        let places = (0..grid.rows).flat_map(|row| (0..grid.columns).map(move |column| (column, row)));
        for (item, (column, row)) in page.iter().zip(places) {
            let (x, y) = (MARGIN + width * f32::from(column), MARGIN + height * f32::from(row));
            let cell = Cell { item, title: item.product.as_deref().unwrap_or(title), x, y, width, height };
            cell.draw(&mut svg, grid)?;
        }
        svg.push_str("</svg>\n");
        pages.push(svg);
    }
    Ok(pages)
}

impl Cell<'_> {
    fn draw(&self, svg: &mut String, grid: Grid) -> Result<(), SheetError> {
        let serial = || self.item.serial.clone();
        let code = QrCode::with_error_correction_level(self.item.label.to_json(), EcLevel::M).map_err(|error| match error {
            QrError::DataTooLong | QrError::InvalidVersion | QrError::UnsupportedCharacterSet | QrError::InvalidEciDesignator | QrError::InvalidCharacter => SheetError::TooLong(serial()),
        })?;
        let modules = code.width() + 2 * QUIET;
        let side = (self.height - 2.0 * PADDING).min((self.width - 2.0 * PADDING) * 0.55);
        let module = side / f32::from(u16::try_from(modules).unwrap_or(u16::MAX));
        if module < LEAST_MODULE {
            return Err(SheetError::TooSmall { columns: grid.columns, rows: grid.rows, serial: serial() });
        }
        let (x, y) = (self.x + PADDING, self.y + (self.height - side) / 2.0);
        let _ = writeln!(svg, "<g><rect x=\"{:.2}\" y=\"{:.2}\" width=\"{:.2}\" height=\"{:.2}\" fill=\"none\" stroke=\"#bbb\" stroke-width=\"0.1\"/>", self.x, self.y, self.width, self.height);
        let _ = writeln!(svg, "<path transform=\"translate({x:.3} {y:.3}) scale({module:.5})\" d=\"{}\"/>", outline(&code));
        self.write(svg, x + side + 1.0);
        svg.push_str("</g>\n");
        Ok(())
    }

    /// What stands beside the QR code: its name for it, and the text.
    fn lines(&self) -> Vec<(&'static str, String)> {
        let label = &self.item.label;
        let mut lines = vec![("", self.title.to_owned()), ("Serial", self.item.serial.clone())];
        if label.name != self.item.serial {
            lines.push(("Bluetooth", label.name.clone()));
        }
        lines.extend(label.pinned.as_ref().map(|pinned| ("Code", pinned.code.to_string())));
        lines.extend(label.pop.as_ref().map(|pop| ("Secret", pop.reveal().to_owned())));
        lines
    }

    fn write(&self, svg: &mut String, x: f32) {
        let lines = self.lines();
        let room = self.x + self.width - PADDING - x;
        let step = ((self.height - 2.0 * PADDING) / f32::from(u16::try_from(lines.len()).unwrap_or(1))).min(7.0);
        let top = self.y + (self.height - step * f32::from(u16::try_from(lines.len()).unwrap_or(1))) / 2.0;
        let mut y = top;
        for (name, text) in &lines {
            let most = if name.is_empty() { step * 0.6 } else { step * 0.5 };
            let size = most.min(room / (LETTER * f32::from(u16::try_from(text.chars().count().max(1)).unwrap_or(u16::MAX))));
            if !name.is_empty() {
                let _ = writeln!(svg, "<text x=\"{x:.2}\" y=\"{:.2}\" font-size=\"{:.2}\" fill=\"#555\">{name}</text>", y + step * 0.32, step * 0.28);
            }
            let style = if name.is_empty() { " font-weight=\"bold\"" } else { " font-family=\"Courier, monospace\"" };
            let _ = writeln!(svg, "<text x=\"{x:.2}\" y=\"{:.2}\" font-size=\"{size:.2}\"{style}>{}</text>", y + step * 0.85, escaped(text));
            y += step;
        }
    }
}

/// The dark modules, run by run, with the quiet zone around them.
fn outline(code: &QrCode) -> String {
    let width = code.width();
    let mut path = String::new();
    for (y, row) in code.to_colors().chunks(width).enumerate() {
        let mut x = 0;
        for run in row.chunk_by(|a, b| a == b) {
            if run.first() == Some(&Color::Dark) {
                let _ = write!(path, "M{} {}h{}v1h-{}z", x + QUIET, y + QUIET, run.len(), run.len());
            }
            x += run.len();
        }
    }
    path
}

/// Text between tags.
fn escaped(text: &str) -> String {
    text.chars().fold(String::new(), |mut safe, c| {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            c if c.is_control() => safe.push(' '),
            c => safe.push(c),
        }
        safe
    })
}
