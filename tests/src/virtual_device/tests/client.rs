//! A client that drives a device with the app's own protocol rooms, without a socket.

use omniot_app::commissioning::esp::{config, control::{self, Forget}, scan, sec1, sec2, session::Cipher, version};
use omniot_shared::{
    claim::{
        ENDPOINTS, Identity, SignedGrant,
        chunk::{Assembler, chunks, read_chunk},
        identify,
        messages::{Chunk, ClaimReply, ClaimRequest, IdentityReply, IdentityRequest, Signed},
    },
    entities::Security,
};
use prost::Message;

use crate::virtual_device::{
    advert::Endpoint,
    device::{Device, Outcome},
    spec::USERNAME,
};

pub struct Client<'d> {
    pub device: &'d mut Device,
    pub now: u64,
    cipher: Cipher,
}

impl<'d> Client<'d> {
    /// Connects at `now`.
    pub fn connect(device: &'d mut Device, now: u64) -> Option<Self> {
        device.connect(now).then(|| Self { device, now, cipher: Cipher::over() })
    }

    /// Connects and shakes hands with the PoP of the label.
    pub fn open(device: &'d mut Device, now: u64) -> Self {
        let (security, pop) = (device.spec().security, device.factory().pop.clone());
        let mut client = Self::connect(device, now).expect("it advertises");
        client.shake_hands(security, &pop).expect("the handshake succeeds");
        client
    }

    /// One write and, when it succeeded, the read after it.
    pub fn raw(&mut self, endpoint: Endpoint, value: &[u8]) -> Result<Vec<u8>, Outcome> {
        match self.device.write(endpoint.uuid(), value, self.now) {
            Outcome::Value(_) => {}
            failed => return Err(failed),
        }
        match self.device.read(endpoint.uuid()) {
            Outcome::Value(reply) => Ok(reply),
            failed => Err(failed),
        }
    }

    pub fn version(&mut self) -> version::Version {
        version::Version::read(&self.raw(Endpoint::Version, version::REQUEST).unwrap()).expect("proto-ver is readable")
    }

    /// The handshake; an ATT outcome when the device does not take the proof.
    pub fn shake_hands(&mut self, security: Security, pop: &str) -> Result<(), Outcome> {
        self.cipher = match security {
            Security::Sec0 => {
                self.raw(Endpoint::Session, &hex::decode("5203a20100").unwrap())?;
                Cipher::plain()
            }
            Security::Sec1 => {
                let (opened, command) = sec1::open([3; 32], pop.as_bytes());
                let (proving, command) = opened.prove(&self.raw(Endpoint::Session, &command)?).unwrap();
                proving.finish(&self.raw(Endpoint::Session, &command)?).unwrap()
            }
            Security::Sec2Patch0 | Security::Sec2Patch1 => {
                let counts = if security == Security::Sec2Patch1 { sec2::Counting::Each } else { sec2::Counting::Stuck };
                let (opened, command) = sec2::open([3; 32], USERNAME.as_bytes(), pop.as_bytes(), sec2::Inner::Whole).unwrap();
                let (proving, command) = opened.prove(&self.raw(Endpoint::Session, &command)?).unwrap();
                proving.finish(&self.raw(Endpoint::Session, &command)?, counts).unwrap()
            }
        };
        Ok(())
    }

    /// One protected exchange.
    pub fn ask(&mut self, endpoint: Endpoint, request: &[u8]) -> Result<Vec<u8>, Outcome> {
        let sealed = self.cipher.encrypt(request).unwrap();
        let reply = self.raw(endpoint, &sealed)?;
        Ok(self.cipher.decrypt(&reply).unwrap().to_vec())
    }

    /// One whole message on an OmnIoT endpoint, in chunks.
    pub fn message<R: Message + Default>(&mut self, endpoint: Endpoint, request: &impl Message) -> Result<R, Outcome> {
        assert!(ENDPOINTS.contains(&endpoint.name()));
        let mut answer = Vec::new();
        for chunk in chunks(&request.encode_to_vec()) {
            answer = self.ask(endpoint, &chunk.encode_to_vec())?;
        }
        let mut assembler = Assembler::default();
        loop {
            let chunk = read_chunk(&answer).unwrap();
            if let Some(whole) = assembler.take(&chunk).unwrap() {
                return Ok(R::decode(&*whole).unwrap());
            }
            let more = Chunk { offset: assembler.reached(), total: chunk.total, payload: Vec::new() };
            answer = self.ask(endpoint, &more.encode_to_vec())?;
        }
    }

    pub fn identity(&mut self) -> Identity {
        let challenge = [9; 32];
        let reply: IdentityReply = self.message(Endpoint::Identity, &IdentityRequest { challenge: challenge.to_vec() }).unwrap();
        identify(&reply, &challenge).unwrap()
    }

    pub fn claim(&mut self, grant: &SignedGrant, nonce: u8) -> Result<ClaimReply, Outcome> {
        self.claim_with(grant, nonce, None)
    }

    pub fn claim_with(&mut self, grant: &SignedGrant, nonce: u8, release: Option<Signed>) -> Result<ClaimReply, Outcome> {
        let request = ClaimRequest { grant: Some(grant.parts().unwrap()), site: Vec::new(), nonce: vec![nonce; 16], release };
        self.message(Endpoint::Claim, &request)
    }

    pub fn networks(&mut self) -> Vec<String> {
        scan::read_start(&self.ask(Endpoint::Scan, &scan::start()).unwrap()).unwrap();
        self.now += 500;
        let total = scan::read_status(&self.ask(Endpoint::Scan, &scan::status()).unwrap()).unwrap().expect("the scan ended");
        let mut names = Vec::new();
        while let Some(page) = scan::page(u32::try_from(names.len()).unwrap(), total) {
            let page = scan::read_page(&self.ask(Endpoint::Scan, &page).unwrap()).unwrap();
            names.extend(page.into_iter().map(|network| String::from_utf8(network.ssid).unwrap()));
        }
        names
    }

    /// Set and Apply.
    pub fn join(&mut self, ssid: &str, passphrase: &str) {
        let set = config::set(ssid.as_bytes(), passphrase.as_bytes()).unwrap();
        config::read_set(&self.ask(Endpoint::Config, &set).unwrap()).unwrap();
        config::read_apply(&self.ask(Endpoint::Config, &config::apply()).unwrap()).unwrap();
    }

    /// How joining goes `later` milliseconds from now.
    pub fn joining(&mut self, later: u64) -> Result<config::Joining, omniot_app::commissioning::esp::EspError> {
        self.now += later;
        self.device.tick(self.now);
        config::read_status(&self.ask(Endpoint::Config, &config::status()).unwrap())
    }

    pub fn reset(&mut self) {
        control::read_reset(&self.ask(Endpoint::Control, &control::reset(Forget::Wifi)).unwrap(), Forget::Wifi).unwrap();
    }
}
