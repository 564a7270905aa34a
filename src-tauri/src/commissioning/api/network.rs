//! The network that a technician chooses, checked before anything is sent: the device's driver
//! refuses what does not fit, without a reason.
//!
//! Deliberately not here: when a network may be given (the module above).

use serde::Deserialize;
use serde_json::Value;

use crate::{
    commissioning::{
        esp::{
            config::{PASSPHRASE_LIMIT, SSID_LIMIT},
            thread::Dataset,
        },
        flow::{
            draft::{SeenNetwork, shown_network},
            secrets::{Access, Keep, Network, Secret},
        },
    },
    door::Reply,
};

/// The shortest passphrase of WPA.
const PASSPHRASE_LEAST: usize = 8;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    ssid: Option<String>,
    network_id: Option<String>,
    #[serde(default)]
    passphrase: Secret,
    #[serde(default)]
    remember: bool,
}

/// Reads the body of `POST …/network`; `seen` are the networks that the device sees.
///
/// # Errors
/// As a reply that names the field.
pub fn read(body: Option<Value>, seen: &[SeenNetwork]) -> Result<Network, Reply> {
    let wanted: Wanted = super::read(body)?;
    let (ssid, seen) = match (&wanted.network_id, &wanted.ssid) {
        (Some(id), None) => {
            let network = seen.iter().find(|network| network.id == *id).ok_or_else(|| Reply::invalid("invalid_field", "network_id", "the device does not see this network"))?;
            (network.raw.clone(), Some(network))
        }
        (None, Some(text)) => {
            // Exactly that name, else the only one that reads like it: one that is not UTF-8.
            let exact = seen.iter().find(|network| network.raw == text.as_bytes());
            let alike = || Some(seen.iter().filter(|network| network.ssid == *text)).and_then(|mut alike| alike.next().filter(|_| alike.next().is_none()));
            let network = exact.or_else(alike);
            (network.map_or_else(|| text.as_bytes().to_vec(), |network| network.raw.clone()), network)
        }
        _ => return Err(Reply::invalid("invalid_field", "ssid", "say which network: either `network_id` or `ssid`")),
    };
    of(ssid, seen, wanted.passphrase, if wanted.remember { Keep::ForSite } else { Keep::Once })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WantedMesh {
    dataset: Secret,
    #[serde(default)]
    remember: bool,
}

/// A network that nobody sees now.
///
/// # Errors
/// As a reply that names the field.
pub fn named(ssid: &str, passphrase: Secret) -> Result<Network, Reply> {
    of(ssid.as_bytes().to_vec(), None, passphrase, Keep::ForSite)
}

fn of(ssid: Vec<u8>, seen: Option<&SeenNetwork>, passphrase: Secret, keep: Keep) -> Result<Network, Reply> {
    if ssid.is_empty() || ssid.len() > SSID_LIMIT {
        return Err(Reply::invalid("invalid_field", "ssid", "the name of a network has 1 to 32 bytes"));
    }
    fits(seen.map(|network| network.auth.as_str()), &passphrase.0)?;
    Ok(Network { shown: shown_network(&ssid), access: Access::Wifi { ssid, passphrase: passphrase.0 }, keep, unseen: false })
}

/// Reads the body of `POST …/network` for a device that joins a Thread mesh.
///
/// # Errors
/// As a reply that names the field and never repeats it.
pub fn read_mesh(body: Option<Value>) -> Result<Network, Reply> {
    let wanted: WantedMesh = super::read(body)?;
    let keep = if wanted.remember { Keep::ForSite } else { Keep::Once };
    Ok(Network { keep, ..mesh(&wanted.dataset)? })
}

/// A mesh by its dataset.
///
/// # Errors
/// As a reply that names the field and never repeats it.
pub fn mesh(dataset: &Secret) -> Result<Network, Reply> {
    let dataset = Dataset::from_hex(&dataset.0).map_err(|why| Reply::invalid("invalid_field", "dataset", &why.to_string()))?;
    Ok(Network { shown: dataset.shown(), access: Access::Thread(dataset), keep: Keep::ForSite, unseen: false })
}

/// Whether a network with this protection can have this passphrase; `None` is a hidden network.
fn fits(auth: Option<&str>, passphrase: &str) -> Result<(), Reply> {
    let length = passphrase.len();
    let wpa = (PASSPHRASE_LEAST..=PASSPHRASE_LIMIT).contains(&length);
    let (fits, detail) = match auth {
        Some("wpa2_enterprise") => {
            return Err(Reply::invalid("network_needs_account", "ssid", "this network wants a user account; devices can only be given a passphrase"));
        }
        Some("open") => (length <= PASSPHRASE_LIMIT, "the passphrase has at most 63 characters"),
        Some("wep") => (is_wep(passphrase), "the key of this network has 5 or 13 characters, or 10 or 26 hexadecimal digits"),
        Some("wpa" | "wpa2" | "wpa_wpa2" | "wpa3" | "wpa2_wpa3") => (wpa, "the passphrase of this network has 8 to 63 characters"),
        // A protection of later days is no reason to refuse what its network may want.
        None | Some(_) => (length == 0 || wpa || is_wep(passphrase), "the passphrase has 8 to 63 characters, or none for an open network"),
    };
    if fits { Ok(()) } else { Err(Reply::invalid("invalid_field", "passphrase", detail)) }
}

/// WEP-40 or WEP-104, as text or as hexadecimal digits.
fn is_wep(key: &str) -> bool {
    matches!(key.len(), 5 | 13) || (matches!(key.len(), 10 | 26) && key.bytes().all(|digit| digit.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    fn seen(ssid: &[u8], auth: &str) -> SeenNetwork {
        SeenNetwork::new(ssid.to_vec(), -50, auth)
    }

    fn ssid(network: &Network) -> Vec<u8> {
        match &network.access {
            Access::Wifi { ssid, .. } => ssid.clone(),
            Access::Thread(_) => panic!("a mesh has no such name"),
        }
    }

    fn field(body: Value, networks: &[SeenNetwork]) -> (String, String) {
        let refused = read(Some(body.clone()), networks).err().unwrap_or_else(|| panic!("{body} must be refused"));
        let text = |name: &str| refused.body["error"][name].as_str().unwrap().to_owned();
        (text("code"), text("field"))
    }

    #[test]
    fn names_that_read_alike_are_told_apart_by_their_ids() {
        let networks = [seen(&[b'A', 0xff], "wpa2"), seen(&[b'A', 0xfe], "wpa2"), seen(b"B\0", "wpa2")];
        assert_eq!((&networks[0].ssid, &networks[2].ssid), (&networks[1].ssid, &"B\u{fffd}".to_owned()), "a record could not hold a zero");
        for network in &networks {
            let chosen = read(Some(json!({"network_id": network.id, "passphrase": "long enough"})), &networks).ok().unwrap();
            assert_eq!((ssid(&chosen), chosen.shown), (network.raw.clone(), network.ssid.clone()));
        }
        let alone = read(Some(json!({"ssid": networks[0].ssid, "passphrase": "long enough"})), &networks[..1]).ok().unwrap();
        assert_eq!(ssid(&alone), networks[0].raw, "the only one that reads like this");
        let typed = read(Some(json!({"ssid": "Hidden", "passphrase": ""})), &networks).ok().unwrap();
        assert_eq!(ssid(&typed), b"Hidden");
        for body in [json!({"passphrase": "long enough"}), json!({"ssid": "A", "network_id": "QQ"})] {
            assert_eq!(field(body, &networks), ("invalid_field".into(), "ssid".into()));
        }
        assert_eq!(field(json!({"network_id": "bm9uZQ"}), &networks), ("invalid_field".into(), "network_id".into()));
    }

    #[test]
    fn a_passphrase_fits_its_network_or_is_not_sent() {
        let try_one = |auth: &str, passphrase: &str| read(Some(json!({"ssid": "N", "passphrase": passphrase})), &[seen(b"N", auth)]).is_ok();
        for (auth, good, bad) in [
            ("wpa2", &["12345678"][..], &["", "1234567"][..]),
            ("wep", &["abcde", "thirteen char", "0123456789", "0123456789abcdefABCDEF0123"], &["abcdef", "not hex ten", "xyzxyzxyzx", ""]),
            ("open", &[""], &[]),
            ("unknown", &["", "12345678", "abcde"], &["1234567"]),
        ] {
            assert!(good.iter().all(|passphrase| try_one(auth, passphrase)), "{auth}");
            assert!(!bad.iter().any(|passphrase| try_one(auth, passphrase)), "{auth}");
        }
        let enterprise = field(json!({"ssid": "N", "passphrase": "long enough"}), &[seen(b"N", "wpa2_enterprise")]);
        assert_eq!(enterprise, ("network_needs_account".into(), "ssid".into()));
    }
}
