//! Waiting for something to become true, with a deadline instead of a sleep.

use std::{future::Future, time::Duration};

use tokio::time::Instant;

/// Asks again until the answer is `Some`, for at most 20 seconds; then fails naming `what`.
pub async fn eventually<T, F: Future<Output = Option<T>>>(what: &str, ask: impl FnMut() -> F) -> T {
    eventually_within(Duration::from_secs(20), what, ask).await
}

/// [`eventually`] with another deadline.
pub async fn eventually_within<T, F: Future<Output = Option<T>>>(longest: Duration, what: &str, mut ask: impl FnMut() -> F) -> T {
    let deadline = Instant::now() + longest;
    let mut pause = Duration::from_millis(10);
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(Instant::now() < deadline, "within {longest:?} it did not come true: {what}");
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(Duration::from_millis(250));
    }
}
