//! People of a tenant: who they are, how they sign in, what they may do, and at which sites.
//!
//! Deliberately not here: platform operators (`console`), devices' credentials (`commissioning`),
//! the matrix of roles (`omniot_shared::roles`), reading a session at the start of a request (`http`).
//! To add an operation: its handler in `api`, its line in `api::router`, its decision in `rules`,
//! its SQL in `store`.

mod api;
mod error;
mod groups;
mod joining;
pub mod mails;
mod own;
pub mod passwords;
mod places;
mod reset;
pub mod rules;
mod sign_in;
mod store;
mod team;
#[cfg(test)]
mod tests;
pub mod throttle;
pub mod tokens;
mod visitor;

pub use api::router;
pub use error::IdentityError;
pub use joining::{By, NewPerson, add_person, invite};
pub use reset::link_for;
#[cfg(any(test, feature = "testing"))]
pub use reset::settled;
pub(crate) use visitor::{Visitor, network};
