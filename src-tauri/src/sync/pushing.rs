//! Pushing the outbox, and new names for replicas that turn out to be copies.
//!
//! Deliberately not here: pulling (`round`), and what receipts do (the core).

use std::time::Duration;

use omniot_shared::{
    ids::{ClientId, IntentId},
    sync::{
        Code, Refusal, Seq,
        client,
        wire::{MAX_PUSH_INTENTS, PushRequest, PushResponse},
    },
};
use reqwest::Method;
use tokio::time::Instant;

use super::{Failure, on, round::{hello, tell_data, value}};
use crate::{
    accounts::Account,
    chance,
    events::Event,
    store::{attachments, grants, replica::Open},
    transport::{Server, Trouble, Unreachable},
};

/// What came of one push.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pushed {
    /// Nothing waits, or what waits has to wait.
    Nothing,
    /// All of it was taken; the tenant stood there then.
    Taken(Seq),
    /// Something changed, and there may be more to push.
    More,
}

/// When a change that does not get through alone is set aside: after so many tries, over no less than this, since whatever
/// is wrong may be mended by then.
#[derive(Debug, Clone, Copy)]
struct Patience {
    tries: u32,
    time: Duration,
}

/// The server refuses it without a word about it.
const REFUSED: Patience = Patience { tries: 5, time: Duration::from_secs(15 * 60) };
/// Something else answers, or the server stumbles over it, while greetings get through.
const HINDERED: Patience = Patience { tries: 10, time: Duration::from_secs(2 * 3600) };

/// How many changes go in one push: fewer where so many did not get through, more again when they do.
#[derive(Debug, Clone, Copy)]
pub struct Batch {
    most: usize,
    /// The change that is refused alone, since when, and how often it was tried.
    stuck: Option<(IntentId, Instant, u32)>,
}

impl Default for Batch {
    fn default() -> Self {
        Self { most: MAX_PUSH_INTENTS, stuck: None }
    }
}

impl Batch {
    fn got_through(&mut self) {
        *self = Self { most: (self.most * 2).min(MAX_PUSH_INTENTS), stuck: None };
    }

    const fn halve(&mut self, sent: usize) {
        self.most = if sent > 1 { sent / 2 } else { 1 };
    }

    /// Takes note that a change did not get through alone. Whether that was often and long enough.
    fn is_stuck(&mut self, intent: IntentId, now: Instant, patience: Patience) -> bool {
        let (since, tries) = self.stuck.filter(|(stuck, ..)| *stuck == intent).map_or((now, 1), |(_, since, tries)| (since, tries + 1));
        self.stuck = Some((intent, since, tries));
        tries >= patience.tries && now.duration_since(since) >= patience.time
    }
}

/// Whether fewer changes may get through: the way is too slow for so many, breaks before they are over, or somebody
/// stumbles over one of them.
const fn is_hindered(trouble: &Trouble) -> bool {
    matches!(trouble, Trouble::Offline(_) | Trouble::Refused { status: 500, .. })
}

/// Whether one change alone may be what it is about. A way that is slow, broken or gone lets none through.
const fn is_about_it(trouble: &Trouble) -> bool {
    matches!(trouble, Trouble::Offline(Unreachable::SomebodyElse) | Trouble::Refused { status: 500, .. })
}

/// Pushes one batch. After each trouble a greeting comes first, so whoever comes here once more has heard the server.
pub(super) async fn push(account: &Account, server: &Server, batch: &mut Batch) -> Result<Pushed, Failure> {
    let (now, limit) = (account.clock.moment(), batch.most);
    let next: Option<PushRequest> = on(account, move |store| store.read(|db| client::next_push_of(&Open(db), now, limit))).await?;
    let Some(request) = next else { return Ok(Pushed::Nothing) };
    let sent = request.intents.len();
    match server.fetch::<PushResponse>(Method::POST, "/v1/sync/push", Some(&value(&request)?)).await {
        Ok(answer) => {
            batch.got_through();
            take_receipts(account, answer).await
        }
        Err(Trouble::Refused { code, .. }) if code == "client_forked" => rename(account, Rename::Fork).await.map(|()| Pushed::More),
        // Put back since the last greeting, or numbers are forgotten that it had given receipts for: the greeting tells.
        Err(Trouble::Refused { code, .. }) if matches!(code.as_str(), "sequence_gap" | "other_epoch") => hello(account, server).await.map(|_| Pushed::More),
        Err(Trouble::Refused { status: 413 | 422, detail, .. }) if sent == 1 => set_aside(account, &request, Refusal::new(Code::Malformed, detail)).await.map(|()| Pushed::More),
        Err(trouble @ Trouble::Refused { status: 400..500, .. }) if sent > 1 => {
            batch.halve(sent);
            tracing::warn!(%trouble, most = batch.most, "a push was refused as a whole; fewer changes are sent at once");
            Ok(Pushed::More)
        }
        Err(Trouble::Refused { status: 400..500, detail, .. }) if batch.is_stuck(request.intents[0].id, Instant::now(), REFUSED) => {
            set_aside(account, &request, Refusal::new(Code::Malformed, detail)).await.map(|()| Pushed::More)
        }
        // Whether it arrived is not known; where it did, its number is taken, and this replica takes another name.
        Err(trouble) if sent == 1 && is_about_it(&trouble) && batch.is_stuck(request.intents[0].id, Instant::now(), HINDERED) => {
            set_aside(account, &request, Refusal::new(Code::NotDelivered, trouble.to_string())).await.map(|()| Pushed::More)
        }
        Err(trouble) => {
            if is_hindered(&trouble) {
                batch.halve(sent);
            }
            Err(trouble.into())
        }
    }
}

async fn take_receipts(account: &Account, answer: PushResponse) -> Result<Pushed, Failure> {
    let seq = answer.seq;
    account.status.change(|status| status.clock_skew_ms = Some(answer.skew_ms));
    let taken = on(account, move |store| store.note(|db| client::take_receipts(&mut Open(db), &answer))).await?;
    if taken.refused > 0 {
        tracing::warn!(refused = taken.refused, "the server refused changes; they need attention");
        tell_data(account);
    }
    if taken.kept > 0 {
        tracing::info!(kept = taken.kept, "what was written here lost against something newer; its author is asked");
    }
    account.events.tell(Event::Sync);
    Ok(match (taken.accepted, taken.refused) {
        // Deferred ones wait until they are asked for again; sending them at once would turn in circles.
        (0, 0) => Pushed::Nothing,
        (_, 0) => Pushed::Taken(seq),
        _ => Pushed::More,
    })
}

/// One change that does not get through even alone must not hold up those behind it.
async fn set_aside(account: &Account, request: &PushRequest, refusal: Refusal) -> Result<(), Failure> {
    let Some(intent) = request.intents.first().map(|intent| intent.id) else { return Ok(()) };
    tracing::warn!(intent = %intent, %refusal.code, refusal.detail, "a change does not get through; it needs attention");
    on(account, move |store| store.note(|db| client::set_aside(&mut Open(db), intent, refusal.clone()))).await?;
    tell_data(account);
    account.events.tell(Event::Sync);
    Ok(())
}

/// Why a replica takes a new name.
#[derive(Debug, Clone, Copy)]
pub(super) enum Rename {
    /// It is a copy of a running one.
    Fork,
    /// The server lost its latest past.
    Restore,
}

/// The replica takes a new name and sends again what the server may not have.
pub(super) async fn rename(account: &Account, why: Rename) -> Result<(), Failure> {
    let client = ClientId(chance::fresh_uuid(account.clock.now()));
    on(account, move |store| {
        store.edit(|db| {
            // Grants are made out to a name: the copy has the same ones, or the server knows them no more.
            grants::forget_free(db)?;
            match why {
                Rename::Fork => client::fork(&mut Open(db), client),
                Rename::Restore => {
                    grants::spend_kept(db)?;
                    attachments::send_again(db)?;
                    client::restored(&mut Open(db), client)
                }
            }
        })
    })
    .await?;
    account.becomes(client);
    Ok(())
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn what_does_not_get_through_is_made_smaller_and_grows_again() {
        let mut batch = Batch::default();
        for (sent, most) in [(500, 250), (250, 125), (3, 1), (1, 1)] {
            batch.halve(sent);
            assert_eq!(batch.most, most);
        }
        batch.got_through();
        assert_eq!(batch.most, 2);
        (0..20).for_each(|_| batch.got_through());
        assert_eq!(batch.most, MAX_PUSH_INTENTS);
    }

    #[test]
    fn one_change_is_stuck_after_many_tries_over_a_long_time_and_not_before() {
        let (one, other) = (IntentId(Uuid::from_u128(1)), IntentId(Uuid::from_u128(2)));
        let begin = Instant::now();
        let tried = |batch: &mut Batch, which, minutes: u64| batch.is_stuck(which, begin + Duration::from_secs(60 * minutes), REFUSED);
        let mut batch = Batch::default();
        assert!((0..10).all(|_| !tried(&mut batch, one, 14)), "often, but all within minutes");
        assert!(tried(&mut batch, one, 29));
        assert!(!tried(&mut batch, other, 30), "each for itself");
        assert!(!tried(&mut batch, other, 60), "long ago, but not often");
        batch.got_through();
        assert!((0..4).all(|n| !tried(&mut batch, other, 60 + 20 * n)), "what got through in between begins it anew");
        assert!(tried(&mut batch, other, 140));
        assert!(!batch.is_stuck(other, begin + Duration::from_secs(60 * 141), HINDERED), "longer where nobody says that it is about it");
        assert!((0..5).any(|n| batch.is_stuck(other, begin + Duration::from_secs(60 * (150 + 10 * n)), HINDERED)));
    }
}
