//! A forgotten password: a link is asked for, and used once.

use omniot_shared::ids::{PersonId, TenantId};
use serde_json::json;
use tokio::sync::Semaphore;
use tracing::Instrument as _;

use super::{
    By, IdentityError,
    mails::{self, Letter},
    rules::{self, LinkState},
    sign_in::subject,
    store::{
        people,
        resets::{self, Reset},
        sessions,
        throttle as counted,
    },
    throttle::{ADDRESS, LINKS, RESET_MAILS, RetryAfter, Subjects},
    tokens::{Kind, Token},
    visitor::{self, Visitor},
};
use crate::{
    audit::{self, Author, Entry},
    db::{Event, Scope},
    http::AppState,
    mail,
    tenancy::{self, Status, find_tenant, store::Own},
};

/// Requests whose letters are being written at the same time; a person asks rarely.
const AT_ONCE: u32 = 32;
static DESKS: Semaphore = Semaphore::const_new(AT_ONCE as usize);

/// Sends a link if there is such an account. Says nothing about whether there is, and takes the
/// same time: the account is looked for after the answer. What is still to be written when the
/// server stops is not written; the person asks again.
///
/// # Errors
/// `throttled` by address, or when too many ask at once; `invalid_field` for what is too long.
pub fn request(visitor: Visitor, tenant: &str, email: &str) -> Result<(), IdentityError> {
    let tenant = rules::typed_tenant(tenant).map_err(IdentityError::field("tenant"))?;
    let email = rules::typed_email(email).map_err(IdentityError::field("email"))?;
    visitor.knock(&ADDRESS, "reset")?;
    let desk = DESKS.try_acquire().map_err(|_| RetryAfter(1_000))?;
    let work = async move {
        if let Err(error) = send(&visitor, &tenant, &email).await {
            tracing::error!(%error, "a link to set a new password was not sent");
        }
        drop(desk);
    };
    tokio::spawn(work.in_current_span());
    Ok(())
}

/// Waits until all letters that were asked for are written.
#[cfg(any(test, feature = "testing"))]
pub async fn settled() {
    // Looking, not taking: whoever asks meanwhile, in another test too, must find a free one.
    while DESKS.available_permits() < AT_ONCE as usize {
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    }
}

async fn send(visitor: &Visitor, tenant: &str, email: &str) -> Result<(), IdentityError> {
    let Some(tenant) = find_tenant(&visitor.state.db, tenant).await? else { return Ok(()) };
    let tenant_id = tenant.id;
    let Some(mut scope) = visitor.open(tenant_id, "password_reset", true).await? else { return Ok(()) };
    if counted::admit(&mut scope, &RESET_MAILS, &subject("reset", email), visitor.now).await?.is_err() {
        return Ok(());
    }
    let active = Visitor::own(&mut scope).await?.filter(|tenant| tenant.status == Status::Active);
    if let (Some(tenant), Some((person, name, _))) = (active, people::secret(&mut scope, email).await?) {
        let by = By { author: &Author::anonymous("password reset"), request_id: Some(visitor.request_id()) };
        let whose = Whose { person, name: &name, email };
        write_link(&mut scope, &visitor.state, by, &tenant, whose, json!({ "address": visitor.address() })).await?;
    }
    Ok(scope.commit().await?)
}

/// Whose password a link sets.
struct Whose<'a> {
    person: PersonId,
    name: &'a str,
    email: &'a str,
}

/// Opens a link, the person's earlier ones being closed, and puts the letter with it into the outbox.
async fn write_link(scope: &mut Scope, state: &AppState, by: By<'_>, tenant: &Own, whose: Whose<'_>, detail: serde_json::Value) -> Result<String, IdentityError> {
    let (tenant_id, now, id) = (scope.tenant(), state.now(), state.new_id());
    let token = state.chance.with(|rng| Token::mint(Kind::PasswordReset(tenant_id), rng));
    resets::insert(scope, whose.person, token.hash(), id, now, now.plus(rules::RESET_MS)).await?;
    let letter = mails::write(&Letter::PasswordReset { name: whose.name, token: &token }, &visitor::origin(state, tenant), "en")?;
    let link = letter.link.clone().unwrap_or_default();
    mail::post(scope, &letter.to(whose.email, state.new_id(), Some(id), now)).await?;
    let entry = Entry::new("password.request").target("person", whose.person, whose.name).detail(detail);
    audit::append(scope, by.author, now, by.request_id, entry).await?;
    Ok(link)
}

/// A link to set a new password, for somebody who cannot read their mail: whoever runs the
/// deployment hands it over. Commit afterwards.
///
/// # Errors
/// `not_found` when nobody of the tenant has that address.
pub async fn link_for(scope: &mut Scope, state: &AppState, author: &Author, email: &str) -> Result<String, IdentityError> {
    let email = rules::typed_email(email).map_err(IdentityError::field("email"))?;
    let (person, name, _) = people::secret(scope, &email).await?.ok_or(IdentityError::NotFound)?;
    let tenant = tenancy::store::own(scope).await?;
    let whose = Whose { person, name: &name, email: &email };
    write_link(scope, state, By { author, request_id: None }, &tenant, whose, json!({ "by": author.name })).await
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
    counted::clear(&mut scope, &Subjects::of(&reset.email, "")).await?;
    let letter = mails::write(&Letter::PasswordChanged { name: &reset.name }, &visitor::origin(&visitor.state, &tenant), "en")?;
    mail::post(&mut scope, &letter.to(&reset.email, visitor.state.new_id(), None, visitor.now)).await?;
    let entry = Entry::new("password.reset").target("person", reset.person, &reset.name).detail(json!({ "sessions_ended": ended }));
    visitor.audit(&mut scope, &Author::person(reset.person, &reset.name), entry).await?;
    scope.notify(Event::AccessChanged);
    Ok(scope.commit().await?)
}
