//! Every operation × everybody who must not: the golden matrix, and no canary on the wire.

#![allow(clippy::expect_used, clippy::unwrap_used, reason = "in a test, a step that fails is a test that fails")]

use omniot_backend::testing::App;
use omniot_tests::isolation::{CALLERS, Line, PUBLIC, attack, matrix};

fn golden() -> &'static str {
    include_str!("matrix.golden.txt")
}

/// The golden matrix: an operation and its cells.
fn rows() -> Vec<(&'static str, Vec<&'static str>)> {
    golden().lines().skip(1).map(|line| {
        let cells = (0..CALLERS.len()).map(|n| line.get(28 + n * 23..).map_or("", |rest| &rest[..rest.len().min(23)]).trim()).collect();
        (line[..28].trim(), cells)
    }).collect()
}

fn check(engine: &str, lines: &[Line]) {
    let now = matrix(lines);
    if now != golden() {
        let path = std::env::temp_dir().join(format!("matrix.{engine}.txt"));
        std::fs::write(&path, &now).expect("the matrix can be written");
        panic!("who is answered what has changed on {engine}: compare {} with tests/isolation/matrix.golden.txt, read each difference, then copy it over\n{now}", path.display());
    }
}

#[tokio::test]
async fn nobody_crosses_the_boundary_and_the_matrix_is_the_golden_one() {
    for app in App::both().await {
        let (lines, findings) = attack(&app).await;
        assert!(findings.is_empty(), "on {}: {findings:#?}", app.engine);
        check(app.engine, &lines);
    }
}

#[test]
fn the_list_of_public_operations_only_shrinks() {
    let open: Vec<&str> = rows().into_iter().filter(|(_, cells)| cells[0] != "401 not_signed_in").map(|(operation, _)| operation).collect();
    assert_eq!(open, PUBLIC, "what answers anybody");
}

#[test]
fn the_description_says_which_operations_are_public() {
    let description = serde_json::to_value(omniot_backend::description()).expect("JSON");
    let operations = description["paths"].as_object().expect("paths").values().flat_map(|item| item.as_object().expect("methods").values());
    let mut open: Vec<&str> = operations.filter(|operation| operation["security"].is_null()).filter_map(|operation| operation["operationId"].as_str()).collect();
    open.sort_unstable();
    assert_eq!(open, PUBLIC);
}

#[test]
fn a_suspended_tenant_is_refused_everywhere_it_would_be_served() {
    for (operation, cells) in rows() {
        let served = cells[3..6].iter().any(|cell| *cell != "401 not_signed_in");
        // Whoever was signed in may go away.
        if cells[0] == "401 not_signed_in" && served && operation != "end_current_session" {
            assert_eq!(cells[6], "403 tenant_suspended", "{operation}");
        }
    }
}
