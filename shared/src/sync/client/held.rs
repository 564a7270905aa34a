//! Changes that go to "needs attention" without a receipt of the server.
//!
//! Deliberately not here: what a person does about them (`retry`, `discard`).

use super::{Entry, Replica, State};
use crate::{
    ids::IntentId,
    sync::{
        intent::{Change, Intent},
        receipt::{Outcome, Receipt, Refusal},
    },
    time::Millis,
};

/// Keeps a change that the rules refuse here, for a person to decide about: what must not be thrown away
/// although it cannot be sent, such as the record of an attempt. It takes no number of the outbox.
///
/// # Errors
/// Whatever the store says; roll back.
pub fn hold<R: Replica>(replica: &mut R, id: IntentId, at: Millis, change: Change, refusal: Refusal) -> Result<(), R::Error> {
    let mut meta = replica.meta()?;
    let intent = Intent { client_id: meta.client_id, n: 0, id, at, base: None, depends_on: vec![], change };
    let receipt = Receipt { n: 0, intent_id: id, seq: meta.cursor, outcome: Outcome::Refused(refusal) };
    replica.save_entry(&Entry { order: meta.next_order, intent, state: State::Attention(receipt) })?;
    meta.next_order += 1;
    replica.save_meta(&meta)
}

/// Takes a waiting intent out of the way that no push gets through with (too large for something on the
/// way): it goes to "needs attention", and those behind it move up, so that their numbers stay contiguous.
/// `false` when it does not wait.
///
/// # Errors
/// Whatever the store says; roll back.
pub fn set_aside<R: Replica>(replica: &mut R, id: IntentId, refusal: Refusal) -> Result<bool, R::Error> {
    let Some(mut entry) = replica.entry(id)?.filter(|entry| entry.state == State::Waiting) else { return Ok(false) };
    let (free, seq) = (entry.intent.n, replica.meta()?.cursor);
    entry.state = State::Attention(Receipt { n: free, intent_id: id, seq, outcome: Outcome::Refused(refusal) });
    replica.save_entry(&entry)?;
    close_up(replica, &[id], Some(free))?;
    Ok(true)
}

/// Closes up behind intents that do not wait any more without a receipt, `free` being the first number that was given to
/// one of them and is to be given again: those behind it move up, nobody waits for what never comes, and its effect is
/// shown no more. Such are intents that are set aside, and those that the store cannot read any more: it passes over them.
///
/// # Errors
/// Whatever the store says; roll back.
pub fn close_up<R: Replica>(replica: &mut R, lost: &[IntentId], free: Option<u64>) -> Result<(), R::Error> {
    let mut meta = replica.meta()?;
    if let Some(free) = free {
        meta.next_n = free;
        for mut behind in replica.waiting(usize::MAX)?.into_iter().filter(|other| other.intent.n > free) {
            behind.intent.n = meta.next_n;
            meta.next_n += 1;
            replica.save_entry(&behind)?;
        }
    }
    // The server may have put it off before, and would let its children wait for it for ever.
    for mut child in replica.outbox()?.into_iter().filter(|other| other.intent.depends_on.iter().any(|parent| lost.contains(parent))) {
        child.intent.depends_on.retain(|parent| !lost.contains(parent));
        replica.save_entry(&child)?;
    }
    replica.save_meta(&meta)?;
    super::rebase::rebase(replica, &meta)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        ids::{ClientId, PersonId, SiteId, TenantId},
        roles::Role,
        sync::{
            client::{self, Memory, Meta},
            Patch,
            intent::{NewSite, SitePatch, SiteUpdate},
            receipt::Code,
        },
    };
    use uuid::Uuid;

    fn site(n: u128) -> Change {
        Change::SiteCreate(NewSite { id: SiteId(Uuid::from_u128(n)), name: format!("Site {n}"), address: None, time_zone: "UTC".into(), note: None })
    }

    fn replica() -> Memory {
        let id = |n| Uuid::from_u128(n);
        Memory::new(Meta::new(ClientId(id(1)), TenantId(id(2)), PersonId(id(3)), Role::Admin))
    }

    #[test]
    fn an_intent_that_is_set_aside_leaves_no_hole_in_the_numbers() {
        let mut store = replica();
        for n in 1..=3 {
            client::record(&mut store, IntentId(Uuid::from_u128(10 + n)), Millis(1), site(n)).unwrap().unwrap();
        }
        let refusal = Refusal::new(Code::InvalidField, "too large");
        assert!(set_aside(&mut store, IntentId(Uuid::from_u128(12)), refusal.clone()).unwrap());
        assert!(!set_aside(&mut store, IntentId(Uuid::from_u128(12)), refusal).unwrap(), "only once");
        let push = client::next_push(&store, Millis(2)).unwrap().unwrap();
        assert_eq!(push.intents.iter().map(|intent| (intent.n, intent.id.0.as_u128())).collect::<Vec<_>>(), [(1, 11), (2, 13)]);
        assert_eq!(store.rows().count(), 2, "what needs attention is not shown as if it stood");
        let next = client::record(&mut store, IntentId(Uuid::from_u128(14)), Millis(1), site(4)).unwrap().unwrap();
        assert_eq!(next.intent.n, 3);
        assert!(client::discard(&mut store, IntentId(Uuid::from_u128(12)), Millis(3)).unwrap());
    }

    #[test]
    fn nothing_waits_for_an_intent_that_is_set_aside() {
        let mut store = replica();
        let (parent, child) = (IntentId(Uuid::from_u128(10)), IntentId(Uuid::from_u128(11)));
        client::record(&mut store, parent, Millis(1), site(1)).unwrap().unwrap();
        let patch = SitePatch { note: Patch::Set("x".into()), ..SitePatch::default() };
        client::record(&mut store, child, Millis(1), Change::SiteUpdate(SiteUpdate { id: SiteId(Uuid::from_u128(1)), patch })).unwrap().unwrap();
        assert_eq!(store.entry(child).unwrap().unwrap().intent.depends_on, [parent]);
        set_aside(&mut store, parent, Refusal::new(Code::InvalidField, "too large")).unwrap();
        assert!(store.entry(child).unwrap().unwrap().intent.depends_on.is_empty());
    }

    #[test]
    fn a_change_that_is_held_is_never_sent_and_waits_for_a_person() {
        let mut store = replica();
        hold(&mut store, IntentId(Uuid::from_u128(10)), Millis(1), site(1), Refusal::new(Code::NotAllowed, "")).unwrap();
        assert_eq!(client::next_push(&store, Millis(2)).unwrap(), None);
        assert_eq!(store.rows().count(), 0);
        let tried = client::retry(&mut store, IntentId(Uuid::from_u128(10)), IntentId(Uuid::from_u128(11)), Millis(3)).unwrap().unwrap();
        assert_eq!(tried.unwrap().intent.n, 1);
    }
}
