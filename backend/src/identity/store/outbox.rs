//! The outbox of mail: letters wait there, in the transaction that makes them necessary.
//!
//! Deliberately not here: sending. The operator console shows the outbox in development.

use omniot_shared::time::Millis;
use uuid::Uuid;

use crate::{
    db::{DbError, Scope},
    identity::mails::Written,
};

const POST: &str = "insert into mail (tenant_id, id, recipient, subject, body, link, created_at) values ($1, $2, $3, $4, $5, $6, $7)";

/// Puts a letter into the outbox, in this transaction.
pub async fn post(scope: &mut Scope, id: Uuid, recipient: &str, letter: &Written, now: Millis) -> Result<(), DbError> {
    let post = scope.query(POST).bind(id).bind(recipient).bind(&letter.subject).bind(&letter.body);
    post.bind(letter.link.clone()).bind(now).execute().await.map(drop)
}
