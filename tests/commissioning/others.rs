//! Devices that are not OmnIoT's own.

use omniot_shared::entities::{AttemptOutcome, Security};
use omniot_tests::virtual_device::spec::{Kind, Spec};
use serde_json::{Value, json};

use crate::bench::{Bench, PASSPHRASE, SITE, SSID, device};

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
async fn improv_and_thread_are_refused_by_name() {
    for (kind, cause, protocol) in [(Kind::Improv, "improv_unsupported", Some("improv")), (Kind::Thread, "thread_unsupported", None)] {
        let bench = Bench::with(vec![of_kind(kind)]).await;
        let body = if kind == Kind::Improv { json!({"address": bench.fleet.slots[0].device().factory().address(), "site_id": SITE}) } else { json!({"label": bench.label("OM-0001"), "site_id": SITE}) };
        assert_eq!(bench.ask("POST", "/app/commissions", body).await.status, 201);
        let now = bench.until_failed(cause).await;
        assert_eq!(now["failure"]["retriable"], false);
        let attempt = bench.ledger.attempt();
        assert_eq!((attempt.outcome, attempt.protocol.as_deref()), (AttemptOutcome::Failed, protocol));
        assert!(!bench.fleet.slots[0].device().linked(), "nothing was said to it");
    }
}
