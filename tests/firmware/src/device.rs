//! A device: what it is asked, and when it keeps what.

use alloc::{string::String, vec::Vec};

use ed25519_dalek::SigningKey;

use crate::{
    claim::{self, Status},
    flash::{self, Flash},
    grant::Backend,
    sealed::{CONTACT, HANDOVER, IDENTITY, digests, fingerprint, sign},
    state::State,
    wire::{Message, each},
};

/// What it was made as. The key never leaves it.
pub struct Factory {
    /// Its identity.
    pub key: SigningKey,
    /// As on its label.
    pub serial: String,
    /// The model's SKU.
    pub model: String,
    /// E.g. its base MAC address.
    pub hardware_id: String,
    /// What it runs.
    pub firmware: String,
}

/// A device with its storage.
pub struct Device<F> {
    /// What it was made as.
    pub factory: Factory,
    /// Where it keeps its state.
    pub flash: F,
    state: State,
}

impl<F: Flash> Device<F> {
    /// Starts it: what counts is what is kept.
    pub fn boot(factory: Factory, flash: F) -> Self {
        let state = flash::load(&flash);
        Self { factory, flash, state }
    }

    /// What it keeps.
    pub const fn state(&self) -> &State {
        &self.state
    }

    /// A state counts once it is kept, never before.
    fn keep(&mut self, state: State) -> Result<(), flash::Failed> {
        if state != self.state {
            flash::save(&mut self.flash, &state)?;
            self.state = state;
        }
        Ok(())
    }

    /// `omniot-claim`: decide, keep, and only then answer.
    pub fn claim(&mut self, request: &[u8], now: Option<i64>) -> Vec<u8> {
        let mut outcome = claim::decide(&self.state, &self.factory.serial, &self.factory.key, request, now);
        if let Ok(accepted) = &outcome
            && self.keep(accepted.clone()).is_err()
        {
            outcome = Err(Status::StorageFailed);
        }
        claim::reply(&self.state, &outcome)
    }

    /// `omniot-id`.
    pub fn identify(&self, request: &[u8]) -> Vec<u8> {
        let mut challenge: &[u8] = &[];
        let read = each(request, |field, value| {
            if field == 1 {
                challenge = value.bytes()?;
            }
            Ok(())
        });
        if read.is_err() || challenge.len() != 32 {
            return Message::default().number(1, Status::Malformed as u64).0;
        }
        Message::default().message(2, &self.identity(IDENTITY, challenge)).0
    }

    /// The `identity` of `POST /v1/device/claim`.
    #[must_use]
    pub fn contact(&self, challenge: &[u8]) -> Option<Vec<u8>> {
        let owner = self.state.owner.as_ref()?;
        Some(self.identity(CONTACT, &digests(&[challenge, &owner.grant, &owner.receipt])))
    }

    /// The `identity` of `POST /v1/device/handover`.
    #[must_use]
    pub fn handover(&self, challenge: &[u8]) -> Option<Vec<u8>> {
        let left = self.state.left.as_ref()?;
        Some(self.identity(HANDOVER, &digests(&[challenge, &left.release])))
    }

    /// A former owner was told, or cannot be.
    ///
    /// # Errors
    /// When that cannot be kept; it is told again then.
    pub fn handed_over(&mut self) -> Result<(), flash::Failed> {
        self.keep(State { left: None, ..self.state.clone() })
    }

    /// The notice in the answer to a heartbeat; whether it is the owner's.
    ///
    /// # Errors
    /// When it cannot be kept; it comes again then.
    pub fn hear(&mut self, notice: &[u8]) -> Result<bool, flash::Failed> {
        match claim::hear(&self.state, &self.factory.serial, notice) {
            Ok(state) => self.keep(state).map(|()| true),
            Err(_) => Ok(false),
        }
    }

    /// A heartbeat was taken at this address. Try `next` before `backend`, until this says that `next` is it.
    ///
    /// # Errors
    /// When that cannot be kept.
    pub fn answered(&mut self, backend: &Backend) -> Result<(), flash::Failed> {
        self.keep(claim::answered(&self.state, backend))
    }

    /// The button was held.
    ///
    /// # Errors
    /// When that cannot be kept.
    pub fn reset(&mut self) -> Result<(), flash::Failed> {
        self.keep(claim::reset(&self.state))
    }

    fn identity(&self, domain: &[u8], context: &[u8]) -> Vec<u8> {
        let Factory { key, serial, model, hardware_id, firmware } = &self.factory;
        let owner = self.state.owner.as_ref().map(|owner| fingerprint(&owner.claim_key));
        let body = Message::default().bytes(1, serial.as_bytes()).bytes(2, model.as_bytes()).bytes(3, hardware_id.as_bytes());
        let body = body.bytes(4, firmware.as_bytes()).bytes(5, &key.verifying_key().to_bytes());
        let body = body.bytes(6, owner.as_ref().map_or(&[], |owner| owner)).number(7, self.state.epoch.into()).number(8, self.state.resets.into());
        sign(key, domain, context, &body.0)
    }
}
