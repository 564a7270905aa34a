//! The messages of `/v1/sync/*`.
//!
//! Deliberately not here: how pull frames are packed (`frame`) and what the server does.
//! Fields are only ever added (SYNC.md 1.2 *Schema*): readers ignore what they do not know.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    checksum::Checksum,
    escrow::PublicKey,
    intent::Intent,
    receipt::Receipt,
    rows::{Scope, Seq, SyncedRow, Table},
    sight::Sight,
};
use crate::{ids::ClientId, time::Millis};

/// The version of the messages.
pub const PROTOCOL: u32 = 1;
/// The version of rows and intents.
pub const SCHEMA: u32 = 2;
/// The first schema that knows rows that are one person's own: an older app is told nothing of them.
pub const OWN_SINCE: u32 = 2;
/// The oldest schema whose pulls are still answered; pushes are taken from any (`upcast`).
pub const MIN_SCHEMA: u32 = 1;
/// Most intents in one push.
pub const MAX_PUSH_INTENTS: usize = 500;
/// Most bytes of one push body.
pub const MAX_PUSH_BYTES: usize = 256 * 1024;

/// `POST /v1/sync/hello`: who is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct HelloRequest {
    /// [`PROTOCOL`] of the client.
    pub protocol: u32,
    /// [`SCHEMA`] of the client.
    pub schema: u32,
    /// The replica.
    pub client_id: ClientId,
    /// Version of the app.
    pub app_version: String,
    /// The client's clock.
    pub now: Millis,
    /// The public half of this replica's own key, with which it can prove later whose it was ([`super::escrow`]).
    /// The first one that is shown for a replica stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_key: Option<PublicKey>,
}

/// What the server is like, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct HelloResponse {
    /// [`PROTOCOL`] of the server.
    pub protocol: u32,
    /// [`SCHEMA`] of the server.
    pub schema: u32,
    /// The oldest schema whose pulls it still answers. Pushes are accepted from any.
    pub min_schema: u32,
    /// Version of the server.
    pub server_version: String,
    /// What it can beyond the protocol's floor.
    pub capabilities: Vec<String>,
    /// The server's clock.
    pub server_time: Millis,
    /// Client's clock minus server's clock, as measured now.
    pub skew_ms: i64,
    /// Changes when the server was restored from a backup: then pull anew and replay.
    pub epoch: u64,
    /// The tenant's sequence.
    pub seq: Seq,
    /// A cursor below this needs the whole scope again.
    pub min_retained_seq: Seq,
    /// Where the lives of the server began that a backup was put back for, as far as it knows: whoever was there in an earlier
    /// one has seen nothing of what was after the lowest of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub began: Vec<Began>,
    /// Always `tenant`: for apps of before there were sites to see or not, which read nothing else.
    pub scopes: Vec<Scope>,
    /// What this person may hold.
    #[serde(default)]
    #[schema(value_type = Vec<Scope>)]
    pub sight: Sight,
    /// The last number this client has a receipt for; 0 when it is new here.
    pub last_n: u64,
    /// How many rows this person may hold: what a first pull will bring. An older server does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<u64>,
    /// To this key work is sealed that its author may not send any more. There where the replica's own key is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub escrow_key: Option<PublicKey>,
}

/// The beginning of a life of the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = EpochBegan)]
pub struct Began {
    /// Which.
    pub epoch: u64,
    /// The tenant's sequence then.
    pub seq: Seq,
}

/// The epoch of a server that no backup was put back for.
const FIRST_LIFE: u64 = 1;

impl HelloResponse {
    /// The last sequence that stood in `life` and stands now.
    #[must_use]
    pub fn kept_since(&self, life: u64) -> Seq {
        // One that began beside this one, from a backup of another day.
        let is_of_another_line = life > FIRST_LIFE && self.began.iter().all(|began| began.epoch != life);
        if is_of_another_line && !self.began.is_empty() {
            return Seq(0);
        }
        let later = self.began.iter().filter(|began| began.epoch > life).map(|began| began.seq).min();
        // A server that does not know when it began keeps that, as long as nothing else raises it.
        self.seq.min(later.unwrap_or(self.min_retained_seq))
    }
}

/// So many former names are said, the latest.
pub const MAX_FORMER: usize = 4;

/// `POST /v1/sync/push`: intents in order, at most [`MAX_PUSH_INTENTS`] and [`MAX_PUSH_BYTES`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct PushRequest {
    /// [`SCHEMA`] of the client.
    pub schema: u32,
    /// The replica; each intent names it as well.
    pub client_id: ClientId,
    /// The client's clock when it sent this: the server corrects the times of the intents by it.
    pub now: Millis,
    /// In which epoch of the server the replica stands: what its author has seen means nothing in another one. `None` where
    /// it has not heard of any, or does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epoch: Option<u64>,
    /// What it was called in earlier lives of the server, at most [`MAX_FORMER`]: what came from there is its own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub former: Vec<ClientId>,
    /// Contiguous by `n`.
    pub intents: Vec<Intent>,
}

/// The answer: a receipt for each intent of the request, in its order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct PushResponse {
    /// The server's epoch.
    pub epoch: u64,
    /// The tenant's sequence after the push.
    pub seq: Seq,
    /// The last number with a receipt.
    pub last_n: u64,
    /// The server's clock.
    pub server_time: Millis,
    /// Client's clock minus server's clock.
    pub skew_ms: i64,
    /// One for each intent.
    pub receipts: Vec<Receipt>,
}

/// `POST /v1/sync/pull`: what has changed since. The answer is a stream of [`Frame`]s.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct PullRequest {
    /// [`SCHEMA`] of the client.
    pub schema: u32,
    /// The replica.
    pub client_id: ClientId,
    /// The epoch the cursors belong to; 0 before the first pull.
    pub epoch: u64,
    /// How far the client has come.
    pub cursors: Vec<Cursor>,
    /// What it holds up to there. A client of before there were sites to see or not says nothing and
    /// holds all it was given.
    #[serde(default)]
    #[schema(value_type = Vec<Scope>)]
    pub scopes: Sight,
    /// What it understands beyond the protocol's floor: [`SEGMENT`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub accepts: Vec<String>,
}

/// A client that says so may be shown to a [`Segment`].
pub const SEGMENT: &str = "segment";

/// `POST /v1/sync/verify`: is what I hold what you hold?
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct VerifyRequest {
    /// [`SCHEMA`] of the client.
    pub schema: u32,
    /// The epoch of its cursor.
    pub epoch: u64,
    /// How far it has come.
    pub seq: Seq,
    /// What it holds.
    #[serde(default)]
    #[schema(value_type = Vec<Scope>)]
    pub scopes: Sight,
}

/// What the server holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct VerifyResponse {
    /// [`SCHEMA`] of the server.
    pub schema: u32,
    /// Its epoch.
    pub epoch: u64,
    /// Its sequence.
    pub seq: Seq,
    /// Of all rows with everything they say ([`Checksum::add_whole`]); `null` where the two cannot be
    /// compared: the client has to pull first, or is of another schema.
    pub whole: Option<Checksum>,
}

/// `POST /v1/sync/mismatch`: a replica did not hold what the server holds, and fetches everything anew.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct MismatchReport {
    /// The replica.
    pub client_id: ClientId,
    /// Up to where both were compared.
    pub seq: Seq,
    /// What found it.
    pub found_by: FoundBy,
    /// What the replica held, or would have held.
    pub replica: Checksum,
    /// What the server said that it holds.
    pub server: Checksum,
}

/// What found a replica to be different.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FoundBy {
    /// The checksum at the end of a pull.
    Checkpoint,
    /// [`VerifyRequest`].
    Verify,
}

/// How far a client has come in what it holds; the scope is always `tenant`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = SyncCursor)]
pub struct Cursor {
    /// Which.
    pub scope: Scope,
    /// Every change up to here was received (published or staged). 0 = nothing.
    pub seq: Seq,
}

/// One frame of a pull. Rows and departures come in ascending order of sequence, so that any
/// prefix is a place to resume from; nothing is published before the `checkpoint`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Frame {
    /// The stream begins.
    Begin(Begin),
    /// Rows whose last change lies in (from, to].
    Rows(Vec<SyncedRow>),
    /// Rows that are no longer in one of the scopes.
    Gone(Vec<Gone>),
    /// All has been sent: publish.
    Checkpoint(Checkpoint),
    /// Everything is there already, of a little while ago: fetch and publish that, then pull from there.
    /// Nothing comes after this.
    Segment(Segment),
    /// Nothing to say for a while.
    Keepalive {
        /// Milliseconds until the session ends.
        token_expires_in: i64,
    },
}

impl Frame {
    /// The kinds by their names on the wire. [`super::frame::FrameReader`] passes over every other one:
    /// a newer server may say more than this version understands.
    pub const KINDS: [&'static str; 6] = ["begin", "rows", "gone", "checkpoint", "segment", "keepalive"];
}

/// The start of the stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Begin {
    /// Always `tenant`.
    pub scope: Scope,
    /// What this person may hold, and what is sent. Other than what the client said it holds: `fresh`.
    #[serde(default)]
    #[schema(value_type = Vec<Scope>)]
    pub scopes: Sight,
    /// The server's epoch.
    pub epoch: u64,
    /// Sent are the changes after this …
    pub from: Seq,
    /// … up to the snapshot.
    pub to: Seq,
    /// The client's cursor was of no use (first pull, other epoch, too old, of other scopes): `from` is 0,
    /// and what the client held or staged is replaced, not added to.
    pub fresh: bool,
    /// The server's clock.
    pub server_time: Millis,
}

/// A row that left a scope. One that lives on in another scope which the reader holds comes again later in
/// the same stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Gone {
    /// From which table.
    pub table: Table,
    /// Which row.
    pub id: Uuid,
    /// When.
    pub seq: Seq,
    /// Why.
    pub why: Departure,
}

/// Why a row left a scope.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Departure {
    /// It was deleted.
    Deleted,
    /// It lives in another scope now.
    LeftScope,
}

/// The end of the stream: what the replica must now hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Checkpoint {
    /// Always `tenant`.
    pub scope: Scope,
    /// The new cursor.
    pub seq: Seq,
    /// Over all rows of the scopes at `seq`, those aside that are one person's own.
    pub checksum: Checksum,
    /// Over this person's own rows; says nothing where none of them changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub own: Option<Checksum>,
}

/// A first pull as it went to somebody else: `GET /v1/sync/segment/{id}` has the same frames, from `begin` to
/// `checkpoint`, byte for byte the same each time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[schema(as = SyncSegment)]
pub struct Segment {
    /// Its name.
    pub id: String,
    /// The sequence of its checkpoint.
    pub seq: Seq,
    /// How many rows it brings.
    pub rows: u64,
    /// How long it is.
    pub bytes: u64,
}

/// `GET /v1/sync/stream`: the data of each server-sent event `changed`. Heartbeats are comments.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Poke {
    /// The tenant's sequence: pull when it is above your cursor.
    pub seq: Seq,
    /// Where it is little and goes on from what was poked last: what a pull would bring, from `begin` to
    /// `checkpoint`. Whoever stands elsewhere pulls.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub frames: Vec<Frame>,
}

/// Most bytes that a poke says.
pub const MAX_POKE_BYTES: usize = 16 * 1024;
