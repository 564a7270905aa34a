//! Where a person works.

use omniot_shared::{
    ids::{PersonId, SiteGroupId, SiteId},
    roles::need,
};
use serde::{Deserialize, Serialize};

use crate::{
    http::{Caller, Json, Path, two_state},
    identity::{
        IdentityError,
        places::Places,
        rules::{self, PersonChange},
        store::places,
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
    /// Groups whose sites count, too, as they are at any time; none where `sites` is `null`. At most 16.
    #[serde(default)]
    groups: Vec<SiteGroupId>,
}

/// Where a person is to work.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PersonSitesChoice {
    /// `null`: everywhere. At most 2,000.
    #[serde(deserialize_with = "Option::deserialize")]
    #[schema(required = true)]
    sites: Option<Vec<SiteId>>,
    /// Groups whose sites count, too, as they are at any time; none where `sites` is `null`. At most 16. Absent: as they are.
    #[serde(default, deserialize_with = "two_state")]
    #[schema(value_type = Option<Vec<SiteGroupId>>, nullable = false)]
    groups: Option<Vec<SiteGroupId>>,
}

impl From<Places> for PersonSites {
    fn from(places: Places) -> Self {
        match places {
            Places::Everywhere => Self { sites: None, groups: vec![] },
            Places::Chosen { sites, groups } => Self { sites: Some(sites), groups },
        }
    }
}

/// Show at which sites a person works
#[utoipa::path(get, path = "/v1/people/{id}/sites", operation_id = "get_person_sites", tag = "identity", params(("id" = PersonId, Path)),
    responses((status = 200, body = PersonSites), (status = 404, body = crate::http::ErrorBody)))]
pub async fn get_person_sites(mut caller: Caller<need::PersonManage>, Path(id): Path<PersonId>) -> Result<Json<PersonSites>, IdentityError> {
    let person = team::target(&mut caller, id).await?;
    let places = if person.all_sites { Places::Everywhere } else { places::of(caller.scope(), person.id).await? };
    Ok(Json(places.into()))
}

/// Choose the sites at which a person works
///
/// It takes effect with their next request; their apps remove what they no longer see at the next contact.
#[utoipa::path(put, path = "/v1/people/{id}/sites", operation_id = "set_person_sites", tag = "identity", params(("id" = PersonId, Path)), request_body = PersonSitesChoice,
    responses((status = 200, body = PersonSites), (status = 403, body = crate::http::ErrorBody), (status = 404, body = crate::http::ErrorBody), (status = 422, body = crate::http::ErrorBody)))]
pub async fn set_person_sites(mut caller: Caller<need::PersonManage>, Path(id): Path<PersonId>, Json(body): Json<PersonSitesChoice>) -> Result<Json<PersonSites>, IdentityError> {
    let person = team::target(&mut caller, id).await?;
    rules::may_change(caller.person().role, person.role, PersonChange::Sites, 0)?;
    let groups = match (&body.sites, body.groups) {
        (_, Some(groups)) => groups,
        (None, None) => vec![],
        (Some(_), None) => places::of(caller.scope(), person.id).await?.groups().to_vec(),
    };
    let places = Places::new(body.sites, groups, person.role)?;
    if team::set_places(&mut caller, &person, &places).await? {
        caller.commit().await?;
    }
    Ok(Json(places.into()))
}
