//! Guards over the sources: who may open a scope, and migrations in step.

use std::{collections::BTreeSet, fs, path::{Path, PathBuf}};

pub(super) fn sources() -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                let text = fs::read_to_string(&path).expect("a source");
                found.push((path, text));
            }
        }
    }
    found
}

/// Sources that only tests compile.
pub(super) fn is_test(path: &Path) -> bool {
    let name = path.to_string_lossy();
    name.ends_with("/tests.rs") || name.contains("/tests/") || name.ends_with("/testing.rs") || name.ends_with("/leaks.rs")
}

#[test]
fn a_right_to_a_scope_is_made_only_where_the_list_says() {
    let allowed: &[(&str, &[&str])] = &[
        ("TenantAccess::for_request", &["http/caller.rs", "http/ticket.rs", "identity/own.rs"]),
        ("TenantAccess::for_device", &["commissioning/"]),
        ("TenantAccess::for_door", &["identity/visitor.rs", "tenancy/api.rs", "commissioning/"]),
        ("TenantAccess::for_job", &["tenancy/provision.rs", "console/api.rs", "console/tenants.rs", "cli/", "server/watch.rs", "db/mod.rs"]),
    ];
    for (path, text) in sources().iter().filter(|(path, _)| !is_test(path)) {
        for (maker, places) in allowed {
            let used = text.lines().any(|line| line.contains(maker) && !line.trim_start().starts_with("//"));
            let listed = places.iter().any(|place| path.to_string_lossy().contains(&format!("/src/{place}")));
            assert!(!used || listed, "{} uses {maker}: who opens scopes is a short list, extend it only knowingly", path.display());
        }
    }
}

#[test]
fn a_route_is_served_only_through_its_description() {
    // What the isolation matrix attacks comes from the description; these are not of tenants.
    let allowed = ["lib.rs", "server/internal.rs", "server/ui.rs"];
    for (path, text) in sources().iter().filter(|(path, _)| !is_test(path)) {
        let plain = text.split("#[cfg(test)]").next().unwrap_or_default();
        let used = [".route(", ".nest_service(", ".fallback_service(", ".route_service("].iter().any(|way| plain.contains(way));
        let listed = allowed.iter().any(|place| path.to_string_lossy().ends_with(&format!("/src/{place}")));
        assert!(!used || listed, "{} serves a route that stands in no description: use routes!", path.display());
    }
    let edge = sources().into_iter().find(|(path, _)| path.ends_with("src/lib.rs")).expect("the edge").1;
    assert_eq!(edge.matches(".route(").count(), 1, "the description itself is the only route without one");
}

#[test]
fn both_engines_have_the_same_migrations() {
    for kind in ["tenant", "control"] {
        let names = |engine: &str| -> BTreeSet<String> {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations").join(engine).join(kind);
            fs::read_dir(folder).expect("migrations").map(|entry| entry.expect("a file").file_name().to_string_lossy().into_owned()).collect()
        };
        assert_eq!(names("sqlite"), names("postgres"), "{kind}");
    }
}

#[test]
fn every_table_of_a_tenant_is_strict_and_begins_with_its_tenant_on_sqlite() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations/sqlite/tenant");
    for entry in fs::read_dir(folder).expect("migrations") {
        let path = entry.expect("a file").path();
        let text = fs::read_to_string(&path).expect("a migration");
        for table in text.split("create table ").skip(1) {
            let name = table.split_whitespace().next().unwrap_or_default();
            let end = table.find("\n)").unwrap_or(table.len());
            assert!(table[end..].lines().nth(1).is_some_and(|line| line.contains("strict")), "{name} in {} is STRICT", path.display());
            let first = table.lines().nth(1).unwrap_or_default().trim();
            assert!(first.starts_with("tenant_id blob not null"), "{name} begins with tenant_id, not {first}");
            for line in table[..end].lines().map(str::trim).filter(|line| line.starts_with("primary key") || line.starts_with("unique") || line.starts_with("foreign key")) {
                assert!(line.contains("(tenant_id"), "{name}: {line}");
            }
        }
        for index in text.replace("drop index ", "").split("index ").skip(1).filter(|index| index.contains(" on ") && !index.starts_with("on")) {
            let columns = index.split_once('(').map(|(_, rest)| rest).unwrap_or_default();
            assert!(columns.starts_with("tenant_id"), "an index in {} begins with tenant_id: {}", path.display(), index.lines().next().unwrap_or_default());
        }
    }
}
