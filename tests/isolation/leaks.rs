//! Each seeded leak is caught. One test, because a leak is planted in the whole process.

use omniot_backend::{db::Db, leaks::{self, Leak}, testing::App};
use omniot_tests::isolation;
use sqlx::{Connection as _, Executor as _, PgConnection};

#[tokio::test]
async fn every_seeded_leak_is_caught() {
    leaks::plant(None);
    assert!(isolation::leaks(&App::sqlite().await).await.is_empty(), "without a leak nothing is found");
    for leak in Leak::ALL {
        leaks::plant(Some(leak));
        let found = isolation::leaks(&App::sqlite().await).await;
        leaks::plant(None);
        println!("{leak:?}: {}", found.iter().map(|finding| finding.0.as_str()).collect::<Vec<_>>().join("; "));
        assert!(!found.is_empty(), "{leak:?} went unnoticed");
    }

    // On PostgreSQL row-level security holds where the predicate is gone; without it on one table
    // the attack sees the leak, and a server would not even start.
    for app in App::both().await.into_iter().filter(|app| app.engine == "postgres") {
        leaks::plant(Some(Leak::DroppedPredicate));
        assert_eq!(isolation::leaks(&app).await, [], "row-level security holds");
        let owner_url = app.db_url(app.tenant("probe").await.id);
        let mut owner = PgConnection::connect(&owner_url).await.expect("the owner");
        owner.execute("alter table device disable row level security").await.expect("the owner may");
        let found = isolation::pulls_and_lists(&app).await;
        leaks::plant(None);
        assert!(!found.is_empty(), "row-level security off on one table went unnoticed");
        let refused = Db::postgres(&owner_url.replace("postgres@", "omniot_app_test@")).await.err().expect("the server refuses to start").to_string();
        assert!(refused.contains("device"), "it names the table: {refused}");
    }
}
