//! What would rot unseen: the measurements of `make bench`, and the links of the documents.

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
