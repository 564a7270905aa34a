//! Every operation × everybody who must not: the golden matrix, and no canary on the wire.

use omniot_backend::testing::App;
use omniot_tests::isolation::{Line, attack, matrix};

/// Operations that answer somebody who is not signed in with something other than 401.
/// This list may only shrink.
const PUBLIC: [&str; 8] = [
    "accept_invitation", "claim_device", "complete_password_reset", "create_device_challenge", "find_tenant_card", "lookup_invitation", "request_password_reset", "create_session",
];

fn golden() -> &'static str {
    include_str!("matrix.golden.txt")
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
    let open: Vec<&str> = golden().lines().skip(1).filter(|line| {
        let anonymous = line[28..].split("  ").next().unwrap_or_default();
        !anonymous.starts_with("401 not_signed_in")
    }).map(|line| line.split_whitespace().next().unwrap_or_default()).collect();
    for operation in open {
        assert!(PUBLIC.contains(&operation) || operation == "create_operator_session", "{operation} answers anybody");
    }
}

#[test]
fn a_suspended_tenant_is_refused_everywhere_it_would_be_served() {
    for line in golden().lines().skip(1) {
        let cells: Vec<&str> = (0..5).map(|n| line.get(28 + n * 24..).map_or("", |rest| &rest[..rest.len().min(24)]).trim()).collect();
        if cells[0] == "401 not_signed_in" && cells[2] != "401 not_signed_in" {
            assert_eq!(cells[4], "403 tenant_suspended", "{line}");
        }
    }
}
