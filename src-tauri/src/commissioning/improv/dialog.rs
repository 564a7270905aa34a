//! One request after the other, followed to its end: what was heard by notification and what was
//! looked up, in whatever order and however often.
//!
//! A value that was looked up may still be that of the request before; it counts when it has changed
//! since, or when the device had time enough ([`Heard`]). BlueZ says each value that was looked up once
//! more, as if the device had sent it: so what stood there before is no news by that way either.
//!
//! Deliberately not here: listening, looking and waiting.

use super::{
    ImprovError,
    command::Command,
    gatt::{Fault, State},
    packet::{Assembler, Packet},
};

/// How a value came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heard {
    /// The device sent it, or the system repeats what was looked up.
    Notified,
    /// It was looked up soon after the request: it may be old.
    Seen,
    /// It was looked up when it must be new.
    Settled,
}

/// How a request stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Nothing final was heard.
    Waiting,
    /// Done, with the strings of its result; none when it has no result or that was lost.
    Done(Vec<Vec<u8>>),
    /// The device says no.
    Refused(Fault),
}

struct Asked {
    command: Command,
    old_fault: Vec<u8>,
    old_result: Vec<u8>,
    result: Option<Vec<Vec<u8>>>,
    fault: Option<Fault>,
}

/// What is known of a device, and of the request under way.
#[derive(Default)]
pub struct Dialog {
    state: Option<State>,
    asked: Option<Asked>,
    assembler: Assembler,
}

impl Dialog {
    /// Where the device stands, as far as it was heard.
    #[must_use]
    pub const fn state(&self) -> Option<State> {
        self.state
    }

    /// The request under way.
    #[must_use]
    pub fn asked(&self) -> Option<Command> {
        self.asked.as_ref().map(|asked| asked.command)
    }

    /// A request is about to be sent; these values stood on the characteristics before.
    pub fn begin(&mut self, command: Command, old_fault: Vec<u8>, old_result: Vec<u8>) {
        self.assembler.clear();
        self.asked = Some(Asked { command, old_fault, old_result, result: None, fault: None });
    }

    /// The request is over, or given up.
    pub fn end(&mut self) {
        self.asked = None;
    }

    /// A value of the state.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn hear_state(&mut self, value: &[u8]) -> Result<(), ImprovError> {
        self.state = Some(State::read(value)?);
        Ok(())
    }

    /// A value of the error.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn hear_fault(&mut self, value: &[u8], how: Heard) -> Result<(), ImprovError> {
        let fault = Fault::read(value)?;
        let Some(asked) = &mut self.asked else { return Ok(()) };
        if how != Heard::Settled && value == asked.old_fault {
            return Ok(());
        }
        // What was looked up never takes back what the device sent.
        if fault.is_some() || how == Heard::Notified {
            asked.fault = fault;
        }
        if fault.is_none() {
            asked.old_fault = value.to_vec();
        }
        Ok(())
    }

    /// A value of the result, whole or a piece of it. What cannot be read is waited for again.
    pub fn hear_result(&mut self, value: &[u8], how: Heard) {
        let Some(asked) = &mut self.asked else { return };
        // Other requests may have the same answer twice, and then it does not matter which of the two is heard.
        let may_be_old = how == Heard::Seen || (how == Heard::Notified && asked.command == Command::SendWifi);
        if value.is_empty() || (may_be_old && value == asked.old_result) {
            return;
        }
        let packet = if how == Heard::Notified { self.assembler.take(value) } else { Packet::read(value).ok() };
        let fits = packet.filter(|packet| packet.command == asked.command as u8);
        if let Some(strings) = fits.and_then(|packet| packet.strings().ok()) {
            asked.result = Some(strings);
        }
    }

    /// How the request stands.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        let Some(asked) = &self.asked else { return Outcome::Waiting };
        if let Some(strings) = &asked.result {
            return Outcome::Done(strings.clone());
        }
        match (asked.command, asked.fault, self.state) {
            (Command::SendWifi, _, Some(State::Provisioned)) => Outcome::Done(Vec::new()),
            (_, Some(fault), _) => Outcome::Refused(fault),
            (Command::SendWifi, None, Some(State::AuthorizationRequired)) => Outcome::Refused(Fault::NotAuthorized),
            (Command::Identify, None, _) => Outcome::Done(Vec::new()),
            _ => Outcome::Waiting,
        }
    }
}
