//! The state of the service, and the tree of objects that clients see of it.
//!
//! Deliberately not here: changing it in answer to a call (`service`, `radio`).

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use serde_json::Value as Json;
use uuid::Uuid;
use zbus::zvariant::{ObjectPath, Value};

use super::faults::Stale;
use crate::virtual_device::{carrier, fleet::Slot};

/// The properties of one interface.
pub(super) type Properties = HashMap<&'static str, Value<'static>>;
/// The interfaces of one object.
pub(super) type Interfaces = HashMap<&'static str, Properties>;

/// A Bluetooth adapter.
pub(super) struct Adapter {
    pub powered: bool,
    /// The bus names of the clients that scan.
    pub scanning: BTreeSet<String>,
}

/// A device that the system knows.
pub(super) struct Remote {
    pub slot: Arc<Slot>,
    pub adapter: String,
    pub address: String,
    pub name: Option<String>,
    pub services: Vec<String>,
    pub service_data: HashMap<String, Vec<u8>>,
    /// Only while a scan hears it.
    pub rssi: Option<i16>,
    pub link: Option<u64>,
    /// Its characteristics, once they are resolved.
    pub layout: Vec<Characteristic>,
    pub in_flight: usize,
}

/// One characteristic.
#[derive(Clone)]
pub(super) struct Characteristic {
    pub uuid: Uuid,
    pub name: Option<String>,
    pub flags: Vec<String>,
    pub notifying: bool,
}

/// Everything.
#[derive(Default)]
pub(super) struct State {
    pub adapters: BTreeMap<String, Adapter>,
    /// By object path.
    pub remotes: BTreeMap<String, Remote>,
    /// By address: services of an older firmware.
    pub stale: BTreeMap<String, Stale>,
    pub most_in_flight: usize,
    pub next_link: u64,
}

pub(super) const ADAPTER: &str = "org.bluez.Adapter1";
pub(super) const DEVICE: &str = "org.bluez.Device1";
pub(super) const SERVICE: &str = "org.bluez.GattService1";
pub(super) const CHARACTERISTIC: &str = "org.bluez.GattCharacteristic1";
pub(super) const DESCRIPTOR: &str = "org.bluez.GattDescriptor1";

pub(super) fn adapter_path(adapter: &str) -> String {
    format!("/org/bluez/{adapter}")
}

pub(super) fn device_path(adapter: &str, address: &str) -> String {
    format!("/org/bluez/{adapter}/dev_{}", address.replace(':', "_"))
}

fn text(text: &str) -> Value<'static> {
    Value::from(text.to_owned())
}

fn object(path: &str) -> Value<'static> {
    ObjectPath::try_from(path.to_owned()).map_or_else(|_| text(path), Value::from)
}

impl Remote {
    fn new(slot: &Arc<Slot>, adapter: &str, address: String) -> Self {
        let slot = Arc::clone(slot);
        Self {
            slot,
            adapter: adapter.to_owned(),
            address,
            name: None,
            services: Vec::new(),
            service_data: HashMap::new(),
            rssi: None,
            link: None,
            layout: Vec::new(),
            in_flight: 0,
        }
    }

    pub fn path(&self) -> String {
        device_path(&self.adapter, &self.address)
    }

    /// What an advert of the virtual radio says of it.
    pub fn hear(&mut self, advert: &Json) {
        let strings = |list: &Json| list.as_array().into_iter().flatten().filter_map(|each| each.as_str().map(str::to_owned)).collect();
        self.name = advert["name"].as_str().filter(|name| !name.is_empty()).map(str::to_owned);
        self.rssi = advert["rssi"].as_i64().and_then(|rssi| i16::try_from(rssi).ok());
        self.services = strings(&advert["services"]);
        let pairs = advert["service_data"].as_array().into_iter().flatten();
        self.service_data = pairs.filter_map(|pair| Some((pair[0].as_str()?.to_owned(), carrier::bytes(pair[1].as_str()?)?))).collect();
    }

    /// The properties that a scan changes.
    pub fn heard(&self) -> Properties {
        let mut heard = Properties::from([("UUIDs", Value::from(self.services.clone()))]);
        if let Some(rssi) = self.rssi {
            heard.insert("RSSI", Value::from(rssi));
        }
        if let Some(name) = &self.name {
            heard.insert("Name", text(name));
        }
        if !self.service_data.is_empty() {
            let data: HashMap<String, Value<'static>> = self.service_data.iter().map(|(service, data)| (service.clone(), Value::from(data.clone()))).collect();
            heard.insert("ServiceData", Value::from(data));
        }
        heard
    }

    fn properties(&self) -> Properties {
        let mut all = self.heard();
        // Without a name of its own, BlueZ calls a device by its address.
        let alias = self.name.clone().unwrap_or_else(|| self.address.replace(':', "-"));
        all.extend([("Address", text(&self.address)), ("AddressType", text("random")), ("Alias", text(&alias)), ("Adapter", object(&adapter_path(&self.adapter)))]);
        for (name, value) in [("Connected", self.link.is_some()), ("ServicesResolved", !self.layout.is_empty())] {
            all.insert(name, Value::from(value));
        }
        for name in ["Paired", "Bonded", "Trusted", "Blocked", "LegacyPairing"] {
            all.insert(name, Value::from(false));
        }
        all
    }

    /// The paths of its service, of a characteristic and of its description.
    pub fn service_path(&self) -> String {
        format!("{}/service0001", self.path())
    }

    pub fn characteristic_path(&self, number: usize) -> String {
        format!("{}/char{number:04x}", self.service_path())
    }

    fn gatt(&self, tree: &mut BTreeMap<String, Interfaces>) {
        if self.layout.is_empty() {
            return;
        }
        let uuid = self.services.first().cloned().unwrap_or_default();
        let service = Properties::from([("UUID", text(&uuid)), ("Primary", Value::from(true)), ("Device", object(&self.path()))]);
        tree.insert(self.service_path(), Interfaces::from([(SERVICE, service)]));
        let mtu = self.slot.device().mtu();
        for (number, characteristic) in self.layout.iter().enumerate() {
            let path = self.characteristic_path(number);
            let properties = Properties::from([
                ("UUID", text(&characteristic.uuid.to_string())),
                ("Service", object(&self.service_path())),
                ("Flags", Value::from(characteristic.flags.clone())),
                ("Value", Value::from(Vec::<u8>::new())),
                ("Notifying", Value::from(characteristic.notifying)),
                ("MTU", Value::from(mtu)),
            ]);
            tree.insert(path.clone(), Interfaces::from([(CHARACTERISTIC, properties)]));
            if characteristic.name.is_some() {
                let description = Properties::from([("UUID", text("00002901-0000-1000-8000-00805f9b34fb")), ("Characteristic", object(&path))]);
                tree.insert(format!("{path}/desc0001"), Interfaces::from([(DESCRIPTOR, description)]));
            }
        }
    }
}

impl State {
    pub fn plug(&mut self, adapter: &str) {
        self.adapters.insert(adapter.to_owned(), Adapter { powered: true, scanning: BTreeSet::new() });
    }

    /// A device that is in the cache alone.
    pub fn remember(&mut self, slot: &Arc<Slot>) {
        let (address, name) = {
            let device = slot.device();
            (device.radio_address(), device.spec().name().to_owned())
        };
        for adapter in self.adapters.keys() {
            let remote = Remote { name: Some(name.clone()), ..Remote::new(slot, adapter, address.clone()) };
            self.remotes.entry(remote.path()).or_insert(remote);
        }
    }

    /// A device was heard by an adapter; whether it is new.
    pub fn hear(&mut self, slot: &Arc<Slot>, adapter: &str, advert: &Json) -> (String, bool) {
        let address = advert["address"].as_str().unwrap_or_default().to_owned();
        let path = device_path(adapter, &address);
        let is_new = !self.remotes.contains_key(&path);
        self.remotes.entry(path.clone()).or_insert_with(|| Remote::new(slot, adapter, address)).hear(advert);
        (path, is_new)
    }

    /// The layout that the system believes in: the device's own, or an older one.
    pub fn layout(&self, remote: &Remote) -> Vec<Characteristic> {
        let mut layout: Vec<Characteristic> = carrier::discover(&remote.slot)
            .as_array()
            .into_iter()
            .flatten()
            .map(|each| Characteristic {
                uuid: each["uuid"].as_str().and_then(|uuid| Uuid::parse_str(uuid).ok()).unwrap_or_default(),
                name: each["name"].as_str().map(str::to_owned),
                flags: each["properties"].as_array().into_iter().flatten().filter_map(|flag| flag.as_str().map(str::to_owned)).collect(),
                notifying: false,
            })
            .collect();
        if self.stale.get(&remote.address) == Some(&Stale::MissesOne) {
            layout.retain(|characteristic| characteristic.name.as_deref() != Some("prov-config"));
        }
        layout
    }

    /// The device at a path, or above it, and the number of the characteristic that the path names.
    pub fn remote_at(&self, path: &str) -> Option<(String, Option<usize>)> {
        let device = self.remotes.keys().find(|device| path == **device || path.strip_prefix(device.as_str()).is_some_and(|rest| rest.starts_with('/')))?;
        let number = path.split("/char").nth(1).and_then(|rest| usize::from_str_radix(rest.get(..4)?, 16).ok());
        Some((device.clone(), number))
    }

    /// All objects.
    pub fn objects(&self) -> BTreeMap<String, Interfaces> {
        let mut tree = BTreeMap::new();
        for (name, adapter) in &self.adapters {
            let properties = Properties::from([
                ("Address", text("C4:F2:17:00:00:01")),
                ("AddressType", text("public")),
                ("Name", text("bench")),
                ("Alias", text("bench")),
                ("Modalias", text("usb:v1D6Bp0246d0542")),
                ("Powered", Value::from(adapter.powered)),
                ("Discovering", Value::from(!adapter.scanning.is_empty())),
                ("UUIDs", Value::from(Vec::<String>::new())),
            ]);
            tree.insert(adapter_path(name), Interfaces::from([(ADAPTER, properties)]));
        }
        for (path, remote) in &self.remotes {
            tree.insert(path.clone(), Interfaces::from([(DEVICE, remote.properties())]));
            remote.gatt(&mut tree);
        }
        tree
    }
}
