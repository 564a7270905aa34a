//! One connection through the operating system.

use std::{collections::BTreeSet, fmt, time::Duration};

use async_trait::async_trait;
use btleplug::{
    api::{Central as _, CentralEvent, CharPropFlags, Characteristic, Peripheral as _, WriteType},
    platform::{Adapter, Peripheral},
};
use futures::StreamExt as _;
use tokio::{
    sync::{Mutex, mpsc, watch},
    task::AbortHandle,
};
use uuid::Uuid;

use super::{
    super::{Endpoint, Link, Properties, RadioError},
    failure::read,
};

/// Characteristic User Description.
const USER_DESCRIPTION: Uuid = Uuid::from_u128(0x0000_2901_0000_1000_8000_0080_5f9b_34fb);
/// The longest that ATT allows an answer to take.
const ATT_LIMIT: Duration = Duration::from_secs(30);
const BACKLOG: usize = 64;

/// One connection. Dropping it closes it as soon as the runtime allows.
pub(super) struct BluetoothLink {
    peripheral: Peripheral,
    known: Mutex<BTreeSet<Characteristic>>,
    /// Held for each operation: one in flight.
    turn: Mutex<()>,
    over: watch::Receiver<bool>,
    watching: AbortHandle,
}

impl BluetoothLink {
    /// Connects; always closes after a failure, so that the next try begins clean.
    pub(super) async fn open(adapter: &Adapter, peripheral: Peripheral) -> Result<Self, RadioError> {
        let mut events = adapter.events().await.map_err(|error| read(&error))?;
        if let Err(error) = peripheral.connect().await {
            let _ = peripheral.disconnect().await;
            return Err(read(&error));
        }
        let (sender, over) = watch::channel(false);
        let id = peripheral.id();
        let watching = tokio::spawn(async move {
            while let Some(event) = events.next().await {
                if matches!(event, CentralEvent::DeviceDisconnected(of) if of == id) {
                    break;
                }
            }
            sender.send_replace(true);
        })
        .abort_handle();
        Ok(Self { peripheral, known: Mutex::default(), turn: Mutex::new(()), over, watching })
    }

    async fn characteristic(&self, endpoint: Uuid) -> Result<Characteristic, RadioError> {
        let known = self.known.lock().await;
        known.iter().find(|characteristic| characteristic.uuid == endpoint).cloned().ok_or(RadioError::NoSuchEndpoint)
    }

    /// One operation at a time, ended by ATT's own limit or by the loss of the link.
    async fn operate<T>(&self, operation: impl Future<Output = btleplug::Result<T>> + Send) -> Result<T, RadioError> {
        let _turn = self.turn.lock().await;
        if *self.over.borrow() {
            return Err(RadioError::Gone);
        }
        tokio::select! {
            biased;
            done = operation => done.map_err(|error| read(&error)),
            () = self.closed() => Err(RadioError::Gone),
            () = tokio::time::sleep(ATT_LIMIT) => Err(RadioError::Timeout),
        }
    }

    /// The text of descriptor 0x2901; systems that do not let us read it leave us without.
    async fn name(&self, characteristic: &Characteristic) -> Option<String> {
        let descriptor = characteristic.descriptors.iter().find(|descriptor| descriptor.uuid == USER_DESCRIPTION)?;
        let text = self.operate(self.peripheral.read_descriptor(descriptor)).await.ok()?;
        String::from_utf8(text).ok()
    }
}

#[async_trait]
impl Link for BluetoothLink {
    fn mtu(&self) -> u16 {
        self.peripheral.mtu()
    }

    async fn discover(&self) -> Result<Vec<Endpoint>, RadioError> {
        self.operate(self.peripheral.discover_services()).await?;
        let found = self.peripheral.characteristics();
        let mut endpoints = Vec::with_capacity(found.len());
        for characteristic in &found {
            let has = |flag| characteristic.properties.contains(flag);
            let properties = Properties { read: has(CharPropFlags::READ), write: has(CharPropFlags::WRITE), notify: has(CharPropFlags::NOTIFY) };
            endpoints.push(Endpoint { uuid: characteristic.uuid, name: self.name(characteristic).await, properties });
        }
        *self.known.lock().await = found;
        if *self.over.borrow() { Err(RadioError::Gone) } else { Ok(endpoints) }
    }

    async fn write(&self, endpoint: Uuid, value: &[u8]) -> Result<(), RadioError> {
        let characteristic = self.characteristic(endpoint).await?;
        self.operate(self.peripheral.write(&characteristic, value, WriteType::WithResponse)).await
    }

    async fn read(&self, endpoint: Uuid) -> Result<Vec<u8>, RadioError> {
        let characteristic = self.characteristic(endpoint).await?;
        self.operate(self.peripheral.read(&characteristic)).await
    }

    async fn subscribe(&self, endpoint: Uuid) -> Result<mpsc::Receiver<Vec<u8>>, RadioError> {
        let characteristic = self.characteristic(endpoint).await?;
        let mut notifications = self.operate(self.peripheral.notifications()).await?;
        self.operate(self.peripheral.subscribe(&characteristic)).await?;
        let (sender, receiver) = mpsc::channel(BACKLOG);
        let closed = self.over.clone();
        tokio::spawn(async move {
            let mut closed = closed;
            loop {
                let heard = tokio::select! {
                    heard = notifications.next() => heard,
                    _ = closed.wait_for(|over| *over) => None,
                };
                let Some(heard) = heard else { break };
                if heard.uuid == endpoint && sender.send(heard.value).await.is_err() {
                    break;
                }
            }
        });
        Ok(receiver)
    }

    async fn disconnect(&self) {
        let _ = tokio::time::timeout(ATT_LIMIT, self.peripheral.disconnect()).await;
    }

    async fn closed(&self) {
        let _ = self.over.clone().wait_for(|over| *over).await;
    }
}

impl Drop for BluetoothLink {
    fn drop(&mut self) {
        self.watching.abort();
        if let (false, Ok(runtime)) = (*self.over.borrow(), tokio::runtime::Handle::try_current()) {
            let peripheral = self.peripheral.clone();
            runtime.spawn(async move { peripheral.disconnect().await });
        }
    }
}

impl fmt::Debug for BluetoothLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BluetoothLink").field("peripheral", &self.peripheral.id()).finish_non_exhaustive()
    }
}
