//! An account's side of commissioning: grants, durable steps, look-ups, records.
//!
//! Deliberately not here: the flow itself (`commissioning::flow`).

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use async_trait::async_trait;
use omniot_shared::{
    claim::{Fingerprint, Letter},
    entities::{Attempt, Device, DeviceModel, DeviceState},
    ids::{AttemptId, DeviceId, GrantId, SiteId, normal_serial},
    sync::{Change, Patch, Row, RowKey, Sight, intent::{DevicePatch, DeviceUpdate, NewDevice}},
    time::Millis,
};
use reqwest::Method;
use rusqlite::Transaction;
use zeroize::Zeroizing;

use super::{Account, Accounts};
use crate::{
    commissioning::{flow::desk::{CommissionedDevice, Desk, DeskError, Desks, GrantFate, TakenGrant, Technician, Unfinished}, visit},
    store::{StoreError, attachments, checks::{self, Counts}, commissions, grants, lists::{self, AttemptFilter, ByName, DeviceFilter}, on_worker, releases, rows},
    sync,
};

/// So many attempts of a device are looked at.
const LATEST: u32 = 20;
/// So many planned devices of a site are shown in a visit.
const MOST_PLANNED: u32 = 500;

/// What the server says of a refusal that is over.
const KEY_FORGOTTEN: &str = "key_forgotten";
/// For so long the server is asked how a device stands.
const ASK: Duration = Duration::from_secs(2);

/// How the server says a device stands, as far as a commission needs it.
#[derive(serde::Deserialize)]
struct Standing {
    #[serde(default)]
    refused: Option<Refused>,
}

#[derive(serde::Deserialize)]
struct Refused {
    code: String,
    grant_id: GrantId,
}

#[async_trait]
impl Desks for Accounts {
    async fn active(&self) -> Result<Arc<dyn Desk>, DeskError> {
        Accounts::active(self).filter(|account| !account.has_ended()).map(|account| account as Arc<dyn Desk>).ok_or(DeskError::NoAccount)
    }

    async fn all(&self) -> Vec<Arc<dyn Desk>> {
        Accounts::all(self).into_iter().map(|account| account as Arc<dyn Desk>).collect()
    }

    fn kept_visits(&self, account: &str) -> Option<Zeroizing<String>> {
        self.vault().get(&visits_of(account))
    }

    fn keep_visits(&self, account: &str, text: Option<&str>) -> Result<(), DeskError> {
        let (vault, name) = (self.vault(), visits_of(account));
        let kept = match text {
            Some(text) => vault.put(&name, text),
            None => vault.remove(&name),
        };
        kept.map_err(|error| DeskError::Store(error.to_string()))?;
        if let Some(account) = self.find(account) {
            account.expect(text.and_then(visit::expected_in));
        }
        Ok(())
    }
}

/// The vault's name of what is kept of an account's visits.
fn visits_of(account: &str) -> String {
    format!("{account}.visits")
}

impl Accounts {
    /// Whether something is kept of an account's visits.
    #[must_use]
    pub fn keeps_visits(&self, account: &Account) -> bool {
        [account.id().as_str(), &visit::aside_of(account.id().as_str())].into_iter().any(|name| self.kept_visits(name).is_some())
    }

    /// The visit that an account has under way, and how many of its labels wait.
    pub(super) fn expected_of(&self, account: &Account) -> Option<(SiteId, u32)> {
        self.kept_visits(account.id().as_str()).and_then(|text| visit::expected_in(&text))
    }

    /// Labels of an account's visits that still wait for somebody.
    pub(super) fn labels_of(&self, account: &Account) -> usize {
        let names = [account.id().as_str().to_owned(), visit::aside_of(account.id().as_str())];
        names.iter().filter_map(|name| self.kept_visits(name)).map(|text| visit::labels_in(&text)).sum()
    }

    /// Of sites that are out of sight nothing stays of what is kept of visits.
    pub fn keep_in_sight(&self, account: &Account, sight: &Sight) {
        if let Err(error) = visit::keep_in_sight(self, account.id().as_str(), sight) {
            tracing::warn!(account = account.id().as_str(), %error, "networks and labels of a site that is out of sight are left until the next round");
        }
    }
}

#[async_trait]
impl Desk for Account {
    fn account(&self) -> &str {
        self.id().as_str()
    }

    async fn technician(&self) -> Result<Technician, DeskError> {
        let me = self.me();
        Ok(Technician { tenant: me.tenant.id, person: me.person.id, name: me.person.name, client: self.client() })
    }

    async fn device_by_serial(&self, serial: &str) -> Result<Option<Device>, DeskError> {
        let id = DeviceId::for_serial(self.me().tenant.id, serial);
        match self.row(id.into()).await? {
            Some(Row::Device(device)) => Ok(Some(device)),
            _ => Ok(None),
        }
    }

    async fn model_by_sku(&self, sku: &str) -> Result<Option<DeviceModel>, DeskError> {
        let sku = sku.to_owned();
        self.look(move |db| lists::model_of_sku(db, &sku)).await
    }

    async fn model_of(&self, device: &Device) -> Result<Option<DeviceModel>, DeskError> {
        match self.row(device.model_id.into()).await? {
            Some(Row::Model(model)) => Ok(Some(model)),
            _ => Ok(None),
        }
    }

    async fn attempts_of(&self, serial: &str) -> Result<Vec<Attempt>, DeskError> {
        let filter = AttemptFilter { device: Some(DeviceId::for_serial(self.me().tenant.id, serial)), rows: LATEST, ..AttemptFilter::default() };
        let attempts = self.look(move |db| lists::attempts(db, &filter)).await?;
        Ok(attempts.into_iter().map(|named| named.attempt).collect())
    }

    async fn attempt(&self, id: AttemptId) -> Result<Option<Attempt>, DeskError> {
        match self.row(id.into()).await? {
            Some(Row::Attempt(attempt)) => Ok(Some(*attempt)),
            _ => Ok(None),
        }
    }

    async fn planned_at(&self, site: SiteId) -> Result<Vec<Device>, DeskError> {
        let filter = DeviceFilter { site: Some(site), state: Some(DeviceState::Planned), ..DeviceFilter::default() };
        let page = ByName { rows: MOST_PLANNED, ..ByName::default() };
        self.look(move |db| Ok(lists::devices(db, &filter, &page)?.into_iter().map(|named| named.device).collect())).await
    }

    async fn checks_of(&self, attempts: &[AttemptId]) -> Result<BTreeMap<AttemptId, Counts>, DeskError> {
        let attempts = attempts.to_vec();
        self.look(move |db| checks::counts(db, &attempts)).await
    }

    async fn carry_checks(&self, from: AttemptId, to: AttemptId) -> Result<(), DeskError> {
        let now = self.clock.now();
        self.write(move |db| checks::carry_over(db, from, to, now)).await
    }

    async fn has_site(&self, site: SiteId) -> Result<bool, DeskError> {
        Ok(self.row(site.into()).await?.is_some())
    }

    async fn take_grant(&self, site: SiteId, serial: &str, nonce: [u8; 16], now: Millis) -> Result<TakenGrant, DeskError> {
        let serial = normal_serial(serial);
        // Grants are good by the server's clock; the technician's may be wrong by hours.
        let now = now.plus(self.status.now().clock_skew_ms.unwrap_or(0).saturating_neg());
        let taken = self.write(move |db| match grants::take(db, site, &serial, nonce, now)? {
            Some(taken) => Ok(Ok(taken)),
            None => Ok(Err(if grants::would_be_good(db, site, &serial)? { DeskError::ClockAhead } else { DeskError::NoGrant })),
        });
        let taken = taken.await??;
        Ok(TakenGrant { id: taken.id, grant: taken.signed, nonce: taken.nonce })
    }

    async fn settle_grant(&self, grant: GrantId, fate: GrantFate) -> Result<(), DeskError> {
        self.write(move |db| match fate {
            GrantFate::Sent => grants::send(db, grant),
            GrantFate::Unsent => grants::give_back(db, grant),
            GrantFate::Spent => grants::spend(db, grant),
        })
        .await
    }

    async fn leads_home(&self, grant: GrantId) -> Result<bool, DeskError> {
        self.look(move |db| grants::leads_home(db, grant)).await
    }

    async fn release_for(&self, serial: &str, owner: Fingerprint) -> Result<Option<Letter>, DeskError> {
        let serial = normal_serial(serial);
        self.look(move |db| releases::find(db, &serial, owner)).await
    }

    async fn refusal_of(&self, serial: &str, grant: GrantId) -> Option<String> {
        let id = DeviceId::for_serial(self.me().tenant.id, serial);
        let server = self.server().ok()?;
        let path = format!("/v1/devices/{id}");
        let asked = tokio::time::timeout(ASK, server.fetch::<Standing>(Method::GET, &path, None));
        // A device that the server does not know yet was not refused as far as is known.
        let refused = asked.await.ok()?.ok()?.refused?;
        // Once the former key is forgotten, it is let in when it tries next.
        (refused.grant_id == grant && refused.code != KEY_FORGOTTEN).then_some(refused.code)
    }

    fn is_lease_over(&self) -> bool {
        self.lease().is_over
    }

    async fn is_online(&self) -> bool {
        // Nothing is fetched while synchronization is held: what the server knows is not heard here.
        let status = self.status.now();
        status.is_online() && status.hold.is_none()
    }

    async fn save_commission(&self, state: &Unfinished) -> Result<(), DeskError> {
        let Unfinished { id, json } = state.clone();
        self.write(move |db| commissions::save(db, id, &json)).await
    }

    async fn save_trace(&self, attempt: AttemptId, packed: Vec<u8>) -> Result<(), DeskError> {
        // As pulled rows, it never takes the room that is kept for what a person does.
        on_worker(&self.store, move |store| store.apply(|db| attachments::save_trace(db, attempt, &packed))).await.map_err(failed)
    }

    async fn load_unfinished(&self) -> Result<Vec<Unfinished>, DeskError> {
        let found = self.look(|db| commissions::all(db)).await?;
        Ok(found.into_iter().map(|(id, json): (AttemptId, String)| Unfinished { id, json }).collect())
    }

    async fn record(&self, attempt: &Attempt, device: Option<&CommissionedDevice>) -> Result<(), DeskError> {
        let (id, at) = (attempt.id, self.clock.now());
        if self.row(id.into()).await?.is_some() {
            return self.write(move |db| let_go(db, id, at)).await;
        }
        let record = Change::AttemptRecord(Box::new(attempt.clone()));
        let device = match device {
            Some(device) => match self.device_by_serial(&device.serial).await? {
                Some(row) => named(&row, device),
                None => self.new_device(device).await?,
            },
            None => None,
        };
        if let Some(device) = device {
            let both = sync::record_all(self, vec![device, record.clone()], move |db| let_go(db, id, at)).await;
            if both.map_err(failed)?.is_ok() {
                return Ok(());
            }
        }
        // The evidence counts more than the row: the device may not be this person's to create.
        let alone = sync::record_all(self, vec![record.clone()], move |db| let_go(db, id, at)).await;
        match alone.map_err(failed)? {
            Ok(_) => Ok(()),
            // The rules do not take it now (another role): the administrators get it, or it waits for a person.
            Err(refusal) => sync::hold(self, record, refusal, move |db| let_go(db, id, at)).await.map_err(failed),
        }
    }
}

impl Account {
    async fn row(&self, key: RowKey) -> Result<Option<Row>, DeskError> {
        Ok(self.look(move |db| rows::get(db, key)).await?.map(|synced| synced.row))
    }

    async fn look<T: Send + 'static>(&self, look: impl FnOnce(&Transaction<'_>) -> Result<T, StoreError> + Send + 'static) -> Result<T, DeskError> {
        on_worker(&self.store, move |store| store.read(look)).await.map_err(failed)
    }

    async fn write<T: Send + 'static>(&self, write: impl FnMut(&Transaction<'_>) -> Result<T, StoreError> + Send + 'static) -> Result<T, DeskError> {
        on_worker(&self.store, move |store| store.edit(write)).await.map_err(failed)
    }

    /// The row that a technician's success makes when nobody had planned the device.
    /// `None` when its kind is unknown here: the attempt alone then tells the server.
    async fn new_device(&self, device: &CommissionedDevice) -> Result<Option<Change>, DeskError> {
        let Some(model) = self.model_by_sku(&device.sku).await? else { return Ok(None) };
        let name = device.name.clone().unwrap_or_else(|| device.serial.clone());
        Ok(Some(Change::DeviceCreate(NewDevice {
            serial: device.serial.clone(),
            name,
            model_id: model.id,
            site_id: Some(device.site),
            note: None,
        })))
    }
}

/// What the technician called it counts where it is called as it was when they began, or by its serial number: its first
/// contact may have made the row before they were done. A name that somebody gave it meanwhile stays.
fn named(row: &Device, device: &CommissionedDevice) -> Option<Change> {
    let is_open = row.name == row.serial || device.known_name.as_ref() == Some(&row.name);
    let name = device.name.clone().filter(|name| is_open && *name != row.name)?;
    Some(Change::DeviceUpdate(DeviceUpdate { id: row.id, patch: DevicePatch { name: Patch::Set(name), ..DevicePatch::default() } }))
}

/// A commission is recorded: its trace may go to the server, its unfinished state is forgotten.
fn let_go(db: &Transaction<'_>, id: AttemptId, at: Millis) -> Result<(), StoreError> {
    attachments::seal_trace(db, id, at)?;
    commissions::forget(db, id)
}

fn failed(error: StoreError) -> DeskError {
    DeskError::Store(error.to_string())
}

#[cfg(test)]
mod tests {
    use omniot_shared::ids::ModelId;
    use uuid::Uuid;

    use super::*;

    #[test]
    fn what_a_technician_calls_a_device_counts_unless_somebody_named_it_meanwhile() {
        let id = Uuid::from_u128(1);
        let called = |row: &str, known_name: Option<&str>| {
            let row = Device { id: DeviceId(id), serial: "SN-7".into(), name: row.into(), model_id: ModelId(id), site_id: None, note: None, state: DeviceState::Planned, firmware: None, epoch: 0, created_at: Millis(0) };
            let device = CommissionedDevice { serial: "SN-7".into(), name: Some("Boiler room pump".into()), known_name: known_name.map(str::to_owned), sku: String::new(), firmware: None, site: SiteId(id), epoch: 1 };
            named(&row, &device).is_some()
        };
        assert!(called("SN-7", None), "its first contact made the row");
        assert!(called("Planned 7", Some("Planned 7")), "it was planned, and nobody showed them its name");
        assert!(!called("Pump 2", None) && !called("Pump 2", Some("Planned 7")), "somebody named it since");
        assert!(!called("Boiler room pump", Some("Boiler room pump")), "it is called so");
    }
}
