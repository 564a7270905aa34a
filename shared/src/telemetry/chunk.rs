//! One hour of one device, as columns, and its bytes.
//!
//! Bytes: the version; the distinct lists of steps, each a count and the gaps; the columns, each a name, the
//! place of its list, its form and its values. Numbers are LEB128. Metrics of one heartbeat share a list, and
//! most numbers that devices send are short decimals: their differences take a byte.

use std::collections::BTreeMap;

use sha2::{Digest as _, Sha256};

use super::STEPS;

/// The version of the bytes, their first.
const VERSION: u8 = 1;
/// Yes and no.
const FLAGS: u8 = 0;
/// Decimals with no digit behind the point; `DECIMALS + n` has `n` of them.
const DECIMALS: u8 = 1;
/// Most digits behind the point.
const DIGITS: u8 = 6;
/// Numbers that are no short decimals: eight bytes each.
const PLAIN: u8 = 15;
/// Integers beyond are not exact in a double.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// What was measured.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Sample {
    /// A finite number.
    Number(f64),
    /// Yes or no.
    Flag(bool),
}

/// The readings of one metric, in order of time.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Column {
    is_flag: bool,
    steps: Vec<u16>,
    values: Vec<f64>,
}

impl Column {
    /// Whether it holds yes and no, as 1 and 0.
    #[must_use]
    pub const fn is_flag(&self) -> bool {
        self.is_flag
    }

    /// In which steps of the hour, rising.
    #[must_use]
    pub fn steps(&self) -> &[u16] {
        &self.steps
    }

    /// The values, one for each step.
    #[must_use]
    pub fn values(&self) -> &[f64] {
        &self.values
    }
}

/// Bytes that are no chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("these bytes are no chunk of telemetry")]
pub struct Unreadable;

/// One hour of one device.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Chunk(BTreeMap<String, Column>);

impl Chunk {
    /// Keeps a reading. `false` when nothing changed: the step is taken, lies outside of the hour, or the
    /// metric is of the other kind in this hour.
    pub fn add(&mut self, metric: &str, step: u16, sample: Sample) -> bool {
        let (is_flag, value) = match sample {
            Sample::Number(number) => (false, number),
            Sample::Flag(flag) => (true, f64::from(u8::from(flag))),
        };
        if step >= STEPS || !value.is_finite() || self.0.get(metric).is_some_and(|column| column.is_flag != is_flag) {
            return false;
        }
        let column = self.0.entry(metric.to_owned()).or_insert_with(|| Column { is_flag, ..Column::default() });
        let Err(place) = column.steps.binary_search(&step) else { return false };
        column.steps.insert(place, step);
        column.values.insert(place, value);
        true
    }

    /// Its metrics and their columns, by name.
    pub fn columns(&self) -> impl Iterator<Item = (&str, &Column)> {
        self.0.iter().map(|(metric, column)| (metric.as_str(), column))
    }

    /// How many readings it holds.
    #[must_use]
    pub fn readings(&self) -> usize {
        self.0.values().map(|column| column.steps.len()).sum()
    }

    /// Its bytes; equal chunks have equal ones.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut axes: Vec<&[u16]> = Vec::new();
        for column in self.0.values() {
            if !axes.contains(&column.steps.as_slice()) {
                axes.push(&column.steps);
            }
        }
        let mut bytes = vec![VERSION];
        put(&mut bytes, axes.len() as u64);
        for axis in &axes {
            put(&mut bytes, axis.len() as u64);
            let mut next = 0;
            for step in *axis {
                put(&mut bytes, u64::from(step - next));
                next = step + 1;
            }
        }
        put(&mut bytes, self.0.len() as u64);
        for (metric, column) in &self.0 {
            put(&mut bytes, metric.len() as u64);
            bytes.extend_from_slice(metric.as_bytes());
            put(&mut bytes, axes.iter().position(|axis| *axis == column.steps).unwrap_or_default() as u64);
            put_values(&mut bytes, column);
        }
        bytes
    }

    /// Reads its bytes.
    ///
    /// # Errors
    /// [`Unreadable`]; whatever the bytes are, nothing grows beyond what they can hold.
    pub fn decode(bytes: &[u8]) -> Result<Self, Unreadable> {
        let mut reader = Reader(bytes);
        if reader.take(1)? != [VERSION] {
            return Err(Unreadable);
        }
        let axes = (0..reader.number()?).map(|_| reader.axis()).collect::<Result<Vec<_>, _>>()?;
        let mut columns = BTreeMap::new();
        for _ in 0..reader.number()? {
            let length = reader.count()?;
            let metric = String::from_utf8(reader.take(length)?.to_vec()).map_err(|_| Unreadable)?;
            let steps = axes.get(reader.count()?).ok_or(Unreadable)?.clone();
            let (is_flag, values) = reader.values(steps.len())?;
            columns.insert(metric, Column { is_flag, steps, values });
        }
        if reader.0.is_empty() { Ok(Self(columns)) } else { Err(Unreadable) }
    }
}

/// The name of a chunk's content, from its bytes.
#[must_use]
pub fn etag(bytes: &[u8]) -> String {
    hex::encode(&Sha256::digest(bytes)[..8])
}

fn put(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    bytes.push(number.to_le_bytes()[0]);
}

fn put_values(bytes: &mut Vec<u8>, column: &Column) {
    let digits = (0..=DIGITS).find_map(|digits| Some((digits, column.values.iter().map(|value| as_integer(*value, digits)).collect::<Option<Vec<_>>>()?)));
    match digits {
        Some((digits, integers)) => {
            bytes.push(if column.is_flag { FLAGS } else { DECIMALS + digits });
            let mut last = 0;
            for integer in integers {
                put(bytes, zigzag(integer - last));
                last = integer;
            }
        }
        None => {
            bytes.push(PLAIN);
            column.values.iter().for_each(|value| bytes.extend_from_slice(&value.to_le_bytes()));
        }
    }
}

fn power(digits: u8) -> f64 {
    10_f64.powi(i32::from(digits))
}

/// `value` times ten to the `digits`, when that is an integer which gives the very same value back.
#[allow(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "the value is an integer within what a double holds exactly")]
fn as_integer(value: f64, digits: u8) -> Option<i64> {
    let scaled = (value * power(digits)).round();
    // By way of the integer: -0 is none.
    (scaled.abs() < EXACT && (scaled as i64 as f64 / power(digits)).to_bits() == value.to_bits()).then_some(scaled as i64)
}

const fn zigzag(number: i64) -> u64 {
    ((number << 1) ^ (number >> 63)).cast_unsigned()
}

const fn unzigzag(number: u64) -> i64 {
    (number >> 1).cast_signed() ^ -((number & 1).cast_signed())
}

struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn take(&mut self, count: usize) -> Result<&[u8], Unreadable> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or(Unreadable)?;
        self.0 = rest;
        Ok(taken)
    }

    fn number(&mut self) -> Result<u64, Unreadable> {
        let mut number = 0;
        for shift in (0..63).step_by(7) {
            let byte = self.take(1)?[0];
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(number);
            }
        }
        Err(Unreadable)
    }

    fn count(&mut self) -> Result<usize, Unreadable> {
        usize::try_from(self.number()?).map_err(|_| Unreadable)
    }

    fn axis(&mut self) -> Result<Vec<u16>, Unreadable> {
        let (mut steps, mut next) = (Vec::new(), 0_u64);
        for _ in 0..self.number()? {
            let step = next.checked_add(self.number()?).ok_or(Unreadable)?;
            steps.push(u16::try_from(step).ok().filter(|step| *step < STEPS).ok_or(Unreadable)?);
            next = step + 1;
        }
        Ok(steps)
    }

    #[allow(clippy::cast_precision_loss, reason = "what was written is exact in a double")]
    fn values(&mut self, count: usize) -> Result<(bool, Vec<f64>), Unreadable> {
        let form = self.take(1)?[0];
        let mut values = Vec::new();
        if form == PLAIN {
            for _ in 0..count {
                let value = f64::from_le_bytes(self.take(8)?.try_into().map_err(|_| Unreadable)?);
                values.push(Some(value).filter(|value| value.is_finite()).ok_or(Unreadable)?);
            }
            return Ok((false, values));
        }
        let digits = form.saturating_sub(DECIMALS);
        if digits > DIGITS {
            return Err(Unreadable);
        }
        let mut last = 0_i64;
        for _ in 0..count {
            last = last.checked_add(unzigzag(self.number()?)).ok_or(Unreadable)?;
            values.push(last as f64 / power(digits));
        }
        Ok((form == FLAGS, values))
    }
}
