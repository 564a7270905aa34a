//! Devices that are not OmnIoT's own.

use omniot_shared::entities::{AttemptOutcome, Security};
use omniot_tests::virtual_device::{
    spec::{Kind, Spec},
    thread::MESH,
};
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
async fn a_device_for_thread_is_given_a_dataset_and_attaches() {
    let bench = Bench::with(vec![of_kind(Kind::Thread)]).await;
    bench.begin("OM-0001").await;
    let asked = bench.until("needs_network").await;
    assert_eq!((&asked["network_kind"], &asked["networks"]), (&json!("thread"), &json!([])));
    for (body, field) in [
        (json!({"dataset": "0e08"}), "dataset"),
        (json!({"dataset": "not hexadecimal"}), "dataset"),
        (json!({"ssid": SSID}), "ssid"),
        (json!({}), "dataset"),
    ] {
        let answer = bench.act("network", body.clone()).await;
        assert_eq!((answer.status, &answer.body["error"]["field"]), (422, &json!(field)), "{body}");
    }
    let wrong = MESH.replace("00112233", "ffffffff");
    assert_eq!(bench.act("network", json!({"dataset": wrong})).await.status, 200);
    let again = bench.until("needs_network").await;
    assert_eq!(again["failure"], json!({"cause": "thread_not_found", "step": "join", "retriable": true}));
    assert_eq!(bench.act("network", json!({"dataset": MESH})).await.status, 200);
    let done = bench.until("succeeded").await;
    assert_eq!((&done["network_name"], &done["failure"]), (&json!("OmniMesh"), &Value::Null));
    let attempt = bench.ledger.attempt();
    assert_eq!((attempt.outcome, attempt.network_name.as_deref()), (AttemptOutcome::Succeeded, Some("OmniMesh")));
    assert_eq!(attempt.steps.iter().filter(|row| row.step == "connect").count(), 1, "mended on the same link");
    let slot = &bench.fleet.slots[0];
    assert!(slot.device().joined(slot.now()));
    let stored = bench.ledger.books().written.join("\n");
    assert!(!stored.contains("00112233445566778899aabbccddeeff"), "the mesh's key is in no record");
}

#[tokio::test]
async fn a_device_that_refuses_a_dataset_or_does_not_attach_says_which() {
    let bench = Bench::with(vec![of_kind(Kind::Thread)]).await;
    bench.faults("OM-0001", |faults| faults.refuse_network = true);
    bench.begin("OM-0001").await;
    bench.until("needs_network").await;
    bench.act("network", json!({"dataset": MESH})).await;
    assert_eq!(bench.until("needs_network").await["failure"]["cause"], "network_refused");
    bench.faults("OM-0001", |faults| {
        faults.refuse_network = false;
        faults.no_network = true;
    });
    bench.act("network", json!({"dataset": MESH})).await;
    assert_eq!(bench.until("needs_network").await["failure"]["cause"], "thread_not_found");
}
