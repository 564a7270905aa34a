//! What the system remembers of a device: after its firmware was changed, the layout of the old one.
//!
//! BlueZ forgets it with the device object (`RemoveDevice`), which btleplug does not offer; the
//! other systems let nobody in, and a person has to switch Bluetooth off and on.
//!
//! Deliberately not here: when that is to be healed (the flow knows what it misses).

/// Forgets the device that btleplug calls `address`. One that is not known is fine.
#[cfg(target_os = "linux")]
pub(super) async fn forget(address: &str) {
    let address = address.to_owned();
    match tokio::task::spawn_blocking(move || remove(&address)).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::warn!(%error, "the system did not forget the device"),
        Err(error) => tracing::warn!(%error, "the system did not forget the device"),
    }
}

/// Forgets nothing: this system does not let apps.
#[cfg(not(target_os = "linux"))]
pub(super) async fn forget(_address: &str) {}

/// `address` is `<adapter>/<device>`, the end of its D-Bus path.
#[cfg(target_os = "linux")]
fn remove(address: &str) -> Result<(), dbus::Error> {
    use dbus::{Path, blocking::Connection};

    let (adapter, _) = address.split_once('/').ok_or_else(|| dbus::Error::new_failed("not an address of BlueZ"))?;
    let path = |of: &str| Path::new(format!("/org/bluez/{of}")).map_err(|_| dbus::Error::new_failed("not an address of BlueZ"));
    let bus = Connection::new_system()?;
    let adapter = bus.with_proxy("org.bluez", path(adapter)?, super::ANSWER_LIMIT);
    adapter.method_call("org.bluez.Adapter1", "RemoveDevice", (path(address)?,))
}
