//! Onto its network: scan, set, apply, join, and seen by the server. What differs for a mesh is in
//! `meshing`.

use std::collections::HashMap;

use omniot_shared::entities::DeviceState;
use tokio::time::sleep;

use super::{
    causes::Cause,
    draft::{NetworkKind, SeenNetwork},
    run::{Next, Run},
    secrets::Access,
    step::Step,
    trouble::Trouble,
};
use crate::commissioning::esp::{
    EspError,
    config::{self, Joining},
    control::{self, Forget},
    endpoints::{CONFIG, CONTROL, SCAN},
    messages::Status,
    scan, thread,
};

/// The last channel of the 2.4 GHz band; those of 5 GHz begin at 32.
const LAST_24_GHZ: u32 = 14;
/// The server is asked for a refusal with each of so many looks.
const LOOKS_A_QUESTION: u32 = 4;
/// So many lies in a row are no accident.
const FALSE_SUCCESSES: u8 = 3;
/// A device that does nothing about its network for so many looks has forgotten it: it was switched off and on.
const IDLE_LOOKS: u8 = 5;

/// What one look at joining shows.
pub(super) enum Look {
    /// It is in the network that it was given.
    Joined,
    /// It tries.
    Trying,
    /// It does nothing about the network.
    Idle,
    /// It gave up: go back to this step.
    Refused(Step, Cause),
    /// An answer that cannot be right.
    Nonsense(Cause),
}

impl Run {
    /// Asks which networks the device itself sees. One that the attempt before gave a network says first what became of that:
    /// what it tries is waited for, and silence after it has said that it tries none is no success.
    pub(super) async fn scan_networks(&mut self) -> Result<Next, Trouble> {
        if self.target.earlier.is_some() {
            if self.is_joining().await? {
                self.take_over();
                return Ok(Next::Skipped(None));
            }
            self.forget_joining();
        }
        if self.wants == NetworkKind::Thread {
            // The dataset says which mesh; what else is in range does not matter.
            return Ok(Next::Skipped(None));
        }
        if !self.talking()?.has(SCAN) {
            return Ok(Next::Skipped(Some(Cause::NotOffered)));
        }
        self.begin_again().await?;
        let failed = |error: EspError| match error {
            EspError::Status(_) | EspError::UnknownStatus(_) => Trouble::Failed(Cause::ScanFailed),
            other => other.into(),
        };
        let poll = self.means.pace.scan_poll;
        let talk = self.talking()?;
        scan::read_start(&talk.ask(SCAN, &scan::start()).await?).map_err(failed)?;
        let total = loop {
            if let Some(total) = scan::read_status(&talk.ask(SCAN, &scan::status()).await?).map_err(failed)? {
                break total;
            }
            sleep(poll).await;
        };
        let mut found = Vec::new();
        while let Some(request) = scan::page(u32::try_from(found.len()).unwrap_or(u32::MAX), total) {
            found.extend(scan::read_page(&talk.ask(SCAN, &request).await?).map_err(failed)?);
        }
        self.only_24_ghz = !found.is_empty() && found.iter().all(|network| network.channel <= LAST_24_GHZ);
        let seen = found.into_iter().map(|network| SeenNetwork::new(network.ssid, network.rssi, scan::auth_name(network.auth)));
        self.board.change(|draft| draft.networks = strongest(seen));
        Ok(Next::Done)
    }

    /// Hands the network over. Nothing happens before Apply: until then a device that falls silent has joined nothing.
    pub(super) async fn set_network(&mut self) -> Result<Next, Trouble> {
        self.target.earlier = None;
        self.begin_again().await?;
        let request = match self.network.as_ref().map(|network| &network.access) {
            Some(Access::Wifi { ssid, passphrase }) if self.wants == NetworkKind::Wifi => config::set(ssid, passphrase.as_bytes()),
            Some(Access::Thread(dataset)) if self.wants == NetworkKind::Thread => Ok(thread::set(dataset)),
            _ => Err(EspError::Field("network")),
        };
        let request = request.map_err(|_| Trouble::Failed(Cause::NetworkRefused))?;
        let reply = self.talking()?.ask(CONFIG, &request).await?;
        let taken = match self.wants {
            NetworkKind::Wifi => config::read_set(&reply),
            NetworkKind::Thread => thread::read_set(&reply),
        };
        match taken {
            Err(EspError::Status(_)) => Err(Trouble::Failed(Cause::NetworkRefused)),
            other => Ok(other.map(|()| Next::Done)?),
        }
    }

    /// Lets the device join. A device that holds older credentials is reset first and gets them again.
    ///
    /// When the answer to an earlier Apply was lost, the device is asked what it does first. One that takes no Apply
    /// even then may be joining already, or be in the network: an attempt before this one died there. What this
    /// attempt made it try before is another network.
    pub(super) async fn apply(&mut self) -> Result<Next, Trouble> {
        let is_first = self.board.read(|draft| !draft.steps.iter().any(|row| row.step == Step::Join.name()));
        if std::mem::replace(&mut self.apply_sent, true) {
            // Where a first network failed and nothing could be reset, its failure still stands there.
            let is_stale = !is_first && !self.talking()?.has(CONTROL);
            let is_at_it = if is_stale { self.is_under_way().await? } else { self.is_joining().await? };
            if is_at_it {
                return Ok(Next::Done);
            }
        }
        match self.try_apply().await? {
            Ok(()) => return Ok(Next::Done),
            Err(EspError::Status(Status::InternalError)) => {}
            Err(EspError::Status(_)) => return Err(self.not_applied().await),
            Err(other) => return Err(other.into()),
        }
        // Its clear no: until it is applied anew, silence is none of success.
        self.forget_joining();
        if !self.talking()?.has(CONTROL) {
            if is_first && self.is_under_way().await? {
                self.apply_sent = true;
                return Ok(Next::Done);
            }
            return Err(Trouble::Failed(Cause::ResetUnsupported));
        }
        self.needs_reset = true;
        self.set_network().await?;
        self.apply_sent = true;
        match self.try_apply().await? {
            Err(EspError::Status(_)) if is_first && self.is_joining().await? => Ok(Next::Done),
            Err(EspError::Status(_)) => Err(self.not_applied().await),
            other => Ok(other.map(|()| Next::Done)?),
        }
    }

    /// The device's clear no to Apply. While it still tries the network of before, it takes no other one, and what it
    /// does says nothing about this one.
    async fn not_applied(&mut self) -> Trouble {
        self.forget_joining();
        match self.is_joining().await {
            Ok(true) => Trouble::Failed(Cause::StillTrying),
            Ok(false) => Trouble::Failed(Cause::ApplyRefused),
            Err(trouble) => trouble,
        }
    }

    async fn try_apply(&mut self) -> Result<Result<(), EspError>, Trouble> {
        let wants = self.wants;
        let talk = self.talking()?;
        Ok(match wants {
            NetworkKind::Wifi => config::read_apply(&talk.ask(CONFIG, &config::apply()).await?),
            NetworkKind::Thread => thread::read_apply(&talk.ask(CONFIG, &thread::apply()).await?),
        })
    }

    /// Whether the device does something about the network it has.
    async fn is_joining(&mut self) -> Result<bool, Trouble> {
        if self.wants == NetworkKind::Thread {
            return self.is_attaching().await;
        }
        match config::read_status(&self.talking()?.ask(CONFIG, &config::status()).await?) {
            Ok(Joining::Idle) => Ok(false),
            Ok(_) | Err(EspError::FalseSuccess) => Ok(true),
            Err(other) => Err(other.into()),
        }
    }

    /// Whether the device tries the network it has, or is in it: it has not given up.
    async fn is_under_way(&mut self) -> Result<bool, Trouble> {
        if self.wants == NetworkKind::Thread {
            return self.is_attaching().await;
        }
        let reply = self.talking()?.ask(CONFIG, &config::status()).await?;
        Ok(matches!(config::read_status(&reply), Ok(Joining::Connecting(_) | Joining::Connected { .. })))
    }

    /// After a failure the device takes new credentials only when it was reset.
    async fn begin_again(&mut self) -> Result<(), Trouble> {
        if !self.needs_reset {
            return Ok(());
        }
        let what = if self.wants == NetworkKind::Wifi { Forget::Wifi } else { Forget::Thread };
        let talk = self.talking()?;
        if !talk.has(CONTROL) {
            // It may have been switched off and on: Apply will say.
            self.needs_reset = false;
            return Ok(());
        }
        match control::read_reset(&talk.ask(CONTROL, &control::reset(what)).await?, what) {
            // In no state to be reset: then Set and Apply will say whether they work.
            Ok(()) | Err(EspError::Status(_)) => {
                self.needs_reset = false;
                Ok(())
            }
            Err(other) => Err(other.into()),
        }
    }

    /// Watches the device join. Only its own word together with the network counts as success.
    pub(super) async fn join(&mut self) -> Result<Next, Trouble> {
        self.without_address = false;
        sleep(self.means.pace.join_first).await;
        let (mut lies, mut idle) = (0, 0);
        loop {
            let Some(talk) = self.talk.as_mut() else { return Ok(self.probably_joined()) };
            let question = if self.wants == NetworkKind::Wifi { config::status() } else { thread::status() };
            let reply = match talk.ask(CONFIG, &question).await {
                Ok(reply) => reply,
                Err(Trouble::Broken(Cause::LinkLost)) if lies > 0 => return Err(Trouble::Failed(Cause::FalseSuccess)),
                // Whether it left because it has joined is seen where it is looked for.
                Err(other) => return Err(other),
            };
            let look = if self.wants == NetworkKind::Wifi { self.look_at_wifi(&reply) } else { self.look_at_mesh(&reply) };
            match look {
                Look::Joined => return Ok(self.joined()),
                Look::Refused(step, cause) => return Ok(self.back(step, cause)),
                Look::Trying => (lies, idle) = (0, 0),
                Look::Idle if idle + 1 == IDLE_LOOKS && self.network.is_some() => {
                    // It has forgotten it: it joins nothing until it is given it again.
                    self.apply_sent = false;
                    self.set_network().await?;
                    self.apply().await?;
                    idle = 0;
                }
                Look::Idle => (lies, idle) = (0, idle + 1),
                // It decrypted, so both sides are in step: the device itself says nonsense.
                Look::Nonsense(cause) if lies + 1 == FALSE_SUCCESSES => return Err(Trouble::Failed(cause)),
                Look::Nonsense(_) => lies += 1,
            }
            sleep(self.means.pace.join_poll).await;
        }
    }

    fn look_at_wifi(&mut self, reply: &[u8]) -> Look {
        match config::read_status(reply) {
            Ok(Joining::Connected { address, .. }) if is_no_address(&address) => {
                self.without_address = true;
                Look::Trying
            }
            Ok(Joining::Connected { ssid, .. }) if self.is_wanted(&ssid) => Look::Joined,
            Ok(Joining::WrongPassphrase) => Look::Refused(Step::SetNetwork, Cause::WrongPassword),
            Ok(Joining::NotFound) => Look::Refused(Step::ScanNetworks, self.not_found()),
            Ok(Joining::Connecting(_)) => {
                // Silence after this may be success, also after an earlier look was given up.
                self.apply_sent = true;
                Look::Trying
            }
            Ok(Joining::Idle) => Look::Idle,
            Ok(Joining::Connected { .. }) | Err(EspError::FalseSuccess | EspError::Unreadable) => Look::Nonsense(Cause::FalseSuccess),
            Err(_) => Look::Nonsense(Cause::InvalidReply),
        }
    }

    /// A device does not say which bands it hears. Its own scan shows it, and people name their networks.
    fn not_found(&self) -> Cause {
        match self.network.as_ref().map(|network| &network.access) {
            Some(Access::Wifi { ssid, .. }) if self.only_24_ghz && is_named_5_ghz(ssid) => Cause::Only24Ghz,
            _ => Cause::NetworkNotFound,
        }
    }

    /// Whether the device is in the network that it was given; some do not say which it is.
    fn is_wanted(&self, ssid: &[u8]) -> bool {
        match self.network.as_ref().map(|network| &network.access) {
            Some(Access::Wifi { ssid: wanted, .. }) => ssid.is_empty() || wanted == ssid,
            _ => true,
        }
    }

    pub(super) fn joined(&mut self) -> Next {
        // Where it only may have joined, nothing is known of the name.
        let is_unseen = self.board.read(|draft| self.network.as_ref().is_some_and(|network| !draft.is_blind() && !draft.sees(network)));
        if let Some(network) = &mut self.network {
            network.unseen |= is_unseen;
        }
        self.remember();
        Next::Done
    }

    /// A network that is wrong after all is forgotten at the next device's first failure.
    fn remember(&mut self) {
        let site = self.board.read(|draft| draft.site_id);
        if let Some(network) = self.network.take() {
            self.means.networks.worked(self.desk.account(), site, network, self.chosen);
        }
    }

    pub(super) fn probably_joined(&mut self) -> Next {
        let cause = Cause::JoinUnconfirmed;
        self.remember();
        self.board.change(|draft| draft.warn(cause.code()));
        Next::Skipped(Some(cause))
    }

    /// Another network or passphrase on the same link.
    pub(super) fn back(&mut self, step: Step, cause: Cause) -> Next {
        self.forget_remembered();
        self.needs_reset = true;
        Next::Back(step, cause)
    }

    /// It was waited for in vain: where the device confirmed that it has joined, something keeps it from the server.
    pub(super) fn unseen(&self) -> Cause {
        let is_unconfirmed = self.board.read(|draft| draft.warnings.iter().any(|warning| warning == Cause::JoinUnconfirmed.code()));
        if is_unconfirmed { Cause::NotYetSeen } else { Cause::CloudBlocked }
    }

    /// Waits until the server has seen the device; without a network that is for later.
    pub(super) async fn cloud(&mut self) -> Result<Next, Trouble> {
        self.hang_up().await;
        let Some((serial, epoch)) = self.board.read(|draft| draft.serial.clone().zip(draft.epoch)) else {
            return Ok(Next::Skipped(Some(Cause::NotOffered)));
        };
        let grant = self.board.read(|draft| draft.grant_id);
        for look in 1_u32.. {
            let device = self.desk.device_by_serial(&serial).await?;
            // Of another epoch it is another claim that the server knows, and this one it may refuse.
            if device.is_some_and(|device| device.state == DeviceState::Online && device.epoch == epoch) {
                return Ok(Next::Done);
            }
            if !self.desk.is_online().await {
                return Ok(Next::Skipped(Some(Cause::OfflineDeferred)));
            }
            // The row comes with synchronization; a refusal is in none, and the server is asked now and then.
            if let Some(grant) = grant.filter(|_| look.is_multiple_of(LOOKS_A_QUESTION))
                && let Some(code) = self.desk.refusal_of(&serial, grant).await
            {
                return Ok(Next::Skipped(Some(Cause::of_refusal(&code))));
            }
            sleep(self.means.pace.cloud_poll).await;
        }
        Ok(Next::Skipped(Some(self.unseen())))
    }
}

/// Whether that is what a device writes that has no address yet, or gave itself one.
fn is_no_address(address: &str) -> bool {
    address == "0.0.0.0" || address.starts_with("169.254.")
}

/// Whether people would call that a network of 5 GHz: `Plant 5G`, `plant_5GHz`.
fn is_named_5_ghz(ssid: &[u8]) -> bool {
    let name = String::from_utf8_lossy(ssid).to_ascii_lowercase().replace([' ', '-', '_', '.'], "");
    name.match_indices("5g").any(|(at, _)| !name[..at].ends_with(|c: char| c.is_ascii_digit()))
}

/// One entry for each name, the strongest; hidden ones left out; strongest first.
pub(super) fn strongest(found: impl IntoIterator<Item = SeenNetwork>) -> Vec<SeenNetwork> {
    let mut by_name: HashMap<Vec<u8>, SeenNetwork> = HashMap::new();
    for network in found.into_iter().filter(|network| !network.raw.is_empty()) {
        match by_name.get(&network.raw) {
            Some(known) if known.rssi >= network.rssi => {}
            _ => {
                by_name.insert(network.raw.clone(), network);
            }
        }
    }
    let mut networks: Vec<SeenNetwork> = by_name.into_values().collect();
    networks.sort_by(|a, b| b.rssi.cmp(&a.rssi).then_with(|| a.ssid.cmp(&b.ssid)));
    networks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_of_5_ghz_is_known_by_its_name_alone() {
        for name in ["Plant 5G", "plant_5GHz", "Guest-5-GHz", "5g"] {
            assert!(is_named_5_ghz(name.as_bytes()), "{name}");
        }
        for name in ["Plant", "Hall 15G", "Wi-Fi 2.4G", "Room 5", ""] {
            assert!(!is_named_5_ghz(name.as_bytes()), "{name}");
        }
        assert!(is_no_address("0.0.0.0") && is_no_address("169.254.7.7") && !is_no_address("192.168.1.42") && !is_no_address(""));
    }

    #[test]
    fn a_network_with_several_access_points_is_listed_once_with_the_strongest() {
        let network = |ssid: &str, rssi| SeenNetwork::new(ssid.into(), rssi, "wpa2");
        let listed = strongest([network("A", -70), network("B", -60), network("", -10), network("A", -50), network("A", -80)]);
        let short: Vec<_> = listed.iter().map(|network| (network.ssid.as_str(), network.rssi)).collect();
        assert_eq!(short, [("A", -50), ("B", -60)]);
    }
}
