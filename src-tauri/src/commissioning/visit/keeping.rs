//! What an account's technician keeps of visits: the one under way, and networks of sites that are wanted again.
//!
//! It is one sealed text in the vault, replaced as a whole with each change: it is on the disk before anybody is
//! told, and a crash leaves the text before or the one after.

use std::{collections::BTreeMap, sync::Arc};

use omniot_shared::ids::SiteId;
use serde::{Deserialize, Serialize};
use tokio::sync::{Mutex, MutexGuard};
use zeroize::Zeroizing;

use super::{KeptNetwork, Visit};
use crate::commissioning::flow::desk::{DeskError, Desks};

/// A network of a site.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SiteNetwork {
    /// Itself.
    pub network: KeptNetwork,
    /// Whether it is kept after the visit.
    pub keep: bool,
}

/// What is kept in one account.
#[derive(Clone, Default, Serialize, Deserialize)]
pub struct Kept {
    /// The visit under way.
    pub visit: Option<Visit>,
    /// Networks, at most one of each sort for each site: those of the visit, and those that are wanted again.
    #[serde(default)]
    pub networks: BTreeMap<SiteId, Vec<SiteNetwork>>,
}

impl Kept {
    /// The visit is over: what was for it alone goes.
    pub fn end(&mut self) {
        self.visit = None;
        for networks in self.networks.values_mut() {
            networks.retain(|network| network.keep);
        }
        self.networks.retain(|_, networks| !networks.is_empty());
    }

    /// Keeps a network in place of the one of its sort.
    pub fn put_network(&mut self, site: SiteId, network: SiteNetwork) {
        let networks = self.networks.entry(site).or_default();
        networks.retain(|known| known.network.kind() != network.network.kind());
        networks.push(network);
    }
}

/// What is kept, of the account that was asked for last.
pub struct Visits {
    desks: Arc<dyn Desks>,
    held: Mutex<Option<(String, Kept)>>,
}

/// What is kept in an account, while nobody else changes it.
pub struct Held<'v> {
    desks: &'v dyn Desks,
    held: MutexGuard<'v, Option<(String, Kept)>>,
}

impl Visits {
    /// Reads nothing yet.
    #[must_use]
    pub fn new(desks: Arc<dyn Desks>) -> Self {
        Self { desks, held: Mutex::default() }
    }

    /// Keeps nothing in memory, e.g. because another person uses the app.
    pub async fn forget(&self) {
        *self.held.lock().await = None;
    }

    /// What is kept in the active account. Once an account is read, what was at work has its turn again.
    ///
    /// # Errors
    /// Without an account.
    pub async fn held(&self) -> Result<Held<'_>, DeskError> {
        let account = self.desks.active().await?.account().to_owned();
        let mut held = self.held.lock().await;
        if held.as_ref().is_none_or(|(known, _)| *known != account) {
            let text = self.desks.kept_visits(&account);
            let mut kept: Kept = text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default();
            if let Some(visit) = &mut kept.visit {
                visit.resume();
            }
            *held = Some((account, kept));
        }
        Ok(Held { desks: &*self.desks, held })
    }
}

impl Held<'_> {
    /// The account.
    pub fn account(&self) -> &str {
        self.held.as_ref().map_or("", |(account, _)| account)
    }

    /// The visit under way.
    pub fn visit(&self) -> Option<&Visit> {
        self.held.as_ref().and_then(|(_, kept)| kept.visit.as_ref())
    }

    /// The networks of a site.
    pub fn networks(&self, site: SiteId) -> &[SiteNetwork] {
        self.held.as_ref().and_then(|(_, kept)| kept.networks.get(&site)).map_or(&[], Vec::as_slice)
    }

    /// Changes it; what is returned stands on the disk.
    ///
    /// # Errors
    /// When it cannot be kept; nothing has changed then.
    pub fn change<T>(&mut self, change: impl FnOnce(&mut Kept) -> T) -> Result<T, DeskError> {
        let (account, kept) = self.held.as_mut().ok_or(DeskError::NoAccount)?;
        let mut changed = kept.clone();
        let result = change(&mut changed);
        let nothing = changed.visit.is_none() && changed.networks.is_empty();
        let text = if nothing { None } else { Some(Zeroizing::new(serde_json::to_string(&changed).map_err(|error| DeskError::Store(error.to_string()))?)) };
        self.desks.keep_visits(account, text.as_ref().map(|text| text.as_str()))?;
        *kept = changed;
        Ok(result)
    }
}
