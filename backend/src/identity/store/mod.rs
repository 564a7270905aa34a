//! The SQL about people. `$1` is always the tenant, bound by the scope.
//!
//! Deliberately not here: decisions (`rules`) and when to commit (`api`).

pub mod groups;
pub mod invitations;
pub mod people;
pub mod places;
pub mod resets;
pub mod sessions;
pub mod throttle;

use omniot_shared::roles::Role;

use crate::db::DbError;

/// A role as stored. The column is checked, so anything else is a broken store.
pub(super) fn role(name: &str) -> Result<Role, DbError> {
    Role::named(name).ok_or_else(|| DbError::Other(sqlx::Error::Decode(format!("no role is called {name:?}").into())))
}
