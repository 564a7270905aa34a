//! `GET /v1/tenant-card`: what the sign-in page shows before anybody is signed in; `PATCH /v1/tenant`: what counts for all of a tenant.

use axum::{
    extract::{FromRequestParts, State},
    http::{header::HOST, request::Parts},
};
use omniot_shared::{brand::Theme, fold::fold, roles::need, sync::Sight};
use serde::{Deserialize, Serialize};

use super::{Tenant, find_tenant, store};
use crate::{
    audit::Entry,
    db::{DbError, TenantAccess},
    http::{ApiError, AppState, Caller, Json, Query},
};

/// The most days that a device may show what it holds without a word from the server: for so long its deletions are kept.
const MOST_OFFLINE_DAYS: i32 = 90;

/// What everybody may know of a tenant.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct TenantCard {
    /// Its short name.
    pub name: String,
    /// Its full name.
    pub display_name: String,
    /// Its brand.
    pub brand: Theme,
}

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
pub(super) struct CardQuery {
    /// The tenant's short name; without it the first label of the host name is taken.
    name: Option<String>,
}

pub(super) struct HostLabel(Option<String>);

impl<S: Send + Sync> FromRequestParts<S> for HostLabel {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        let host = parts.headers.get(HOST).and_then(|value| value.to_str().ok()).or_else(|| parts.uri.host());
        Ok(Self(host.and_then(label).map(str::to_owned)))
    }
}

/// `acme` of `acme.example.com`; nothing of an address or a bare host.
fn label(host: &str) -> Option<&str> {
    let name = host.split(':').next()?;
    let (label, rest) = name.split_once('.')?;
    (!rest.is_empty() && name.parse::<std::net::IpAddr>().is_err()).then_some(label)
}

/// Show a tenant's name and brand, by its short name or by the host name of the request.
#[utoipa::path(get, path = "/v1/tenant-card", operation_id = "find_tenant_card", tag = "tenancy", params(CardQuery),
    responses((status = 200, body = TenantCard), (status = 404, body = crate::http::ErrorBody)))]
pub(super) async fn find_tenant_card(State(state): State<AppState>, host: HostLabel, Query(query): Query<CardQuery>) -> Result<Json<TenantCard>, ApiError> {
    let name = query.name.or(host.0).ok_or_else(ApiError::not_found)?;
    let tenant = find_tenant(&state.db, &fold(&name)).await?.ok_or_else(ApiError::not_found)?;
    card(&state, &tenant).await.map(Json)
}

pub(super) async fn card(state: &AppState, tenant: &Tenant) -> Result<TenantCard, ApiError> {
    let mut scope = state.db.read(&TenantAccess::for_door(tenant.id, "tenant_card")).await?;
    let own = store::own(&mut scope).await?;
    Ok(TenantCard { name: own.name, display_name: own.display_name, brand: own.brand })
}

/// Why something about the tenant was refused.
#[derive(Debug, thiserror::Error)]
pub enum TenantError {
    /// Out of bounds.
    #[error("1 to {MOST_OFFLINE_DAYS} days")]
    OfflineDays,
    /// Who works at chosen sites changes nothing that counts everywhere.
    #[error("somebody who works at chosen sites only cannot do this")]
    Limited,
    /// The store.
    #[error(transparent)]
    Db(#[from] DbError),
}

impl From<TenantError> for ApiError {
    fn from(error: TenantError) -> Self {
        match error {
            TenantError::OfflineDays => Self::invalid_field("offline_days", error.to_string()),
            TenantError::Limited => Self::not_allowed(),
            TenantError::Db(error) => error.into(),
        }
    }
}

crate::respond!(TenantError);

/// What counts for all of a tenant; what is absent stays.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TenantPatch {
    /// Days without a word from the server after which a device shows nothing of the tenant: 1 to 90.
    offline_days: Option<i32>,
}

/// What counts for all of a tenant.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct TenantSettings {
    /// Days without a word from the server after which a device shows nothing of the tenant.
    offline_days: i32,
}

/// Change what counts for the whole tenant
///
/// A device learns of it with its next contact.
#[utoipa::path(patch, path = "/v1/tenant", operation_id = "update_tenant", tag = "tenancy", request_body = TenantPatch,
    responses((status = 200, body = TenantSettings), (status = 422, body = crate::http::ErrorBody)))]
pub(super) async fn update_tenant(mut caller: Caller<need::TenantManage>, Json(body): Json<TenantPatch>) -> Result<Json<TenantSettings>, TenantError> {
    if caller.person().sight != Sight::All {
        return Err(TenantError::Limited);
    }
    let own = store::own(caller.scope()).await?;
    let before = TenantSettings { offline_days: own.offline_days };
    let after = TenantSettings { offline_days: body.offline_days.unwrap_or(own.offline_days) };
    if !(1..=MOST_OFFLINE_DAYS).contains(&after.offline_days) {
        return Err(TenantError::OfflineDays);
    }
    if after.offline_days != before.offline_days {
        store::set_offline_days(caller.scope(), after.offline_days).await?;
        caller.audit(Entry::new("tenant.change").detail(serde_json::json!({"offline_days": after.offline_days})).before(&before).after(&after)).await?;
        caller.commit().await?;
    }
    Ok(Json(after))
}

#[cfg(test)]
mod tests {
    use super::label;

    #[test]
    fn only_a_host_name_with_a_domain_names_a_tenant() {
        assert_eq!(label("acme.example.com:8080"), Some("acme"));
        for host in ["localhost", "localhost:8080", "127.0.0.1:8080", "10.0.0.1", ""] {
            assert_eq!(label(host), None, "{host}");
        }
    }
}
