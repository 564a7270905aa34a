//! People of a tenant: who they are, how they sign in, and what they may do.
//!
//! Deliberately not here: platform operators (`console`), devices' credentials (`commissioning`),
//! the matrix of roles (`omniot_shared::roles`), reading a session at the start of a request (`http`).

pub mod mails;
pub mod passwords;
pub mod rules;
mod store;
pub mod throttle;
pub mod tokens;
