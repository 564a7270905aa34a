//! At which sites a person works.

use omniot_shared::{
    ids::{PersonId, SiteId},
    roles::need,
};
use serde::{Deserialize, Serialize};

use crate::{
    http::{Caller, Json, Path},
    identity::{
        IdentityError,
        rules::{self, PersonChange},
        store::people,
        team,
    },
};

/// At which sites a person works: they see these, what stands there, and what is common to the tenant.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PersonSites {
    /// `null`: everywhere. At most 2,000.
    #[serde(deserialize_with = "Option::deserialize")]
    #[schema(required = true)]
    sites: Option<Vec<SiteId>>,
}

/// Show at which sites a person works
#[utoipa::path(get, path = "/v1/people/{id}/sites", operation_id = "get_person_sites", tag = "identity", params(("id" = PersonId, Path)),
    responses((status = 200, body = PersonSites), (status = 404, body = crate::http::ErrorBody)))]
pub async fn get_person_sites(mut caller: Caller<need::PersonManage>, Path(id): Path<PersonId>) -> Result<Json<PersonSites>, IdentityError> {
    let person = team::target(&mut caller, id).await?;
    let sites = if person.all_sites { None } else { people::sites(caller.scope(), person.id).await? };
    Ok(Json(PersonSites { sites }))
}

/// Choose the sites at which a person works
///
/// It takes effect with their next request; their apps remove what they no longer see at the next contact.
#[utoipa::path(put, path = "/v1/people/{id}/sites", operation_id = "set_person_sites", tag = "identity", params(("id" = PersonId, Path)), request_body = PersonSites,
    responses((status = 200, body = PersonSites), (status = 403, body = crate::http::ErrorBody), (status = 404, body = crate::http::ErrorBody), (status = 422, body = crate::http::ErrorBody)))]
pub async fn set_person_sites(mut caller: Caller<need::PersonManage>, Path(id): Path<PersonId>, Json(body): Json<PersonSites>) -> Result<Json<PersonSites>, IdentityError> {
    let person = team::target(&mut caller, id).await?;
    rules::may_change(caller.person().role, person.role, PersonChange::Sites, 0)?;
    let sites = body.sites.map(|sites| rules::sites(sites, person.role)).transpose().map_err(IdentityError::field("sites"))?;
    if team::set_sites(&mut caller, &person, sites.as_deref()).await? {
        caller.commit().await?;
    }
    Ok(Json(PersonSites { sites }))
}
