//! A device as these tests need it: a key, an owner state, and claims signed as it would.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use ed25519_dalek::SigningKey;
use omniot_shared::{
    claim::{
        Domain, Identity, Letter, PublicKey, contact_context, handover_context,
        messages::ClaimRequest,
        owner::{self, OwnerState, decide},
    },
    entities::{Attempt, AttemptOutcome, AttemptStep, StepOutcome},
    ids::{ClientId, DeviceId, SiteId},
    roles::Role,
    sync::{Actor as SyncActor, Change, Sight, Who},
    time::Millis,
};
use prost::Message as _;
use serde_json::{Value, json};

use crate::{
    audit::Author,
    sync,
    testing::{Actor, App, Client, Tenant},
};

/// A device with its owner state.
#[derive(Clone)]
pub struct Device {
    pub serial: String,
    pub model: String,
    pub key: SigningKey,
    pub state: OwnerState,
    pub nonce: u8,
}

impl Device {
    pub fn new(serial: &str) -> Self {
        let mut seed = [0xD1; 32];
        seed.iter_mut().zip(serial.bytes()).for_each(|(seed, byte)| *seed = byte);
        Self { serial: serial.into(), model: "OM-SENSE-1".into(), key: SigningKey::from_bytes(&seed), state: OwnerState::default(), nonce: 0 }
    }

    /// What a technician does over the radio.
    pub fn take(&mut self, grant: &str, site: Option<SiteId>) {
        self.try_take(grant, site, None).unwrap();
    }

    /// The same, with a release or without.
    pub fn try_take(&mut self, grant: &str, site: Option<SiteId>, release: Option<&Letter>) -> Result<(), owner::Refusal> {
        self.nonce += 1;
        let grant = omniot_shared::claim::SignedGrant(STANDARD.decode(grant).unwrap()).parts().unwrap();
        let site = site.map(|site| site.0.as_bytes().to_vec()).unwrap_or_default();
        let request = ClaimRequest { grant: Some(grant), site, nonce: vec![self.nonce; 16], release: release.map(Letter::signed) };
        self.state = decide(&self.state, &self.serial, &self.key, &request, None)?.state;
        Ok(())
    }

    /// The body of `POST /v1/device/handover`, over that challenge.
    pub fn handover_over(&self, challenge: &[u8]) -> Value {
        let left = self.state.left.clone().unwrap();
        let signed = self.identity().sign(&self.key, Domain::Handover, &handover_context(challenge, &left.release));
        json!({
            "release": STANDARD.encode(&left.release),
            "identity": STANDARD.encode(signed.encode_to_vec()),
            "challenge": STANDARD.encode(challenge),
        })
    }

    fn identity(&self) -> Identity {
        self.state.describe(Identity {
            serial: self.serial.clone(),
            model: self.model.clone(),
            hardware_id: "c0ffee000001".into(),
            firmware: "1.4.2".into(),
            public_key: PublicKey::of(&self.key),
            owner: None,
            epoch: 0,
            resets: 0,
        })
    }

    /// The body of `POST /v1/device/claim`, over that challenge.
    pub fn claim_over(&self, challenge: &[u8]) -> Value {
        let owner = self.state.owner.clone().unwrap();
        let signed = self.identity().sign(&self.key, Domain::Contact, &contact_context(challenge, &owner.grant, &owner.receipt));
        json!({
            "grant": STANDARD.encode(&owner.grant),
            "receipt": STANDARD.encode(&owner.receipt),
            "identity": STANDARD.encode(signed.encode_to_vec()),
            "challenge": STANDARD.encode(challenge),
        })
    }

    /// A fresh claim: asks `tenant` for a challenge first.
    pub async fn claim(&self, tenant: &Tenant) -> Value {
        self.claim_over(&challenge(&tenant.app, &tenant.id.to_string()).await)
    }
}

/// What the technician's app records of that device's last claim, with its identity checked.
pub async fn record(tenant: &Tenant, technician: &Actor, device: &Device) {
    let (owner, app) = (device.state.owner.clone().unwrap(), &tenant.app);
    let attempt = Attempt {
        id: app.state.new_id(),
        device_id: Some(DeviceId::for_serial(tenant.id, &device.serial)),
        serial: Some(device.serial.clone()),
        site_id: owner.site,
        technician_id: technician.id,
        technician_name: "Tess".to_owned(),
        client_id: app.state.new_id(),
        app_version: "0.1.0".to_owned(),
        os: "linux".to_owned(),
        radio: "virtual".to_owned(),
        protocol: Some("esp".to_owned()),
        security: None,
        firmware: None,
        identity_verified: true,
        rssi: Some(-60),
        mtu: Some(517),
        steps: vec![AttemptStep { step: "claim".to_owned(), started_at: Millis(1), duration_ms: 5, outcome: StepOutcome::Done, cause: None }],
        grant_id: Some(owner.grant_id),
        receipt: Some(STANDARD.encode(&owner.receipt)),
        epoch: Some(device.state.epoch),
        network_name: None,
        outcome: AttemptOutcome::Succeeded,
        cause: None,
        started_at: Millis(1),
        ended_at: Millis(11),
    };
    let mut scope = tenant.db_write().await;
    let who = Who::Person { id: technician.id, role: Role::Technician, sight: &Sight::All };
    let actor = SyncActor { tenant: tenant.id, who, now: app.state.now() };
    sync::execute_as(&mut scope, &actor, &Author::person(technician.id, "Tess"), None, Change::AttemptRecord(Box::new(attempt))).await.unwrap();
    scope.commit().await.unwrap();
}

/// A challenge of that tenant.
pub async fn challenge(app: &App, tenant: &str) -> Vec<u8> {
    let answer = app.nobody().post("/v1/device/challenge", json!({ "tenant": tenant })).await.expect(200);
    STANDARD.decode(answer["challenge"].as_str().unwrap()).unwrap()
}

/// A device that has claimed itself: it calls with its credential.
pub async fn claimed(tenant: &Tenant, serial: &str) -> (Client, DeviceId) {
    let technician = tenant.person(Role::Technician).await;
    let mut device = Device::new(serial);
    device.take(&pack(&technician, 5, 1).await[0], None);
    let answer = tenant.app.nobody().post("/v1/device/claim", device.claim(tenant).await).await.expect(200);
    let id = answer["device_id"].as_str().unwrap().parse().unwrap();
    (tenant.app.bearer(answer["credential"].as_str().unwrap()), id)
}

/// Grants for one replica of that person.
pub async fn pack(person: &Actor, client: u128, count: u32) -> Vec<String> {
    let client = ClientId(uuid::Uuid::from_u128(client));
    let answer = person.post("/v1/grants/pack", json!({ "client_id": client, "count": count })).await.expect(200);
    answer["grants"].as_array().unwrap().iter().map(|grant| grant.as_str().unwrap().to_owned()).collect()
}
