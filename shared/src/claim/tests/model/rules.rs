//! The real rules behind the small states: each small state stands for one real one, and what the rules make
//! of it is remembered, because signatures take their time.

use std::{cell::RefCell, collections::HashMap};

use prost::Message as _;

use super::{
    super::{claim_key, grant, signed},
    state::{Bound, Kept, Shown, Slip, tenant_of},
};
use crate::{
    claim::{
        Identity, Notice, PublicKey, Receipt, Release,
        contact::{self, Binding, Contact, KnownGrant, Refusal, Spender},
        handover::{self, Handover},
        home::Backend,
        messages::{ClaimRequest, Signed},
        owner::{Left, Owner, OwnerState, decide},
    },
    ids::DeviceId,
    time::Millis,
};

const NONCE: [u8; 16] = [9; 16];

fn tenant_number(grant: u8) -> u8 {
    tenant_of(grant) as u8 + 1
}

fn real_grant(number: u8) -> crate::claim::Grant {
    grant(tenant_number(number), u128::from(number) + 1)
}

fn device_key(device: u8) -> ed25519_dalek::SigningKey {
    ed25519_dalek::SigningKey::from_bytes(&[0xD0 + device; 32])
}

fn serial(device: u8) -> String {
    format!("OM-{device}")
}

fn home() -> Backend {
    Backend { url: "http://127.0.0.1:8080".into(), trust_anchor: Vec::new() }
}

fn release(slip: Slip) -> Release {
    let tenant = uuid::Uuid::from_u128(u128::from(slip.tenant) + 1).into();
    Release { tenant, serial: serial(slip.device), up_to_epoch: slip.up_to_epoch.into(), not_after: Millis(i64::MAX), number: slip.number.into() }
}

fn signed_release(slip: Slip) -> Signed {
    release(slip).sign(&claim_key(slip.tenant + 1))
}

fn receipt(shown: Shown) -> Receipt {
    let grant = real_grant(shown.grant);
    Receipt { grant: grant.id, tenant: grant.tenant, epoch: shown.epoch.into(), nonce: NONCE.to_vec(), site: None, serial: serial(shown.device) }
}

/// The real state that a small one stands for.
fn real(device: u8, kept: Kept) -> OwnerState {
    let owner = kept.owner.map(|number| {
        let (grant, bytes) = (real_grant(number), signed(tenant_number(number), &real_grant(number)).encode_to_vec());
        let receipt = receipt(Shown { device, epoch: kept.epoch, grant: number }).sign(&device_key(device)).encode_to_vec();
        Owner { tenant: grant.tenant, backend: home(), next: None, heard: kept.heard.into(), claim_key: grant.claim_key, grant: bytes, grant_id: grant.id, nonce: NONCE.to_vec(), site: None, receipt }
    });
    let left = kept.left.map(|slip| Left { tenant: release(slip).tenant, backend: home(), release: signed_release(slip).encode_to_vec() });
    OwnerState { epoch: kept.epoch.into(), resets: kept.resets.into(), owner, left }
}

/// The small state that stands for a real one.
fn small(device: u8, state: &OwnerState, slip: Option<Slip>) -> Kept {
    let kept = Kept {
        epoch: state.epoch as u8,
        resets: state.resets as u8,
        owner: state.owner.as_ref().map(|owner| owner.grant_id.0.as_u128() as u8 - 1),
        heard: state.owner.as_ref().map_or(0, |owner| owner.heard as u8),
        left: state.left.as_ref().and(slip),
    };
    assert_eq!(real(device, kept), *state, "nothing is lost on the way");
    kept
}

/// Which device, as what it is kept, which grant, and with which release.
type Asked = (u8, Kept, u8, Option<Slip>);

thread_local! {
    static CLAIMS: RefCell<HashMap<Asked, Option<Kept>>> = RefCell::default();
    static NOTICES: RefCell<HashMap<(u8, Kept, u8), Kept>> = RefCell::default();
    static CONTACTS: RefCell<HashMap<Arrival, Result<contact::Verdict, Refusal>>> = RefCell::default();
}

/// A contact with what the backend knows: who spent the grant, whether it is revoked, the binding.
type Arrival = (Shown, Option<u8>, bool, Option<Bound>);

/// What the device keeps after it was shown a grant; `None` when it refuses.
pub fn claim(device: u8, kept: Kept, grant: u8, slip: Option<Slip>) -> Option<Kept> {
    if let Some(known) = CLAIMS.with_borrow(|known| known.get(&(device, kept, grant, slip)).copied()) {
        return known;
    }
    let signed = signed(tenant_number(grant), &real_grant(grant));
    let request = ClaimRequest { grant: Some(signed), site: Vec::new(), nonce: NONCE.to_vec(), release: slip.map(signed_release) };
    let accepted = decide(&real(device, kept), &serial(device), &device_key(device), &request, None).ok();
    let after = accepted.map(|accepted| {
        let is_used = accepted.state.left != real(device, kept).left;
        small(device, &accepted.state, if is_used { slip } else { kept.left })
    });
    CLAIMS.with_borrow_mut(|known| known.insert((device, kept, grant, slip), after));
    after
}

/// What the device keeps after its owner's notice of that number.
pub fn hear(device: u8, kept: Kept, number: u8) -> Kept {
    if let Some(known) = NOTICES.with_borrow(|known| known.get(&(device, kept, number)).copied()) {
        return known;
    }
    let Some(grant) = kept.owner else { return kept };
    let notice = Notice { tenant: real_grant(grant).tenant, serial: serial(device), epoch: kept.epoch.into(), number: number.into(), backend: home() };
    let heard = real(device, kept).hear(&serial(device), &notice.sign(&claim_key(tenant_number(grant)))).expect("the owner's own notice");
    let after = small(device, &heard, kept.left);
    NOTICES.with_borrow_mut(|known| known.insert((device, kept, number), after));
    after
}

fn identity(device: u8, epoch: u8, owner: u8) -> Identity {
    let (public_key, owner) = (PublicKey::of(&device_key(device)), Some(PublicKey::of(&claim_key(tenant_number(owner))).fingerprint()));
    Identity { serial: serial(device), model: String::new(), hardware_id: String::new(), firmware: String::new(), public_key, owner, epoch: epoch.into(), resets: 0 }
}

fn binding(device: u8, bound: Bound) -> Binding {
    Binding { public_key: PublicKey::of(&device_key(device)), epoch: bound.epoch.into(), grant: real_grant(bound.grant).id, retired: false }
}

/// What the backend of the grant's tenant says to a contact.
pub fn judge(shown: Shown, spent_by: Option<u8>, is_revoked: bool, bound: Option<Bound>) -> Result<contact::Verdict, Refusal> {
    let arrival = (shown, spent_by, is_revoked, bound);
    if let Some(known) = CONTACTS.with_borrow(|known| known.get(&arrival).copied()) {
        return known;
    }
    let contact = Contact { grant: real_grant(shown.grant), receipt: receipt(shown), identity: identity(shown.device, shown.epoch, shown.grant) };
    let spender = |device| Spender { key: PublicKey::of(&device_key(device)), device: DeviceId::for_serial(contact.grant.tenant, &serial(device)) };
    let known = KnownGrant { revoked_at: is_revoked.then_some(Millis(2_000)), spent_by: spent_by.map(spender), recorded_at: None };
    let verdict = contact::judge(&contact, Some(known), bound.map(|bound| binding(shown.device, bound)), Millis(2_000));
    CONTACTS.with_borrow_mut(|known| known.insert(arrival, verdict));
    verdict
}

/// What the former owner's backend says to a device that left.
pub fn part(device: u8, epoch: u8, owner: u8, slip: Slip, bound: Option<Bound>) -> Result<handover::Verdict, Refusal> {
    let handover = Handover { release: release(slip), identity: identity(device, epoch, owner) };
    handover::judge(&handover, bound.map(|bound| binding(device, bound)))
}
