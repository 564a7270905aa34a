//! Facts about what stays of what a person may not see any more.

use std::{fs, path::Path, sync::Arc};

use omniot_shared::{
    attachment::Kind,
    ids::{AttemptId, SiteId},
    sync::{
        Checksum, Seq, Table,
        client::Step,
        rows::Scope,
        wire::{Begin, Departure, Gone},
    },
    time::Millis,
};
use uuid::Uuid;

use super::*;
use crate::{
    store::attachments::Fate,
    sync::testing::{account, attempt, file},
};

const DEPOT: SiteId = SiteId(Uuid::from_u128(10));
const YARD: SiteId = SiteId(Uuid::from_u128(11));

/// Whether that word stands in the replica or its log.
fn is_readable(folder: &Path, word: &str) -> bool {
    ["replica.db", "replica.db-wal"].iter().any(|name| {
        fs::read(folder.join(name)).is_ok_and(|bytes| bytes.windows(word.len()).any(|window| window == word.as_bytes()))
    })
}

async fn pulled(account: &Account, begin: Begin, change: Frame, checksum: Checksum) {
    let mut pull = account.store.read(|db| Pull::begin(&Open(db))).unwrap();
    let checkpoint = Checkpoint { scope: Scope::Tenant, seq: begin.to, checksum, own: None };
    for frame in [Frame::Begin(begin), change] {
        assert_eq!(pull.take(frame).unwrap(), Step::More);
    }
    assert!(publish(account, pull, checkpoint, false).await.unwrap());
}

fn begin(from: i64, to: i64) -> Begin {
    Begin { scope: Scope::Tenant, scopes: Sight::All, epoch: 1, from: Seq(from), to: Seq(to), fresh: from == 0, server_time: Millis(0) }
}

/// Attempts at two sites, of each a file of every kind that the server has, and a photo that it has not.
async fn worked_at_two_sites(folder: &Path) -> Arc<Account> {
    let account = account(folder, "http://127.0.0.1:1");
    let rows = vec![attempt(1, DEPOT, 6), attempt(2, YARD, 7)];
    let checksum = Checksum::of(rows.iter().map(|row| (row.row.key(), row.seq)));
    pulled(&account, begin(0, 7), Frame::Rows(rows), checksum).await;
    for (n, site) in [(1, "depot"), (2, "yard")] {
        for kind in [Kind::Photo, Kind::Trace, Kind::Checks] {
            // Larger than a page, so that it has pages of its own.
            let content = format!("{} of the {site} ", kind.name()).repeat(600);
            account.store.edit(|db| attachments::keep(db, &file(n, kind, content.as_bytes()), Millis(1))).unwrap();
            let due = account.store.read(|db| attachments::due(db, attachments::Barred::default(), Millis(2))).unwrap().unwrap();
            account.store.note(|db| attachments::settle(db, &due, Fate::Sent)).unwrap();
        }
        account.store.edit(|db| attachments::keep(db, &file(n, Kind::Photo, format!("unsent of the {site}").as_bytes()), Millis(1)).and_then(|address| {
            // Not the next one that is due.
            db.execute("update attachment set not_before = 1000 where sha256 = ?1", [address.0])?;
            Ok(())
        })).unwrap();
    }
    assert!(WORDS.iter().all(|word| is_readable(folder, word)), "the test sees what it looks for");
    account
}

const WORDS: [&str; 3] = ["photo of the depot", "trace of the depot", "checks of the depot"];

fn only_the_depot_is_gone(folder: &Path) {
    for word in WORDS {
        assert!(!is_readable(folder, word), "10: a {word} is readable in the replica");
        assert!(is_readable(folder, &word.replace("depot", "yard")), "what is in sight stays");
    }
    assert!(is_readable(folder, "unsent of the depot"), "and so does evidence that nobody else has");
}

#[tokio::test]
async fn files_of_a_site_that_is_taken_away_are_readable_no_more_whatever_becomes_of_the_round() {
    let folder = tempfile::tempdir().unwrap();
    let account = worked_at_two_sites(folder.path()).await;
    narrow(&account, Sight::Sites([YARD].into())).await.unwrap();
    only_the_depot_is_gone(folder.path());
}

#[tokio::test]
async fn files_of_an_attempt_that_moves_out_of_sight_go_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let account = worked_at_two_sites(folder.path()).await;
    let gone = Gone { table: Table::Attempt, id: AttemptId(Uuid::from_u128(1)).0, seq: Seq(8), why: Departure::LeftScope };
    let row = attempt(2, YARD, 7);
    pulled(&account, begin(7, 8), Frame::Gone(vec![gone]), Checksum::of([(row.row.key(), row.seq)])).await;
    only_the_depot_is_gone(folder.path());
}
