//! From the air to an open session: connect, discover, version, handshake.

use omniot_shared::{entities::Security, label::Network};
use tokio::time::{sleep, timeout};

use super::{
    causes::Cause,
    draft::NetworkKind,
    run::{Next, Run},
    talk::Talk,
    trouble::Trouble,
};
use crate::{
    chance,
    commissioning::{
        esp::{
            EspError,
            endpoints::{Endpoints, SESSION, VERSION},
            level::{self, PopSource, Refused},
            sec0, sec1, sec2,
            session::Cipher,
            version::{self, Version},
        },
        nearby::Protocol,
        radio::RadioError,
    },
};

/// dBm. Receivers of phones begin to lose packets here, and links break soon after.
const FAINT: i32 = -88;
/// `GATT_ERROR`, what Android says of nearly everything.
const ANDROIDS_OWN: u8 = 133;

impl Run {
    /// Finds the device, stops the scan, and connects; a few tries, as radios need them.
    pub(super) async fn connect(&mut self) -> Result<Next, Trouble> {
        self.hang_up().await;
        let heard = self.hear().await?;
        let address = heard.advert.address.clone();
        self.speaks = heard.protocol();
        let name = if self.speaks == Protocol::Improv { "improv" } else { "esp" };
        self.board.change(|draft| {
            draft.address = Some(address.clone());
            draft.rssi = heard.advert.rssi;
            draft.protocol = Some(name.to_owned());
            draft.advertised = heard.advert.name.clone().or_else(|| draft.advertised.take());
        });
        self.target.address = Some(address.clone());
        self.means.nearby.pause().await;
        let link = self.open_link(&address).await?;
        self.means.nearby.forget(&address);
        self.board.change(|draft| draft.mtu = Some(u32::from(link.mtu())));
        self.talk = Some(Talk::new(link, self.means.pace.operation, self.means.pace.exchange));
        Ok(Next::Done)
    }

    async fn open_link(&self, address: &str) -> Result<std::sync::Arc<dyn crate::commissioning::radio::Link>, Trouble> {
        let mut waits = self.means.pace.connect_again.iter();
        loop {
            let tried = timeout(self.means.pace.connect, self.means.radio.connect(address)).await;
            let error = match tried {
                Ok(Ok(link)) => return Ok(link),
                Ok(Err(error)) => error,
                Err(_) => RadioError::Timeout,
            };
            match (error, waits.next()) {
                (error @ (RadioError::AdapterOff | RadioError::AdapterAbsent | RadioError::NoPermission), _) => return Err(error.into()),
                (_, Some(wait)) => sleep(*wait).await,
                (RadioError::Busy, None) => return Err(Trouble::Failed(Cause::DeviceBusy)),
                (error, None) => {
                    // What was heard may be long gone.
                    self.means.nearby.forget(address);
                    return Err(Trouble::Failed(self.unconnected(&error)));
                }
            }
        }
    }

    /// Why no link came about, as far as it can be known: the system's own word, else a signal that is too weak.
    fn unconnected(&self, error: &RadioError) -> Cause {
        match error {
            RadioError::Gatt(_) | RadioError::Hci(_) => error.into(),
            _ if self.is_far() => Cause::OutOfRange,
            _ => Cause::ConnectFailed,
        }
    }

    /// Whether the device was heard so faintly that a link does not hold.
    pub(super) fn is_far(&self) -> bool {
        self.board.read(|draft| draft.rssi).is_some_and(|rssi| rssi <= FAINT)
    }

    /// Finds the endpoints. Missing ones may be an old cache of the system: a new link can heal that.
    pub(super) async fn discover(&mut self) -> Result<Next, Trouble> {
        let talk = self.talking()?;
        let found = Endpoints::read(&talk.link().discover().await?);
        if !found.is_complete() {
            return Err(Trouble::Broken(Cause::NotProvisionable));
        }
        let mtu = talk.link().mtu();
        talk.know(found);
        self.board.change(|draft| draft.mtu = Some(u32::from(mtu)));
        Ok(Next::Done)
    }

    /// Reads what the device offers and judges whether that is enough.
    pub(super) async fn version(&mut self) -> Result<Next, Trouble> {
        let talk = self.talking()?;
        talk.write_plain(VERSION, version::REQUEST).await?;
        let reply = talk.read_plain(VERSION).await?;
        let offered = Version::read(&reply).ok_or(Trouble::Broken(Cause::InvalidReply))?;
        let labelled_thread = self.target.label.as_ref().is_some_and(|label| label.network == Network::Thread);
        let wants = if offered.is_thread_only() || (labelled_thread && offered.joins_thread()) { NetworkKind::Thread } else { NetworkKind::Wifi };
        self.wants = wants;
        let labelled = self.target.label.as_ref().and_then(|label| label.security).map(level::of_label);
        let source = match &self.pop {
            Some(_) if self.pop_typed => PopSource::Typed,
            Some(pop) => PopSource::Label(pop.bits()),
            None if self.target.label.is_some() => PopSource::None,
            None => PopSource::Typed,
        };
        let judged = |pinned| level::judge(&offered, pinned, source, self.means.mode);
        let (level, warnings) = judged(labelled.max(self.target.floor)).map_err(|refused| {
            // What would do for its label is no fake: it is this organization that wants more.
            let own = if refused == Refused::Downgrade { judged(labelled).err() } else { Some(refused) };
            Trouble::Failed(own.map_or(Cause::BelowPolicy, Cause::from))
        })?;
        // On a second link the same device offers what it offered before, or it is another one.
        if self.level.is_some_and(|before| level < before) {
            return Err(Trouble::Failed(Cause::DowngradeRefused));
        }
        self.level = Some(level);
        self.no_pop = offered.no_pop && level == Security::Sec1;
        self.board.change(|draft| {
            draft.security = Some(level);
            draft.network_kind = wants;
            warnings.iter().for_each(|warning| draft.warn(warning.code()));
        });
        Ok(Next::Done)
    }

    /// Agrees on a session key. A wrong proof is counted, because devices do not.
    pub(super) async fn handshake(&mut self) -> Result<Next, Trouble> {
        if self.is_locked(&self.proven()) {
            return Err(Trouble::Failed(Cause::TooManyWrongPops));
        }
        let agreed = match self.agree(self.inner).await {
            Err(Trouble::Failed(Cause::WrongPop)) if self.may_be_stripped() => {
                // A stack that hangs up after an error gets it on the next link.
                self.inner = sec2::Inner::Stripped;
                if self.has_link() { self.agree(self.inner).await } else { Err(Trouble::Broken(Cause::LinkLost)) }
            }
            Err(Trouble::Broken(Cause::PopOrLink)) => {
                // Which form it was is not known either: the next link gets the other one.
                self.inner = if self.may_be_stripped() { sec2::Inner::Stripped } else { sec2::Inner::Whole };
                Err(Trouble::Broken(Cause::PopOrLink))
            }
            other => other,
        };
        if agreed.as_ref().err() == Some(&Trouble::Failed(Cause::WrongPop)) && self.counts_as_wrong() {
            return Err(Trouble::Failed(Cause::TooManyWrongPops));
        }
        let cipher = agreed?;
        self.talking()?.open(cipher);
        Ok(Next::Done)
    }

    /// Which device it is for the count of wrong proofs. By address: a name is in the air for everybody, and one that lies
    /// must not lock the device that is meant.
    fn proven(&self) -> String {
        self.target.address.clone().unwrap_or_default()
    }

    /// One more wrong proof; whether that were too many. A secret that was scanned is nobody's guess, and many devices may have
    /// the name that stands beside it.
    pub(super) fn counts_as_wrong(&self) -> bool {
        if !self.pop_typed {
            return false;
        }
        let device = self.proven();
        self.means.wrong_proofs.count(&device, self.means.clock.now());
        self.is_locked(&device)
    }

    fn may_be_stripped(&self) -> bool {
        let level = self.level.is_some_and(|level| level >= Security::Sec2Patch0);
        level && self.inner == sec2::Inner::Whole && sec2::may_be_stripped(self.user(), self.pop_bytes())
    }

    fn user(&self) -> &[u8] {
        let named = self.target.label.as_ref().and_then(|label| label.username.as_deref());
        named.unwrap_or(sec2::DEFAULT_USER).as_bytes()
    }

    fn pop_bytes(&self) -> &[u8] {
        self.pop.as_ref().filter(|_| !self.no_pop).map(|pop| pop.reveal().as_bytes()).unwrap_or_default()
    }

    async fn agree(&self, inner: sec2::Inner) -> Result<Cipher, Trouble> {
        let level = self.level.ok_or(Trouble::Broken(Cause::InvalidReply))?;
        let counts = if level == Security::Sec2Patch1 { sec2::Counting::Each } else { sec2::Counting::Stuck };
        match level {
            Security::Sec0 => Ok(sec0::finish(&self.first(&sec0::command()).await?)?),
            Security::Sec1 => {
                let (opened, command) = sec1::open(chance::bytes(), self.pop_bytes());
                let (proving, command) = opened.prove(&self.first(&command).await?).map_err(refused)?;
                proving.finish(&self.second(&command).await?).map_err(unproven)
            }
            Security::Sec2Patch0 | Security::Sec2Patch1 => {
                let (opened, command) = sec2::open(chance::bytes(), self.user(), self.pop_bytes(), inner)?;
                let (proving, command) = opened.prove(&self.first(&command).await?).map_err(refused)?;
                proving.finish(&self.second(&command).await?, counts).map_err(unproven)
            }
        }
    }

    /// The first command: when the device refuses it, it does not know the scheme or the user.
    async fn first(&self, command: &[u8]) -> Result<Vec<u8>, Trouble> {
        let talk = self.talk.as_ref().ok_or(Trouble::Broken(Cause::LinkLost))?;
        talk.write_plain(SESSION, command).await.map_err(|error| match error {
            RadioError::Att(_) => Trouble::Failed(Cause::HandshakeRefused),
            other => other.into(),
        })?;
        Ok(talk.read_plain(SESSION).await?)
    }

    /// The second command: when the device refuses it, the proof is wrong, and only then. Android's status 133 is both, a link
    /// that broke and the 0x85 with which Bluedroid's firmwares refuse a proof and hang up.
    async fn second(&self, command: &[u8]) -> Result<Vec<u8>, Trouble> {
        let talk = self.talk.as_ref().ok_or(Trouble::Broken(Cause::LinkLost))?;
        talk.write_plain(SESSION, command).await.map_err(|error| match error {
            RadioError::Att(_) => Trouble::Failed(Cause::WrongPop),
            RadioError::Gatt(ANDROIDS_OWN) => Trouble::Broken(Cause::PopOrLink),
            other => other.into(),
        })?;
        Ok(talk.read_plain(SESSION).await?)
    }

    pub(super) fn talking(&mut self) -> Result<&mut Talk, Trouble> {
        self.talk.as_mut().ok_or(Trouble::Broken(Cause::LinkLost))
    }
}

/// A status in the first reply.
fn refused(error: EspError) -> Trouble {
    match error {
        EspError::Status(_) | EspError::UnknownStatus(_) => Trouble::Failed(Cause::HandshakeRefused),
        other => other.into(),
    }
}

/// The second reply: a status is a wrong proof of ours, a wrong proof of its own is an impostor's.
fn unproven(error: EspError) -> Trouble {
    match error {
        EspError::Status(_) | EspError::UnknownStatus(_) => Trouble::Failed(Cause::WrongPop),
        EspError::WrongProof => Trouble::Failed(Cause::DeviceUnproven),
        other => other.into(),
    }
}
