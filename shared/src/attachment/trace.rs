//! What the flight recorder wrote of one attempt: each operation of the radio with its time, sizes and outcome.
//!
//! A trace holds no value that went over the air, only how long it was. It is bounded ([`Log`]): of a long attempt
//! the first and the last operations are kept, and how many are missing between them is said.
//! Deliberately not here: recording (the app).
//! To add a kind or a field: here; readers take kinds that they do not know as they are.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::{ids::AttemptId, time::Millis};

/// So many operations from the beginning are kept.
pub const FIRST: usize = 200;
/// And so many up to the end.
pub const LAST: usize = 600;
/// More than this a trace never is, unpacked.
const UNPACKED: usize = 1024 * 1024;
/// The longest name of an endpoint, characters.
const NAME: usize = 40;

/// One operation of the radio.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = TraceOperation)]
pub struct Operation {
    /// When it began, milliseconds since the attempt did.
    pub at_ms: u32,
    /// How long it took.
    pub duration_ms: u32,
    /// `scan`, `connect`, `discover`, `mtu`, `read`, `write`, `subscribe`, `notification`, `disconnect` or `forget`.
    pub kind: String,
    /// The step of the attempt in which it began.
    pub step: String,
    /// The name of the endpoint, or its UUID.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// Bytes that were written, read or notified; of `mtu` the MTU, of `discover` how many endpoints there are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u32>,
    /// `ok`, `att`, `gatt`, `hci` (each with its code), `timeout`, `gone`, `busy`, `adapter_off`, `adapter_absent`, `no_permission`, `no_endpoint`, `given_up` (nobody waited any more) or `failed`.
    pub outcome: String,
    /// The ATT error, GATT status or HCI reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<u8>,
    /// How often the same was tried just before, in vain.
    #[serde(default, skip_serializing_if = "is_first")]
    pub retry: u32,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
const fn is_first(retry: &u32) -> bool {
    *retry == 0
}

/// What was written of one attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = AttemptTrace)]
pub struct Trace {
    /// Of which.
    pub attempt_id: AttemptId,
    /// When it began, by the app's clock.
    pub started_at: Millis,
    /// In order.
    pub operations: Vec<Operation>,
    /// How many are missing behind the first 200.
    pub left_out: u32,
}

/// Operations as they come, no more than [`FIRST`] and [`LAST`] of them.
#[derive(Debug, Clone, Default)]
pub struct Log {
    first: Vec<Operation>,
    last: VecDeque<Operation>,
    left_out: u32,
}

impl Log {
    /// Takes one in.
    pub fn add(&mut self, mut operation: Operation) {
        operation.endpoint = operation.endpoint.map(|name| name.chars().filter(|c| !c.is_control()).take(NAME).collect());
        if self.first.len() < FIRST {
            self.first.push(operation);
            return;
        }
        if self.last.len() == LAST {
            self.last.pop_front();
            self.left_out = self.left_out.saturating_add(1);
        }
        self.last.push_back(operation);
    }

    /// The one before.
    #[must_use]
    pub fn latest(&self) -> Option<&Operation> {
        self.last.back().or_else(|| self.first.last())
    }

    /// As it stands.
    #[must_use]
    pub fn trace(&self, attempt_id: AttemptId, started_at: Millis) -> Trace {
        let operations = self.first.iter().chain(&self.last).cloned().collect();
        Trace { attempt_id, started_at, operations, left_out: self.left_out }
    }
}

/// What cannot be a trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("these bytes are no trace")]
pub struct NoTrace;

/// The bytes of a trace.
///
/// # Errors
/// [`NoTrace`] when it cannot be packed into what a trace may take; bounded as it is, it can.
pub fn pack(trace: &Trace) -> Result<Vec<u8>, NoTrace> {
    let json = serde_json::to_vec(trace).map_err(|_| NoTrace)?;
    let packed = zstd::bulk::compress(&json, 3).map_err(|_| NoTrace)?;
    if packed.len() > super::Kind::Trace.limit() { Err(NoTrace) } else { Ok(packed) }
}

/// Reads the bytes of a trace.
///
/// # Errors
/// [`NoTrace`], also for one that unpacks into more than a trace is.
pub fn unpack(bytes: &[u8]) -> Result<Trace, NoTrace> {
    let json = zstd::bulk::decompress(bytes, UNPACKED).map_err(|_| NoTrace)?;
    let trace: Trace = serde_json::from_slice(&json).map_err(|_| NoTrace)?;
    if trace.operations.len() > FIRST + LAST { Err(NoTrace) } else { Ok(trace) }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    fn operation(n: u32) -> Operation {
        // As little alike as real ones are.
        let names = ["prov-session", "prov-config", "prov-scan", "omniot-claim", "\u{1F50B}\u{1F50B}\u{1F50B}\u{1F50B}"];
        Operation {
            at_ms: n.wrapping_mul(2_654_435_761),
            duration_ms: n.wrapping_mul(40_503) % 30_000,
            kind: ["write", "read", "notification"][n as usize % 3].to_owned(),
            step: ["handshake", "scan_networks", "join"][n as usize % 3].to_owned(),
            endpoint: Some(names[n as usize % 5].repeat(20)),
            size: Some(n.wrapping_mul(7919) % 517),
            outcome: ["ok", "att", "given_up"][n as usize % 3].to_owned(),
            code: Some(u8::try_from(n % 256).unwrap()),
            retry: n % 4,
        }
    }

    fn long(count: u32) -> Trace {
        let mut log = Log::default();
        (0..count).for_each(|n| log.add(operation(n)));
        log.trace(AttemptId(Uuid::from_u128(1)), Millis(5))
    }

    #[test]
    fn of_a_long_attempt_the_beginning_and_the_end_are_kept_and_what_is_missing_is_said() {
        let trace = long(2_000);
        assert_eq!((trace.operations.len(), trace.left_out), (800, 1_200));
        assert_eq!((trace.operations[199].size, trace.operations[200].size), (operation(199).size, operation(1_400).size));
        assert_eq!(trace.operations[799].at_ms, operation(1_999).at_ms);
        assert!(trace.operations.iter().all(|one| one.endpoint.as_ref().unwrap().chars().count() <= NAME));
        assert_eq!((long(800).left_out, long(801).left_out), (0, 1));
    }

    #[test]
    fn the_longest_trace_fits_and_reads_back() {
        let trace = long(5_000);
        let packed = pack(&trace).unwrap();
        assert!(packed.len() < super::super::Kind::Trace.limit() / 2, "{}", packed.len());
        assert_eq!(unpack(&packed), Ok(trace));
    }

    #[test]
    fn what_is_no_trace_is_refused_and_never_fills_the_memory() {
        let bomb = zstd::bulk::compress(&vec![b' '; 64 * 1024 * 1024], 3).unwrap();
        assert!(bomb.len() < 64 * 1024, "it would pass for its size");
        let crowd = Trace { operations: vec![operation(1); FIRST + LAST + 1], ..long(0) };
        let crowd = zstd::bulk::compress(&serde_json::to_vec(&crowd).unwrap(), 3).unwrap();
        for bytes in [&b""[..], b"{}", &bomb, &crowd, &pack(&long(9)).unwrap()[..20], &zstd::bulk::compress(b"[]", 3).unwrap()] {
            assert_eq!(unpack(bytes), Err(NoTrace));
        }
    }
}
