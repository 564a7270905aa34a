//! Facts about the description of the API, and the guard over its snapshot.

use std::collections::BTreeSet;

use serde_json::Value;

fn description() -> Value {
    serde_json::to_value(super::description()).expect("a description")
}

fn operations(description: &Value) -> Vec<(String, String, &Value)> {
    let paths = description["paths"].as_object().expect("paths");
    paths.iter().flat_map(|(path, item)| item.as_object().expect("methods").iter().map(move |(method, operation)| (path.clone(), method.clone(), operation))).collect()
}

fn references<'d>(value: &'d Value, found: &mut BTreeSet<&'d str>) {
    match value {
        Value::Object(members) => {
            found.extend(members.get("$ref").and_then(Value::as_str));
            members.values().for_each(|member| references(member, found));
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, found)),
        _ => {}
    }
}

#[test]
fn the_snapshot_is_what_the_server_describes() {
    let snapshot = include_str!("../openapi.json");
    let now = super::description().to_pretty_json().expect("JSON");
    let differs = snapshot.trim_end().lines().zip(now.lines()).enumerate().find(|(_, (old, new))| old != new);
    let same = differs.is_none() && snapshot.trim_end().lines().count() == now.lines().count();
    assert!(same, "the API changed at {differs:?}: `omniot openapi > backend/openapi.json`, then `npm run api` in ui/");
}

#[test]
fn every_operation_has_a_name_of_its_own_and_says_what_it_is() {
    let description = description();
    let mut names = BTreeSet::new();
    for (path, method, operation) in operations(&description) {
        let name = operation["operationId"].as_str().unwrap_or_default();
        assert!(name.contains('_') && names.insert(name), "{method} {path} is called {name}: <verb>_<resource>, once");
        assert!(operation["summary"].as_str().is_some_and(|summary| !summary.is_empty()), "{name} has a doc comment");
        assert!(operation["responses"].as_object().is_some_and(|answers| answers.keys().any(|status| status.starts_with('2'))), "{name} says what it answers");
    }
    assert!(names.len() > 50, "{}", names.len());
}

#[test]
fn every_reference_leads_somewhere() {
    let description = description();
    let mut found = BTreeSet::new();
    references(&description, &mut found);
    for reference in found {
        let pointer = reference.trim_start_matches('#');
        assert!(description.pointer(pointer).is_some(), "{reference} leads nowhere");
    }
}

#[test]
fn every_body_refuses_what_it_does_not_know() {
    let description = description();
    for (path, method, operation) in operations(&description) {
        let Some(schema) = operation.pointer("/requestBody/content/application~1json/schema") else { continue };
        // One that may be left out is that or nothing.
        let schema = schema["oneOf"].as_array().and_then(|either| either.iter().find(|one| one["$ref"].is_string())).unwrap_or(schema);
        let schema = match schema["$ref"].as_str() {
            Some(reference) => description.pointer(reference.trim_start_matches('#')).expect("a schema"),
            None => schema,
        };
        let name = operation["operationId"].as_str().unwrap_or_default();
        // Sync messages keep what they do not know: older servers meet newer apps (SYNC.md, Schema).
        let open = path.starts_with("/v1/sync/");
        assert!(open || schema["additionalProperties"] == Value::Bool(false), "{method} {path} ({name}) takes unknown fields: #[serde(deny_unknown_fields)]");
    }
}
