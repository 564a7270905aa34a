//! A desk in memory that survives the engine: what a store does, without a store.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard},
};

use async_trait::async_trait;
use ed25519_dalek::SigningKey;
use omniot_app::{commissioning::flow::desk::{CommissionedDevice, Desk, DeskError, Desks, GrantFate, TakenGrant, Technician, Unfinished}, store::checks::Counts};
use omniot_shared::{
    claim::{Fingerprint, Grant, Letter, PublicKey, SignedGrant},
    entities::{Attempt, Device, DeviceModel, DeviceState},
    ids::{AttemptId, ClientId, DeviceId, GrantId, ModelId, PersonId, SiteId, TenantId, normal_serial},
    time::Millis,
};
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::bench::SITE;

pub const TENANT: TenantId = TenantId(Uuid::from_u128(100));
/// The model of planned devices.
pub const MODEL: ModelId = ModelId(Uuid::from_u128(1));

/// A device that is expected at the site.
pub fn planned_as(serial: &str, name: &str) -> Device {
    Device {
        id: DeviceId::for_serial(TENANT, serial),
        serial: serial.into(),
        name: name.into(),
        model_id: MODEL,
        site_id: Some(SITE),
        note: None,
        state: DeviceState::Planned,
        firmware: None,
        epoch: 0,
        created_at: Millis(0),
    }
}

/// How far a grant has gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    Free,
    Kept { serial: String, site: SiteId, nonce: [u8; 16] },
    Sent { serial: String, site: SiteId, nonce: [u8; 16] },
    Spent,
}

#[derive(Default)]
pub struct Books {
    pub grants: BTreeMap<GrantId, (SignedGrant, Place)>,
    pub unfinished: BTreeMap<AttemptId, String>,
    /// Everything that was ever stored, for the canary.
    pub written: Vec<String>,
    pub attempts: Vec<Attempt>,
    pub devices: Vec<CommissionedDevice>,
    /// What the flight recorder wrote, as it was kept last.
    pub traces: BTreeMap<AttemptId, Vec<u8>>,
    pub known: Vec<Device>,
    pub models: Vec<DeviceModel>,
    /// Of other tenants, for their devices.
    pub releases: Vec<Letter>,
    /// What the server refused, of which device, that showed which grant.
    pub refused: Vec<(String, GrantId, String)>,
    pub online: bool,
    pub lease_over: bool,
    pub full_disk: bool,
    /// What is kept of visits is elsewhere, and can fail alone.
    pub full_vault: bool,
    /// Another name of the replica, as it takes one when the server was restored.
    pub renamed: Option<ClientId>,
    /// What was answered goes on nowhere.
    pub no_carrying: bool,
    /// From which attempt to which what was answered went on.
    pub carried: Vec<(AttemptId, AttemptId)>,
    /// What is kept of visits.
    pub visits: Option<String>,
    /// After so many more writes of visits the app dies with the next one: nothing is written any more. Whether that one still is.
    pub dies_at_visit: Option<(u32, bool)>,
}

pub struct Ledger {
    pub account: &'static str,
    site: SiteId,
    books: Mutex<Books>,
}

/// The tenant's claim key.
pub fn claim_key() -> SigningKey {
    SigningKey::from_bytes(&[42; 32])
}

impl Ledger {
    /// With ten grants.
    pub fn new(site: SiteId) -> Self {
        Self::of("acc_1", site)
    }

    /// Of another account.
    pub fn of(account: &'static str, site: SiteId) -> Self {
        let mut books = Books::default();
        for number in 1..=10 {
            let id = GrantId(Uuid::from_u128(number));
            let grant = Grant {
                tenant: TENANT,
                id,
                technician: PersonId(Uuid::from_u128(200)),
                client: ClientId(Uuid::from_u128(300)),
                not_before: Millis(0),
                not_after: Millis(i64::MAX),
                backend_url: "http://127.0.0.1:9".into(),
                trust_anchor: Vec::new(),
                sites: Vec::new(),
                claim_key: PublicKey::of(&claim_key()),
            };
            books.grants.insert(id, (grant.sign(&claim_key()), Place::Free));
        }
        Self { account, site, books: Mutex::new(books) }
    }

    pub fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap()
    }

    /// How many grants are in that place.
    pub fn count(&self, is: impl Fn(&Place) -> bool) -> usize {
        self.books().grants.values().filter(|(_, place)| is(place)).count()
    }

    /// The one attempt.
    pub fn attempt(&self) -> Attempt {
        let books = self.books();
        assert_eq!(books.attempts.len(), 1, "{:#?}", books.attempts);
        books.attempts[0].clone()
    }

    fn write(&self) -> Result<MutexGuard<'_, Books>, DeskError> {
        let books = self.books();
        if books.full_disk { Err(DeskError::Store("the disk is full".into())) } else { Ok(books) }
    }
}

#[async_trait]
impl Desk for Ledger {
    fn account(&self) -> &str {
        self.account
    }

    async fn technician(&self) -> Result<Technician, DeskError> {
        Ok(Technician { tenant: TENANT, person: PersonId(Uuid::from_u128(200)), name: "Tess".into(), client: self.books().renamed.unwrap_or(ClientId(Uuid::from_u128(300))) })
    }

    async fn device_by_serial(&self, serial: &str) -> Result<Option<Device>, DeskError> {
        Ok(self.books().known.iter().find(|device| device.serial == normal_serial(serial)).cloned())
    }

    async fn model_by_sku(&self, sku: &str) -> Result<Option<DeviceModel>, DeskError> {
        Ok(self.books().models.iter().find(|model| model.sku == sku).cloned())
    }

    async fn model_of(&self, device: &Device) -> Result<Option<DeviceModel>, DeskError> {
        Ok(self.books().models.iter().find(|model| model.id == device.model_id).cloned())
    }

    async fn attempts_of(&self, serial: &str) -> Result<Vec<Attempt>, DeskError> {
        Ok(self.books().attempts.iter().rev().filter(|attempt| attempt.serial.as_deref() == Some(&normal_serial(serial))).cloned().collect())
    }

    async fn attempt(&self, id: AttemptId) -> Result<Option<Attempt>, DeskError> {
        Ok(self.books().attempts.iter().find(|attempt| attempt.id == id).cloned())
    }

    async fn planned_at(&self, site: SiteId) -> Result<Vec<Device>, DeskError> {
        Ok(self.books().known.iter().filter(|device| device.site_id == Some(site) && device.state == DeviceState::Planned).cloned().collect())
    }

    async fn checks_of(&self, _: &[AttemptId]) -> Result<BTreeMap<AttemptId, Counts>, DeskError> {
        Ok(BTreeMap::new())
    }

    async fn carry_checks(&self, from: AttemptId, to: AttemptId) -> Result<(), DeskError> {
        let mut books = self.write()?;
        if books.no_carrying {
            return Err(DeskError::Store("not this time".into()));
        }
        books.carried.push((from, to));
        Ok(())
    }

    async fn has_site(&self, site: SiteId) -> Result<bool, DeskError> {
        Ok(site == self.site)
    }

    async fn take_grant(&self, site: SiteId, serial: &str, nonce: [u8; 16], _now: Millis) -> Result<TakenGrant, DeskError> {
        let mut books = self.write()?;
        for (id, (grant, place)) in &books.grants {
            if let Place::Kept { serial: of, site: at, nonce } | Place::Sent { serial: of, site: at, nonce } = place
                && (of.as_str(), *at) == (serial, site)
            {
                return Ok(TakenGrant { id: *id, grant: grant.clone(), nonce: *nonce });
            }
        }
        let free = books.grants.iter_mut().find(|(_, (_, place))| *place == Place::Free);
        let (id, (grant, place)) = free.ok_or(DeskError::NoGrant)?;
        *place = Place::Kept { serial: serial.into(), site, nonce };
        Ok(TakenGrant { id: *id, grant: grant.clone(), nonce })
    }

    async fn settle_grant(&self, grant: GrantId, fate: GrantFate) -> Result<(), DeskError> {
        let mut books = self.write()?;
        if let Some((_, place)) = books.grants.get_mut(&grant) {
            *place = match (place.clone(), fate) {
                (_, GrantFate::Spent) => Place::Spent,
                (Place::Kept { serial, site, nonce }, GrantFate::Sent) => Place::Sent { serial, site, nonce },
                (Place::Kept { .. }, GrantFate::Unsent) => Place::Free,
                (other, _) => other,
            };
        }
        Ok(())
    }

    async fn leads_home(&self, grant: GrantId) -> Result<bool, DeskError> {
        let books = self.books();
        let home = |signed: &SignedGrant| signed.read().map(|grant| (grant.backend_url, grant.trust_anchor)).ok();
        let free = books.grants.values().filter(|(_, place)| *place == Place::Free).map(|(signed, _)| home(signed)).next_back();
        Ok(books.grants.get(&grant).is_some_and(|(signed, _)| free.is_none_or(|free| free == home(signed))))
    }

    async fn release_for(&self, serial: &str, owner: Fingerprint) -> Result<Option<Letter>, DeskError> {
        Ok(self.books().releases.iter().find(|letter| letter.frees(serial, owner)).cloned())
    }

    async fn refusal_of(&self, serial: &str, grant: GrantId) -> Option<String> {
        self.books().refused.iter().find(|(of, by, _)| of == &normal_serial(serial) && *by == grant).map(|(.., code)| code.clone())
    }

    fn is_lease_over(&self) -> bool {
        self.books().lease_over
    }

    async fn is_online(&self) -> bool {
        self.books().online
    }

    async fn save_commission(&self, state: &Unfinished) -> Result<(), DeskError> {
        let mut books = self.write()?;
        books.written.push(state.json.clone());
        books.unfinished.insert(state.id, state.json.clone());
        Ok(())
    }

    async fn save_trace(&self, attempt: AttemptId, packed: Vec<u8>) -> Result<(), DeskError> {
        self.write()?.traces.insert(attempt, packed);
        Ok(())
    }

    async fn load_unfinished(&self) -> Result<Vec<Unfinished>, DeskError> {
        Ok(self.books().unfinished.iter().map(|(id, json)| Unfinished { id: *id, json: json.clone() }).collect())
    }

    async fn record(&self, attempt: &Attempt, device: Option<&CommissionedDevice>) -> Result<(), DeskError> {
        let mut books = self.write()?;
        books.written.push(serde_json::to_string(attempt).unwrap());
        books.unfinished.remove(&attempt.id);
        if !books.attempts.iter().any(|known| known.id == attempt.id) {
            books.attempts.push(attempt.clone());
            books.devices.extend(device.cloned());
        }
        Ok(())
    }
}

/// Hands out the ledgers; one is the active account's.
pub struct Office(pub Mutex<Vec<Arc<Ledger>>>);

impl Office {
    pub fn with(ledger: &Arc<Ledger>) -> Arc<Self> {
        Arc::new(Self(Mutex::new(vec![Arc::clone(ledger)])))
    }

    /// Another account is active.
    fn of(&self, account: &str) -> Option<Arc<Ledger>> {
        let ledgers = self.0.lock().unwrap();
        ledgers.iter().find(|ledger| ledger.account == account).map(Arc::clone)
    }

    pub fn activate(&self, ledger: &Arc<Ledger>) {
        let mut ledgers = self.0.lock().unwrap();
        ledgers.retain(|known| known.account != ledger.account);
        ledgers.insert(0, Arc::clone(ledger));
    }
}

#[async_trait]
impl Desks for Office {
    async fn active(&self) -> Result<Arc<dyn Desk>, DeskError> {
        Ok(Arc::<Ledger>::clone(&self.0.lock().unwrap()[0]))
    }

    async fn all(&self) -> Vec<Arc<dyn Desk>> {
        self.0.lock().unwrap().iter().map(|ledger| Arc::<Ledger>::clone(ledger) as Arc<dyn Desk>).collect()
    }

    fn kept_visits(&self, account: &str) -> Option<Zeroizing<String>> {
        self.of(account)?.books().visits.clone().map(Zeroizing::new)
    }

    fn keep_visits(&self, account: &str, text: Option<&str>) -> Result<(), DeskError> {
        let Some(ledger) = self.of(account) else { return Ok(()) };
        let mut books = ledger.write()?;
        if books.full_vault {
            return Err(DeskError::Store("the vault is full".into()));
        }
        let dies = books.dies_at_visit.take();
        if let Some((left, is_written)) = dies {
            books.dies_at_visit = left.checked_sub(1).map(|left| (left, is_written));
            books.full_disk = left == 0;
        }
        if dies.is_none_or(|(left, is_written)| left > 0 || is_written) {
            books.visits = text.map(str::to_owned);
        }
        if books.full_disk { Err(DeskError::Store("the app died".into())) } else { Ok(()) }
    }
}
