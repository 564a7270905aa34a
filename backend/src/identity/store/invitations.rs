//! Invitations: open, list, close.

use omniot_shared::{
    fold::fold,
    ids::{InvitationId, PersonId},
    roles::Role,
    time::Millis,
};
use serde::{Serialize, de::DeserializeOwned};
use uuid::Uuid;

use crate::{
    db::{DbError, Scope},
    identity::{places::Places, tokens::TokenHash},
    mail,
};

use super::role;

/// One invitation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invitation {
    /// Which.
    pub id: InvitationId,
    /// Who is invited, in lower case.
    pub email: String,
    /// As what.
    pub role: Role,
    /// Where they will work.
    pub places: Places,
    /// Who invites; nobody of the tenant when the platform does.
    pub invited_by: Option<PersonId>,
    /// Their name then.
    pub inviter_name: String,
    /// When.
    pub created_at: Millis,
    /// Until when it can be accepted.
    pub expires_at: Millis,
    /// When it was accepted, withdrawn or replaced.
    pub closed_at: Option<Millis>,
}

#[derive(sqlx::FromRow)]
struct Row {
    id: Uuid,
    email: String,
    role: String,
    sites: Option<String>,
    site_groups: Option<String>,
    invited_by: Option<Uuid>,
    inviter_name: String,
    created_at: i64,
    expires_at: i64,
    closed_at: Option<i64>,
}

impl Row {
    fn invitation(self) -> Result<Invitation, DbError> {
        Ok(Invitation {
            id: InvitationId(self.id),
            email: self.email,
            role: role(&self.role)?,
            places: match ids(self.sites)? {
                None => Places::Everywhere,
                Some(sites) => Places::Chosen { sites, groups: ids(self.site_groups)?.unwrap_or_default() },
            },
            invited_by: self.invited_by.map(PersonId),
            inviter_name: self.inviter_name,
            created_at: Millis(self.created_at),
            expires_at: Millis(self.expires_at),
            closed_at: self.closed_at.map(Millis),
        })
    }
}

/// The ids of a JSON list.
fn ids<I: DeserializeOwned>(list: Option<String>) -> Result<Option<Vec<I>>, DbError> {
    Ok(list.map(|list| serde_json::from_str(&list)).transpose().map_err(|error| sqlx::Error::Decode(error.into()))?)
}

fn written<I: Serialize>(ids: &[I]) -> Result<String, DbError> {
    Ok(serde_json::to_string(ids).map_err(|error| sqlx::Error::Encode(error.into()))?)
}

/// How an invitation ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Closed {
    /// The invited person joined.
    Accepted,
    /// Somebody took it back, or who invited may not invite any more.
    Withdrawn,
    /// It was too old when the same address was invited again.
    Expired,
}

impl Closed {
    const fn name(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Withdrawn => "withdrawn",
            Self::Expired => "expired",
        }
    }
}

const LAPSE: &str = "
    update invitation set closed_at = $3, closed_as = $4
    where tenant_id = $1 and email = $2 and closed_at is null and expires_at <= $3";
const INSERT: &str = "
    insert into invitation (tenant_id, id, token_hash, email, role, invited_by, inviter_name, created_at, expires_at, search_text, sites, site_groups)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
    on conflict do nothing";

/// Opens an invitation; whether none was open for that address.
pub async fn insert(scope: &mut Scope, invitation: &Invitation, hash: TokenHash) -> Result<bool, DbError> {
    scope.query(LAPSE).bind(&invitation.email).bind(invitation.created_at).bind(Closed::Expired.name()).execute().await?;
    let insert = scope.query(INSERT).bind(invitation.id).bind(hash.0).bind(&invitation.email).bind(invitation.role.name());
    let insert = insert.bind(invitation.invited_by).bind(&invitation.inviter_name);
    let sites = invitation.places.sites().map(written).transpose()?;
    let groups = Some(invitation.places.groups()).filter(|groups| !groups.is_empty()).map(written).transpose()?;
    let insert = insert.bind(invitation.created_at).bind(invitation.expires_at).bind(fold(&invitation.email));
    Ok(insert.bind(sites).bind(groups).execute().await? == 1)
}

const BY_TOKEN: &str = "
    select id, email, role, sites, site_groups, invited_by, inviter_name, created_at, expires_at, closed_at
    from invitation where tenant_id = $1 and token_hash = $2";

/// The invitation of that link, whatever its state.
pub async fn by_token(scope: &mut Scope, hash: TokenHash) -> Result<Option<Invitation>, DbError> {
    scope.query(BY_TOKEN).bind(hash.0).optional::<Row>().await?.map(Row::invitation).transpose()
}

const OPEN: &str = "
    select id, email, role, sites, site_groups, invited_by, inviter_name, created_at, expires_at, closed_at
    from invitation where tenant_id = $1 and id = $2 and closed_at is null";

/// The open invitation of that id.
pub async fn open(scope: &mut Scope, id: InvitationId) -> Result<Option<Invitation>, DbError> {
    scope.query(OPEN).bind(id).optional::<Row>().await?.map(Row::invitation).transpose()
}

const LIST: &str = "
    select id, email, role, sites, site_groups, invited_by, inviter_name, created_at, expires_at, closed_at
    from invitation
    where tenant_id = $1 and closed_at is null
      and (cast($2 as text) is null or coalesce(search_text, email) like $2 escape '\\')
      and (created_at, id) < ($3, $4)
    order by created_at desc, id desc
    limit $5";

/// A page of open invitations, newest first; expired ones among them until somebody withdraws them.
pub async fn list(scope: &mut Scope, pattern: Option<String>, after: Option<(i64, Uuid)>, limit: i64) -> Result<Vec<Invitation>, DbError> {
    let (at, id) = after.unwrap_or((i64::MAX, Uuid::max()));
    scope.query(LIST).bind(pattern).bind(at).bind(id).bind(limit).all::<Row>().await?.into_iter().map(Row::invitation).collect()
}

const CLOSE: &str = "update invitation set closed_at = $3, closed_as = $4 where tenant_id = $1 and id = $2 and closed_at is null";

/// Closes an open invitation; whether it was open.
pub async fn close(scope: &mut Scope, id: InvitationId, now: Millis, closed: Closed) -> Result<bool, DbError> {
    let was_open = scope.query(CLOSE).bind(id).bind(now).bind(closed.name()).execute().await? == 1;
    mail::blank(scope, now).await?;
    Ok(was_open)
}

const OPEN_BY: &str = "
    select id, email, role, sites, site_groups, invited_by, inviter_name, created_at, expires_at, closed_at
    from invitation where tenant_id = $1 and invited_by = $2 and closed_at is null";

/// The open invitations that a person made.
pub async fn open_by(scope: &mut Scope, inviter: PersonId) -> Result<Vec<Invitation>, DbError> {
    scope.query(OPEN_BY).bind(inviter).all::<Row>().await?.into_iter().map(Row::invitation).collect()
}
