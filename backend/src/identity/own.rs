//! What people change about themselves: their name, their password.
//!
//! Deliberately not here: their address and role (others decide those: `team`), and a password that
//! was forgotten (`reset`).

use omniot_shared::{ids::{PersonId, SessionId, TenantId}, time::Millis};
use serde_json::json;

use super::{
    IdentityError,
    mails::{self, Letter},
    rules,
    sign_in::subject,
    store::{
        people::{self, Person},
        resets, sessions, throttle as counted,
    },
    team::facts,
    throttle::ACCOUNT,
    visitor,
};
use crate::{
    audit::{self, Author, Entry},
    db::{Event, Scope, TenantAccess},
    http::{ApiError, AppState, Caller, RequestId, SignedIn},
    mail,
    tenancy::{Status, store as tenancy},
};

/// Writes the caller's name; commit afterwards.
///
/// # Errors
/// `invalid_field`.
pub async fn rename(caller: &mut Caller<SignedIn>, name: &str) -> Result<Person, IdentityError> {
    let name = rules::name(name).map_err(IdentityError::field("name"))?;
    let id = caller.person().id;
    let before = people::find(caller.scope(), id).await?.ok_or(IdentityError::NotFound)?;
    if before.name == name {
        return Ok(before);
    }
    let after = Person { name, ..before.clone() };
    people::update(caller.scope(), &after).await?;
    let entry = Entry::new("person.update").target("person", id, &after.name).detail(json!({ "name": { "from": before.name, "to": after.name } }));
    caller.audit(entry.before(&facts(&before)).after(&facts(&after))).await?;
    Ok(after)
}

/// Who changes their password, and with which session, without an open scope: hashing takes long.
pub struct Changing {
    state: AppState,
    tenant: TenantId,
    person: PersonId,
    name: String,
    email: String,
    session: SessionId,
    request_id: RequestId,
    now: Millis,
}

impl Changing {
    /// Lets go of the caller's scope.
    pub fn of(caller: Caller<SignedIn>, state: AppState) -> Self {
        let person = caller.person().clone();
        Self {
            state,
            tenant: caller.tenant(),
            person: person.id,
            name: person.name,
            email: person.email,
            session: caller.session().id,
            request_id: caller.request_id().clone(),
            now: caller.now(),
        }
    }

    async fn open(&self) -> Result<Scope, IdentityError> {
        Ok(self.state.db.write(&TenantAccess::for_request(self.tenant)).await?)
    }

    /// Sets the password, ends the person's other sessions and their reset links, and tells them by
    /// mail. Wrong ones are counted like those at sign-in.
    ///
    /// # Errors
    /// `wrong_credentials` for the current one, `invalid_field` for the new one, `throttled`.
    pub async fn set(&self, current: &str, new: &str) -> Result<(), IdentityError> {
        rules::new_password(new, &[&self.name, &self.email]).map_err(IdentityError::field("new"))?;
        let subject = subject("password", &self.email);
        let mut scope = self.open().await?;
        counted::admit(&mut scope, &ACCOUNT, &subject, self.now).await??;
        let known = people::secret(&mut scope, &self.email).await?.filter(|(id, _, _)| *id == self.person);
        scope.commit().await?;
        let Some((_, _, hash)) = known else { return Err(ApiError::not_signed_in().into()) };
        if !self.state.passwords.verify(current, Some(&hash)).await? {
            return Err(IdentityError::WrongPassword);
        }
        let fresh = self.state.passwords.hash(new).await?;
        let mut scope = self.open().await?;
        self.still_holds(&mut scope, &hash).await?;
        counted::forget(&mut scope, &subject).await?;
        self.write(&mut scope, &fresh).await?;
        Ok(scope.commit().await?)
    }

    /// What was checked before the hashing must hold after it.
    async fn still_holds(&self, scope: &mut Scope, hash: &str) -> Result<(), IdentityError> {
        let same = people::secret(scope, &self.email).await?.is_some_and(|(id, _, now)| id == self.person && now == hash);
        if !same || !sessions::lives(scope, self.person, self.session, self.now).await? {
            return Err(ApiError::not_signed_in().into());
        }
        if tenancy::standing(scope).await?.1 == Status::Active { Ok(()) } else { Err(IdentityError::Suspended) }
    }

    async fn write(&self, scope: &mut Scope, hash: &str) -> Result<(), IdentityError> {
        people::set_password(scope, self.person, hash).await?;
        resets::close_all(scope, self.person, self.now).await?;
        let ended = sessions::end_others(scope, self.person, self.session).await?;
        let letter = mails::write(&Letter::PasswordChanged { name: &self.name }, &visitor::origin(&self.state, &tenancy::own(scope).await?), "en")?;
        mail::post(scope, &letter.to(&self.email, self.state.new_id(), None, self.now)).await?;
        let entry = Entry::new("password.change").target("person", self.person, &self.name).detail(json!({ "sessions_ended": ended }));
        audit::append(scope, &Author::person(self.person, &self.name), self.now, Some(self.request_id.as_str()), entry).await?;
        scope.notify(Event::AccessChanged);
        Ok(())
    }
}
