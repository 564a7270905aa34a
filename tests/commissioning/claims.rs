//! Whose device it is, and where a grant goes.

use std::time::Duration;

use omniot_app::commissioning::{esp::level::Mode, flow::pace::Pace};
use omniot_shared::{
    claim::Grant,
    entities::{AttemptOutcome, Security},
    ids::SiteId,
};
use omniot_tests::virtual_device::{faults::PowerLoss, spec::Spec};
use serde_json::Value;
use uuid::Uuid;

use crate::{
    bench::{Bench, PASSPHRASE, SSID, device, quick},
    ledger::{Place, claim_key},
};

#[tokio::test]
async fn another_tenants_device_is_refused_with_that_reason_and_no_grant_leaves() {
    let owned_by = Some("11".repeat(32));
    let bench = Bench::with(vec![Spec { owned_by, ..device("OM-0001", Security::Sec2Patch1) }]).await;
    bench.begin("OM-0001").await;
    let now = bench.until_failed("owned_by_another").await;
    assert_eq!(now["failure"]["retriable"], false);
    let attempt = bench.ledger.attempt();
    assert_eq!((attempt.outcome, attempt.cause.as_deref(), attempt.grant_id), (AttemptOutcome::Failed, Some("owned_by_another"), None));
    assert!(attempt.identity_verified, "it was the right device, of the wrong owner");
    assert_eq!(bench.ledger.count(|place| *place == Place::Free), 10);
    assert!(bench.ledger.books().devices.is_empty());
}

#[tokio::test]
async fn our_own_device_is_claimed_again_with_a_new_epoch() {
    let mut bench = Bench::with(vec![device("OM-0001", Security::Sec2Patch1)]).await;
    bench.commission("OM-0001").await;
    {
        let slot = bench.fleet.named("OM-0001")[0];
        let now = slot.now();
        slot.device().press_button(now);
    }
    bench.kill_and_start().await;
    bench.commission("OM-0001").await;
    let epochs: Vec<_> = bench.ledger.books().attempts.iter().map(|attempt| attempt.epoch).collect();
    assert_eq!(epochs, [Some(1), Some(2)]);
    assert_eq!(bench.ledger.count(|place| *place == Place::Spent), 2);
}

#[tokio::test]
async fn power_lost_in_the_middle_of_a_claim_leaves_one_owner_and_one_grant() {
    for (loss, epoch) in [(PowerLoss::BeforeStore, 1), (PowerLoss::Torn, 1), (PowerLoss::AfterStore, 1)] {
        let bench = Bench::with(vec![device("OM-0001", Security::Sec2Patch1)]).await;
        bench.faults("OM-0001", |faults| faults.power_loss = Some(loss));
        bench.begin("OM-0001").await;
        bench.until("needs_network").await;
        bench.join(SSID, PASSPHRASE).await;
        bench.until("succeeded").await;
        let attempt = bench.ledger.attempt();
        assert_eq!(attempt.epoch, Some(epoch), "{loss:?}: the same claim again is the same claim");
        assert_eq!(attempt.steps.iter().filter(|row| row.step == "claim").count(), 2, "{loss:?}");
        assert_eq!(bench.ledger.count(|place| *place == Place::Free), 9, "{loss:?}: one grant, once");
    }
}

#[tokio::test]
async fn a_device_that_comes_back_from_its_claim_under_another_address_is_known_by_what_it_proves() {
    for loss in [PowerLoss::BeforeStore, PowerLoss::AfterStore] {
        let bench = Bench::with(vec![device("OM-0001", Security::Sec2Patch1)]).await;
        bench.faults("OM-0001", |faults| (faults.power_loss, faults.new_address) = (Some(loss), true));
        let first = bench.fleet.slots[0].device().radio_address();
        bench.begin("OM-0001").await;
        bench.until("needs_network").await;
        assert_ne!(bench.fleet.slots[0].device().radio_address(), first);
        bench.join(SSID, PASSPHRASE).await;
        let done = bench.until("succeeded").await;
        assert_eq!((&done["warnings"], bench.ledger.attempt().epoch), (&serde_json::json!([]), Some(1)), "{loss:?}: {done:#}");
        assert_eq!(bench.ledger.count(|place| *place == Place::Free), 9, "{loss:?}: one grant, once");
    }
}

#[tokio::test]
async fn without_a_grant_the_technician_is_told_and_goes_on_when_there_is_one() {
    let bench = Bench::with(vec![device("OM-0001", Security::Sec2Patch1)]).await;
    let pack = std::mem::take(&mut bench.ledger.books().grants);
    bench.begin("OM-0001").await;
    let now = bench.until_failed("no_grant").await;
    assert_eq!(now["failure"]["retriable"], true);
    bench.ledger.books().grants = pack;
    bench.act("retry", Value::Null).await;
    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    bench.until("needs_network").await;
}

/// The device was done, and somebody pressed its button for another network.
async fn wanted_elsewhere() -> Bench {
    let mut bench = Bench::with(vec![device("OM-0001", Security::Sec2Patch1)]).await;
    bench.commission("OM-0001").await;
    let slot = bench.fleet.named("OM-0001")[0];
    slot.device().press_button(slot.now());
    bench.kill_and_start().await;
    bench
}

#[tokio::test]
async fn without_a_grant_a_device_that_is_ours_is_given_another_network() {
    let bench = wanted_elsewhere().await;
    // What was spent is known here; only none is left for another claim.
    bench.ledger.books().grants.retain(|_, (_, place)| *place == Place::Spent);
    bench.begin("OM-0001").await;
    bench.until("needs_network").await;
    bench.join("Office", "tea at four").await;
    let done = bench.until("succeeded").await;
    assert_eq!((&done["network_name"], &done["claimed"]), (&serde_json::json!("Office"), &serde_json::json!(true)));
    let books = bench.ledger.books();
    let [first, last] = &books.attempts[..] else { panic!("{:?}", books.attempts) };
    assert_eq!((&last.receipt, last.grant_id, last.epoch), (&first.receipt, first.grant_id, Some(1)), "as it was claimed before");
}

#[tokio::test]
async fn without_a_grant_a_receipt_that_does_not_stand_any_more_is_none() {
    for what in ["unknown here", "refused", "another site", "reset"] {
        let bench = wanted_elsewhere().await;
        {
            let mut books = bench.ledger.books();
            let first = books.attempts[0].grant_id.unwrap();
            books.grants.retain(|_, (_, place)| *place == Place::Spent && what != "unknown here");
            if what == "refused" {
                books.online = true;
                books.refused.push(("OM-0001".into(), first, "grant_revoked".into()));
            }
            if what == "another site" {
                books.attempts[0].site_id = Some(SiteId(Uuid::from_u128(8)));
            }
        }
        if what == "reset" {
            let slot = bench.fleet.named("OM-0001")[0];
            slot.device().factory_reset(slot.now()).unwrap();
        }
        bench.begin("OM-0001").await;
        let failed = bench.until_failed("no_grant").await;
        assert_eq!(failed["failure"]["retriable"], true, "{what}");
    }
}

#[tokio::test]
async fn a_grant_that_was_sent_is_kept_for_its_device_and_no_other() {
    let bench = Bench::with(vec![device("OM-0001", Security::Sec2Patch1), device("OM-0002", Security::Sec2Patch1)]).await;
    // Everything from the claim's last write on is lost: the device has the grant, we have no receipt.
    bench.faults("OM-0001", |faults| faults.power_loss = Some(PowerLoss::AfterStore));
    bench.begin("OM-0001").await;
    loop {
        let sent = bench.ledger.count(|place| matches!(place, Place::Sent { .. }));
        if sent == 1 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    }
    bench.act("cancel", Value::Null).await;
    assert_eq!(bench.ledger.attempt().outcome, AttemptOutcome::Cancelled);
    bench.commission("OM-0002").await;
    let (first, second) = {
        let books = bench.ledger.books();
        (books.attempts[0].grant_id, books.attempts[1].grant_id)
    };
    assert!(first.is_some() && first != second, "another device gets another grant");
    assert_eq!(bench.ledger.count(|place| *place == Place::Free), 8);
}

async fn small_packets_and_a_long_anchor(pace: Pace) -> Bench {
    let bench = Bench::at_pace(vec![device("OM-0001", Security::Sec2Patch1)], pace, Mode::Field).await;
    for (grant, _) in bench.ledger.books().grants.values_mut() {
        *grant = Grant { trust_anchor: vec![7; 2_000], ..grant.read().unwrap() }.sign(&claim_key());
    }
    bench.faults("OM-0001", |faults| (faults.mtu, faults.packet_ms) = (Some(23), 6));
    bench
}

#[tokio::test]
async fn a_long_anchor_passes_a_link_of_the_smallest_packets() {
    // A tenth of the field's: 60 ms for each packet, 10 s for each exchange, 60 s for the claim.
    let pace = Pace { exchange: Duration::from_secs(1), claim: Duration::from_secs(6), scan: Duration::from_secs(6), ..quick() };
    let bench = small_packets_and_a_long_anchor(pace).await;
    bench.begin("OM-0001").await;
    bench.until("needs_network").await;
    bench.act("cancel", Value::Null).await;
    let attempt = bench.ledger.attempt();
    let claims: Vec<_> = attempt.steps.iter().filter(|row| row.step == "claim").collect();
    assert!(claims.len() == 1 && claims[0].duration_ms > 1_000, "longer than one exchange may take: {claims:?}");
    assert_eq!((attempt.epoch, attempt.mtu), (Some(1), Some(23)));
}

#[tokio::test]
async fn a_device_that_falls_silent_in_its_claim_is_noticed_after_one_exchange() {
    let pace = Pace { exchange: Duration::from_secs(1), claim: Duration::from_secs(60), operation: Duration::from_secs(60), ..quick() };
    let bench = small_packets_and_a_long_anchor(pace).await;
    bench.begin("OM-0001").await;
    while bench.current().await["step"] != "claim" {
        tokio::time::sleep(Duration::from_micros(200)).await;
    }
    bench.faults("OM-0001", |faults| faults.silent = true);
    let now = bench.until_failed("no_answer").await;
    assert_eq!(now["failure"]["retriable"], true);
    bench.act("cancel", Value::Null).await;
    let claims = bench.ledger.attempt().steps.into_iter().filter(|row| row.step == "claim");
    assert!(claims.clone().count() == 1 && claims.clone().all(|row| row.duration_ms < 5_000), "{:?}", claims.collect::<Vec<_>>());
}
