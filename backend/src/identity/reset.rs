//! A forgotten password: a link is asked for, and used once.

use omniot_shared::{fold::fold, ids::TenantId};
use serde_json::json;

use super::{
    IdentityError,
    mails::{self, Letter},
    rules::{self, LinkState},
    sign_in::subject,
    store::{
        people,
        resets::{self, Reset},
        outbox, sessions,
        throttle as counted,
    },
    throttle::{ADDRESS, LINKS, RESET_MAILS},
    tokens::{Kind, Token},
    visitor::{self, Visitor},
};
use crate::{
    audit::{Author, Entry},
    db::{Event, Scope},
    tenancy::{Status, find_tenant, store::Own},
};

/// Sends a link if there is such an account. Says nothing about whether there is.
///
/// # Errors
/// `throttled` by address only.
pub async fn request(visitor: &Visitor, tenant: &str, email: &str) -> Result<(), IdentityError> {
    visitor.knock(&ADDRESS, "reset")?;
    let email = email.trim().to_lowercase();
    let Some(tenant) = find_tenant(&visitor.state.db, &fold(tenant)).await? else { return Ok(()) };
    let tenant_id = tenant.id;
    let Some(mut scope) = visitor.open(tenant_id, "password_reset", true).await? else { return Ok(()) };
    if counted::admit(&mut scope, &RESET_MAILS, &subject("reset", &email), visitor.now).await?.is_err() {
        return Ok(());
    }
    let active = Visitor::own(&mut scope).await?.filter(|tenant| tenant.status == Status::Active);
    if let (Some(tenant), Some((person, name, _))) = (active, people::secret(&mut scope, &email).await?) {
        let token = visitor.state.chance.with(|rng| Token::mint(Kind::PasswordReset(tenant_id), rng));
        let expires_at = visitor.now.plus(rules::RESET_MS);
        resets::insert(&mut scope, person, token.hash(), visitor.state.new_id(), visitor.now, expires_at).await?;
        let letter = mails::write(&Letter::PasswordReset { name: &name, token: &token }, &visitor::origin(&visitor.state, &tenant), "en")?;
        outbox::post(&mut scope, visitor.state.new_id(), &email, &letter, visitor.now).await?;
        let entry = Entry::new("password.request").target("person", person, &name).detail(json!({ "address": visitor.address() }));
        visitor.audit(&mut scope, &Author::anonymous("password reset"), entry).await?;
    }
    Ok(scope.commit().await?)
}

/// Sets the password that a link allows, and ends all sessions of the person.
///
/// # Errors
/// `not_found` (forged), `link_used`, `link_expired`, `tenant_suspended`, `invalid_field`, `throttled`.
pub async fn complete(visitor: &Visitor, token: &str, password: &str) -> Result<(), IdentityError> {
    let knock = visitor.knock(&LINKS, "link")?;
    let token = Token::parse(token).ok_or(IdentityError::NotFound)?;
    let Kind::PasswordReset(tenant) = token.kind else { return Err(IdentityError::NotFound) };
    let reset = {
        let mut scope = visitor.open(tenant, "password_reset", false).await?.ok_or(IdentityError::NotFound)?;
        usable(visitor, &mut scope, &token).await?.0
    };
    visitor.state.throttle.succeeded(&knock);
    rules::new_password(password, &[&reset.name, &reset.email]).map_err(IdentityError::field("password"))?;
    let hash = visitor.state.passwords.hash(password).await?;
    set(visitor, tenant, &token, &hash).await
}

async fn usable(visitor: &Visitor, scope: &mut Scope, token: &Token) -> Result<(Reset, Own), IdentityError> {
    let reset = resets::by_token(scope, token.hash()).await?.ok_or(IdentityError::NotFound)?;
    let tenant = Visitor::own(scope).await?.ok_or(IdentityError::NotFound)?;
    match rules::link_state(reset.expires_at, reset.closed_at, visitor.now) {
        LinkState::Used => Err(IdentityError::LinkUsed),
        LinkState::Expired => Err(IdentityError::LinkExpired),
        LinkState::Open if tenant.status != Status::Active => Err(IdentityError::Suspended),
        LinkState::Open => Ok((reset, tenant)),
    }
}

async fn set(visitor: &Visitor, tenant: TenantId, token: &Token, hash: &str) -> Result<(), IdentityError> {
    let mut scope = visitor.open(tenant, "password_reset", true).await?.ok_or(IdentityError::NotFound)?;
    // Once more, in the writer: it may have been used while the password was hashed.
    let (reset, tenant) = usable(visitor, &mut scope, token).await?;
    people::set_password(&mut scope, reset.person, hash).await?;
    resets::close_all(&mut scope, reset.person, visitor.now).await?;
    let ended = sessions::end_all(&mut scope, reset.person).await?;
    counted::clear(&mut scope, &subject("sign_in", &reset.email)).await?;
    let letter = mails::write(&Letter::PasswordChanged { name: &reset.name }, &visitor::origin(&visitor.state, &tenant), "en")?;
    outbox::post(&mut scope, visitor.state.new_id(), &reset.email, &letter, visitor.now).await?;
    let entry = Entry::new("password.reset").target("person", reset.person, &reset.name).detail(json!({ "sessions_ended": ended }));
    visitor.audit(&mut scope, &Author::person(reset.person, &reset.name), entry).await?;
    scope.notify(Event::AccessChanged);
    Ok(scope.commit().await?)
}
