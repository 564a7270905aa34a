//! The operations about people.

mod groups;
mod invitations;
mod me;
mod people;
mod resets;
mod sessions;
mod sites;

use utoipa_axum::{router::OpenApiRouter, routes};

use crate::http::AppState;

/// This feature's operations.
pub fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(sessions::create_session, sessions::list_own_sessions))
        .routes(routes!(sessions::end_current_session))
        .routes(routes!(sessions::revoke_own_session))
        .routes(routes!(me::get_me, me::update_me))
        .routes(routes!(me::set_own_password))
        .routes(routes!(me::list_roles))
        .routes(routes!(people::list_people))
        .routes(routes!(people::update_person, people::remove_person))
        .routes(routes!(sites::get_person_sites, sites::set_person_sites))
        .routes(routes!(groups::list_site_groups, groups::create_site_group))
        .routes(routes!(groups::get_site_group, groups::update_site_group, groups::delete_site_group))
        .routes(routes!(people::list_person_sessions, people::revoke_person_sessions))
        .routes(routes!(invitations::list_invitations, invitations::create_invitation))
        .routes(routes!(invitations::withdraw_invitation))
        .routes(routes!(invitations::lookup_invitation))
        .routes(routes!(invitations::accept_invitation))
        .routes(routes!(resets::request_password_reset))
        .routes(routes!(resets::complete_password_reset))
}
