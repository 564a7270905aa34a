//! Where secrets must never be: commissions with everything that goes wrong, a crash and a kill, and then a search of
//! every log, every file, every byte that went to the server and came back, and all that the server keeps.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD};
use omniot_tests::{
    on_both_engines,
    world::{Fleet, Network, Phone, World, eventually, eventually_within},
};
use serde_json::{Value, json};
use sqlx::{Connection as _, Row as _};

use crate::technician::{Commission, begins, finds, first_site, is_equipped};

const PASSPHRASE: &str = "canary-Passphrase-8c1f";
const WRONG_PASSPHRASE: &str = "canary-wrong-Passphrase-77";
const WRONG_POP: &str = "canary-wrong-pop-55";
/// The network key in the dataset below.
const THREAD_KEY: &str = "c0ffee11c0ffee22c0ffee33c0ffee44";
const SSID: &str = "Canary-Floor";

/// How everything begins that zstd has packed.
const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// A place that was searched: its name and all its bytes.
struct Place(String, Vec<u8>);

/// The active dataset of a mesh with [`THREAD_KEY`].
fn dataset() -> String {
    ["0e080000000000010000", "000300000f", "0102d1ce", "02081122334455667788", "0510", THREAD_KEY, "030643616e617279", "0708fd00db8000000000", "0c0402a0f7f8"].concat()
}

/// What a secret could look like: as it is, in hexadecimal, in base64.
fn forms(secret: &str) -> Vec<Vec<u8>> {
    let hex: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
    let mut forms = vec![secret.into(), secret.to_uppercase().into(), hex.to_uppercase().into(), hex.into(), STANDARD_NO_PAD.encode(secret).into()];
    if secret == THREAD_KEY {
        forms.push((0..16).map(|n| u8::from_str_radix(&secret[2 * n..2 * n + 2], 16).unwrap()).collect());
    }
    forms
}

fn holds(bytes: &[u8], wanted: &[u8]) -> bool {
    !which(bytes, &[wanted.to_vec()]).is_empty()
}

/// Which of these are somewhere in the bytes, by their numbers; in one pass, for files are large.
fn which(bytes: &[u8], wanted: &[Vec<u8>]) -> BTreeSet<usize> {
    let mut begins = [const { Vec::new() }; 256];
    for (n, one) in wanted.iter().enumerate() {
        begins[usize::from(one[0])].push(n);
    }
    let mut found = BTreeSet::new();
    for (at, byte) in bytes.iter().enumerate() {
        for n in &begins[usize::from(*byte)] {
            if bytes[at..].starts_with(&wanted[*n]) {
                found.insert(*n);
            }
        }
    }
    found
}

/// The bytes, and behind them whatever in them zstd has packed.
fn unpacked(bytes: Vec<u8>) -> Vec<u8> {
    let starts: Vec<usize> = bytes.windows(4).enumerate().filter(|(_, four)| *four == ZSTD).map(|(at, _)| at).collect();
    let mut all = bytes.clone();
    for at in starts {
        let mut out = Vec::new();
        if let Ok(mut reader) = zstd::stream::read::Decoder::new(&bytes[at..]) {
            // What stands behind the frame is no error of it.
            let _ = std::io::Read::read_to_end(&mut reader, &mut out);
        }
        all.extend(out);
    }
    all
}

/// The bodies of HTTP/1.1 messages that follow each other, chunks put together.
fn bodies(mut stream: &[u8]) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    while let Some(end) = stream.windows(4).position(|four| four == b"\r\n\r\n") {
        let head = String::from_utf8_lossy(&stream[..end]).to_ascii_lowercase();
        stream = &stream[end + 4..];
        let header = |name: &str| head.lines().find_map(|line| Some(line.strip_prefix(name)?.trim().to_owned()));
        if header("transfer-encoding:").is_some_and(|coding| coding.contains("chunked")) {
            let mut body = Vec::new();
            while let Some(line) = stream.windows(2).position(|two| two == b"\r\n") {
                let size = std::str::from_utf8(&stream[..line]).ok().and_then(|text| usize::from_str_radix(text.trim(), 16).ok()).unwrap_or(0);
                let chunk = stream.get(line + 2..).unwrap_or_default();
                body.extend_from_slice(&chunk[..size.min(chunk.len())]);
                stream = chunk.get(size + 2..).unwrap_or_default();
                if size == 0 {
                    break;
                }
            }
            found.push(body);
        } else {
            let length = header("content-length:").and_then(|text| text.parse().ok()).unwrap_or(0).min(stream.len());
            found.push(stream[..length].to_vec());
            stream = &stream[length..];
        }
    }
    found
}

/// Every file under a folder, where there is one.
fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() { files(&path, found) } else { found.push(path) }
    }
}

fn everything_in(folder: &Path) -> Vec<Place> {
    let mut found = Vec::new();
    files(folder, &mut found);
    found.into_iter().map(|path| Place(path.display().to_string(), unpacked(fs::read(&path).unwrap_or_default()))).collect()
}

/// Every row of every table, as PostgreSQL writes it.
async fn db_rows(url: &str) -> Vec<Place> {
    let mut connection = sqlx::PgConnection::connect(url).await.unwrap();
    let tables = sqlx::query("select quote_ident(schemaname) || '.' || quote_ident(tablename) from pg_tables where schemaname not in ('pg_catalog', 'information_schema')");
    let mut places = Vec::new();
    for table in tables.fetch_all(&mut connection).await.unwrap() {
        let table: String = table.get(0);
        let sql = format!("select coalesce(string_agg(t::text, E'\\n'), '') from {table} t");
        let text: String = sqlx::query(sqlx::AssertSqlSafe(sql)).fetch_one(&mut connection).await.unwrap().get(0);
        places.push(Place(table, text.into_bytes()));
    }
    places
}

/// Gives a wrong passphrase and then the right one, over a link that drops.
async fn with_trouble(phone: &Phone, fleet: &Fleet, site: &str) {
    let address = finds(phone, "OM-C0001").await;
    let body = json!({"address": address, "pop": WRONG_POP, "site_id": site});
    let id = phone.post("/app/commissions", body).await.succeeded()["id"].as_str().unwrap().to_owned();
    let commission = Commission::of(id.clone());
    assert_eq!(commission.pauses(phone).await["state"], "needs_pop");
    let pop = pop_of(fleet, "OM-C0001");
    phone.post(&format!("/app/commissions/{id}/pop"), json!({"pop": pop})).await.succeeded();
    commission.pauses(phone).await;
    fleet.control("OM-C0001", "faults", json!({"faults": {"drop_at": 60}})).await;
    let network = async |passphrase: &str| phone.post(&format!("/app/commissions/{id}/network"), json!({"ssid": SSID, "passphrase": passphrase, "remember": true})).await.succeeded();
    network(WRONG_PASSPHRASE).await;
    assert_eq!(commission.pauses(phone).await["state"], "needs_network");
    network(PASSPHRASE).await;
    // The server may hear of the device late: that alone takes a minute.
    eventually_within(Duration::from_secs(150), "the device is commissioned", || async {
        let now = phone.get("/app/commissions/current").await.succeeded();
        assert_ne!(now["state"], "failed", "{now}");
        (now["state"] == "succeeded").then_some(())
    })
    .await;
}

/// Begins a visit whose one label waits, with its network, and lets the device of that label blink twice before it is stopped.
async fn visits_and_blinks(phone: &Phone, fleet: &Fleet, serial: &str, site: &str) {
    phone.post("/app/visit", json!({"site_id": site, "auto": false})).await.succeeded();
    let network = json!({"ssid": SSID, "passphrase": PASSPHRASE, "keep": true});
    assert_eq!(phone.request("PUT", "/app/visit/network", network).await.status, 200);
    let visit = phone.post("/app/visit/items", json!({"label": fleet.label(serial)})).await.succeeded();
    assert_eq!((&visit["counts"]["waiting"], &visit["networks"][0]["name"]), (&json!(1), &json!(SSID)), "{visit}");
    let address = finds(phone, serial).await;
    let body = json!({"address": address, "pop": pop_of(fleet, serial), "site_id": site});
    let id = phone.post("/app/commissions", body).await.succeeded()["id"].as_str().unwrap().to_owned();
    let blinks = async |what: &str| {
        eventually(what, || async { (phone.get("/app/commissions/current").await.succeeded()["state"] == "needs_confirm").then_some(()) }).await;
    };
    blinks("it blinks").await;
    phone.post(&format!("/app/commissions/{id}/retry"), Value::Null).await.succeeded();
    blinks("it blinks once more").await;
    phone.post(&format!("/app/commissions/{id}/cancel"), Value::Null).await;
    phone.request("DELETE", "/app/commissions/current", Value::Null).await;
    let kept = phone.get("/app/visit").await.succeeded();
    assert_eq!(kept["counts"]["waiting"], 1, "the label is kept, and so is searched for in the vault: {kept}");
}

/// Begins and gives the passphrase, and is in the middle of joining when this returns.
async fn until_it_joins(phone: &Phone, fleet: &Fleet, serial: &str, site: &str) {
    let commission = begins(phone, fleet, serial, site).await;
    assert_eq!(commission.pauses(phone).await["state"], "needs_network");
    fleet.control(serial, "faults", json!({"faults": {"no_address": true}})).await;
    let path = format!("/app/commissions/{}/network", commission.id());
    phone.post(&path, json!({"ssid": SSID, "passphrase": PASSPHRASE, "remember": false})).await.succeeded();
    eventually("it joins", || async { (phone.get("/app/commissions/current").await.succeeded()["step"] == "join").then_some(()) }).await;
}

/// The secret on the label.
fn pop_of(fleet: &Fleet, serial: &str) -> String {
    let label: Value = serde_json::from_str(fleet.label(serial)).expect("a label is JSON");
    label["pop"].as_str().expect("with a secret").to_owned()
}

async fn no_secret_leaves_the_flow_whatever_goes_wrong(world: World) {
    let plan = format!("[[network]]\nssid = \"{SSID}\"\npassword = \"{PASSPHRASE}\"\n{}[[device]]\nserial = \"OM-C0004\"\nkind = \"thread\"\n",
        [1, 2, 3, 5].map(|n| format!("[[device]]\nserial = \"OM-C000{n}\"\n")).concat());
    let fleet = Fleet::of(&world, &plan).await;
    let network = Network::recorded(&[world.server.address()]).await;
    let log = world.folder().join("phone.log");
    let phone = Phone::talkative(&world, "phone", &network.origin(), &fleet, log.clone()).await;
    phone.sign_in(world.tenant("northlift"), "technician").await;
    is_equipped(&phone).await;
    let site = first_site(&phone).await;

    until_it_joins(&phone, &fleet, "OM-C0002", &site).await;
    phone.kill().await;
    phone.start().await;
    is_equipped(&phone).await;
    until_it_joins(&phone, &fleet, "OM-C0003", &site).await;
    assert!(phone.try_request("PANIC", "", Value::Null).await.is_none(), "it crashed");
    phone.kill().await;
    phone.start().await;
    is_equipped(&phone).await;
    with_trouble(&phone, &fleet, &site).await;
    visits_and_blinks(&phone, &fleet, "OM-C0005", &site).await;
    let mesh = begins(&phone, &fleet, "OM-C0004", &site).await;
    assert_eq!(mesh.pauses(&phone).await["state"], "needs_network");
    phone.post(&format!("/app/commissions/{}/network", mesh.id()), json!({"dataset": dataset(), "remember": false})).await.succeeded();
    mesh.pauses(&phone).await;
    phone.post(&format!("/app/commissions/{}/cancel", mesh.id()), Value::Null).await;
    phone.request("DELETE", "/app/commissions/current", Value::Null).await;
    phone.synced().await;

    let owner = world.tenant("northlift").owner().await;
    let arrived = eventually("all traces are with the server", || async {
        let attempts = phone.items("/v1/attempts").await;
        let mut traces = Vec::new();
        for attempt in attempts.iter().filter(|attempt| attempt["serial"].as_str().is_some_and(|serial| serial.starts_with("OM-C"))) {
            traces.push(owner.get(&format!("/v1/attempts/{}/trace", attempt["id"].as_str().unwrap())).await);
        }
        let there: Vec<String> = traces.into_iter().filter(|answer| answer.status == 200).map(|answer| answer.body.to_string()).collect();
        (there.len() >= 3).then_some(there)
    })
    .await;
    phone.kill().await;

    let mut places = everything_in(phone.folder());
    places.push(Place("the app's log, with its crash".into(), fs::read(&log).unwrap()));
    places.push(Place("the server's log".into(), world.server.log().into_bytes()));
    places.extend(everything_in(&world.server.db_folder()));
    if let Some(url) = world.server.db_owner_url() {
        places.extend(db_rows(url).await);
    }
    let streams = network.heard();
    let said: Vec<u8> = streams.iter().flat_map(|stream| bodies(stream)).flat_map(unpacked).collect();
    places.push(Place("what went over the network".into(), streams.concat()));
    places.push(Place("what was said over the network".into(), said));
    places.push(Place("the traces".into(), arrived.concat().into_bytes()));

    // The search sees what may be seen: the name of the network, and what is packed.
    let place = |name: &str| &places.iter().find(|Place(of, _)| of.contains(name)).unwrap_or_else(|| panic!("{name} is searched")).1;
    assert!(holds(place("app's log"), b"commissioning step ended") && holds(place("app's log"), b"a crash, as a test asked for it"));
    assert!(holds(place("replica.db"), b"prov-session") || holds(place("replica.db-wal"), b"prov-session"), "traces in the app's store are unpacked");
    assert!(holds(place("was said over"), SSID.as_bytes()) && holds(place("was said over"), b"prov-session"), "bodies are put together and unpacked");
    assert!(holds(place("the traces"), b"prov-session"));
    assert!(!place("vault.json").is_empty(), "what the visit keeps is in it");
    let secrets: Vec<String> = [1, 2, 3, 5].map(|n| pop_of(&fleet, &format!("OM-C000{n}"))).into_iter().chain([PASSPHRASE, WRONG_PASSPHRASE, WRONG_POP, THREAD_KEY].map(str::to_owned)).collect();
    let wanted: Vec<(&String, Vec<u8>)> = secrets.iter().flat_map(|secret| forms(secret).into_iter().map(move |form| (secret, form))).collect();
    let all: Vec<Vec<u8>> = wanted.iter().map(|(_, form)| form.clone()).collect();
    let leaks: Vec<String> = places.iter().flat_map(|Place(name, bytes)| which(bytes, &all).into_iter().map(|n| format!("{} in {name}", wanted[n].0)).collect::<Vec<_>>()).collect();
    assert!(leaks.is_empty(), "secrets are where they must not be: {leaks:#?}");
}

on_both_engines!(no_secret_leaves_the_flow_whatever_goes_wrong);

#[test]
fn bodies_are_put_together_and_unpacked() {
    let packed = zstd::encode_all(&b"the canary sings"[..], 3).unwrap();
    let (first, rest) = packed.split_at(7);
    let mut stream = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n7\r\n".to_vec();
    stream.extend(first);
    stream.extend(format!("\r\n{:x}\r\n", rest.len()).as_bytes());
    stream.extend(rest);
    stream.extend(b"\r\n0\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\ntail");
    let bodies = bodies(&stream);
    assert_eq!(bodies.len(), 2);
    assert!(holds(&unpacked(bodies[0].clone()), b"canary"));
    assert_eq!(bodies[1], b"tail");
    assert!(forms("ab").contains(&b"6162".to_vec()) && forms(THREAD_KEY).contains(&vec![0xc0, 0xff, 0xee, 0x11, 0xc0, 0xff, 0xee, 0x22, 0xc0, 0xff, 0xee, 0x33, 0xc0, 0xff, 0xee, 0x44]));
}
