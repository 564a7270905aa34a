//! Whose device it is: identity, identify, claim (COMMISSIONING.md 4).

use base64::{Engine as _, engine::general_purpose::STANDARD};
use omniot_shared::{
    claim::{self, Identity, Receipt, messages},
    entities::{Attempt, DeviceState},
    ids::{GrantId, normal_serial},
    label::ClaimCode,
};
use prost::Message as _;

use super::{
    causes::Cause,
    desk::{DeskError, GrantFate, TakenGrant},
    run::{Next, Run},
    trouble::Trouble,
};
use crate::chance;

const IDENTITY: &str = claim::ENDPOINTS[0];
const IDENTIFY: &str = claim::ENDPOINTS[1];
const CLAIM: &str = claim::ENDPOINTS[2];
/// The longest receipt, in bytes; a real one has about 200, and records take no more than this.
const RECEIPT_LIMIT: usize = 1_400;
/// How long a device shows itself.
const BLINK_SECONDS: u32 = 30;

impl Run {
    /// The device proves who it is; the label, the code and an earlier link say who it must be.
    pub(super) async fn prove_identity(&mut self) -> Result<Next, Trouble> {
        if !self.talking()?.has(IDENTITY) {
            let expected = self.target.label.as_ref().is_some_and(|label| label.pinned.is_some()) || self.target.code.is_some() || self.identity.is_some();
            return if expected { Err(Trouble::Failed(Cause::IdentityMissing)) } else { Ok(Next::Skipped(Some(Cause::NotOffered))) };
        }
        let challenge: [u8; 32] = chance::bytes();
        let request = messages::IdentityRequest { challenge: challenge.to_vec() };
        let reply: messages::IdentityReply = self.talking()?.ask_whole(IDENTITY, &request).await?;
        let identity = claim::identify(&reply, &challenge).map_err(|_| Trouble::Failed(Cause::IdentityInvalid))?;
        let verified = self.matches(&identity)?;
        let device = self.desk.device_by_serial(&identity.serial).await?;
        if device.as_ref().is_some_and(|device| device.state == DeviceState::Retired) {
            return Err(Trouble::Failed(Cause::DeviceRetired));
        }
        let floor = self.desk.model_by_sku(&identity.model).await?.map(|model| model.min_security);
        if self.level < floor {
            return Err(Trouble::Failed(Cause::BelowPolicy));
        }
        self.board.change(|draft| {
            draft.serial = Some(normal_serial(&identity.serial));
            draft.model = Some(identity.model.clone());
            draft.firmware = Some(identity.firmware.clone());
            draft.identity_verified = verified;
            draft.is_known = device.is_some();
            // As it was when they began, where it was known then: somebody may have named it since.
            draft.known_name = draft.known_name.take().or_else(|| device.map(|device| device.name));
        });
        self.identity = Some(identity);
        Ok(Next::Done)
    }

    /// Whether a label or a code proves this identity.
    ///
    /// # Errors
    /// When one of them says otherwise.
    fn matches(&self, identity: &Identity) -> Result<bool, Trouble> {
        let mismatch = Err(Trouble::Failed(Cause::IdentityMismatch));
        if self.identity.as_ref().is_some_and(|before| before.public_key != identity.public_key || before.serial != identity.serial) {
            return mismatch;
        }
        let pinned = self.target.label.as_ref().and_then(|label| label.pinned.as_ref());
        if let Some(pinned) = pinned
            && (pinned.key != identity.public_key.fingerprint() || normal_serial(&pinned.serial) != normal_serial(&identity.serial))
        {
            return mismatch;
        }
        if self.target.code.is_some_and(|code| code != ClaimCode::of(identity.public_key)) {
            return mismatch;
        }
        Ok(pinned.is_some() || self.target.code.is_some())
    }

    /// The device shows itself, when nothing else says that it is the right one.
    pub(super) async fn identify(&mut self) -> Result<Next, Trouble> {
        if self.board.read(|draft| draft.identity_verified) {
            return Ok(Next::Skipped(None));
        }
        let talk = self.talking()?;
        if !talk.has(IDENTIFY) {
            return Ok(Next::Skipped(Some(Cause::NotOffered)));
        }
        let reply: messages::IdentifyReply = talk.ask_whole(IDENTIFY, &messages::IdentifyRequest { seconds: BLINK_SECONDS }).await?;
        Ok(if reply.status() == messages::Status::Ok { Next::Done } else { Next::Skipped(Some(Cause::NotOffered)) })
    }

    /// The device becomes this tenant's, with a grant that was fetched earlier.
    pub(super) async fn claim(&mut self) -> Result<Next, Trouble> {
        let Some(identity) = self.identity.clone() else {
            // Said before it is given a network: nothing proves whose it is, and it will not be ours.
            self.board.change(|draft| draft.warn("not_claimed"));
            return Ok(Next::Skipped(Some(Cause::NotOffered)));
        };
        if !self.talking()?.has(CLAIM) {
            return Err(Trouble::Failed(Cause::ClaimRefused));
        }
        let (site, serial) = self.board.read(|draft| (draft.site_id, draft.serial.clone().unwrap_or_default()));
        if let Some(claimed) = self.target.claimed.take_if(|claimed| is_claimed_by(claimed, &identity))
            && self.still_leads(&serial, claimed.grant_id).await?
        {
            // It needs no second permission.
            self.adopt(&claimed);
            return Ok(Next::Done);
        }
        let taken = match self.desk.take_grant(site, &serial, chance::bytes(), self.means.clock.now()).await {
            Err(DeskError::NoGrant) => return self.claimed_before(&serial, &identity).await,
            taken => taken?,
        };
        self.board.change(|draft| draft.grant_id = Some(taken.id));
        let Ok(grant) = taken.grant.read() else {
            self.desk.settle_grant(taken.id, GrantFate::Spent).await?;
            return Err(Trouble::Failed(Cause::GrantUsed));
        };
        let stranger = identity.owner.filter(|owner| *owner != grant.claim_key.fingerprint());
        let release = match stranger {
            Some(owner) => self.desk.release_for(&serial, owner).await?,
            None => None,
        };
        if stranger.is_some() && release.is_none() {
            // It has said so, signed: the grant need not leave the app.
            self.desk.settle_grant(taken.id, GrantFate::Unsent).await?;
            self.board.change(|draft| draft.grant_id = None);
            return Err(Trouble::Failed(Cause::OwnedByAnother));
        }
        self.desk.settle_grant(taken.id, GrantFate::Sent).await?;
        self.board.change(|draft| draft.grant_sent = true);
        self.save().await?;
        let request = messages::ClaimRequest {
            grant: taken.grant.parts().ok(),
            site: site.0.as_bytes().to_vec(),
            nonce: taken.nonce.to_vec(),
            release: release.map(|letter| letter.signed()),
        };
        let reply: messages::ClaimReply = self.talking()?.ask_whole(CLAIM, &request).await?;
        self.take_receipt(&taken, &identity, &reply, grant.tenant).await
    }

    /// Without a permission, a device that is this organization's already needs none for another network: what it answered to the
    /// last claim that is known here stands, whatever became of the attempt.
    async fn claimed_before(&self, serial: &str, identity: &Identity) -> Result<Next, Trouble> {
        let (site, client) = self.board.read(|draft| (draft.site_id, draft.client_id));
        let attempts = self.desk.attempts_of(serial).await?;
        // Of another site its receipt says so, and this attempt would say otherwise. One of the time before this replica took
        // another name may be of a past that the server lost.
        let is_of_here = |attempt: &Attempt| attempt.site_id == Some(site) && attempt.client_id == client;
        let before = attempts.into_iter().find(|attempt| is_of_here(attempt) && is_claimed_by(attempt, identity));
        match before {
            Some(before) if self.still_leads(serial, before.grant_id).await? => {
                self.adopt(&before);
                Ok(Next::Done)
            }
            _ => Err(DeskError::NoGrant.into()),
        }
    }

    /// Whether a device that was claimed with that grant gets to the server by it, as far as is known here: neither did the server
    /// move or show another certificate since, nor refuse the device. Otherwise the device gets another one.
    async fn still_leads(&self, serial: &str, grant: Option<GrantId>) -> Result<bool, Trouble> {
        let Some(grant) = grant else { return Ok(false) };
        if !self.desk.leads_home(grant).await? {
            return Ok(false);
        }
        Ok(!self.desk.is_online().await || self.desk.refusal_of(serial, grant).await.is_none())
    }

    async fn take_receipt(&mut self, taken: &TakenGrant, identity: &Identity, reply: &messages::ClaimReply, tenant: omniot_shared::ids::TenantId) -> Result<Next, Trouble> {
        let status = messages::Status::try_from(reply.status).map_err(|_| Trouble::Failed(Cause::ClaimRefused))?;
        if let Some(cause) = Cause::of_claim(status) {
            if matches!(cause, Cause::GrantUsed | Cause::GrantExpired | Cause::ClaimRefused) {
                self.desk.settle_grant(taken.id, GrantFate::Spent).await?;
            }
            return Err(Trouble::Failed(cause));
        }
        let site = self.board.read(|draft| draft.site_id);
        let signed = reply.receipt.as_ref().ok_or(Trouble::Failed(Cause::ReceiptInvalid))?;
        let receipt = Receipt::read(signed, identity.public_key).map_err(|_| Trouble::Failed(Cause::ReceiptInvalid))?;
        let fits = receipt.grant == taken.id
            && receipt.tenant == tenant
            && receipt.nonce == taken.nonce
            && receipt.site == Some(site)
            && receipt.epoch > 0
            && normal_serial(&receipt.serial) == normal_serial(&identity.serial);
        if !fits || signed.encoded_len() > RECEIPT_LIMIT {
            return Err(Trouble::Failed(Cause::ReceiptInvalid));
        }
        self.board.change(|draft| {
            draft.receipt = Some(STANDARD.encode(signed.encode_to_vec()));
            draft.epoch = Some(receipt.epoch);
        });
        self.save().await?;
        self.desk.settle_grant(taken.id, GrantFate::Spent).await?;
        Ok(Next::Done)
    }
}

/// Whether the device stands as that attempt left it: owned, and of the epoch of the receipt that it gave then.
fn is_claimed_by(attempt: &Attempt, identity: &Identity) -> bool {
    let signed = attempt.receipt.as_deref().and_then(|text| STANDARD.decode(text).ok()).and_then(|bytes| messages::Signed::decode(&*bytes).ok());
    let receipt = signed.and_then(|signed| Receipt::read(&signed, identity.public_key).ok());
    identity.owner.is_some() && receipt.is_some_and(|receipt| receipt.epoch == identity.epoch && Some(receipt.grant) == attempt.grant_id && receipt.site == attempt.site_id)
}
