mod claiming;
mod client;
mod dialogs;
mod failing;
mod http;
mod reaching;
mod socket;

use client::Client;
use omniot_shared::{
    claim::{Grant, PublicKey, SignedGrant},
    entities::Security,
    time::Millis,
};
use uuid::Uuid;

use super::{device::Device, fleet::usual_networks, spec::Spec, timing::Timing};

/// The claim key of tenant `n`.
fn claim_key(n: u8) -> ed25519_dalek::SigningKey {
    ed25519_dalek::SigningKey::from_bytes(&[n; 32])
}

/// Grant `id` of tenant `n`; devices report to `backend_url` and trust that anchor.
fn grant_for(n: u8, id: u128, backend_url: &str, trust_anchor: &[u8]) -> SignedGrant {
    let grant = Grant {
        tenant: Uuid::from_u128(n.into()).into(),
        id: Uuid::from_u128(id).into(),
        technician: Uuid::from_u128(7).into(),
        client: Uuid::from_u128(8).into(),
        not_before: Millis(0),
        not_after: Millis(i64::MAX),
        backend_url: backend_url.into(),
        trust_anchor: trust_anchor.to_vec(),
        sites: Vec::new(),
        claim_key: PublicKey::of(&claim_key(n)),
    };
    grant.sign(&claim_key(n))
}

/// Any grant, as long as a real one with a trust anchor, so that it needs several chunks.
fn grant(n: u8, id: u128) -> SignedGrant {
    grant_for(n, id, "https://127.0.0.1:9", &[7; 900])
}

/// A device of that make, in a folder that goes with it.
struct Bench {
    dir: tempfile::TempDir,
    spec: Spec,
}

impl Bench {
    fn new(spec: Spec) -> Self {
        Self { dir: tempfile::tempdir().unwrap(), spec }
    }

    /// The device with power; a second call finds what the first one kept.
    fn device(&self) -> Device {
        Device::new(self.spec.clone(), 1, usual_networks(), Timing::FAST, self.dir.path()).unwrap()
    }
}

fn ordinary(security: Security) -> Spec {
    Spec { security, ..Spec::ordinary("OM-N0001") }
}
