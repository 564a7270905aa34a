//! A record that survives a loss of power at any byte: two slots, written in turn.
//!
//! A slot is `sequence ‖ length ‖ record ‖ first 8 bytes of SHA-256 over all of that`, numbers little endian. The
//! slot with the higher sequence whose checksum holds is what counts. A new record goes into the other one, so
//! that the old one stands until the new one is whole.

use alloc::{vec, vec::Vec};

use sha2::{Digest as _, Sha256};

use crate::{state::State, wire::Malformed};

/// The storage refuses, or power went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Failed;

/// Two slots of raw storage, each at least as long as the longest record and 16 bytes.
pub trait Flash {
    /// Reads `into.len()` bytes from the beginning of a slot.
    fn read(&self, slot: usize, into: &mut [u8]);
    /// Erases a slot.
    ///
    /// # Errors
    /// [`Failed`].
    fn erase(&mut self, slot: usize) -> Result<(), Failed>;
    /// Writes from the beginning of an erased slot, and returns when it is there to stay.
    ///
    /// # Errors
    /// [`Failed`].
    fn program(&mut self, slot: usize, bytes: &[u8]) -> Result<(), Failed>;
    /// Bytes of a slot.
    fn size(&self) -> usize;
}

fn checksum(bytes: &[u8]) -> [u8; 8] {
    let mut first = [0; 8];
    first.copy_from_slice(&Sha256::digest(bytes)[..8]);
    first
}

/// The record of a slot and its sequence, when it is whole.
fn whole(flash: &impl Flash, slot: usize) -> Option<(u32, State)> {
    let mut bytes = vec![0; flash.size()];
    flash.read(slot, &mut bytes);
    let number = |at: usize| bytes.get(at..at + 4)?.try_into().ok().map(u32::from_le_bytes);
    let (sequence, length) = (number(0)?, usize::try_from(number(4)?).ok()?);
    let end = length.checked_add(8)?;
    let holds = bytes.get(end..end.checked_add(8)?)? == checksum(bytes.get(..end)?);
    let state = |bytes: &[u8]| -> Result<State, Malformed> { State::read(bytes) };
    if holds { Some((sequence, state(bytes.get(8..end)?).ok()?)) } else { None }
}

/// What is kept; that of a device out of its box when nothing is.
#[must_use]
pub fn load(flash: &impl Flash) -> State {
    newest(flash).map(|(_, _, state)| state).unwrap_or_default()
}

/// Slot, sequence and state of what counts.
fn newest(flash: &impl Flash) -> Option<(usize, u32, State)> {
    let slots = [0, 1].into_iter().filter_map(|slot| whole(flash, slot).map(|(sequence, state)| (slot, sequence, state)));
    slots.max_by_key(|(_, sequence, _)| *sequence)
}

/// Keeps a state. When it fails, or power goes, at whatever byte: the old one is kept, or the new one.
///
/// # Errors
/// [`Failed`]; the old state stands.
pub fn save(flash: &mut impl Flash, state: &State) -> Result<(), Failed> {
    let (slot, sequence) = newest(flash).map_or((0, 1), |(slot, sequence, _)| (1 - slot, sequence.saturating_add(1)));
    let record = state.to_bytes();
    let length = u32::try_from(record.len()).map_err(|_| Failed)?;
    let mut bytes: Vec<u8> = [&sequence.to_le_bytes()[..], &length.to_le_bytes(), &record].concat();
    bytes.extend_from_slice(&checksum(&bytes));
    if bytes.len() > flash.size() {
        return Err(Failed);
    }
    flash.erase(slot)?;
    flash.program(slot, &bytes)
}
