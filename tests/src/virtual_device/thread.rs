//! The Thread side of a device: `prov-config` and `prov-ctrl` as COMMISSIONING.md 2.6 and 2.10 describe
//! them, and one mesh in reach.
//!
//! Time comes in as milliseconds since the device's start; nothing waits here.
//!
//! Deliberately not here: a scan (this firmware is built without it) and traffic in the mesh.

use omniot_app::commissioning::esp::messages::{
    ConfigBody, ConfigStep, ControlBody, ControlStep, Empty, NetworkConfigPayload, NetworkControlPayload, Status, StatusReply, ThreadAttached, ThreadDetail, ThreadFailure, ThreadState, ThreadStatus,
};
use prost::Message as _;

use super::{timing::Timing, wifi::Trouble};

/// The dataset of the mesh in reach, as its border router prints it.
pub const MESH: &str = "000300000f0208dead00beef00cafe051000112233445566778899aabbccddeeff03084f6d6e694d65736801021234";

#[derive(Clone, PartialEq, Eq)]
enum Joining {
    Started,
    Trying { since: u64, dataset: Vec<u8> },
    Failed(ThreadFailure),
}

/// The radio of one device in a mesh.
pub struct Thread {
    timing: Timing,
    joining: Joining,
    given: Option<Vec<u8>>,
    polled_attached: Option<u64>,
    /// What goes wrong on purpose.
    pub trouble: Trouble,
}

enum Progress {
    Trying,
    Attached(u64),
    Failed(ThreadFailure),
}

impl Thread {
    /// Without a dataset.
    #[must_use]
    pub fn new(timing: Timing) -> Self {
        Self { timing, joining: Joining::Started, given: None, polled_attached: None, trouble: Trouble::default() }
    }

    /// Starts with a stored dataset and attaches by itself, or waits for one.
    pub fn restore(&mut self, dataset: Option<Vec<u8>>, now: u64) {
        self.given = None;
        self.polled_attached = None;
        self.joining = dataset.map_or(Joining::Started, |dataset| Joining::Trying { since: now, dataset });
    }

    /// The dataset of the mesh that it is in, and since when.
    #[must_use]
    pub fn attached(&self, now: u64) -> Option<(&[u8], u64)> {
        match (&self.joining, self.progress(now)) {
            (Joining::Trying { dataset, .. }, Some(Progress::Attached(at))) => Some((dataset, at)),
            _ => None,
        }
    }

    /// When it ends its BLE service, as with Wi-Fi.
    #[must_use]
    pub fn ends_service_at(&self, now: u64) -> Option<u64> {
        let (_, at) = self.attached(now)?;
        let unpolled = at + self.timing.auto_stop_ms;
        Some(self.polled_attached.map_or(unpolled, |polled| unpolled.min(polled + self.timing.stop_ms)))
    }

    fn progress(&self, now: u64) -> Option<Progress> {
        let Joining::Trying { since, dataset } = &self.joining else { return None };
        let done = since + self.timing.apply_ms + self.timing.join_ms;
        let Some(wanted) = mesh_of(dataset) else { return Some(Progress::Failed(ThreadFailure::DatasetInvalid)) };
        if now < done {
            return Some(Progress::Trying);
        }
        let is_there = !self.trouble.no_network && hex::decode(MESH).ok().as_deref().and_then(mesh_of) == Some(wanted);
        Some(if is_there { Progress::Attached(done) } else { Progress::Failed(ThreadFailure::NetworkNotFound) })
    }

    fn settle(&mut self, now: u64) {
        if let Some(Progress::Failed(failure)) = self.progress(now) {
            self.joining = Joining::Failed(failure);
        }
    }

    /// One request on `prov-config`; `None`: the handler failed.
    pub fn config(&mut self, request: &[u8], now: u64) -> Option<Vec<u8>> {
        let request = NetworkConfigPayload::decode(request).ok()?;
        self.settle(now);
        let (step, body) = match request.msg() {
            ConfigStep::GetThreadStatus => (ConfigStep::ThreadStatus, ConfigBody::ThreadStatus(self.status(now))),
            ConfigStep::SetThread => {
                let Some(ConfigBody::SetThread(set)) = request.payload else { return None };
                let fits = set.dataset.len() <= 254 && !self.trouble.refuse;
                self.given = fits.then_some(set.dataset);
                (ConfigStep::SetThreadReply, ConfigBody::SetThreadReply(reply(if fits { Status::Success } else { Status::InvalidArgument })))
            }
            ConfigStep::ApplyThread => (ConfigStep::ApplyThreadReply, ConfigBody::ApplyThreadReply(self.apply(now))),
            _ => return None,
        };
        Some(NetworkConfigPayload { msg: step.into(), payload: Some(body) }.encode_to_vec())
    }

    fn apply(&mut self, now: u64) -> StatusReply {
        match (&self.joining, self.given.take()) {
            (Joining::Started, Some(dataset)) => {
                self.joining = Joining::Trying { since: now, dataset };
                reply(Status::Success)
            }
            _ => reply(Status::InternalError),
        }
    }

    fn status(&mut self, now: u64) -> ThreadStatus {
        let (state, detail) = match (&self.joining, self.progress(now)) {
            (_, Some(Progress::Trying)) => (ThreadState::Attaching, None),
            (Joining::Trying { dataset, .. }, Some(Progress::Attached(_))) => (ThreadState::Attached, mesh_of(dataset).map(ThreadDetail::Attached)),
            (Joining::Failed(failure), _) => (ThreadState::AttachingFailed, Some(ThreadDetail::FailReason((*failure).into()))),
            _ => (ThreadState::Detached, None),
        };
        if state == ThreadState::Attached {
            self.polled_attached.get_or_insert(now);
        }
        ThreadStatus { status: Status::Success.into(), thread_state: state.into(), state: detail }
    }

    /// One request on `prov-ctrl`.
    pub fn control(&mut self, request: &[u8], now: u64) -> Option<Vec<u8>> {
        let request = NetworkControlPayload::decode(request).ok()?;
        self.settle(now);
        let (step, body, allowed) = match request.msg() {
            ControlStep::ResetThread => (ControlStep::ResetThreadReply, ControlBody::ResetThreadReply(Empty {}), matches!(self.joining, Joining::Failed(_) | Joining::Started)),
            ControlStep::ReprovisionThread => (ControlStep::ReprovisionThreadReply, ControlBody::ReprovisionThreadReply(Empty {}), false),
            _ => return None,
        };
        if allowed {
            self.joining = Joining::Started;
            self.given = None;
        }
        let status = if allowed { Status::Success } else { Status::InternalError };
        Some(NetworkControlPayload { msg: step.into(), status: status.into(), payload: Some(body) }.encode_to_vec())
    }
}

fn reply(status: Status) -> StatusReply {
    StatusReply { status: status.into() }
}

/// The mesh that a dataset names; with its key instead of a name, since only both together open it.
/// `None` when it is no dataset.
fn mesh_of(dataset: &[u8]) -> Option<ThreadAttached> {
    let mut rest = dataset;
    let (mut channel, mut pan_id, mut ext_pan_id, mut key) = (None, None, None, None);
    while let [kind, length, behind @ ..] = rest {
        let (value, after) = behind.split_at_checked(usize::from(*length))?;
        match (kind, value) {
            (0, [0, high, low]) => channel = Some(u32::from(u16::from_be_bytes([*high, *low]))),
            (1, [high, low]) => pan_id = Some(u32::from(u16::from_be_bytes([*high, *low]))),
            (2, value) if value.len() == 8 => ext_pan_id = Some(value.to_vec()),
            (5, value) if value.len() == 16 => key = Some(hex::encode(<sha2::Sha256 as sha2::Digest>::digest(value)).get(..8)?.to_owned()),
            (0 | 1 | 2 | 5, _) => return None,
            _ => {}
        }
        rest = after;
    }
    rest.is_empty().then_some(())?;
    Some(ThreadAttached { pan_id: pan_id?, ext_pan_id: ext_pan_id?, channel: channel?, name: key? })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(dataset: Vec<u8>) -> Vec<u8> {
        use omniot_app::commissioning::esp::messages::SetThread;
        NetworkConfigPayload { msg: ConfigStep::SetThread.into(), payload: Some(ConfigBody::SetThread(SetThread { dataset })) }.encode_to_vec()
    }

    fn ask(thread: &mut Thread, msg: ConfigStep, now: u64) -> Option<ConfigBody> {
        let reply = thread.config(&NetworkConfigPayload { msg: msg.into(), payload: None }.encode_to_vec(), now)?;
        NetworkConfigPayload::decode(&*reply).unwrap().payload
    }

    fn state(thread: &mut Thread, now: u64) -> (ThreadState, bool) {
        match ask(thread, ConfigStep::GetThreadStatus, now) {
            Some(ConfigBody::ThreadStatus(status)) => (status.thread_state(), matches!(status.state, Some(ThreadDetail::Attached(_)))),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_mesh_lets_in_whoever_has_its_key_and_nobody_else() {
        let right = hex::decode(MESH).unwrap();
        let mut wrong = right.clone();
        let key = wrong.windows(2).position(|pair| pair == [5, 16]).unwrap() + 2;
        wrong[key] ^= 1;
        for (dataset, ends) in [(right.clone(), (ThreadState::Attached, true)), (wrong, (ThreadState::AttachingFailed, false)), (right[..9].to_vec(), (ThreadState::AttachingFailed, false))] {
            let mut thread = Thread::new(Timing::FAST);
            assert_eq!(state(&mut thread, 1), (ThreadState::Detached, false));
            thread.config(&set(dataset), 1).unwrap();
            ask(&mut thread, ConfigStep::ApplyThread, 1).unwrap();
            assert_eq!(state(&mut thread, 1000), ends);
        }
        assert!(ask(&mut Thread::new(Timing::FAST), ConfigStep::GetWifiStatus, 1).is_none(), "it has no Wi-Fi");
    }
}
