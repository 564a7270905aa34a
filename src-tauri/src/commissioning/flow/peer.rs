//! An Improv device at the other end of a link: requests in pieces, and what comes back by
//! notification or, when that is lost or not offered, by looking.
//!
//! Deliberately not here: what is asked, and how long a step may take.

use std::{sync::Arc, time::Duration};

use tokio::{
    sync::mpsc,
    time::{sleep, timeout},
};

use super::{causes::Cause, trouble::Trouble};
use crate::commissioning::{
    improv::{
        ImprovError,
        command::{Command, Request},
        dialog::{Dialog, Heard, Outcome},
        gatt::{Capabilities, Characteristic, State},
    },
    radio::{Endpoint, Link, RadioError},
};

/// After so many looks a value must be that of the present request.
const SETTLING: u8 = 3;

type Ear = Option<mpsc::Receiver<Vec<u8>>>;

/// An Improv device.
pub struct Peer {
    link: Arc<dyn Link>,
    operation: Duration,
    poll: Duration,
    looks: u8,
    states: Ear,
    faults: Ear,
    results: Ear,
    /// Whether it was given its name.
    pub named: bool,
    /// What it can.
    pub can: Capabilities,
    /// What is known of it.
    pub dialog: Dialog,
}

impl Peer {
    /// Finds the characteristics, reads what the device can and where it stands, and subscribes.
    ///
    /// # Errors
    /// `NotProvisionable` when one of them is missing.
    pub async fn meet(link: Arc<dyn Link>, operation: Duration, poll: Duration) -> Result<Self, Trouble> {
        let found = link.discover().await?;
        if Characteristic::ALL.iter().any(|characteristic| characteristic.among(&found).is_none()) {
            return Err(Trouble::Broken(Cause::NotProvisionable));
        }
        let mut peer = Self { link, operation, poll, looks: 0, states: None, faults: None, results: None, named: false, can: Capabilities::default(), dialog: Dialog::default() };
        peer.states = peer.subscribe(Characteristic::State, &found).await?;
        peer.faults = peer.subscribe(Characteristic::Fault, &found).await?;
        peer.results = peer.subscribe(Characteristic::Result, &found).await?;
        peer.can = Capabilities::read(&peer.read(Characteristic::Capabilities).await?).map_err(invalid)?;
        peer.look().await?;
        Ok(peer)
    }

    async fn subscribe(&self, to: Characteristic, found: &[Endpoint]) -> Result<Ear, Trouble> {
        if !to.among(found).is_some_and(|endpoint| endpoint.properties.notify) {
            return Ok(None);
        }
        match self.within(self.link.subscribe(to.uuid())).await {
            Ok(ear) => Ok(Some(ear)),
            // Then it is looked at.
            Err(RadioError::Att(_) | RadioError::Other(_)) => Ok(None),
            Err(other) => Err(other.into()),
        }
    }

    async fn read(&self, characteristic: Characteristic) -> Result<Vec<u8>, Trouble> {
        Ok(self.within(self.link.read(characteristic.uuid())).await?)
    }

    /// Looks at the state, and at what became of the request under way.
    ///
    /// # Errors
    /// When the link breaks, or a value cannot be right.
    pub async fn look(&mut self) -> Result<(), Trouble> {
        let how = if self.looks < SETTLING { Heard::Seen } else { Heard::Settled };
        self.looks = self.looks.saturating_add(1);
        let state = self.read(Characteristic::State).await?;
        self.dialog.hear_state(&state).map_err(invalid)?;
        if self.dialog.asked().is_some() {
            let fault = self.read(Characteristic::Fault).await?;
            self.dialog.hear_fault(&fault, how).map_err(invalid)?;
            let result = self.read(Characteristic::Result).await?;
            self.dialog.hear_result(&result, how);
        }
        Ok(())
    }

    /// Waits for the next news; looks when none came for a while.
    ///
    /// # Errors
    /// As [`Peer::look`].
    pub async fn listen(&mut self) -> Result<(), Trouble> {
        tokio::select! {
            biased;
            value = next(&mut self.states) => self.dialog.hear_state(&value).map_err(invalid),
            value = next(&mut self.faults) => self.dialog.hear_fault(&value, Heard::Notified).map_err(invalid),
            value = next(&mut self.results) => {
                self.dialog.hear_result(&value, Heard::Notified);
                Ok(())
            }
            () = self.link.closed() => Err(Trouble::Broken(Cause::LinkLost)),
            () = sleep(self.poll) => self.look().await,
        }
    }

    /// Writes a request, piece by piece.
    ///
    /// # Errors
    /// When the link breaks or the device refuses a piece.
    pub async fn send(&mut self, request: &Request) -> Result<(), Trouble> {
        let rest = self.send_most(request).await?;
        self.write(rest).await
    }

    /// Writes a request but for its last piece, which it gives: until that is written nothing happens.
    ///
    /// # Errors
    /// As [`Peer::send`].
    pub async fn send_most<'r>(&mut self, request: &'r Request) -> Result<&'r [u8], Trouble> {
        self.drain()?;
        let (old_fault, old_result) = (self.read(Characteristic::Fault).await?, self.read(Characteristic::Result).await?);
        self.dialog.begin(request.command, old_fault, old_result);
        self.looks = 0;
        let mut rest: &[u8] = &[];
        for piece in request.pieces() {
            let before = std::mem::replace(&mut rest, piece);
            if !before.is_empty() {
                self.write(before).await?;
            }
        }
        Ok(rest)
    }

    /// Writes a piece of a request.
    ///
    /// # Errors
    /// As [`Peer::send`].
    pub async fn write(&self, piece: &[u8]) -> Result<(), Trouble> {
        Ok(self.within(self.link.write(Characteristic::Command.uuid(), piece)).await?)
    }

    /// A request, and what became of it.
    ///
    /// # Errors
    /// When the link breaks, or a value cannot be right.
    pub async fn ask(&mut self, request: &Request) -> Result<Outcome, Trouble> {
        self.send(request).await?;
        if request.command == Command::Identify {
            // It has no result; an error may stand there already.
            self.look().await?;
        }
        loop {
            match self.dialog.outcome() {
                Outcome::Waiting => self.listen().await?,
                over => {
                    self.dialog.end();
                    return Ok(over);
                }
            }
        }
    }

    /// Until the device does something about the request, or has had its time to.
    ///
    /// # Errors
    /// As [`Peer::listen`].
    pub async fn until_it_stirs(&mut self) -> Result<Outcome, Trouble> {
        loop {
            let outcome = self.dialog.outcome();
            if outcome != Outcome::Waiting || self.dialog.state() == Some(State::Provisioning) || self.looks > SETTLING {
                return Ok(outcome);
            }
            self.listen().await?;
        }
    }

    /// What was sent before a request is not its answer.
    fn drain(&mut self) -> Result<(), Trouble> {
        while let Some(Ok(value)) = self.states.as_mut().map(mpsc::Receiver::try_recv) {
            self.dialog.hear_state(&value).map_err(invalid)?;
        }
        for ear in [&mut self.faults, &mut self.results] {
            while ear.as_mut().is_some_and(|ear| ear.try_recv().is_ok()) {}
        }
        Ok(())
    }

    async fn within<T>(&self, operation: impl Future<Output = Result<T, RadioError>>) -> Result<T, RadioError> {
        timeout(self.operation, operation).await.unwrap_or(Err(RadioError::Timeout))
    }
}

/// The next notification; never, where none will come.
async fn next(ear: &mut Ear) -> Vec<u8> {
    match ear {
        Some(receiver) => match receiver.recv().await {
            Some(value) => value,
            None => {
                *ear = None;
                std::future::pending().await
            }
        },
        None => std::future::pending().await,
    }
}

fn invalid(_: ImprovError) -> Trouble {
    Trouble::Broken(Cause::InvalidReply)
}
