//! What the description of the API says of all operations alike: who may call, and the refusals that
//! any of them may answer with.
//!
//! Deliberately not here: the operations themselves (their features describe them).

use utoipa::{
    Modify,
    openapi::{
        Components, Content, OpenApi, Ref, RefOr, Response,
        path::{Operation, PathItem},
        security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme},
    },
};

use crate::http::{OPERATOR_COOKIE, SESSION_COOKIE};

/// Operations that anybody may call: what comes before signing in, and what proves itself otherwise.
/// The attack on the boundary compares this with what the server does.
const PUBLIC: [&str; 11] = [
    "accept_invitation", "claim_device", "complete_password_reset", "create_device_challenge", "create_operator_session", "create_session",
    "find_tenant_card", "hand_over_device", "hand_over_work", "lookup_invitation", "request_password_reset",
];

/// Adds the ways to sign in and the common refusals.
pub struct Common;

impl Modify for Common {
    fn modify(&self, description: &mut OpenApi) {
        let components = description.components.get_or_insert_with(Components::new);
        let bearer = || SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build());
        let cookie = |name: &str| SecurityScheme::ApiKey(ApiKey::Cookie(ApiKeyValue::new(name)));
        for (name, scheme) in [
            ("person_token", bearer()),
            ("person_cookie", cookie(SESSION_COOKIE)),
            ("operator_token", bearer()),
            ("operator_cookie", cookie(OPERATOR_COOKIE)),
            ("device_credential", bearer()),
        ] {
            components.add_security_scheme(name, scheme);
        }
        description.paths.paths.values_mut().flat_map(operations).for_each(complete);
    }
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [&mut item.get, &mut item.put, &mut item.post, &mut item.delete, &mut item.patch].into_iter().flatten()
}

fn complete(operation: &mut Operation) {
    let schemes: &[&str] = match (operation.operation_id.as_deref(), operation.tags.as_deref()) {
        (Some(id), _) if PUBLIC.contains(&id) => &[],
        (_, Some([tag, ..])) if tag == "operator" => &["operator_token", "operator_cookie"],
        (_, Some([tag, ..])) if tag == "device" => &["device_credential"],
        _ => &["person_token", "person_cookie"],
    };
    if !schemes.is_empty() {
        operation.security = Some(schemes.iter().map(|scheme| SecurityRequirement::new::<_, [&str; 0], &str>(*scheme, [])).collect());
        refuse(operation, "401", "not_signed_in");
        refuse(operation, "403", "not_allowed, tenant_suspended, csrf");
    }
    refuse(operation, "503", "not_ready, timeout");
}

/// A refusal, where the operation says nothing of its own about that status.
fn refuse(operation: &mut Operation, status: &str, codes: &str) {
    let mut response = Response::new(codes);
    response.content.insert("application/json".to_owned(), Content::new(Some(Ref::from_schema_name("ErrorBody"))).into());
    operation.responses.responses.entry(status.to_owned()).or_insert(RefOr::T(response));
}
