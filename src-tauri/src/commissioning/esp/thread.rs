//! `prov-config` for Thread: set, apply and watch an operational dataset.
//!
//! A dataset is a list of type, length, value (Thread specification 8.10.1; OpenThread prints it in
//! hexadecimal as `dataset active -x`). It holds the network's key: it is a secret.
//!
//! Deliberately not here: polling and what to do after a failure (the flow).

use prost::Message as _;
use zeroize::Zeroizing;

use super::{
    EspError, answers,
    messages::{ConfigBody, ConfigStep, Empty, NetworkConfigPayload, SetThread, ThreadDetail, ThreadFailure, ThreadState},
    read, success,
};

/// The longest dataset, bytes.
pub const DATASET_LIMIT: usize = 254;

const CHANNEL: u8 = 0;
const PAN_ID: u8 = 1;
const EXT_PAN_ID: u8 = 2;
const NAME: u8 = 3;
const KEY: u8 = 5;

/// Type and exact length of what has one; a name has 1 to 16 bytes.
const LENGTHS: [(u8, usize); 8] = [(CHANNEL, 3), (PAN_ID, 2), (EXT_PAN_ID, 8), (4, 16), (KEY, 16), (7, 8), (14, 8), (51, 8)];
/// Without these a device cannot attach.
const NEEDED: [u8; 4] = [CHANNEL, PAN_ID, EXT_PAN_ID, KEY];

/// Why a text is no dataset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidDataset {
    /// Not hexadecimal digits in pairs.
    #[error("a dataset is written in hexadecimal digits")]
    NotHex,
    /// Types, lengths and values do not fill it, or one is there twice.
    #[error("the dataset is cut off or has a typing error")]
    Broken,
    /// Too long.
    #[error("a dataset has at most 254 bytes")]
    TooLong,
    /// Channel, PAN id, extended PAN id or network key is missing.
    #[error("the dataset lacks channel, PAN id, extended PAN id or network key")]
    Incomplete,
}

/// A dataset that a device can use. No `Debug`: it holds the network's key.
#[derive(Clone, PartialEq, Eq)]
pub struct Dataset(Zeroizing<Vec<u8>>);

impl Dataset {
    /// Reads what a border router prints; white space is ignored.
    ///
    /// # Errors
    /// When it is not a dataset, or one that no device could attach with.
    pub fn from_hex(text: &str) -> Result<Self, InvalidDataset> {
        let digits: Zeroizing<String> = Zeroizing::new(text.chars().filter(|c| !c.is_whitespace()).collect());
        let bytes = Zeroizing::new(hex::decode(digits.as_bytes()).map_err(|_| InvalidDataset::NotHex)?);
        if bytes.len() > DATASET_LIMIT {
            return Err(InvalidDataset::TooLong);
        }
        let parts = parts(&bytes).ok_or(InvalidDataset::Broken)?;
        let has_twice = parts.iter().enumerate().any(|(at, (kind, _))| parts[..at].iter().any(|(before, _)| before == kind));
        let fits = |(kind, value): &(u8, &[u8])| match LENGTHS.iter().find(|(known, _)| known == kind) {
            Some((_, length)) => value.len() == *length,
            None => *kind != NAME || (1..=16).contains(&value.len()),
        };
        if has_twice || !parts.iter().all(fits) {
            return Err(InvalidDataset::Broken);
        }
        if !NEEDED.iter().all(|needed| parts.iter().any(|(kind, _)| kind == needed)) {
            return Err(InvalidDataset::Incomplete);
        }
        Ok(Self(bytes))
    }

    /// The network's name, or its extended PAN id where the dataset has no name; for people and records.
    #[must_use]
    pub fn shown(&self) -> String {
        let parts = parts(&self.0).unwrap_or_default();
        let of = |wanted: u8| parts.iter().find(|(kind, _)| *kind == wanted).map(|(_, value)| *value);
        match of(NAME) {
            Some(name) => String::from_utf8_lossy(name).chars().filter(|c| !c.is_control()).collect(),
            None => hex::encode(of(EXT_PAN_ID).unwrap_or_default()),
        }
    }

    /// As it was read, with its key.
    #[must_use]
    pub fn to_hex(&self) -> Zeroizing<String> {
        Zeroizing::new(hex::encode(self.0.as_slice()))
    }

    /// Its extended PAN id.
    #[must_use]
    pub fn ext_pan_id(&self) -> Vec<u8> {
        let parts = parts(&self.0).unwrap_or_default();
        parts.iter().find(|(kind, _)| *kind == EXT_PAN_ID).map(|(_, value)| value.to_vec()).unwrap_or_default()
    }
}

/// Type and value of each part; `None` when they do not fill the bytes exactly.
fn parts(bytes: &[u8]) -> Option<Vec<(u8, &[u8])>> {
    let mut parts = Vec::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        let [kind, length, behind @ ..] = rest else { return None };
        let (value, after) = behind.split_at_checked(usize::from(*length))?;
        parts.push((*kind, value));
        rest = after;
    }
    Some(parts)
}

/// How attaching goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Attaching {
    /// It is in that network: extended PAN id, empty when the device does not say.
    Attached(Vec<u8>),
    /// It tries.
    Attaching,
    /// It does not try.
    Idle,
    /// It gave up: the dataset is of no use to it.
    DatasetInvalid,
    /// It gave up: no such network in range.
    NotFound,
}

/// Hands the dataset over. Nothing happens before [`apply`].
#[must_use]
pub fn set(dataset: &Dataset) -> Zeroizing<Vec<u8>> {
    wire(ConfigStep::SetThread, ConfigBody::SetThread(SetThread { dataset: dataset.0.to_vec() }))
}

/// Judges the reply to [`set`].
///
/// # Errors
/// When it is not the answer, or the device refuses.
pub fn read_set(reply: &[u8]) -> Result<(), EspError> {
    match body(reply, ConfigStep::SetThread)? {
        ConfigBody::SetThreadReply(body) => success(body.status),
        _ => Err(EspError::WrongReply),
    }
}

/// Lets the device attach.
#[must_use]
pub fn apply() -> Zeroizing<Vec<u8>> {
    wire(ConfigStep::ApplyThread, ConfigBody::ApplyThread(Empty {}))
}

/// Judges the reply to [`apply`].
///
/// # Errors
/// As for Wi-Fi.
pub fn read_apply(reply: &[u8]) -> Result<(), EspError> {
    match body(reply, ConfigStep::ApplyThread)? {
        ConfigBody::ApplyThreadReply(body) => success(body.status),
        _ => Err(EspError::WrongReply),
    }
}

/// Asks how attaching goes.
#[must_use]
pub fn status() -> Zeroizing<Vec<u8>> {
    wire(ConfigStep::GetThreadStatus, ConfigBody::GetThreadStatus(Empty {}))
}

/// Judges the reply to [`status`]. "Attached" is the number 0, as an empty reply has it: it counts only
/// together with the network.
///
/// # Errors
/// `FalseSuccess` when that is missing.
pub fn read_status(reply: &[u8]) -> Result<Attaching, EspError> {
    let ConfigBody::ThreadStatus(body) = body(reply, ConfigStep::GetThreadStatus)? else { return Err(EspError::WrongReply) };
    success(body.status)?;
    let state = ThreadState::try_from(body.thread_state).map_err(|_| EspError::Field("thread_state"))?;
    match (state, body.state) {
        (ThreadState::Attached, Some(ThreadDetail::Attached(network))) => Ok(Attaching::Attached(network.ext_pan_id)),
        (ThreadState::Attached, _) => Err(EspError::FalseSuccess),
        (ThreadState::Attaching, _) => Ok(Attaching::Attaching),
        (ThreadState::Detached, _) => Ok(Attaching::Idle),
        (ThreadState::AttachingFailed, Some(ThreadDetail::FailReason(reason))) => match ThreadFailure::try_from(reason) {
            Ok(ThreadFailure::DatasetInvalid) => Ok(Attaching::DatasetInvalid),
            Ok(ThreadFailure::NetworkNotFound) => Ok(Attaching::NotFound),
            Err(_) => Err(EspError::Field("fail_reason")),
        },
        (ThreadState::AttachingFailed, _) => Err(EspError::Field("fail_reason")),
    }
}

fn wire(msg: ConfigStep, body: ConfigBody) -> Zeroizing<Vec<u8>> {
    Zeroizing::new(NetworkConfigPayload { msg: msg.into(), payload: Some(body) }.encode_to_vec())
}

fn body(reply: &[u8], command: ConfigStep) -> Result<ConfigBody, EspError> {
    let payload: NetworkConfigPayload = read(reply)?;
    answers(payload.msg, command)?;
    payload.payload.ok_or(EspError::WrongReply)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::commissioning::esp::{
        config,
        messages::{StatusReply, ThreadAttached, ThreadStatus},
    };

    /// What the reference client builds from a scan: channel, extended PAN id, key, PAN id.
    const SHORT: &str = "000300000f0208dead00beef00cafe051000112233445566778899aabbccddeeff01021234";
    /// With a name, as a border router prints it.
    const NAMED: &str = "0E080000000000010000 000300000F 35060004001FFFE0 0208DEAD00BEEF00CAFE 0708FD00112233445566 0510 00112233445566778899AABBCCDDEEFF 03084F6D6E694D657368 0102 1234 0C0402A0F7F8";

    fn refused(text: &str) -> InvalidDataset {
        Dataset::from_hex(text).err().unwrap_or_else(|| panic!("{text} must be refused"))
    }

    #[test]
    fn datasets_of_a_scan_and_of_a_border_router_are_read() {
        let short = Dataset::from_hex(SHORT).ok().unwrap();
        assert_eq!((short.shown().as_str(), hex::encode(short.ext_pan_id()).as_str()), ("dead00beef00cafe", "dead00beef00cafe"));
        let named = Dataset::from_hex(NAMED).ok().unwrap();
        assert_eq!((named.shown().as_str(), named.ext_pan_id()), ("OmniMesh", short.ext_pan_id()));
        let wire = set(&short);
        assert_eq!(hex::encode(&wire), format!("08089201270a25{SHORT}"), "message 8, field 18, the dataset alone");
        assert_eq!((hex::encode(apply()), hex::encode(status())), ("080aa20100".into(), "0806820100".into()));
    }

    #[test]
    fn a_typing_error_is_found_before_anything_is_sent() {
        for (text, why) in [
            ("", InvalidDataset::Incomplete),
            ("xyz", InvalidDataset::NotHex),
            (&SHORT[1..], InvalidDataset::NotHex),
            (&SHORT[..SHORT.len() - 2], InvalidDataset::Broken),
            (&SHORT[..SHORT.len() - 8], InvalidDataset::Incomplete),
            (&SHORT.replace("0208dead", "0209dead"), InvalidDataset::Broken),
            (&format!("{SHORT}01021234"), InvalidDataset::Broken),
            (&format!("{SHORT}0300"), InvalidDataset::Broken),
            (&format!("{SHORT}63ff{}", "00".repeat(255)), InvalidDataset::TooLong),
        ] {
            assert_eq!(refused(text), why, "{text}");
        }
    }

    fn reply(msg: ConfigStep, body: ConfigBody) -> Vec<u8> {
        NetworkConfigPayload { msg: msg.into(), payload: Some(body) }.encode_to_vec()
    }

    fn attaching(state: ThreadState, detail: Option<ThreadDetail>) -> Vec<u8> {
        reply(ConfigStep::ThreadStatus, ConfigBody::ThreadStatus(ThreadStatus { status: 0, thread_state: state.into(), state: detail }))
    }

    #[test]
    fn attached_counts_only_together_with_its_network_and_every_state_is_told_apart() {
        let network = ThreadAttached { pan_id: 0x1234, ext_pan_id: vec![1; 8], channel: 15, name: "OmniMesh".into() };
        let attached = attaching(ThreadState::Attached, Some(ThreadDetail::Attached(network)));
        assert_eq!(read_status(&attached), Ok(Attaching::Attached(vec![1; 8])));
        for length in 0..attached.len() {
            assert!(read_status(&attached[..length]).is_err(), "the first {length} bytes of a success are none");
        }
        assert_eq!(read_status(&attaching(ThreadState::Attached, None)), Err(EspError::FalseSuccess));
        assert_eq!(read_status(&attaching(ThreadState::Attaching, None)), Ok(Attaching::Attaching));
        assert_eq!(read_status(&attaching(ThreadState::Detached, None)), Ok(Attaching::Idle));
        let failed = |reason: ThreadFailure| attaching(ThreadState::AttachingFailed, Some(ThreadDetail::FailReason(reason.into())));
        assert_eq!(read_status(&failed(ThreadFailure::DatasetInvalid)), Ok(Attaching::DatasetInvalid));
        assert_eq!(read_status(&failed(ThreadFailure::NetworkNotFound)), Ok(Attaching::NotFound));
        assert!(read_status(&attaching(ThreadState::AttachingFailed, None)).is_err(), "a failure without a reason has none");
    }

    #[test]
    fn a_reply_about_wifi_is_none_about_thread() {
        let ok = || StatusReply { status: 0 };
        assert_eq!(read_set(&reply(ConfigStep::SetThreadReply, ConfigBody::SetThreadReply(ok()))), Ok(()));
        assert_eq!(read_set(&reply(ConfigStep::SetThreadReply, ConfigBody::SetWifiReply(ok()))), Err(EspError::WrongReply));
        assert_eq!(read_apply(&reply(ConfigStep::SetThreadReply, ConfigBody::SetThreadReply(ok()))), Err(EspError::WrongReply));
        assert_eq!(config::read_set(&reply(ConfigStep::SetThreadReply, ConfigBody::SetThreadReply(ok()))), Err(EspError::WrongReply));
    }

    proptest! {
        #[test]
        fn any_text_is_a_dataset_or_a_reason_and_any_reply_is_judged(text in "[0-9a-fA-F ]{0,600}", noise in "\\PC{0,40}", bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
            if let Ok(dataset) = Dataset::from_hex(&text) {
                let _ = dataset.shown();
            }
            let _ = Dataset::from_hex(&noise);
            let _ = (read_set(&bytes), read_apply(&bytes), read_status(&bytes));
        }
    }
}
