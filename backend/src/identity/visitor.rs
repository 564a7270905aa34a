//! Somebody at a door that needs no session: sign-in, invitation, password reset.

use std::net::IpAddr;

use axum::{extract::FromRequestParts, http::request::Parts};
use omniot_shared::{ids::TenantId, time::Millis};

use super::{IdentityError, mails::Origin, throttle::Patience};
use crate::{
    audit::{self, Author, Entry},
    db::{DbError, Scope, TenantAccess},
    http::{AppState, ClientAddress, RequestId},
    tenancy::store::{self, Own},
};

/// Who knocks: where from, when, and what the server has to answer with.
pub struct Visitor {
    /// The server.
    pub state: AppState,
    /// When the request began.
    pub now: Millis,
    address: Option<IpAddr>,
    request_id: RequestId,
}

impl FromRequestParts<AppState> for Visitor {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Self::Rejection> {
        let ClientAddress(address) = ClientAddress::from_request_parts(parts, state).await?;
        Ok(Self { state: state.clone(), now: state.now(), address, request_id: RequestId::of(parts) })
    }
}

impl Visitor {
    /// Where from, as shown in lists of sessions.
    pub fn address(&self) -> Option<String> {
        self.address.map(|address| address.to_canonical().to_string())
    }

    /// The request's id.
    pub fn request_id(&self) -> &str {
        self.request_id.as_str()
    }

    /// Counts an attempt from this address at the door `purpose`; gives the key to take it back.
    ///
    /// # Errors
    /// `throttled`.
    pub fn knock(&self, patience: &Patience, purpose: &str) -> Result<String, IdentityError> {
        let key = format!("{purpose}:{}", self.network());
        self.state.throttle.admit(patience, &key, self.now)?;
        Ok(key)
    }

    /// The network it came from, as it is counted.
    pub fn network(&self) -> String {
        network(self.address)
    }

    /// The scope of `tenant`; `None` when this deployment holds no such tenant.
    ///
    /// # Errors
    /// Whatever the store says.
    pub async fn open(&self, tenant: TenantId, purpose: &'static str, write: bool) -> Result<Option<Scope>, DbError> {
        tracing::Span::current().record("tenant.id", tracing::field::display(tenant));
        let access = TenantAccess::for_door(tenant, purpose);
        let scope = if write { self.state.db.write(&access).await } else { self.state.db.read(&access).await };
        match scope {
            Ok(scope) => Ok(Some(scope)),
            Err(DbError::NoSuchTenant(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The tenant of an open scope; `None` when this deployment holds no such tenant.
    ///
    /// # Errors
    /// Whatever the store says.
    pub async fn own(scope: &mut Scope) -> Result<Option<Own>, DbError> {
        match store::own(scope).await {
            Ok(own) => Ok(Some(own)),
            Err(DbError::NoSuchTenant(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Appends to the tenant's audit log.
    ///
    /// # Errors
    /// Whatever the store says.
    pub async fn audit(&self, scope: &mut Scope, author: &Author, entry: Entry) -> Result<(), DbError> {
        audit::append(scope, author, self.now, Some(self.request_id.as_str()), entry).await
    }
}

/// What is counted together: an IPv4 address, or the /64 of an IPv6 one, which is one subscriber.
pub fn network(address: Option<IpAddr>) -> String {
    match address.map(|address| address.to_canonical()) {
        None => "unknown".to_owned(),
        Some(IpAddr::V4(address)) => address.to_string(),
        Some(IpAddr::V6(address)) => {
            let [a, b, c, d, ..] = address.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
        }
    }
}

/// Where links of that tenant lead.
pub fn origin(state: &AppState, tenant: &Own) -> Origin {
    Origin {
        public_url: state.settings.public_url.clone(),
        tenant: tenant.name.clone(),
        display_name: tenant.display_name.clone(),
        product: tenant.brand.name.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subscriber_is_counted_once_whatever_of_its_addresses_it_uses() {
        let key = |text: &str| network(Some(text.parse().expect("an address")));
        assert_eq!(key("2001:db8:1:2::1"), key("2001:db8:1:2:ffff::9"));
        assert_ne!(key("2001:db8:1:2::1"), key("2001:db8:1:3::1"));
        assert_eq!(key("::ffff:192.0.2.1"), key("192.0.2.1"), "one address in two spellings");
        assert_ne!(key("192.0.2.1"), key("192.0.2.2"));
    }
}
