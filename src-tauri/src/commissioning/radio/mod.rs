//! The radio seam: finding devices nearby and exchanging bytes with one of them.
//!
//! [`virtual_radio`] talks to virtual devices in another process; [`bluetooth`] to the
//! operating system; [`recorded`] is either of them with the flight recorder between. Protocols above know only
//! [`Radio`] and [`Link`].
//!
//! Deliberately not here: what the bytes mean, retries of a protocol, deadlines of steps.
//! To add a carrier: implement both traits; `Link` operations may assume that its user
//! never has two of them in flight (COMMISSIONING.md 2.4, rule 8).

mod absent;
pub mod bluetooth;
pub mod recorded;
pub mod virtual_radio;

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use uuid::Uuid;

pub use absent::NoRadio;

use crate::RadioChoice;

/// The radio of that choice; nothing is touched before it is used.
#[must_use]
pub fn open(choice: &RadioChoice) -> Arc<dyn Radio> {
    match choice {
        RadioChoice::None => Arc::new(NoRadio),
        RadioChoice::Bluetooth => Arc::new(bluetooth::Bluetooth::new()),
        RadioChoice::Virtual(address) => Arc::new(virtual_radio::VirtualRadio::new(address.clone())),
    }
}

/// Why the radio could not.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RadioError {
    /// The device answered with an ATT error; the link may or may not live on.
    #[error("the device refused with ATT error {0:#04x}")]
    Att(u8),
    /// The system's Bluetooth gave up with a GATT status of its own, e.g. Android's 133.
    #[error("the system's Bluetooth failed with GATT status {0}")]
    Gatt(u8),
    /// The controller ended the link for this reason of the HCI, e.g. 0x3E: it never came about.
    #[error("the link ended with HCI reason {0:#04x}")]
    Hci(u8),
    /// The link is closed, or the device left.
    #[error("the device is out of reach")]
    Gone,
    /// Nothing came back in time.
    #[error("the device did not answer in time")]
    Timeout,
    /// The device or the adapter is taken by another connection.
    #[error("the device is connected elsewhere")]
    Busy,
    /// Bluetooth is switched off.
    #[error("Bluetooth is switched off")]
    AdapterOff,
    /// This machine has no Bluetooth, or the virtual radio does not answer.
    #[error("there is no Bluetooth on this machine")]
    AdapterAbsent,
    /// The operating system does not let this app use Bluetooth.
    #[error("the app may not use Bluetooth")]
    NoPermission,
    /// The device has no such characteristic.
    #[error("the device has no such endpoint")]
    NoSuchEndpoint,
    /// Anything else, in the words of the system.
    #[error("the radio failed: {0}")]
    Other(String),
}

/// Which radio.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RadioKind {
    /// Virtual devices behind a socket.
    Virtual,
    /// The operating system's Bluetooth.
    Bluetooth,
    /// None.
    None,
}

impl RadioKind {
    /// The name in records.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Virtual => "virtual",
            Self::Bluetooth => "bluetooth",
            Self::None => "none",
        }
    }
}

/// Whether the radio can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RadioState {
    /// Yes.
    Ready,
    /// Bluetooth is switched off.
    Off,
    /// The operating system does not let this app.
    NoPermission,
    /// There is none.
    Absent,
}

/// One advertisement, adv data and scan response together as far as they came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Advert {
    /// How the radio calls the device. Opaque: on some systems no MAC address.
    pub address: String,
    /// Complete local name, when it was heard.
    pub name: Option<String>,
    /// dBm.
    pub rssi: Option<i32>,
    /// Advertised services.
    pub services: Vec<Uuid>,
    /// Company id and bytes.
    pub manufacturer: Vec<(u16, Vec<u8>)>,
    /// Service and bytes.
    pub service_data: Vec<(Uuid, Vec<u8>)>,
}

/// What one may do with a characteristic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Properties {
    /// Its value can be read.
    pub read: bool,
    /// It can be written, with response.
    pub write: bool,
    /// It can notify.
    pub notify: bool,
}

/// One characteristic of a connected device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Its UUID.
    pub uuid: Uuid,
    /// Text of its descriptor 0x2901, when that could be read.
    pub name: Option<String>,
    /// What one may do with it.
    pub properties: Properties,
}

/// Finds devices and connects to them.
#[async_trait]
pub trait Radio: Send + Sync {
    /// Which radio this is.
    fn kind(&self) -> RadioKind;

    /// Whether it can be used now.
    async fn state(&self) -> RadioState;

    /// Begins to listen, actively. Adverts end when the scan is stopped or the radio goes.
    /// A second scan ends the first.
    ///
    /// # Errors
    /// When the adapter is off, absent or not permitted.
    async fn scan(&self) -> Result<mpsc::Receiver<Advert>, RadioError>;

    /// Stops listening. Twice is fine.
    ///
    /// # Errors
    /// As the system says.
    async fn stop_scan(&self) -> Result<(), RadioError>;

    /// Connects once (no retries) to a device whose advert was heard; asks for the largest MTU.
    /// The caller has stopped the scan.
    ///
    /// # Errors
    /// `Gone` when it is not in reach, `Busy` when it has another link.
    async fn connect(&self, address: &str) -> Result<Arc<dyn Link>, RadioError>;

    /// Drops what the system remembers of a device, so that it looks at its services anew, and a
    /// link that it still holds for a process that died. Where the system remembers nothing, or
    /// lets nobody in, nothing happens. We have no link to it.
    async fn forget(&self, _address: &str) {}
}

/// One connection. Dropping it without [`Link::disconnect`] may leave it open.
#[async_trait]
pub trait Link: Send + Sync + fmt::Debug {
    /// The ATT MTU in force, bytes; 23 when the system does not tell.
    fn mtu(&self) -> u16;

    /// The characteristics of the device, with the texts of their descriptors 0x2901.
    ///
    /// # Errors
    /// When the link is gone or the device does not answer.
    async fn discover(&self) -> Result<Vec<Endpoint>, RadioError>;

    /// Writes with response; long values in pieces as ATT does it.
    ///
    /// # Errors
    /// `Att` when the device refuses. Never read the reply after that.
    async fn write(&self, endpoint: Uuid, value: &[u8]) -> Result<(), RadioError>;

    /// Reads the whole value.
    ///
    /// # Errors
    /// `Att` when the device refuses.
    async fn read(&self, endpoint: Uuid) -> Result<Vec<u8>, RadioError>;

    /// Notifications of one endpoint, from now on. Subscribe before the write whose answer you await.
    ///
    /// # Errors
    /// When the endpoint cannot notify.
    async fn subscribe(&self, endpoint: Uuid) -> Result<mpsc::Receiver<Vec<u8>>, RadioError>;

    /// Closes the link. Twice is fine.
    async fn disconnect(&self);

    /// Comes back when the link is closed, by whomever; at once when it is already.
    async fn closed(&self);
}
