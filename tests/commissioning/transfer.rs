//! Devices of other tenants, with a release of their owner.

use omniot_shared::{
    claim::{Letter, Release},
    entities::{AttemptOutcome, Security},
    time::Millis,
};
use omniot_tests::virtual_device::spec::Spec;
use serde_json::Value;
use uuid::Uuid;

use crate::{
    bench::{Bench, PASSPHRASE, SSID, device},
    ledger::Place,
};

/// The seed of the other tenant's claim key; the first half is its id.
const OTHER: [u8; 32] = [0x11; 32];

async fn theirs() -> Bench {
    Bench::with(vec![Spec { owned_by: Some(hex::encode(OTHER)), ..device("OM-0001", Security::Sec2Patch1) }]).await
}

fn letter(serial: &str, up_to_epoch: u32) -> Letter {
    let release = Release { tenant: Uuid::from_bytes([0x11; 16]).into(), serial: serial.into(), up_to_epoch, not_after: Millis(i64::MAX), number: 0 };
    Letter::of(&release, &ed25519_dalek::SigningKey::from_bytes(&OTHER))
}

#[tokio::test]
async fn a_technician_with_the_owners_release_takes_the_device_over_without_a_network() {
    let bench = theirs().await;
    bench.ledger.books().releases = vec![letter("OM-0002", 1), letter("om-0001", 1)];
    bench.begin("OM-0001").await;
    bench.until("needs_network").await;
    bench.join(SSID, PASSPHRASE).await;
    bench.until("succeeded").await;
    let attempt = bench.ledger.attempt();
    assert_eq!((attempt.outcome, attempt.epoch), (AttemptOutcome::Succeeded, Some(2)));
    let device = bench.fleet.slots[0].device();
    assert_eq!(device.identity().owner, Some(omniot_shared::claim::PublicKey::of(&crate::ledger::claim_key()).fingerprint()));
}

#[tokio::test]
async fn a_release_that_the_device_does_not_honour_is_named_and_costs_no_grant() {
    let bench = theirs().await;
    bench.ledger.books().releases = vec![letter("OM-0001", 0)];
    bench.begin("OM-0001").await;
    let now = bench.until_failed("release_refused").await;
    assert_eq!((&now["failure"]["step"], &now["failure"]["retriable"]), (&Value::from("claim"), &Value::from(false)));
    // Its bytes have left: it is kept for this device, and serves it once there is a good release.
    assert_eq!(bench.ledger.count(|place| matches!(place, Place::Sent { .. })), 1);
    bench.ledger.books().releases = vec![letter("OM-0001", 1)];
    bench.commission("OM-0001").await;
    assert_eq!(bench.ledger.count(|place| *place == Place::Free), 9);
}
