//! Inviting people, and accepting.

use omniot_shared::{
    fold::like_pattern,
    ids::{InvitationId, PersonId, SiteGroupId, SiteId},
    roles::{Role, need},
    time::Millis,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use axum::extract::State;

use crate::{
    audit::Entry,
    http::{AppState, Caller, Created, Cursor, Json, Limit, NoContent, Page, Path, Query},
    identity::{
        IdentityError, joining,
        places::Places,
        rules,
        store::invitations::{self, Closed, Invitation},
        visitor::Visitor,
    },
    tenancy::TenantCard,
};

/// An open invitation.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct InvitationRow {
    id: InvitationId,
    email: String,
    role: Role,
    /// Whether they will work everywhere; else at chosen sites only.
    all_sites: bool,
    invited_by: Inviter,
    created_at: Millis,
    /// It cannot be accepted after this; it stays in the list until it is withdrawn or made again.
    expires_at: Millis,
}

/// Who invited.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Inviter {
    /// `null` for the platform.
    id: Option<PersonId>,
    /// Their name then.
    name: String,
}

impl From<Invitation> for InvitationRow {
    fn from(row: Invitation) -> Self {
        let invited_by = Inviter { id: row.invited_by, name: row.inviter_name };
        Self { id: row.id, email: row.email, role: row.role, all_sites: row.places == Places::Everywhere, invited_by, created_at: row.created_at, expires_at: row.expires_at }
    }
}

/// Which invitations.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListInvitations {
    #[serde(default)]
    limit: Limit,
    cursor: Option<Cursor>,
    /// In the address.
    q: Option<String>,
}

/// List the open invitations
#[utoipa::path(get, path = "/v1/invitations", operation_id = "list_invitations", tag = "identity", params(ListInvitations), responses((status = 200, body = Page<InvitationRow>)))]
pub async fn list_invitations(mut caller: Caller<need::InvitationManage>, Query(list): Query<ListInvitations>) -> Result<Page<InvitationRow>, IdentityError> {
    let after = list.cursor.map(|cursor| cursor.key::<(i64, Uuid)>()).transpose()?;
    let pattern = list.q.as_deref().and_then(like_pattern);
    let rows = invitations::list(caller.scope(), pattern, after, list.limit.rows()).await?;
    Ok(Page::of(rows, list.limit, |last| (last.created_at, last.id.0)).map(InvitationRow::from))
}

/// Whom to invite.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewInvitation {
    /// Where the link goes.
    email: String,
    /// What they will be.
    role: Role,
    /// Where they will work; everywhere when absent or `null`.
    sites: Option<Vec<SiteId>>,
    /// And at the sites of these groups, where `sites` says that it is not everywhere.
    #[serde(default)]
    groups: Vec<SiteGroupId>,
}

/// Invite somebody
#[utoipa::path(post, path = "/v1/invitations", operation_id = "create_invitation", tag = "identity", request_body = NewInvitation,
    responses((status = 201, body = InvitationRow), (status = 403, body = crate::http::ErrorBody), (status = 409, body = crate::http::ErrorBody)))]
pub async fn create_invitation(mut caller: Caller<need::InvitationManage>, State(state): State<AppState>, Json(body): Json<NewInvitation>) -> Result<Created<InvitationRow>, IdentityError> {
    let email = rules::email(&body.email).map_err(IdentityError::field("email"))?;
    if !caller.person().role.may_assign(body.role) {
        return Err(IdentityError::NotAllowed);
    }
    let places = Places::new(body.sites, body.groups, body.role)?;
    places.check(caller.scope()).await?;
    let invitation = joining::invite_as(&mut caller, &state, email, body.role, places).await?;
    caller.commit().await?;
    Ok(Created(invitation.into()))
}

/// Withdraw an invitation
#[utoipa::path(delete, path = "/v1/invitations/{id}", operation_id = "withdraw_invitation", tag = "identity", params(("id" = InvitationId, Path)), responses((status = 204)))]
pub async fn withdraw_invitation(mut caller: Caller<need::InvitationManage>, Path(id): Path<InvitationId>) -> Result<NoContent, IdentityError> {
    let invitation = invitations::open(caller.scope(), id).await?.ok_or(IdentityError::NotFound)?;
    if !caller.person().role.may_assign(invitation.role) {
        return Err(IdentityError::NotAllowed);
    }
    let now = caller.now();
    invitations::close(caller.scope(), id, now, Closed::Withdrawn).await?;
    caller.audit(Entry::new("invitation.withdraw").target("invitation", id, &invitation.email)).await?;
    caller.commit().await?;
    Ok(NoContent)
}

/// The secret of a link.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LinkToken {
    /// `omi_…`.
    token: String,
}

/// What an invitation offers.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct InvitationCard {
    /// Who is invited.
    email: String,
    /// As what.
    role: Role,
    /// Where.
    tenant: TenantCard,
    /// Until when.
    expires_at: Millis,
}

/// Look at an invitation
#[utoipa::path(post, path = "/v1/invitations/lookup", operation_id = "lookup_invitation", tag = "identity", request_body = LinkToken,
    responses((status = 200, body = InvitationCard), (status = 410, body = crate::http::ErrorBody)))]
pub async fn lookup_invitation(visitor: Visitor, Json(body): Json<LinkToken>) -> Result<Json<InvitationCard>, IdentityError> {
    let (invitation, tenant) = joining::look_up(&visitor, &body.token).await?;
    let tenant = TenantCard { name: tenant.name, display_name: tenant.display_name, brand: tenant.brand };
    Ok(Json(InvitationCard { email: invitation.email, role: invitation.role, tenant, expires_at: invitation.expires_at }))
}

/// Who joins.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Acceptance {
    /// `omi_…`.
    token: String,
    /// As they want to be called; 1–120 characters.
    name: String,
    /// At least 10 characters.
    #[schema(format = Password)]
    password: String,
}

/// Where to sign in now.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Accepted {
    /// The address to sign in with.
    email: String,
    /// The tenant's short name.
    tenant: String,
}

/// Accept an invitation
#[utoipa::path(post, path = "/v1/invitations/accept", operation_id = "accept_invitation", tag = "identity", request_body = Acceptance,
    responses((status = 201, body = Accepted), (status = 409, body = crate::http::ErrorBody), (status = 410, body = crate::http::ErrorBody)))]
pub async fn accept_invitation(visitor: Visitor, Json(body): Json<Acceptance>) -> Result<Created<Accepted>, IdentityError> {
    let (email, tenant) = joining::accept(&visitor, &body.token, &body.name, &body.password).await?;
    Ok(Created(Accepted { email, tenant }))
}
