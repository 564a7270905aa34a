//! A disk that is really full.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::Command,
};

use omniot_tests::{on_both_engines, world::{World, did_not_run, eventually}};
use reqwest::Method;
use serde_json::{Value, json};

use crate::{checks::{checks, interrupted_at, takes_this}, person::{Person, folder, succeeded}, sights::is_readable_in};

/// Stands in what only those see who work at the site that is taken away.
const CANARY: &str = "canary-of-the-full-disk ";

/// A file system of its own, as large as an account's reserve and a little more; unmounted with its value.
struct SmallDisk(PathBuf);

impl SmallDisk {
    /// `None`, said aloud, where this user may not mount one.
    fn mounted(at: PathBuf) -> Option<Self> {
        fs::create_dir_all(&at).expect("a folder");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=24m,mode=0700", "omniot-small-disk"]).arg(&at).output();
        if mounted.as_ref().is_ok_and(|output| output.status.success()) {
            return Some(Self(at));
        }
        did_not_run("a full disk", &format!("a small file system cannot be mounted here (it takes root): {mounted:?}"));
        None
    }

    /// Writes until nothing more fits.
    fn fill(&self) -> PathBuf {
        let path = self.0.join("filler");
        let mut file = fs::File::create(&path).expect("a file");
        while file.write_all(&[0; 4096]).is_ok() {}
        while file.write_all(&[0]).is_ok() {}
        path
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").args(["-l"]).arg(&self.0).status();
    }
}

fn reserve(data: &Path) -> bool {
    let accounts = fs::read_dir(data.join("accounts")).expect("there is an account");
    accounts.flatten().any(|account| account.path().join("reserve").exists())
}

async fn on_a_full_disk_the_app_opens_and_saves_what_a_person_does(world: World) {
    let Some(disk) = SmallDisk::mounted(folder(&world, "disk")) else { return };
    let (tenant, data) = (world.tenant("northlift"), disk.0.join("app"));
    let person = Person::signed_in(&data, &world.network.origin(), tenant, "operator").await;
    world.network.cut();
    person.offline().await;
    assert!(reserve(&data));
    let filler = disk.fill();
    let full = |n: usize| json!({"name": format!("Full {n:03}"), "note": "x".repeat(1_900), "time_zone": "UTC"});
    for n in 0..20 {
        succeeded(person.ask("POST", "/v1/sites", full(n)).await);
    }
    assert!(!reserve(&data), "the reserved room was needed");
    let more = disk.fill();
    let mut saved = 20;
    let refused = loop {
        let reply = person.ask("POST", "/v1/sites", full(saved)).await;
        if reply.status != 201 {
            break reply;
        }
        saved += 1;
        assert!(saved < 150, "a disk without room takes everything");
    };
    assert_eq!((refused.status, refused.code()), (507, Some("disk_full")), "{}", refused.body);
    let here = async |person: &Person| person.items("/v1/sites?q=Full&limit=200").await.len();
    assert_eq!((here(&person).await, &person.get("/app/sync").await["pending"]), (saved, &json!(saved)));

    let person = person.reopens().await;
    let accounts = person.items("/app/accounts").await;
    assert_eq!(accounts.len(), 1, "the app opens and the account is there");
    assert_eq!((here(&person).await, &person.get("/app/sync").await["pending"]), (saved, &json!(saved)), "on a disk that is full still");
    fs::remove_file(&filler).expect("room is made");
    let _ = fs::remove_file(&more);
    world.network.restore();
    person.sync_now().await;
    let sync = person.synced().await;
    assert_eq!(sync["error"], Value::Null, "{sync}");
    let there = tenant.viewer().await.all("/v1/sites?q=Full").await;
    let mut names: Vec<_> = there.iter().map(|site| site["name"].as_str().unwrap().to_owned()).collect();
    names.sort();
    assert_eq!(names, (0..saved).map(|n| format!("Full {n:03}")).collect::<Vec<_>>());
    succeeded(person.ask("POST", "/v1/sites", full(saved)).await);
    person.until("the room is reserved again", |_| reserve(&data)).await;
    person.close().await;
}

async fn pulled_rows_do_not_eat_the_room_of_local_edits(world: World) {
    let Some(disk) = SmallDisk::mounted(folder(&world, "disk")) else { return };
    let (tenant, data) = (world.tenant("northlift"), disk.0.join("app"));
    let person = Person::signed_in(&data, &world.network.origin(), tenant, "operator").await;
    let filler = disk.fill();
    let staff = tenant.operator().await;
    let noise = || (0..110).map(|_| hex::encode(rand::random::<[u8; 8]>())).collect::<String>();
    for n in 0..400 {
        let _ = staff.post("/v1/sites", json!({"name": format!("Pulled {n}"), "note": noise(), "time_zone": "UTC"})).await.succeeded();
    }
    let sync = person.until("the disk is too full for what the server sends", |sync| sync["error"]["code"] == "disk_full").await;
    assert_eq!(sync["state"], "stopped", "{sync}");
    for n in 0..20 {
        succeeded(person.ask("POST", "/v1/sites", json!({"name": format!("Mine {n}"), "time_zone": "UTC"})).await);
    }
    fs::remove_file(&filler).expect("room is made");
    person.sync_now().await;
    person.synced().await;
    assert_eq!(person.items("/v1/sites?q=Pulled&limit=200").await.len(), 200);
    person.close().await;
}

async fn on_a_full_disk_telemetry_goes_before_the_reserved_room(world: World) {
    let Some(disk) = SmallDisk::mounted(folder(&world, "disk")) else { return };
    let (tenant, data) = (world.tenant("northlift"), disk.0.join("app"));
    let person = Person::signed_in(&data, &world.network.origin(), tenant, "operator").await;
    let telemetry = || fs::read_dir(data.join("accounts")).expect("there is an account").flatten().any(|account| account.path().join("telemetry.db").exists());
    person.until("the app has fetched what devices measured", |_| telemetry()).await;
    world.network.cut();
    person.offline().await;
    disk.fill();
    for n in 0..200 {
        succeeded(person.ask("POST", "/v1/sites", json!({"name": format!("Full {n}"), "note": "x".repeat(1_900), "time_zone": "UTC"})).await);
        if !telemetry() {
            break;
        }
    }
    assert!(!telemetry() && reserve(&data), "what can be fetched again goes first");
    person.close().await;
}

async fn what_a_person_may_not_see_any_more_leaves_the_file_on_a_full_disk_too(world: World) {
    let Some(disk) = SmallDisk::mounted(folder(&world, "disk")) else { return };
    let (tenant, data) = (world.tenant("northlift"), disk.0.join("app"));
    let (admin, technician) = (tenant.admin().await, tenant.technician().await);
    let site = async |name: &str, note: String| admin.post("/v1/sites", json!({"name": name, "note": note, "time_zone": "UTC"})).await.succeeded()["id"].clone();
    let depot = site("Depot", CANARY.repeat(20)).await;
    let mut sites = vec![];
    for n in 0..400 {
        sites.push(site(&format!("Yard {n}"), (0..110).map(|_| hex::encode(rand::random::<[u8; 8]>())).collect()).await);
    }
    let me = technician.get("/v1/me").await.succeeded()["person"]["id"].as_str().unwrap().to_owned();
    let path = format!("/v1/people/{me}/sites");
    let show = |sites: Value| admin.send(Method::PUT, &path, Some(json!({"sites": sites})));
    let yards = json!(sites);
    sites.push(depot);
    show(json!(sites)).await.succeeded();
    let person = Person::signed_in(&data, &world.network.origin(), tenant, "technician").await;
    assert!(is_readable_in(&data, CANARY), "the test sees what it looks for");
    world.network.cut();
    person.offline().await;
    show(yards).await.succeeded();
    // Enough for what is noted, and too little for the whole file once more.
    let filler = disk.fill();
    let room = fs::metadata(&filler).expect("the filler").len() - 400_000;
    fs::File::options().write(true).open(&filler).and_then(|file| file.set_len(room)).expect("a little room");
    world.network.restore();
    person.sync_now().await;
    person.until("the person sees less", |sync| sync["sites"] == 400).await;
    eventually("10: a row that was taken away is readable in no file", || async { (!is_readable_in(&data, CANARY)).then_some(()) }).await;
    person.close().await;
}

async fn files_that_are_sent_make_the_room_that_a_pull_needs(world: World) {
    let Some(disk) = SmallDisk::mounted(folder(&world, "disk")) else { return };
    let (tenant, data) = (world.tenant("northlift"), disk.0.join("app"));
    let person = Person::signed_in(&data, &world.network.origin(), tenant, "technician").await;
    world.network.cut();
    person.offline().await;
    let (person, attempt) = interrupted_at(person, &data, &json!({})).await;
    for n in 0..20_u8 {
        takes_this(&person, &attempt, &[b"\x89PNG\r\n\x1a\n".as_slice(), &vec![n; 500_000]].concat()).await;
    }
    assert!(!reserve(&data), "the reserved room was needed for them");
    let site = tenant.operator().await.post("/v1/sites", json!({"name": "Made elsewhere", "time_zone": "UTC"})).await.succeeded();
    world.network.restore();
    person.sync_now().await;
    person.synced().await;
    person.get(&format!("/v1/sites/{}", site["id"].as_str().unwrap())).await;
    let there = tenant.viewer().await.get(&format!("/v1/attempts/{attempt}/checks")).await.succeeded();
    assert_eq!(there["photos"].as_array().map(Vec::len), Some(20));
    let shown = person.get(&checks(&attempt)).await;
    assert!(shown["photos"].as_array().unwrap().iter().all(|photo| photo["state"] == "sent"), "they stay known: {shown}");
    person.until("the room is reserved again", |_| reserve(&data)).await;
    person.close().await;
}

on_both_engines!(files_that_are_sent_make_the_room_that_a_pull_needs);
on_both_engines!(what_a_person_may_not_see_any_more_leaves_the_file_on_a_full_disk_too);
on_both_engines!(on_a_full_disk_telemetry_goes_before_the_reserved_room, on_a_full_disk_the_app_opens_and_saves_what_a_person_does, pulled_rows_do_not_eat_the_room_of_local_edits);
