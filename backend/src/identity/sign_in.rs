//! Signing in: count the attempt, check the password, begin a session.
//!
//! Unknown tenant, unknown address and wrong password take the same steps and give the same
//! answer. No scope is open while the password is hashed.

use omniot_shared::{
    ids::{PersonId, SessionId, TenantId},
    time::Millis,
};
use sha2::{Digest as _, Sha256};

use super::{
    IdentityError,
    store::{people, sessions, throttle as counted},
    rules,
    throttle::{ACCOUNT, ADDRESS, ANYWHERE, AUDITED, Subjects},
    tokens::{Kind, Token},
    visitor::Visitor,
};
use crate::{
    audit::{Author, Entry},
    http::{APP_SESSION_MS, WEB_SESSION_MS},
    tenancy::{Status, find_tenant, store::Own},
};

/// What somebody typed.
pub struct Credentials {
    /// The tenant's short name.
    pub tenant: String,
    /// Their address.
    pub email: String,
    /// Their password.
    pub password: String,
}

/// With what they sign in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = SessionClient)]
pub enum Client {
    /// A browser: the token goes into a cookie that scripts cannot read.
    Web,
    /// The app or a script: the token goes into the body.
    App,
}

impl Client {
    /// The name in the store.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Web => "web",
            Self::App => "app",
        }
    }

    /// How long its session lasts.
    pub const fn lasts_ms(self) -> i64 {
        match self {
            Self::Web => WEB_SESSION_MS,
            Self::App => APP_SESSION_MS,
        }
    }
}

/// Who signed in.
pub struct SignedIn {
    /// The session's token, shown once.
    pub token: Token,
    /// Who.
    pub person: people::Person,
    /// Where.
    pub tenant: Own,
    /// Where, as an id.
    pub tenant_id: TenantId,
}

/// The account that a request counts on, without keeping what strangers type.
pub fn subject(purpose: &str, email: &str) -> String {
    format!("{purpose}:{}", hex::encode(Sha256::digest(email.as_bytes())))
}

/// Signs in, and counts how it went.
///
/// # Errors
/// `throttled`, `wrong_credentials`, `tenant_suspended` (only with the right password).
pub async fn sign_in(visitor: &Visitor, credentials: Credentials, client: Client, label: Option<String>) -> Result<SignedIn, IdentityError> {
    let done = attempt(visitor, credentials, client, label).await;
    let outcome = match &done {
        Ok(_) => "succeeded",
        Err(IdentityError::WrongCredentials) => "wrong_credentials",
        Err(IdentityError::Throttled(_)) => "throttled",
        Err(IdentityError::Suspended) => "tenant_suspended",
        Err(_) => "failed",
    };
    metrics::counter!("omniot_sign_ins_total", "outcome" => outcome).increment(1);
    done
}

async fn attempt(visitor: &Visitor, credentials: Credentials, client: Client, label: Option<String>) -> Result<SignedIn, IdentityError> {
    let state = &visitor.state;
    let name = rules::typed_tenant(&credentials.tenant).map_err(IdentityError::field("tenant"))?;
    let email = rules::typed_email(&credentials.email).map_err(IdentityError::field("email"))?;
    let address_key = visitor.knock(&ADDRESS, "sign_in")?;
    let subjects = Subjects::of(&email, &visitor.network());
    let Some(tenant) = find_tenant(&state.db, &name).await?.map(|tenant| tenant.id) else {
        return Err(nowhere(visitor, &name, &subjects, &credentials.password).await);
    };
    let known = match count(visitor, tenant, &subjects, &email).await {
        Err(IdentityError::Throttled(wait)) => {
            refused(visitor, tenant, None, "throttled").await?;
            return Err(IdentityError::Throttled(wait));
        }
        counted => counted?,
    };
    let matches = state.passwords.verify(&credentials.password, known.as_ref().map(|(_, _, hash)| hash.as_str())).await?;
    let (Some((person, _, hash)), true) = (&known, matches) else {
        refused(visitor, tenant, known.as_ref(), "wrong_credentials").await?;
        return Err(IdentityError::WrongCredentials);
    };
    let proof = Proof { person: *person, hash: hash.clone(), email, subjects };
    let signed_in = begin(visitor, tenant, proof, client, label).await?;
    state.throttle.succeeded(&address_key);
    Ok(signed_in)
}

/// A tenant that does not exist is as slow and as patient as one that does.
async fn nowhere(visitor: &Visitor, name: &str, subjects: &Subjects, password: &str) -> IdentityError {
    let state = &visitor.state;
    for (patience, subject) in [(&ACCOUNT, &subjects.here), (&ANYWHERE, &subjects.account)] {
        if let Err(wait) = state.throttle.admit(patience, &format!("{name}:{subject}"), visitor.now) {
            return wait.into();
        }
    }
    match state.passwords.verify(password, None).await {
        Ok(_) => IdentityError::WrongCredentials,
        Err(failure) => failure.into(),
    }
}

/// Who has an address: their id, their name, and the hash to check.
type Known = (PersonId, String, String);

/// Counts the attempt on the account, durably, and finds the hash to check.
async fn count(visitor: &Visitor, tenant: TenantId, subjects: &Subjects, email: &str) -> Result<Option<Known>, IdentityError> {
    let Some(mut scope) = visitor.open(tenant, "sign_in", true).await? else { return Ok(None) };
    counted::admit_sign_in(&mut scope, subjects, visitor.now).await??;
    let secret = people::secret(&mut scope, email).await?;
    scope.commit().await?;
    Ok(secret)
}

/// Notes in the tenant's audit log that somebody did not get in; of many, a sample. Whether there
/// is such an account changes nothing in what is done.
async fn refused(visitor: &Visitor, tenant: TenantId, known: Option<&Known>, why: &'static str) -> Result<(), IdentityError> {
    if visitor.state.throttle.admit(&AUDITED, &format!("audit:{tenant}"), visitor.now).is_err() {
        return Ok(());
    }
    let Some(mut scope) = visitor.open(tenant, "sign_in", true).await? else { return Ok(()) };
    let entry = Entry::new("session.refuse").detail(serde_json::json!({ "because": why, "address": visitor.address() }));
    let entry = match known {
        Some((id, name, _)) => entry.target("person", id, name),
        None => entry,
    };
    visitor.audit(&mut scope, &Author::anonymous("sign-in"), entry).await?;
    Ok(scope.commit().await?)
}

/// What was checked outside of any scope and must still hold inside it.
struct Proof {
    person: PersonId,
    hash: String,
    email: String,
    subjects: Subjects,
}

async fn begin(visitor: &Visitor, tenant_id: TenantId, proof: Proof, client: Client, label: Option<String>) -> Result<SignedIn, IdentityError> {
    let (state, now) = (&visitor.state, visitor.now);
    let mut scope = visitor.open(tenant_id, "sign_in", true).await?.ok_or(IdentityError::WrongCredentials)?;
    // The password may have been changed, or the person removed, while it was being checked.
    let still = people::secret(&mut scope, &proof.email).await?.is_some_and(|(id, _, hash)| id == proof.person && hash == proof.hash);
    let person = people::find(&mut scope, proof.person).await?.filter(|_| still).ok_or(IdentityError::WrongCredentials)?;
    tracing::Span::current().record("actor.id", tracing::field::display(person.id));
    let tenant = Visitor::own(&mut scope).await?.ok_or(IdentityError::WrongCredentials)?;
    if tenant.status != Status::Active {
        return Err(IdentityError::Suspended);
    }
    counted::welcome(&mut scope, &proof.subjects, now).await?;
    sessions::sweep(&mut scope, person.id, now).await?;
    let token = state.chance.with(|rng| Token::mint(Kind::Person(tenant_id), rng));
    let session = session(state.new_id(), client, label, visitor.address(), now);
    sessions::insert(&mut scope, person.id, token.hash(), &session).await?;
    sessions::bound(&mut scope, person.id).await?;
    let entry = Entry::new("session.begin").target("session", session.id, &person.name).detail(serde_json::json!({ "client": session.client, "label": session.label, "address": session.address }));
    visitor.audit(&mut scope, &Author::person(person.id, &person.name), entry).await?;
    scope.commit().await?;
    Ok(SignedIn { token, person, tenant, tenant_id })
}

fn session(id: SessionId, client: Client, label: Option<String>, address: Option<String>, now: Millis) -> sessions::Session {
    sessions::Session { id, client: client.name().to_owned(), label, address, created_at: now, last_used_at: now, expires_at: now.plus(client.lasts_ms()) }
}

#[cfg(test)]
mod tests {
    use axum::{extract::FromRequestParts as _, http::Request};
    use omniot_shared::roles::Role;

    use super::*;
    use crate::{identity::{By, NewPerson, add_person}, testing::App};

    const PASSWORD: &str = "correct horse battery";

    /// What `sign_in` holds between its two transactions, when something happens to `Ada` there.
    async fn interrupted(app: &App, change: &'static str) -> Result<SignedIn, IdentityError> {
        let acme = app.tenant("acme").await;
        let (author, email) = (Author::system("test"), "ada@acme.example");
        let mut scope = acme.db_write().await;
        let new = NewPerson { name: "Ada", email, role: Role::Admin, password: PASSWORD };
        add_person(&mut scope, &app.state, By { author: &author, request_id: None }, new).await.expect("a person");
        scope.commit().await.expect("a commit");
        let (mut parts, ()) = Request::new(()).into_parts();
        let Ok(visitor) = Visitor::from_request_parts(&mut parts, &app.state).await;
        let subjects = Subjects::of(email, &visitor.network());
        let (person, _, hash) = count(&visitor, acme.id, &subjects, email).await.expect("counted").expect("an account");
        let mut scope = acme.db_write().await;
        scope.query(change).execute().await.expect("changed");
        scope.commit().await.expect("a commit");
        begin(&visitor, acme.id, Proof { person, hash, email: email.to_owned(), subjects }, Client::App, None).await
    }

    #[tokio::test]
    async fn what_changes_while_the_password_is_checked_counts() {
        for change in [
            "update person set password_hash = 'another' where tenant_id = $1",
            "delete from person where tenant_id = $1",
            "update tenant set status = 'suspended' where tenant_id = $1",
        ] {
            for app in App::both().await {
                assert!(interrupted(&app, change).await.is_err(), "{}: {change}", app.engine);
            }
        }
        for app in App::both().await {
            let nothing = "update person set name = name where tenant_id = $1";
            assert!(interrupted(&app, nothing).await.is_ok(), "{}: nothing that matters changed", app.engine);
        }
    }
}
