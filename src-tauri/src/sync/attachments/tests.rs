//! Facts about when files go, of what the server is asked before, and what makes them wait.

use std::{
    path::Path,
    sync::{Arc, Mutex, atomic::{AtomicBool, Ordering}},
};

use omniot_shared::ids::SiteId;
use tempfile::TempDir;
use uuid::Uuid;

use super::*;
use crate::{store::rows, sync::testing::{account, attempt, file, refuses, says, server}};

const ATTEMPT: u128 = 1;

/// What was asked: how long the bodies were, in order.
type Asked = Arc<Mutex<Vec<usize>>>;

/// A server that has the attempt or has not, as it says of each file after so long.
async fn having(attempt: Arc<AtomicBool>, takes: Duration) -> (String, Asked) {
    let asked = Asked::default();
    let heard = asked.clone();
    let origin = server(takes, move |head, length| {
        heard.lock().unwrap().push(length);
        let name = head.split(' ').nth(1).and_then(|path| path.rsplit('/').next()).unwrap_or_default();
        match (attempt.load(Ordering::SeqCst), length) {
            (false, _) => refuses(404, "not_found"),
            (true, 0) => refuses(422, "hash_mismatch"),
            (true, _) => says(204, &format!("etag: \"{name}\"\r\n"), ""),
        }
    });
    (origin.await, asked)
}

/// An account with so many photos of the attempt, whose row is here or not.
fn with_photos(folder: &Path, origin: &str, photos: u8, is_here: bool) -> Arc<Account> {
    let account = account(folder, origin);
    if is_here {
        account.store.apply(|db| rows::put(db, &attempt(ATTEMPT, SiteId(Uuid::from_u128(3)), 7))).unwrap();
    }
    account.store.edit(|db| (1..=photos).try_for_each(|n| attachments::keep(db, &file(ATTEMPT, Kind::Photo, &[n; 9]), account.clock.now()).map(drop))).unwrap();
    account
}

async fn sends(account: &Account) {
    send(account, &account.server().unwrap()).await.unwrap();
}

fn count(account: &Account, state: &str) -> i64 {
    account.store.read(|db| Ok(db.query_row("select count(*) from attachment where state = ?1", [state], |row| row.get(0))?)).unwrap()
}

fn taken(asked: &Asked) -> Vec<usize> {
    std::mem::take(&mut *asked.lock().unwrap())
}

async fn is_woken(account: &Account) -> bool {
    tokio::time::timeout(Duration::from_millis(50), account.wake.notified()).await.is_ok()
}

async fn there(is_here: bool, photos: u8) -> (TempDir, Arc<Account>, Arc<AtomicBool>, Asked) {
    let (folder, has) = (tempfile::tempdir().unwrap(), Arc::new(AtomicBool::new(true)));
    let (origin, asked) = having(has.clone(), Duration::ZERO).await;
    let account = with_photos(folder.path(), &origin, photos, is_here);
    (folder, account, has, asked)
}

#[tokio::test]
async fn whoever_calls_is_served_before_the_next_file_and_the_others_follow() {
    let (_folder, account, _, asked) = there(true, 4).await;
    account.edited.notify_one();
    sends(&account).await;
    assert_eq!(taken(&asked), [9], "one went");
    assert!(is_woken(&account).await, "what was edited goes, and the files after it");
    wishes::wish(&account, |wishes| wishes.paused = true).await.unwrap();
    sends(&account).await;
    assert_eq!(taken(&asked), [9]);
    assert!(is_woken(&account).await, "and a wish is heard");
    sends(&account).await;
    assert_eq!((taken(&asked), count(&account, "waiting")), (vec![9, 9], 0));
    assert!(!is_woken(&account).await, "there is no more");
}

#[tokio::test(start_paused = true)]
async fn files_have_their_share_of_a_round_and_no_more() {
    let folder = tempfile::tempdir().unwrap();
    let (origin, asked) = having(Arc::new(AtomicBool::new(true)), Duration::from_secs(11)).await;
    let account = with_photos(folder.path(), &origin, 5, true);
    sends(&account).await;
    assert_eq!(taken(&asked).len(), 3, "of eleven seconds each");
    account.wake.notified().await;
    sends(&account).await;
    assert_eq!((taken(&asked).len(), count(&account, "waiting")), (2, 0), "the others go in the next one");
    assert!(!account.is_called(), "there is no more");
}

#[tokio::test]
async fn of_an_attempt_that_is_not_here_the_server_is_asked_before_anything_is_carried_there() {
    let (_folder, account, has, asked) = there(false, 2).await;
    has.store(false, Ordering::SeqCst);
    sends(&account).await;
    sends(&account).await;
    assert_eq!((taken(&asked), count(&account, "waiting")), (vec![0], 2), "it has none: both wait, and nothing is given up");
    account.store.note(|db| attachments::put_off_no_more(db, AttemptId(Uuid::from_u128(ATTEMPT)))).unwrap();
    has.store(true, Ordering::SeqCst);
    sends(&account).await;
    assert_eq!((taken(&asked), count(&account, "waiting")), (vec![0, 9, 9], 0), "asked once, it takes both");
    assert_eq!(count(&account, "sent"), 0, "and nothing of them stays where nobody sees the attempt");
}

#[tokio::test]
async fn a_photo_that_is_taken_away_while_the_server_is_asked_does_not_go_and_one_that_may_have_arrived_stays_so() {
    let (_folder, account, has, asked) = there(false, 1).await;
    let due = next(&account).await.unwrap().unwrap();
    account.store.edit(|db| Ok(db.execute("delete from attachment", [])?)).unwrap();
    has.store(true, Ordering::SeqCst);
    assert_eq!(carry(&account, &account.server().unwrap(), due, &mut HashSet::new()).await.unwrap(), Way::Open);
    assert_eq!(taken(&asked), [0], "asked for the attempt, and nothing was carried");

    let folder = tempfile::tempdir().unwrap();
    let account = with_photos(folder.path(), "http://127.0.0.1:1", 1, true);
    let tried = || account.store.read(|db| Ok(db.query_row("select tried from attachment", [], |row| row.get::<_, bool>(0))?)).unwrap();
    sends(&account).await;
    assert!(!tried(), "it never left");
    account.store.edit(|db| Ok(db.execute("update attachment set tried = 1, not_before = 0", [])?)).unwrap();
    sends(&account).await;
    assert!(tried(), "a try that never left says nothing of the one before");
}

#[tokio::test]
async fn what_was_given_up_goes_to_a_server_that_has_the_attempt_and_is_forgotten_where_that_has_none() {
    for is_there in [true, false] {
        let (_folder, account, has, asked) = there(false, 2).await;
        account.store.edit(|db| attachments::give_up(db, AttemptId(Uuid::from_u128(ATTEMPT)), account.clock.now())).unwrap();
        assert_eq!((count(&account, "given_up"), account.store.read(|db| attachments::unsent_evidence(db)).unwrap()), (2, 0));
        has.store(is_there, Ordering::SeqCst);
        sends(&account).await;
        let expected = if is_there { vec![0, 9, 9] } else { vec![0] };
        assert_eq!((taken(&asked), count(&account, "given_up"), count(&account, "waiting")), (expected, 0, 0));
        sends(&account).await;
        assert!(taken(&asked).is_empty(), "that was all");
    }
    // Its row is here by now: an administrator has accepted it.
    let (_folder, account, _, asked) = there(false, 2).await;
    account.store.edit(|db| attachments::give_up(db, AttemptId(Uuid::from_u128(ATTEMPT)), account.clock.now())).unwrap();
    account.store.apply(|db| rows::put(db, &attempt(ATTEMPT, SiteId(Uuid::from_u128(3)), 7))).unwrap();
    sends(&account).await;
    assert_eq!((taken(&asked), count(&account, "sent")), (vec![9, 9], 2));
    assert!(!is_woken(&account).await, "there is no more");

    let folder = tempfile::tempdir().unwrap();
    let account = with_photos(folder.path(), "http://127.0.0.1:1", 1, false);
    account.store.edit(|db| attachments::give_up(db, AttemptId(Uuid::from_u128(ATTEMPT)), account.clock.now())).unwrap();
    sends(&account).await;
    assert_eq!(count(&account, "given_up"), 1, "as long as nobody says");
}
