//! What is heard, read and written, and errors in BlueZ's words.

use std::time::Duration;

use futures::future::join_all;
use omniot_app::commissioning::radio::{Radio, RadioError};
use omniot_shared::entities::Security;
use omniot_tests::{
    bluez::bus::{Policy::Open, on_a_bus},
    virtual_device::{
        advert::{Endpoint, SERVICE},
        device::Power,
        spec::Spec,
    },
};

use crate::{
    bench::device,
    table::{SOON, Table, until},
};

#[test]
fn a_device_is_found_and_what_it_says_is_read_whole() {
    on_a_bus(Open, async |bus| {
        let table = Table::new(&bus).await;
        let advert = table.hear().await;
        assert_eq!((advert.name.as_deref(), advert.services.as_slice()), (Some("OM-0001"), &[SERVICE][..]));
        assert!(advert.rssi.is_some_and(|rssi| rssi < 0));
        let link = table.radio.connect(&advert.address).await.unwrap();
        let endpoints = link.discover().await.unwrap();
        for endpoint in Endpoint::ALL {
            let found = endpoints.iter().find(|found| found.uuid == endpoint.uuid()).unwrap();
            assert_eq!(found.name.as_deref(), Some(endpoint.name()), "the text of descriptor 0x2901");
            assert!(found.properties.read && found.properties.write && !found.properties.notify);
        }
        assert_eq!(link.mtu(), 256, "what both sides settled for");
        link.write(Endpoint::Version.uuid(), b"ESP").await.unwrap();
        let version = String::from_utf8(link.read(Endpoint::Version.uuid()).await.unwrap()).unwrap();
        assert!(version.contains("netprov-v1.2"), "{version}");
        assert_eq!(link.read(uuid::Uuid::nil()).await, Err(RadioError::NoSuchEndpoint));
        link.disconnect().await;
        assert!(!table.is_linked(), "the device has its link back");
        link.closed().await;
        assert_eq!(link.read(Endpoint::Version.uuid()).await, Err(RadioError::Gone));
        link.disconnect().await;
    });
}

#[test]
fn what_is_only_in_the_systems_cache_is_not_heard() {
    on_a_bus(Open, async |bus| {
        let table = Table::with(&bus, vec![device("OM-0001", Security::Sec1), device("OM-0002", Security::Sec1)]).await;
        let slot = table.fleet.named("OM-0001")[0];
        slot.device().power(Power::Off, slot.now());
        table.bluez.remember("OM-0001");
        let mut adverts = table.radio.scan().await.unwrap();
        for _ in 0..10 {
            let advert = tokio::time::timeout(SOON, adverts.recv()).await.unwrap().unwrap();
            assert_eq!(advert.name.as_deref(), Some("OM-0002"), "the other one is off and was not heard");
        }
    });
}

#[test]
fn a_device_without_a_name_is_not_called_by_its_address() {
    on_a_bus(Open, async |bus| {
        let nameless = Spec { name: Some(String::new()), ..device("OM-0001", Security::Sec1) };
        let table = Table::with(&bus, vec![nameless]).await;
        assert_eq!(table.hear().await.name, None);
    });
}

#[test]
fn an_att_error_is_the_devices_own_in_whatever_words() {
    on_a_bus(Open, async |bus| {
        let table = Table::new(&bus).await;
        let link = table.known_link().await;
        for (code, read) in [(0x01, 0x01), (0x02, 0x02), (0x03, 0x03), (0x04, 0x04), (0x05, 0x05), (0x06, 0x06), (0x07, 0x07), (0x08, 0x08), (0x0c, 0x05), (0x0d, 0x0d), (0x0e, 0x0e), (0x85, 0x85)] {
            {
                let mut device = table.fleet.slots[0].device();
                (device.faults.att_error_at, device.faults.att_code) = (Some(device.operations() + 1), Some(code));
            }
            assert_eq!(link.read(Endpoint::Version.uuid()).await, Err(RadioError::Att(read)), "{code:#04x}");
        }
        assert!(link.write(Endpoint::Version.uuid(), b"ESP").await.is_ok(), "the link lives on");
    });
}

#[test]
fn one_operation_is_in_flight_however_many_are_asked_for() {
    on_a_bus(Open, async |bus| {
        let table = Table::new(&bus).await;
        let link = table.known_link().await;
        let all = join_all((0..8).map(|_| link.read(Endpoint::Version.uuid()))).await;
        assert!(all.iter().all(Result::is_ok), "{all:?}");
        assert_eq!((table.bluez.most_in_flight(), table.bluez.calls("ReadValue").len() >= 8), (1, true));
    });
}

#[test]
fn a_notification_comes_and_a_lost_one_does_not_hold_up_the_next() {
    on_a_bus(Open, async |bus| {
        let table = Table::new(&bus).await;
        table.bluez.faults().can_notify = true;
        let link = table.known_link().await;
        let mut heard = link.subscribe(Endpoint::Scan.uuid()).await.unwrap();
        let mut other = link.subscribe(Endpoint::Config.uuid()).await.unwrap();
        table.bluez.faults().lose_notifications = 1;
        for value in [b"lost", b"next"] {
            table.bluez.notify("OM-0001", Endpoint::Scan.uuid(), value).await;
        }
        let next = tokio::time::timeout(SOON, heard.recv()).await.unwrap();
        assert_eq!(next.as_deref(), Some(&b"next"[..]));
        table.bluez.notify("OM-0001", Endpoint::Config.uuid(), b"mine").await;
        assert_eq!(tokio::time::timeout(SOON, other.recv()).await.unwrap().as_deref(), Some(&b"mine"[..]), "each hears its own");
        link.disconnect().await;
        assert_eq!(tokio::time::timeout(SOON, heard.recv()).await.unwrap(), None, "with the link they end");
    });
}

#[test]
fn an_endpoint_that_cannot_notify_says_so() {
    on_a_bus(Open, async |bus| {
        let table = Table::new(&bus).await;
        let link = table.known_link().await;
        assert_eq!(link.subscribe(Endpoint::Scan.uuid()).await.map(drop), Err(RadioError::Att(0x06)));
    });
}

#[test]
fn a_second_scan_ends_the_first() {
    on_a_bus(Open, async |bus| {
        let table = Table::new(&bus).await;
        let mut first = table.radio.scan().await.unwrap();
        let mut second = table.radio.scan().await.unwrap();
        assert!(tokio::time::timeout(SOON, second.recv()).await.unwrap().is_some());
        let ended = async { while first.recv().await.is_some() {} };
        tokio::time::timeout(SOON, ended).await.expect("the first one ends");
        table.radio.stop_scan().await.unwrap();
        assert!(!table.bluez.scans());
        table.radio.stop_scan().await.unwrap();
    });
}

#[test]
fn a_scan_that_was_given_up_while_it_began_does_not_block_the_next() {
    on_a_bus(Open, async |bus| {
        let table = Table::new(&bus).await;
        table.bluez.faults().mute.insert("StartDiscovery");
        let given_up = tokio::time::timeout(Duration::from_millis(500), table.radio.scan()).await;
        assert!(given_up.is_err(), "nobody answered");
        until("it scans all the same", || table.bluez.scans()).await;
        table.bluez.faults().mute.clear();
        assert_eq!(table.hear().await.name.as_deref(), Some("OM-0001"));
    });
}

#[test]
fn a_device_that_the_system_says_nothing_of_holds_up_the_others_for_a_moment_only() {
    on_a_bus(Open, async |bus| {
        let table = Table::new(&bus).await;
        let mut adverts = table.radio.scan().await.unwrap();
        assert!(tokio::time::timeout(SOON, adverts.recv()).await.unwrap().is_some());
        table.bluez.faults().mute.insert("GetAll");
        let before = table.bluez.calls("GetAll").len();
        until("it is asked what was heard", || table.bluez.calls("GetAll").len() > before).await;
        tokio::time::sleep(Duration::from_millis(200)).await;
        table.bluez.faults().mute.clear();
        while adverts.try_recv().is_ok() {}
        assert!(tokio::time::timeout(SOON, adverts.recv()).await.expect("the next one is heard").is_some());
    });
}

#[test]
fn what_the_system_remembers_is_forgotten_on_demand() {
    on_a_bus(Open, async |bus| {
        let table = Table::new(&bus).await;
        let advert = table.hear().await;
        table.radio.forget(&advert.address).await;
        assert_eq!(table.bluez.calls("RemoveDevice").len(), 1);
        assert_eq!(table.radio.connect(&advert.address).await.map(drop), Err(RadioError::Gone), "it has to be heard again");
        table.link().await;
        table.radio.forget("nonsense").await;
    });
}
