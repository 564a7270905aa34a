//! What a device has to say to the backend, and what it makes of the answer.
//!
//! Deliberately not here: HTTP (see `cloud`).

use base64::{Engine as _, engine::general_purpose::STANDARD};
use omniot_shared::{
    claim::{
        Domain, contact_context, handover_context,
        home::Backend,
        messages::Signed,
        owner::{Owner, OwnerState},
    },
    time::Millis,
};
use prost::Message as _;
use rand::RngExt as _;
use serde_json::{Value, json};

use super::{device::Device, keeping::Kept};

/// So many minutes before its first heartbeat a device has measured already, and so many readings that nobody
/// heard it keeps.
const REMEMBERED: usize = 60;
const MINUTE_MS: i64 = 60_000;

/// How the device stands with its backend; lost with power.
#[derive(Debug, Clone, Default)]
pub struct Contact {
    next_at: u64,
    /// How often nobody answered since somebody did.
    failures: usize,
    /// How often it got nothing out of the backend since it last did: the pause grows with that.
    vain: u32,
    /// The same of the former owner, and when that is asked again.
    parting_vain: u32,
    parting_at: u64,
    /// When it was told the time, and what was said.
    told: Option<(u64, Millis)>,
    /// Whether the former owner was the last to be called.
    parts: bool,
    /// The code of the last refusal.
    pub refused: Option<String>,
    /// The id the backend knows it by.
    pub device_id: Option<String>,
    /// How many heartbeats were taken.
    pub heartbeats: u64,
    temperature: i32,
    /// What was measured and not heard yet, by its own clock.
    unheard: Vec<(Millis, Value)>,
}

/// Something to do over the network.
pub enum Errand {
    /// Ask for a challenge, then claim.
    Claim {
        /// Where.
        backend: Backend,
        /// The tenant, as the wire names it.
        tenant: String,
        /// For this epoch.
        epoch: u32,
    },
    /// Tell the latest readings.
    Heartbeat {
        /// Where.
        backend: Backend,
        /// `omd_…`.
        credential: String,
        /// The body.
        body: Value,
    },
    /// Tell a former owner that it left: ask for a challenge, then show the release.
    HandOver {
        /// Where.
        backend: Backend,
        /// The former owner, as the wire names it.
        tenant: String,
    },
}

/// What came of an errand.
pub enum Outcome {
    /// The backend gave a credential for that epoch.
    Claimed {
        /// For this epoch.
        epoch: u32,
        /// `omd_…`.
        credential: String,
        /// `dev_…`.
        device_id: Option<String>,
        /// The backend's time.
        time: Option<Millis>,
    },
    /// The readings were taken there, and this was said, at that time.
    Heard(Backend, Option<Signed>, Option<Millis>),
    /// The former owner knows.
    HandedOver,
    /// It does not, with that status.
    NotHandedOver(u16),
    /// The backend said no, with that status and code.
    Refused(u16, String),
    /// Nothing answered.
    Unreachable,
}

impl Contact {
    /// The time, when it was told since it last had power.
    #[must_use]
    pub fn time(&self, now: u64) -> Option<Millis> {
        self.told.map(|(then, at)| at.plus(i64::try_from(now.saturating_sub(then)).unwrap_or(i64::MAX)))
    }
}

impl Device {
    /// The next errand that is due; `clock` is what its own clock shows.
    pub fn errand(&mut self, now: u64, clock: Millis) -> Option<Errand> {
        if !self.joined(now) || now < self.contact.next_at || self.faults.offline {
            return None;
        }
        let state = self.kept.state();
        let owner = state.owner?;
        let backend = self.address(&owner)?;
        self.contact.next_at = now + self.timing().contact_ms;
        match self.kept.credential.clone() {
            Some((epoch, credential)) if epoch == self.kept.epoch => {
                // In turn with heartbeats: neither waits for the other for ever.
                self.contact.parts = !self.contact.parts;
                if let Some(left) = state.left.filter(|_| self.contact.parts && now >= self.contact.parting_at) {
                    return Some(Errand::HandOver { backend: left.backend, tenant: left.tenant.to_string() });
                }
                self.contact.next_at = now + self.timing().heartbeat_ms;
                let body = self.heartbeat(clock, &owner);
                Some(Errand::Heartbeat { backend, credential, body })
            }
            _ => Some(Errand::Claim { backend, tenant: owner.tenant.to_string(), epoch: self.kept.epoch }),
        }
    }

    /// The address to try now: of two, the new one and, when it did not answer, the old one.
    fn address(&self, owner: &Owner) -> Option<Backend> {
        let all = owner.backends();
        all.get(self.contact.failures % all.len().max(1)).cloned()
    }

    /// Whether the address of now was told and has not answered yet.
    fn tries_new_address(&self) -> bool {
        let Some(owner) = self.kept.state().owner else { return false };
        owner.next.is_some() && self.address(&owner) == owner.next
    }

    fn heartbeat(&mut self, clock: Millis, owner: &Owner) -> Value {
        if self.contact.heartbeats == 0 && self.contact.unheard.is_empty() {
            for minutes in (1..=REMEMBERED as i64).rev() {
                let readings = self.readings();
                self.contact.unheard.push((clock.plus(-minutes * MINUTE_MS), readings));
            }
        }
        let history: Vec<Value> = self.contact.unheard.iter().map(|(at, readings)| json!({ "at": at, "readings": readings })).collect();
        let readings = self.readings();
        self.contact.unheard.push((clock, readings.clone()));
        let surplus = self.contact.unheard.len().saturating_sub(REMEMBERED);
        self.contact.unheard.drain(..surplus);
        let told = owner.told();
        json!({ "readings": readings, "firmware": self.spec().firmware, "sent_at": clock, "history": history, "reports_to": told.url, "trusts": told.trusts(), "heard": owner.heard })
    }

    fn readings(&mut self) -> Value {
        self.contact.temperature += self.rng.random_range(-3..=3);
        let tenths = 215 + self.contact.temperature.clamp(-60, 60);
        json!({
            "temperature_c": f64::from(tenths) / 10.0,
            "humidity_pct": 40 + self.rng.random_range(0..15),
            "battery_pct": 97,
            "door": "closed",
            "mains": true,
        })
    }

    /// The body of `POST /v1/device/claim`, signed over the backend's challenge.
    #[must_use]
    pub fn claim_body(&self, challenge: &[u8]) -> Option<Value> {
        let owner = self.kept.state().owner?;
        let context = contact_context(challenge, &owner.grant, &owner.receipt);
        let identity = self.identity().sign(&self.factory().key, Domain::Contact, &context).encode_to_vec();
        Some(json!({
            "grant": STANDARD.encode(&owner.grant),
            "receipt": STANDARD.encode(&owner.receipt),
            "identity": STANDARD.encode(identity),
            "challenge": STANDARD.encode(challenge),
        }))
    }

    /// The body of `POST /v1/device/handover`, signed over the former owner's challenge.
    #[must_use]
    pub fn handover_body(&self, challenge: &[u8]) -> Option<Value> {
        let left = self.kept.state().left?;
        let context = handover_context(challenge, &left.release);
        let identity = self.identity().sign(&self.factory().key, Domain::Handover, &context).encode_to_vec();
        Some(json!({
            "release": STANDARD.encode(&left.release),
            "identity": STANDARD.encode(identity),
            "challenge": STANDARD.encode(challenge),
        }))
    }

    /// What the answer to a heartbeat changes in what it keeps.
    fn heard(&self, backend: &Backend, notice: Option<&Signed>) -> OwnerState {
        let state = self.kept.state().answered(backend);
        match notice {
            // One that is none of its owner's changes nothing.
            Some(notice) => state.hear(&self.spec().serial, notice).unwrap_or(state),
            None => state,
        }
    }

    fn keep_state(&mut self, state: &OwnerState) {
        if *state != self.kept.state() && self.keep(self.kept.with(state), None).is_err() {
            self.contact.refused = Some("storage_failed".into());
        }
    }

    /// The pause after so many tries in a row that came to nothing: doubled with each up to the most, and by chance up to
    /// half of it shorter.
    fn pause(&mut self, vain: u32) -> u64 {
        let (first, most) = (self.timing().contact_ms, self.timing().contact_most_ms);
        let whole = first.saturating_mul(1 << vain.min(16)).min(most);
        whole - self.rng.random_range(0..=whole / 2)
    }

    /// It came to nothing: the next try is later.
    fn wait_longer(&mut self, now: u64) {
        self.contact.vain = self.contact.vain.saturating_add(1);
        self.contact.next_at = now + self.pause(self.contact.vain);
    }

    /// Takes note of what came of an errand.
    pub fn take_outcome(&mut self, now: u64, outcome: Outcome) {
        match outcome {
            Outcome::Claimed { epoch, credential, device_id, time } => {
                self.contact.refused = None;
                self.contact.vain = 0;
                self.contact.told = time.map(|time| (now, time)).or(self.contact.told);
                self.contact.device_id = device_id;
                self.contact.next_at = 0;
                let kept = Kept { credential: Some((epoch, credential)), ..self.kept.clone() };
                if epoch == self.kept.epoch && self.keep(kept, None).is_err() {
                    self.contact.refused = Some("storage_failed".into());
                }
            }
            Outcome::Heard(backend, notice, time) => {
                self.contact.refused = None;
                (self.contact.failures, self.contact.vain) = (0, 0);
                self.contact.told = time.map(|time| (now, time)).or(self.contact.told);
                let state = self.heard(&backend, notice.as_ref());
                self.keep_state(&state);
                self.contact.heartbeats += 1;
                self.contact.unheard.clear();
            }
            // An address that does not take it is not the new one yet; what it has is good at the old one.
            Outcome::Refused(..) | Outcome::Unreachable if self.tries_new_address() => self.contact.failures = self.contact.failures.wrapping_add(1),
            Outcome::Refused(401, code) => {
                self.contact.refused = Some(code);
                let _ = self.keep(Kept { credential: None, ..self.kept.clone() }, None);
            }
            Outcome::Refused(_, code) => {
                self.contact.refused = Some(code);
                self.wait_longer(now);
            }
            // What cannot be told will not become tellable: the owner knows the device, or its release is none.
            Outcome::HandedOver | Outcome::NotHandedOver(409 | 422) => {
                let state = self.kept.state().settled();
                self.keep_state(&state);
                (self.contact.parting_vain, self.contact.parting_at) = (0, 0);
            }
            Outcome::NotHandedOver(_) => {
                self.contact.parting_vain = self.contact.parting_vain.saturating_add(1);
                self.contact.parting_at = now + self.pause(self.contact.parting_vain);
            }
            Outcome::Unreachable => {
                self.contact.failures = self.contact.failures.wrapping_add(1);
                self.wait_longer(now);
            }
        }
    }
}
