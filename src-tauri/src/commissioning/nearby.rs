//! What is in the air: every device that was heard in the last ten seconds.
//!
//! The scan runs while the page wants it and while a commission looks for its device; it
//! pauses while a link is open, because radios do not do both well.
//!
//! Deliberately not here: connecting.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use omniot_shared::time::{Clock, Millis};
use serde::Serialize;
use tokio::{
    sync::{mpsc, watch},
    task::AbortHandle,
    time::{Instant, interval, timeout},
};

use super::{
    esp::endpoints,
    improv::gatt,
    radio::{Advert, Radio, RadioError, RadioState},
};
use crate::events::{Event, Events};

/// After so long without an advert a device is not there any more.
const STALE: Duration = Duration::from_secs(10);
/// The page hears of changes at most so often.
const QUIET: Duration = Duration::from_millis(500);
/// Between tries to listen again after the radio went away.
const AGAIN: Duration = Duration::from_secs(2);
/// The most devices that are kept; the air of a hostile place is endless. A flood of them does not
/// keep out what can be commissioned.
const MOST: usize = 500;

/// How a device wants to be commissioned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Protocol {
    /// Espressif's provisioning.
    Esp,
    /// Improv Wi-Fi.
    Improv,
    /// Something else.
    Other,
}

/// A device that was heard.
#[derive(Debug, Clone)]
pub struct Heard {
    /// Its last advert; the name stays known when a later advert lacks it.
    pub advert: Advert,
    /// When, for people.
    pub at: Millis,
    since: Instant,
}

impl Heard {
    /// How it wants to be commissioned.
    pub fn protocol(&self) -> Protocol {
        let services = &self.advert.services;
        let improv = services.contains(&gatt::SERVICE) || self.advert.service_data.iter().any(|(service, _)| *service == gatt::SERVICE_DATA);
        let prefixed = self.advert.name.as_deref().is_some_and(|name| name.starts_with("PROV_"));
        if services.iter().any(|service| endpoints::SERVICES.contains(service)) || prefixed {
            Protocol::Esp
        } else if improv {
            Protocol::Improv
        } else {
            Protocol::Other
        }
    }
}

/// Which device a commission looks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sought {
    /// The one with that address.
    Address(String),
    /// One with that name; the strongest when several have it.
    Name(String),
    /// One with that name at another address than these.
    Namesake(String, Vec<String>),
}

impl Sought {
    fn is(&self, advert: &Advert) -> bool {
        match self {
            Self::Address(address) => advert.address == *address,
            Self::Name(name) => advert.name.as_ref() == Some(name),
            Self::Namesake(name, others) => advert.name.as_ref() == Some(name) && !others.contains(&advert.address),
        }
    }
}

#[derive(Default)]
struct Held {
    heard: HashMap<String, Heard>,
    /// The page listens.
    wanted: bool,
    /// A commission listens for this one.
    sought: Option<Sought>,
    paused: bool,
    listening: Option<AbortHandle>,
    told: Option<Instant>,
}

impl Held {
    /// How much a device matters when not all can be kept: the sought one, then those that can be
    /// commissioned, then the strongest.
    fn weight(&self, heard: &Heard) -> (bool, bool, i32) {
        let is_sought = self.sought.as_ref().is_some_and(|sought| sought.is(&heard.advert));
        (is_sought, heard.protocol() != Protocol::Other, heard.advert.rssi.unwrap_or(i32::MIN))
    }

    /// Keeps it, in the place of the least one when there is no other. Whether it is kept.
    fn put(&mut self, heard: Heard) -> bool {
        if self.heard.len() >= MOST && !self.heard.contains_key(&heard.advert.address) {
            let least = self.heard.values().min_by_key(|held| (self.weight(held), held.since));
            let Some(least) = least.filter(|least| self.weight(least) <= self.weight(&heard)) else { return false };
            let address = least.advert.address.clone();
            self.heard.remove(&address);
        }
        self.heard.insert(heard.advert.address.clone(), heard);
        true
    }
}

/// What is in the air.
pub struct Nearby {
    radio: Arc<dyn Radio>,
    events: Events,
    clock: Arc<dyn Clock>,
    held: Mutex<Held>,
    changed: watch::Sender<u64>,
    /// Held while the radio is switched, so that it ends as it is wanted.
    tuning: tokio::sync::Mutex<()>,
}

/// A commission looks for a device as long as this lives.
struct Seeking<'a>(&'a Nearby);

impl Drop for Seeking<'_> {
    fn drop(&mut self) {
        self.0.held().sought = None;
    }
}

impl Nearby {
    /// Listens to nothing yet.
    pub fn new(radio: Arc<dyn Radio>, events: Events, clock: Arc<dyn Clock>) -> Arc<Self> {
        Arc::new(Self { radio, events, clock, held: Mutex::default(), changed: watch::Sender::new(0), tuning: tokio::sync::Mutex::default() })
    }

    /// The page wants to see what is near.
    ///
    /// # Errors
    /// When the radio cannot listen.
    pub async fn start(self: &Arc<Self>) -> Result<(), RadioError> {
        self.held().wanted = true;
        self.tune().await
    }

    /// The page has seen enough. A commission that looks for its device goes on listening.
    pub async fn stop(self: &Arc<Self>) {
        self.held().wanted = false;
        let _ = self.tune().await;
    }

    /// A link is about to be opened: stop the scan first.
    pub async fn pause(self: &Arc<Self>) {
        self.held().paused = true;
        let _ = self.tune().await;
    }

    /// No link is open any more.
    pub async fn resume(self: &Arc<Self>) {
        self.held().paused = false;
        let _ = self.tune().await;
    }

    /// Listens no more, whoever wants it.
    pub async fn close(self: &Arc<Self>) {
        self.pause().await;
    }

    /// The freshest view of a device, now or within `limit`; the strongest when several match.
    ///
    /// # Errors
    /// When the radio cannot listen.
    pub async fn find(self: &Arc<Self>, limit: Duration, sought: Sought) -> Result<Option<Heard>, RadioError> {
        let matching = || self.list().into_iter().find(|heard| sought.is(&heard.advert));
        if let Some(heard) = matching() {
            return Ok(Some(heard));
        }
        let mut changed = self.changed.subscribe();
        let seeking = {
            let mut held = self.held();
            held.paused = false;
            held.sought = Some(sought.clone());
            drop(held);
            Seeking(self)
        };
        self.tune().await?;
        self.can_listen().await?;
        let waiting = async {
            loop {
                if let Some(heard) = matching() {
                    return heard;
                }
                if changed.changed().await.is_err() {
                    std::future::pending::<()>().await;
                }
            }
        };
        let found = timeout(limit, waiting).await.ok();
        drop(seeking);
        if found.is_none() {
            self.tune().await?;
            self.can_listen().await?;
        }
        Ok(found)
    }

    /// Why nothing can be heard, when the radio went away under a scan that was running already.
    async fn can_listen(&self) -> Result<(), RadioError> {
        match self.radio.state().await {
            RadioState::Ready => Ok(()),
            RadioState::Off => Err(RadioError::AdapterOff),
            RadioState::NoPermission => Err(RadioError::NoPermission),
            RadioState::Absent => Err(RadioError::AdapterAbsent),
        }
    }

    /// Everything fresh, strongest first.
    pub fn list(&self) -> Vec<Heard> {
        let mut heard: Vec<Heard> = self.held().heard.values().filter(|heard| heard.since.elapsed() < STALE).cloned().collect();
        heard.sort_by(|a, b| b.advert.rssi.cmp(&a.advert.rssi).then_with(|| a.advert.address.cmp(&b.advert.address)));
        heard
    }

    /// A device took a link: what was heard of it before says nothing any more.
    pub fn forget(&self, address: &str) {
        self.held().heard.remove(address);
    }

    /// Makes the radio listen when the page or a commission wants it and no link is in the way, and
    /// makes it quiet otherwise.
    async fn tune(self: &Arc<Self>) -> Result<(), RadioError> {
        let _one = self.tuning.lock().await;
        let (wanted, listening) = {
            let mut held = self.held();
            let wanted = !held.paused && (held.wanted || held.sought.is_some());
            (wanted, if wanted { held.listening.clone() } else { held.listening.take() })
        };
        match (wanted, listening) {
            (true, None) => {
                let adverts = self.radio.scan().await?;
                let nearby = Arc::clone(self);
                let task = tokio::spawn(async move { nearby.keep_listening(adverts).await });
                self.held().listening = Some(task.abort_handle());
            }
            (false, Some(task)) => {
                task.abort();
                let _ = self.radio.stop_scan().await;
            }
            (true, Some(_)) | (false, None) => {}
        }
        Ok(())
    }

    async fn keep_listening(&self, mut adverts: mpsc::Receiver<Advert>) {
        let mut ticks = interval(Duration::from_secs(1));
        loop {
            tokio::select! {
                advert = adverts.recv() => match advert {
                    Some(advert) => self.note(advert),
                    None => {
                        tokio::time::sleep(AGAIN).await;
                        if let Ok(again) = self.radio.scan().await {
                            adverts = again;
                        }
                    }
                },
                _ = ticks.tick() => self.drop_stale(),
            }
        }
    }

    fn note(&self, mut advert: Advert) {
        let loud = {
            let mut held = self.held();
            let before = held.heard.get(&advert.address);
            advert.name = advert.name.or_else(|| before.and_then(|before| before.advert.name.clone()));
            let is_new = before.is_none_or(|before| before.advert.name != advert.name);
            let heard = Heard { advert, at: self.clock.now(), since: Instant::now() };
            if !held.put(heard) {
                return;
            }
            let loud = is_new || held.told.is_none_or(|told| told.elapsed() >= QUIET);
            if loud {
                held.told = Some(Instant::now());
            }
            loud
        };
        self.changed.send_modify(|count| *count = count.wrapping_add(1));
        if loud {
            self.events.tell(Event::Nearby);
        }
    }

    fn drop_stale(&self) {
        let gone = {
            let mut held = self.held();
            let before = held.heard.len();
            held.heard.retain(|_, heard| heard.since.elapsed() < STALE);
            held.heard.len() != before
        };
        if gone {
            self.events.tell(Event::Nearby);
        }
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use omniot_shared::time::SystemClock;
    use uuid::Uuid;

    use super::*;
    use crate::commissioning::radio::NoRadio;

    fn advert(address: &str, name: Option<&str>, rssi: i32, services: Vec<Uuid>) -> Advert {
        let name = name.map(str::to_owned);
        Advert { address: address.to_owned(), name, rssi: Some(rssi), services, manufacturer: Vec::new(), service_data: Vec::new() }
    }

    fn flooded() -> Arc<Nearby> {
        let nearby = Nearby::new(Arc::new(NoRadio), Events::default(), Arc::new(SystemClock));
        for number in 0..MOST {
            nearby.note(advert(&format!("flood-{number}"), None, -20, Vec::new()));
        }
        nearby
    }

    fn has(nearby: &Nearby, address: &str) -> bool {
        nearby.list().iter().any(|heard| heard.advert.address == address)
    }

    #[test]
    fn a_flood_hides_no_device_that_can_be_commissioned() {
        let nearby = flooded();
        nearby.note(advert("esp", None, -90, vec![endpoints::SERVICES[0]]));
        nearby.note(advert("improv", None, -95, vec![gatt::SERVICE]));
        nearby.note(advert("weak", None, -30, Vec::new()));
        assert!(has(&nearby, "esp") && has(&nearby, "improv"), "they matter more than the nearest stranger");
        assert!(!has(&nearby, "weak"), "a stranger replaces only a weaker one");
        nearby.note(advert("near", None, -10, Vec::new()));
        assert!(has(&nearby, "near") && has(&nearby, "esp"));
        assert_eq!(nearby.list().len(), MOST);
    }

    #[test]
    fn the_device_that_a_commission_looks_for_is_kept_whatever_it_is() {
        let nearby = flooded();
        for number in 0..MOST {
            nearby.note(advert(&format!("fake-{number}"), None, -20, vec![endpoints::SERVICES[0]]));
        }
        nearby.held().sought = Some(Sought::Name("Own".into()));
        nearby.note(advert("own", Some("Own"), -90, Vec::new()));
        assert!(has(&nearby, "own"), "its maker may use a service of its own");
        for number in 0..MOST {
            nearby.note(advert(&format!("more-{number}"), None, -10, vec![endpoints::SERVICES[0]]));
        }
        assert!(has(&nearby, "own"));
    }
}
