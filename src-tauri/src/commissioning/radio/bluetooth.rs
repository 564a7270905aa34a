//! The operating system's Bluetooth, through btleplug (COMMISSIONING.md 5).
//!
//! What is here: the first adapter that is on, fresh adverts only (with a signal strength, so not
//! from a cache), names from descriptor 0x2901, one operation at a time for each link, a deadline
//! on every question to the system, a link that is closed whatever ends it, and errors read from
//! the system's text. An adapter that is off stays off: switching it on is its owner's choice.
//!
//! Deliberately not here: retries and deadlines of the flow.
//! To add a rule: its test in `tests/bluez`, where our own `org.bluez` breaks it first.

mod cache;
mod failure;
mod known;
mod link;

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use btleplug::{
    api::{BDAddr, Central as _, CentralEvent, CentralState, Manager as _, Peripheral as _, ScanFilter},
    platform::{Adapter, Manager, Peripheral, PeripheralId},
};
use futures::StreamExt as _;
use tokio::{
    sync::{Mutex, mpsc},
    task::AbortHandle,
    time::{Instant, interval, timeout},
};

use super::{Advert, Link, Radio, RadioError, RadioKind, RadioState};
use failure::read;
use known::Known;
use link::BluetoothLink;

const BACKLOG: usize = 256;
/// The longest that the system may take to answer a question about itself.
const ANSWER_LIMIT: Duration = Duration::from_secs(4);
/// The longest that it may take to begin or end a scan: several questions.
const SCAN_LIMIT: Duration = Duration::from_secs(8);
/// How often a scan looks whether its adapter is still there; a pulled-out one says nothing.
const LOOK: Duration = Duration::from_secs(2);

/// The machine's Bluetooth adapter.
#[derive(Default)]
pub struct Bluetooth {
    held: Mutex<Held>,
    heard: Arc<Mutex<Known<PeripheralId>>>,
    listening: Mutex<Option<AbortHandle>>,
}

/// The way to the system, opened once: each new one is another connection that stays.
#[derive(Default)]
struct Held {
    manager: Option<Manager>,
    adapter: Option<Adapter>,
}

impl Bluetooth {
    /// Touches nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The adapter, if it is still there; looked for again otherwise.
    async fn adapter(&self) -> Result<Adapter, RadioError> {
        let mut held = self.held.lock().await;
        if let Some(adapter) = held.adapter.take() {
            match answer(adapter.adapter_info()).await {
                Ok(_) => {
                    held.adapter = Some(adapter.clone());
                    return Ok(adapter);
                }
                Err(RadioError::Timeout) => return Err(RadioError::Timeout),
                Err(_) => {}
            }
        }
        let adapter = best(held.adapters().await?).await.ok_or(RadioError::AdapterAbsent)?;
        held.adapter = Some(adapter.clone());
        Ok(adapter)
    }

    /// What the adapter says of itself; an adapter that is off is an error.
    async fn adapter_that_is_on(&self) -> Result<Adapter, RadioError> {
        let adapter = self.adapter().await?;
        match answer(adapter.adapter_state()).await? {
            CentralState::PoweredOff => Err(RadioError::AdapterOff),
            CentralState::PoweredOn | CentralState::Unknown => Ok(adapter),
        }
    }
}

impl Held {
    async fn adapters(&mut self) -> Result<Vec<Adapter>, RadioError> {
        // The second time on a new way, when the old one was cut.
        for _ in 0..2 {
            let manager = match self.manager.take() {
                Some(manager) => manager,
                None => answer(Manager::new()).await.map_err(absent)?,
            };
            match answer(manager.adapters()).await {
                Err(RadioError::Gone) => {}
                found => {
                    self.manager = Some(manager);
                    return found.map_err(absent);
                }
            }
        }
        Err(RadioError::AdapterAbsent)
    }
}

/// The first that is on, else the first; by their names, because the system lists them in any order.
async fn best(adapters: Vec<Adapter>) -> Option<Adapter> {
    let mut ranked = Vec::new();
    for adapter in adapters {
        let Ok(name) = answer(adapter.adapter_info()).await else { continue };
        let is_on = matches!(answer(adapter.adapter_state()).await, Ok(CentralState::PoweredOn));
        ranked.push((!is_on, name, adapter));
    }
    ranked.into_iter().min_by(|(a_off, a, _), (b_off, b, _)| (a_off, a).cmp(&(b_off, b))).map(|(_, _, adapter)| adapter)
}

/// An answer of the system, within its limit.
async fn answer<T>(question: impl Future<Output = btleplug::Result<T>>) -> Result<T, RadioError> {
    within(ANSWER_LIMIT, question).await
}

async fn within<T>(limit: Duration, question: impl Future<Output = btleplug::Result<T>>) -> Result<T, RadioError> {
    timeout(limit, question).await.map_or(Err(RadioError::Timeout), |answer| answer.map_err(|error| read(&error)))
}

/// Without a Bluetooth service there is nothing to tell apart but a missing permission, and a
/// service that does not answer.
fn absent(error: RadioError) -> RadioError {
    match error {
        RadioError::NoPermission | RadioError::Timeout => error,
        _ => RadioError::AdapterAbsent,
    }
}

#[async_trait]
impl Radio for Bluetooth {
    fn kind(&self) -> RadioKind {
        RadioKind::Bluetooth
    }

    async fn state(&self) -> RadioState {
        let state = match self.adapter().await {
            Ok(adapter) => answer(adapter.adapter_state()).await,
            Err(error) => Err(error),
        };
        match state {
            // Android never says, Apple's systems not at once: a scan shows what it is.
            Ok(CentralState::PoweredOn | CentralState::Unknown) => RadioState::Ready,
            Ok(CentralState::PoweredOff) | Err(RadioError::AdapterOff) => RadioState::Off,
            Err(RadioError::NoPermission) => RadioState::NoPermission,
            Err(_) => RadioState::Absent,
        }
    }

    async fn scan(&self) -> Result<mpsc::Receiver<Advert>, RadioError> {
        // btleplug would switch the adapter on.
        let adapter = self.adapter_that_is_on().await?;
        let _ = self.stop_scan().await;
        let events = answer(adapter.events()).await?;
        let mut started = within(SCAN_LIMIT, adapter.start_scan(ScanFilter::default())).await;
        if started == Err(RadioError::Busy) {
            // A scan of ours that was given up while it began.
            let _ = within(SCAN_LIMIT, adapter.stop_scan()).await;
            started = within(SCAN_LIMIT, adapter.start_scan(ScanFilter::default())).await;
        }
        started.map_err(|error| if error == RadioError::Gone { RadioError::AdapterAbsent } else { error })?;
        let (sender, receiver) = mpsc::channel(BACKLOG);
        let listening = tokio::spawn(listen(adapter, events, Arc::clone(&self.heard), sender));
        if let Some(before) = self.listening.lock().await.replace(listening.abort_handle()) {
            before.abort();
        }
        Ok(receiver)
    }

    async fn stop_scan(&self) -> Result<(), RadioError> {
        let Some(listening) = self.listening.lock().await.take() else { return Ok(()) };
        let had_ended = listening.is_finished();
        listening.abort();
        let stopped = match self.adapter().await {
            Ok(adapter) => within(SCAN_LIMIT, adapter.stop_scan()).await,
            Err(error) => Err(error),
        };
        // With the adapter the scan is gone too.
        if had_ended { Ok(()) } else { stopped }
    }

    async fn connect(&self, address: &str) -> Result<Arc<dyn Link>, RadioError> {
        let adapter = self.adapter_that_is_on().await?;
        let id = self.heard.lock().await.get(address).ok_or(RadioError::Gone)?;
        let peripheral = answer(adapter.peripheral(&id)).await?;
        let link = BluetoothLink::open(&adapter, peripheral).await?;
        Ok(Arc::new(link))
    }

    async fn forget(&self, address: &str) {
        cache::forget(address).await;
    }
}

/// Passes adverts on until nobody takes them, or the adapter is off or gone.
async fn listen(adapter: Adapter, mut events: impl futures::Stream<Item = CentralEvent> + Unpin, heard: Arc<Mutex<Known<PeripheralId>>>, adverts: mpsc::Sender<Advert>) {
    let mut looks = interval(LOOK);
    loop {
        let event = tokio::select! {
            event = events.next() => event,
            _ = looks.tick() => match answer(adapter.adapter_state()).await {
                // A system that is slow to answer is not gone.
                Ok(CentralState::PoweredOn | CentralState::Unknown) | Err(RadioError::Timeout) => continue,
                _ => None,
            },
        };
        let Some(event) = event else { break };
        if matches!(event, CentralEvent::StateUpdate(CentralState::PoweredOff)) {
            break;
        }
        let Some(id) = subject(event) else { continue };
        let Ok(peripheral) = answer(adapter.peripheral(&id)).await else { continue };
        let Some(advert) = advert(&peripheral).await else { continue };
        heard.lock().await.put(advert.address.clone(), id, Instant::now());
        if adverts.send(advert).await.is_err() {
            break;
        }
    }
}

fn subject(event: CentralEvent) -> Option<PeripheralId> {
    match event {
        CentralEvent::DeviceDiscovered(id)
        | CentralEvent::DeviceUpdated(id)
        | CentralEvent::ManufacturerDataAdvertisement { id, .. }
        | CentralEvent::ServiceDataAdvertisement { id, .. }
        | CentralEvent::ServicesAdvertisement { id, .. }
        | CentralEvent::RssiUpdate { id, .. } => Some(id),
        _ => None,
    }
}

/// What was heard of a device; nothing when it only comes from the system's cache.
async fn advert(peripheral: &Peripheral) -> Option<Advert> {
    let heard = answer(peripheral.properties()).await.ok()??;
    let rssi = heard.rssi?;
    let address = heard.address;
    Some(Advert {
        address: peripheral.id().to_string(),
        name: heard.advertisement_name.or(heard.local_name).filter(|name| !is_address(name, address)),
        rssi: Some(i32::from(rssi)),
        services: heard.services,
        manufacturer: heard.manufacturer_data.into_iter().collect(),
        service_data: heard.service_data.into_iter().collect(),
    })
}

/// BlueZ calls a device without a name by its address.
fn is_address(name: &str, address: BDAddr) -> bool {
    name.replace('-', ":").eq_ignore_ascii_case(&address.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_machine_with_or_without_bluetooth_says_so_in_time() {
        let limit = Duration::from_secs(20);
        let radio = Bluetooth::new();
        let state = timeout(limit, radio.state()).await.expect("the state must not hang");
        let scan = timeout(limit, radio.scan()).await.expect("the scan must not hang").map(drop);
        match state {
            RadioState::Ready => assert_eq!(scan, Ok(())),
            RadioState::Off => assert_eq!(scan, Err(RadioError::AdapterOff)),
            RadioState::NoPermission => assert_eq!(scan, Err(RadioError::NoPermission)),
            RadioState::Absent => assert_eq!(scan, Err(RadioError::AdapterAbsent)),
        }
        assert_eq!(radio.stop_scan().await, Ok(()), "stopping what does not run is fine");
    }
}
