//! One virtual device: GATT endpoints on top, what it keeps below.
//!
//! Time comes in as milliseconds since the fleet's start; nothing waits here.
//!
//! Deliberately not here: sockets, and the way to the backend.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    path::Path,
};

use omniot_shared::claim::{
    Domain, Identity, PublicKey,
    messages::{IdentifyReply, IdentifyRequest, IdentityReply, IdentityRequest, Status},
};
use omniot_shared::entities::Security;
use prost::Message as _;
use rand::SeedableRng as _;
use rand_chacha::ChaCha20Rng;
use uuid::Uuid;

use super::{
    advert::Endpoint,
    chunked::Chunked,
    cipher::Counting,
    faults::{Faults, PowerLoss},
    hostile::Hostile,
    improv::{self, Improv},
    keeping::{Keeper, Kept},
    pre_owned,
    session::{Draws, Scheme, Session},
    spec::{self, Era, Factory, Kind, Spec, Stack, USERNAME},
    srp::Verifier,
    thread::Thread,
    timing::Timing,
    wifi::{self, Network, Wifi},
};

/// The longest value of a characteristic.
const VALUE_LIMIT: usize = 512;

/// What became of a read or write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The value; empty for a write.
    Value(Vec<u8>),
    /// An ATT error; the link stays.
    Att(u8),
    /// An ATT error, then the device ends the link.
    AttThenGone(u8),
    /// The device ends the link without an answer.
    Gone,
    /// No answer.
    Silence,
}

struct Link {
    session: Session,
    replies: BTreeMap<Endpoint, Vec<u8>>,
    chunked: BTreeMap<Endpoint, Chunked>,
    listened: BTreeSet<Uuid>,
    operations: u32,
}

/// One device.
pub struct Device {
    spec: Spec,
    factory: Factory,
    mac: [u8; 6],
    keeper: Keeper,
    pub(super) kept: Kept,
    pub(super) wifi: Wifi,
    pub(super) thread: Thread,
    /// Its other service, when it is of that kind.
    pub improv: Improv,
    link: Option<Link>,
    /// What goes wrong with it.
    pub faults: Faults,
    pub(super) rng: ChaCha20Rng,
    timing: Timing,
    ready_at: u64,
    powered: bool,
    provisioning: bool,
    blinks_until: u64,
    has_shown_itself: bool,
    pub(super) contact: super::contact::Contact,
}

impl Device {
    /// Builds the device and gives it power.
    ///
    /// # Errors
    /// When its state folder cannot be used.
    pub fn new(spec: Spec, seed: u64, networks: Vec<Network>, timing: Timing, dir: &Path) -> io::Result<Self> {
        let mut factory = Factory::make(seed, &spec.serial);
        if let Some(pop) = &spec.pop {
            factory.pop.clone_from(pop);
        }
        let keeper = Keeper::new(dir, &spec.serial)?;
        let kept = match keeper.load()? {
            Some(kept) => kept,
            None => pre_owned::first_state(&spec, &factory),
        };
        keeper.save(&kept, None)?;
        let rng = ChaCha20Rng::from_seed(<sha2::Sha256 as sha2::Digest>::digest(format!("chance/{seed}/{}", spec.serial)).into());
        let faults = spec.faults.clone();
        let wifi = Wifi::new(networks, timing, spec.attempts);
        let contact = super::contact::Contact::default();
        let about = improv::About { firmware: spec.model.clone(), version: spec.firmware.clone(), chip: "virtual/esp32".to_owned() };
        let improv = Improv::new(spec.improv, about, spec.name(), timing);
        let mac = factory.mac;
        let mut device =
            Self { spec, factory, mac, keeper, kept, wifi, thread: Thread::new(timing), improv, link: None, faults, rng, timing, ready_at: 0, powered: true, provisioning: true, blinks_until: 0, has_shown_itself: false, contact };
        device.boot(0);
        Ok(device)
    }

    /// What it was made as.
    #[must_use]
    pub const fn spec(&self) -> &Spec {
        &self.spec
    }

    /// What the factory gave it.
    #[must_use]
    pub const fn factory(&self) -> &Factory {
        &self.factory
    }

    /// Its present Bluetooth address.
    #[must_use]
    pub fn radio_address(&self) -> String {
        spec::shown_address(self.mac)
    }

    /// The timing it runs with.
    #[must_use]
    pub const fn timing(&self) -> Timing {
        self.timing
    }

    /// Whether it has power and has started.
    #[must_use]
    pub const fn is_up(&self, now: u64) -> bool {
        self.powered && now >= self.ready_at
    }

    /// Whether it advertises: it is up, to be provisioned, and has no link.
    #[must_use]
    pub const fn advertises(&self, now: u64) -> bool {
        self.is_up(now) && self.provisioning && self.link.is_none()
    }

    /// Whether it blinks.
    #[must_use]
    pub const fn blinks(&self, now: u64) -> bool {
        self.is_up(now) && now < self.blinks_until
    }

    /// Until when it blinks.
    #[must_use]
    pub const fn blinks_until(&self) -> u64 {
        self.blinks_until
    }

    /// The ATT MTU it settles for.
    #[must_use]
    pub fn mtu(&self) -> u16 {
        self.faults.mtu.unwrap_or(256).clamp(23, 517)
    }

    /// A client connects; `false` when the device does not advertise.
    pub fn connect(&mut self, now: u64) -> bool {
        if !self.advertises(now) {
            return false;
        }
        self.link = Some(Link { session: Session::new(self.scheme()), replies: BTreeMap::new(), chunked: BTreeMap::new(), listened: BTreeSet::new(), operations: 0 });
        self.improv.connected();
        self.wifi.page = wifi::PAGE;
        true
    }

    /// A client connects over HTTP, which carries longer replies than an attribute does.
    pub fn connect_over_http(&mut self, now: u64) -> bool {
        let connected = self.connect(now);
        self.wifi.page = u32::MAX;
        connected
    }

    /// Whether it has this endpoint.
    #[must_use]
    pub fn has(&self, endpoint: Endpoint) -> bool {
        match endpoint {
            Endpoint::Identity | Endpoint::Identify | Endpoint::Claim => self.spec.kind == Kind::Omniot,
            Endpoint::Scan => self.spec.kind != Kind::Thread && self.spec.era != Era::Bare,
            Endpoint::Control => !matches!(self.spec.era, Era::Idf4 | Era::Bare),
            Endpoint::Session | Endpoint::Config | Endpoint::Version => true,
        }
    }

    /// The link is gone, and the session with it.
    pub fn disconnect(&mut self) {
        self.link = None;
    }

    /// Whether a client is connected.
    #[must_use]
    pub const fn linked(&self) -> bool {
        self.link.is_some()
    }

    /// How many reads and writes came on the present link.
    #[must_use]
    pub fn operations(&self) -> u32 {
        self.link.as_ref().map_or(0, |link| link.operations)
    }

    fn announced(&self) -> Security {
        self.faults.downgrade.unwrap_or(self.spec.security)
    }

    fn scheme(&self) -> Scheme {
        let pop = if self.faults.no_pop {
            String::new()
        } else if self.faults.wrong_pop { format!("{}x", self.factory.pop) } else { self.factory.pop.clone() };
        let make = if self.spec.stripped_verifier { Verifier::make_stripped } else { Verifier::make };
        let verifier = || make(USERNAME, pop.as_bytes(), &self.factory.salt);
        match self.announced() {
            Security::Sec0 => Scheme::Sec0,
            Security::Sec1 => Scheme::Sec1(pop.into_bytes()),
            Security::Sec2Patch0 => Scheme::Sec2(verifier(), Counting::Never),
            Security::Sec2Patch1 => Scheme::Sec2(verifier(), Counting::Each),
        }
    }

    fn version(&self) -> Vec<u8> {
        let level = self.announced();
        let no_pop = level == Security::Sec1 && (self.faults.no_pop || self.factory.pop.is_empty());
        let mut can: Vec<&str> = [(level == Security::Sec0, "no_sec"), (no_pop, "no_pop")].into_iter().filter_map(|(is, name)| is.then_some(name)).collect();
        can.extend(match (self.spec.kind, self.spec.era) {
            (Kind::Thread, _) => &["thread_prov"][..],
            (_, Era::Network) => &["wifi_prov", "wifi_scan"],
            _ => &["wifi_scan"],
        });
        let number = match level {
            Security::Sec0 => 0,
            Security::Sec1 => 1,
            Security::Sec2Patch0 | Security::Sec2Patch1 => 2,
        };
        let name = match self.spec.era {
            Era::Network => "netprov-v1.2",
            Era::Wifi | Era::Idf4 => "v1.1",
            Era::Bare => return b"v1.0".to_vec(),
        };
        let scheme = if self.spec.era == Era::Idf4 { String::new() } else { format!("\n\t\t\"sec_ver\":\t{number},") };
        let patch = if level == Security::Sec2Patch1 { "\n\t\t\"sec_patch_ver\":\t1," } else { "" };
        let can = can.iter().map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(", ");
        format!("{{\n\t\"prov\":\t{{\n\t\t\"ver\":\t\"{name}\",{scheme}{patch}\n\t\t\"cap\":\t[{can}]\n\t}}\n}}").into_bytes()
    }

    /// A fault that strikes at this read or write, before the device sees it.
    fn struck(&mut self) -> Option<Outcome> {
        let Some(link) = &mut self.link else { return Some(Outcome::Gone) };
        link.operations += 1;
        let at = Some(link.operations);
        if self.faults.silent {
            return Some(Outcome::Silence);
        }
        if self.faults.drop_at == at {
            self.faults.drop_at = None;
            self.link = None;
            return Some(Outcome::Gone);
        }
        if self.faults.att_error_at == at {
            self.faults.att_error_at = None;
            return Some(Outcome::Att(self.faults.att_code.unwrap_or(0x0e)));
        }
        None
    }

    /// What was obeyed is not answered where the link drops right after it.
    fn answered(&mut self, outcome: Outcome) -> Outcome {
        let operations = self.link.as_ref().map(|link| link.operations);
        if self.faults.drop_after.is_none() || self.faults.drop_after != operations {
            return outcome;
        }
        self.faults.drop_after = None;
        self.link = None;
        Outcome::Gone
    }

    /// A write with response, whole.
    pub fn write(&mut self, characteristic: Uuid, value: &[u8], now: u64) -> Outcome {
        let outcome = self.take(characteristic, value, now);
        self.answered(outcome)
    }

    fn take(&mut self, characteristic: Uuid, value: &[u8], now: u64) -> Outcome {
        if let Some(outcome) = self.struck() {
            return outcome;
        }
        if self.spec.kind == Kind::Improv {
            return self.write_improv(characteristic, value, now);
        }
        let Some(endpoint) = Endpoint::of(characteristic).filter(|endpoint| self.has(*endpoint)) else { return Outcome::Att(0x0a) };
        if value.len() > VALUE_LIMIT {
            return Outcome::Att(0x0d);
        }
        if value.is_empty() && self.spec.stack == Stack::Nimble {
            return Outcome::Value(Vec::new());
        }
        let Some(mut link) = self.link.take() else { return Outcome::Gone };
        let loss = self.faults.power_loss;
        let reply = self.answer(&mut link, endpoint, value, now);
        if loss.is_some() && self.faults.power_loss.is_none() {
            self.power_cut(now);
            return Outcome::Gone;
        }
        match reply {
            Some(reply) => {
                link.replies.insert(endpoint, reply);
                self.link = Some(link);
                Outcome::Value(Vec::new())
            }
            None if self.spec.stack == Stack::Nimble => {
                link.replies.remove(&endpoint);
                self.link = Some(link);
                Outcome::Att(0x04)
            }
            None => Outcome::AttThenGone(0x85),
        }
    }

    /// A read of the whole value.
    pub fn read(&mut self, characteristic: Uuid) -> Outcome {
        let outcome = self.give(characteristic);
        self.answered(outcome)
    }

    fn give(&mut self, characteristic: Uuid) -> Outcome {
        if let Some(outcome) = self.struck() {
            return outcome;
        }
        if self.spec.kind == Kind::Improv {
            let value = self.improv.read(characteristic);
            let value = if self.faults.hostile == Some(Hostile::OddValues) { value.map(|value| [value, vec![0; 3]].concat()) } else { value };
            return value.map_or(Outcome::Att(0x0a), Outcome::Value);
        }
        let Some(endpoint) = Endpoint::of(characteristic).filter(|endpoint| self.has(*endpoint)) else { return Outcome::Att(0x0a) };
        Outcome::Value(self.link.as_ref().and_then(|link| link.replies.get(&endpoint).cloned()).unwrap_or_default())
    }

    fn write_improv(&mut self, characteristic: Uuid, value: &[u8], now: u64) -> Outcome {
        self.wifi.trouble = self.faults.trouble();
        match self.improv.write(characteristic, value, &mut self.wifi, now) {
            Some(improv::Deed::Blink) => self.blinks_until = now + improv::BLINK_MS,
            Some(improv::Deed::None) => {}
            None => return Outcome::Att(0x03),
        }
        Outcome::Value(Vec::new())
    }

    /// The client wants to be notified of this characteristic.
    pub fn subscribe(&mut self, characteristic: Uuid) {
        if let Some(link) = &mut self.link {
            link.listened.insert(characteristic);
        }
    }

    /// What is to be notified now; a notification carries no more than the link's MTU leaves.
    pub fn notices(&mut self) -> Vec<(Uuid, Vec<u8>)> {
        let (most, lost) = (usize::from(self.mtu()) - 3, self.faults.lose_notifications);
        let wanted = self.improv.notices();
        let Some(link) = self.link.as_ref().filter(|_| !lost) else { return Vec::new() };
        let listened = wanted.into_iter().filter(|(characteristic, _)| link.listened.contains(characteristic));
        listened.map(|(characteristic, value)| (characteristic, value.get(..most).unwrap_or(&value).to_vec())).collect()
    }

    fn answer(&mut self, link: &mut Link, endpoint: Endpoint, value: &[u8], now: u64) -> Option<Vec<u8>> {
        match endpoint {
            Endpoint::Version => return Some(self.version()),
            Endpoint::Session => {
                let honest = link.session.handshake(value, &Draws::from(&mut self.rng));
                return match self.faults.hostile {
                    Some(hostile) => hostile.handshake(value, honest, &mut self.rng),
                    None => honest,
                };
            }
            _ => {}
        }
        self.wifi.trouble = self.faults.trouble();
        self.thread.trouble = self.faults.trouble();
        let chunked = link.chunked.entry(endpoint).or_default();
        let hostile = self.faults.hostile;
        let reply = link.session.exchange(value, |plain| {
            let honest = self.handle(endpoint, chunked, plain, now);
            match hostile {
                Some(hostile) => Some(hostile.reply(endpoint, plain, honest.unwrap_or_default())),
                None => honest,
            }
        })?;
        Some(match hostile {
            Some(hostile) => hostile.sealed(reply, &mut self.rng),
            None => reply,
        })
    }

    fn handle(&mut self, endpoint: Endpoint, chunked: &mut Chunked, plain: &[u8], now: u64) -> Option<Vec<u8>> {
        match endpoint {
            Endpoint::Config if self.spec.kind == Kind::Thread => self.thread.config(plain, now),
            Endpoint::Control if self.spec.kind == Kind::Thread => self.thread.control(plain, now),
            Endpoint::Config => match (self.wifi.config(plain, now), self.faults.false_success) {
                (Some(reply), Some(lie)) if reply.first_chunk() == Some(&[0x08, 0x01]) => Some([lie.reply(), &[]].concat()),
                (reply, _) => reply,
            },
            Endpoint::Scan => self.wifi.scan(plain, now),
            Endpoint::Control => self.wifi.control(plain, now),
            Endpoint::Identity => chunked.write(plain, |request| self.identify_to(request)),
            Endpoint::Identify => chunked.write(plain, |request| self.show(request, now)),
            Endpoint::Claim => chunked.write(plain, |request| self.claim(request, now)),
            Endpoint::Version | Endpoint::Session => None,
        }
    }

    /// Whether anybody ever handed it a network.
    #[must_use]
    pub const fn was_given_a_network(&self) -> bool {
        self.wifi.was_given
    }

    /// Who it is, with its present owner.
    #[must_use]
    pub fn identity(&self) -> Identity {
        self.kept.state().describe(Identity {
            serial: if self.faults.odd_serial { format!("{}é", self.spec.serial) } else { self.spec.serial.clone() },
            model: self.spec.model.clone(),
            hardware_id: self.factory.hardware_id(),
            firmware: self.spec.firmware.clone(),
            public_key: PublicKey::of(&self.factory.key),
            owner: None,
            epoch: 0,
            resets: 0,
        })
    }

    fn identify_to(&mut self, request: &[u8]) -> Vec<u8> {
        let challenge = IdentityRequest::decode(request).ok().map(|request| request.challenge).filter(|challenge| challenge.len() == 32);
        let Some(challenge) = challenge else {
            return IdentityReply { status: Status::Malformed.into(), identity: None }.encode_to_vec();
        };
        let other = ed25519_dalek::SigningKey::from_bytes(&[0xBA; 32]);
        let swaps = self.faults.hostile == Some(Hostile::KeySwap) && std::mem::replace(&mut self.has_shown_itself, true);
        let key = if self.faults.wrong_key || swaps { &other } else { &self.factory.key };
        let identity = self.identity().sign(key, Domain::Identity, &challenge);
        IdentityReply { status: Status::Ok.into(), identity: Some(identity) }.encode_to_vec()
    }

    fn show(&mut self, request: &[u8], now: u64) -> Vec<u8> {
        let status = match IdentifyRequest::decode(request) {
            Ok(request) if request.seconds <= 60 => {
                self.blinks_until = now + u64::from(request.seconds) * 1000;
                Status::Ok
            }
            _ => Status::Malformed,
        };
        IdentifyReply { status: status.into() }.encode_to_vec()
    }

    /// Keeps a new state; it counts only once it is stored.
    pub(super) fn keep(&mut self, kept: Kept, loss: Option<PowerLoss>) -> io::Result<()> {
        self.keeper.save(&kept, loss)?;
        self.kept = kept;
        Ok(())
    }

    /// Time passes; `true` when the device ends its link.
    pub fn tick(&mut self, now: u64) -> bool {
        if !self.is_up(now) {
            return false;
        }
        self.wifi.trouble = self.faults.trouble();
        if self.spec.kind == Kind::Improv {
            match self.faults.hostile {
                Some(Hostile::Babbles) => self.improv.babble(),
                _ => self.improv.tick(&mut self.wifi, now),
            }
        }
        let joined = self.wifi.joined(now).map(|(credentials, _)| credentials.clone());
        if joined.is_some() && joined != self.kept.wifi {
            let kept = Kept { wifi: joined, ..self.kept.clone() };
            if self.keep(kept, None).is_err() {
                return false;
            }
        }
        self.thread.trouble = self.faults.trouble();
        let attached = self.thread.attached(now).map(|(dataset, _)| hex::encode(dataset));
        if attached.is_some() && attached != self.kept.thread {
            let kept = Kept { thread: attached, ..self.kept.clone() };
            if self.keep(kept, None).is_err() {
                return false;
            }
        }
        let ends = self.wifi.ends_service_at(now).or_else(|| self.thread.ends_service_at(now));
        if self.provisioning && ends.is_some_and(|end| now >= end) {
            self.provisioning = false;
            return self.link.take().is_some();
        }
        false
    }

    /// Whether it is in its network.
    #[must_use]
    pub fn joined(&self, now: u64) -> bool {
        self.is_up(now) && (self.wifi.joined(now).is_some() || self.thread.attached(now).is_some())
    }

    /// Power goes and comes back; what was not stored is lost.
    pub fn power_cut(&mut self, now: u64) {
        self.boot(now);
    }

    /// Power goes, or comes back.
    pub fn power(&mut self, on: Power, now: u64) {
        self.powered = on == Power::On;
        self.boot(now);
    }

    /// The button, held long: unowned, without a network.
    ///
    /// # Errors
    /// When that cannot be stored.
    pub fn factory_reset(&mut self, now: u64) -> io::Result<()> {
        let state = self.kept.state().factory_reset();
        self.keep(Kept { wifi: None, thread: None, ..self.kept.with(&state) }, None)?;
        self.boot(now);
        Ok(())
    }

    /// The button, pressed shortly: to be provisioned again, owner and epoch stay. An Improv device
    /// that is to be provisioned takes a network for a while.
    pub fn press_button(&mut self, now: u64) {
        if self.spec.kind == Kind::Improv && self.provisioning {
            return self.improv.press(now);
        }
        self.wifi.restore(None, now);
        self.thread.restore(None, now);
        self.improv.restart();
        self.provisioning = true;
    }

    fn boot(&mut self, now: u64) {
        self.link = None;
        self.blinks_until = 0;
        self.ready_at = if now == 0 { 0 } else { now + self.timing.boot_ms };
        if now > 0 && self.faults.new_address {
            self.mac[2] = self.mac[2].wrapping_add(1);
        }
        if let Ok(Some(kept)) = self.keeper.load() {
            self.kept = kept;
        }
        self.contact = super::contact::Contact::default();
        self.provisioning = self.kept.wifi.is_none() && self.kept.thread.is_none();
        self.improv.restart();
        self.wifi.restore(self.kept.wifi.clone(), self.ready_at);
        self.thread.restore(self.kept.thread.as_deref().and_then(|text| hex::decode(text).ok()), self.ready_at);
    }
}

/// Whether a device has power.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Power {
    /// Yes.
    On,
    /// No.
    Off,
}
