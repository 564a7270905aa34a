//! What an account's technician keeps of visits: the one under way, and networks of sites that are wanted again.
//!
//! It is one sealed text in the vault, replaced as a whole with each change: it is on the disk before anybody is
//! told, and a crash leaves the text before or the one after.

use std::{collections::BTreeMap, sync::Arc};

use omniot_shared::{ids::SiteId, sync::{Sight, rows::Scope}};
use serde::{Deserialize, Serialize};
use tokio::sync::{Mutex, MutexGuard};
use zeroize::Zeroizing;

use super::{Fate, KeptNetwork, Visit};
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

    /// What is of sites out of sight goes. Whether that was anything.
    fn narrow(&mut self, sight: &Sight) -> bool {
        let is_seen = |site: &SiteId| sight.covers(Scope::Site(*site));
        let before = (self.visit.is_some(), self.networks.len());
        self.visit = self.visit.take().filter(|visit| is_seen(&visit.site));
        self.networks.retain(|site, _| is_seen(site));
        before != (self.visit.is_some(), self.networks.len())
    }

    /// Keeps a network in place of the one of its sort.
    pub fn put_network(&mut self, site: SiteId, network: SiteNetwork) {
        let networks = self.networks.entry(site).or_default();
        networks.retain(|known| known.network.kind() != network.network.kind());
        networks.push(network);
    }
}

/// Where that stands of an account which this version of the app cannot read: it is kept for the one that can.
pub fn aside_of(account: &str) -> String {
    format!("{account}.unreadable")
}

/// How many labels of a kept text still wait for somebody; one of a text that cannot be read.
pub fn labels_in(text: &str) -> usize {
    let Ok(kept) = serde_json::from_str::<Kept>(text) else { return 1 };
    kept.visit.map_or(0, |visit| visit.items.len() - visit.count(Fate::Done))
}

/// The site of a kept text's visit, and how many of its labels wait for their turn.
pub fn expected_in(text: &str) -> Option<(SiteId, u32)> {
    let visit = serde_json::from_str::<Kept>(text).ok()?.visit?;
    let labels = visit.count(Fate::Waiting) + visit.count(Fate::Failed);
    Some((visit.site, u32::try_from(labels).unwrap_or(u32::MAX)))
}

/// Nothing stays of sites that are out of sight.
///
/// # Errors
/// When what is left cannot be kept; then nothing has changed.
pub fn keep_in_sight(desks: &dyn Desks, account: &str, sight: &Sight) -> Result<(), DeskError> {
    for name in [account.to_owned(), aside_of(account)] {
        let Some(Ok(mut kept)) = desks.kept_visits(&name).map(|text| serde_json::from_str::<Kept>(&text)) else { continue };
        if kept.narrow(sight) {
            keep(desks, &name, &kept)?;
        }
    }
    Ok(())
}

/// Keeps it; the text that stands in the vault then.
fn keep(desks: &dyn Desks, account: &str, kept: &Kept) -> Result<Option<Zeroizing<String>>, DeskError> {
    let nothing = kept.visit.is_none() && kept.networks.is_empty();
    let text = if nothing { None } else { Some(Zeroizing::new(serde_json::to_string(kept).map_err(|error| DeskError::Store(error.to_string()))?)) };
    desks.keep_visits(account, text.as_ref().map(|text| text.as_str()))?;
    Ok(text)
}

/// What sort of error it is and where. Its own words may repeat what is sealed.
fn place_of(error: &serde_json::Error) -> String {
    format!("{:?} error at line {}, column {}", error.classify(), error.line(), error.column())
}

/// What was read of an account.
struct Read {
    account: String,
    /// As it stands in the vault: somebody else may take of it.
    text: Option<Zeroizing<String>>,
    kept: Kept,
    /// Whether something is kept beside it that cannot be read.
    aside: bool,
}

impl Read {
    /// What cannot be read is put aside, and what was put aside by another version and can be read comes back.
    fn of(desks: &dyn Desks, account: &str) -> Result<Self, DeskError> {
        let mut text = desks.kept_visits(account);
        let mut aside = desks.kept_visits(&aside_of(account));
        let mut kept = Kept::default();
        match text.as_ref().map(|text| serde_json::from_str(text)) {
            Some(Ok(read)) => kept = read,
            Some(Err(error)) if aside.is_some() => return Err(DeskError::Store(format!("two texts of visits cannot be read: {}", place_of(&error)))),
            Some(Err(error)) => {
                tracing::error!(error = place_of(&error), "what is kept of visits cannot be read; it is put aside");
                desks.keep_visits(&aside_of(account), text.as_ref().map(|text| text.as_str()))?;
                desks.keep_visits(account, None)?;
                aside = text.take();
            }
            None => {}
        }
        let older = aside.as_ref().and_then(|aside| serde_json::from_str::<Kept>(aside).ok()).filter(|_| kept.visit.is_none());
        if let Some(older) = older {
            kept.visit = older.visit;
            for (site, networks) in older.networks {
                kept.networks.entry(site).or_insert(networks);
            }
            text = keep(desks, account, &kept)?;
            desks.keep_visits(&aside_of(account), None)?;
            aside = None;
        }
        Ok(Self { account: account.to_owned(), text, kept, aside: aside.is_some() })
    }
}

/// What is kept, of the account that was asked for last.
pub struct Visits {
    desks: Arc<dyn Desks>,
    held: Mutex<Option<Read>>,
}

/// What is kept in an account, while nobody else changes it.
pub struct Held<'v> {
    desks: &'v dyn Desks,
    held: MutexGuard<'v, Option<Read>>,
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
    /// Without an account, and when what cannot be read cannot be put aside.
    pub async fn held(&self) -> Result<Held<'_>, DeskError> {
        let active = self.desks.active().await;
        let mut held = self.held.lock().await;
        let account = match active {
            Ok(desk) => desk.account().to_owned(),
            Err(error) => {
                // Its membership may have ended: nothing of it stays in memory either.
                *held = None;
                return Err(error);
            }
        };
        let known = held.as_ref().filter(|read| read.account == account);
        if known.is_none_or(|read| read.text != self.desks.kept_visits(&account)) {
            let is_first = known.is_none();
            let mut read = Read::of(&*self.desks, &account)?;
            if let Some(visit) = read.kept.visit.as_mut().filter(|_| is_first) {
                visit.resume();
            }
            *held = Some(read);
        }
        Ok(Held { desks: &*self.desks, held })
    }
}

impl Held<'_> {
    /// The account.
    pub fn account(&self) -> &str {
        self.held.as_ref().map_or("", |read| &read.account)
    }

    /// The visit under way.
    pub fn visit(&self) -> Option<&Visit> {
        self.held.as_ref().and_then(|read| read.kept.visit.as_ref())
    }

    /// The networks of a site.
    pub fn networks(&self, site: SiteId) -> &[SiteNetwork] {
        self.held.as_ref().and_then(|read| read.kept.networks.get(&site)).map_or(&[], Vec::as_slice)
    }

    /// Whether something of an earlier visit is kept that this version of the app cannot read.
    pub fn has_unreadable(&self) -> bool {
        self.held.as_ref().is_some_and(|read| read.aside)
    }

    /// Changes it; what is returned stands on the disk.
    ///
    /// # Errors
    /// When it cannot be kept; nothing has changed then.
    pub fn change<T>(&mut self, change: impl FnOnce(&mut Kept) -> T) -> Result<T, DeskError> {
        let read = self.held.as_mut().ok_or(DeskError::NoAccount)?;
        let mut changed = read.kept.clone();
        let result = change(&mut changed);
        read.text = keep(self.desks, &read.account, &changed)?;
        read.kept = changed;
        Ok(result)
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::HashMap, sync::Mutex as Lock};

    use async_trait::async_trait;
    use uuid::Uuid;

    use super::*;
    use crate::commissioning::flow::desk::Desk;

    /// As this version keeps it.
    const TODAY: &str = include_str!("../../../../tests/vectors/app/visit.json");

    #[derive(Default)]
    struct Drawer(Lock<HashMap<String, String>>);

    #[async_trait]
    impl Desks for Drawer {
        async fn active(&self) -> Result<Arc<dyn Desk>, DeskError> {
            Err(DeskError::NoAccount)
        }
        async fn all(&self) -> Vec<Arc<dyn Desk>> {
            vec![]
        }
        fn kept_visits(&self, account: &str) -> Option<Zeroizing<String>> {
            self.0.lock().unwrap().get(account).cloned().map(Zeroizing::new)
        }
        fn keep_visits(&self, account: &str, text: Option<&str>) -> Result<(), DeskError> {
            let mut kept = self.0.lock().unwrap();
            match text {
                Some(text) => kept.insert(account.to_owned(), text.to_owned()),
                None => kept.remove(account),
            };
            Ok(())
        }
    }

    fn site(n: u128) -> SiteId {
        SiteId(Uuid::from_u128(n))
    }

    #[test]
    fn what_another_version_kept_is_put_aside_and_comes_back_once_it_can_be_read() {
        let desks = Drawer::default();
        let newer = TODAY.replace("\"failed\"", "\"on_hold\"");
        desks.keep_visits("acc_1", Some(&newer)).unwrap();
        let read = Read::of(&desks, "acc_1").unwrap();
        assert!(read.kept.visit.is_none() && read.aside && read.text.is_none());
        assert_eq!(desks.kept_visits(&aside_of("acc_1")).unwrap().as_str(), newer, "all of it");
        assert_eq!(labels_in(&newer), 1, "signing out asks first");

        // Another visit meanwhile, and its end.
        let mut read = Read::of(&desks, "acc_1").unwrap();
        read.kept.visit = Some(Visit::new(site(9), omniot_shared::time::Millis(1), true));
        keep(&desks, "acc_1", &read.kept).unwrap();
        assert!(Read::of(&desks, "acc_1").unwrap().aside, "one visit at a time");
        keep(&desks, "acc_1", &Kept::default()).unwrap();
        desks.keep_visits(&aside_of("acc_1"), Some(TODAY)).unwrap();
        let read = Read::of(&desks, "acc_1").unwrap();
        assert_eq!((read.kept.visit.map(|visit| visit.items.len()), read.aside, read.kept.networks.len()), (Some(3), false, 2));
        assert!(desks.kept_visits(&aside_of("acc_1")).is_none() && desks.kept_visits("acc_1").is_some());
        assert_eq!(labels_in(TODAY), 2, "one of three is done");
    }

    #[test]
    fn what_is_wrong_with_a_text_is_said_without_its_words() {
        let desks = Drawer::default();
        let odd = TODAY.replace("\"started_at\": 1764000000000", "\"started_at\": \"long enough\"");
        let own = serde_json::from_str::<Kept>(&odd).err().unwrap();
        assert!(own.to_string().contains("long enough"), "the error itself does: {own}");
        for name in ["acc_1".to_owned(), aside_of("acc_1")] {
            desks.keep_visits(&name, Some(&odd)).unwrap();
        }
        let said = Read::of(&desks, "acc_1").err().unwrap().to_string();
        assert!(said.contains("Data error at line 4") && !said.contains("long enough"), "{said}");
    }

    #[test]
    fn of_a_site_that_was_taken_away_neither_network_nor_label_stays() {
        let desks = Drawer::default();
        let left = |sight: &Sight| {
            desks.keep_visits("acc_1", Some(TODAY)).unwrap();
            keep_in_sight(&desks, "acc_1", sight).unwrap();
            desks.kept_visits("acc_1").map(|text| serde_json::from_str::<Kept>(&text).unwrap()).map(|kept| (kept.visit.is_some(), kept.networks.len()))
        };
        assert_eq!(left(&Sight::All), Some((true, 2)));
        assert_eq!(left(&Sight::Sites([site(1), site(2)].into())), Some((true, 2)));
        assert_eq!(left(&Sight::Sites([site(2)].into())), Some((false, 1)));
        assert_eq!(left(&Sight::Sites([site(3)].into())), None);
    }
}
