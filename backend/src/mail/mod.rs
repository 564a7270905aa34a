//! A tenant's outgoing mail: put into its outbox in the transaction that causes it.
//!
//! Deliberately not here: sending (in development the outbox is read in the operator console),
//! and what the letters say (the features write them).

use omniot_shared::{ids::MailId, time::Millis};
use uuid::Uuid;

use crate::db::{DbError, Scope};

/// A letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    /// Its id.
    pub id: MailId,
    /// To whom.
    pub recipient: String,
    /// What about.
    pub subject: String,
    /// Plain text.
    pub body: String,
    /// The link it carries.
    pub link: Option<String>,
    /// When it was written.
    pub created_at: Millis,
}

const POST: &str = "insert into mail (tenant_id, id, recipient, subject, body, link, created_at) values ($1, $2, $3, $4, $5, $6, $7)";
const LIST: &str = "
    select id, recipient, subject, body, link, created_at from mail
    where tenant_id = $1 and (cast($2 as bigint) is null or (created_at, id) < ($2, $3))
    order by created_at desc, id desc limit $4";

/// Puts a letter into the outbox.
///
/// # Errors
/// Whatever the store says.
pub async fn post(scope: &mut Scope, mail: &Mail) -> Result<(), DbError> {
    let query = scope.query(POST).bind(mail.id).bind(&mail.recipient).bind(&mail.subject).bind(&mail.body);
    query.bind(mail.link.as_ref()).bind(mail.created_at).execute().await.map(drop)
}

#[derive(sqlx::FromRow)]
struct Row {
    id: Uuid,
    recipient: String,
    subject: String,
    body: String,
    link: Option<String>,
    created_at: i64,
}

/// The newest letters first, older than `before`.
///
/// # Errors
/// Whatever the store says.
pub async fn list(scope: &mut Scope, before: Option<(i64, Uuid)>, rows: i64) -> Result<Vec<Mail>, DbError> {
    let rows: Vec<Row> = scope.query(LIST).bind(before.map(|key| key.0)).bind(before.map(|key| key.1)).bind(rows).all().await?;
    let mail = |row: Row| Mail { id: MailId(row.id), recipient: row.recipient, subject: row.subject, body: row.body, link: row.link, created_at: Millis(row.created_at) };
    Ok(rows.into_iter().map(mail).collect())
}
