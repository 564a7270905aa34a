//! What a device keeps through a loss of power, as one record.

use alloc::{string::ToString as _, vec::Vec};

use crate::{
    grant::{Backend, Id},
    wire::{Malformed, Message, Value, each},
};

/// The whole of it. The epoch outlives a factory reset.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct State {
    /// How often it was claimed.
    pub epoch: u32,
    /// How often it was reset by its button.
    pub resets: u32,
    /// Its owner.
    pub owner: Option<Owner>,
    /// The owner that it left, and that does not know yet.
    pub left: Option<Left>,
}

/// The owner, and the claim that made it so.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Owner {
    /// The pinned key.
    pub claim_key: [u8; 32],
    /// Who.
    pub tenant: Id,
    /// The grant's id.
    pub grant_id: Id,
    /// The grant as it came.
    pub grant: Vec<u8>,
    /// The claim's nonce.
    pub nonce: Vec<u8>,
    /// The claim's site; empty: none.
    pub site: Vec<u8>,
    /// The receipt as it was given.
    pub receipt: Vec<u8>,
    /// The address that answers.
    pub backend: Backend,
    /// The address that it was told and that has not answered yet.
    pub next: Option<Backend>,
    /// The number of the last notice.
    pub heard: u32,
}

/// A former owner.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Left {
    /// Who.
    pub tenant: Id,
    /// Where.
    pub backend: Backend,
    /// The release that was used, as it came.
    pub release: Vec<u8>,
}

fn backend(written: &Backend) -> Vec<u8> {
    Message::default().bytes(1, written.url.as_bytes()).bytes(2, &written.trust_anchor).0
}

fn read_backend(value: Value<'_>) -> Result<Backend, Malformed> {
    let mut read = Backend::default();
    each(value.bytes()?, |field, value| {
        match field {
            1 => read.url = value.text()?.to_string(),
            2 => read.trust_anchor = value.bytes()?.into(),
            _ => {}
        }
        Ok(())
    })?;
    Ok(read)
}

fn array<const N: usize>(value: Value<'_>) -> Result<[u8; N], Malformed> {
    value.bytes()?.try_into().map_err(|_| Malformed)
}

impl State {
    /// As bytes. Fields that are added later get new numbers, so that a device can be updated.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut record = Message::default().number(1, self.epoch.into()).number(2, self.resets.into());
        if let Some(owner) = &self.owner {
            let mut body = Message::default().bytes(1, &owner.claim_key).bytes(2, &owner.tenant).bytes(3, &owner.grant_id).bytes(4, &owner.grant);
            body = body.bytes(5, &owner.nonce).bytes(6, &owner.site).bytes(7, &owner.receipt).message(8, &backend(&owner.backend));
            if let Some(next) = &owner.next {
                body = body.message(9, &backend(next));
            }
            record = record.message(3, &body.number(10, owner.heard.into()).0);
        }
        if let Some(left) = &self.left {
            let body = Message::default().bytes(1, &left.tenant).message(2, &backend(&left.backend)).bytes(3, &left.release);
            record = record.message(4, &body.0);
        }
        record.0
    }

    /// From bytes.
    ///
    /// # Errors
    /// [`Malformed`]; a record is whole, or it is none.
    pub fn read(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut state = Self::default();
        each(bytes, |field, value| {
            match field {
                1 => state.epoch = value.number()?,
                2 => state.resets = value.number()?,
                3 => state.owner = Some(Owner::read(value.bytes()?)?),
                4 => state.left = Some(Left::read(value.bytes()?)?),
                _ => {}
            }
            Ok(())
        })?;
        Ok(state)
    }
}

impl Owner {
    fn read(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut owner = Self::default();
        each(bytes, |field, value| {
            match field {
                1 => owner.claim_key = array(value)?,
                2 => owner.tenant = array(value)?,
                3 => owner.grant_id = array(value)?,
                4 => owner.grant = value.bytes()?.into(),
                5 => owner.nonce = value.bytes()?.into(),
                6 => owner.site = value.bytes()?.into(),
                7 => owner.receipt = value.bytes()?.into(),
                8 => owner.backend = read_backend(value)?,
                9 => owner.next = Some(read_backend(value)?),
                10 => owner.heard = value.number()?,
                _ => {}
            }
            Ok(())
        })?;
        Ok(owner)
    }
}

impl Left {
    fn read(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut left = Self::default();
        each(bytes, |field, value| {
            match field {
                1 => left.tenant = array(value)?,
                2 => left.backend = read_backend(value)?,
                3 => left.release = value.bytes()?.into(),
                _ => {}
            }
            Ok(())
        })?;
        Ok(left)
    }
}
