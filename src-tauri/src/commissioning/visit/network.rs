//! A network as a visit keeps it, in the vault.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::commissioning::{
    esp::thread::Dataset,
    flow::{
        draft::{NetworkKind, shown_network},
        secrets::{Access, Keep, Network},
    },
};

/// A network with what opens it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum KeptNetwork {
    /// Wi-Fi.
    Wifi {
        /// Its name's bytes, base64.
        ssid: String,
        /// Empty for an open one.
        passphrase: String,
        /// As [`Network::unseen`].
        #[serde(default)]
        unseen: bool,
    },
    /// A mesh.
    Thread {
        /// Its dataset, hexadecimal.
        dataset: String,
    },
}

impl KeptNetwork {
    /// What is kept of a network.
    pub fn of(network: &Network) -> Self {
        match &network.access {
            Access::Wifi { ssid, passphrase } => Self::Wifi { ssid: STANDARD.encode(ssid), passphrase: passphrase.as_str().to_owned(), unseen: network.unseen },
            Access::Thread(dataset) => Self::Thread { dataset: dataset.to_hex().as_str().to_owned() },
        }
    }

    /// The network; `None` when what is kept cannot be one.
    pub fn network(&self) -> Option<Network> {
        let (shown, access, unseen) = match self {
            Self::Wifi { ssid, passphrase, unseen } => {
                let ssid = STANDARD.decode(ssid).ok()?;
                (shown_network(&ssid), Access::Wifi { ssid, passphrase: Zeroizing::new(passphrase.clone()) }, *unseen)
            }
            Self::Thread { dataset } => {
                let dataset = Dataset::from_hex(dataset).ok()?;
                (dataset.shown(), Access::Thread(dataset), false)
            }
        };
        Some(Network { shown, access, keep: Keep::ForSite, unseen })
    }

    /// What sort it is.
    pub const fn kind(&self) -> NetworkKind {
        match self {
            Self::Wifi { .. } => NetworkKind::Wifi,
            Self::Thread { .. } => NetworkKind::Thread,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_name_and_any_mesh_comes_back_as_it_was() {
        let mesh = Dataset::from_hex("0e080000000000010000000300001035060004001fffe002081122334455667788051000112233445566778899aabbccddeeff").ok();
        let wifi = Access::Wifi { ssid: vec![0xff, 0, b'a'], passphrase: Zeroizing::new("long enough".into()) };
        for (access, unseen) in [Some((wifi.clone(), true)), Some((wifi, false)), mesh.map(|mesh| (Access::Thread(mesh), false))].into_iter().flatten() {
            let network = Network { shown: String::new(), access, keep: Keep::Once, unseen };
            let kept = KeptNetwork::of(&network);
            let again: KeptNetwork = serde_json::from_str(&serde_json::to_string(&kept).unwrap()).unwrap();
            assert!(KeptNetwork::of(&again.network().unwrap()) == kept);
        }
    }

    #[test]
    fn one_that_another_version_kept_is_one_that_devices_see() {
        let kept: KeptNetwork = serde_json::from_str(r#"{"kind":"wifi","ssid":"RmllbGQ=","passphrase":"long enough"}"#).unwrap();
        assert!(kept.network().is_some_and(|network| !network.unseen));
    }
}
