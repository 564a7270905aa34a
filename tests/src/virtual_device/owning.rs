//! What a device answers to a claim: it decides, stores, and then answers.
//!
//! Deliberately not here: the decision (`omniot_shared::claim::owner`), and what it tells its owner later (`contact`).

use omniot_shared::{
    claim::{
        messages::{ClaimReply, Status},
        owner,
    },
    time::Millis,
};
use prost::Message as _;

use super::device::Device;

impl Device {
    /// The reply to a request of `omniot-claim`.
    pub(super) fn claim(&mut self, request: &[u8], now: u64) -> Vec<u8> {
        if let Some(left) = self.faults.busy.checked_sub(1) {
            self.faults.busy = left;
            return only(Status::Busy);
        }
        let time = self.faults.told_ms.map(Millis).or_else(|| self.contact.time(now));
        let state = self.kept.state();
        let outcome = owner::decide_wire(&state, &self.spec().serial, &self.factory().key, request, time);
        if let Ok(accepted) = &outcome
            && accepted.state != state
        {
            let loss = self.faults.power_loss.take();
            if self.keep(self.kept.with(&accepted.state), loss).is_err() {
                return only(Status::StorageFailed);
            }
        }
        let reply = owner::reply(&outcome);
        match self.faults.hostile {
            Some(hostile) => hostile.claimed(self.factory(), reply),
            None => reply,
        }
        .encode_to_vec()
    }
}

fn only(status: Status) -> Vec<u8> {
    ClaimReply { status: status.into(), receipt: None, owner: Vec::new() }.encode_to_vec()
}
