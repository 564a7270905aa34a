//! As much of protobuf as the contract needs: varints and length-delimited fields.

use alloc::vec::Vec;

/// The bytes are no message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed;

/// The value of one field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Value<'a> {
    /// A varint: `uint32`, `int64`, an enum.
    Number(u64),
    /// `bytes`, `string`, a message.
    Bytes(&'a [u8]),
    /// Four or eight bytes, which no field of the contract is.
    Fixed,
}

impl<'a> Value<'a> {
    /// Bytes, or not what the field should be.
    ///
    /// # Errors
    /// [`Malformed`].
    pub const fn bytes(self) -> Result<&'a [u8], Malformed> {
        match self {
            Self::Bytes(bytes) => Ok(bytes),
            Self::Number(_) | Self::Fixed => Err(Malformed),
        }
    }

    /// Text.
    ///
    /// # Errors
    /// [`Malformed`].
    pub fn text(self) -> Result<&'a str, Malformed> {
        core::str::from_utf8(self.bytes()?).map_err(|_| Malformed)
    }

    /// A `uint32`; what is beyond 32 bits is cut, as protobuf wants it.
    ///
    /// # Errors
    /// [`Malformed`].
    pub const fn number(self) -> Result<u32, Malformed> {
        match self {
            Self::Number(number) => Ok(number as u32),
            Self::Bytes(_) | Self::Fixed => Err(Malformed),
        }
    }

    /// An `int64`.
    ///
    /// # Errors
    /// [`Malformed`].
    pub const fn moment(self) -> Result<i64, Malformed> {
        match self {
            Self::Number(number) => Ok(number as i64),
            Self::Bytes(_) | Self::Fixed => Err(Malformed),
        }
    }
}

/// Gives each field of a message to `take`, in their order; those that it does not know it ignores.
///
/// # Errors
/// [`Malformed`].
pub fn each<'a>(mut rest: &'a [u8], mut take: impl FnMut(u32, Value<'a>) -> Result<(), Malformed>) -> Result<(), Malformed> {
    while !rest.is_empty() {
        let key = u32::try_from(varint(&mut rest)?).map_err(|_| Malformed)?;
        let field = key >> 3;
        if field == 0 {
            return Err(Malformed);
        }
        match key & 7 {
            0 => take(field, Value::Number(varint(&mut rest)?))?,
            1 => {
                cut(&mut rest, 8)?;
                take(field, Value::Fixed)?;
            }
            2 => {
                let length = varint(&mut rest)?;
                take(field, Value::Bytes(cut(&mut rest, length)?))?;
            }
            5 => {
                cut(&mut rest, 4)?;
                take(field, Value::Fixed)?;
            }
            _ => return Err(Malformed),
        }
    }
    Ok(())
}

fn cut<'a>(rest: &mut &'a [u8], length: u64) -> Result<&'a [u8], Malformed> {
    let length = usize::try_from(length).map_err(|_| Malformed)?;
    let (taken, left) = rest.split_at_checked(length).ok_or(Malformed)?;
    *rest = left;
    Ok(taken)
}

fn varint(rest: &mut &[u8]) -> Result<u64, Malformed> {
    let mut number = 0;
    for shift in 0..10 {
        let (byte, left) = rest.split_first().ok_or(Malformed)?;
        *rest = left;
        if shift == 9 && *byte > 1 {
            return Err(Malformed);
        }
        number |= u64::from(byte & 0x7f) << (7 * shift);
        if byte & 0x80 == 0 {
            return Ok(number);
        }
    }
    Err(Malformed)
}

/// A message that is being written. Fields go in by their number, lowest first; defaults are left out.
#[derive(Default)]
pub struct Message(pub Vec<u8>);

impl Message {
    /// A number; none when it is 0.
    #[must_use]
    pub fn number(mut self, field: u32, number: u64) -> Self {
        if number != 0 {
            self.varint(u64::from(field) << 3);
            self.varint(number);
        }
        self
    }

    /// Bytes or text; none when they are empty.
    #[must_use]
    pub fn bytes(self, field: u32, bytes: &[u8]) -> Self {
        if bytes.is_empty() { self } else { self.message(field, bytes) }
    }

    /// A message, also an empty one.
    #[must_use]
    pub fn message(mut self, field: u32, bytes: &[u8]) -> Self {
        self.varint(u64::from(field) << 3 | 2);
        self.varint(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
        self
    }

    fn varint(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.0.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.0.push(number as u8);
    }
}
