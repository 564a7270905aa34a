//! A day of the demo's devices that report: a technician commissions them, and they measure ever since.
//!
//! Everything goes through the API, as from an app and from devices, under a clock that runs through the day.
//! Deliberately not here: the devices that do more than this; virtual ones do (`omniot-device`).

use std::{
    f64::consts::TAU,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use anyhow::{Context as _, ensure};
use axum::{
    Router,
    body::{Body, to_bytes},
    http::{Method, Request, header},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use ed25519_dalek::SigningKey;
use omniot_shared::{
    claim::{Domain, Identity, PublicKey, SignedGrant, contact_context, messages::ClaimRequest, owner::{OwnerState, decide}},
    entities::{Attempt, AttemptOutcome, AttemptStep, Security, StepOutcome},
    ids::{ClientId, DeviceId, IntentId, PersonId, TenantId},
    time::{Clock, Millis},
};
use prost::Message as _;
use rand::Rng as _;
use serde_json::{Value, json};
use tower::ServiceExt as _;

use crate::http::{AppState, Settings};

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
/// Between commissioning and now.
pub(super) const DAY_MS: i64 = 25 * HOUR_MS;
const FIRMWARE: &str = "1.4.2";
/// The steps of a commission, and how long each took.
const STEPS: [(&str, u32); 12] = [
    ("connect", 640), ("discover", 210), ("version", 90), ("handshake", 380), ("identity", 120), ("identify", 2100), ("claim", 260),
    ("scan_networks", 1600), ("set_network", 110), ("apply", 1050), ("join", 2300), ("cloud", 1900),
];

/// A clock that is set.
#[derive(Debug)]
struct Hands(AtomicI64);

impl Clock for Hands {
    fn now(&self) -> Millis {
        Millis(self.0.load(Ordering::Relaxed))
    }
}

/// The same store under another clock.
pub(super) struct Past {
    pub(super) state: AppState,
    hands: Arc<Hands>,
}

impl Past {
    /// It is `ms` ago.
    pub(super) fn of(state: &AppState, ms: i64) -> Self {
        let hands = Arc::new(Hands(AtomicI64::new(state.now().plus(-ms).0)));
        // Grants name the server; these are used up before anybody else could.
        let settings = Settings { public_url: "http://127.0.0.1:8080".to_owned(), ..(*state.settings).clone() };
        Self { state: AppState { clock: hands.clone(), settings: Arc::new(settings), ..state.clone() }, hands }
    }
}

/// Who commissions, and what reports afterwards.
pub(super) struct Day<'a> {
    pub tenant: &'a str,
    pub email: &'a str,
    pub password: &'a str,
    pub model: &'a str,
    pub serials: &'a [String],
    /// Around which the temperature swings, in °C.
    pub temperature: f64,
}

impl Day<'_> {
    /// Plays it.
    pub(super) async fn play(&self, past: &Past) -> anyhow::Result<()> {
        let api = Api(crate::build(past.state.clone()));
        let sign_in = json!({"tenant": self.tenant, "email": self.email, "password": self.password, "client": "app", "label": "demo"});
        let session = api.call(Method::POST, "/v1/sessions", None, Some(sign_in)).await?;
        let token = session["token"].as_str().context("a token")?;
        let client: ClientId = past.state.new_id();
        let body = json!({"client_id": client, "count": self.serials.len()});
        let pack = api.call(Method::POST, "/v1/grants/pack", Some(token), Some(body)).await?;
        let mut devices = Vec::new();
        for (n, serial) in (1..).zip(self.serials) {
            let grant = SignedGrant(STANDARD.decode(pack["grants"][n - 1].as_str().context("a grant")?)?);
            let (claim, credential) = self.claim(&api, past, serial, &grant).await?;
            let attempt = self.attempt(past, &session["me"], client, serial, &claim)?;
            let intent = json!({"client_id": client, "n": n, "id": past.state.new_id::<IntentId>(), "at": past.state.now(), "base": null, "change": {"kind": "attempt.record", "body": attempt}});
            let push = json!({"schema": 1, "client_id": client, "now": past.state.now(), "intents": [intent]});
            api.call(Method::POST, "/v1/sync/push", Some(token), Some(push)).await?;
            devices.push(credential);
        }
        api.call(Method::DELETE, "/v1/sessions/current", Some(token), None).await?;
        for _ in 0..DAY_MS / HOUR_MS {
            past.hands.0.fetch_add(HOUR_MS, Ordering::Relaxed);
            for (nth, credential) in devices.iter().enumerate() {
                api.call(Method::POST, "/v1/device/heartbeat", Some(credential), Some(self.heartbeat(past.state.now(), nth))).await?;
            }
        }
        Ok(())
    }

    /// What a technician does over the radio, and the device then with the server.
    async fn claim(&self, api: &Api, past: &Past, serial: &str, grant: &SignedGrant) -> anyhow::Result<(Claim, String)> {
        let (mut seed, mut nonce) = ([0; 32], [0; 16]);
        past.state.chance.with(|rng| {
            rng.fill_bytes(&mut seed);
            rng.fill_bytes(&mut nonce);
        });
        let key = SigningKey::from_bytes(&seed);
        let request = ClaimRequest { grant: Some(grant.parts()?), site: Vec::new(), nonce: nonce.to_vec(), release: None };
        let taken = decide(&OwnerState::default(), serial, &key, &request, None).ok().context("a device out of the box takes a grant")?;
        let owner = taken.state.owner.clone().context("an owner")?;
        let tenant: TenantId = grant.read()?.tenant;
        let challenge = api.call(Method::POST, "/v1/device/challenge", None, Some(json!({"tenant": tenant}))).await?;
        let challenge = STANDARD.decode(challenge["challenge"].as_str().context("a challenge")?)?;
        let hardware_id = hex::encode(&seed[..6]);
        let identity = Identity { serial: serial.to_owned(), model: self.model.to_owned(), hardware_id, firmware: FIRMWARE.to_owned(), public_key: PublicKey::of(&key), owner: None, epoch: 0, resets: 0 };
        let identity = taken.state.describe(identity).sign(&key, Domain::Contact, &contact_context(&challenge, &owner.grant, &owner.receipt));
        let shown = json!({
            "grant": STANDARD.encode(&owner.grant), "receipt": STANDARD.encode(&owner.receipt),
            "identity": STANDARD.encode(identity.encode_to_vec()), "challenge": STANDARD.encode(&challenge),
        });
        let claimed = api.call(Method::POST, "/v1/device/claim", None, Some(shown)).await?;
        let claim = Claim { grant: owner.grant_id, receipt: STANDARD.encode(&owner.receipt), epoch: taken.state.epoch, tenant };
        Ok((claim, claimed["credential"].as_str().context("a credential")?.to_owned()))
    }

    /// The technician's record of it.
    fn attempt(&self, past: &Past, me: &Value, client: ClientId, serial: &str, claim: &Claim) -> anyhow::Result<Attempt> {
        let technician_id: PersonId = serde_json::from_value(me["person"]["id"].clone())?;
        let ended_at = past.state.now();
        let mut started_at = ended_at.plus(-STEPS.iter().map(|(_, ms)| i64::from(*ms)).sum::<i64>());
        let began = started_at;
        let steps = STEPS.map(|(step, duration_ms)| {
            let done = AttemptStep { step: step.to_owned(), started_at, duration_ms, outcome: StepOutcome::Done, cause: None };
            started_at = started_at.plus(i64::from(duration_ms));
            done
        });
        Ok(Attempt {
            id: past.state.new_id(),
            device_id: Some(DeviceId::for_serial(claim.tenant, serial)),
            serial: Some(serial.to_owned()),
            site_id: None,
            technician_id,
            technician_name: me["person"]["name"].as_str().unwrap_or_default().to_owned(),
            client_id: client,
            app_version: env!("CARGO_PKG_VERSION").to_owned(),
            os: "android".to_owned(),
            radio: "virtual".to_owned(),
            protocol: Some("esp".to_owned()),
            security: Some(Security::Sec2Patch1),
            firmware: Some(FIRMWARE.to_owned()),
            identity_verified: true,
            rssi: Some(-58),
            mtu: Some(517),
            steps: steps.to_vec(),
            grant_id: Some(claim.grant),
            receipt: Some(claim.receipt.clone()),
            epoch: Some(claim.epoch),
            network_name: Some("Plant-Floor".to_owned()),
            outcome: AttemptOutcome::Succeeded,
            cause: None,
            started_at: began,
            ended_at,
        })
    }

    /// What a device tells once an hour: this minute, and every minute since the last time.
    fn heartbeat(&self, now: Millis, nth: usize) -> Value {
        let earlier = (1..HOUR_MS / MINUTE_MS).rev().map(|minutes| now.plus(-minutes * MINUTE_MS));
        let history: Vec<Value> = earlier.map(|at| json!({"at": at, "readings": self.readings(at, nth)})).collect();
        json!({"readings": self.readings(now, nth), "sent_at": now, "history": history, "firmware": FIRMWARE})
    }

    /// Warmer by day, a compressor or a door now and then, and a battery that gets empty.
    #[allow(clippy::cast_precision_loss, reason = "minutes of one day")]
    fn readings(&self, at: Millis, nth: usize) -> Value {
        let minute = (at.0 / MINUTE_MS) as f64 + 137.0 * nth as f64;
        let (day, cycle) = ((minute / 1440.0 * TAU).sin(), (minute / 47.0 * TAU).sin());
        let tenth = |value: f64| (value * 10.0).round() / 10.0;
        json!({
            "temperature_c": tenth(self.temperature + 1.8 * day + 0.7 * cycle + 0.2 * (minute * 1.7).sin()),
            "humidity_pct": (46.0 - 6.0 * day + 2.0 * cycle).round(),
            "battery_pct": 97.0 - nth as f64,
            "door": "closed",
            "mains": (minute as i64).rem_euclid(1013) > 18,
        })
    }
}

/// What became of a claim.
struct Claim {
    grant: omniot_shared::ids::GrantId,
    receipt: String,
    epoch: u32,
    tenant: TenantId,
}

/// The API, in this process.
struct Api(Router);

impl Api {
    async fn call(&self, method: Method, path: &str, bearer: Option<&str>, body: Option<Value>) -> anyhow::Result<Value> {
        let mut request = Request::builder().method(method).uri(path).header(header::CONTENT_TYPE, "application/json");
        if let Some(bearer) = bearer {
            request = request.header(header::AUTHORIZATION, format!("Bearer {bearer}"));
        }
        let body = body.map_or_else(Body::empty, |body| Body::from(body.to_string()));
        let response = self.0.clone().oneshot(request.body(body)?).await?;
        let status = response.status();
        let bytes = to_bytes(response.into_body(), usize::MAX).await?;
        ensure!(status.is_success(), "{path} answers {status}: {}", String::from_utf8_lossy(&bytes));
        Ok(serde_json::from_slice(&bytes).unwrap_or(Value::Null))
    }
}
