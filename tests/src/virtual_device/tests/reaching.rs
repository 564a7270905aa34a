//! The way to a backend that is away, suspicious or slow; the true one is in the journeys.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use axum::{Json, Router, extract::State, http::StatusCode, response::IntoResponse, routing::post};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use omniot_app::commissioning::radio::{Radio, virtual_radio::VirtualRadio};
use omniot_shared::{
    claim::{Notice, Release, home::Backend},
    entities::Security,
    time::Millis,
};
use prost::Message as _;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::{Client, grant_for, ordinary};
use crate::virtual_device::{
    carrier::{self, Control},
    contact::Outcome,
    fleet::{Fleet, FleetFile, Plan, Slot},
    timing::Timing,
};

/// Commissions the only device of a running fleet, behind the socket's back.
fn commission(slot: &Slot, backend: &str, trust_anchor: &[u8]) {
    let mut device = slot.device();
    let now = slot.now();
    let grant = grant_for(1, 5, backend, trust_anchor);
    let mut client = Client::open(&mut device, now);
    client.claim(&grant, 1).unwrap();
    client.join("Guest", "");
    device.disconnect();
}

async fn fleet() -> (Arc<Fleet>, tempfile::TempDir, VirtualRadio) {
    let dir = tempfile::tempdir().unwrap();
    let file = FleetFile { networks: Vec::new(), devices: vec![ordinary(Security::Sec1)] };
    let fleet = Arc::new(Fleet::build(Plan { file, seed: 1, state_dir: dir.path().into(), timing: Timing::FAST, fault_rate: 0 }).unwrap());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let radio = VirtualRadio::new(listener.local_addr().unwrap().to_string());
    tokio::spawn(carrier::serve(listener, Arc::clone(&fleet), Control::Refused));
    radio.state().await;
    (fleet, dir, radio)
}

async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
    while !holds() {
        assert!(tokio::time::Instant::now() < deadline, "{what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// A backend that is a captive portal at first, then refuses, then takes the device, then forgets its credential once.
#[derive(Clone, Default)]
struct Moody {
    challenges: Arc<AtomicU32>,
    beats: Arc<AtomicU32>,
}

impl Moody {
    fn router(self) -> Router {
        Router::new()
            .route("/v1/device/challenge", post(challenge))
            .route("/v1/device/claim", post(claim))
            .route("/v1/device/heartbeat", post(heartbeat))
            .with_state(self)
    }
}

async fn challenge(State(moody): State<Moody>) -> impl IntoResponse {
    match moody.challenges.fetch_add(1, Ordering::SeqCst) {
        0 => (StatusCode::OK, "<html>Please sign in to the Wi-Fi</html>").into_response(),
        1 => (StatusCode::FORBIDDEN, Json(json!({ "error": { "code": "tenant_suspended", "detail": "" } }))).into_response(),
        _ => Json(json!({ "challenge": "AAECAw==", "server_time": 1 })).into_response(),
    }
}

async fn claim(Json(body): Json<Value>) -> impl IntoResponse {
    let whole = ["grant", "receipt", "identity", "challenge"].iter().all(|part| body[part].is_string());
    if whole { Json(json!({ "credential": "omd_x", "device_id": "dev_x" })).into_response() } else { StatusCode::UNPROCESSABLE_ENTITY.into_response() }
}

async fn heartbeat(State(moody): State<Moody>) -> impl IntoResponse {
    match moody.beats.fetch_add(1, Ordering::SeqCst) {
        1 => (StatusCode::UNAUTHORIZED, Json(json!({ "error": { "code": "not_signed_in", "detail": "" } }))).into_response(),
        _ => Json(json!({ "server_time": 1 })).into_response(),
    }
}

#[tokio::test]
async fn a_device_goes_on_through_an_absent_a_captive_and_a_forgetful_backend() {
    let (fleet, _dir, _radio) = fleet().await;
    let slot = &fleet.slots[0];
    let reserved = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = reserved.local_addr().unwrap();
    drop(reserved);
    commission(slot, &format!("http://{address}"), &[]);
    eventually("it joins its network", || slot.device().joined(slot.now())).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(slot.device().kept.credential.is_none(), "nobody is there yet");
    let moody = Moody::default();
    let router = moody.clone().router();
    let listener = TcpListener::bind(address).await.unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    eventually("it claims itself and is heard, also after its credential was forgotten", || slot.device().contact.heartbeats >= 3).await;
    assert!(moody.challenges.load(Ordering::SeqCst) >= 4, "portal, refusal, claim, claim again");
}

#[test]
fn a_grants_backend_is_where_the_device_goes() {
    let bench = super::Bench::new(ordinary(Security::Sec1));
    let mut device = bench.device();
    let mut client = Client::open(&mut device, 1);
    client.claim(&grant_for(1, 5, "https://iot.example.com", &[7; 900]), 1).unwrap();
    client.join("Guest", "");
    assert!(device.errand(1, Millis(0)).is_none(), "not in a network yet");
    let errand = device.errand(5000, Millis(0));
    let Some(crate::virtual_device::contact::Errand::Claim { backend, tenant, epoch }) = errand else { panic!("a claim is due") };
    assert_eq!((backend.url.as_str(), backend.trust_anchor.len(), epoch), ("https://iot.example.com", 900, 1));
    assert_eq!(tenant, omniot_shared::ids::TenantId(uuid::Uuid::from_u128(1)).to_string());
}

#[test]
fn a_device_that_nobody_answers_asks_less_and_less_often() {
    let bench = super::Bench::new(ordinary(Security::Sec1));
    let mut device = bench.device();
    let mut client = Client::open(&mut device, 1);
    client.claim(&grant_for(1, 5, "https://iot.example.com", &[]), 1).unwrap();
    client.join("Guest", "");
    device.disconnect();
    let (first, most) = (device.timing().contact_ms, device.timing().contact_most_ms);
    let mut now = 5_000;
    let mut waits_until_asked = |device: &mut crate::virtual_device::device::Device, outcome| {
        let began = now;
        device.take_outcome(now, outcome);
        while device.errand(now, Millis(0)).is_none() {
            now += 1;
        }
        now - began
    };
    assert!(device.errand(4_999, Millis(0)).is_some(), "it is in its network");
    let pauses: Vec<u64> = (0..12).map(|_| waits_until_asked(&mut device, Outcome::Unreachable)).collect();
    for (n, pause) in pauses.iter().enumerate() {
        let whole = (first << (n + 1)).min(most);
        assert!((whole / 2..=whole).contains(pause), "pause {n} of {pauses:?}");
    }
    assert!(pauses[8..].iter().any(|pause| *pause != pauses[11]), "by chance, too: {pauses:?}");
    let refused = waits_until_asked(&mut device, Outcome::Refused(409, "key_mismatch".into()));
    assert!(refused >= most / 2, "a refusal is no reason to ask more often: {refused}");
    let claimed = Outcome::Claimed { epoch: 1, credential: "omd_x".into(), device_id: None, time: None };
    assert_eq!(waits_until_asked(&mut device, claimed), 0, "who was let in goes on");
    assert!(waits_until_asked(&mut device, Outcome::Unreachable) <= 2 * first, "and begins with a short pause again");
}

#[tokio::test]
async fn a_device_trusts_the_anchor_of_its_grant_and_no_other() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let (cert, key) = (include_bytes!("../../../vectors/tls/server.pem"), include_bytes!("../../../vectors/tls/server.key"));
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let backend = format!("https://{}", listener.local_addr().unwrap());
    let moody = Moody::default();
    let config = axum_server::tls_rustls::RustlsConfig::from_pem(cert.to_vec(), key.to_vec()).await.unwrap();
    let served = axum_server::from_tcp_rustls(listener, config).unwrap().serve(moody.clone().router().into_make_service());
    tokio::spawn(served);
    let (strict, _dir, _radio) = fleet().await;
    commission(&strict.slots[0], &backend, include_bytes!("../../../vectors/tls/other.der"));
    eventually("it joins", || strict.slots[0].device().joined(strict.slots[0].now())).await;
    tokio::time::sleep(Duration::from_millis(600)).await;
    assert_eq!(moody.challenges.load(Ordering::SeqCst), 0, "a stranger's certificate is not spoken to");
    let (fleet, _other_dir, _other_radio) = fleet().await;
    commission(&fleet.slots[0], &backend, include_bytes!("../../../vectors/tls/ca.der"));
    eventually("it is heard over TLS", || fleet.slots[0].device().contact.heartbeats >= 1).await;
}

/// A backend that takes everything, and tells what it is given to tell.
#[derive(Clone, Default)]
struct Telling {
    notice: Arc<std::sync::Mutex<Option<String>>>,
    beats: Arc<AtomicU32>,
    handovers: Arc<AtomicU32>,
}

impl Telling {
    async fn serve(&self, listener: TcpListener) {
        let beat = |State(telling): State<Telling>| async move {
            telling.beats.fetch_add(1, Ordering::SeqCst);
            Json(json!({ "server_time": 1, "notice": *telling.notice.lock().unwrap() }))
        };
        // The first time its database is away.
        let hand_over = |State(telling): State<Telling>, Json(body): Json<Value>| async move {
            assert!(["release", "identity", "challenge"].iter().all(|part| body[part].is_string()));
            if telling.handovers.fetch_add(1, Ordering::SeqCst) == 0 { StatusCode::SERVICE_UNAVAILABLE } else { StatusCode::NO_CONTENT }
        };
        let router = Router::new()
            .route("/v1/device/challenge", post(|| async { Json(json!({ "challenge": "AAECAw==", "server_time": 1 })) }))
            .route("/v1/device/claim", post(claim))
            .route("/v1/device/heartbeat", post(beat))
            .route("/v1/device/handover", post(hand_over))
            .with_state(self.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
    }
}

#[tokio::test]
async fn a_device_follows_its_deployment_and_reports_where_it_was_until_the_new_one_answers() {
    let (fleet, dir, _radio) = fleet().await;
    let slot = &fleet.slots[0];
    let (old, new) = (Telling::default(), Telling::default());
    let (here, there) = (TcpListener::bind("127.0.0.1:0").await.unwrap(), TcpListener::bind("127.0.0.1:0").await.unwrap());
    let (old_url, address) = (format!("http://{}", here.local_addr().unwrap()), there.local_addr().unwrap());
    let new_url = format!("http://{address}");
    old.serve(here).await;
    drop(there);
    commission(slot, &old_url, &[]);
    eventually("it is heard", || old.beats.load(Ordering::SeqCst) > 0).await;
    let notice = Notice { tenant: uuid::Uuid::from_u128(1).into(), serial: "OM-N0001".into(), epoch: 1, number: 1, backend: Backend { url: new_url.clone(), trust_anchor: Vec::new() } };
    let signed = |key| STANDARD.encode(notice.sign(&super::claim_key(key)).encode_to_vec());
    *old.notice.lock().unwrap() = Some(signed(2));
    let before = old.beats.load(Ordering::SeqCst);
    eventually("it goes on", || old.beats.load(Ordering::SeqCst) > before + 2).await;
    let told = || slot.device().kept.state().owner.unwrap().backends().into_iter().map(|backend| backend.url).collect::<Vec<_>>();
    assert_eq!(told(), std::slice::from_ref(&old_url), "a stranger's notice changes nothing");
    *old.notice.lock().unwrap() = Some(signed(1));
    eventually("it heard", || told() == [new_url.clone(), old_url.clone()]).await;
    let before = old.beats.load(Ordering::SeqCst);
    eventually("it reports where it was", || old.beats.load(Ordering::SeqCst) > before + 1).await;
    new.serve(TcpListener::bind(address).await.unwrap()).await;
    eventually("it reports to the new one, and there only", || told() == [new_url.clone()]).await;
    let kept = std::fs::read_to_string(dir.path().join("OM-N0001.json")).unwrap();
    assert!(kept.contains(&new_url), "it is stored");
}

#[tokio::test]
async fn a_device_that_changed_hands_tells_its_former_owner_until_that_knows() {
    let (fleet, _dir, _radio) = fleet().await;
    let slot = &fleet.slots[0];
    let (former, present) = (Telling::default(), Telling::default());
    let (one, two) = (TcpListener::bind("127.0.0.1:0").await.unwrap(), TcpListener::bind("127.0.0.1:0").await.unwrap());
    let (theirs, ours) = (format!("http://{}", one.local_addr().unwrap()), format!("http://{}", two.local_addr().unwrap()));
    former.serve(one).await;
    present.serve(two).await;
    {
        let mut device = slot.device();
        let now = slot.now();
        let mut client = Client::open(&mut device, now);
        client.claim(&grant_for(1, 5, &theirs, &[]), 1).unwrap();
        let release = Release { tenant: uuid::Uuid::from_u128(1).into(), serial: "OM-N0001".into(), up_to_epoch: 1, not_after: Millis(i64::MAX), number: 0 };
        client.claim_with(&grant_for(2, 6, &ours, &[]), 2, Some(release.sign(&super::claim_key(1)))).unwrap();
        client.join("Guest", "");
        device.disconnect();
    }
    eventually("the former owner knows", || slot.device().kept.state().left.is_none()).await;
    assert_eq!(former.handovers.load(Ordering::SeqCst), 2, "once in vain, and never again");
    assert_eq!(former.beats.load(Ordering::SeqCst), 0);
    eventually("the present owner is reported to", || present.beats.load(Ordering::SeqCst) > 1).await;
}
