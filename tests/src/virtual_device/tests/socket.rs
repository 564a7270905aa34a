use std::{sync::Arc, time::Duration};

use omniot_app::commissioning::radio::{Radio, RadioError, virtual_radio::VirtualRadio};
use omniot_shared::entities::Security;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
};

use super::ordinary;
use crate::virtual_device::{
    advert::{Endpoint, SERVICE},
    carrier::{self, Control},
    faults::Faults,
    fleet::{Fleet, FleetFile, Plan},
    spec::{Spec, Stack},
    timing::Timing,
};

/// A fleet on a free port; the folder goes with the guard.
async fn serve(devices: Vec<Spec>, control: Control) -> (String, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let file = FleetFile { networks: Vec::new(), devices };
    let fleet = Fleet::build(Plan { file, seed: 1, state_dir: dir.path().into(), timing: Timing::FAST, fault_rate: 0 }).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(carrier::serve(listener, Arc::new(fleet), control));
    (address, dir)
}

async fn find(radio: &VirtualRadio, name: &str) -> String {
    let mut adverts = radio.scan().await.unwrap();
    loop {
        let advert = tokio::time::timeout(Duration::from_secs(5), adverts.recv()).await.expect("it advertises").expect("the scan lives");
        if advert.name.as_deref() == Some(name) {
            assert_eq!(advert.services, [SERVICE]);
            radio.stop_scan().await.unwrap();
            return advert.address;
        }
    }
}

/// A client without the app's radio, for what that one never sends.
struct Raw(BufReader<TcpStream>);

impl Raw {
    async fn connect(address: &str) -> Self {
        Self(BufReader::new(TcpStream::connect(address).await.unwrap()))
    }

    async fn ask(&mut self, request: Value) -> Value {
        self.0.write_all(format!("{request}\n").as_bytes()).await.unwrap();
        loop {
            let mut line = String::new();
            self.0.read_line(&mut line).await.unwrap();
            let answer: Value = serde_json::from_str(&line).unwrap();
            if answer["id"] == request["id"] {
                return answer;
            }
        }
    }
}

#[tokio::test]
async fn the_apps_radio_finds_connects_discovers_writes_and_reads() {
    let (address, _dir) = serve(vec![ordinary(Security::Sec2Patch1)], Control::Refused).await;
    let radio = VirtualRadio::new(address);
    let device = find(&radio, "OM-N0001").await;
    let link = radio.connect(&device).await.unwrap();
    assert_eq!(link.mtu(), 256);
    let endpoints = link.discover().await.unwrap();
    assert!(endpoints.iter().any(|endpoint| endpoint.name.as_deref() == Some("prov-session") && endpoint.uuid == Endpoint::Session.uuid()));
    link.write(Endpoint::Version.uuid(), b"ESP").await.unwrap();
    assert!(String::from_utf8(link.read(Endpoint::Version.uuid()).await.unwrap()).unwrap().contains("netprov-v1.2"));
    assert_eq!(link.write(Endpoint::Session.uuid(), b"junk").await, Err(RadioError::Att(0x04)));
    link.disconnect().await;
    assert_eq!(link.read(Endpoint::Version.uuid()).await, Err(RadioError::Gone));
    find(&radio, "OM-N0001").await;
}

#[tokio::test]
async fn a_device_has_one_link_and_is_free_again_when_its_client_dies() {
    let (address, _dir) = serve(vec![ordinary(Security::Sec2Patch1)], Control::Refused).await;
    let (one, two) = (VirtualRadio::new(address.clone()), VirtualRadio::new(address));
    let device = find(&one, "OM-N0001").await;
    let link = one.connect(&device).await.unwrap();
    assert_eq!(two.connect(&device).await.map(drop), Err(RadioError::Busy));
    drop(link);
    drop(one);
    find(&two, "OM-N0001").await;
    two.connect(&device).await.unwrap();
}

#[tokio::test]
async fn a_stack_that_hangs_up_after_an_error_is_noticed() {
    let (address, _dir) = serve(vec![Spec { stack: Stack::Bluedroid, ..ordinary(Security::Sec2Patch1) }], Control::Refused).await;
    let radio = VirtualRadio::new(address);
    let device = find(&radio, "OM-N0001").await;
    let link = radio.connect(&device).await.unwrap();
    assert_eq!(link.write(Endpoint::Session.uuid(), b"junk").await, Err(RadioError::Att(0x85)));
    tokio::time::timeout(Duration::from_secs(5), link.closed()).await.expect("the link is closed");
}

#[tokio::test]
async fn control_is_refused_unless_it_was_allowed() {
    let command = json!({ "id": 1, "op": "control", "device": "OM-N0001", "do": "state" });
    let (address, _dir) = serve(vec![ordinary(Security::Sec2Patch1)], Control::Refused).await;
    assert_eq!(Raw::connect(&address).await.ask(command.clone()).await["err"]["kind"], "refused");
    let (address, _dir) = serve(vec![ordinary(Security::Sec2Patch1)], Control::Allowed).await;
    let mut raw = Raw::connect(&address).await;
    let state = raw.ask(command).await["ok"].clone();
    assert_eq!((&state["epoch"], &state["advertises"], &state["owner"]), (&json!(0), &json!(true), &Value::Null));
    let faults = json!({ "id": 2, "op": "control", "device": "*", "do": "faults", "faults": { "silent": true } });
    assert_eq!(raw.ask(faults).await["ok"]["OM-N0001"]["up"], json!(true));
    let wrong = json!({ "id": 3, "op": "control", "device": "*", "do": "faults", "faults": { "nonsense": 1 } });
    assert_eq!(raw.ask(wrong).await["err"]["kind"], "refused");
    let nobody = json!({ "id": 4, "op": "control", "device": "OM-X", "do": "state" });
    assert_eq!(raw.ask(nobody).await["err"]["kind"], "refused");
    assert_eq!(raw.ask(json!({ "id": 5, "op": "control", "device": "OM-N0001", "do": "power_off" })).await["ok"]["advertises"], json!(false));
}

#[tokio::test]
async fn odd_lines_do_not_end_the_service() {
    let (address, _dir) = serve(vec![ordinary(Security::Sec2Patch1)], Control::Refused).await;
    let mut raw = Raw::connect(&address).await;
    raw.0.write_all(b"\n{}\n[1]\nnot json\n{\"op\":\"write\"}\n{\"op\":\"read\",\"link\":7}\n").await.unwrap();
    assert_eq!(raw.ask(json!({ "id": 9, "op": "nonsense" })).await["err"]["kind"], "refused");
    assert_eq!(raw.ask(json!({ "id": 10, "op": "connect", "address": "nowhere" })).await["err"]["kind"], "gone");
    assert_eq!(raw.ask(json!({ "id": 11, "op": "discover", "link": 99 })).await["err"]["kind"], "gone");
    let mut endless = Raw::connect(&address).await;
    endless.0.write_all(&vec![b'x'; 70_000]).await.unwrap();
    let mut rest = String::new();
    assert_eq!(tokio::time::timeout(Duration::from_secs(5), endless.0.read_line(&mut rest)).await.expect("hung up").unwrap_or(0), 0, "an endless line is cut off");
    assert_eq!(raw.ask(json!({ "id": 12, "op": "nonsense" })).await["id"], json!(12));
}

#[tokio::test]
async fn two_devices_of_one_name_keep_their_own_addresses() {
    let twin = |serial: &str| Spec { name: Some("TWIN".into()), faults: Faults::default(), ..Spec::ordinary(serial) };
    let (address, _dir) = serve(vec![twin("OM-1"), twin("OM-2")], Control::Refused).await;
    let radio = VirtualRadio::new(address);
    let mut adverts = radio.scan().await.unwrap();
    let mut seen = std::collections::BTreeSet::new();
    while seen.len() < 2 {
        seen.insert(tokio::time::timeout(Duration::from_secs(5), adverts.recv()).await.unwrap().unwrap().address);
    }
}
