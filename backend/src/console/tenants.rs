//! Tenants as the operator sees and moves them.

use axum::extract::State;
use omniot_shared::{fold::like_pattern, ids::TenantId, time::Millis};
use serde::{Deserialize, Serialize};

use super::store::{self, Counts};
use crate::{
    db::TenantAccess,
    http::{ApiError, AppState, Created, Cursor, Json, Limit, OperatorCaller, Page, Path, Query},
    tenancy::{self, NewTenant, Status, Tenant, store as tenants},
};

#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields, default)]
pub(super) struct TenantsQuery {
    /// Only tenants named like this.
    q: Option<String>,
    /// Only tenants of this status.
    status: Option<Status>,
    limit: Limit,
    cursor: Option<Cursor>,
}

/// A tenant with what there is of it.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub(super) struct TenantItem {
    id: TenantId,
    /// Its short name.
    name: String,
    display_name: String,
    status: Status,
    created_at: Millis,
    counts: Counts,
}

/// What is needed to make a tenant.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NewTenantBody {
    /// 2–40 lower-case letters, digits and hyphens, beginning with a letter.
    #[schema(example = "acme")]
    name: String,
    /// 1–120 characters.
    display_name: String,
    /// One of the templates.
    #[schema(example = "facility")]
    template: String,
    /// Who is invited as the first owner.
    owner_email: String,
}

/// Why it is suspended.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SuspendBody {
    /// 1–400 characters.
    reason: String,
}

async fn item(state: &AppState, tenant: Tenant) -> Result<TenantItem, ApiError> {
    let mut scope = state.db.read(&TenantAccess::for_job(tenant.id, "count")).await?;
    let (display_name, status) = tenants::standing(&mut scope).await?;
    let counts = store::counts(&mut scope).await?;
    Ok(TenantItem { id: tenant.id, name: tenant.name, display_name, status, created_at: tenant.created_at, counts })
}

/// Each item opens its tenant's store, so a page must stay well below the stores that are kept open.
const AT_ONCE: u16 = 50;

/// List the tenants by name, with counts; at most 50 at once.
#[utoipa::path(get, path = "/v1/operator/tenants", operation_id = "list_tenants", tag = "operator", params(TenantsQuery), responses((status = 200, body = Page<TenantItem>)))]
pub(super) async fn list_tenants(State(state): State<AppState>, _: OperatorCaller, Query(query): Query<TenantsQuery>) -> Result<Page<TenantItem>, ApiError> {
    let limit = query.limit.at_most(AT_ONCE);
    let after = query.cursor.map(|cursor| cursor.key()).transpose()?;
    let wanted = tenants::Wanted { pattern: query.q.as_deref().and_then(like_pattern), status: query.status, after, rows: limit.rows() };
    let mut control = state.db.control_read().await?;
    let page = Page::of(tenants::list(&mut control, &wanted).await?, limit, |tenant| tenant.name.clone());
    drop(control);
    let mut items = Vec::with_capacity(page.items.len());
    for tenant in page.items {
        items.push(item(&state, tenant).await?);
    }
    Ok(Page { items, next: page.next })
}

/// What an operator does to a tenant stands on its log line.
fn on_the_line(id: TenantId) {
    tracing::Span::current().record("tenant.id", tracing::field::display(id));
}

async fn find(state: &AppState, id: TenantId) -> Result<Tenant, ApiError> {
    on_the_line(id);
    tenants::by_id(&mut state.db.control_read().await?, id).await?.ok_or_else(ApiError::not_found)
}

/// Show one tenant.
#[utoipa::path(get, path = "/v1/operator/tenants/{id}", operation_id = "get_tenant", tag = "operator", params(("id" = TenantId, Path)), responses((status = 200, body = TenantItem)))]
pub(super) async fn get_tenant(State(state): State<AppState>, _: OperatorCaller, Path(id): Path<TenantId>) -> Result<Json<TenantItem>, ApiError> {
    let tenant = find(&state, id).await?;
    item(&state, tenant).await.map(Json)
}

/// Make a tenant from a template and invite its first owner.
#[utoipa::path(post, path = "/v1/operator/tenants", operation_id = "create_tenant", tag = "operator", request_body = NewTenantBody, responses((status = 201, body = TenantItem)))]
pub(super) async fn create_tenant(State(state): State<AppState>, operator: OperatorCaller, Json(body): Json<NewTenantBody>) -> Result<Created<TenantItem>, ApiError> {
    let new = NewTenant { name: body.name, display_name: body.display_name, template: body.template };
    let tenant = tenancy::provision_with_owner(&state, &operator.author(), Some(operator.request_id.as_str()), new, &body.owner_email).await?;
    on_the_line(tenant.id);
    item(&state, tenant).await.map(Created)
}

/// Suspend a tenant: every session, device and stream of it is refused from now on.
#[utoipa::path(post, path = "/v1/operator/tenants/{id}/suspend", operation_id = "suspend_tenant", tag = "operator", params(("id" = TenantId, Path)), request_body = SuspendBody, responses((status = 200, body = TenantItem)))]
pub(super) async fn suspend_tenant(State(state): State<AppState>, operator: OperatorCaller, Path(id): Path<TenantId>, Json(body): Json<SuspendBody>) -> Result<Json<TenantItem>, ApiError> {
    on_the_line(id);
    let reason = body.reason.trim();
    if !(1..=400).contains(&reason.chars().count()) {
        return Err(ApiError::invalid_field("reason", "1 to 400 characters"));
    }
    let tenant = tenancy::suspend(&state, &operator.author(), Some(operator.request_id.as_str()), id, reason).await?;
    item(&state, tenant).await.map(Json)
}

/// Serve a suspended tenant again.
#[utoipa::path(post, path = "/v1/operator/tenants/{id}/resume", operation_id = "resume_tenant", tag = "operator", params(("id" = TenantId, Path)), responses((status = 200, body = TenantItem)))]
pub(super) async fn resume_tenant(State(state): State<AppState>, operator: OperatorCaller, Path(id): Path<TenantId>) -> Result<Json<TenantItem>, ApiError> {
    on_the_line(id);
    let tenant = tenancy::resume(&state, &operator.author(), Some(operator.request_id.as_str()), id).await?;
    item(&state, tenant).await.map(Json)
}
