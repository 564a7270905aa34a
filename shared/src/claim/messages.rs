//! The messages of `shared/proto/omniot_device.proto`, as Rust types.
//!
//! Deliberately not here: what they mean and whether they are right (the typed forms
//! in the parent module check that). Never re-encode a signed body: keep its bytes.
//! To add a field: in the `.proto`, then here; a test holds the two in step.

/// One piece of a message.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct Chunk {
    /// Where the payload begins in the whole message.
    #[prost(uint32, tag = "1")]
    pub offset: u32,
    /// Length of the whole message.
    #[prost(uint32, tag = "2")]
    pub total: u32,
    /// The piece; empty for an acknowledgement or to ask for more.
    #[prost(bytes = "vec", tag = "3")]
    pub payload: Vec<u8>,
}

/// A body and the signature over it.
#[derive(Clone, PartialEq, Eq, Hash, prost::Message)]
pub struct Signed {
    /// The signed bytes, exactly as they were signed.
    #[prost(bytes = "vec", tag = "1")]
    pub body: Vec<u8>,
    /// Ed25519, 64 bytes.
    #[prost(bytes = "vec", tag = "2")]
    pub signature: Vec<u8>,
}

/// `omniot-id`, request: who are you?
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct IdentityRequest {
    /// 32 random bytes.
    #[prost(bytes = "vec", tag = "1")]
    pub challenge: Vec<u8>,
}

/// `omniot-id`, reply.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct IdentityReply {
    /// `OK`, or why there is no identity.
    #[prost(enumeration = "Status", tag = "1")]
    pub status: i32,
    /// An [`Identity`].
    #[prost(message, optional, tag = "2")]
    pub identity: Option<Signed>,
}

/// What a device says about itself.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct Identity {
    /// As on the label, 1–64 bytes.
    #[prost(string, tag = "1")]
    pub serial: String,
    /// The model's SKU, at most 60 bytes.
    #[prost(string, tag = "2")]
    pub model: String,
    /// E.g. the base MAC address, at most 64 bytes.
    #[prost(string, tag = "3")]
    pub hardware_id: String,
    /// At most 64 bytes.
    #[prost(string, tag = "4")]
    pub firmware: String,
    /// Ed25519, 32 bytes.
    #[prost(bytes = "vec", tag = "5")]
    pub public_key: Vec<u8>,
    /// Fingerprint of the owner's claim key; empty: unowned.
    #[prost(bytes = "vec", tag = "6")]
    pub owner: Vec<u8>,
    /// Commissioning epoch, 0 before the first claim.
    #[prost(uint32, tag = "7")]
    pub epoch: u32,
    /// How often it was reset by its button.
    #[prost(uint32, tag = "8")]
    pub resets: u32,
}

/// `omniot-ident`, request: show yourself (blink).
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct IdentifyRequest {
    /// 0–60; asking again replaces what is left, 0 ends it.
    #[prost(uint32, tag = "1")]
    pub seconds: u32,
}

/// `omniot-ident`, reply.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct IdentifyReply {
    /// `OK`, or why it shows nothing.
    #[prost(enumeration = "Status", tag = "1")]
    pub status: i32,
}

/// A single-use permission to claim a device for a tenant.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct Grant {
    /// The tenant's id.
    #[prost(bytes = "vec", tag = "1")]
    pub tenant: Vec<u8>,
    /// The grant's id.
    #[prost(bytes = "vec", tag = "2")]
    pub grant_id: Vec<u8>,
    /// The person it was given to.
    #[prost(bytes = "vec", tag = "3")]
    pub technician: Vec<u8>,
    /// The app's replica it was given to.
    #[prost(bytes = "vec", tag = "4")]
    pub client: Vec<u8>,
    /// Milliseconds since 1970.
    #[prost(int64, tag = "5")]
    pub not_before: i64,
    /// Milliseconds since 1970.
    #[prost(int64, tag = "6")]
    pub not_after: i64,
    /// Where the device reports: an http(s) origin, at most 255 bytes.
    #[prost(string, tag = "7")]
    pub backend_url: String,
    /// DER certificate to trust for `backend_url`; empty: the public ones.
    #[prost(bytes = "vec", tag = "8")]
    pub trust_anchor: Vec<u8>,
    /// Where it may be used; none: at every site.
    #[prost(bytes = "vec", repeated, tag = "9")]
    pub sites: Vec<Vec<u8>>,
    /// The tenant's public claim key, 32 bytes.
    #[prost(bytes = "vec", tag = "10")]
    pub claim_key: Vec<u8>,
}

/// The owner lets go of a device.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct Release {
    /// The owner.
    #[prost(bytes = "vec", tag = "1")]
    pub tenant: Vec<u8>,
    /// The device.
    #[prost(string, tag = "2")]
    pub serial: String,
    /// Good while the device's epoch is not higher than this.
    #[prost(uint32, tag = "3")]
    pub up_to_epoch: u32,
    /// Milliseconds since 1970.
    #[prost(int64, tag = "4")]
    pub not_after: i64,
    /// Good while the device has heard no notice with a higher number.
    #[prost(uint32, tag = "5")]
    pub number: u32,
}

/// A release as one organization gives it to another; never sent to a device.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct Letter {
    /// A [`Release`].
    #[prost(message, optional, tag = "1")]
    pub release: Option<Signed>,
    /// The owner's public claim key, 32 bytes.
    #[prost(bytes = "vec", tag = "2")]
    pub claim_key: Vec<u8>,
}

/// What the owner tells its device, in the answer to a heartbeat.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct Notice {
    /// The owner.
    #[prost(bytes = "vec", tag = "1")]
    pub tenant: Vec<u8>,
    /// The device.
    #[prost(string, tag = "2")]
    pub serial: String,
    /// The commissioning epoch it is for.
    #[prost(uint32, tag = "3")]
    pub epoch: u32,
    /// Rises with each notice of an epoch; one that was heard is ignored.
    #[prost(uint32, tag = "4")]
    pub number: u32,
    /// Where to report from now on, as in a [`Grant`].
    #[prost(string, tag = "5")]
    pub backend_url: String,
    /// As in a [`Grant`].
    #[prost(bytes = "vec", tag = "6")]
    pub trust_anchor: Vec<u8>,
}

/// `omniot-claim`, request.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct ClaimRequest {
    /// A [`Grant`].
    #[prost(message, optional, tag = "1")]
    pub grant: Option<Signed>,
    /// Site id; empty: not placed yet.
    #[prost(bytes = "vec", tag = "2")]
    pub site: Vec<u8>,
    /// 16–32 random bytes; the same when the same claim is sent again.
    #[prost(bytes = "vec", tag = "3")]
    pub nonce: Vec<u8>,
    /// A [`Release`]; only when the device belongs to another tenant.
    #[prost(message, optional, tag = "4")]
    pub release: Option<Signed>,
}

/// `omniot-claim`, reply.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct ClaimReply {
    /// `OK`, or why the claim was refused.
    #[prost(enumeration = "Status", tag = "1")]
    pub status: i32,
    /// A [`Receipt`], with `OK`.
    #[prost(message, optional, tag = "2")]
    pub receipt: Option<Signed>,
    /// With `OWNED_BY_ANOTHER`: fingerprint of the owner's claim key.
    #[prost(bytes = "vec", tag = "3")]
    pub owner: Vec<u8>,
}

/// The device's proof that it accepted a grant.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct Receipt {
    /// The grant that was accepted.
    #[prost(bytes = "vec", tag = "1")]
    pub grant_id: Vec<u8>,
    /// The new owner.
    #[prost(bytes = "vec", tag = "2")]
    pub tenant: Vec<u8>,
    /// The commissioning epoch that began with it.
    #[prost(uint32, tag = "3")]
    pub epoch: u32,
    /// The nonce of the request.
    #[prost(bytes = "vec", tag = "4")]
    pub nonce: Vec<u8>,
    /// Site id; empty: not placed yet.
    #[prost(bytes = "vec", tag = "5")]
    pub site: Vec<u8>,
    /// The device.
    #[prost(string, tag = "6")]
    pub serial: String,
}

/// What a device answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub enum Status {
    /// Done.
    Ok = 0,
    /// The request cannot be read.
    Malformed = 1,
    /// A signature does not hold.
    BadSignature = 2,
    /// The device belongs to another tenant and no release came with the grant.
    OwnedByAnother = 3,
    /// A release came, but not one of the owner for this device and epoch.
    BadRelease = 4,
    /// The grant was already used on this device.
    GrantUsed = 5,
    /// The device knows the time, and the grant is out of it.
    GrantExpired = 6,
    /// The grant does not cover that site.
    SiteNotCovered = 7,
    /// Ask again later.
    Busy = 8,
    /// The new owner could not be stored; the old state stands.
    StorageFailed = 9,
}
