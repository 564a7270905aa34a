//! Templates, and the mail of a tenant in development.

use axum::extract::State;
use omniot_shared::{ids::{MailId, TenantId}, time::Millis};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    db::TenantAccess,
    http::{ApiError, AppState, Cursor, Json, Limit, OperatorCaller, Page, Query},
    mail,
    tenancy::{store as tenants, templates},
};

/// What a tenant can begin with.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub(super) struct TemplateItem {
    /// Its short name.
    #[schema(example = "facility")]
    name: String,
    /// As people read it.
    display_name: String,
}

/// All templates.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub(super) struct Templates {
    items: Vec<TemplateItem>,
}

/// List what a tenant can begin with.
#[utoipa::path(get, path = "/v1/operator/templates", operation_id = "list_templates", tag = "operator", responses((status = 200, body = Templates)))]
pub(super) async fn list_templates(_: OperatorCaller) -> Result<Json<Templates>, ApiError> {
    let all = templates::all().map_err(|error| ApiError::internal(&error))?;
    let items = all.into_iter().map(|template| TemplateItem { name: template.name.to_owned(), display_name: template.display_name });
    Ok(Json(Templates { items: items.collect() }))
}

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
pub(super) struct MailQuery {
    /// Whose outbox.
    tenant_id: TenantId,
    #[serde(default)]
    limit: Limit,
    cursor: Option<Cursor>,
}

/// A letter in a tenant's outbox.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub(super) struct MailItem {
    id: MailId,
    tenant_id: TenantId,
    recipient: String,
    subject: String,
    body: String,
    /// The link it carries.
    link: Option<String>,
    created_at: Millis,
}

/// Read a tenant's outgoing mail, newest first. In development only: elsewhere 404.
#[utoipa::path(get, path = "/v1/operator/mail", operation_id = "list_mail", tag = "operator", params(MailQuery), responses((status = 200, body = Page<MailItem>)))]
pub(super) async fn list_mail(State(state): State<AppState>, _: OperatorCaller, Query(query): Query<MailQuery>) -> Result<Page<MailItem>, ApiError> {
    if !state.settings.mail_readable {
        return Err(ApiError::not_found());
    }
    let before = query.cursor.map(|cursor| cursor.key::<(i64, Uuid)>()).transpose()?;
    let tenant_id = query.tenant_id;
    tracing::Span::current().record("tenant.id", tracing::field::display(tenant_id));
    tenants::by_id(&mut state.db.control_read().await?, tenant_id).await?.ok_or_else(ApiError::not_found)?;
    let mut scope = state.db.read(&TenantAccess::for_job(tenant_id, "read_mail")).await?;
    let letters = mail::list(&mut scope, before, query.limit.rows()).await?;
    let page = Page::of(letters, query.limit, |mail| (mail.created_at, mail.id.0));
    Ok(page.map(|mail| MailItem { id: mail.id, tenant_id, recipient: mail.recipient, subject: mail.subject, body: mail.body, link: mail.link, created_at: mail.created_at }))
}
