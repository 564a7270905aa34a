//! The client's side of sync: a durable outbox, optimistic rows over server rows, checkpoints.
//!
//! # Contract for a driver (the app's rusqlite store)
//!
//! Implement [`Replica`] on an *open transaction* of the account's file. **One call of this module
//! = one transaction**: begin, call, commit; on an error or a crash roll back, and nothing has
//! happened. Use a connection with `synchronous=FULL` for [`record`], [`retry`] and [`discard`]
//! (the person is told "saved" after that commit); `NORMAL` is enough for the rest.
//!
//! | When | Call |
//! |---|---|
//! | a person changes something | [`record`] → show its refusal, or "saved" after the commit |
//! | before a sync, after `hello` | [`greet`], with the cursor of when it was sent → [`Greeting::Forked`]: [`fork`]; [`Greeting::Restored`]: [`restored`] |
//! | pushing, while it gives something | [`next_push`] → send → [`take_receipts`]; HTTP 409 `client_forked`: [`fork`] |
//! | pulling, never waiting for the outbox | [`Pull::begin`] → request; each frame to [`Pull::take`]: [`Step::Stage`] → [`stage`], [`Step::Publish`] → [`publish`] |
//! | … and [`Step::Narrow`]: this person may see less than before | [`narrow`], then pull again |
//! | … and [`Step::Fetch`]: everything is there already | fetch it, its frames to a new [`Pull::begin`], then pull again |
//! | a poke that brought something | [`Pull::of_poke`] → [`publish`] |
//! | the stream broke off | [`stage`], so that the next pull resumes there |
//! | a push is refused as a whole | [`next_push_of`] fewer; one alone that is refused: [`set_aside`] |
//! | the store cannot read intents any more | pass over them, and [`close_up`] behind them |
//! | what a pull brings cannot be taken | [`start_afresh`], once; then leave it for long |
//! | a record must be kept although the rules refuse it | [`hold`] |
//! | rows came with which something under "needs attention" may stand | [`settle_attention`] |
//! | a person decides about a refused intent | [`retry`], [`retry_as`] with what they corrected, or [`discard`] |
//! | the server became another one, and now and then | [`requeue_deferred`] |
//!
//! Rows that the UI reads are those of [`Replica::row`]: server rows with the pending intents on
//! top. A row's `seq` is that of the server row underneath; 0 = only known here.
//!
//! ```
//! use omniot_shared::{ids::*, roles::Role, time::Millis, sync::{Change, client::{self, Memory, Meta}, intent::NewSite}};
//! use uuid::Uuid;
//!
//! let id = |n| Uuid::from_u128(n);
//! let mut store = Memory::new(Meta::new(ClientId(id(1)), TenantId(id(2)), PersonId(id(3)), Role::Admin));
//! let site = NewSite { id: SiteId(id(4)), name: "Depot".into(), address: None, time_zone: "Europe/Vienna".into(), note: None };
//!
//! // begin immediate
//! let recorded = client::record(&mut store, IntentId(id(5)), Millis(1_000), Change::SiteCreate(site))?;
//! // commit: now the person may be told "saved", and the site is in the list
//! assert!(recorded.is_ok());
//!
//! let push = client::next_push(&store, Millis(2_000))?.expect("there is something to push");
//! assert_eq!(push.intents[0].n, 1);
//! # Ok::<(), std::convert::Infallible>(())
//! ```
//!
//! Deliberately not here: HTTP, retries and timers, zstd, words for people.

mod departed;
mod held;
mod memory;
mod outbox;
mod pull;
mod reading;
mod rebase;
mod record;

use serde::{Deserialize, Serialize};

#[cfg(test)]
use super::seeded::{Bug, is};
use super::{
    checksum::Checksum,
    intent::Intent,
    receipt::{Receipt, Refusal},
    rows::{RowKey, Seq, SyncedRow},
    rules::{Actor, Who},
    sight::Sight,
    wire::Gone,
};
use crate::{
    ids::{ClientId, PersonId, TenantId},
    roles::Role,
    time::Millis,
};

pub use departed::narrow;
pub use held::{close_up, hold, set_aside, settle_attention, words_of};
pub use memory::Memory;
pub use outbox::{Greeting, Taken, discard, fork, greet, next_push, next_push_of, requeue_deferred, restored, retry, retry_as, take_receipts};
pub use pull::{Published, Pull, PullError, STAGE_AT, Step, publish, stage, start_afresh};
pub use reading::Reading;
pub use record::{Recorded, record};

/// How long acknowledged intents are kept for a server that is restored from a backup; by the server's clock,
/// since a tablet's may jump over a month in a moment.
pub const KEEP_ACKNOWLEDGED_MS: i64 = 30 * 24 * 3_600_000;

/// The one small record a replica keeps about itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Meta {
    /// This replica's name; changes when it turns out to be a copy.
    pub client_id: ClientId,
    /// Whose data it is.
    pub tenant: TenantId,
    /// Who works with it.
    pub person: PersonId,
    /// What they may do, as far as the client knows; keep it up to date from `GET /v1/me`.
    pub role: Role,
    /// The number of the next intent.
    pub next_n: u64,
    /// The place of the next intent in the order of recording.
    pub next_order: u64,
    /// The server's epoch; 0 before the first checkpoint.
    pub epoch: u64,
    /// The epoch that every receipt and row here is of; 0 before the first word of the server. A server that was
    /// put back from a backup begins another one.
    #[serde(default)]
    pub life: u64,
    /// The epoch of the last `hello`.
    #[serde(default)]
    pub greeted: u64,
    /// While rows of a life that was lost are still shown: so far everything stands that was seen of them.
    #[serde(default)]
    pub kept: Option<Seq>,
    /// The last checkpoint's sequence.
    pub cursor: Seq,
    /// Over the server rows of that checkpoint, one's own aside.
    pub checksum: Checksum,
    /// Over one's own.
    #[serde(default)]
    pub own: Checksum,
    /// What those rows are of: all rows of these scopes, none of others.
    #[serde(default)]
    pub sight: Sight,
    /// What was received towards the next checkpoint.
    pub staged: Option<StagedMeta>,
    /// When the last checkpoint was published, by this machine's clock.
    pub synced_at: Option<Millis>,
    /// This clock minus the server's, as last measured.
    pub skew_ms: i64,
    /// What it was called in lives of the server that were lost, the latest last: what stands there from then is its own.
    #[serde(default)]
    pub former: Vec<ClientId>,
}

impl Meta {
    /// A new replica that holds nothing yet.
    #[must_use]
    pub fn new(client_id: ClientId, tenant: TenantId, person: PersonId, role: Role) -> Self {
        Self {
            client_id,
            tenant,
            person,
            role,
            next_n: 1,
            next_order: 1,
            epoch: 0,
            life: 0,
            greeted: 0,
            kept: None,
            cursor: Seq(0),
            checksum: Checksum::default(),
            own: Checksum::default(),
            sight: Sight::All,
            staged: None,
            synced_at: None,
            skew_ms: 0,
            former: vec![],
        }
    }

    /// In which life of the server this replica stands; 0 = in none yet.
    #[must_use]
    pub const fn lives_in(&self) -> u64 {
        if self.life == 0 { self.epoch } else { self.life }
    }

    /// Whether this replica has heard nothing of another life of the server than that.
    #[must_use]
    pub const fn stands_in(&self, epoch: u64) -> bool {
        self.lives_in() == 0 || self.lives_in() == epoch
    }

    /// Whether an answer of that epoch may be taken: one of another life says nothing about what was sent in
    /// this one, until [`greet`] has noticed and [`restored`] was called.
    pub(crate) fn accepts(&self, epoch: u64) -> bool {
        #[cfg(test)]
        if is(Bug::AnyLifeCounts) {
            return true;
        }
        let (life, greeted) = (self.lives_in(), self.greeted);
        (greeted == 0 || greeted == epoch) && (life == 0 || life == epoch)
    }

    /// Where the next pull goes on from: epoch, sequence, and what the rows up to there are of.
    #[must_use]
    pub(crate) fn position(&self) -> (u64, Seq, &Sight) {
        self.staged.as_ref().map_or((self.epoch, self.cursor, &self.sight), |staged| (staged.epoch, staged.cursor, &staged.sight))
    }

    /// Whether something here, shown or staged, may not be seen with that sight.
    #[must_use]
    pub fn exceeds(&self, sight: &Sight) -> bool {
        let staged = self.staged.as_ref().map(|staged| &staged.sight);
        [Some(&self.sight), staged].into_iter().flatten().any(|held| !sight.includes(held))
    }

    /// Who makes the changes of this replica.
    #[must_use]
    pub const fn actor(&self, at: Millis) -> Actor<'_> {
        Actor { tenant: self.tenant, who: Who::Person { id: self.person, role: self.role, sight: &self.sight }, now: at }
    }
}

/// What a replica holds towards its next checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StagedMeta {
    /// In which epoch.
    pub epoch: u64,
    /// Everything up to here was received.
    pub cursor: Seq,
    /// It replaces what is published, rather than adding to it.
    pub fresh: bool,
    /// What it is of.
    #[serde(default)]
    pub sight: Sight,
}

/// One change that came from the server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Delta {
    /// The row is now this.
    Row(SyncedRow),
    /// The row is no longer here.
    Gone(Gone),
}

impl Delta {
    /// Which row.
    #[must_use]
    pub fn key(&self) -> RowKey {
        match self {
            Self::Row(synced) => synced.row.key(),
            Self::Gone(gone) => RowKey { table: gone.table, id: gone.id },
        }
    }

    /// When.
    #[must_use]
    pub const fn seq(&self) -> Seq {
        match self {
            Self::Row(synced) => synced.seq,
            Self::Gone(gone) => gone.seq,
        }
    }
}

/// One intent in the outbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Its place in the order of recording; never changes, though `intent.n` may.
    pub order: u64,
    /// The intent.
    pub intent: Intent,
    /// How far it has come.
    pub state: State,
    /// By what its time can be set right.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reading: Option<Reading>,
}

/// How far an intent has come. The store keeps [`State::name`] in a column of its own, to count by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// No receipt yet (sent or not).
    Waiting,
    /// The server said "later"; waits for [`requeue_deferred`].
    Deferred(Refusal),
    /// Accepted; its effect is still shown from here until the pull that brings it.
    Accepted(Receipt),
    /// Refused, or the words that an accepted one lost: "needs attention", until a person decides.
    Attention(Receipt),
    /// Accepted and pulled, or discarded by a person; kept [`KEEP_ACKNOWLEDGED_MS`] (by `at`).
    Done {
        /// The last word, when there was one.
        receipt: Option<Receipt>,
        /// Since when, by the server's clock; by what is known of it here, where a person discarded it.
        at: Millis,
    },
}

impl State {
    /// Its name in the store: `waiting`, `deferred`, `accepted`, `attention`, `done`.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Deferred(_) => "deferred",
            Self::Accepted(_) => "accepted",
            Self::Attention(_) => "attention",
            Self::Done { .. } => "done",
        }
    }

    /// Whether the intent's effect is shown on top of the server rows.
    #[must_use]
    pub const fn is_shown(&self) -> bool {
        matches!(self, Self::Waiting | Self::Deferred(_) | Self::Accepted(_))
    }

    /// Whether a person would call it "not yet synced".
    #[must_use]
    pub const fn is_pending(&self) -> bool {
        matches!(self, Self::Waiting | Self::Deferred(_))
    }
}

/// An open transaction of a replica's store. See the module's contract.
pub trait Replica {
    /// What can go wrong in the store.
    type Error;

    /// The record about itself.
    ///
    /// # Errors
    /// Whatever the store says (so for all methods).
    fn meta(&self) -> Result<Meta, Self::Error>;
    /// Keeps it.
    #[allow(missing_docs, clippy::missing_errors_doc)]
    fn save_meta(&mut self, meta: &Meta) -> Result<(), Self::Error>;

    /// The row as the UI reads it.
    #[allow(clippy::missing_errors_doc)]
    fn row(&self, key: RowKey) -> Result<Option<SyncedRow>, Self::Error>;
    /// Only its sequence; cheaper.
    #[allow(clippy::missing_errors_doc)]
    fn seq_of(&self, key: RowKey) -> Result<Option<Seq>, Self::Error> {
        Ok(self.row(key)?.map(|row| row.seq))
    }
    /// Inserts or replaces a row.
    #[allow(clippy::missing_errors_doc)]
    fn put(&mut self, row: &SyncedRow) -> Result<(), Self::Error>;
    /// Removes a row, if it is there.
    #[allow(clippy::missing_errors_doc)]
    fn remove(&mut self, key: RowKey) -> Result<(), Self::Error>;
    /// Removes every synced row.
    #[allow(clippy::missing_errors_doc)]
    fn remove_all(&mut self) -> Result<(), Self::Error>;
    /// Removes every synced row whose home is out of sight; which ones, and their sequences.
    #[allow(clippy::missing_errors_doc)]
    fn remove_hidden(&mut self, sight: &Sight) -> Result<Vec<(RowKey, Seq)>, Self::Error>;

    /// The server rows underneath optimistic ones (`None`: there is none).
    #[allow(clippy::missing_errors_doc)]
    fn preimages(&self) -> Result<Vec<(RowKey, Option<SyncedRow>)>, Self::Error>;
    /// Whether a pre-image of that row is kept: what waits changes it.
    #[allow(clippy::missing_errors_doc)]
    fn is_covered(&self, key: RowKey) -> Result<bool, Self::Error>;
    /// Keeps what stands at `key` now, unless a pre-image of it is kept already.
    #[allow(clippy::missing_errors_doc)]
    fn keep_preimage(&mut self, key: RowKey, row: Option<&SyncedRow>) -> Result<(), Self::Error>;
    /// Forgets all pre-images.
    #[allow(clippy::missing_errors_doc)]
    fn clear_preimages(&mut self) -> Result<(), Self::Error>;

    /// The intents that are [`State::is_shown`], by `order`.
    #[allow(clippy::missing_errors_doc)]
    fn outbox(&self) -> Result<Vec<Entry>, Self::Error>;
    /// The first `limit` intents that are [`State::Waiting`], by number.
    #[allow(clippy::missing_errors_doc)]
    fn waiting(&self, limit: usize) -> Result<Vec<Entry>, Self::Error>;
    /// The intents that are [`State::Deferred`], by `order`.
    #[allow(clippy::missing_errors_doc)]
    fn deferred(&self) -> Result<Vec<Entry>, Self::Error>;
    /// That intent, in whatever state.
    #[allow(clippy::missing_errors_doc)]
    fn entry(&self, id: crate::ids::IntentId) -> Result<Option<Entry>, Self::Error>;
    /// The intents that are [`State::Done`] by a receipt, by `order`.
    #[allow(clippy::missing_errors_doc)]
    fn acknowledged(&self) -> Result<Vec<Entry>, Self::Error>;
    /// The intents that are [`State::Done`] without a receipt, by `order`.
    #[allow(clippy::missing_errors_doc)]
    fn given_up(&self) -> Result<Vec<Entry>, Self::Error>;
    /// The intents that are under [`State::Attention`], by `order`.
    #[allow(clippy::missing_errors_doc)]
    fn attention(&self) -> Result<Vec<Entry>, Self::Error>;
    /// Inserts or replaces an intent, by its id.
    #[allow(clippy::missing_errors_doc)]
    fn save_entry(&mut self, entry: &Entry) -> Result<(), Self::Error>;
    /// Forgets an intent, by its id.
    #[allow(clippy::missing_errors_doc)]
    fn remove_entry(&mut self, id: crate::ids::IntentId) -> Result<(), Self::Error>;
    /// Forgets the intents that are [`State::Done`] since before `at`.
    #[allow(clippy::missing_errors_doc)]
    fn forget_done_before(&mut self, at: Millis) -> Result<(), Self::Error>;

    /// Appends to what was received towards the next checkpoint.
    #[allow(clippy::missing_errors_doc)]
    fn stage(&mut self, deltas: &[Delta]) -> Result<(), Self::Error>;
    /// What was staged, in order: up to `limit` after the first `skip`.
    #[allow(clippy::missing_errors_doc)]
    fn staged(&self, skip: usize, limit: usize) -> Result<Vec<Delta>, Self::Error>;
    /// Forgets it.
    #[allow(clippy::missing_errors_doc)]
    fn clear_staged(&mut self) -> Result<(), Self::Error>;
}
