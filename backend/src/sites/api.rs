//! `/v1/sites`.

use axum::extract::State;
use omniot_shared::{
    entities::Site,
    fold::like_pattern,
    ids::SiteId,
    roles::need,
    sync::{
        Change, Row,
        intent::{self, SitePatch, SiteUpdate},
    },
};
use serde::Deserialize;
use uuid::Uuid;

use super::store;
use crate::{
    audit::{self, past::ListPast},
    db::DbError,
    http::{ApiError, AppState, Caller, Created, Cursor, Edit, Json, Limit, Page, Path, Query},
    sync::{self, ExecuteError, Executed},
};

/// Why something about sites was refused.
#[derive(Debug, thiserror::Error)]
pub enum SiteError {
    /// There is no such site here.
    #[error("there is no such site")]
    NotFound,
    /// The rules refuse the change, or the store failed.
    #[error(transparent)]
    Execute(#[from] ExecuteError),
    /// The store.
    #[error(transparent)]
    Db(#[from] DbError),
    /// The edge refused already.
    #[error("{}", .0.detail)]
    Api(ApiError),
}

impl From<ApiError> for SiteError {
    fn from(error: ApiError) -> Self {
        Self::Api(error)
    }
}

impl From<SiteError> for ApiError {
    fn from(error: SiteError) -> Self {
        match error {
            SiteError::NotFound => Self::not_found(),
            SiteError::Execute(error) => error.into(),
            SiteError::Db(error) => error.into(),
            SiteError::Api(error) => error,
        }
    }
}

crate::respond!(SiteError);

/// Which sites.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListSites {
    #[serde(default)]
    limit: Limit,
    cursor: Option<Cursor>,
    /// In name or address, folded.
    q: Option<String>,
}

/// List the sites
#[utoipa::path(get, path = "/v1/sites", operation_id = "list_sites", tag = "sites", params(ListSites), responses((status = 200, body = Page<Site>)))]
pub async fn list_sites(mut caller: Caller<need::SiteRead>, Query(list): Query<ListSites>) -> Result<Page<Site>, SiteError> {
    let after = list.cursor.map(|cursor| cursor.key::<(String, Uuid)>()).transpose()?;
    let reader = caller.person().id;
    let rows = store::list(caller.scope(), reader, list.q.as_deref().and_then(like_pattern), after, list.limit.rows()).await?;
    Ok(Page::of(rows, list.limit, store::Listed::key).map(Site::from))
}

/// A new site.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateSite {
    /// Made by the client (UUIDv7), so that a repeated call is noticed; else by the server.
    id: Option<SiteId>,
    /// 1–120 characters.
    name: String,
    /// At most 400 characters.
    address: Option<String>,
    /// IANA name, e.g. `Europe/Vienna`.
    time_zone: String,
    /// At most 2,000 characters.
    note: Option<String>,
}

/// Create a site
#[utoipa::path(post, path = "/v1/sites", operation_id = "create_site", tag = "sites", request_body = CreateSite,
    responses((status = 201, body = Site), (status = 409, body = crate::http::ErrorBody), (status = 422, body = crate::http::ErrorBody)))]
pub async fn create_site(mut caller: Caller<need::SiteWrite>, State(state): State<AppState>, Json(body): Json<CreateSite>) -> Result<Created<Site>, SiteError> {
    let CreateSite { id, name, address, time_zone, note } = body;
    let id = id.unwrap_or_else(|| state.new_id());
    let done = sync::execute(&mut caller, Change::SiteCreate(intent::NewSite { id, name, address, time_zone, note })).await?;
    caller.commit().await?;
    site(done).map(Created)
}

fn site(done: Executed) -> Result<Site, SiteError> {
    match done.row {
        Row::Site(site) => Ok(site),
        other => Err(ApiError::internal(&format!("a change of a site gave {:?}", other.key())).into()),
    }
}

/// Show a site
#[utoipa::path(get, path = "/v1/sites/{id}", operation_id = "get_site", tag = "sites", params(("id" = SiteId, Path)),
    responses((status = 200, body = Site), (status = 404, body = crate::http::ErrorBody)))]
pub async fn get_site(mut caller: Caller<need::SiteRead>, Path(id): Path<SiteId>) -> Result<Json<Site>, SiteError> {
    store::find(caller.scope(), id).await?.filter(|site| caller.sees(Some(site.id))).map(Json).ok_or(SiteError::NotFound)
}

/// List the changes of a site, newest first
#[utoipa::path(get, path = "/v1/sites/{id}/changes", operation_id = "list_site_changes", tag = "sites", params(("id" = SiteId, Path), ListPast),
    responses((status = 200, body = Page<audit::Change>), (status = 404, body = crate::http::ErrorBody)))]
pub async fn list_site_changes(mut caller: Caller<need::SiteRead>, Path(id): Path<SiteId>, Query(list): Query<ListPast>) -> Result<Page<audit::Change>, SiteError> {
    store::find(caller.scope(), id).await?.filter(|site| caller.sees(Some(site.id))).ok_or(SiteError::NotFound)?;
    Ok(audit::past::page(caller.scope(), id, list).await?)
}

/// Of `SitePatch`, with what its form showed.
type SiteEdit = Edit<SitePatch>;

/// Edit a site
#[utoipa::path(patch, path = "/v1/sites/{id}", operation_id = "update_site", tag = "sites", params(("id" = SiteId, Path)), request_body = SiteEdit,
    responses((status = 200, body = Site), (status = 404, body = crate::http::ErrorBody), (status = 409, body = crate::http::ErrorBody), (status = 422, body = crate::http::ErrorBody)))]
pub async fn update_site(mut caller: Caller<need::SiteWrite>, Path(id): Path<SiteId>, Edit { patch, was }: SiteEdit) -> Result<Json<Site>, SiteError> {
    let done = sync::execute_over(&mut caller, Change::SiteUpdate(SiteUpdate { id, patch }), &was).await?;
    caller.commit().await?;
    site(done).map(Json)
}
