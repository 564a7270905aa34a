//! How somebody joins: an invitation is made, looked at, accepted.

use omniot_shared::{
    ids::{InvitationId, PersonId, TenantId},
    roles::{Role, need},
};
use serde_json::json;

use super::{
    IdentityError,
    mails::{self, Letter},
    places::Places,
    rules::{self, LinkState},
    store::{
        invitations::{self, Closed, Invitation},
        people::{self, Person},
        places,
    },
    throttle::LINKS,
    tokens::{Kind, Token},
    visitor::{self, Visitor},
};
use crate::{
    audit::{self, Author, Entry},
    db::Scope,
    http::{AppState, Caller},
    mail,
    tenancy::{Status, store::{self as tenancy, Own}},
};

/// Who makes or invites somebody, and in which request.
#[derive(Debug, Clone, Copy)]
pub struct By<'a> {
    /// Who.
    pub author: &'a Author,
    /// The request, when it comes from one.
    pub request_id: Option<&'a str>,
}

/// Opens an invitation on behalf of the person who calls.
///
/// # Errors
/// As [`invite`].
pub async fn invite_as(caller: &mut Caller<need::InvitationManage>, state: &AppState, email: String, role: Role, places: Places) -> Result<Invitation, IdentityError> {
    let author = Author::person(caller.person().id, &caller.person().name);
    let request_id = caller.request_id().clone();
    let inviter = Some(caller.person().id);
    open(caller.scope(), state, By { author: &author, request_id: Some(request_id.as_str()) }, inviter, (email, role, places)).await
}

/// Opens an invitation on behalf of somebody who is not of the tenant: the platform's operator, the command line.
/// Everything happens in `scope`'s transaction, the mail included.
///
/// # Errors
/// `invalid_field`, or `already_exists` when the address belongs to somebody or is invited already.
pub async fn invite(scope: &mut Scope, state: &AppState, by: By<'_>, email: &str, role: Role) -> Result<InvitationId, IdentityError> {
    let email = rules::email(email).map_err(IdentityError::field("email"))?;
    Ok(open(scope, state, by, None, (email, role, Places::Everywhere)).await?.id)
}

async fn open(scope: &mut Scope, state: &AppState, by: By<'_>, inviter: Option<PersonId>, (email, role, places): (String, Role, Places)) -> Result<Invitation, IdentityError> {
    if people::secret(scope, &email).await?.is_some() {
        return Err(IdentityError::PersonExists);
    }
    let (now, tenant) = (state.now(), scope.tenant());
    let token = state.chance.with(|rng| Token::mint(Kind::Invitation(tenant), rng));
    let expires_at = now.plus(rules::INVITATION_MS);
    let inviter_name = by.author.name.clone();
    let invitation = Invitation { id: state.new_id(), email, role, places, invited_by: inviter, inviter_name, created_at: now, expires_at, closed_at: None };
    if !invitations::insert(scope, &invitation, token.hash()).await? {
        return Err(IdentityError::InvitationOpen);
    }
    let letter = Letter::Invitation { inviter: &by.author.name, role, token: &token };
    let letter = mails::write(&letter, &visitor::origin(state, &tenancy::own(scope).await?), "en")?;
    mail::post(scope, &letter.to(&invitation.email, state.new_id(), Some(invitation.id.0), now)).await?;
    let groups = Some(invitation.places.groups().len()).filter(|groups| *groups > 0);
    let entry = Entry::new("invitation.create").target("invitation", invitation.id, &invitation.email).detail(json!({ "role": role, "sites": invitation.places.sites().map(<[_]>::len), "groups": groups }));
    audit::append(scope, by.author, now, by.request_id, entry).await?;
    Ok(invitation)
}

/// Adds a person with a password, without an invitation: the first owner, demonstrations.
///
/// # Errors
/// `invalid_field`, or `already_exists` when somebody has the address.
pub async fn add_person(scope: &mut Scope, state: &AppState, by: By<'_>, new: NewPerson<'_>) -> Result<PersonId, IdentityError> {
    let email = rules::email(new.email).map_err(IdentityError::field("email"))?;
    let name = rules::name(new.name).map_err(IdentityError::field("name"))?;
    rules::new_password(new.password, &[&name, &email]).map_err(IdentityError::field("password"))?;
    let hash = state.passwords.hash(new.password).await?;
    let person = Person { id: state.new_id(), search_text: people::search_text(&name, &email), email, name, role: new.role, all_sites: true, chosen_sites: false, created_at: state.now(), last_seen_at: None };
    if !people::insert(scope, &person, &hash).await? {
        return Err(IdentityError::PersonExists);
    }
    let entry = Entry::new("person.create").target("person", person.id, &person.name).detail(json!({ "role": person.role }));
    audit::append(scope, by.author, state.now(), by.request_id, entry).await?;
    Ok(person.id)
}

/// A person to add.
pub struct NewPerson<'a> {
    /// As they are called.
    pub name: &'a str,
    /// Their address.
    pub email: &'a str,
    /// What they may do.
    pub role: Role,
    /// Their password.
    pub password: &'a str,
}

/// The open invitation of a link, and who invites.
///
/// # Errors
/// `not_found` (forged), `link_used`, `link_expired`, `tenant_suspended`, `throttled`.
pub async fn look_up(visitor: &Visitor, token: &str) -> Result<(Invitation, Own), IdentityError> {
    let knock = visitor.knock(&LINKS, "link")?;
    let (tenant, token) = read(token)?;
    let mut scope = visitor.open(tenant, "invitation", false).await?.ok_or(IdentityError::NotFound)?;
    let found = usable(visitor, &mut scope, &token).await?;
    visitor.state.throttle.succeeded(&knock);
    Ok(found)
}

fn read(token: &str) -> Result<(TenantId, Token), IdentityError> {
    let token = Token::parse(token).ok_or(IdentityError::NotFound)?;
    let Kind::Invitation(tenant) = token.kind else { return Err(IdentityError::NotFound) };
    Ok((tenant, token))
}

async fn usable(visitor: &Visitor, scope: &mut Scope, token: &Token) -> Result<(Invitation, Own), IdentityError> {
    let invitation = invitations::by_token(scope, token.hash()).await?.ok_or(IdentityError::NotFound)?;
    let tenant = Visitor::own(scope).await?.ok_or(IdentityError::NotFound)?;
    match rules::link_state(invitation.expires_at, invitation.closed_at, visitor.now) {
        LinkState::Used => Err(IdentityError::LinkUsed),
        LinkState::Expired => Err(IdentityError::LinkExpired),
        LinkState::Open if tenant.status != Status::Active => Err(IdentityError::Suspended),
        LinkState::Open => Ok((invitation, tenant)),
    }
}

/// Makes the invited person. Gives their address and the tenant's short name.
///
/// # Errors
/// As [`look_up`], `invalid_field`, and `already_exists` when the address was taken since.
pub async fn accept(visitor: &Visitor, token: &str, name: &str, password: &str) -> Result<(String, String), IdentityError> {
    let (invitation, _) = look_up(visitor, token).await?;
    let name = rules::name(name).map_err(IdentityError::field("name"))?;
    rules::new_password(password, &[&name, &invitation.email]).map_err(IdentityError::field("password"))?;
    let hash = visitor.state.passwords.hash(password).await?;
    let (tenant, token) = read(token)?;
    let mut scope = visitor.open(tenant, "invitation", true).await?.ok_or(IdentityError::NotFound)?;
    // Once more, in the writer: it may have been used while the password was hashed.
    let (invitation, tenant) = usable(visitor, &mut scope, &token).await?;
    let person = Person {
        id: visitor.state.new_id(),
        search_text: people::search_text(&name, &invitation.email),
        email: invitation.email,
        name,
        role: invitation.role,
        all_sites: true,
        chosen_sites: false,
        created_at: visitor.now,
        last_seen_at: None,
    };
    if !people::insert(&mut scope, &person, &hash).await? {
        return Err(IdentityError::PersonExists);
    }
    if invitation.places != Places::Everywhere {
        // Nobody has anything of this person's yet, so it takes no sequence.
        places::set(&mut scope, person.id, &invitation.places, 0).await?;
    }
    invitations::close(&mut scope, invitation.id, visitor.now, Closed::Accepted).await?;
    let entry = Entry::new("invitation.accept").target("person", person.id, &person.name).detail(json!({ "invitation": invitation.id, "role": person.role }));
    visitor.audit(&mut scope, &Author::person(person.id, &person.name), entry).await?;
    scope.commit().await?;
    Ok((person.email, tenant.name))
}
