//! Which characteristic is which endpoint (COMMISSIONING.md 2.3).
//!
//! Names in descriptor 0x2901 decide; where they cannot be read, the second 16-bit group of
//! the UUID does. The order of characteristics means nothing.
//!
//! Deliberately not here: reading descriptors (the radio does).

use std::collections::BTreeMap;

use omniot_shared::claim;
use uuid::Uuid;

use crate::commissioning::radio;

/// The handshake.
pub const SESSION: &str = "prov-session";
/// Set, apply and watch a network.
pub const CONFIG: &str = "prov-config";
/// Networks in the device's range.
pub const SCAN: &str = "prov-scan";
/// Begin again.
pub const CONTROL: &str = "prov-ctrl";
/// What the device can.
pub const VERSION: &str = "proto-ver";

const BY_SUFFIX: [(u16, &str); 8] = [
    (0xff4f, CONTROL),
    (0xff50, SCAN),
    (0xff51, SESSION),
    (0xff52, CONFIG),
    (0xff53, VERSION),
    (0xff54, claim::ENDPOINTS[0]),
    (0xff55, claim::ENDPOINTS[1]),
    (0xff56, claim::ENDPOINTS[2]),
];

/// Services by which a device that can be commissioned is known in the air.
pub const SERVICES: [Uuid; 3] = [
    Uuid::from_u128(0x1775_244d_6b43_439b_877c_060f_2d9b_ed07),
    Uuid::from_u128(0x021a_9004_0382_4aea_bff4_6b3f_1c5a_dfb4),
    Uuid::from_u128(0x0000_ffff_0000_1000_8000_0080_5f9b_34fb),
];

/// The endpoints of a connected device, by name.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Endpoints(BTreeMap<String, Uuid>);

impl Endpoints {
    /// Maps what was discovered; characteristics of other services are left out.
    #[must_use]
    pub fn read(discovered: &[radio::Endpoint]) -> Self {
        let named = || discovered.iter().filter_map(|endpoint| Some((clean(endpoint.name.as_deref()?)?, endpoint.uuid)));
        let service = named()
            .find(|(name, _)| *name == SESSION)
            .map(|(_, uuid)| base(uuid))
            .or_else(|| discovered.iter().find(|endpoint| suffix(endpoint.uuid) == 0xff51).map(|endpoint| base(endpoint.uuid)));
        let Some(service) = service else { return Self::default() };
        let ours = |uuid: &Uuid| base(*uuid) == service;
        let mut found = BTreeMap::new();
        for (name, uuid) in named().filter(|(_, uuid)| ours(uuid)) {
            found.entry(name.to_owned()).or_insert(uuid);
        }
        for endpoint in discovered.iter().filter(|endpoint| ours(&endpoint.uuid) && endpoint.name.as_deref().and_then(clean).is_none()) {
            if let Some((_, name)) = BY_SUFFIX.iter().find(|(number, _)| *number == suffix(endpoint.uuid)) {
                found.entry((*name).to_owned()).or_insert(endpoint.uuid);
            }
        }
        Self(found)
    }

    /// The characteristic of an endpoint.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<Uuid> {
        self.0.get(name).copied()
    }

    /// Whether the device can be provisioned at all.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        [SESSION, CONFIG, VERSION].iter().all(|name| self.0.contains_key(*name))
    }
}

/// The name of the endpoint with that UUID, by its number alone.
#[must_use]
pub fn name_of(uuid: Uuid) -> Option<&'static str> {
    let is_ours = SERVICES.iter().any(|service| base(*service) == base(uuid));
    BY_SUFFIX.iter().find(|(number, _)| is_ours && *number == suffix(uuid)).map(|(_, name)| *name)
}

/// A name as a descriptor holds it, without what firmwares put around it; `None` for none.
#[must_use]
pub fn clean(name: &str) -> Option<&str> {
    let name = name.trim_matches(|c: char| c == '\0' || c.is_whitespace());
    (!name.is_empty()).then_some(name)
}

fn suffix(uuid: Uuid) -> u16 {
    let bytes = uuid.as_bytes();
    u16::from_be_bytes([bytes[2], bytes[3]])
}

fn base(uuid: Uuid) -> Uuid {
    let mut bytes = *uuid.as_bytes();
    bytes[2] = 0;
    bytes[3] = 0;
    Uuid::from_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commissioning::radio::{Endpoint, Properties};

    fn characteristic(service: Uuid, number: u16, name: Option<&str>) -> Endpoint {
        let mut bytes = *service.as_bytes();
        bytes[2..4].copy_from_slice(&number.to_be_bytes());
        Endpoint { uuid: Uuid::from_bytes(bytes), name: name.map(str::to_owned), properties: Properties::default() }
    }

    #[test]
    fn names_decide_in_whatever_order_and_place_they_come() {
        for service in SERVICES {
            let found = Endpoints::read(&[
                characteristic(service, 0xff60, Some("omniot-claim\0")),
                characteristic(service, 0xff52, Some("prov-config")),
                characteristic(service, 0xff51, Some("proto-ver")),
                characteristic(service, 0xff53, Some("prov-session")),
            ]);
            assert!(found.is_complete());
            assert_eq!(found.get(SESSION), Some(characteristic(service, 0xff53, None).uuid));
            assert_eq!(found.get(claim::ENDPOINTS[2]), Some(characteristic(service, 0xff60, None).uuid));
            assert_eq!(found.get(SCAN), None, "what the device lacks is not invented");
        }
    }

    #[test]
    fn without_names_the_suffixes_decide() {
        let service = SERVICES[0];
        let all: Vec<_> = (0xff4f..=0xff57).rev().map(|number| characteristic(service, number, None)).collect();
        let found = Endpoints::read(&all);
        for (number, name) in BY_SUFFIX {
            assert_eq!(found.get(name), Some(characteristic(service, number, None).uuid), "{name}");
        }
        assert_eq!(found.get(SESSION).map(|uuid| uuid.to_string()).as_deref(), Some("1775ff51-6b43-439b-877c-060f2d9bed07"));
    }

    #[test]
    fn a_second_service_with_the_same_names_does_not_mix_in() {
        let (ours, other) = (SERVICES[1], SERVICES[0]);
        let found = Endpoints::read(&[
            characteristic(ours, 0xff51, Some("prov-session")),
            characteristic(other, 0xff52, Some("prov-config")),
            characteristic(ours, 0xff52, Some("prov-config")),
            characteristic(ours, 0xff53, None),
        ]);
        assert_eq!(found.get(CONFIG), Some(characteristic(ours, 0xff52, None).uuid));
        assert!(found.is_complete(), "a single unreadable descriptor falls back to its suffix");
    }

    #[test]
    fn a_device_without_the_session_endpoint_has_none_of_ours() {
        assert_eq!(Endpoints::read(&[]), Endpoints::default());
        assert!(!Endpoints::read(&[characteristic(SERVICES[0], 0x2a00, Some("Device Name"))]).is_complete());
    }
}
