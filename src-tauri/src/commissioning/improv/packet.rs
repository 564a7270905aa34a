//! Packets: command, length, data, checksum. They travel in pieces of at most 20 bytes towards the
//! device, and back as one value or in pieces of any size.
//!
//! Deliberately not here: what the data means.

use zeroize::Zeroizing;

use super::ImprovError;

/// The most bytes of one write: what every link carries.
pub const PIECE: usize = 20;
/// Command, length and checksum.
const FRAME: usize = 3;
/// The longest data: its length is one byte.
pub const DATA_LIMIT: usize = 255;

/// The low byte of the sum.
fn checksum(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0, |sum: u8, byte| sum.wrapping_add(*byte))
}

/// The bytes of a request. Wiped when dropped: they may hold a passphrase.
///
/// # Errors
/// When the data is longer than a packet holds.
pub fn bytes(command: u8, data: &[u8]) -> Result<Zeroizing<Vec<u8>>, ImprovError> {
    let length = u8::try_from(data.len()).map_err(|_| ImprovError::Field("data"))?;
    let mut packet = Zeroizing::new(Vec::with_capacity(data.len() + FRAME));
    packet.extend_from_slice(&[command, length]);
    packet.extend_from_slice(data);
    let sum = checksum(&packet);
    packet.push(sum);
    Ok(packet)
}

/// What came back to a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packet {
    /// The request's command.
    pub command: u8,
    /// Its strings.
    pub data: Vec<u8>,
}

impl Packet {
    /// Reads a whole packet, nothing before and nothing behind it.
    ///
    /// # Errors
    /// When its length or checksum is wrong.
    pub fn read(bytes: &[u8]) -> Result<Self, ImprovError> {
        let [command, length, rest @ ..] = bytes else { return Err(ImprovError::Unreadable) };
        let (data, [sum]) = rest.split_at_checked(usize::from(*length)).ok_or(ImprovError::Unreadable)? else { return Err(ImprovError::Unreadable) };
        if *sum != checksum(&bytes[..bytes.len() - 1]) {
            return Err(ImprovError::Unreadable);
        }
        Ok(Self { command: *command, data: data.to_vec() })
    }

    /// The strings of its data, each behind its length.
    ///
    /// # Errors
    /// When they do not fill the data exactly.
    pub fn strings(&self) -> Result<Vec<Vec<u8>>, ImprovError> {
        let mut strings = Vec::new();
        let mut rest = self.data.as_slice();
        while let [length, behind @ ..] = rest {
            let (string, after) = behind.split_at_checked(usize::from(*length)).ok_or(ImprovError::Unreadable)?;
            strings.push(string.to_vec());
            rest = after;
        }
        Ok(strings)
    }
}

/// Puts pieces together. It never holds more than one packet and one piece.
#[derive(Debug, Default)]
pub struct Assembler(Vec<u8>);

impl Assembler {
    /// One more piece; the packet when that completes it. Pieces that lead nowhere are forgotten, and
    /// the last one counts as a beginning.
    pub fn take(&mut self, piece: &[u8]) -> Option<Packet> {
        if !self.0.is_empty() {
            self.0.extend_from_slice(piece);
            match self.whole() {
                Some(Ok(packet)) => return Some(packet),
                Some(Err(_)) => self.0.clear(),
                None => return None,
            }
        }
        self.0.extend_from_slice(piece);
        match self.whole() {
            Some(Ok(packet)) => Some(packet),
            Some(Err(_)) => {
                self.0.clear();
                None
            }
            None => None,
        }
    }

    /// Forgets a beginning.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// What is held, once it is as long as it says; then nothing is held any more.
    fn whole(&mut self) -> Option<Result<Packet, ImprovError>> {
        let length = usize::from(*self.0.get(1)?) + FRAME;
        (self.0.len() >= length).then(|| Packet::read(&std::mem::take(&mut self.0)))
    }
}
