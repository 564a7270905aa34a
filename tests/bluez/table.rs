//! What lies on the table: a fleet, the service that carries it, and the app's radio.

use std::{sync::Arc, time::Duration};

use omniot_app::commissioning::radio::{Advert, Link, Radio, bluetooth::Bluetooth};
use omniot_shared::entities::Security;
use omniot_tests::{
    bluez::Bluez,
    virtual_device::{carrier, fleet::Fleet, spec::Spec},
};
use tempfile::TempDir;

use crate::bench;

/// Longer than anything takes that goes well.
pub const SOON: Duration = Duration::from_secs(10);

/// One device, and the radio that is to find it.
pub struct Table {
    pub bluez: Bluez,
    pub radio: Bluetooth,
    pub fleet: Arc<Fleet>,
    _state: TempDir,
}

impl Table {
    pub async fn new(address: &str) -> Self {
        Self::with(address, vec![bench::device("OM-0001", Security::Sec2Patch1)]).await
    }

    pub async fn with(address: &str, devices: Vec<Spec>) -> Self {
        let (fleet, state) = bench::fleet(devices);
        carrier::animate(&fleet);
        let bluez = Bluez::start(address, Arc::clone(&fleet)).await.expect("our org.bluez starts");
        Self { bluez, radio: Bluetooth::new(), fleet, _state: state }
    }

    /// The first advert of anything.
    pub async fn hear(&self) -> Advert {
        let mut adverts = self.radio.scan().await.expect("the radio scans");
        let advert = tokio::time::timeout(SOON, adverts.recv()).await.expect("something advertises").expect("the scan lives");
        self.radio.stop_scan().await.expect("the scan stops");
        advert
    }

    /// A link to the first device that is heard.
    pub async fn link(&self) -> Arc<dyn Link> {
        let advert = self.hear().await;
        self.radio.connect(&advert.address).await.expect("the device takes a link")
    }

    /// A link whose services are known.
    pub async fn known_link(&self) -> Arc<dyn Link> {
        let link = self.link().await;
        link.discover().await.expect("the services are found");
        link
    }

    pub fn is_linked(&self) -> bool {
        self.fleet.slots[0].device().linked()
    }
}

/// Waits until it is so.
pub async fn until(what: &str, is: impl Fn() -> bool) {
    let waiting = async {
        while !is() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(SOON, waiting).await.unwrap_or_else(|_| panic!("never: {what}"));
}
