use omniot_shared::{
    claim::{PublicKey, Receipt, messages::Status},
    entities::Security,
    time::Millis,
};
use proptest::prelude::*;

use super::{Bench, Client, claim_key, grant, ordinary};
use crate::virtual_device::{
    contact::Outcome as Reached,
    device::Outcome,
    faults::{Faults, PowerLoss},
    keeping::{Keeper, Kept},
    spec::Spec,
};

fn bench() -> Bench {
    Bench::new(ordinary(Security::Sec1))
}

#[test]
fn a_claim_in_chunks_pins_the_tenant_and_survives_a_restart() {
    let bench = bench();
    let mut device = bench.device();
    let mut client = Client::open(&mut device, 1);
    let identity = client.identity();
    let reply = client.claim(&grant(1, 5), 1).unwrap();
    let receipt = Receipt::read(reply.receipt.as_ref().unwrap(), identity.public_key).unwrap();
    assert_eq!((reply.status(), receipt.epoch), (Status::Ok, 1));
    let mut again = bench.device();
    let identity = Client::open(&mut again, 1).identity();
    assert_eq!((identity.owner, identity.epoch), (Some(PublicKey::of(&claim_key(1)).fingerprint()), 1));
}

#[test]
fn a_device_of_another_tenant_says_so() {
    let bench = Bench::new(Spec { owned_by: Some("5a".repeat(32)), ..ordinary(Security::Sec1) });
    let mut device = bench.device();
    let mut client = Client::open(&mut device, 1);
    let owner = client.identity().owner;
    let reply = client.claim(&grant(1, 5), 1).unwrap();
    assert_eq!(reply.status(), Status::OwnedByAnother);
    assert_eq!(Some(reply.owner), owner.map(|owner| owner.0.to_vec()));
    device.factory_reset(2).unwrap();
    let later = 10_000;
    let identity = Client::open(&mut device, later).identity();
    assert_eq!((identity.owner, identity.epoch, identity.resets), (None, 1, 1), "the button frees it, the epoch stays");
}

#[test]
fn a_busy_device_says_so_and_takes_the_same_claim_later() {
    let bench = Bench::new(Spec { faults: Faults { busy: 2, ..Faults::default() }, ..ordinary(Security::Sec1) });
    let mut device = bench.device();
    let mut client = Client::open(&mut device, 1);
    let said: Vec<Status> = (0..3).map(|_| client.claim(&grant(1, 5), 1).unwrap().status()).collect();
    assert_eq!(said, [Status::Busy, Status::Busy, Status::Ok]);
    assert_eq!(client.identity().epoch, 1);
}

#[test]
fn a_device_that_was_told_the_time_judges_a_grant_by_it_until_it_loses_power() {
    let bench = bench();
    let mut device = bench.device();
    // A grant has no time before 1970: half a day before is out of it, and an hour is not.
    for (told, status) in [(-13 * 3_600_000, Status::GrantExpired), (-3_600_000, Status::Ok)] {
        device.faults.told_ms = Some(told);
        let reply = Client::open(&mut device, 1).claim(&grant(1, 5), 1).unwrap();
        assert_eq!(reply.status(), status, "{told}");
        device.disconnect();
    }
    device.faults.told_ms = None;
    assert_eq!(device.contact.time(5), None, "nobody told it");
    let mut client = Client::open(&mut device, 1);
    client.join("Guest", "");
    device.disconnect();
    let backend = device.kept.state().owner.unwrap().backend;
    device.take_outcome(5_000, Reached::Heard(backend, None, Some(Millis(-14 * 3_600_000))));
    assert_eq!(device.contact.time(5_000 + 60_000), Some(Millis(-14 * 3_600_000 + 60_000)), "its clock goes on");
    device.power_cut(9_000);
    assert_eq!(device.contact.time(9_001), None);
}

#[test]
fn power_loss_leaves_the_old_owner_or_the_new_one_and_the_claim_can_be_repeated() {
    for (loss, epoch_after) in [(PowerLoss::BeforeStore, 0), (PowerLoss::Torn, 0), (PowerLoss::AfterStore, 1)] {
        let bench = Bench::new(Spec { faults: Faults { power_loss: Some(loss), ..Faults::default() }, ..ordinary(Security::Sec1) });
        let mut device = bench.device();
        let mut client = Client::open(&mut device, 1);
        assert_eq!(client.claim(&grant(1, 5), 1), Err(Outcome::Gone), "{loss:?}");
        assert!(!device.advertises(2), "it starts again first");
        let mut client = Client::open(&mut device, 1000);
        assert_eq!(client.identity().epoch, epoch_after, "{loss:?}");
        let reply = client.claim(&grant(1, 5), 1).unwrap();
        assert_eq!(reply.status(), Status::Ok, "{loss:?}");
        assert_eq!(client.identity().epoch, 1, "{loss:?}: one claim, one epoch");
    }
}

/// What is kept after claims with these grants, each with a nonce of its own.
fn kept_after(ids: &[u8]) -> Kept {
    let bench = bench();
    let mut device = bench.device();
    let mut client = Client::open(&mut device, 1);
    ids.iter().for_each(|id| assert_eq!(client.claim(&grant(1, u128::from(*id)), *id).unwrap().status(), Status::Ok));
    device.kept.clone()
}

#[test]
fn power_that_goes_at_any_byte_of_a_claim_leaves_the_old_owner_and_the_claim_can_be_repeated() {
    let bench = bench();
    let keeper = Keeper::new(bench.dir.path(), "OM-N0001").unwrap();
    let (old, new) = (kept_after(&[5]), kept_after(&[5, 6]));
    keeper.save(&old, None).unwrap();
    let length = serde_json::to_vec(&new).unwrap().len();
    for byte in 0..=length {
        keeper.save(&new, Some(PowerLoss::TornAt(byte))).unwrap();
        assert!(keeper.load().unwrap().as_ref() == Some(&old), "byte {byte}: a record is replaced as a whole");
        if byte % 500 == 0 {
            let mut device = bench.device();
            let reply = Client::open(&mut device, 1).claim(&grant(1, 6), 6).unwrap();
            assert_eq!((reply.status(), device.identity().epoch), (Status::Ok, 2), "byte {byte}");
            assert!(device.kept == new, "byte {byte}: the claim that was repeated is that claim");
            keeper.save(&old, None).unwrap();
        }
    }
    assert!(length > 3_000, "a record with its certificate: {length} bytes");
}

#[derive(Debug, Clone)]
enum Act {
    Claim { tenant: u8, grant: u128, nonce: u8, loss: Option<PowerLoss> },
    Restart,
    Button,
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let loss = prop_oneof![3 => Just(None), 1 => Just(Some(PowerLoss::BeforeStore)), 1 => Just(Some(PowerLoss::Torn)), 1 => Just(Some(PowerLoss::AfterStore))];
    let act = prop_oneof![
        6 => (1_u8..3, 1_u128..4, 1_u8..3, loss).prop_map(|(tenant, grant, nonce, loss)| Act::Claim { tenant, grant, nonce, loss }),
        1 => Just(Act::Restart),
        1 => Just(Act::Button),
    ];
    proptest::collection::vec(act, 1..8)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// Through claims of two tenants, losses of power between any two writes, restarts and the
    /// button: an owner changes only by the button, a receipt that was handed out is what the
    /// device holds, and the epoch never falls.
    #[test]
    fn no_schedule_of_claims_and_power_losses_tears_the_owner(acts in acts()) {
        let bench = Bench::new(ordinary(Security::Sec0));
        let mut device = bench.device();
        let mut now = 1;
        let mut known: Option<(u8, u32)> = None;
        let mut epoch = 0;
        for act in acts {
            now += 1000;
            match act {
                Act::Restart => device = bench.device(),
                Act::Button => {
                    device.factory_reset(now).unwrap();
                    known = None;
                }
                Act::Claim { tenant, grant: id, nonce, loss } => {
                    device.faults.power_loss = loss;
                    let answer = Client::open(&mut device, now).claim(&grant(tenant, u128::from(tenant) * 10 + id), nonce);
                    let refused = matches!(&answer, Ok(reply) if reply.status() == Status::OwnedByAnother);
                    if let Some((owner, _)) = known {
                        prop_assert!(owner == tenant || answer.is_err() || refused, "taken from tenant {owner} by {tenant}");
                    }
                    if let Ok(reply) = &answer && reply.status() == Status::Ok {
                        let receipt = Receipt::read(reply.receipt.as_ref().unwrap(), PublicKey::of(&device.factory().key)).unwrap();
                        known = Some((tenant, receipt.epoch));
                    }
                    device.faults.power_loss = None;
                    device.disconnect();
                }
            }
            let identity = bench.device().identity();
            prop_assert!(identity.epoch >= epoch, "the epoch fell");
            epoch = identity.epoch;
            if let Some((owner, at)) = known {
                prop_assert_eq!(identity.owner, Some(PublicKey::of(&claim_key(owner)).fingerprint()), "what was promised is kept");
                prop_assert!(identity.epoch >= at);
            }
            if let Some(owner) = identity.owner {
                known = Some((if owner == PublicKey::of(&claim_key(1)).fingerprint() { 1 } else { 2 }, identity.epoch));
            }
        }
    }
}
