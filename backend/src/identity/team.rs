//! Changes of people that touch more than their own row.

use omniot_shared::{
    ids::PersonId,
    roles::{Permission, Role, need},
};
use serde_json::json;

use super::{
    IdentityError,
    places::Places,
    store::{
        invitations::{self, Closed},
        people::{self, Person},
        places, sessions,
    },
};
use crate::{audit::Entry, commissioning, db::Event, escrow, http::Caller, mail, sync};

/// Somebody who manages people.
pub type Managing = Caller<need::PersonManage>;

/// What an audit entry remembers of a person, as a hash.
pub fn facts(person: &Person) -> serde_json::Value {
    json!({ "id": person.id, "name": person.name, "email": person.email, "role": person.role })
}

/// The person that is meant.
///
/// # Errors
/// `not_found`.
pub async fn target(caller: &mut Managing, id: PersonId) -> Result<Person, IdentityError> {
    people::find(caller.scope(), id).await?.ok_or(IdentityError::NotFound)
}

/// Writes name and role; a lower role takes back the invitations that it could not have made and
/// the claim grants that it could not have fetched.
///
/// # Errors
/// Whatever the store says.
pub async fn update(caller: &mut Managing, before: &Person, after: &Person) -> Result<(), IdentityError> {
    people::update(caller.scope(), after).await?;
    let mut detail = serde_json::Map::new();
    if before.name != after.name {
        detail.insert("name".to_owned(), json!({ "from": before.name, "to": after.name }));
    }
    if before.role != after.role {
        detail.insert("role".to_owned(), json!({ "from": before.role, "to": after.role }));
        take_back(caller, after, Some(after.role)).await?;
        if !after.role.may(Permission::DeviceCommission) {
            revoke_grants(caller, after).await?;
        }
        caller.scope().notify(Event::AccessChanged);
        if after.all_sites != before.all_sites {
            // They come to see other things: their apps have something to pull.
            let seq = *caller.scope().next_seq(1).await?.end();
            caller.scope().notify(Event::changed(seq));
        }
    }
    let entry = Entry::new("person.update").target("person", after.id, &after.name).detail(detail);
    Ok(caller.audit(entry.before(&facts(before)).after(&facts(after))).await?)
}

/// Lets a person work at chosen sites only, or everywhere again; whether that is a change.
///
/// It takes a sequence: their apps then have something to pull, and what they hold says from when it is.
///
/// # Errors
/// A site or group that is not there; whatever the store says.
pub async fn set_places(caller: &mut Managing, person: &Person, after: &Places) -> Result<bool, IdentityError> {
    let before = places::of(caller.scope(), person.id).await?;
    if before == *after {
        return Ok(false);
    }
    after.check(caller.scope()).await?;
    let seq = *caller.scope().next_seq(1).await?.end();
    places::set(caller.scope(), person.id, after, seq).await?;
    caller.scope().notify(Event::AccessChanged);
    caller.scope().notify(Event::changed(seq));
    let facts = |places: &Places| json!({ "sites": places.sites(), "groups": places.groups() });
    let count = |places: &Places| places.sites().map_or_else(|| json!("all"), |sites| json!(sites.len()));
    let mut detail = serde_json::Map::from_iter([("from".to_owned(), count(&before)), ("to".to_owned(), count(after))]);
    if before.groups() != after.groups() {
        detail.insert("groups".to_owned(), json!({ "from": before.groups().len(), "to": after.groups().len() }));
    }
    let entry = Entry::new("person.sites").target("person", person.id, &person.name).detail(detail);
    caller.audit(entry.before(&facts(&before)).after(&facts(after))).await?;
    Ok(true)
}

/// Removes a person with their sessions, links, open invitations and unspent claim grants. What their apps have not
/// sent is still taken for a while (`escrow`).
///
/// # Errors
/// Whatever the store says.
pub async fn remove(caller: &mut Managing, person: &Person) -> Result<(), IdentityError> {
    take_back(caller, person, None).await?;
    revoke_grants(caller, person).await?;
    sessions::end_all(caller.scope(), person.id).await?;
    people::remove(caller.scope(), person.id).await?;
    sync::store::forget_own(caller.scope(), person.id).await?;
    let now = caller.now();
    escrow::remember(caller.scope(), person.id, &person.name, person.role, now).await?;
    mail::blank(caller.scope(), now).await?;
    caller.scope().notify(Event::AccessChanged);
    Ok(caller.audit(Entry::new("person.remove").target("person", person.id, &person.name).before(&facts(person))).await?)
}

/// Revokes the claim grants that a person holds offline and has not given to a device.
async fn revoke_grants(caller: &mut Managing, person: &Person) -> Result<(), IdentityError> {
    let now = caller.now();
    let revoked = commissioning::revoke_all_of(caller.scope(), person.id, now).await?;
    if revoked > 0 {
        caller.audit(Entry::new("grant.revoke").target("person", person.id, &person.name).detail(json!({ "grants": revoked }))).await?;
    }
    Ok(())
}

/// Withdraws the open invitations of `inviter` that a person with `role` (or nobody) could not make.
async fn take_back(caller: &mut Managing, inviter: &Person, role: Option<Role>) -> Result<(), IdentityError> {
    let now = caller.now();
    for invitation in invitations::open_by(caller.scope(), inviter.id).await? {
        let could = role.is_some_and(|role| role.may(Permission::InvitationManage) && role.may_assign(invitation.role));
        if !could {
            invitations::close(caller.scope(), invitation.id, now, Closed::Withdrawn).await?;
            caller.audit(Entry::new("invitation.withdraw").target("invitation", invitation.id, &invitation.email).detail(json!({ "because": "inviter" }))).await?;
        }
    }
    Ok(())
}
