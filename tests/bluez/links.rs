//! Links: how they come about, break and end.

use std::time::{Duration, Instant};

use omniot_app::commissioning::radio::{Radio, RadioError};
use omniot_tests::{
    bluez::bus::{Policy::Open, on_a_bus},
    virtual_device::advert::Endpoint,
};

use crate::table::{SOON, Table, until};

#[test]
fn a_connect_that_fails_is_named_and_closed() {
    on_a_bus(Open, async |bus| {
        let table = Table::new(&bus).await;
        let advert = table.hear().await;
        for words in ["le-connection-abort-by-local", "Software caused connection abort", "Host is down"] {
            table.bluez.faults().connects_fail.push_back(words);
            let before = table.bluez.calls("Disconnect").len();
            assert_eq!(table.radio.connect(&advert.address).await.map(drop), Err(RadioError::Gone), "{words}");
            assert_eq!(table.bluez.calls("Disconnect").len(), before + 1, "{words}: closed, so that the next try begins clean");
        }
        assert!(table.radio.connect(&advert.address).await.is_ok());
    });
}

#[test]
fn a_connect_that_nobody_waits_for_any_more_is_closed() {
    on_a_bus(Open, async |bus| {
        let table = Table::new(&bus).await;
        let advert = table.hear().await;
        table.bluez.faults().mute.insert("Connect");
        let given_up = tokio::time::timeout(Duration::from_millis(300), table.radio.connect(&advert.address)).await;
        assert!(given_up.is_err(), "nobody answered");
        until("the device has its link back", || !table.is_linked()).await;
        table.bluez.faults().mute.clear();
        table.link().await;
    });
}

#[test]
fn a_link_that_breaks_before_its_services_are_known_fails_at_once() {
    on_a_bus(Open, async |bus| {
        let table = Table::new(&bus).await;
        let advert = table.hear().await;
        table.bluez.faults().breaks_unresolved = true;
        let began = Instant::now();
        assert_eq!(table.radio.connect(&advert.address).await.map(drop), Err(RadioError::Gone));
        assert!(began.elapsed() < SOON, "not after the thirty seconds that btleplug would wait");
        assert!(!table.is_linked());
    });
}

#[test]
fn a_link_that_breaks_under_an_operation_is_gone_and_not_refused() {
    on_a_bus(Open, async |bus| {
        let table = Table::new(&bus).await;
        let link = table.known_link().await;
        {
            let mut device = table.fleet.slots[0].device();
            device.faults.drop_at = Some(device.operations() + 1);
        }
        assert_eq!(link.write(Endpoint::Version.uuid(), b"ESP").await, Err(RadioError::Gone));
        tokio::time::timeout(SOON, link.closed()).await.expect("the link says that it is over");
        assert_eq!(link.read(Endpoint::Version.uuid()).await, Err(RadioError::Gone));
        table.link().await;
    });
}

#[test]
fn an_operation_that_was_given_up_is_followed_by_no_other() {
    on_a_bus(Open, async |bus| {
        let table = Table::new(&bus).await;
        let link = table.known_link().await;
        table.fleet.slots[0].device().faults.silent = true;
        let given_up = tokio::time::timeout(Duration::from_millis(200), link.read(Endpoint::Version.uuid())).await;
        assert!(given_up.is_err(), "the device is silent");
        table.fleet.slots[0].device().faults.silent = false;
        let before = table.bluez.calls("ReadValue").len();
        assert_eq!(link.read(Endpoint::Version.uuid()).await, Err(RadioError::Gone), "its answer could be the one to the other");
        assert_eq!(table.bluez.calls("ReadValue").len(), before, "nothing went out");
        link.disconnect().await;
        assert!(!table.is_linked());
    });
}

#[test]
fn a_link_that_is_dropped_is_closed_once() {
    on_a_bus(Open, async |bus| {
        let table = Table::new(&bus).await;
        drop(table.link().await);
        until("the device has its link back", || !table.is_linked()).await;
        let link = table.link().await;
        let before = table.bluez.calls("Disconnect").len();
        link.disconnect().await;
        drop(link);
        let _next = table.link().await;
        tokio::time::sleep(Duration::from_millis(200)).await;
        assert_eq!(table.bluez.calls("Disconnect").len(), before + 1, "a second goodbye would have hit the next link");
    });
}

#[test]
fn a_disconnect_that_is_never_answered_ends_in_time() {
    on_a_bus(Open, async |bus| {
        let table = Table::new(&bus).await;
        let link = table.link().await;
        table.bluez.faults().mute.insert("Disconnect");
        tokio::time::timeout(SOON, link.disconnect()).await.expect("nobody waits for ever");
        tokio::time::timeout(SOON, link.closed()).await.expect("the link is over for us");
    });
}
