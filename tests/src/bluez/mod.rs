//! Our own `org.bluez`: the third carrier of the virtual devices, for the app's real Bluetooth
//! (COMMISSIONING.md 7.3). Whoever speaks to BlueZ speaks to this instead, unchanged, on a bus
//! of its own.
//!
//! [`bus`] starts a private `dbus-daemon` · [`tree`] is the state and the objects made of it ·
//! [`service`] answers the calls · [`radio`] is the air between adapter and devices · [`words`]
//! are the errors as BlueZ words them · [`faults`] is what goes wrong on purpose.
//!
//! It is stricter than the real one where a client would get away with it on a good day only: a
//! connect under a running scan fails, as on cheap controllers, and what is in flight on one link
//! at once is counted.
//!
//! Deliberately not here: what a device answers (`virtual_device`), pairing, classic Bluetooth,
//! and BlueZ as a peripheral.
//! To add a fault: a field of [`faults::Faults`], and the one place where it strikes.

pub mod bus;
pub mod faults;
mod radio;
mod service;
mod tree;
pub mod words;

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use tokio::{sync::mpsc, task::JoinHandle};
use uuid::Uuid;
use zbus::Connection;

use crate::virtual_device::fleet::Fleet;
use faults::{Faults, Stale};
use tree::State;

/// One call that came over the bus.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// Its method, e.g. `Connect`.
    pub member: String,
    /// The object it was made on.
    pub path: String,
    /// When it came.
    pub at: Instant,
}

struct Inner {
    bus: Connection,
    fleet: Arc<Fleet>,
    state: Mutex<State>,
    faults: Mutex<Faults>,
    calls: Mutex<Vec<Call>>,
    events: mpsc::UnboundedSender<serde_json::Value>,
}

/// A running service. Dropped: it leaves the bus.
pub struct Bluez {
    inner: Arc<Inner>,
    tasks: Vec<JoinHandle<()>>,
}

impl Bluez {
    /// Takes the name `org.bluez` on the bus at `address`, with one adapter that is on and this
    /// fleet in its reach.
    ///
    /// # Errors
    /// When the bus is not there, or somebody else has the name.
    pub async fn start(address: &str, fleet: Arc<Fleet>) -> zbus::Result<Self> {
        let bus = zbus::connection::Builder::address(address)?.max_queued(1024).build().await?;
        let (events, heard) = mpsc::unbounded_channel();
        let inner = Arc::new(Inner { bus, fleet, state: Mutex::default(), faults: Mutex::default(), calls: Mutex::default(), events });
        inner.state().plug("hci0");
        let tasks = vec![service::listen(&inner), radio::advertise(&inner), radio::follow_links(&inner, heard)];
        inner.bus.request_name("org.bluez").await?;
        Ok(Self { inner, tasks })
    }

    /// What goes wrong from now on.
    pub fn faults(&self) -> MutexGuard<'_, Faults> {
        self.inner.faults()
    }

    /// The calls of one method so far.
    #[must_use]
    pub fn calls(&self, member: &str) -> Vec<Call> {
        self.inner.calls().iter().filter(|call| call.member == member).cloned().collect()
    }

    /// The most operations that were in flight on one link at once.
    #[must_use]
    pub fn most_in_flight(&self) -> usize {
        self.inner.state().most_in_flight
    }

    /// Whether an adapter is on; `None` when there is no such.
    #[must_use]
    pub fn is_on(&self, adapter: &str) -> Option<bool> {
        self.inner.state().adapters.get(adapter).map(|adapter| adapter.powered)
    }

    /// Whether some client scans.
    #[must_use]
    pub fn scans(&self) -> bool {
        self.inner.state().adapters.values().any(|adapter| !adapter.scanning.is_empty())
    }

    /// A person switches an adapter on or off.
    pub async fn power(&self, adapter: &str, on: bool) {
        self.inner.power(adapter, on).await;
    }

    /// An adapter is plugged in, switched on.
    pub async fn plug(&self, adapter: &str) {
        self.inner.state().plug(adapter);
        self.inner.tell_added(&tree::adapter_path(adapter)).await;
    }

    /// An adapter is pulled out, with everything on it.
    pub async fn unplug(&self, adapter: &str) {
        self.inner.unplug(adapter).await;
    }

    /// The system remembers a device of old: it is listed, and was not heard.
    pub fn remember(&self, serial: &str) {
        for slot in self.inner.fleet.named(serial) {
            self.inner.state().remember(slot);
        }
    }

    /// The system remembers the services of the firmware that a device had before.
    pub fn remember_old_services(&self, serial: &str, stale: Stale) {
        for slot in self.inner.fleet.named(serial) {
            self.inner.state().stale.insert(slot.device().factory().address(), stale);
        }
    }

    /// A device notifies a characteristic.
    pub async fn notify(&self, serial: &str, characteristic: Uuid, value: &[u8]) {
        for slot in self.inner.fleet.named(serial) {
            let address = slot.device().factory().address();
            self.inner.notify(&address, characteristic, value).await;
        }
    }
}

impl Drop for Bluez {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
        let bus = self.inner.bus.clone();
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move { bus.close().await });
        }
    }
}

impl Inner {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn faults(&self) -> MutexGuard<'_, Faults> {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn calls(&self) -> MutexGuard<'_, Vec<Call>> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
