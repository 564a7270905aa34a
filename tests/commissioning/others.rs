//! Devices that are not OmnIoT's own.

use omniot_shared::entities::{AttemptOutcome, Security};
use omniot_tests::virtual_device::spec::{Kind, Spec};
use serde_json::{Value, json};

use crate::bench::{Bench, PASSPHRASE, SSID, device};

fn of_kind(kind: Kind) -> Spec {
    Spec { kind, ..device("OM-0001", Security::Sec2Patch1) }
}

#[tokio::test]
async fn a_device_that_cannot_be_claimed_says_so_before_it_is_given_a_network() {
    let bench = Bench::with(vec![device("OM-0002", Security::Sec2Patch1), of_kind(Kind::Espressif)]).await;
    bench.begin("OM-0002").await;
    bench.until("needs_network").await;
    bench.act("network", json!({"ssid": SSID, "passphrase": PASSPHRASE, "remember": true})).await;
    bench.until("succeeded").await;
    bench.begin("OM-0001").await;
    let asked = bench.until("needs_network").await;
    assert_eq!((&asked["warnings"], &asked["claimed"]), (&json!(["not_claimed"]), &json!(false)), "a remembered network is not given away");
    bench.join(SSID, PASSPHRASE).await;
    let done = bench.until("succeeded").await;
    assert_eq!((&done["warnings"], &done["claimed"], &done["device"]), (&json!(["not_claimed"]), &json!(false), &Value::Null));
}

#[tokio::test]
async fn thread_is_refused_by_name() {
    let bench = Bench::with(vec![of_kind(Kind::Thread)]).await;
    bench.begin("OM-0001").await;
    let now = bench.until_failed("thread_unsupported").await;
    assert_eq!(now["failure"]["retriable"], false);
    let attempt = bench.ledger.attempt();
    assert_eq!((attempt.outcome, attempt.protocol.as_deref()), (AttemptOutcome::Failed, None));
    assert!(!bench.fleet.slots[0].device().linked(), "nothing was said to it");
}
