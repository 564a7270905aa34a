//! Counted attempts on accounts, known or not.

use omniot_shared::time::Millis;

use crate::{
    db::{DbError, Scope},
    identity::throttle::{ACCOUNT, ANYWHERE, History, Patience, RetryAfter, Subjects, Verdict},
};

const FIND: &str = "select failures, last_at from sign_in_throttle where tenant_id = $1 and subject = $2";
const PUT: &str = "
    insert into sign_in_throttle (tenant_id, subject, failures, last_at) values ($1, $2, $3, $4)
    on conflict (tenant_id, subject) do update set failures = excluded.failures, last_at = excluded.last_at";
const SWEEP: &str = "
    delete from sign_in_throttle where tenant_id = $1 and last_at < $2 and (subject not like 'known:%' or last_at < $3)";
/// Longer than any [`Patience`] remembers.
const FORGOTTEN_MS: i64 = 86_400_000;
/// A network from which somebody signed in is theirs for so long.
const KNOWN_MS: i64 = 90 * 86_400_000;

/// Decides about an attempt on `subject` and counts it; commit to make the count stick.
pub async fn admit(scope: &mut Scope, patience: &Patience, subject: &str, now: Millis) -> Result<Result<(), RetryAfter>, DbError> {
    let row = scope.query(FIND).bind(subject).optional::<(i64, i64)>().await?;
    let history = row.map_or_else(History::default, |(failures, at)| History { failures: u32::try_from(failures).unwrap_or(u32::MAX), last_at: Millis(at) });
    match patience.admit(history, now) {
        Verdict::Wait { retry_after_ms } => Ok(Err(RetryAfter(retry_after_ms))),
        Verdict::Admit(counted) => {
            scope.query(SWEEP).bind(now.plus(-FORGOTTEN_MS)).bind(now.plus(-KNOWN_MS)).execute().await?;
            scope.query(PUT).bind(subject).bind(counted.failures).bind(counted.last_at).execute().await?;
            Ok(Ok(()))
        }
    }
}

const KNOWS: &str = "select last_at from sign_in_throttle where tenant_id = $1 and subject = $2";

/// Decides about a sign-in and counts it; commit to make the count stick.
pub async fn admit_sign_in(scope: &mut Scope, subjects: &Subjects, now: Millis) -> Result<Result<(), RetryAfter>, DbError> {
    if let Err(wait) = admit(scope, &ACCOUNT, &subjects.here, now).await? {
        return Ok(Err(wait));
    }
    let knows: Option<(i64,)> = scope.query(KNOWS).bind(&subjects.known).optional().await?;
    if knows.is_some() { Ok(Ok(())) } else { admit(scope, &ANYWHERE, &subjects.account, now).await }
}

const FORGET: &str = "delete from sign_in_throttle where tenant_id = $1 and subject = $2";
const FORGIVE: &str = "update sign_in_throttle set failures = failures - 1 where tenant_id = $1 and subject = $2 and failures > 0";

/// The right password was given from that network: it is known from now on. What was counted from
/// elsewhere stays, so that a person who signs in does not buy guesses for somebody else.
pub async fn welcome(scope: &mut Scope, subjects: &Subjects, now: Millis) -> Result<(), DbError> {
    forget(scope, &subjects.here).await?;
    scope.query(FORGIVE).bind(&subjects.account).execute().await?;
    scope.query(PUT).bind(&subjects.known).bind(0_u32).bind(now).execute().await.map(drop)
}

/// Forgets what was counted on one subject.
pub async fn forget(scope: &mut Scope, subject: &str) -> Result<(), DbError> {
    scope.query(FORGET).bind(subject).execute().await.map(drop)
}

const CLEAR: &str = "delete from sign_in_throttle where tenant_id = $1 and (subject = $2 or subject like $3)";

/// Forgets what was counted on the account from everywhere: its password is a new one.
pub async fn clear(scope: &mut Scope, subjects: &Subjects) -> Result<(), DbError> {
    let account = &subjects.account;
    scope.query(CLEAR).bind(account).bind(format!("{account}@%")).execute().await.map(drop)
}
