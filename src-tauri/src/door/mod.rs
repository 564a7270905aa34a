//! The app's one door: `request(method, path, body)`.
//!
//! `/app/…` is the app's own ([`own`]); radio, labels and commissions belong to `commissioning`;
//! `/v1/…` is answered from the replica where that is possible ([`reads`], [`writes`]) and by the server
//! otherwise ([`proxy`]); `/v1/operator/…` belongs to the platform's [`operator`], who needs no account. Answers have the server's shapes, so the page does not know which it was.
//! Deliberately not here: rules of any kind. To make an operation offline-capable: a line in [`Door::local`].

use std::{path::PathBuf, str::FromStr, sync::Arc};

use omniot_shared::ids::{AttemptId, DeviceId, ModelId, SiteId};
use reqwest::Method;
use serde_json::Value;
use zeroize::Zeroizing;

use crate::{
    accounts::{Account, Accounts},
    commissioning::Commissioning,
};

mod checks;
mod operator;
mod own;
mod path;
mod photos;
mod proxy;
mod reads;
mod reply;
mod telemetry;
#[cfg(test)]
mod tests;
mod writes;

pub use operator::Operator;
use path::Path;
pub use reply::Reply;

/// All that answers requests.
pub struct Door {
    /// Who is signed in.
    pub accounts: Arc<Accounts>,
    /// The commissioning engine.
    pub commissioning: Arc<Commissioning>,
    /// The platform's operator.
    pub operator: Operator,
    /// Version of the app.
    pub version: String,
    /// The server that is offered first.
    pub default_server: Option<String>,
    /// Where files go that a person asked for.
    pub exports: PathBuf,
}

impl Door {
    /// Answers a request. `path` carries its query string.
    pub async fn answer(&self, method: &str, path: &str, body: Option<Value>) -> Reply {
        self.route(method, path, body).await.unwrap_or_else(|refusal| refusal)
    }

    async fn route(&self, method: &str, written: &str, body: Option<Value>) -> Result<Reply, Reply> {
        let path = Path::read(written).ok_or_else(Reply::not_found)?;
        self.within_lease(method, &path)?;
        match path.parts().as_slice() {
            ["app", "visit", "summary"] => own::answer(self, method, &path, body.as_ref()).await,
            ["app", "radio" | "labels" | "commissions" | "visit", ..] => Ok(self.commission(method, &path, body).await),
            ["app", ..] => own::answer(self, method, &path, body.as_ref()).await,
            ["v1", "operator", ..] => self.operate(method, &path, body.as_ref()).await,
            ["v1", ..] if proxy::is_public(method, path.bare()) => self.ask_anyone(method, &path, body.as_ref()).await,
            // Its answer would carry a token; in the app people sign in at `/app/accounts`.
            ["v1", "sessions"] if method == "POST" => Err(Reply::not_found()),
            ["v1", ..] => {
                let account = self.account()?;
                // Who it was is still said, so that the page can tell them.
                if account.has_ended() && (method, path.bare()) != ("GET", "/v1/me") {
                    return Err(Reply::error(403, "membership_ended", "Your access to this organization has ended."));
                }
                match self.local(&account, method, &path, body.as_ref()).await {
                    Some(settled) => settled,
                    None => self.pass_on(&account, method, &path, body.as_ref()).await,
                }
            }
            _ => Err(Reply::not_found()),
        }
    }

    /// What only the server can answer. Who the person is now is taken note of at once.
    async fn pass_on(&self, account: &Arc<Account>, method: &str, path: &Path, body: Option<&Value>) -> Result<Reply, Reply> {
        let reply = proxy::ask_as(account, verb(method)?, &path.whole(), body).await?;
        let is_me = matches!((method, path.parts().as_slice(), reply.status), ("PATCH", ["v1", "me"], 200));
        if is_me && let Ok(me) = serde_json::from_value(reply.body.clone()) {
            self.accounts.renew(account, &me);
        }
        if let ("POST", ["v1", "me", "password"], 204) = (method, path.parts().as_slice(), reply.status)
            && let Some(new) = body.and_then(|body| body["new"].as_str())
        {
            self.accounts.remember(account.id(), &Zeroizing::new(new.to_owned())).await;
        }
        Ok(reply)
    }

    /// What the replica can answer; `None` for what only the server can.
    async fn local(&self, account: &Arc<Account>, method: &str, path: &Path, body: Option<&Value>) -> Option<Result<Reply, Reply>> {
        let query = path.query();
        Some(match (method, path.parts().as_slice()) {
            ("GET", ["v1", "me"]) => Ok(Reply::ok(account.me())),
            ("GET", ["v1", "roles"]) => Ok(reads::roles()),
            ("GET", ["v1", "checklist"]) => checks::checklist(account, path).await,
            ("PUT", ["v1", "checklist"]) => checks::set_checklist(account, body).await,
            ("GET", ["v1", "sites"]) => reads::sites(account, query).await,
            ("GET", ["v1", "models"]) => reads::models(account, query).await,
            ("GET", ["v1", "devices"]) => reads::devices(account, query).await,
            ("GET", ["v1", "attempts"]) => reads::attempts(account, query, None).await,
            ("GET", ["v1", "attempts", id, "trace"]) => {
                let kept = by_id(id, async |id: AttemptId| reads::trace(account, id).await).await;
                // What was written elsewhere is the server's.
                return kept.ok().map(Ok);
            }
            ("GET", ["v1", "sites", id]) => by_id(id, async |id: SiteId| reads::one(account, id.into()).await).await,
            ("GET", ["v1", "models", id]) => by_id(id, async |id: ModelId| reads::one(account, id.into()).await).await,
            // Which devices wait, the server alone knows.
            ("GET", ["v1", "devices", "waiting"]) => return None,
            ("GET", ["v1", "devices", id]) => by_id(id, async |id: DeviceId| reads::device(account, id).await).await,
            ("GET", ["v1", "devices", id, "telemetry"]) => by_id(id, async |id: DeviceId| telemetry::day(account, id, path).await).await,
            ("GET", ["v1", "devices", id, "telemetry", hour]) => by_id(id, async |id: DeviceId| telemetry::hour(account, id, hour, path).await).await,
            ("GET", ["v1", "devices", id, "attempts"]) => by_id(id, async |id| reads::attempts(account, query, Some(id)).await).await,
            ("POST", ["v1", "sites"]) => writes::create_site(account, body).await,
            ("POST", ["v1", "models"]) => writes::create_model(account, body).await,
            ("POST", ["v1", "devices"]) => writes::create_device(account, body).await,
            ("PATCH", ["v1", "sites", id]) => by_id(id, async |id| writes::update_site(account, id, body).await).await,
            ("PATCH", ["v1", "models", id]) => by_id(id, async |id| writes::update_model(account, id, body).await).await,
            ("PATCH", ["v1", "devices", id]) => by_id(id, async |id| writes::update_device(account, id, body).await).await,
            ("POST", ["v1", "devices", id, "retire"]) => by_id(id, async |id| writes::retire_device(account, id, body).await).await,
            ("PUT", ["v1", "devices", id, "bookmark"]) => by_id(id, async |id| writes::set_bookmark(account, id, body).await).await,
            ("DELETE", ["v1", "devices", id, "bookmark"]) => by_id(id, async |id| writes::remove_bookmark(account, id, body).await).await,
            _ => return None,
        })
    }

    async fn commission(&self, method: &str, path: &Path, body: Option<Value>) -> Reply {
        crate::commissioning::api::handle(&self.commissioning, method, path.bare(), path.raw_query(), body).await
    }

    /// Nobody is signed in for these.
    async fn ask_anyone(&self, method: &str, path: &Path, body: Option<&Value>) -> Result<Reply, Reply> {
        proxy::ask(&self.named_server(path)?, &self.version, verb(method)?, &path.without("server"), body).await
    }

    async fn operate(&self, method: &str, path: &Path, body: Option<&Value>) -> Result<Reply, Reply> {
        let asked = path.without("server");
        match (method, path.parts().as_slice()) {
            ("POST", ["v1", "operator", "sessions"]) => self.operator.sign_in(&self.named_server(path)?, &asked, body).await,
            ("DELETE", ["v1", "operator", "sessions", "current"]) => self.operator.sign_out().await,
            _ => self.operator.ask(verb(method)?, &asked, body).await,
        }
    }

    /// `?server=` names the server (the app keeps it to itself), else it is the default or the active account's.
    fn named_server(&self, path: &Path) -> Result<String, Reply> {
        let named = path.query().text("server");
        let active = || self.accounts.active().map(|account| account.way().origin().to_string());
        let origin = named.or_else(|| self.default_server.clone()).or_else(active);
        origin.ok_or_else(|| Reply::invalid("invalid_field", "server", "say which server, with ?server="))
    }

    /// Once the lease is over nothing of the tenant is shown or changed. Who it is and how synchronization stands is said,
    /// everything that leads to the server is open, and so is room for it; what a technician notes of an attempt is kept, and a
    /// device under way is finished.
    fn within_lease(&self, method: &str, path: &Path) -> Result<(), Reply> {
        let is_open = match (method, path.parts().as_slice()) {
            (_, ["app", "host" | "accounts", ..] | ["app", "sync"] | ["app", "sync", "now" | "wake" | "storage", ..] | ["app", "attempts", _, "checks" | "photos", ..] | ["v1", "operator", ..]) | ("GET", ["v1", "me"]) => true,
            (_, ["v1", ..]) => proxy::is_public(method, path.bare()),
            _ => false,
        };
        let is_of_a_device = matches!((method, path.parts().as_slice()), (_, ["app", "commissions", _, ..] | ["app", "radio" | "labels", ..]) | ("GET", ["app", "visit", ..]));
        let is_shut = |account: &Account| account.lease().is_over && !(is_of_a_device && self.commissioning.is_busy(account.id().as_str()));
        if !is_open && self.accounts.active().is_some_and(|account| is_shut(&account)) {
            return Err(Reply::error(403, "lease_over", "the server was not reached for as long as the organization allows"));
        }
        Ok(())
    }

    /// The active account.
    ///
    /// # Errors
    /// 401 when nobody is signed in, or why the account cannot be opened.
    pub fn account(&self) -> Result<Arc<Account>, Reply> {
        let missing = || match self.accounts.active_ailment() {
            Some(ailment) => Reply::error(if ailment.code == "disk_full" { 507 } else { 500 }, ailment.code, &ailment.detail),
            None => Reply::error(401, "not_signed_in", "Sign in first."),
        };
        self.accounts.active().ok_or_else(missing)
    }
}

fn verb(method: &str) -> Result<Method, Reply> {
    Method::from_str(method).map_err(|_| Reply::error(400, "bad_request", "there is no such method"))
}

/// An id that is none of ours is not found, like one that does not exist.
async fn by_id<I: FromStr>(id: &str, answer: impl AsyncFnOnce(I) -> Result<Reply, Reply>) -> Result<Reply, Reply> {
    match id.parse() {
        Ok(id) => answer(id).await,
        Err(_) => Err(Reply::not_found()),
    }
}
