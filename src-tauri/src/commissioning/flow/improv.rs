//! The same steps with an Improv device (`improv`): nothing is encrypted, nobody proves anything, and
//! nothing is claimed.
//!
//! What differs: the level cannot be raised, so whatever pins one refuses the device; instead of a
//! handshake somebody presses a button; name and network go in one request, so there is nothing to
//! apply; and an error leaves the device up for the next try.
//!
//! Deliberately not here: bytes (`improv`) and the exchange of one request ([`super::peer`]).

use std::sync::Arc;

use omniot_shared::entities::Security;
use tokio::time::timeout;

use super::{
    causes::Cause,
    draft::{SeenNetwork, State as Shown},
    joining::strongest,
    peer::Peer,
    run::{Next, Run},
    secrets::Access,
    step::Step,
    trouble::Trouble,
};
use crate::commissioning::{
    esp::EspError,
    improv::{
        command::{self, Command, Request},
        dialog::Outcome,
        gatt::{Fault, State},
        reply,
    },
};

/// The warning of every commission over Improv.
pub const OPEN: &str = "improv_open";
/// The device did not take the name that the technician gave it.
pub const NAME_REFUSED: &str = "name_refused";
/// An authorization may lapse between two requests; more often in a row it is a fault of the device.
const AUTHORIZATIONS: u8 = 3;

impl Run {
    pub(super) fn peer(&mut self) -> Result<&mut Peer, Trouble> {
        self.peer.as_mut().ok_or(Trouble::Broken(Cause::LinkLost))
    }

    /// Finds the characteristics, and listens to them.
    pub(super) async fn meet_peer(&mut self) -> Result<Next, Trouble> {
        let pace = &self.means.pace;
        let (operation, poll) = (pace.operation, pace.join_poll);
        let link = Arc::clone(self.talking()?.link());
        self.peer = Some(Peer::meet(Arc::clone(&link), operation, poll).await?);
        // Some systems know it only now.
        self.board.change(|draft| draft.mtu = Some(u32::from(link.mtu())));
        Ok(Next::Done)
    }

    /// Whatever pins a level of protection, or demands one, refuses this device: it has none. Then it says what it is.
    pub(super) async fn judge_peer(&mut self) -> Result<Next, Trouble> {
        let label = self.target.label.as_ref();
        let labelled = label.is_some_and(|label| label.pinned.is_some() || label.security.is_some_and(|level| level > 0));
        // A secret that was scanned or typed, or a session of before, pins one too.
        if labelled || self.pop.is_some() || self.level.is_some() {
            return Err(Trouble::Failed(Cause::DowngradeRefused));
        }
        if self.target.floor.is_some_and(|floor| floor > Security::Sec0) {
            return Err(Trouble::Failed(Cause::BelowPolicy));
        }
        self.board.change(|draft| draft.warn(OPEN));
        if self.peer()?.can.device_info()
            && let Outcome::Done(strings) = self.peer()?.ask(&plain(Command::DeviceInfo)?).await?
        {
            let info = reply::info(&strings).map_err(|_| Trouble::Broken(Cause::InvalidReply))?;
            self.board.change(|draft| {
                draft.firmware = Some(info.firmware).filter(|text| !text.is_empty());
                draft.advertised = draft.advertised.take().or(Some(info.name)).filter(|text| !text.is_empty());
            });
        }
        Ok(Next::Done)
    }

    /// Waits until somebody has pressed the device's button, when it wants that.
    pub(super) async fn authorize(&mut self) -> Result<Next, Trouble> {
        self.peer()?.look().await?;
        if self.has_network()? {
            // On a new link, after it was given the network; by the attempt before, where that died.
            if self.may_have_joined() || self.reached == Step::Join {
                self.take_over();
                return Ok(Next::Done);
            }
        } else {
            // It says that it has none: silence from here on is none of success.
            self.forget_joining();
        }
        let (limit, board) = (self.means.pace.authorize, Arc::clone(&self.board));
        let peer = self.peer()?;
        let mut asks = false;
        let waiting = async {
            loop {
                match peer.dialog.state() {
                    Some(State::Authorized) => return Ok(Next::Done),
                    Some(State::Provisioned) => return Err(Trouble::Failed(Cause::AlreadyJoined)),
                    Some(State::AuthorizationRequired) if !asks => {
                        asks = true;
                        board.change(|draft| draft.state = Shown::NeedsButton);
                    }
                    Some(State::AuthorizationRequired | State::Provisioning) | None => peer.listen().await?,
                }
            }
        };
        let waited = timeout(limit, waiting).await;
        if asks {
            board.change(|draft| draft.state = Shown::Running);
        }
        waited.unwrap_or_else(|_| {
            let is_busy = peer.dialog.state() == Some(State::Provisioning);
            Err(Trouble::Failed(if is_busy { Cause::StillTrying } else { Cause::ButtonNotPressed }))
        })
    }

    /// Whether the device says that it was given a network: it tries it, or is in it.
    fn has_network(&mut self) -> Result<bool, Trouble> {
        Ok(matches!(self.peer()?.dialog.state(), Some(State::Provisioning | State::Provisioned)))
    }

    /// It has no identity; a code that was typed promised one.
    pub(super) fn miss_identity(&self) -> Result<Next, Trouble> {
        if self.target.code.is_some() { Err(Trouble::Failed(Cause::IdentityMissing)) } else { Ok(Next::Skipped(Some(Cause::NotOffered))) }
    }

    /// The device shows itself.
    pub(super) async fn show_peer(&mut self) -> Result<Next, Trouble> {
        let peer = self.peer()?;
        if !peer.can.identify() {
            return Ok(Next::Skipped(Some(Cause::NotOffered)));
        }
        match peer.ask(&plain(Command::Identify)?).await? {
            Outcome::Refused(_) => Ok(Next::Skipped(Some(Cause::NotOffered))),
            Outcome::Done(_) | Outcome::Waiting => Ok(Next::Done),
        }
    }

    /// Asks which networks the device itself sees.
    pub(super) async fn scan_by_peer(&mut self) -> Result<Next, Trouble> {
        if self.apply_sent {
            // It joins what it was given before.
            return Ok(Next::Skipped(None));
        }
        if !self.peer()?.can.scan() {
            return Ok(Next::Skipped(Some(Cause::NotOffered)));
        }
        let strings = match self.ask_authorized(&plain(Command::Scan)?).await? {
            Outcome::Done(strings) => strings,
            Outcome::Refused(_) | Outcome::Waiting => return Err(Trouble::Failed(Cause::ScanFailed)),
        };
        let found = reply::networks(&strings).map_err(|_| Trouble::Failed(Cause::ScanFailed))?;
        let seen = found.into_iter().map(|network| SeenNetwork::new(network.ssid, network.rssi, network.auth));
        self.board.change(|draft| draft.networks = strongest(seen));
        Ok(Next::Done)
    }

    /// Gives the device its name and hands the network over; it begins to join at once.
    pub(super) async fn give_peer_network(&mut self) -> Result<Next, Trouble> {
        self.target.earlier = None;
        if self.apply_sent && self.has_network()? {
            // The answer was lost with the link.
            return Ok(Next::Done);
        }
        self.name_peer().await?;
        self.send_network().await
    }

    async fn send_network(&mut self) -> Result<Next, Trouble> {
        let Some(Access::Wifi { ssid, passphrase }) = self.network.as_ref().map(|network| &network.access) else { return Err(Trouble::Failed(Cause::NetworkRefused)) };
        let request = command::wifi(ssid, passphrase.as_bytes()).map_err(|_| Trouble::Failed(Cause::NetworkRefused))?;
        for _ in 0..AUTHORIZATIONS {
            self.authorize().await?;
            let rest = self.peer()?.send_most(&request).await?;
            // From here on it may join unheard, and silence may mean that it has.
            self.apply_sent = true;
            let peer = self.peer()?;
            peer.write(rest).await?;
            match peer.until_it_stirs().await? {
                Outcome::Refused(Fault::NotAuthorized) => self.apply_sent = false,
                // How joining went is said where it is waited for.
                Outcome::Refused(Fault::UnableToConnect) | Outcome::Done(_) | Outcome::Waiting => return Ok(Next::Done),
                Outcome::Refused(_) => {
                    self.apply_sent = false;
                    return Err(Trouble::Failed(Cause::NetworkRefused));
                }
            }
        }
        Err(Trouble::Failed(Cause::ButtonNotPressed))
    }

    /// The name that the technician gave: as device name from version 2.4 on, else as host name.
    /// A device that does not take it is commissioned all the same.
    async fn name_peer(&mut self) -> Result<(), Trouble> {
        let can = self.peer.as_ref().is_some_and(|peer| peer.can.hostname() && !peer.named);
        let Some(name) = self.board.read(|draft| draft.device_name.clone()).filter(|_| can) else { return Ok(()) };
        self.peer()?.named = true;
        if let Ok(request) = command::device_name(&name)
            && let Outcome::Done(_) = self.ask_authorized(&request).await?
        {
            return Ok(());
        }
        let host = command::hostname_of(&name).and_then(|host| command::hostname(&host).ok());
        let taken = match host {
            Some(request) => matches!(self.ask_authorized(&request).await?, Outcome::Done(_)),
            None => false,
        };
        if !taken {
            self.board.change(|draft| draft.warn(NAME_REFUSED));
        }
        Ok(())
    }

    /// A request that may need the button first.
    async fn ask_authorized(&mut self, request: &Request) -> Result<Outcome, Trouble> {
        match self.peer()?.ask(request).await? {
            Outcome::Refused(Fault::NotAuthorized) => {
                self.authorize().await?;
                self.peer()?.ask(request).await
            }
            other => Ok(other),
        }
    }

    /// Watches the device join.
    pub(super) async fn watch_peer(&mut self) -> Result<Next, Trouble> {
        let Some(peer) = self.peer.as_mut() else { return Ok(self.probably_joined()) };
        if peer.dialog.asked() != Some(Command::SendWifi) {
            // On a new link: it may have gone on by itself.
            peer.look().await?;
            match peer.dialog.state() {
                Some(State::Provisioned) => return Ok(self.joined()),
                Some(State::Provisioning) => {}
                _ => {
                    self.send_network().await?;
                }
            }
        }
        let outcome = loop {
            // Silence after this may be success, also after an earlier look was given up.
            self.apply_sent |= self.peer()?.dialog.state() == Some(State::Provisioning);
            let peer = self.peer()?;
            match (peer.dialog.outcome(), peer.dialog.state()) {
                (Outcome::Waiting, Some(State::Provisioned)) => break Outcome::Done(Vec::new()),
                // On a new link nothing was asked, and it gave up.
                (Outcome::Waiting, Some(State::Authorized | State::AuthorizationRequired)) if peer.dialog.asked().is_none() => break Outcome::Refused(Fault::UnableToConnect),
                (Outcome::Waiting, _) => {}
                (over, _) => break over,
            }
            match peer.listen().await {
                Ok(()) => {}
                // Whether it ended its service because it has joined is seen where it is looked for.
                Err(other) => return Err(other),
            }
        };
        match outcome {
            Outcome::Done(strings) => {
                let strings = if strings.is_empty() { self.page_of_peer().await } else { strings };
                self.board.change(|draft| draft.url = reply::url(&strings));
                Ok(self.joined())
            }
            Outcome::Refused(fault) => {
                if let Some(peer) = self.peer.as_mut() {
                    peer.dialog.end();
                }
                let cause = match fault {
                    Fault::NotAuthorized => Cause::ButtonNotPressed,
                    Fault::UnableToConnect => Cause::UnableToConnect,
                    _ => Cause::NetworkRefused,
                };
                Ok(self.back(Step::SetNetwork, cause))
            }
            Outcome::Waiting => Err(EspError::Unreadable.into()),
        }
    }

    /// It has joined and its result was not heard yet: it comes now, or not any more. The device may end
    /// its service at once, so this looks first and waits then.
    async fn page_of_peer(&mut self) -> Vec<Vec<u8>> {
        let limit = self.means.pace.join_first;
        let Some(peer) = self.peer.as_mut() else { return Vec::new() };
        let hearing = async {
            let mut heard = peer.look().await;
            while heard.is_ok() {
                match peer.dialog.outcome() {
                    Outcome::Done(strings) if !strings.is_empty() => return strings,
                    _ => heard = peer.listen().await,
                }
            }
            Vec::new()
        };
        timeout(limit, hearing).await.unwrap_or_default()
    }
}

fn plain(command: Command) -> Result<Request, Trouble> {
    command::ask(command).map_err(|_| Trouble::Broken(Cause::InvalidReply))
}
