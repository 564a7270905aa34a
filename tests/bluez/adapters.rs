//! The adapter: off, absent, not permitted, not answering, and back.

use std::time::{Duration, Instant};

use omniot_app::commissioning::radio::{Radio, RadioError, RadioState, bluetooth::Bluetooth};
use omniot_tests::bluez::bus::{
    Policy::{Closed, Open},
    on_a_bus,
};

use crate::table::{SOON, Table};

#[test]
fn an_adapter_that_is_off_is_said_to_be_off_and_stays_so() {
    on_a_bus(Open, async |bus| {
        let table = Table::new(&bus).await;
        table.bluez.power("hci0", false).await;
        assert_eq!(table.radio.state().await, RadioState::Off);
        assert_eq!(table.radio.scan().await.map(drop), Err(RadioError::AdapterOff));
        assert_eq!(table.bluez.is_on("hci0"), Some(false), "switching it on is its owner's choice");
        table.bluez.power("hci0", true).await;
        assert_eq!(table.radio.state().await, RadioState::Ready);
        table.hear().await;
    });
}

#[test]
fn an_adapter_that_goes_off_ends_the_scan_and_the_link() {
    on_a_bus(Open, async |bus| {
        let table = Table::new(&bus).await;
        let link = table.link().await;
        let mut adverts = table.radio.scan().await.unwrap();
        table.bluez.power("hci0", false).await;
        let ended = async { while adverts.recv().await.is_some() {} };
        tokio::time::timeout(SOON, ended).await.expect("the adverts end");
        tokio::time::timeout(SOON, link.closed()).await.expect("the link ends");
        assert_eq!(table.radio.connect("hci0/dev_00_00_00_00_00_00").await.map(drop), Err(RadioError::AdapterOff));
        assert_eq!(table.radio.stop_scan().await, Ok(()), "with the adapter the scan is gone");
        table.bluez.power("hci0", true).await;
        table.link().await;
    });
}

#[test]
fn an_adapter_is_absent_until_it_is_plugged_in_and_again_when_it_is_pulled_out() {
    on_a_bus(Open, async |bus| {
        let table = Table::new(&bus).await;
        table.bluez.unplug("hci0").await;
        assert_eq!(table.radio.state().await, RadioState::Absent);
        assert_eq!(table.radio.scan().await.map(drop), Err(RadioError::AdapterAbsent));
        table.bluez.plug("hci0").await;
        assert_eq!(table.radio.state().await, RadioState::Ready);
        let mut adverts = table.radio.scan().await.unwrap();
        table.bluez.unplug("hci0").await;
        let ended = async { while adverts.recv().await.is_some() {} };
        tokio::time::timeout(SOON, ended).await.expect("the adverts end, though BlueZ says nothing of power");
        assert_eq!(table.radio.state().await, RadioState::Absent, "not off: there is nothing to switch on");
        table.bluez.plug("hci1").await;
        assert_eq!(table.radio.state().await, RadioState::Ready, "it comes back under another name");
        table.hear().await;
    });
}

#[test]
fn of_several_adapters_one_that_is_on_is_used() {
    on_a_bus(Open, async |bus| {
        let table = Table::new(&bus).await;
        table.bluez.power("hci0", false).await;
        table.bluez.plug("hci1").await;
        assert_eq!(table.radio.state().await, RadioState::Ready);
        assert!(table.hear().await.address.starts_with("hci1/"));
    });
}

#[test]
fn a_person_who_may_not_use_bluetooth_is_told_so() {
    on_a_bus(Closed, async |bus| {
        let table = Table::new(&bus).await;
        assert_eq!(table.radio.state().await, RadioState::NoPermission);
        assert_eq!(table.radio.scan().await.map(drop), Err(RadioError::NoPermission));
        assert_eq!(table.radio.connect("hci0/dev_00_00_00_00_00_00").await.map(drop), Err(RadioError::NoPermission));
        assert!(table.bluez.calls("GetManagedObjects").is_empty(), "the bus itself refused");
    });
}

#[test]
fn a_machine_without_a_bluetooth_service_has_none_until_it_is_started() {
    on_a_bus(Open, async |bus| {
        let radio = Bluetooth::new();
        assert_eq!(radio.state().await, RadioState::Absent);
        assert_eq!(radio.scan().await.map(drop), Err(RadioError::AdapterAbsent));
        let _table = Table::new(&bus).await;
        assert_eq!(radio.state().await, RadioState::Ready);
    });
}

#[test]
fn a_service_that_never_answers_is_not_waited_for() {
    on_a_bus(Open, async |bus| {
        let table = Table::new(&bus).await;
        for mute in [&["GetManagedObjects"][..], &["GetManagedObjects", "GetAll"], &["Set"]] {
            table.bluez.faults().mute = mute.iter().copied().collect();
            let began = Instant::now();
            assert_eq!(table.radio.scan().await.map(drop), Err(RadioError::Timeout), "{mute:?}");
            table.radio.state().await;
            assert!(began.elapsed() < Duration::from_secs(20), "{mute:?}: {:?}", began.elapsed());
        }
        table.bluez.faults().mute.clear();
        table.hear().await;
    });
}

#[test]
fn asking_for_an_adapter_again_and_again_opens_one_way_to_the_system() {
    on_a_bus(Open, async |bus| {
        let watcher = zbus::connection::Builder::address(bus.as_str()).unwrap().build().await.unwrap();
        let daemon = zbus::fdo::DBusProxy::new(&watcher).await.unwrap();
        let radio = Bluetooth::new();
        radio.state().await;
        let before = daemon.list_names().await.unwrap().len();
        for _ in 0..20 {
            assert_eq!(radio.state().await, RadioState::Absent);
        }
        assert_eq!(daemon.list_names().await.unwrap().len(), before, "each would stay until the app ends");
    });
}
