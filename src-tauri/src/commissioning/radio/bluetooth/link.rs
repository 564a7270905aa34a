//! One connection through the operating system.
//!
//! A link is closed whatever ends it: a connect that failed or that nobody waits for any more, a
//! link that is dropped. An operation that was given up may still be on its way, so no other one
//! follows it: the link is spent.
//!
//! Deliberately not here: what the bytes mean, and trying again.

use std::{
    collections::BTreeSet,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use btleplug::{
    api::{Central as _, CentralEvent, CharPropFlags, Characteristic, Peripheral as _, WriteType},
    platform::{Adapter, Peripheral},
};
use futures::StreamExt as _;
use tokio::{
    sync::{Mutex, mpsc, watch},
    task::AbortHandle,
    time::timeout,
};
use uuid::Uuid;

use super::{
    super::{Endpoint, Link, Properties, RadioError},
    answer,
    failure::read,
};

/// Characteristic User Description.
const USER_DESCRIPTION: Uuid = Uuid::from_u128(0x0000_2901_0000_1000_8000_0080_5f9b_34fb);
/// The longest that ATT allows an answer to take.
const ATT_LIMIT: Duration = Duration::from_secs(30);
/// The longest that closing may take before nobody waits for it any more.
const CLOSE_LIMIT: Duration = Duration::from_secs(4);
/// So long after an error the system may need to say that it was the link that broke.
const BREAK_LIMIT: Duration = Duration::from_millis(300);
/// "Unlikely error": what BlueZ makes of an operation whose link broke.
const UNLIKELY: u8 = 0x0e;
const BACKLOG: usize = 64;

/// One connection. Dropping it closes it as soon as the runtime allows.
pub(super) struct BluetoothLink {
    peripheral: Peripheral,
    known: Mutex<BTreeSet<Characteristic>>,
    /// Held for each operation: one in flight.
    turn: Mutex<()>,
    /// True while an operation is under way, and for ever once one was given up.
    spent: AtomicBool,
    over: Arc<watch::Sender<bool>>,
    _watching: Watching,
}

/// Waits for the end of the link, as long as this lives.
struct Watching(AbortHandle);

impl Drop for Watching {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Comes back when the link is over.
async fn until(over: &watch::Sender<bool>) {
    let _ = over.subscribe().wait_for(|over| *over).await;
}

/// Closes a connection that does not become a link.
struct Closing(Option<Peripheral>);

impl Closing {
    async fn now(mut self) {
        if let Some(peripheral) = &self.0 {
            let _ = timeout(CLOSE_LIMIT, peripheral.disconnect()).await;
        }
        self.0 = None;
    }
}

impl Drop for Closing {
    fn drop(&mut self) {
        if let (Some(peripheral), Ok(runtime)) = (self.0.take(), tokio::runtime::Handle::try_current()) {
            runtime.spawn(async move { timeout(CLOSE_LIMIT, peripheral.disconnect()).await });
        }
    }
}

impl BluetoothLink {
    /// Connects; always closes after a failure, so that the next try begins clean.
    pub(super) async fn open(adapter: &Adapter, peripheral: Peripheral) -> Result<Self, RadioError> {
        let mut events = answer(adapter.events()).await?;
        let id = peripheral.id();
        let over = Arc::new(watch::Sender::new(false));
        let lost = Arc::clone(&over);
        let watching = Watching(tokio::spawn(async move {
            while let Some(event) = events.next().await {
                if matches!(&event, CentralEvent::DeviceDisconnected(of) if *of == id) {
                    break;
                }
            }
            lost.send_replace(true);
        }).abort_handle());
        let mut closing = Closing(Some(peripheral.clone()));
        let connected = tokio::select! {
            biased;
            connected = peripheral.connect() => connected.map_err(|error| read(&error)),
            // btleplug would wait for its services until its own limit.
            () = until(&over) => Err(RadioError::Gone),
        };
        if let Err(error) = connected {
            closing.now().await;
            return Err(error);
        }
        closing.0 = None;
        Ok(Self { peripheral, known: Mutex::default(), turn: Mutex::new(()), spent: AtomicBool::new(false), over, _watching: watching })
    }

    async fn characteristic(&self, endpoint: Uuid) -> Result<Characteristic, RadioError> {
        let known = self.known.lock().await;
        known.iter().find(|characteristic| characteristic.uuid == endpoint).cloned().ok_or(RadioError::NoSuchEndpoint)
    }

    /// One operation at a time, ended by ATT's own limit or by the loss of the link.
    async fn operate<T>(&self, operation: impl Future<Output = btleplug::Result<T>> + Send) -> Result<T, RadioError> {
        let _turn = self.turn.lock().await;
        if *self.over.borrow() || self.spent.swap(true, Ordering::SeqCst) {
            return Err(RadioError::Gone);
        }
        let done = tokio::select! {
            biased;
            done = operation => done.map_err(|error| read(&error)),
            () = self.closed() => Err(RadioError::Gone),
            () = tokio::time::sleep(ATT_LIMIT) => return Err(RadioError::Timeout),
        };
        self.spent.store(false, Ordering::SeqCst);
        match done {
            // Not the device's word, when the link broke under the operation.
            Err(RadioError::Att(UNLIKELY) | RadioError::Other(_)) if timeout(BREAK_LIMIT, self.closed()).await.is_ok() => Err(RadioError::Gone),
            done => done,
        }
    }

    /// The text of descriptor 0x2901; systems that do not let us read it leave us without.
    async fn name(&self, characteristic: &Characteristic) -> Result<Option<String>, RadioError> {
        let Some(descriptor) = characteristic.descriptors.iter().find(|descriptor| descriptor.uuid == USER_DESCRIPTION) else { return Ok(None) };
        match self.operate(self.peripheral.read_descriptor(descriptor)).await {
            Ok(text) => Ok(String::from_utf8(text).ok()),
            Err(error @ (RadioError::Gone | RadioError::Timeout)) => Err(error),
            Err(_) => Ok(None),
        }
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
            endpoints.push(Endpoint { uuid: characteristic.uuid, name: self.name(characteristic).await?, properties });
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
        let mut closed = self.over.subscribe();
        tokio::spawn(async move {
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
        if !*self.over.borrow() {
            let _ = timeout(CLOSE_LIMIT, self.peripheral.disconnect()).await;
        }
        // Also when the system is slow to say so: a second goodbye could hit the next link.
        self.over.send_replace(true);
    }

    async fn closed(&self) {
        until(&self.over).await;
    }
}

impl Drop for BluetoothLink {
    fn drop(&mut self) {
        if !*self.over.borrow() {
            drop(Closing(Some(self.peripheral.clone())));
        }
    }
}

impl fmt::Debug for BluetoothLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BluetoothLink").field("peripheral", &self.peripheral.id()).finish_non_exhaustive()
    }
}
