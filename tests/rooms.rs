//! Who may know whom (docs/ARCHITECTURE.md): the rooms keep their doors.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "in a test, a step that fails is a test that fails")]

use std::{collections::BTreeSet, fs, path::Path, process::Command};

use serde_json::Value;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// What cargo knows of this workspace.
fn workspace() -> Value {
    let output = Command::new(env!("CARGO")).args(["metadata", "--format-version=1", "--no-deps", "--offline"]).current_dir(ROOT).output().expect("cargo runs");
    assert!(output.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("cargo metadata is JSON")
}

/// The crates of this workspace that `package` depends on, in any way.
fn known_to(package: &str) -> BTreeSet<String> {
    let metadata = workspace();
    let packages = metadata["packages"].as_array().expect("packages");
    let package = packages.iter().find(|each| each["name"] == package).unwrap_or_else(|| panic!("the workspace has {package}"));
    let names = package["dependencies"].as_array().expect("dependencies").iter().filter_map(|dependency| dependency["name"].as_str());
    names.filter(|name| name.starts_with("omniot-")).map(str::to_owned).collect()
}

/// `cargo build` unites the features of all it builds: with the tests among them, the server would
/// come out with the leaks that they plant.
#[test]
fn a_plain_build_makes_a_server_without_seeded_leaks() {
    let metadata = workspace();
    let built = metadata["workspace_default_members"].as_array().expect("default members");
    let tests = built.iter().filter_map(Value::as_str).filter(|id| id.contains("omniot-tests") || id.contains("/tests#"));
    assert_eq!(tests.count(), 0, "the tests are not built by default: {built:?}");
    let server = metadata["packages"].as_array().expect("packages").iter().find(|each| each["name"] == "omniot-backend").expect("the server");
    assert_eq!(server["features"]["default"].as_array().map(Vec::len), None, "the server has no features by default");
}

#[test]
fn each_crate_knows_only_the_rooms_it_may() {
    for (package, may_know) in [
        ("omniot-shared", &[][..]),
        ("omniot-backend", &["omniot-shared"]),
        ("omniot-app", &["omniot-shared"]),
        ("omniot-firmware", &["omniot-shared"]),
        ("omniot-tests", &["omniot-app", "omniot-backend", "omniot-shared"]),
    ] {
        let may_know: BTreeSet<String> = may_know.iter().map(|&name| name.to_owned()).collect();
        let strangers: Vec<_> = known_to(package).difference(&may_know).cloned().collect();
        assert_eq!(strangers, Vec::<String>::new(), "{package} may not know these");
    }
}

/// Every line of the files under `folder` with one of the extensions, with its place.
fn lines(folder: &Path, extensions: &[&str], visit: &mut impl FnMut(&Path, &str)) {
    for entry in fs::read_dir(folder).unwrap_or_else(|why| panic!("{}: {why}", folder.display())) {
        let path = entry.expect("a readable folder").path();
        if path.is_dir() {
            lines(&path, extensions, visit);
        } else if path.extension().and_then(|extension| extension.to_str()).is_some_and(|extension| extensions.contains(&extension)) {
            fs::read_to_string(&path).expect("source is text").lines().for_each(|line| visit(&path, line));
        }
    }
}

/// Where, under `folder`, a line holds `forbidden` outside of the rooms that may.
fn places(folder: &str, extensions: &[&str], forbidden: &str, allowed: &[&str]) -> Vec<String> {
    let root = Path::new(ROOT).join(folder);
    let mut found = Vec::new();
    lines(&root, extensions, &mut |path, line| {
        let within = path.strip_prefix(&root).unwrap_or(path).to_string_lossy().replace('\\', "/");
        if line.contains(forbidden) && !allowed.iter().any(|room| within.starts_with(room)) {
            found.push(format!("{folder}/{within}: {}", line.trim()));
        }
    });
    found
}

#[test]
fn only_the_host_of_the_ui_knows_tauri() {
    assert_eq!(places("ui/src", &["ts", "svelte"], "@tauri-apps", &["lib/host/"]), Vec::<String>::new());
}

#[test]
fn only_the_shell_of_the_app_knows_tauri() {
    assert_eq!(places("src-tauri/src", &["rs"], "tauri::", &["shell/", "main.rs"]), Vec::<String>::new());
}
