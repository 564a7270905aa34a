//! Each seeded leak is caught by the probe that is there for it. One test, because a leak is planted
//! in the whole process.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "in a test, a step that fails is a test that fails")]

use omniot_backend::{db::Db, leaks::{self, Leak}, testing::App};
use omniot_tests::isolation::{self, Finding};
use sqlx::{Connection as _, Executor as _, PgConnection};

/// What must be found when this leak is planted.
const fn proof(leak: Leak) -> &'static str {
    match leak {
        Leak::DroppedPredicate => "/v1/devices: other tenant received the canary",
        Leak::People => "/v1/people: other tenant received the canary",
        Leak::Attempts => "/v1/attempts: other tenant received the canary",
        Leak::Grants => "/v1/grants: other tenant received the canary",
        Leak::ForeignReference => "a device was placed at another tenant's site",
        Leak::CountAcross => "the operator's count of devices",
        Leak::PullIgnoresScope => "pull_changes: other tenant's replica received the canary",
        Leak::UpdateAcross => "the probes: the victim's rows changed in tenant",
        Leak::DeleteAcross => "the probes: the victim's rows changed in sign_in_throttle",
        Leak::RouteWithoutCaller => "read_leaked: anybody is answered 200",
    }
}

fn has(found: &[Finding], proof: &str) -> bool {
    found.iter().any(|finding| finding.0.starts_with(proof))
}

#[tokio::test]
async fn every_seeded_leak_is_caught() {
    leaks::plant(None);
    assert_eq!(isolation::leaks(&App::sqlite().await).await, [], "without a leak nothing is found");
    for leak in Leak::ALL {
        leaks::plant(Some(leak));
        let app = App::sqlite().await;
        let found = if leak == Leak::RouteWithoutCaller { isolation::leaks(&app).await } else { isolation::probes(&app).await };
        leaks::plant(None);
        assert!(has(&found, proof(leak)), "{leak:?} went unnoticed, or was seen only elsewhere: {found:#?}");
    }
    row_level_security_holds_and_its_absence_shows().await;
}

/// On PostgreSQL row-level security holds where the predicate is gone; without it on one table
/// the attack sees the leak, and a server would not even start.
async fn row_level_security_holds_and_its_absence_shows() {
    for app in App::both().await.into_iter().filter(|app| app.engine == "postgres") {
        for leak in [Leak::DroppedPredicate, Leak::People, Leak::Attempts, Leak::Grants, Leak::PullIgnoresScope, Leak::ForeignReference, Leak::UpdateAcross, Leak::DeleteAcross] {
            leaks::plant(Some(leak));
            assert_eq!(isolation::probes(&app).await, [], "row-level security holds against {leak:?}");
        }
        leaks::plant(Some(Leak::DroppedPredicate));
        let owner_url = app.db_owner_url().expect("the owner's URL");
        let mut owner = PgConnection::connect(&owner_url).await.expect("the owner");
        owner.execute("alter table device disable row level security").await.expect("the owner may");
        let found = isolation::probes(&app).await;
        leaks::plant(None);
        assert!(has(&found, proof(Leak::DroppedPredicate)), "row-level security off on one table went unnoticed: {found:#?}");
        let refused = Db::postgres(&owner_url.replace("postgres@", "omniot_app_test@")).await.err().expect("the server refuses to start").to_string();
        assert!(refused.contains("device"), "it names the table: {refused}");
    }
}
