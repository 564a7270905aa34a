//! Requests as they should be, and the envelopes they come in.

use axum::{body::Body, http::Request};
use omniot_shared::ids::{DeviceId, ModelId, PersonId, TenantId};

use super::*;

/// Where a request goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Endpoint {
    Hello,
    Pull,
    Push,
}

/// What an intent is about.
#[derive(Debug, Clone, Copy)]
pub enum Make {
    Site,
    Rename,
    Model,
    Device,
    Move,
    Retire,
    Attempt,
    /// Another tenant's site.
    Foreign,
    /// What only the server may say.
    Claimed,
}

pub fn make() -> impl Strategy<Value = Make> {
    prop::sample::select(vec![Make::Site, Make::Rename, Make::Model, Make::Device, Make::Move, Make::Retire, Make::Attempt, Make::Foreign, Make::Claimed])
}

/// Whom and what requests speak of.
pub struct Cast {
    pub person: PersonId,
    pub tenant: TenantId,
    pub site: SiteId,
    /// Of the same tenant, out of the limited caller's sight.
    pub hidden_site: SiteId,
    pub model: ModelId,
    pub foreign_site: SiteId,
    pub foreign_client: ClientId,
    pub foreign_intent: IntentId,
}

impl Cast {
    /// Ids that are somebody else's, as JSON.
    pub fn foreign_words(&self) -> Vec<String> {
        vec![json!(self.foreign_site).to_string(), json!(self.hidden_site).to_string(), json!("all").to_string(), json!(self.foreign_client).to_string(), json!(self.foreign_intent).to_string(), json!(self.tenant).to_string()]
    }

    /// A right request; a push has an intent for each of `makes`, numbered from `first`.
    pub fn request(&self, app: &App, endpoint: Endpoint, client: ClientId, first: u64, makes: &[Make]) -> Value {
        let now = app.state.now();
        match endpoint {
            Endpoint::Hello => json!({"protocol": 1, "schema": SCHEMA, "client_id": client, "app_version": "0.1.0", "now": now}),
            Endpoint::Pull => json!({"schema": SCHEMA, "client_id": client, "epoch": 1, "cursors": [{"scope": "tenant", "seq": 2}], "scopes": ["common", {"site": self.site}]}),
            Endpoint::Push => {
                let intents: Vec<Value> = makes.iter().zip(first..).map(|(make, n)| self.intent(app, client, n, *make)).collect();
                json!({"schema": SCHEMA, "client_id": client, "now": now, "intents": intents})
            }
        }
    }

    fn intent(&self, app: &App, client: ClientId, n: u64, make: Make) -> Value {
        let id: IntentId = app.state.new_id();
        json!({"client_id": client, "n": n, "id": id, "at": app.state.now(), "base": 1, "depends_on": [], "change": self.change(app, client, make)})
    }

    fn change(&self, app: &App, client: ClientId, make: Make) -> Value {
        let new = app.state.new_id::<SiteId>().0.simple().to_string();
        // A device for each client: what one retires, another may still edit.
        let serial = format!("OM-{}", client.0.simple());
        let device = DeviceId::for_serial(self.tenant, &serial);
        let (kind, body) = match make {
            Make::Site => ("site.create", json!({"id": format!("sit_{new}"), "name": "Hall", "address": "Road 1", "time_zone": "Europe/Vienna", "note": null})),
            Make::Rename => ("site.update", json!({"id": self.site, "patch": {"name": "Depot", "note": null, "address": "Road 2"}})),
            Make::Model => ("model.create", json!({"id": format!("mod_{new}"), "name": "Meter", "sku": "M-1", "min_security": "sec1"})),
            Make::Device => ("device.create", json!({"serial": serial, "name": "Meter 1", "model_id": self.model, "site_id": self.site, "note": "n"})),
            Make::Move => ("device.update", json!({"id": device, "patch": {"site_id": self.site, "name": "Meter"}})),
            Make::Retire => ("device.retire", json!({"id": device, "reason": "broken"})),
            Make::Foreign => ("site.update", json!({"id": self.foreign_site, "patch": {"name": "mine now"}})),
            Make::Claimed => ("device.claimed", json!({"serial": serial, "model_id": null, "site_id": null, "epoch": 9, "firmware": null})),
            Make::Attempt => ("attempt.record", json!({
                "id": format!("att_{new}"), "device_id": device, "serial": serial, "site_id": self.site, "technician_id": self.person, "technician_name": "Tia",
                "client_id": client, "app_version": "0.1.0", "os": "Linux", "radio": "virtual", "protocol": "esp", "security": null, "firmware": "1.2.3",
                "identity_verified": true, "rssi": -60, "mtu": 247, "steps": [{"step": "connect", "started_at": 1, "duration_ms": 2, "outcome": "done", "cause": null}],
                "grant_id": null, "receipt": "cmVjZWlwdA==", "epoch": 1, "network_name": "Depot", "outcome": "succeeded", "cause": null, "started_at": 1, "ended_at": 2,
            })),
        };
        json!({"kind": kind, "body": body})
    }
}

/// How a body is packed and announced.
#[derive(Debug, Clone)]
pub struct Envelope {
    pub content_type: Option<&'static str>,
    pub encoding: Option<&'static str>,
    pub length: Option<&'static str>,
    /// In pieces, without saying how long it is.
    pub streamed: bool,
}

pub fn envelope() -> impl Strategy<Value = Envelope> {
    let types = prop::sample::select(vec![Some("application/json"), Some("Application/JSON; charset=utf-8"), Some("text/html"), Some(""), Some("application/json+x"), None]);
    let encodings = prop::sample::select(vec![None, Some("identity"), Some("zstd"), Some("gzip"), Some("br"), Some("gzip, zstd"), Some("none")]);
    let lengths = prop::sample::select(vec![None, Some("1000000000000"), Some("-1"), Some("0"), Some("many")]);
    let odd = (types, encodings, lengths, any::<bool>()).prop_map(|(content_type, encoding, length, streamed)| Envelope { content_type, encoding, length, streamed });
    prop_oneof![9 => Just(Envelope::plain()), 1 => odd]
}

impl Envelope {
    pub const fn plain() -> Self {
        Self { content_type: Some("application/json"), encoding: None, length: None, streamed: false }
    }

    /// The request; what says that it is packed really is.
    pub fn request(&self, endpoint: Endpoint, token: &str, body: Vec<u8>) -> Request<Body> {
        let path = match endpoint {
            Endpoint::Hello => "/v1/sync/hello",
            Endpoint::Pull => "/v1/sync/pull",
            Endpoint::Push => "/v1/sync/push",
        };
        let headers = [("content-type", self.content_type), ("content-encoding", self.encoding), ("content-length", self.length)];
        let request = headers.into_iter().filter_map(|(name, value)| Some((name, value?)));
        let request = request.fold(Request::post(path).header("authorization", format!("Bearer {token}")), |request, (name, value)| request.header(name, value));
        let body = if self.encoding == Some("zstd") { zstd::encode_all(&body[..], 1).expect("zstd") } else { body };
        let pieces: Vec<_> = body.chunks(50_000).map(|piece| Ok::<_, std::io::Error>(axum::body::Bytes::copy_from_slice(piece))).collect();
        let body = if self.streamed { Body::from_stream(futures::stream::iter(pieces)) } else { body.into() };
        request.body(body).expect("a request")
    }
}
