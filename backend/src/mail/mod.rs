//! A tenant's outgoing mail: put into its outbox in the transaction that causes it.
//!
//! A letter may carry a link with a secret token. That token stands in the link alone, never in the
//! text, and the link is emptied in the transaction that uses, withdraws or replaces it, and, once
//! it is too old, with the next letter. Letters go after [`KEPT_MS`].
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
    /// The link it carries, as long as that can be used.
    pub link: Option<String>,
    /// The invitation or reset that the link is for.
    pub about: Option<Uuid>,
    /// When it was written.
    pub created_at: Millis,
}

/// Letters are kept for so long.
pub const KEPT_MS: i64 = 30 * 86_400_000;
/// What stands in a text where the token was.
const NO_TOKEN: &str = "(no-longer-valid)";

const POST: &str = "insert into mail (tenant_id, id, recipient, subject, body, link, about, created_at) values ($1, $2, $3, $4, $5, $6, $7, $8)";
const SWEEP: &str = "delete from mail where tenant_id = $1 and created_at < $2";
const BLANK: &str = "
    update mail set link = null where tenant_id = $1 and link is not null
      and not exists (select 1 from invitation i where i.tenant_id = $1 and i.id = mail.about and i.closed_at is null and i.expires_at > $2)
      and not exists (select 1 from password_reset r where r.tenant_id = $1 and r.id = mail.about and r.closed_at is null and r.expires_at > $2)";
const LIST: &str = "
    select id, recipient, subject, body, link, about, created_at from mail
    where tenant_id = $1 and (cast($2 as bigint) is null or (created_at, id) < ($2, $3))
    order by created_at desc, id desc limit $4";

/// Puts a letter into the outbox, after what its link is for.
///
/// # Errors
/// Whatever the store says.
pub async fn post(scope: &mut Scope, mail: &Mail) -> Result<(), DbError> {
    scope.query(SWEEP).bind(mail.created_at.plus(-KEPT_MS)).execute().await?;
    let body = match mail.link.as_deref().and_then(token_of) {
        Some(token) => mail.body.replace(token, NO_TOKEN),
        None => mail.body.clone(),
    };
    let query = scope.query(POST).bind(mail.id).bind(&mail.recipient).bind(&mail.subject).bind(body);
    query.bind(mail.link.as_ref()).bind(mail.about).bind(mail.created_at).execute().await?;
    blank(scope, mail.created_at).await
}

/// Empties the links that cannot be used any more; call it where one is used, withdrawn or replaced.
///
/// # Errors
/// Whatever the store says.
pub async fn blank(scope: &mut Scope, now: Millis) -> Result<(), DbError> {
    scope.query(BLANK).bind(now).execute().await.map(drop)
}

/// The secret in a link.
fn token_of(link: &str) -> Option<&str> {
    link.split_once("token=").map(|(_, token)| token).filter(|token| !token.is_empty())
}

#[derive(sqlx::FromRow)]
struct Row {
    id: Uuid,
    recipient: String,
    subject: String,
    body: String,
    link: Option<String>,
    about: Option<Uuid>,
    created_at: i64,
}

/// The newest letters first, older than `before`.
///
/// # Errors
/// Whatever the store says.
pub async fn list(scope: &mut Scope, before: Option<(i64, Uuid)>, rows: i64) -> Result<Vec<Mail>, DbError> {
    let rows: Vec<Row> = scope.query(LIST).bind(before.map(|key| key.0)).bind(before.map(|key| key.1)).bind(rows).all().await?;
    Ok(rows.into_iter().map(Mail::from).collect())
}

impl From<Row> for Mail {
    fn from(row: Row) -> Self {
        let body = match row.link.as_deref().and_then(token_of) {
            Some(token) => row.body.replace(NO_TOKEN, token),
            None => row.body,
        };
        Self { id: MailId(row.id), recipient: row.recipient, subject: row.subject, body, link: row.link, about: row.about, created_at: Millis(row.created_at) }
    }
}
