//! The air between the adapter and the devices: adverts, links, notifications, power.
//!
//! Deliberately not here: the calls that ask for them (`service`).

use std::{sync::Arc, time::Duration};

use tokio::{sync::mpsc, task::JoinHandle};
use uuid::Uuid;
use zbus::{names::BusName, zvariant::Value};

use super::{
    Inner,
    faults::Stale,
    tree::{self, ADAPTER, CHARACTERISTIC, DEVICE, Properties},
    words::{self, Refusal},
};
use crate::virtual_device::{
    carrier,
    device::Outcome,
    fleet::{Holder, Slot},
};

/// How long resolving the services takes.
const RESOLVING: Duration = Duration::from_millis(20);
/// How long a connect takes to fail.
const FAILING: Duration = Duration::from_millis(20);

/// Sends the devices' adverts to whoever scans, for ever.
pub(super) fn advertise(inner: &Arc<Inner>) -> JoinHandle<()> {
    let inner = Arc::clone(inner);
    tokio::spawn(async move {
        loop {
            let pause = inner.fleet.slots.first().map_or(160, |slot| slot.timing().advert_ms);
            tokio::time::sleep(Duration::from_millis(pause)).await;
            let slots = inner.fleet.slots.clone();
            for slot in &slots {
                inner.hear(slot).await;
            }
        }
    })
}

/// Tells the bus what the devices say on their links, for ever.
pub(super) fn follow_links(inner: &Arc<Inner>, mut events: mpsc::UnboundedReceiver<serde_json::Value>) -> JoinHandle<()> {
    let inner = Arc::clone(inner);
    tokio::spawn(async move {
        while let Some(event) = events.recv().await {
            let link = event["link"].as_u64();
            let of_link = inner.state().remotes.iter().find(|(_, remote)| remote.link.is_some() && remote.link == link).map(|(path, remote)| (path.clone(), remote.address.clone()));
            let Some((path, address)) = of_link else { continue };
            match event["event"].as_str() {
                Some("disconnected") => inner.tell_link_over(&path).await,
                Some("notify") => {
                    let uuid = event["uuid"].as_str().and_then(|text| Uuid::parse_str(text).ok());
                    let value = event["value"].as_str().and_then(carrier::bytes);
                    if let (Some(uuid), Some(value)) = (uuid, value) {
                        inner.notify(&address, uuid, &value).await;
                    }
                }
                _ => {}
            }
        }
    })
}

impl Inner {
    /// Properties of an object changed.
    pub(super) async fn tell_changed(&self, path: &str, interface: &str, changed: Properties, invalidated: &[&str]) {
        let body = (interface, changed, invalidated);
        let _ = self.bus.emit_signal(None::<BusName<'_>>, path, "org.freedesktop.DBus.Properties", "PropertiesChanged", &body).await;
    }

    /// An object is there now.
    pub(super) async fn tell_added(&self, path: &str) {
        let Some(interfaces) = self.state().objects().remove(path) else { return };
        let Ok(object) = zbus::zvariant::ObjectPath::try_from(path) else { return };
        let _ = self.bus.emit_signal(None::<BusName<'_>>, "/", "org.freedesktop.DBus.ObjectManager", "InterfacesAdded", &(object, interfaces)).await;
    }

    /// An object is gone.
    pub(super) async fn tell_removed(&self, path: &str, interfaces: &[&str]) {
        let Ok(object) = zbus::zvariant::ObjectPath::try_from(path) else { return };
        let _ = self.bus.emit_signal(None::<BusName<'_>>, "/", "org.freedesktop.DBus.ObjectManager", "InterfacesRemoved", &(object, interfaces)).await;
    }

    /// A device advertises, if it does, to the adapters that scan.
    async fn hear(&self, slot: &Arc<Slot>) {
        let scanning: Vec<String> = self.state().adapters.iter().filter(|(_, adapter)| adapter.powered && !adapter.scanning.is_empty()).map(|(name, _)| name.clone()).collect();
        for adapter in scanning {
            let Some(advert) = carrier::advert(slot) else { continue };
            let (path, is_new) = self.state().hear(slot, &adapter, &advert);
            if is_new {
                self.tell_added(&path).await;
            } else {
                let heard = self.state().remotes.get(&path).map(tree::Remote::heard);
                self.tell_changed(&path, DEVICE, heard.unwrap_or_default(), &[]).await;
            }
        }
    }

    /// Nobody scans any more: signal strengths are of yesterday.
    pub(super) async fn forget_strengths(&self, adapter: &str) {
        let mut silent = Vec::new();
        for (path, remote) in self.state().remotes.iter_mut().filter(|(_, remote)| remote.adapter == adapter) {
            if remote.rssi.take().is_some() {
                silent.push(path.clone());
            }
        }
        for path in silent {
            self.tell_changed(&path, DEVICE, Properties::new(), &["RSSI"]).await;
        }
    }

    pub(super) async fn power(&self, adapter: &str, on: bool) {
        let was_scanning = match self.state().adapters.get_mut(adapter) {
            Some(adapter) if adapter.powered != on => {
                adapter.powered = on;
                !std::mem::take(&mut adapter.scanning).is_empty()
            }
            _ => return,
        };
        if !on {
            self.hang_up_all(adapter).await;
        }
        let mut changed = Properties::from([("Powered", Value::from(on))]);
        if was_scanning {
            changed.insert("Discovering", Value::from(false));
        }
        self.tell_changed(&tree::adapter_path(adapter), ADAPTER, changed, &[]).await;
        self.forget_strengths(adapter).await;
    }

    pub(super) async fn unplug(&self, adapter: &str) {
        self.hang_up_all(adapter).await;
        let gone: Vec<String> = {
            let mut state = self.state();
            state.adapters.remove(adapter);
            let gone = state.remotes.iter().filter(|(_, remote)| remote.adapter == adapter).map(|(path, _)| path.clone()).collect();
            state.remotes.retain(|_, remote| remote.adapter != adapter);
            gone
        };
        for path in gone {
            self.tell_removed(&path, &[DEVICE]).await;
        }
        self.tell_removed(&tree::adapter_path(adapter), &[ADAPTER]).await;
    }

    async fn hang_up_all(&self, adapter: &str) {
        let linked: Vec<String> = self.state().remotes.iter().filter(|(_, remote)| remote.adapter == adapter && remote.link.is_some()).map(|(path, _)| path.clone()).collect();
        for path in linked {
            self.hang_up(&path).await;
        }
    }

    /// Opens a link to the device at `path`, as far as its services.
    pub(super) async fn open(&self, path: &str) -> Result<(), Refusal> {
        let failing = self.faults().connects_fail.pop_front();
        if let Some(text) = failing {
            tokio::time::sleep(FAILING).await;
            return Err(words::failed(text));
        }
        let (slot, is_scanning) = {
            let state = self.state();
            let remote = state.remotes.get(path).ok_or_else(|| words::unknown_object("Connect"))?;
            let adapter = state.adapters.get(&remote.adapter).filter(|adapter| adapter.powered).ok_or_else(words::not_ready)?;
            if remote.link.is_some() {
                return Ok(());
            }
            (Arc::clone(&remote.slot), !adapter.scanning.is_empty())
        };
        if is_scanning || !self.link_up(path, &slot) {
            tokio::time::sleep(FAILING).await;
            return Err(words::failed("le-connection-abort-by-local"));
        }
        self.tell_changed(path, DEVICE, Properties::from([("Connected", Value::from(true))]), &[]).await;
        tokio::time::sleep(RESOLVING).await;
        if std::mem::take(&mut self.faults().breaks_unresolved) {
            self.hang_up(path).await;
            return Ok(());
        }
        let can_notify = self.faults().can_notify;
        let objects: Vec<String> = {
            let mut state = self.state();
            let mut layout = state.remotes.get(path).map(|remote| state.layout(remote)).unwrap_or_default();
            if can_notify {
                layout.iter_mut().for_each(|characteristic| characteristic.flags.push("notify".into()));
            }
            if let Some(remote) = state.remotes.get_mut(path).filter(|remote| remote.link.is_some()) {
                remote.layout = layout;
            }
            state.objects().into_keys().filter(|object| object.starts_with(&format!("{path}/"))).collect()
        };
        for object in objects {
            self.tell_added(&object).await;
        }
        self.tell_changed(path, DEVICE, Properties::from([("ServicesResolved", Value::from(true))]), &[]).await;
        Ok(())
    }

    /// Whether the device took the link.
    fn link_up(&self, path: &str, slot: &Arc<Slot>) -> bool {
        let mut holder = slot.holder();
        if holder.is_some() || !slot.device().connect(slot.now()) {
            return false;
        }
        let mut state = self.state();
        state.next_link += 1;
        let link = state.next_link;
        *holder = Some(Holder { link, events: self.events.clone() });
        if let Some(remote) = state.remotes.get_mut(path) {
            remote.link = Some(link);
            remote.rssi = None;
        }
        true
    }

    /// Ends the link to the device at `path`, if there is one.
    pub(super) async fn hang_up(&self, path: &str) {
        let held = self.state().remotes.get(path).and_then(|remote| Some((Arc::clone(&remote.slot), remote.link?)));
        let Some((slot, link)) = held else { return };
        {
            let mut holder = slot.holder();
            if holder.as_ref().is_some_and(|holder| holder.link == link && holder.events.same_channel(&self.events)) {
                *holder = None;
                slot.device().disconnect();
            }
        }
        self.tell_link_over(path).await;
    }

    /// The link is gone: so are the services.
    async fn tell_link_over(&self, path: &str) {
        {
            let mut state = self.state();
            let Some(remote) = state.remotes.get_mut(path).filter(|remote| remote.link.is_some()) else { return };
            remote.link = None;
            remote.layout.clear();
        }
        let changed = Properties::from([("Connected", Value::from(false)), ("ServicesResolved", Value::from(false))]);
        self.tell_changed(path, DEVICE, changed, &[]).await;
    }

    /// A notification, if the client asked for it and it is not lost.
    pub(super) async fn notify(&self, address: &str, uuid: Uuid, value: &[u8]) {
        let path = self.state().remotes.values().filter(|remote| remote.address == address && remote.link.is_some()).find_map(|remote| {
            let number = remote.layout.iter().position(|characteristic| characteristic.uuid == uuid && characteristic.notifying)?;
            Some(remote.characteristic_path(number))
        });
        let Some(path) = path else { return };
        {
            let mut faults = self.faults();
            if faults.lose_notifications > 0 {
                faults.lose_notifications -= 1;
                return;
            }
        }
        self.tell_changed(&path, CHARACTERISTIC, Properties::from([("Value", Value::from(value.to_vec()))]), &[]).await;
    }

    /// A read, or a write of `value`, of a characteristic. `None` when the device never answers.
    pub(super) async fn operate(&self, path: &str, number: usize, value: Option<Vec<u8>>) -> Option<Result<Vec<u8>, Refusal>> {
        let (slot, uuid, stale) = {
            let mut state = self.state();
            let stale = state.remotes.get(path).and_then(|remote| state.stale.get(&remote.address).copied());
            let Some(remote) = state.remotes.get_mut(path).filter(|remote| remote.link.is_some()) else { return Some(Err(words::not_connected())) };
            let Some(uuid) = remote.layout.get(number).map(|characteristic| characteristic.uuid) else { return Some(Err(words::unknown_object("ReadValue"))) };
            remote.in_flight += 1;
            let (in_flight, slot) = (remote.in_flight, Arc::clone(&remote.slot));
            state.most_in_flight = state.most_in_flight.max(in_flight);
            (slot, uuid, stale)
        };
        // A device of the air takes its time.
        let takes = Duration::from_millis(2 + slot.device().faults.delay_ms);
        tokio::time::sleep(takes).await;
        let outcome = if stale == Some(Stale::WrongHandles) {
            Outcome::Att(0x01)
        } else {
            match value {
                Some(value) => slot.device().write(uuid, &value, slot.now()),
                None => slot.device().read(uuid),
            }
        };
        if let Some(remote) = self.state().remotes.get_mut(path) {
            remote.in_flight -= 1;
        }
        match outcome {
            Outcome::Silence => None,
            Outcome::Value(value) => Some(Ok(value)),
            Outcome::Att(code) => Some(Err(words::att(code))),
            Outcome::AttThenGone(code) => {
                slot.link_ended();
                Some(Err(words::att(code)))
            }
            Outcome::Gone => {
                slot.link_ended();
                // BlueZ ends what was in flight like this.
                Some(Err(words::att(0x0e)))
            }
        }
    }
}
