//! What a tenant has to tell a device: where to report, and that releases were taken back.
//!
//! A device says in its heartbeat which address it was told last, URL and trust anchor, and which notice it heard last; it
//! is answered a notice when that is not how things are. One that does not say is not told: of its trust anchor, or of anything.
//!
//! Deliberately not here: what the device does with it (`omniot_shared::claim::home`).

use base64::{Engine as _, engine::general_purpose::STANDARD};
use omniot_shared::claim::Notice;
use prost::Message as _;

use super::{
    DeviceCaller,
    error::CommissioningError,
    store::{keys, releases},
};
use crate::http::AppState;

/// What a device was told last.
pub(super) struct Told<'a> {
    /// The URL.
    pub reports_to: &'a str,
    /// The trust anchor, as `omniot_shared::claim::home::Backend::trusts`; `None`: it does not say.
    pub trusts: Option<&'a str>,
    /// The number of the last notice.
    pub heard: u32,
}

/// The notice for a device that was `told` that, as base64; `None` when it knows all.
pub(super) async fn due(device: &mut DeviceCaller, state: &AppState, told: Told<'_>) -> Result<Option<String>, CommissioningError> {
    let known = u32::try_from(device.row.notice).unwrap_or(u32::MAX);
    let home = state.settings.home();
    let is_home = told.reports_to == home.url && told.trusts.is_none_or(|trusts| trusts == home.trusts());
    let Some(number) = number(known, told.heard, is_home) else { return Ok(None) };
    let Some(key) = keys::owner(&mut device.scope).await?.and_then(|owner| owner.key) else { return Ok(None) };
    let notice = Notice {
        tenant: device.scope.tenant(),
        serial: device.row.serial.clone(),
        epoch: u32::try_from(device.row.epoch).unwrap_or_default(),
        number,
        backend: home,
    };
    let signed = notice.sign(key.signing());
    // What a device could not read must not leave the server.
    if let Err(error) = Notice::read(&signed, key.public()) {
        tracing::error!(%error, "a notice of this server cannot be read: look at its public URL and trust anchor");
        return Ok(None);
    }
    releases::number(&mut device.scope, device.id, number).await?;
    Ok(Some(STANDARD.encode(signed.encode_to_vec())))
}

/// The number of the notice that is due, when the last one was `known`; `None` when the device has heard it and reports
/// where it should.
const fn number(known: u32, heard: u32, is_home: bool) -> Option<u32> {
    if known > heard {
        Some(known)
    } else if is_home {
        None
    } else {
        heard.checked_add(1)
    }
}

#[cfg(test)]
mod unit {
    use super::number;

    #[test]
    fn a_device_is_told_once_and_again_only_when_there_is_news() {
        assert_eq!(number(0, 0, true), None);
        assert_eq!(number(0, 0, false), Some(1), "the deployment moved");
        assert_eq!(number(1, 0, false), Some(1), "it did not hear that");
        assert_eq!(number(1, 1, true), None);
        assert_eq!(number(2, 1, true), Some(2), "a release was taken back");
        assert_eq!(number(1, 1, false), Some(2), "it moved once more");
        assert_eq!(number(1, 5, false), Some(6), "a server that lost its latest past goes on from what the device heard");
        assert_eq!(number(0, u32::MAX, false), None);
    }
}
