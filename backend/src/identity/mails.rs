//! The letters that people get: rendered from `shared/words/<language>/mail.ftl`, plain text.
//!
//! Deliberately not here: the outbox that holds them and sends them (`mail`). To add a language:
//! its `mail.ftl` and a line in [`source`]; to add a letter: its words, then a variant of [`Letter`].

use fluent_bundle::{FluentArgs, FluentBundle, FluentResource};
use omniot_shared::{ids::MailId, roles::Role, time::Millis};
use uuid::Uuid;

use super::{rules, tokens::Token};
use crate::mail::Mail;

/// Where links of one tenant lead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The web's address without a trailing slash, e.g. `https://iot.example.org`.
    pub public_url: String,
    /// The tenant's short name.
    pub tenant: String,
    /// The tenant's name as people read it.
    pub display_name: String,
    /// The brand's name.
    pub product: String,
}

/// A page that a link opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Page {
    Invitation,
    ResetPassword,
}

impl Page {
    const fn path(self) -> &'static str {
        match self {
            Self::Invitation => "invitation",
            Self::ResetPassword => "reset-password",
        }
    }
}

impl Origin {
    /// For a browser. The token stands behind `#`, so it reaches no server log and no referrer.
    fn web(&self, page: Page, token: &Token) -> String {
        format!("{}/{}#token={}", self.public_url.trim_end_matches('/'), page.path(), token.reveal())
    }

    /// For the app; the operating system hands it over.
    fn app(&self, page: Page, token: &Token) -> String {
        let (server, tenant) = (escape(self.public_url.trim_end_matches('/')), escape(&self.tenant));
        format!("omniot://{}?token={}&server={server}&tenant={tenant}", page.path(), token.reveal())
    }
}

/// Percent-encodes what is not unreserved (RFC 3986 2.3).
fn escape(text: &str) -> String {
    text.bytes().fold(String::with_capacity(text.len()), |mut escaped, byte| {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            escaped.push(char::from(byte));
        } else {
            escaped.push_str(&format!("%{byte:02X}"));
        }
        escaped
    })
}

/// What a letter says.
#[derive(Debug)]
pub enum Letter<'a> {
    /// Somebody is invited.
    Invitation {
        /// Who invites.
        inviter: &'a str,
        /// As what.
        role: Role,
        /// The link's token.
        token: &'a Token,
    },
    /// Somebody asked for a new password.
    PasswordReset {
        /// Whose.
        name: &'a str,
        /// The link's token.
        token: &'a Token,
    },
    /// The password was changed by such a link.
    PasswordChanged {
        /// Whose.
        name: &'a str,
    },
}

/// A letter in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// One line.
    pub subject: String,
    /// Plain text.
    pub body: String,
    /// The web link in it, for the operator's mail page in development.
    pub link: Option<String>,
}

impl Written {
    /// As a letter to somebody, `about` what its link is for.
    pub fn to(self, recipient: &str, id: MailId, about: Option<Uuid>, now: Millis) -> Mail {
        Mail { id, recipient: recipient.to_owned(), subject: self.subject, body: self.body, link: self.link, about, created_at: now }
    }
}

/// The words cannot be used. A test renders every letter, so this is a broken build.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the words of mail {id:?} in {language:?} are broken")]
pub struct BrokenWords {
    id: String,
    language: String,
}

/// The Fluent source for a language; English where there is none.
const fn source(_language: &str) -> (&'static str, &'static str) {
    ("en", include_str!("../../../shared/words/en/mail.ftl"))
}

/// Writes `letter` in `language`.
///
/// # Errors
/// When the words are broken.
pub fn write(letter: &Letter<'_>, origin: &Origin, language: &str) -> Result<Written, BrokenWords> {
    let mut args = FluentArgs::new();
    args.set("tenant", origin.display_name.as_str());
    args.set("product", origin.product.as_str());
    let mut linked = |page, token: &Token| {
        let link = origin.web(page, token);
        args.set("link", link.clone());
        args.set("app_link", origin.app(page, token));
        link
    };
    let (id, link) = match letter {
        Letter::Invitation { token, .. } => ("invitation", Some(linked(Page::Invitation, token))),
        Letter::PasswordReset { token, .. } => ("password-reset", Some(linked(Page::ResetPassword, token))),
        Letter::PasswordChanged { .. } => ("password-changed", None),
    };
    match letter {
        Letter::Invitation { inviter, role, .. } => {
            args.set("inviter", *inviter);
            args.set("role", role.name());
            args.set("days", rules::INVITATION_MS / 86_400_000);
        }
        Letter::PasswordReset { name, .. } | Letter::PasswordChanged { name } => {
            args.set("name", *name);
            args.set("minutes", rules::RESET_MS / 60_000);
        }
    }
    let (subject, body) = render(id, &args, language)?;
    Ok(Written { subject, body, link })
}

fn render(id: &str, args: &FluentArgs<'_>, language: &str) -> Result<(String, String), BrokenWords> {
    let (language, source) = source(language);
    let broken = || BrokenWords { id: id.to_owned(), language: language.to_owned() };
    let resource = FluentResource::try_new(source.to_owned()).map_err(|_| broken())?;
    let mut bundle = FluentBundle::new(vec![language.parse().map_err(|_| broken())?]);
    // Marks of direction around values would end up inside links.
    bundle.set_use_isolating(false);
    bundle.add_resource(resource).map_err(|_| broken())?;
    let text = |part: &str| {
        let message = bundle.get_message(&format!("{id}-{part}")).and_then(|m| m.value()).ok_or_else(broken)?;
        let mut errors = Vec::new();
        let text = bundle.format_pattern(message, Some(args), &mut errors).into_owned();
        if errors.is_empty() { Ok(text) } else { Err(broken()) }
    };
    Ok((text("subject")?, text("body")?))
}

#[cfg(test)]
mod tests {
    use omniot_shared::ids::TenantId;
    use uuid::Uuid;

    use super::*;
    use crate::identity::tokens::Kind;

    fn origin() -> Origin {
        Origin {
            public_url: "https://iot.example.org:8443/".to_owned(),
            tenant: "nordwind".to_owned(),
            display_name: "Nordwind Kälte".to_owned(),
            product: "OmnIoT".to_owned(),
        }
    }

    fn token(kind: Kind) -> Token {
        Token::mint(kind, &mut rand::rng())
    }

    #[test]
    fn an_invitation_names_who_where_as_what_and_how_to_accept() {
        let token = token(Kind::Invitation(TenantId(Uuid::from_u128(7))));
        let letter = Letter::Invitation { inviter: "Ada <x>", role: Role::Technician, token: &token };
        let written = write(&letter, &origin(), "en").expect("the words are whole");
        assert_eq!(written.subject, "Ada <x> invites you to Nordwind Kälte");
        let link = format!("https://iot.example.org:8443/invitation#token={}", token.reveal());
        assert_eq!(written.link.as_deref(), Some(link.as_str()));
        assert!(written.body.lines().any(|line| line == link), "the link stands alone on its line:\n{}", written.body);
        let app = format!("omniot://invitation?token={}&server=https%3A%2F%2Fiot.example.org%3A8443&tenant=nordwind", token.reveal());
        assert!(written.body.lines().any(|line| line == app), "{}", written.body);
        assert!(written.body.contains("on OmnIoT, as a technician."), "{}", written.body);
        assert!(written.body.contains("for 7 days"), "{}", written.body);
    }

    #[test]
    fn every_letter_has_words_for_every_role_and_unknown_languages_fall_back() {
        let token = token(Kind::PasswordReset(TenantId(Uuid::from_u128(7))));
        for role in Role::ALL {
            let letter = Letter::Invitation { inviter: "Ada", role, token: &token };
            write(&letter, &origin(), "xx").expect("the words are whole");
        }
        let reset = write(&Letter::PasswordReset { name: "Ada", token: &token }, &origin(), "").expect("the words are whole");
        assert!(reset.body.contains("for 60 minutes"), "{}", reset.body);
        let changed = write(&Letter::PasswordChanged { name: "Ada" }, &origin(), "en").expect("the words are whole");
        assert_eq!(changed.link, None, "a notice carries no secret");
    }
}
