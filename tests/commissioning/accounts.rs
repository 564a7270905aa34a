//! Two accounts in one app: each sees its own.

use std::sync::Arc;

use omniot_shared::entities::Security;
use serde_json::{Value, json};

use crate::{
    bench::{Bench, PASSPHRASE, SITE, SSID, device},
    ledger::Ledger,
};

async fn unfinished(bench: &Bench) -> usize {
    bench.ask("GET", "/app/commissions/unfinished", Value::Null).await.body["items"].as_array().unwrap().len()
}

#[tokio::test]
async fn another_account_sees_and_steers_nothing_of_a_commission() {
    let bench = Bench::with(vec![device("OM-0001", Security::Sec2Patch1)]).await;
    let other = Arc::new(Ledger::of("acc_2", SITE));
    let begun = bench.begin("OM-0001").await;
    bench.until("needs_network").await;
    assert!(bench.app.is_busy("acc_1") && !bench.app.is_busy("acc_2"), "the door refuses to switch now");
    bench.office.activate(&other);
    assert_eq!(bench.current().await, Value::Null);
    let id = begun["id"].as_str().unwrap();
    for (method, path) in [("POST", format!("/app/commissions/{id}/cancel")), ("GET", format!("/app/commissions/{id}"))] {
        assert_eq!(bench.ask(method, &path, Value::Null).await.status, 404, "{path}");
    }
    assert_eq!(bench.ask("DELETE", "/app/commissions/current", Value::Null).await.status, 204, "there is nothing to leave");
    bench.office.activate(&bench.ledger);
    bench.join(SSID, PASSPHRASE).await;
    bench.until("succeeded").await;
    assert!(!bench.app.is_busy("acc_1"));
    assert!(other.books().attempts.is_empty(), "it ended where it began");
}

#[tokio::test]
async fn what_one_account_left_behind_and_remembers_is_not_the_others() {
    let mut bench = Bench::with(vec![device("OM-0001", Security::Sec2Patch1), device("OM-0002", Security::Sec2Patch1)]).await;
    bench.begin("OM-0001").await;
    bench.until("needs_network").await;
    bench.kill_and_start().await;
    assert_eq!(unfinished(&bench).await, 1);
    bench.begin("OM-0001").await;
    bench.until("needs_network").await;
    bench.act("network", json!({"ssid": SSID, "passphrase": PASSPHRASE, "remember": true})).await;
    bench.until("succeeded").await;
    assert_eq!(unfinished(&bench).await, 0, "it is finished now");
    bench.office.activate(&Arc::new(Ledger::of("acc_2", SITE)));
    assert_eq!((unfinished(&bench).await, bench.current().await), (0, Value::Null));
    bench.begin("OM-0002").await;
    bench.until("needs_network").await;
}

#[tokio::test]
async fn an_interrupted_one_can_be_dismissed_by_its_account_only() {
    let mut bench = Bench::with(vec![device("OM-0001", Security::Sec2Patch1)]).await;
    let begun = bench.begin("OM-0001").await;
    bench.until("needs_network").await;
    bench.kill_and_start().await;
    let path = format!("/app/commissions/unfinished/{}", begun["id"].as_str().unwrap());
    bench.office.activate(&Arc::new(Ledger::of("acc_2", SITE)));
    assert_eq!((unfinished(&bench).await, bench.ask("DELETE", &path, Value::Null).await.status), (0, 404));
    bench.office.activate(&bench.ledger);
    assert_eq!((unfinished(&bench).await, bench.ask("DELETE", &path, Value::Null).await.status), (1, 204));
    assert_eq!((unfinished(&bench).await, bench.ask("DELETE", &path, Value::Null).await.status), (0, 404));
}
