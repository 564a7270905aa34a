//! Pure decisions about people: names, addresses, passwords, lives of links, who may change whom.
//!
//! Deliberately not here: hashing (`passwords`), pace (`throttle`), SQL (`store`).

use omniot_shared::{
    fold::fold,
    ids::{SiteGroupId, SiteId},
    roles::{Permission, Role},
    time::Millis,
};

/// One minute in milliseconds.
const MINUTE: i64 = 60_000;
/// One day in milliseconds.
const DAY: i64 = 24 * 60 * MINUTE;
/// How long an invitation can be accepted.
pub const INVITATION_MS: i64 = 7 * DAY;
/// How long a reset link can be used.
pub const RESET_MS: i64 = 60 * MINUTE;

/// Shortest password, in characters.
pub const PASSWORD_MIN: usize = 10;
/// Longest password, in bytes: enough for any phrase, too little to keep the hasher busy.
pub const PASSWORD_MAX_BYTES: usize = 512;
/// Longest name of a person or label of a session, in characters.
pub const NAME_MAX: usize = 120;
/// Longest e-mail address (RFC 5321 4.5.3.1.3, without the brackets).
pub const EMAIL_MAX_BYTES: usize = 254;

/// Why a field is refused, in words that follow the field's name.
pub type Why = &'static str;

/// A name as it is stored: trimmed, 1–120 characters, no control characters.
///
/// # Errors
/// What is wrong with it.
pub fn name(text: &str) -> Result<String, Why> {
    let text = text.trim();
    if fold(text).is_empty() {
        return Err("must not be empty");
    }
    if text.chars().count() > NAME_MAX {
        return Err("must have at most 120 characters");
    }
    if text.chars().any(|c| c.is_control() || is_direction_override(c)) {
        return Err("must not contain control characters");
    }
    Ok(text.to_owned())
}

/// Characters that make a name look like another one by turning the direction of writing.
const fn is_direction_override(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// An address as it is stored and compared: trimmed and in lower case. Checks the shape only;
/// whether a mailbox exists is shown by the link that arrives there.
///
/// # Errors
/// What is wrong with it.
pub fn email(text: &str) -> Result<String, Why> {
    let text = text.trim().to_lowercase();
    if text.len() > EMAIL_MAX_BYTES {
        return Err("must have at most 254 bytes");
    }
    let wrong = Err("must be an e-mail address");
    let Some((local, domain)) = text.rsplit_once('@') else { return wrong };
    let local_ok = !local.is_empty() && local.len() <= 64 && !local.contains('@') && local.chars().all(is_address_char);
    let labels_ok = domain.split('.').all(|label| {
        !label.is_empty() && label.len() <= 63 && !label.starts_with('-') && !label.ends_with('-') && label.chars().all(|c| c.is_alphanumeric() || c == '-')
    });
    if local_ok && labels_ok && !domain.is_empty() { Ok(text) } else { wrong }
}

/// Longest short name of a tenant, in characters.
pub const TENANT_MAX: usize = 40;

/// A tenant's short name as somebody typed it at a door: folded, and not longer than one can be.
///
/// # Errors
/// What is wrong with it.
pub fn typed_tenant(text: &str) -> Result<String, Why> {
    let text = text.trim();
    if text.chars().count() > TENANT_MAX { Err("must have at most 40 characters") } else { Ok(fold(text)) }
}

/// An address as somebody typed it at a door: in lower case, and not longer than one can be.
///
/// # Errors
/// What is wrong with it.
pub fn typed_email(text: &str) -> Result<String, Why> {
    let text = text.trim();
    if text.len() > EMAIL_MAX_BYTES { Err("must have at most 254 bytes") } else { Ok(text.to_lowercase()) }
}

fn is_address_char(c: char) -> bool {
    !c.is_whitespace() && !c.is_control() && !is_direction_override(c) && !matches!(c, '<' | '>' | '(' | ')' | '[' | ']' | ',' | ';' | ':' | '\\' | '"')
}

/// A password that may be set by the person of that name and address.
///
/// # Errors
/// What is wrong with it.
pub fn new_password(password: &str, person: &[&str]) -> Result<(), Why> {
    if password.chars().count() < PASSWORD_MIN {
        return Err("must have at least 10 characters");
    }
    if password.len() > PASSWORD_MAX_BYTES {
        return Err("must have at most 512 bytes");
    }
    if password.contains('\0') {
        return Err("must not contain control characters");
    }
    let folded = fold(password);
    let mut seen: Vec<char> = folded.chars().collect();
    seen.sort_unstable();
    seen.dedup();
    if seen.len() < 4 {
        return Err("must not be a few characters over and over");
    }
    if COMMON.contains(&folded.as_str()) {
        return Err("must not be one of the passwords that are tried first");
    }
    if person.iter().any(|own| fold(own) == folded) {
        return Err("must not be your name or address");
    }
    Ok(())
}

/// Long enough to pass the length rule and tried first by everyone.
const COMMON: [&str; 12] = [
    "password123", "password1234", "passwort123", "1234567890", "0123456789", "qwertyuiop", "qwertzuiop", "iloveyou123", "administrator", "welcome123", "letmein123", "changeme123",
];

/// What a link can still do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkState {
    /// It may be used.
    Open,
    /// It was used, or withdrawn, or a newer one took its place.
    Used,
    /// It is too old.
    Expired,
}

/// The state of a link that was `closed_at` (used, withdrawn, replaced) or not. Used wins over old.
#[must_use]
pub fn link_state(expires_at: Millis, closed_at: Option<Millis>, now: Millis) -> LinkState {
    match closed_at {
        Some(_) => LinkState::Used,
        None if now >= expires_at => LinkState::Expired,
        None => LinkState::Open,
    }
}

/// Why a change of a person is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PersonRefusal {
    /// The one who asks may not touch this person or give this role.
    NotAllowed,
    /// Nobody would own the tenant any more.
    LastOwner,
}

/// A change of a person, as far as the right to do it goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PersonChange {
    /// A new name.
    Rename,
    /// A new role.
    Role(Role),
    /// Other sites to work at.
    Sites,
    /// They leave the tenant.
    Remove,
    /// Their sessions end.
    SignOut,
}

/// Whether `actor` may make `change` to a person who is `target`, in a tenant with `owners` owners.
/// `owners` must have been counted in the tenant's writer, so that two owners cannot unmake each other.
///
/// # Errors
/// The right is asked before the state: who may not, is not told how many owners there are.
pub fn may_change(actor: Role, target: Role, change: PersonChange, owners: u64) -> Result<(), PersonRefusal> {
    if !actor.may_assign(target) {
        return Err(PersonRefusal::NotAllowed);
    }
    if let PersonChange::Role(role) = change
        && !actor.may_assign(role)
    {
        return Err(PersonRefusal::NotAllowed);
    }
    let loses_an_owner = target == Role::Owner
        && match change {
            PersonChange::Role(role) => role != Role::Owner,
            PersonChange::Remove => true,
            PersonChange::Rename | PersonChange::Sites | PersonChange::SignOut => false,
        };
    if loses_an_owner && owners <= 1 { Err(PersonRefusal::LastOwner) } else { Ok(()) }
}

/// Whether somebody with that role may be limited to chosen sites.
///
/// # Errors
/// Why not.
pub fn may_be_limited(role: Role) -> Result<(), Why> {
    if role.may(Permission::PersonManage) { Err("cannot be chosen for somebody who manages people: they see every site") } else { Ok(()) }
}

/// Most single sites of one person.
const SITES_MAX: usize = 2_000;
/// Most sites of one group.
const GROUP_SITES_MAX: usize = 1_000;
/// Most groups of one person: all that they can see has to fit into what their app says with each pull.
const GROUPS_MAX: usize = 16;

/// Chosen sites, each once.
///
/// # Errors
/// What is wrong with them.
pub fn sites(mut sites: Vec<SiteId>) -> Result<Vec<SiteId>, Why> {
    sites.sort_unstable();
    sites.dedup();
    if sites.len() > SITES_MAX { Err("must be at most 2000") } else { Ok(sites) }
}

/// The sites of a group, each once.
///
/// # Errors
/// What is wrong with them.
pub fn group_sites(sites: Vec<SiteId>) -> Result<Vec<SiteId>, Why> {
    let sites = self::sites(sites)?;
    if sites.len() > GROUP_SITES_MAX { Err("must be at most 1000") } else { Ok(sites) }
}

/// Chosen groups of sites, each once.
///
/// # Errors
/// What is wrong with them.
pub fn groups(mut groups: Vec<SiteGroupId>) -> Result<Vec<SiteGroupId>, Why> {
    groups.sort_unstable();
    groups.dedup();
    if groups.len() > GROUPS_MAX { Err("must be at most 16") } else { Ok(groups) }
}

#[cfg(test)]
mod tests {
    use omniot_shared::sync::Sight;
    use uuid::Uuid;

    use super::*;
    use crate::http::BODY_BYTES;

    #[test]
    fn a_name_is_trimmed_and_bounded() {
        assert_eq!(name("  Jürgen Öz "), Ok("Jürgen Öz".to_owned()));
        assert_eq!(name(&"ä".repeat(120)).map(|n| n.chars().count()), Ok(120), "characters count, not bytes");
        for bad in ["", "   ", "\u{200b}", &"a".repeat(121), "a\nb", "a\0b", "evil\u{202e}gpj.exe"] {
            assert!(name(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn an_address_is_compared_without_case() {
        assert_eq!(email(" Ada.L+iot@Example.ORG "), Ok("ada.l+iot@example.org".to_owned()));
        assert_eq!(email("ü@münchen.de"), Ok("ü@münchen.de".to_owned()));
        for bad in ["", "a", "@b.c", "a@", "a@b..c", "a b@c.de", "a@-b.de", "a@b.de-", "<a@b.de>", "a@b@c.de", "a@b.de\nBcc: x@y.de", &format!("{}@b.de", "a".repeat(65)), &format!("a@{}.de", "b".repeat(260))] {
            assert!(email(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_password_is_long_and_not_the_first_guess() {
        assert_eq!(new_password("correct horse battery", &["Ada", "ada@example.org"]), Ok(()));
        assert_eq!(new_password("грецкий орех", &[]), Ok(()));
        for bad in ["short", "aaaaaaaaaaaa", "ababababab", "Password1234", "ada@example.org", "ADA@example.org", &"x y z 1".repeat(100)] {
            assert!(new_password(bad, &["Ada", "ada@example.org"]).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_link_is_open_until_it_is_used_or_old() {
        assert_eq!(link_state(Millis(10), None, Millis(9)), LinkState::Open);
        assert_eq!(link_state(Millis(10), None, Millis(10)), LinkState::Expired);
        assert_eq!(link_state(Millis(10), Some(Millis(3)), Millis(9)), LinkState::Used);
        assert_eq!(link_state(Millis(10), Some(Millis(3)), Millis(99)), LinkState::Used, "who used it is told so, also later");
    }

    #[test]
    fn those_who_manage_people_are_those_whom_lists_show_everything() {
        // The conditions of `devices/store.rs`, `sites/store.rs` and `store/groups.rs` name them.
        for role in Role::ALL {
            assert_eq!(role.may(Permission::PersonManage), ["owner", "admin"].contains(&role.name()), "{}", role.name());
        }
    }

    #[test]
    fn all_that_somebody_limited_can_see_fits_into_a_request() {
        let widest = u128::try_from(SITES_MAX + GROUPS_MAX * GROUP_SITES_MAX).expect("a number");
        let sight = Sight::Sites((0..widest).map(|n| SiteId(Uuid::from_u128(n))).collect());
        assert!(serde_json::to_string(&sight).expect("JSON").len() < BODY_BYTES * 9 / 10);
    }

    #[test]
    fn an_owner_is_touched_by_owners_only() {
        for change in [PersonChange::Rename, PersonChange::Role(Role::Viewer), PersonChange::Remove, PersonChange::SignOut] {
            assert_eq!(may_change(Role::Admin, Role::Owner, change, 2), Err(PersonRefusal::NotAllowed));
            assert_eq!(may_change(Role::Owner, Role::Owner, change, 2), Ok(()));
            assert_eq!(may_change(Role::Admin, Role::Operator, change, 1), Ok(()));
            assert_eq!(may_change(Role::Operator, Role::Viewer, change, 2), Err(PersonRefusal::NotAllowed));
        }
        assert_eq!(may_change(Role::Admin, Role::Viewer, PersonChange::Role(Role::Owner), 2), Err(PersonRefusal::NotAllowed));
    }

    #[test]
    fn the_last_owner_stays_an_owner() {
        for change in [PersonChange::Role(Role::Admin), PersonChange::Remove] {
            assert_eq!(may_change(Role::Owner, Role::Owner, change, 1), Err(PersonRefusal::LastOwner));
        }
        for change in [PersonChange::Rename, PersonChange::Role(Role::Owner), PersonChange::SignOut] {
            assert_eq!(may_change(Role::Owner, Role::Owner, change, 1), Ok(()), "{change:?}");
        }
    }
}
