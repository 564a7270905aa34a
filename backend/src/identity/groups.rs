//! Groups of a tenant's sites: making, filling and deleting them, and what that takes from those who work there.
//!
//! Deliberately not here: which groups a person is given (`team`), SQL (`store::groups`).

use omniot_shared::ids::{SiteGroupId, SiteId};
use serde_json::{Map, Value, json};

use super::{
    IdentityError,
    store::{
        groups::{self, Group},
        places,
    },
    team::Managing,
};
use crate::{audit::Entry, db::Event};

/// A change of a group: what is absent stays.
#[derive(Debug)]
pub struct GroupChange {
    /// The version that whoever changes it has seen.
    pub version: i64,
    /// Another name.
    pub name: Option<String>,
    /// All its sites from now on, each once and in order.
    pub sites: Option<Vec<SiteId>>,
}

/// What an audit entry remembers of a group, as a hash.
fn facts(group: &Group) -> Value {
    json!({ "id": group.id, "name": group.name, "sites": group.sites })
}

/// The group that is meant.
///
/// # Errors
/// `not_found`.
pub async fn target(caller: &mut Managing, id: SiteGroupId) -> Result<Group, IdentityError> {
    groups::find(caller.scope(), id).await?.ok_or(IdentityError::NotFound)
}

/// Makes a group. Nobody works there yet, so nobody sees anything else than before.
///
/// # Errors
/// `already_exists`, `name_taken`, or `invalid_field` for a site that is not there.
pub async fn create(caller: &mut Managing, group: &Group) -> Result<(), IdentityError> {
    if groups::find(caller.scope(), group.id).await?.is_some() {
        return Err(IdentityError::GroupExists);
    }
    free(caller, group).await?;
    groups::insert(caller.scope(), group).await?;
    fill(caller, group.id, &[], &group.sites).await?;
    let entry = Entry::new("site_group.create").target("site_group", group.id, &group.name).detail(json!({ "sites": group.sites.len() }));
    Ok(caller.audit(entry.after(&facts(group))).await?)
}

/// Renames a group, or changes which sites are in it; whether that is a change. The same once more is none.
///
/// # Errors
/// `stale` when somebody changed it since, `name_taken`, or `invalid_field` for a site that is not there.
pub async fn update(caller: &mut Managing, group: &mut Group, change: GroupChange) -> Result<bool, IdentityError> {
    let mut after = Group { name: change.name.unwrap_or_else(|| group.name.clone()), sites: change.sites.unwrap_or_else(|| group.sites.clone()), ..group.clone() };
    if after == *group {
        return Ok(false);
    }
    if change.version != group.version {
        return Err(IdentityError::Stale);
    }
    after.version += 1;
    free(caller, &after).await?;
    groups::update(caller.scope(), &after).await?;
    let mut detail = Map::new();
    if after.name != group.name {
        detail.insert("name".to_owned(), json!({ "from": group.name, "to": after.name }));
    }
    if after.sites != group.sites {
        fill(caller, group.id, &group.sites, &after.sites).await?;
        detail.insert("sites".to_owned(), json!({ "from": group.sites.len(), "to": after.sites.len() }));
        detail.insert("people".to_owned(), json!(bite(caller, group.id).await?));
    }
    let entry = Entry::new("site_group.update").target("site_group", after.id, &after.name).detail(detail);
    caller.audit(entry.before(&facts(group)).after(&facts(&after))).await?;
    *group = after;
    Ok(true)
}

/// Deletes a group. Those who worked at its sites keep their other ones.
///
/// # Errors
/// Whatever the store says.
pub async fn delete(caller: &mut Managing, group: &Group) -> Result<(), IdentityError> {
    let people = bite(caller, group.id).await?;
    groups::delete(caller.scope(), group.id).await?;
    let entry = Entry::new("site_group.delete").target("site_group", group.id, &group.name).detail(json!({ "sites": group.sites.len(), "people": people }));
    Ok(caller.audit(entry.before(&facts(group))).await?)
}

/// Refuses a name that another group has. Exact for the rest of a writing scope: a tenant has one writer at a time.
async fn free(caller: &mut Managing, group: &Group) -> Result<(), IdentityError> {
    match groups::named(caller.scope(), &group.name).await? {
        Some(other) if other != group.id => Err(IdentityError::NameTaken),
        _ => Ok(()),
    }
}

async fn fill(caller: &mut Managing, id: SiteGroupId, before: &[SiteId], after: &[SiteId]) -> Result<(), IdentityError> {
    let without = |these: &[SiteId], those: &[SiteId]| -> Vec<SiteId> { these.iter().filter(|site| those.binary_search(site).is_err()).copied().collect() };
    let new = without(after, before);
    if !places::are_sites(caller.scope(), &new).await? {
        return Err(IdentityError::field("sites")("must be sites of this organization"));
    }
    groups::take_out(caller.scope(), id, &without(before, after)).await?;
    Ok(groups::put_in(caller.scope(), id, &new).await?)
}

/// Lets the sites of a group count for those who work there, now: as when the sites of each were chosen anew
/// (`team::set_places`). How many they are.
async fn bite(caller: &mut Managing, id: SiteGroupId) -> Result<i64, IdentityError> {
    let people = groups::limited(caller.scope(), id).await?;
    if people > 0 {
        let seq = *caller.scope().next_seq(1).await?.end();
        groups::stamp(caller.scope(), id, seq).await?;
        caller.scope().notify(Event::AccessChanged);
        caller.scope().notify(Event::changed(seq));
    }
    Ok(people)
}
