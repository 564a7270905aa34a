//! Facts about when an account synchronizes.

use super::{*, waiting::{MUTE, QUIET, SHORT_LIVED}};
use omniot_shared::{
    entities::{Device, DeviceState},
    ids::{DeviceId, ModelId},
    sync::{Row, Seq, SyncedRow},
    time::Millis,
};
use std::sync::atomic::{AtomicU32, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use uuid::Uuid;

use crate::{store::rows, sync::testing::account, transport::Unreachable};

fn driver(folder: &std::path::Path) -> Driver {
    driver_to(folder, "http://127.0.0.1:1")
}

fn driver_to(folder: &std::path::Path, server: &str) -> Driver {
    Driver { accounts: Weak::new(), account: account(folder, server), pokes: None, mute_until: None, short_lived: 0, greeted: None, tries: 0, used: None, met: None, requeued: None, no_pull_until: None, pace: Pace::default(), leaving: None, sent: None, handed: None }
}

async fn waited(driver: &mut Driver, pause: Pause) -> Duration {
    let before = Instant::now();
    driver.account.wake.notify_one();
    driver.wait(pause).await;
    before.elapsed()
}

#[tokio::test]
async fn an_edit_ends_a_pause_unless_the_server_asked_for_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut driver = driver(folder.path());
    let asked = driver.pause(&Trouble::Throttled(Some(Duration::from_secs(7))).into());
    assert!(asked.least >= Duration::from_secs(7) && asked.most >= asked.least, "{asked:?}");
    let own = driver.pause(&Trouble::Offline(Unreachable::NoConnection).into());
    assert_eq!(own.least, Duration::ZERO);
    let hour = Duration::from_secs(3600);
    assert!(waited(&mut driver, Pause::of(hour)).await < Duration::from_secs(5));
    let least = Duration::from_millis(300);
    assert!(waited(&mut driver, Pause { most: hour, least }).await >= least);
}

#[tokio::test]
async fn after_an_outage_a_hundred_apps_come_back_one_by_one_and_have_asked_little_meanwhile() {
    const OUTAGE: Duration = Duration::from_secs(600);
    let mut back = std::collections::BTreeMap::<u64, u32>::new();
    let folder = tempfile::tempdir().unwrap();
    let mut driver = driver(folder.path());
    for _ in 0..100 {
        driver.tries = 0;
        let (mut at, mut tries) = (Duration::ZERO, 0);
        while at < OUTAGE {
            at += driver.pause(&Trouble::Offline(Unreachable::NoConnection).into()).most;
            tries += 1;
        }
        assert!((10..=26).contains(&tries), "{tries} tries in ten minutes");
        *back.entry((at - OUTAGE).as_secs()).or_default() += 1;
    }
    assert!(back.keys().all(|second| *second < 60), "nobody waits for longer than a minute: {back:?}");
    assert!(back.values().all(|apps| *apps <= 15), "they come in the same second: {back:?}");
}

/// A server that lets the head of each answer out, if that, and then nothing; how often it was asked.
async fn behind_a_proxy_that_keeps_bodies_back(head: &'static str) -> (String, Arc<AtomicU32>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (origin, asked) = (format!("http://{}", listener.local_addr().unwrap()), Arc::new(AtomicU32::new(0)));
    let count = asked.clone();
    tokio::spawn(async move {
        let mut open = Vec::new();
        while let Ok((mut near, _)) = listener.accept().await {
            count.fetch_add(1, Ordering::SeqCst);
            let _ = near.read(&mut [0; 4096]).await;
            near.write_all(head.as_bytes()).await.unwrap();
            open.push(near);
        }
    });
    (origin, asked)
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_says_nothing_counts_as_none_and_rounds_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let (origin, asked) = behind_a_proxy_that_keeps_bodies_back("HTTP/1.1 200 OK\r\nx-request-id: 1\r\ncontent-type: text/event-stream\r\n\r\n").await;
    let mut driver = driver_to(folder.path(), &origin);
    driver.listen().await.unwrap();
    assert!(driver.pokes.is_some(), "it opens");
    driver.wait(Pause::of(IDLE)).await;
    let began = Instant::now();
    driver.wait(Pause::of(IDLE)).await;
    assert_eq!(began.elapsed().as_secs(), IDLE.as_secs(), "the next round comes by itself, not sooner");
    assert!(driver.pokes.is_none(), "and is no stream");
    driver.listen().await.unwrap();
    assert_eq!(asked.load(Ordering::SeqCst), 2, "pokes were asked for, in vain; it is not opened with each round");
    tokio::time::advance(MUTE).await;
    driver.listen().await.unwrap();
    assert_eq!(asked.load(Ordering::SeqCst), 3, "but now and then");
}

#[tokio::test(start_paused = true)]
async fn streams_that_end_as_soon_as_they_open_are_opened_ever_less_often_and_then_not_for_long() {
    let folder = tempfile::tempdir().unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    let (opened, asked) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
    let (streams, pokes) = (opened.clone(), asked.clone());
    tokio::spawn(async move {
        while let Ok((mut near, _)) = listener.accept().await {
            let mut request = [0; 4096];
            let length = near.read(&mut request).await.unwrap_or(0);
            let is_stream = request[..length].starts_with(b"GET /v1/sync/stream");
            if is_stream { &streams } else { &pokes }.fetch_add(1, Ordering::SeqCst);
            // A middlebox that passes on how the answer begins, and hangs up.
            let _ = near.write_all(b"HTTP/1.1 200 OK\r\nx-request-id: 1\r\ncontent-type: text/event-stream\r\n\r\n: hello\n\n").await;
        }
    });
    let mut driver = driver_to(folder.path(), &origin);
    let mut waits = Vec::new();
    while driver.mute_until.is_none() {
        driver.listen().await.unwrap();
        let _ = driver.account.is_called();
        driver.account.wake.notified().await;
        let before = Instant::now();
        driver.wait(Pause::of(QUIET)).await;
        waits.push(before.elapsed());
    }
    assert_eq!(opened.load(Ordering::SeqCst), SHORT_LIVED);
    assert!(waits[0] >= Duration::from_secs(1) && waits[1] >= 2 * Duration::from_secs(1) && waits[0] < waits[1], "{waits:?}");
    assert!(waits[2] < waits[0], "it is given up at once: {waits:?}");
    for _ in 0..3 {
        driver.listen().await.unwrap();
    }
    assert_eq!(opened.load(Ordering::SeqCst), SHORT_LIVED, "none is opened for a while");
    assert!(driver.pokes.as_ref().is_some_and(|pokes| !pokes.is_stream()), "pokes are asked for meanwhile");
    tokio::time::advance(MUTE).await;
    driver.listen().await.unwrap();
    assert_eq!(opened.load(Ordering::SeqCst), SHORT_LIVED + 1, "but now and then");
}

/// A server whose stream beats and has nothing to say; what else it was asked.
async fn where_nothing_happens() -> (String, Arc<AtomicU32>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (origin, asked) = (format!("http://{}", listener.local_addr().unwrap()), Arc::new(AtomicU32::new(0)));
    let count = asked.clone();
    tokio::spawn(async move {
        while let Ok((mut near, _)) = listener.accept().await {
            let mut request = [0; 4096];
            let length = near.read(&mut request).await.unwrap_or(0);
            if !request[..length].starts_with(b"GET /v1/sync/stream") {
                count.fetch_add(1, Ordering::SeqCst);
                continue;
            }
            tokio::spawn(async move {
                near.write_all(b"HTTP/1.1 200 OK\r\nx-request-id: 1\r\ncontent-type: text/event-stream\r\n\r\ndata: {\"seq\":0}\n\n").await.unwrap();
                while near.write_all(b": \n\n").await.is_ok() {
                    tokio::time::sleep(Duration::from_secs(25)).await;
                }
            });
        }
    });
    (origin, asked)
}

#[tokio::test(start_paused = true)]
async fn an_app_where_nothing_happens_asks_for_nothing_while_it_hears_the_server() {
    let folder = tempfile::tempdir().unwrap();
    let (origin, asked) = where_nothing_happens().await;
    let mut driver = driver_to(folder.path(), &origin);
    driver.listen().await.unwrap();
    driver.rest().await; // What was poked before it listened.
    let began = Instant::now();
    driver.rest().await;
    assert_eq!(began.elapsed().as_secs(), QUIET.as_secs(), "nothing wakes it");
    assert!(driver.pokes.is_some(), "it hears the server all the time");
    assert_eq!(asked.load(Ordering::SeqCst), 0, "and asks for nothing");
}

#[tokio::test(start_paused = true)]
async fn while_it_is_paused_news_wakes_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let (origin, _) = behind_a_proxy_that_keeps_bodies_back("HTTP/1.1 200 OK\r\nx-request-id: 1\r\ncontent-type: text/event-stream\r\n\r\ndata: {\"seq\":7}\n\n").await;
    let mut driver = driver_to(folder.path(), &origin);
    driver.listen().await.unwrap();
    driver.account.wake.notified().await;
    driver.pace.pulls = false;
    let began = Instant::now();
    driver.wait(Pause::of(Duration::from_secs(50))).await;
    assert_eq!(began.elapsed().as_secs(), 50);
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_does_not_even_open_holds_no_round_back_for_long() {
    let folder = tempfile::tempdir().unwrap();
    let (origin, asked) = behind_a_proxy_that_keeps_bodies_back("").await;
    let mut driver = driver_to(folder.path(), &origin);
    let began = Instant::now();
    for _ in 0..3 {
        driver.listen().await.unwrap();
    }
    assert_eq!(began.elapsed().as_secs(), 10);
    assert!(driver.pokes.as_ref().is_some_and(|pokes| !pokes.is_stream()), "pokes are asked for meanwhile");
    assert_eq!(asked.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn telemetry_that_hangs_holds_no_round_back() {
    let folder = tempfile::tempdir().unwrap();
    let (origin, asked) = behind_a_proxy_that_keeps_bodies_back("").await;
    let mut driver = driver_to(folder.path(), &origin);
    let account = Arc::clone(&driver.account);
    let device = Device {
        id: DeviceId(Uuid::from_u128(3)),
        serial: "A1".into(),
        name: "Pump".into(),
        model_id: ModelId(Uuid::from_u128(4)),
        site_id: None,
        note: None,
        state: DeviceState::Online,
        firmware: None,
        epoch: 1,
        created_at: Millis(1),
    };
    account.store.apply(|db| rows::put(db, &SyncedRow { seq: Seq(1), row: Row::Device(device.clone()) })).unwrap();
    let edit = async {
        while asked.load(Ordering::SeqCst) == 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        account.wake.notify_one();
    };
    let rested = tokio::time::timeout(Duration::from_secs(10), async { tokio::join!(driver.rest(), edit) });
    rested.await.expect("an edit ends it at once");
    driver.account.wake.notify_one();
    tokio::time::timeout(Duration::from_secs(10), driver.rest()).await.expect("again");
}

#[tokio::test]
async fn rows_that_cannot_be_taken_are_left_alone_and_the_person_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let mut driver = driver(folder.path());
    let _ = driver.pause(&Failure::Unfit { detail: "not the same".into(), fresh: true });
    assert!(driver.no_pull_until.is_some_and(|until| until > Instant::now() + Duration::from_secs(3600)));
    let status = driver.account.status.now();
    assert_eq!((status.state, status.error.map(|error| error.code)), (State::Stopped, Some("data_mismatch")));
    assert!(driver.round(Reason::Any).await.is_err(), "nobody answers");
    assert!(!driver.pace.pulls, "the next round does not pull");
    driver.account.wish_round();
    assert!(driver.round(Reason::Any).await.is_err());
    assert!(driver.pace.pulls, "unless somebody asks for it");
}
