//! The operating system's Bluetooth, through btleplug (COMMISSIONING.md 5).
//!
//! Deliberately not here: retries and deadlines of the flow. What is here: the first adapter,
//! fresh adverts only (with a signal strength, so not from a cache), names from descriptor
//! 0x2901, one operation at a time for each link, and errors read from the system's text.

mod failure;
mod known;
mod link;

use std::sync::Arc;

use async_trait::async_trait;
use btleplug::{
    api::{Central as _, CentralEvent, CentralState, Manager as _, Peripheral as _, ScanFilter},
    platform::{Adapter, Manager, Peripheral, PeripheralId},
};
use futures::StreamExt as _;
use tokio::{
    sync::{Mutex, mpsc},
    task::AbortHandle,
    time::Instant,
};

use super::{Advert, Link, Radio, RadioError, RadioKind, RadioState};
use failure::read;
use known::Known;
use link::BluetoothLink;

const BACKLOG: usize = 256;

/// The machine's first Bluetooth adapter.
#[derive(Default)]
pub struct Bluetooth {
    adapter: Mutex<Option<Adapter>>,
    heard: Arc<Mutex<Known<PeripheralId>>>,
    listening: Mutex<Option<AbortHandle>>,
}

impl Bluetooth {
    /// Touches nothing yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The names of the machine's adapters, as the system describes them.
    ///
    /// # Errors
    /// When the system has no Bluetooth service or does not let this app.
    pub async fn adapters() -> Result<Vec<String>, RadioError> {
        let manager = Manager::new().await.map_err(|error| absent(&error))?;
        let mut names = Vec::new();
        for adapter in manager.adapters().await.map_err(|error| absent(&error))? {
            names.push(adapter.adapter_info().await.map_err(|error| read(&error))?);
        }
        Ok(names)
    }

    async fn adapter(&self) -> Result<Adapter, RadioError> {
        let mut held = self.adapter.lock().await;
        if let Some(adapter) = held.as_ref() {
            return Ok(adapter.clone());
        }
        let manager = Manager::new().await.map_err(|error| absent(&error))?;
        let found = manager.adapters().await.map_err(|error| absent(&error))?.into_iter().next();
        let adapter = found.ok_or(RadioError::AdapterAbsent)?;
        *held = Some(adapter.clone());
        Ok(adapter)
    }
}

/// Without a Bluetooth service there is nothing to tell apart but a missing permission.
fn absent(error: &btleplug::Error) -> RadioError {
    match read(error) {
        RadioError::NoPermission => RadioError::NoPermission,
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
            Ok(adapter) => adapter.adapter_state().await.map_err(|error| read(&error)),
            Err(error) => Err(error),
        };
        match state {
            Ok(CentralState::PoweredOn) => RadioState::Ready,
            Ok(_) | Err(RadioError::AdapterOff) => RadioState::Off,
            Err(RadioError::NoPermission) => RadioState::NoPermission,
            Err(_) => {
                // The adapter may have been pulled out: look for it again next time.
                *self.adapter.lock().await = None;
                RadioState::Absent
            }
        }
    }

    async fn scan(&self) -> Result<mpsc::Receiver<Advert>, RadioError> {
        let adapter = self.adapter().await?;
        let mut events = adapter.events().await.map_err(|error| read(&error))?;
        adapter.start_scan(ScanFilter::default()).await.map_err(|error| read(&error))?;
        let (sender, receiver) = mpsc::channel(BACKLOG);
        let heard = Arc::clone(&self.heard);
        let listening = tokio::spawn(async move {
            while let Some(event) = events.next().await {
                let Some(id) = subject(event) else { continue };
                let Ok(peripheral) = adapter.peripheral(&id).await else { continue };
                let Some(advert) = advert(&peripheral).await else { continue };
                heard.lock().await.put(advert.address.clone(), id, Instant::now());
                if sender.send(advert).await.is_err() {
                    break;
                }
            }
        });
        if let Some(before) = self.listening.lock().await.replace(listening.abort_handle()) {
            before.abort();
        }
        Ok(receiver)
    }

    async fn stop_scan(&self) -> Result<(), RadioError> {
        let Some(listening) = self.listening.lock().await.take() else { return Ok(()) };
        listening.abort();
        self.adapter().await?.stop_scan().await.map_err(|error| read(&error))
    }

    async fn connect(&self, address: &str) -> Result<Arc<dyn Link>, RadioError> {
        let adapter = self.adapter().await?;
        let id = self.heard.lock().await.get(address).ok_or(RadioError::Gone)?;
        let peripheral = adapter.peripheral(&id).await.map_err(|error| read(&error))?;
        let link = BluetoothLink::open(&adapter, peripheral).await?;
        Ok(Arc::new(link))
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
    let heard = peripheral.properties().await.ok()??;
    let rssi = heard.rssi?;
    Some(Advert {
        address: peripheral.id().to_string(),
        name: heard.advertisement_name.or(heard.local_name),
        rssi: Some(i32::from(rssi)),
        services: heard.services,
        manufacturer: heard.manufacturer_data.into_iter().collect(),
        service_data: heard.service_data.into_iter().collect(),
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn a_machine_with_or_without_bluetooth_says_so_in_time() {
        let limit = Duration::from_secs(20);
        let adapters = tokio::time::timeout(limit, Bluetooth::adapters()).await.expect("the list must not hang");
        assert!(matches!(adapters, Ok(_) | Err(RadioError::AdapterAbsent | RadioError::NoPermission)), "{adapters:?}");
        let radio = Bluetooth::new();
        let state = tokio::time::timeout(limit, radio.state()).await.expect("the state must not hang");
        let scan = tokio::time::timeout(limit, radio.scan()).await.expect("the scan must not hang").map(drop);
        match state {
            RadioState::Ready => assert_eq!(scan, Ok(())),
            RadioState::Off => assert_eq!(scan, Err(RadioError::AdapterOff)),
            RadioState::NoPermission => assert_eq!(scan, Err(RadioError::NoPermission)),
            RadioState::Absent => assert_eq!(scan, Err(RadioError::AdapterAbsent)),
        }
        assert_eq!(radio.stop_scan().await, Ok(()), "stopping what does not run is fine");
    }
}
