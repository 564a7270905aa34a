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
use uuid::Uuid;

use super::{
    esp::endpoints,
    radio::{Advert, Radio, RadioError},
};
use crate::events::{Event, Events};

/// After so long without an advert a device is not there any more.
const STALE: Duration = Duration::from_secs(10);
/// The page hears of changes at most so often.
const QUIET: Duration = Duration::from_millis(500);
/// Between tries to listen again after the radio went away.
const AGAIN: Duration = Duration::from_secs(2);
/// The most devices that are kept; the air of a hostile place is endless.
const MOST: usize = 500;
/// Improv's service, and its service data.
const IMPROV: [Uuid; 2] = [Uuid::from_u128(0x0046_7768_6228_2272_4663_2774_7826_8000), Uuid::from_u128(0x0000_4677_0000_1000_8000_0080_5f9b_34fb)];

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
        let improv = services.contains(&IMPROV[0]) || self.advert.service_data.iter().any(|(service, _)| *service == IMPROV[1]);
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

#[derive(Default)]
struct Held {
    heard: HashMap<String, Heard>,
    wanted: bool,
    paused: bool,
    listening: Option<AbortHandle>,
    told: Option<Instant>,
}

/// What is in the air.
pub struct Nearby {
    radio: Arc<dyn Radio>,
    events: Events,
    clock: Arc<dyn Clock>,
    held: Mutex<Held>,
    changed: watch::Sender<u64>,
}

impl Nearby {
    /// Listens to nothing yet.
    pub fn new(radio: Arc<dyn Radio>, events: Events, clock: Arc<dyn Clock>) -> Arc<Self> {
        Arc::new(Self { radio, events, clock, held: Mutex::default(), changed: watch::Sender::new(0) })
    }

    /// The page wants to see what is near.
    ///
    /// # Errors
    /// When the radio cannot listen.
    pub async fn start(self: &Arc<Self>) -> Result<(), RadioError> {
        self.held().wanted = true;
        if self.held().paused {
            return Ok(());
        }
        self.listen().await
    }

    /// The page has seen enough.
    pub async fn stop(&self) {
        self.held().wanted = false;
        self.quiet().await;
    }

    /// A link is about to be opened: stop the scan first.
    pub async fn pause(&self) {
        self.held().paused = true;
        self.quiet().await;
    }

    /// No link is open any more.
    pub async fn resume(self: &Arc<Self>) {
        let wanted = {
            let mut held = self.held();
            held.paused = false;
            held.wanted
        };
        if wanted {
            let _ = self.listen().await;
        } else {
            self.quiet().await;
        }
    }

    /// The freshest view of a device, now or within `limit`; the strongest when several match.
    ///
    /// # Errors
    /// When the radio cannot listen.
    pub async fn find(self: &Arc<Self>, limit: Duration, wanted: impl Fn(&Advert) -> bool) -> Result<Option<Heard>, RadioError> {
        let matching = || self.list().into_iter().find(|heard| wanted(&heard.advert));
        if let Some(heard) = matching() {
            return Ok(Some(heard));
        }
        let mut changed = self.changed.subscribe();
        self.held().paused = false;
        self.listen().await?;
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
        if found.is_none() && !self.held().wanted {
            self.quiet().await;
        }
        Ok(found)
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

    async fn listen(self: &Arc<Self>) -> Result<(), RadioError> {
        if self.held().listening.is_some() {
            return Ok(());
        }
        let adverts = self.radio.scan().await?;
        let nearby = Arc::clone(self);
        let task = tokio::spawn(async move { nearby.keep_listening(adverts).await });
        if let Some(other) = self.held().listening.replace(task.abort_handle()) {
            other.abort();
        }
        Ok(())
    }

    async fn quiet(&self) {
        let listening = self.held().listening.take();
        if let Some(listening) = listening {
            listening.abort();
            let _ = self.radio.stop_scan().await;
        }
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
            if before.is_none() && held.heard.len() >= MOST {
                return;
            }
            advert.name = advert.name.or_else(|| before.and_then(|before| before.advert.name.clone()));
            let is_new = before.is_none_or(|before| before.advert.name != advert.name);
            let heard = Heard { advert, at: self.clock.now(), since: Instant::now() };
            held.heard.insert(heard.advert.address.clone(), heard);
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
