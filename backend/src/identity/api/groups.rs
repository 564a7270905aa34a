//! Groups of sites, by which people see more than single ones.

use axum::extract::State;
use omniot_shared::{
    fold::like_pattern,
    ids::{SiteGroupId, SiteId},
    roles::need,
    time::Millis,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    http::{AppState, Caller, Created, Cursor, Json, Limit, NoContent, Page, Path, Query, two_state},
    identity::{
        IdentityError,
        groups::{self, GroupChange},
        rules,
        store::groups::{self as store, Group, Listed, Reliance},
    },
};

/// A group of sites, in a list.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct SiteGroupItem {
    id: SiteGroupId,
    name: String,
    /// To be said with a change.
    version: i64,
    counts: SiteGroupCounts,
    created_at: Millis,
}

/// How much there is of a group.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct SiteGroupCounts {
    /// Sites in it.
    sites: i64,
    /// People who work at these, and not everywhere.
    people: i64,
}

impl From<Listed> for SiteGroupItem {
    fn from(row: Listed) -> Self {
        let counts = SiteGroupCounts { sites: row.sites, people: row.people };
        Self { id: row.id.into(), name: row.name, version: row.version, counts, created_at: Millis(row.created_at) }
    }
}

/// A group of sites.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct SiteGroup {
    id: SiteGroupId,
    name: String,
    /// To be said with a change.
    version: i64,
    /// The sites in it, by id.
    sites: Vec<SiteId>,
    relied_on: SiteGroupReliance,
    created_at: Millis,
}

/// What would be out of sight without a group: what is seen by it alone.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct SiteGroupReliance {
    /// How many people would see less.
    people: i64,
    /// How many sites one of them or more would not see.
    sites: i64,
}

impl SiteGroup {
    fn of(group: Group, Reliance { people, sites }: Reliance) -> Self {
        Self { id: group.id, name: group.name, version: group.version, sites: group.sites, relied_on: SiteGroupReliance { people, sites }, created_at: group.created_at }
    }
}

/// Which groups.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListSiteGroups {
    #[serde(default)]
    limit: Limit,
    cursor: Option<Cursor>,
    /// In the name, folded.
    q: Option<String>,
}

/// List the groups of sites
#[utoipa::path(get, path = "/v1/site-groups", operation_id = "list_site_groups", tag = "identity", params(ListSiteGroups), responses((status = 200, body = Page<SiteGroupItem>)))]
pub async fn list_site_groups(mut caller: Caller<need::PersonManage>, Query(list): Query<ListSiteGroups>) -> Result<Page<SiteGroupItem>, IdentityError> {
    let after = list.cursor.map(|cursor| cursor.key::<(String, Uuid)>()).transpose()?;
    let rows = store::list(caller.scope(), list.q.as_deref().and_then(like_pattern), after, list.limit.rows()).await?;
    Ok(Page::of(rows, list.limit, |last| (last.search_text.clone(), last.id)).map(SiteGroupItem::from))
}

/// A new group of sites.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateSiteGroup {
    /// Made by the client (UUIDv7), so that a repeated call is noticed; else by the server.
    id: Option<SiteGroupId>,
    /// 1–120 characters; no other group is called so, however it is spelled.
    name: String,
    /// At most 1,000.
    #[serde(default)]
    sites: Vec<SiteId>,
}

/// Make a group of sites
#[utoipa::path(post, path = "/v1/site-groups", operation_id = "create_site_group", tag = "identity", request_body = CreateSiteGroup,
    responses((status = 201, body = SiteGroup), (status = 409, body = crate::http::ErrorBody), (status = 422, body = crate::http::ErrorBody)))]
pub async fn create_site_group(mut caller: Caller<need::PersonManage>, State(state): State<AppState>, Json(body): Json<CreateSiteGroup>) -> Result<Created<SiteGroup>, IdentityError> {
    let name = rules::name(&body.name).map_err(IdentityError::field("name"))?;
    let sites = rules::group_sites(body.sites).map_err(IdentityError::field("sites"))?;
    let group = Group { id: body.id.unwrap_or_else(|| state.new_id()), name, version: 1, created_at: caller.now(), sites };
    groups::create(&mut caller, &group).await?;
    caller.commit().await?;
    Ok(Created(SiteGroup::of(group, Reliance { people: 0, sites: 0 })))
}

/// Show a group of sites
#[utoipa::path(get, path = "/v1/site-groups/{id}", operation_id = "get_site_group", tag = "identity", params(("id" = SiteGroupId, Path)),
    responses((status = 200, body = SiteGroup), (status = 404, body = crate::http::ErrorBody)))]
pub async fn get_site_group(mut caller: Caller<need::PersonManage>, Path(id): Path<SiteGroupId>) -> Result<Json<SiteGroup>, IdentityError> {
    let group = groups::target(&mut caller, id).await?;
    let relied_on = store::reliance(caller.scope(), id).await?;
    Ok(Json(SiteGroup::of(group, relied_on)))
}

/// A change of a group of sites: what is absent stays.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SiteGroupPatch {
    /// The version that was seen: with an older one than stands, nothing is changed (`stale`), unless all is as wanted already.
    version: i64,
    /// 1–120 characters; no other group is called so, however it is spelled.
    #[serde(default, deserialize_with = "two_state")]
    #[schema(value_type = Option<String>, nullable = false)]
    name: Option<String>,
    /// All sites that are in it from now on; at most 1,000.
    #[serde(default, deserialize_with = "two_state")]
    #[schema(value_type = Option<Vec<SiteId>>, nullable = false)]
    sites: Option<Vec<SiteId>>,
}

/// Rename a group of sites, or choose its sites anew
///
/// Other sites count with the next request of those who work there; their apps remove what they no longer see at the next contact.
#[utoipa::path(patch, path = "/v1/site-groups/{id}", operation_id = "update_site_group", tag = "identity", params(("id" = SiteGroupId, Path)), request_body = SiteGroupPatch,
    responses((status = 200, body = SiteGroup), (status = 404, body = crate::http::ErrorBody), (status = 409, body = crate::http::ErrorBody), (status = 422, body = crate::http::ErrorBody)))]
pub async fn update_site_group(mut caller: Caller<need::PersonManage>, Path(id): Path<SiteGroupId>, Json(patch): Json<SiteGroupPatch>) -> Result<Json<SiteGroup>, IdentityError> {
    let name = patch.name.as_deref().map(rules::name).transpose().map_err(IdentityError::field("name"))?;
    let sites = patch.sites.map(rules::group_sites).transpose().map_err(IdentityError::field("sites"))?;
    let mut group = groups::target(&mut caller, id).await?;
    let is_change = groups::update(&mut caller, &mut group, GroupChange { version: patch.version, name, sites }).await?;
    let relied_on = store::reliance(caller.scope(), id).await?;
    if is_change {
        caller.commit().await?;
    }
    Ok(Json(SiteGroup::of(group, relied_on)))
}

/// Delete a group of sites
///
/// The sites stay. Those who work at them by this group alone see them no more, from their next request on.
#[utoipa::path(delete, path = "/v1/site-groups/{id}", operation_id = "delete_site_group", tag = "identity", params(("id" = SiteGroupId, Path)),
    responses((status = 204), (status = 404, body = crate::http::ErrorBody)))]
pub async fn delete_site_group(mut caller: Caller<need::PersonManage>, Path(id): Path<SiteGroupId>) -> Result<NoContent, IdentityError> {
    let group = groups::target(&mut caller, id).await?;
    groups::delete(&mut caller, &group).await?;
    caller.commit().await?;
    Ok(NoContent)
}
