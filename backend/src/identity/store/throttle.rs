//! Counted attempts on accounts, known or not.

use omniot_shared::time::Millis;

use crate::{
    db::{DbError, Scope},
    identity::throttle::{History, Patience, RetryAfter, Verdict},
};

const FIND: &str = "select failures, last_at from sign_in_throttle where tenant_id = $1 and subject = $2";
const PUT: &str = "
    insert into sign_in_throttle (tenant_id, subject, failures, last_at) values ($1, $2, $3, $4)
    on conflict (tenant_id, subject) do update set failures = excluded.failures, last_at = excluded.last_at";
const SWEEP: &str = "delete from sign_in_throttle where tenant_id = $1 and last_at < $2";
/// Longer than any [`Patience`] remembers.
const FORGOTTEN_MS: i64 = 86_400_000;

/// Decides about an attempt on `subject` and counts it; commit to make the count stick.
pub async fn admit(scope: &mut Scope, patience: &Patience, subject: &str, now: Millis) -> Result<Result<(), RetryAfter>, DbError> {
    let row = scope.query(FIND).bind(subject).optional::<(i64, i64)>().await?;
    let history = row.map_or_else(History::default, |(failures, at)| History { failures: u32::try_from(failures).unwrap_or(u32::MAX), last_at: Millis(at) });
    match patience.admit(history, now) {
        Verdict::Wait { retry_after_ms } => Ok(Err(RetryAfter(retry_after_ms))),
        Verdict::Admit(counted) => {
            scope.query(SWEEP).bind(now.plus(-FORGOTTEN_MS)).execute().await?;
            scope.query(PUT).bind(subject).bind(counted.failures).bind(counted.last_at).execute().await?;
            Ok(Ok(()))
        }
    }
}

const CLEAR: &str = "delete from sign_in_throttle where tenant_id = $1 and subject = $2";

/// Forgets what was counted on `subject`: the right password was given.
pub async fn clear(scope: &mut Scope, subject: &str) -> Result<(), DbError> {
    scope.query(CLEAR).bind(subject).execute().await.map(drop)
}
