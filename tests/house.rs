//! What would rot unseen: the measurements of `make bench`, the links of the documents, the tests that they name, and
//! what phones are told about Bluetooth.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "in a test, a step that fails is a test that fails")]

use std::{
    fs,
    path::{Path, PathBuf},
};

use omniot_backend::{db::Layout, testing::App};
use omniot_tests::bench::{self, Effort};

#[tokio::test(flavor = "multi_thread")]
async fn the_measurements_run() {
    let app = App::sqlite_with(Layout::FileEach).await;
    bench::measure(&app, Effort::GLANCE).await;
    bench::measure_sync(&app, Effort::GLANCE).await;
    bench::measure_commissioning(&app, Effort::GLANCE).await;
}

fn documents(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder").flatten() {
        let (path, name) = (entry.path(), entry.file_name());
        if path.is_dir() {
            if !["target", "node_modules", ".git", "data", "build", "output"].contains(&name.to_string_lossy().as_ref()) {
                documents(&path, found);
            }
        } else if path.extension().is_some_and(|extension| extension == "md") {
            found.push(path);
        }
    }
}

/// The targets of `[words](target)` and `![words](target)`.
fn links(text: &str) -> impl Iterator<Item = &str> {
    text.split("](").skip(1).filter_map(|rest| rest.split(')').next()).filter_map(|link| link.split('#').next())
}

#[test]
fn every_link_of_the_documents_leads_somewhere() {
    let mut found = Vec::new();
    documents(&Path::new(env!("CARGO_MANIFEST_DIR")).join(".."), &mut found);
    assert!(found.len() > 8, "README, docs/ and ui/DESIGN.md are among them: {found:?}");
    let mut dead = Vec::new();
    for document in &found {
        let text = fs::read_to_string(document).expect("a document");
        let beside = document.parent().expect("a folder");
        dead.extend(links(&text).filter(|link| !link.is_empty() && !link.contains("://") && !beside.join(link).exists()).map(|link| format!("{}: {link}", document.display())));
    }
    assert!(dead.is_empty(), "{dead:#?}");
}

/// The source texts under these folders.
fn sources(folder: &Path, found: &mut Vec<String>) {
    for entry in fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(fs::read_to_string(path).expect("a source"));
        }
    }
}

/// The names of all tests: functions that the attribute is on, and those that run on both engines.
fn tests_of(source: &str) -> Vec<String> {
    let function = |line: &str| {
        let line = line.trim_start();
        let name = line.strip_prefix("async fn ").or_else(|| line.strip_prefix("fn "))?;
        Some(name.split('(').next()?.to_owned())
    };
    let attributed = source.split("#[test]").skip(1).chain(source.split("#[tokio::test").skip(1)).filter_map(|rest| rest.lines().skip(1).find_map(function));
    let engines = source.split("on_both_engines!(").skip(1).filter_map(|rest| rest.split(')').next());
    attributed.chain(engines.flat_map(|names| names.split(',').map(|name| name.trim().to_owned()))).collect()
}

/// In these cases it is the app or the device that decides: whatever the server keeps its rows in.
const THE_APPS: [&str; 15] = [
    "many apps come back after an outage",
    "files of an attempt that goes out of sight",
    "many files, on a slow way",
    "something on the way says \"fine\" to a file",
    "the server gives no grants",
    "power goes in the middle of a claim",
    "a device says what nobody asked, or lies",
    "two devices have one name",
    "the app dies while the network is handed over, or with a write of a visit",
    "a tablet's clock is ahead without a network",
    "the password of the Wi-Fi is wrong",
    "a change that the app cannot read itself",
    "a visit or a commission that another version of the app kept",
    "the server refuses one change alone, again and again",
    "a slow way",
];

/// Those that run on both engines.
fn on_both_engines(source: &str) -> Vec<String> {
    let whole = source.split("#[tokio::test").skip(1).filter(|rest| rest.split("\n}\n").next().is_some_and(|body| body.contains("App::both()")));
    let twice = source.split("on_both_engines!(").skip(1).filter_map(|rest| rest.split(')').next());
    let named = whole.filter_map(|rest| rest.split("async fn ").nth(1)?.split('(').next());
    named.chain(twice.flat_map(|names| names.split(','))).map(|name| name.trim().to_owned()).collect()
}

#[test]
fn every_test_that_is_named_for_a_case_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let text = fs::read_to_string(root.join("docs/TESTING.md")).expect("docs/TESTING.md");
    let table = text.split("## Which test is for which case").nth(1).and_then(|rest| rest.split("\n## ").next()).expect("the table");
    let rows: Vec<&str> = table.lines().filter(|line| line.starts_with("| ")).skip(1).collect();
    assert!(rows.len() > 15, "the cases of docs/SYNC.md: {}", rows.len());
    let mut all = Vec::new();
    for folder in ["shared/src", "backend/src", "src-tauri/src", "tests"] {
        sources(&root.join(folder), &mut all);
    }
    let there: std::collections::HashSet<String> = all.iter().flat_map(|source| tests_of(source)).collect();
    let both: std::collections::HashSet<String> = all.iter().flat_map(|source| on_both_engines(source)).collect();
    let (mut missing, mut half) = (Vec::new(), Vec::new());
    for row in rows {
        let named: Vec<&str> = row.split('`').skip(1).step_by(2).collect();
        assert!(!named.is_empty(), "no test is named for: {row}");
        if !named.iter().any(|name| both.contains(*name)) {
            half.push(row.split('|').nth(1).unwrap_or_default().trim());
        }
        missing.extend(named.into_iter().filter(|name| !there.contains(*name)).map(|name| format!("{name} of: {row}")));
    }
    assert!(missing.is_empty(), "these tests are not there: {missing:#?}");
    assert_eq!(half, THE_APPS, "of each other case one test at least runs on both engines");
}

/// What a manifest declares for a level of Android's API.
fn declared(manifest: &str, level: u32) -> Vec<&str> {
    let permissions = manifest.split("<uses-permission ").skip(1).filter_map(|rest| rest.split("/>").next());
    let most = |element: &str| Some(element.split("android:maxSdkVersion=\"").nth(1)?.split('"').next()?.parse().expect("a level of the API"));
    let allowed = permissions.filter(|element| most(element).is_none_or(|most: u32| level <= most));
    allowed.filter_map(|element| element.split("android.permission.").nth(1)?.split('"').next()).collect()
}

#[test]
fn every_version_of_android_is_told_what_bluetooth_needs_and_no_more() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let manifest = fs::read_to_string(root.join("mobile/android/bluetooth.xml")).expect("the manifest");
    assert!(manifest.contains("BLUETOOTH_SCAN\" android:usesPermissionFlags=\"neverForLocation\""), "else a scan needs location on new phones too");
    for level in 24..=40 {
        let declared = declared(&manifest, level);
        let has = |name: &str| declared.contains(&name);
        assert!(has("BLUETOOTH_SCAN") && has("BLUETOOTH_CONNECT"), "{level}: {declared:?}");
        let old = ["BLUETOOTH", "BLUETOOTH_ADMIN", "ACCESS_COARSE_LOCATION", "ACCESS_FINE_LOCATION"];
        assert!(old.iter().all(|name| has(name) == (level <= 30)), "{level}: {declared:?}");
    }
}

#[test]
fn a_phone_is_told_that_labels_are_scanned_and_one_without_a_camera_is_not_shut_out() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let manifest = fs::read_to_string(root.join("mobile/android/camera.xml")).expect("the manifest");
    assert!((24..=40).all(|level| declared(&manifest, level) == ["CAMERA"]), "{manifest}");
    assert!(manifest.contains("android.hardware.camera\" android:required=\"false\""), "{manifest}");
    let reasons = fs::read_to_string(root.join("mobile/ios/permissions.plist")).expect("the property list");
    for key in ["NSBluetoothAlwaysUsageDescription", "NSCameraUsageDescription"] {
        let reason = reasons.split(&format!("<key>{key}</key>")).nth(1).and_then(|rest| rest.split("<string>").nth(1)?.split("</string>").next());
        assert!(reason.is_some_and(|reason| !reason.is_empty()), "iOS ends an app that uses it without {key}");
    }
}
