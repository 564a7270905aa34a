//! The people of the tenant.

use omniot_shared::{
    fold::like_pattern,
    ids::{PersonId, SiteGroupId},
    roles::{Permission, Role, need},
    time::Millis,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::sessions::{ListSessions, SessionRow};
use crate::{
    audit::Entry,
    db::Event,
    http::{Caller, Cursor, Json, Limit, Needs, NoContent, Page, Path, Query, two_state},
    identity::{
        IdentityError,
        rules::{self, PersonChange},
        store::{groups, people, sessions},
        team,
    },
};

/// A person, as others in the tenant see them.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct PersonRow {
    id: PersonId,
    name: String,
    email: String,
    role: Role,
    /// Whether they work everywhere; else at chosen sites only.
    all_sites: bool,
    /// The groups of sites at which they work; `null` for whoever does not manage people.
    groups: Option<Vec<SiteGroupName>>,
    created_at: Millis,
    /// `null` when they never came.
    last_seen_at: Option<Millis>,
}

/// A group of sites, by name.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct SiteGroupName {
    id: SiteGroupId,
    name: String,
}

impl PersonRow {
    fn of(person: people::Person, groups: Option<Vec<SiteGroupName>>) -> Self {
        let people::Person { id, email, name, role, all_sites, chosen_sites: _, created_at, last_seen_at, search_text: _ } = person;
        Self { id, name, email, role, all_sites, groups, created_at, last_seen_at }
    }
}

/// These people, with their groups for whoever manages people. (What they are called says more than who works where.)
async fn rows<N: Needs>(caller: &mut Caller<N>, people: Vec<people::Person>) -> Result<Vec<PersonRow>, IdentityError> {
    if !caller.may(Permission::PersonManage) {
        return Ok(people.into_iter().map(|person| PersonRow::of(person, None)).collect());
    }
    let limited: Vec<PersonId> = people.iter().filter(|person| !person.all_sites).map(|person| person.id).collect();
    let mut groups = groups::of_people(caller.scope(), &limited).await?;
    let mut named = |id| groups.remove(&id).unwrap_or_default().into_iter().map(|(id, name)| SiteGroupName { id, name }).collect();
    Ok(people.into_iter().map(|person| { let groups = named(person.id); PersonRow::of(person, Some(groups)) }).collect())
}

/// Which people.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListPeople {
    #[serde(default)]
    limit: Limit,
    cursor: Option<Cursor>,
    /// In name or address, folded.
    q: Option<String>,
}

/// List the people
#[utoipa::path(get, path = "/v1/people", operation_id = "list_people", tag = "identity", params(ListPeople), responses((status = 200, body = Page<PersonRow>)))]
pub async fn list_people(mut caller: Caller<need::PersonRead>, Query(list): Query<ListPeople>) -> Result<Page<PersonRow>, IdentityError> {
    let after = list.cursor.map(|cursor| cursor.key::<(String, Uuid)>()).transpose()?;
    let pattern = list.q.as_deref().and_then(like_pattern);
    let found = people::list(caller.scope(), pattern, after, list.limit.rows()).await?;
    let page = Page::of(found, list.limit, |last| (last.search_text.clone(), last.id.0));
    Ok(Page { items: rows(&mut caller, page.items).await?, next: page.next })
}

/// A change of a person: what is absent stays.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PersonPatch {
    /// 1–120 characters.
    #[serde(default, deserialize_with = "two_state")]
    #[schema(value_type = Option<String>, nullable = false)]
    name: Option<String>,
    /// The new role.
    #[serde(default, deserialize_with = "two_state")]
    #[schema(value_type = Option<Role>, nullable = false)]
    role: Option<Role>,
}

/// Rename a person or change their role
#[utoipa::path(patch, path = "/v1/people/{id}", operation_id = "update_person", tag = "identity", params(("id" = PersonId, Path)), request_body = PersonPatch,
    responses((status = 200, body = PersonRow), (status = 403, body = crate::http::ErrorBody), (status = 409, body = crate::http::ErrorBody)))]
pub async fn update_person(mut caller: Caller<need::PersonManage>, Path(id): Path<PersonId>, Json(patch): Json<PersonPatch>) -> Result<Json<PersonRow>, IdentityError> {
    let name = patch.name.as_deref().map(rules::name).transpose().map_err(IdentityError::field("name"))?;
    let before = team::target(&mut caller, id).await?;
    let owners = people::owners(caller.scope()).await?;
    let changes = name.iter().map(|_| PersonChange::Rename).chain(patch.role.map(PersonChange::Role));
    for change in changes {
        rules::may_change(caller.person().role, before.role, change, owners)?;
    }
    let after = people::Person { name: name.unwrap_or_else(|| before.name.clone()), role: patch.role.unwrap_or(before.role), ..before.clone() };
    let after = people::Person { all_sites: !after.chosen_sites || after.role.may(Permission::PersonManage), ..after };
    let is_change = after != before;
    if is_change {
        team::update(&mut caller, &before, &after).await?;
    }
    let row = rows(&mut caller, vec![after]).await?.pop().ok_or(IdentityError::NotFound)?;
    if is_change {
        caller.commit().await?;
    }
    Ok(Json(row))
}

/// Remove a person
#[utoipa::path(delete, path = "/v1/people/{id}", operation_id = "remove_person", tag = "identity", params(("id" = PersonId, Path)),
    responses((status = 204), (status = 403, body = crate::http::ErrorBody), (status = 409, body = crate::http::ErrorBody)))]
pub async fn remove_person(mut caller: Caller<need::PersonManage>, Path(id): Path<PersonId>) -> Result<NoContent, IdentityError> {
    let person = team::target(&mut caller, id).await?;
    let owners = people::owners(caller.scope()).await?;
    rules::may_change(caller.person().role, person.role, PersonChange::Remove, owners)?;
    team::remove(&mut caller, &person).await?;
    caller.commit().await?;
    Ok(NoContent)
}

/// Where a person is signed in
#[utoipa::path(get, path = "/v1/people/{id}/sessions", operation_id = "list_person_sessions", tag = "identity", params(("id" = PersonId, Path), ListSessions),
    responses((status = 200, body = Page<SessionRow>)))]
pub async fn list_person_sessions(mut caller: Caller<need::PersonManage>, Path(id): Path<PersonId>, Query(list): Query<ListSessions>) -> Result<Page<SessionRow>, IdentityError> {
    let person = team::target(&mut caller, id).await?;
    rules::may_change(caller.person().role, person.role, PersonChange::SignOut, 0)?;
    list.page(&mut caller, id).await
}

/// Sign a person out everywhere
#[utoipa::path(delete, path = "/v1/people/{id}/sessions", operation_id = "revoke_person_sessions", tag = "identity", params(("id" = PersonId, Path)), responses((status = 204)))]
pub async fn revoke_person_sessions(mut caller: Caller<need::PersonManage>, Path(id): Path<PersonId>) -> Result<NoContent, IdentityError> {
    let person = team::target(&mut caller, id).await?;
    rules::may_change(caller.person().role, person.role, PersonChange::SignOut, 0)?;
    let ended = sessions::end_all(caller.scope(), id).await?;
    caller.audit(Entry::new("person.sign_out").target("person", id, &person.name).detail(serde_json::json!({ "sessions": ended }))).await?;
    caller.scope().notify(Event::AccessChanged);
    caller.commit().await?;
    Ok(NoContent)
}
