//! The `.proto` that device makers read and the derives that we run say the same.

use std::collections::BTreeMap;

/// Message name → (field name, type, number), or enum name → (value, "", number).
type Shape = BTreeMap<String, Vec<(String, String, u32)>>;

fn published() -> Shape {
    let mut shape = Shape::new();
    let mut inside = String::new();
    for line in include_str!("../../../proto/omniot_device.proto").lines() {
        let line = line.split("//").next().unwrap_or_default().trim();
        if let Some(name) = line.strip_prefix("message ").or_else(|| line.strip_prefix("enum ")) {
            inside = name.trim_end_matches('{').trim().to_owned();
            shape.insert(inside.clone(), Vec::new());
        } else if let Some((left, number)) = line.trim_end_matches(';').split_once(" = ")
            && !inside.is_empty()
        {
            let (kind, name) = left.rsplit_once(' ').unwrap_or(("", left));
            shape.get_mut(&inside).unwrap().push((name.to_lowercase(), kind.to_owned(), number.parse().unwrap()));
        } else if line == "}" {
            inside.clear();
        }
    }
    shape
}

fn derived() -> Shape {
    let mut shape = Shape::new();
    let (mut inside, mut attribute) = (String::new(), String::new());
    for line in include_str!("../messages.rs").lines().map(str::trim) {
        if let Some(name) = line.strip_prefix("pub struct ").or_else(|| line.strip_prefix("pub enum ")) {
            inside = name.trim_end_matches('{').trim().to_owned();
            shape.insert(inside.clone(), Vec::new());
        } else if let Some(rest) = line.strip_prefix("#[prost(") {
            attribute = rest.trim_end_matches(")]").to_owned();
        } else if let Some(field) = line.strip_prefix("pub ") {
            let (name, rust) = field.trim_end_matches(',').split_once(": ").unwrap();
            let (kind, tag) = attribute.rsplit_once(", tag = ").unwrap();
            let kind = match kind {
                "bytes = \"vec\"" => "bytes".to_owned(),
                "bytes = \"vec\", repeated" => "repeated bytes".to_owned(),
                "message, optional" => rust.trim_start_matches("Option<").trim_end_matches('>').to_owned(),
                other => other.trim_start_matches("enumeration = ").trim_matches('"').to_owned(),
            };
            shape.get_mut(&inside).unwrap().push((name.to_owned(), kind, tag.trim_matches('"').parse().unwrap()));
        } else if let Some((name, number)) = line.trim_end_matches(',').split_once(" = ")
            && number.chars().all(|c| c.is_ascii_digit())
        {
            let snake = name.char_indices().fold(String::new(), |mut text, (at, c)| {
                if at > 0 && c.is_uppercase() {
                    text.push('_');
                }
                text.push(c.to_ascii_lowercase());
                text
            });
            shape.get_mut(&inside).unwrap().push((snake, String::new(), number.parse().unwrap()));
        }
    }
    shape
}

#[test]
fn the_public_contract_and_the_code_name_the_same_fields_types_and_numbers() {
    let published = published();
    assert!(published.len() >= 12, "the contract was read: {published:?}");
    assert!(published["Grant"].contains(&("claim_key".into(), "bytes".into(), 10)), "{:?}", published["Grant"]);
    assert_eq!(published, derived());
}

#[test]
fn no_number_is_used_twice_in_one_message() {
    for (name, fields) in published() {
        let mut numbers: Vec<_> = fields.iter().map(|field| field.2).collect();
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len(), fields.len(), "{name}");
    }
}
