use omniot_app::commissioning::esp::{config, scan, sec1, sec2, session::Cipher, version::Version};
use omniot_shared::entities::Security;
use reqwest::header::{COOKIE, SET_COOKIE};

use super::ordinary;
use crate::virtual_device::{
    fleet::{Fleet, FleetFile, Plan},
    http,
    spec::{Kind, Spec, USERNAME},
    timing::Timing,
};

/// A foreign client: HTTP, and the cookie of the session.
struct Stranger {
    address: String,
    http: reqwest::Client,
    cookie: Option<String>,
    cipher: Cipher,
}

impl Stranger {
    fn new(address: &str) -> Self {
        Self { address: address.to_owned(), http: reqwest::Client::builder().no_proxy().build().unwrap(), cookie: None, cipher: Cipher::over() }
    }

    async fn post(&mut self, endpoint: &str, body: &[u8]) -> Result<Vec<u8>, u16> {
        let mut request = self.http.post(format!("http://{}/{endpoint}", self.address)).body(body.to_vec());
        if let Some(cookie) = &self.cookie {
            request = request.header(COOKIE, cookie);
        }
        let answer = request.send().await.unwrap();
        if let Some(cookie) = answer.headers().get(SET_COOKIE) {
            self.cookie = Some(cookie.to_str().unwrap().to_owned());
        }
        let status = answer.status().as_u16();
        let body = answer.bytes().await.unwrap().to_vec();
        if status == 200 { Ok(body) } else { Err(status) }
    }

    async fn shake_hands(&mut self, security: Security, pop: &str) -> Result<(), u16> {
        self.cipher = if security == Security::Sec1 {
            let (opened, command) = sec1::open([3; 32], pop.as_bytes());
            let (proving, command) = opened.prove(&self.post("prov-session", &command).await?).unwrap();
            proving.finish(&self.post("prov-session", &command).await?).unwrap()
        } else {
            let counts = if security == Security::Sec2Patch1 { sec2::Counting::Each } else { sec2::Counting::Stuck };
            let (opened, command) = sec2::open([3; 32], USERNAME.as_bytes(), pop.as_bytes(), sec2::Inner::Whole).unwrap();
            let (proving, command) = opened.prove(&self.post("prov-session", &command).await?).unwrap();
            proving.finish(&self.post("prov-session", &command).await?, counts).unwrap()
        };
        Ok(())
    }

    async fn ask(&mut self, endpoint: &str, request: &[u8]) -> Vec<u8> {
        let sealed = self.cipher.encrypt(request).unwrap();
        let reply = self.post(endpoint, &sealed).await.unwrap();
        self.cipher.decrypt(&reply).unwrap().to_vec()
    }
}

async fn served(spec: Spec) -> (Stranger, Fleet, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let file = FleetFile { networks: Vec::new(), devices: vec![spec] };
    let fleet = Fleet::build(Plan { file, seed: 1, state_dir: dir.path().into(), timing: Timing::FAST, fault_rate: 0 }).unwrap();
    let addresses = http::serve(&fleet, "127.0.0.1:0".parse().unwrap()).await.unwrap();
    (Stranger::new(&addresses[0].1.to_string()), fleet, dir)
}

#[tokio::test]
async fn a_foreign_client_provisions_a_device_over_http() {
    for security in [Security::Sec1, Security::Sec2Patch0, Security::Sec2Patch1] {
        let (mut stranger, fleet, _dir) = served(ordinary(security)).await;
        let pop = fleet.slots[0].device().factory().pop.clone();
        let version = Version::read(&stranger.post("proto-ver", b"---").await.unwrap()).unwrap();
        assert_eq!(version.scheme, if security == Security::Sec1 { 1 } else { 2 });
        stranger.shake_hands(security, &pop).await.unwrap();
        let networks = stranger.ask("prov-scan", &[0x52, 0x02, 0x08, 0x01]).await;
        scan::read_start(&networks).unwrap();
        let set = config::set(b"Plant-Floor", b"press-on-2026").unwrap();
        config::read_set(&stranger.ask("prov-config", &set).await).unwrap();
        config::read_apply(&stranger.ask("prov-config", &config::apply()).await).unwrap();
        let joined = tokio::time::timeout(std::time::Duration::from_secs(5), async {
            while !matches!(config::read_status(&stranger.ask("prov-config", &config::status()).await), Ok(config::Joining::Connected { .. })) {
                tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            }
        });
        joined.await.unwrap_or_else(|_| panic!("{security:?}: it never joins"));
    }
}

#[tokio::test]
async fn a_client_without_the_cookie_begins_a_new_session_in_place_of_the_old_one() {
    let (mut first, fleet, _dir) = served(ordinary(Security::Sec1)).await;
    let pop = fleet.slots[0].device().factory().pop.clone();
    first.shake_hands(Security::Sec1, &pop).await.unwrap();
    assert!(!first.ask("prov-config", &config::status()).await.is_empty());
    let cookie = first.cookie.take();
    assert!(!first.ask("prov-config", &config::status()).await.is_empty(), "on the same connection no cookie is needed");
    first.cookie = cookie;
    let mut second = Stranger::new(&first.address);
    second.post("proto-ver", b"---").await.unwrap();
    assert_ne!(first.cookie, second.cookie);
    let sealed = first.cipher.encrypt(&config::status()).unwrap();
    assert_eq!(first.post("prov-config", &sealed).await, Err(500), "its session is gone");
}

#[tokio::test]
async fn the_cookie_is_named_as_the_firmware_names_it() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let (stranger, _fleet, _dir) = served(ordinary(Security::Sec1)).await;
    let mut stream = tokio::net::TcpStream::connect(&stranger.address).await.unwrap();
    stream.write_all(b"POST /proto-ver HTTP/1.1\r\nHost: device\r\nConnection: close\r\nContent-Length: 3\r\n\r\n---").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.contains("\r\nSet-Cookie: session="), "the reference client tells capitals apart: {answer}");
}

#[tokio::test]
async fn a_wrong_pop_an_unknown_path_and_a_body_of_no_or_too_many_bytes_are_refused() {
    let (mut stranger, _fleet, _dir) = served(Spec { kind: Kind::Espressif, ..ordinary(Security::Sec2Patch1) }).await;
    assert_eq!(stranger.shake_hands(Security::Sec2Patch1, "wrong").await, Err(500));
    for (endpoint, body, status) in [("omniot-id", vec![1], 404), ("tea", vec![1], 404), ("proto-ver", Vec::new(), 400), ("proto-ver", vec![1; 5000], 413)] {
        assert_eq!(stranger.post(endpoint, &body).await, Err(status), "{endpoint}");
    }
}

#[tokio::test]
async fn a_device_that_the_radio_holds_is_busy() {
    let (mut stranger, fleet, _dir) = served(ordinary(Security::Sec1)).await;
    let slot = &fleet.slots[0];
    assert!(slot.device().connect(slot.now()));
    *slot.holder() = Some(crate::virtual_device::fleet::Holder { link: 1, events: tokio::sync::mpsc::unbounded_channel().0 });
    assert_eq!(stranger.post("proto-ver", b"---").await, Err(503));
}
