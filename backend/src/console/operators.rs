//! Operators as whoever runs the deployment makes, changes and removes them.
//!
//! Deliberately not here: the command line that calls this (`cli`), and signing in.

use omniot_shared::fold::fold;

use super::store::{self, Operator};
use crate::{
    db::{Control, DbError},
    http::AppState,
    identity::{passwords::PasswordFailure, rules},
};

/// Why an operator is not made, changed or removed; in words for the command line.
#[derive(Debug, thiserror::Error)]
pub enum OperatorError {
    /// The address or the name is none.
    #[error("an operator has an e-mail address and a name")]
    Nameless,
    /// The password is too weak.
    #[error("the password {0}")]
    Weak(rules::Why),
    /// The address is taken.
    #[error("there is an operator with the address {0} already")]
    Taken(String),
    /// Nobody has that address.
    #[error("there is no operator with the address {0}")]
    Unknown(String),
    /// Nobody could run the deployment any more.
    #[error("this is the last operator; add another one first")]
    Last,
    /// Hashing failed.
    #[error(transparent)]
    Password(#[from] PasswordFailure),
    /// The store.
    #[error(transparent)]
    Db(#[from] DbError),
}

/// Adds an operator.
///
/// # Errors
/// [`OperatorError`].
pub async fn add(state: &AppState, email: &str, name: &str, password: &str) -> Result<(), OperatorError> {
    let operator = Operator { id: state.new_id(), email: fold(email), name: name.trim().to_owned() };
    if !operator.email.contains('@') || operator.name.is_empty() {
        return Err(OperatorError::Nameless);
    }
    rules::new_password(password, &[&operator.name, &operator.email]).map_err(OperatorError::Weak)?;
    let hash = state.passwords.hash(password).await?;
    let mut control = state.db.control_write().await?;
    match store::insert(&mut control, &operator, &hash, state.now()).await {
        Err(error) if error.is_unique() => return Err(OperatorError::Taken(operator.email)),
        other => other?,
    }
    Ok(control.commit().await?)
}

/// All operators, by address.
///
/// # Errors
/// Whatever the store says.
pub async fn list(state: &AppState) -> Result<Vec<Operator>, OperatorError> {
    Ok(store::all(&mut state.db.control_read().await?).await?)
}

async fn named(control: &mut Control, email: &str) -> Result<Operator, OperatorError> {
    let email = fold(email);
    match store::by_email(control, &email).await? {
        Some((operator, _)) => Ok(operator),
        None => Err(OperatorError::Unknown(email)),
    }
}

/// Sets an operator's password and ends their sessions.
///
/// # Errors
/// [`OperatorError`].
pub async fn set_password(state: &AppState, email: &str, password: &str) -> Result<(), OperatorError> {
    let operator = named(&mut state.db.control_read().await?, email).await?;
    rules::new_password(password, &[&operator.name, &operator.email]).map_err(OperatorError::Weak)?;
    let hash = state.passwords.hash(password).await?;
    let mut control = state.db.control_write().await?;
    store::set_password(&mut control, operator.id, &hash).await?;
    Ok(control.commit().await?)
}

/// Removes an operator and ends their sessions; never the last one.
///
/// # Errors
/// [`OperatorError`].
pub async fn remove(state: &AppState, email: &str) -> Result<(), OperatorError> {
    let mut control = state.db.control_write().await?;
    let operator = named(&mut control, email).await?;
    if store::all(&mut control).await?.len() < 2 {
        return Err(OperatorError::Last);
    }
    store::remove(&mut control, operator.id).await?;
    Ok(control.commit().await?)
}
