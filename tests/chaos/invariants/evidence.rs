//! 9 isolation, 13 evidence, and the chain of the audit log.

use std::{collections::BTreeMap, fs, path::Path};

use omniot_shared::{
    entities::Attempt,
    sync::{Row, RowKey, SyncedRow, intent::Change},
    time::{Clock as _, SystemClock},
};

use super::intents::Known;
use crate::cast::{CANARY, Cast, Hand};

/// What ended longer ago was not of this run: the demo's own attempts are of yesterday.
const THIS_RUN_MS: i64 = 3_600_000;

/// 13 Evidence: every attempt that was accepted stands at the server as it was recorded, and no other does.
pub fn attempts_are_whole(all: &[Known<'_>], rows: &BTreeMap<RowKey, SyncedRow>) -> Vec<String> {
    let mut found = Vec::new();
    let mut kept: BTreeMap<String, &Attempt> = BTreeMap::new();
    for synced in rows.values() {
        if let Row::Attempt(attempt) = &synced.row
            && SystemClock.now().since(attempt.ended_at) < THIS_RUN_MS
        {
            kept.insert(attempt.id.to_string(), attempt);
        }
    }
    for known in all {
        for entry in &known.entries {
            let Change::AttemptRecord(made) = &entry.intent.change else { continue };
            let stands = kept.remove(made.id.to_string().as_str());
            if stands != Some(made) {
                found.push(format!("13: {} recorded {made:?}, and the server has {stands:?}", known.hand.name));
            }
        }
    }
    found.extend(kept.keys().map(|id| format!("13: nobody recorded {id}")));
    found
}

/// 9 Isolation: what only the neighbour's rows say was never on these apps' wires, and is in none of their files.
pub fn neighbours_are_unseen(hands: &[Hand]) -> Vec<String> {
    let mut found = Vec::new();
    for hand in hands {
        let heard = hand.relay.heard();
        if !heard.iter().any(|body| body.contains("Machine room")) {
            found.push(format!("9: what {} was sent cannot be read: not even its own rows are in it", hand.name));
        }
        found.extend(heard.iter().filter(|body| body.contains(CANARY)).map(|body| format!("9: {} was sent {body}", hand.name)));
        found.extend(files_with(hand.phone.folder(), CANARY).into_iter().map(|file| format!("9: {} has the neighbour's rows in {file}", hand.name)));
    }
    found
}

fn files_with(folder: &Path, words: &str) -> Vec<String> {
    let (mut folders, mut found) = (vec![folder.to_owned()], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder").flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if fs::read(&path).is_ok_and(|bytes| bytes.windows(words.len()).any(|window| window == words.as_bytes())) {
                found.push(path.display().to_string());
            }
        }
    }
    found
}

/// Nobody has rewritten what happened.
pub async fn audit_chains_verify(cast: &Cast) -> Vec<String> {
    let mut found = Vec::new();
    for tenant in ["northlift", "verdant"] {
        let output = cast.world.server.omniot(&["audit", "verify", tenant]).await;
        if !output.status.success() {
            found.push(format!("3: omniot audit verify {tenant}: {}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr)));
        }
    }
    found
}
