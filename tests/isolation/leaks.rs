//! Each seeded leak is caught. One test, because a leak is planted in the whole process.

use omniot_backend::{leaks::{self, Leak}, testing::App};
use omniot_tests::isolation;

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
}
