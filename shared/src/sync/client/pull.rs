//! Pulling: frames in, one published checkpoint out.
//!
//! Nothing that a reader sees changes before [`publish`], which does rows, departures, cursor,
//! checksum and rebase in one transaction. Deliberately not here: reading the network.

use std::collections::{HashMap, HashSet};

#[cfg(test)]
use crate::sync::seeded::{Bug, commit_here, is};
use super::{Delta, KEEP_ACKNOWLEDGED_MS, Meta, Replica, StagedMeta, departed, rebase};
use crate::{
    sync::{
        checksum::Checksum,
        intent::Change,
        rows::{RowKey, Scope, Seq},
        sight::Sight,
        wire::{Begin, Checkpoint, Cursor, Departure, Frame, PullRequest, SCHEMA, SEGMENT, Segment},
    },
    time::Millis,
};

/// After so many changes in memory they go to disk.
pub const STAGE_AT: usize = if cfg!(test) { 3 } else { 20_000 };
/// How many staged changes are read back at once.
const CHUNK: usize = 1_000;

/// One pull under way.
#[derive(Debug)]
pub struct Pull {
    request: PullRequest,
    /// What is published here, when the pull began.
    held: Sight,
    /// The request continued what was staged.
    resumes: Option<StagedMeta>,
    begin: Option<Begin>,
    deltas: Vec<Delta>,
    reached: Seq,
}

/// What to do after a frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Read on.
    More,
    /// Call [`stage`], then read on.
    Stage,
    /// Call [`publish`].
    Publish(Checkpoint),
    /// Fetch this, give its frames to another pull of the same beginning, then pull again.
    Fetch(Segment),
    /// Call [`narrow`] with [`Pull::sight`], and drop this pull: the next one asks for what is still seen.
    Narrow,
}

/// The frames make no sense: give the pull up, keep nothing of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PullError {
    /// A frame came before `begin`, or a second `begin`.
    #[error("the stream does not begin as it should")]
    NoBegin,
    /// The stream begins elsewhere than was asked.
    #[error("the stream begins at another place than was asked for")]
    WrongStart,
    /// Sequences must rise, up to the snapshot's.
    #[error("the changes are out of order")]
    OutOfOrder,
}

impl Pull {
    /// A pull from where this replica stands.
    ///
    /// # Errors
    /// Whatever the store says.
    pub fn begin<R: Replica>(replica: &R) -> Result<Self, R::Error> {
        let meta = replica.meta()?;
        let (epoch, seq, scopes) = meta.position();
        let cursor = Cursor { scope: Scope::Tenant, seq: if epoch == 0 { Seq(0) } else { seq } };
        // How it was a little while ago is good enough for whoever has never shown anything.
        let accepts = if meta.synced_at.is_none() { vec![SEGMENT.to_owned()] } else { vec![] };
        let request = PullRequest { schema: SCHEMA, client_id: meta.client_id, epoch, cursors: vec![cursor], scopes: scopes.clone(), accepts };
        Ok(Self { request, held: meta.sight, resumes: meta.staged, begin: None, deltas: Vec::new(), reached: cursor.seq })
    }

    /// The same pull, for rows and nothing else: the segment that it was shown to is not there.
    #[must_use]
    pub fn of_rows(mut self) -> Self {
        self.request.accepts.clear();
        self
    }

    /// The pull that came with a poke, and its checkpoint; `None` where it does not go on from here: pull then.
    ///
    /// # Errors
    /// Whatever the store says.
    pub fn of_poke<R: Replica>(replica: &R, frames: Vec<Frame>) -> Result<Option<(Self, Checkpoint)>, R::Error> {
        let mut pull = Self::begin(replica)?;
        #[cfg(test)]
        if let (true, Some(Frame::Begin(begin))) = (is(Bug::PokesFitAnywhere), frames.first()) {
            pull.reached = begin.from;
        }
        // A poke adds; it never replaces what is here, nor ends a pull that is half here.
        let adds = !frames.iter().any(|frame| matches!(frame, Frame::Begin(begin) if begin.fresh));
        if !adds || pull.resumes.is_some() {
            return Ok(None);
        }
        for frame in frames {
            match pull.take(frame) {
                Ok(Step::More) => {}
                Ok(Step::Publish(checkpoint)) => return Ok(Some((pull, checkpoint))),
                Ok(Step::Stage | Step::Narrow | Step::Fetch(_)) | Err(_) => return Ok(None),
            }
        }
        Ok(None)
    }

    /// What the server lets this person see, once it has said so.
    #[must_use]
    pub fn sight(&self) -> Option<&Sight> {
        self.begin.as_ref().map(|begin| &begin.scopes)
    }

    /// When it was answered, by the server's clock.
    #[must_use]
    pub fn server_time(&self) -> Option<Millis> {
        self.begin.as_ref().map(|begin| begin.server_time)
    }

    /// What to send.
    #[must_use]
    pub const fn request(&self) -> &PullRequest {
        &self.request
    }

    /// Takes the next frame.
    ///
    /// # Errors
    /// [`PullError`]; drop this pull then.
    pub fn take(&mut self, frame: Frame) -> Result<Step, PullError> {
        match frame {
            Frame::Begin(begin) => self.take_begin(begin),
            Frame::Rows(rows) => self.take_deltas(rows.into_iter().map(Delta::Row)),
            Frame::Gone(gone) => self.take_deltas(gone.into_iter().map(Delta::Gone)),
            Frame::Keepalive { .. } => Ok(Step::More),
            Frame::Checkpoint(checkpoint) => {
                let begin = self.begin.as_ref().ok_or(PullError::NoBegin)?;
                if checkpoint.seq == begin.to { Ok(Step::Publish(checkpoint)) } else { Err(PullError::OutOfOrder) }
            }
            Frame::Segment(segment) => {
                // It is everything: it follows a beginning, and nothing else.
                let is_first = self.begin.as_ref().is_some_and(|begin| begin.fresh) && self.deltas.is_empty();
                if is_first { Ok(Step::Fetch(segment)) } else { Err(PullError::OutOfOrder) }
            }
        }
    }

    fn take_begin(&mut self, begin: Begin) -> Result<Step, PullError> {
        if self.begin.is_some() {
            return Err(PullError::NoBegin);
        }
        let start = if begin.fresh { Seq(0) } else { self.reached };
        let is_other = begin.epoch != self.request.epoch || begin.scopes != self.request.scopes;
        if begin.from != start || begin.to < begin.from || (!begin.fresh && is_other) {
            return Err(PullError::WrongStart);
        }
        let staged = self.resumes.as_ref().map(|staged| &staged.sight);
        let narrows = [Some(&self.held), staged].into_iter().flatten().any(|held| !begin.scopes.includes(held));
        #[cfg(test)]
        let narrows = narrows && !is(Bug::NothingNarrows);
        self.reached = start;
        self.begin = Some(begin);
        Ok(if narrows { Step::Narrow } else { Step::More })
    }

    fn take_deltas(&mut self, deltas: impl Iterator<Item = Delta>) -> Result<Step, PullError> {
        let to = self.begin.as_ref().ok_or(PullError::NoBegin)?.to;
        for delta in deltas {
            if delta.seq() <= self.reached || delta.seq() > to {
                return Err(PullError::OutOfOrder);
            }
            self.reached = delta.seq();
            self.deltas.push(delta);
        }
        Ok(if self.deltas.len() >= STAGE_AT { Step::Stage } else { Step::More })
    }

    /// Whether the replica still stands where this pull began (a faster one may have published), and the server
    /// is in the life that the replica knows.
    fn still_fits(&self, meta: &Meta) -> bool {
        if self.begin.as_ref().is_some_and(|begin| !meta.accepts(begin.epoch)) {
            return false;
        }
        // It may bring how it was a while ago; something newer was shown meanwhile.
        if !self.request.accepts.is_empty() && meta.synced_at.is_some() {
            return false;
        }
        #[cfg(test)]
        if is(Bug::OlderPullWins) {
            return true;
        }
        let (epoch, seq, _) = meta.position();
        let asked = self.request.cursors.first().map(|cursor| cursor.seq);
        meta.staged == self.resumes && meta.sight == self.held && epoch == self.request.epoch && (epoch == 0 || asked == Some(seq))
    }

    /// Whether what this pull brings replaces what is published.
    fn is_fresh(&self, begin: &Begin) -> bool {
        begin.fresh || self.resumes.as_ref().is_some_and(|staged| staged.fresh)
    }
}

/// Moves what was received from memory to disk, unpublished, with the place to resume from.
/// `false` when another pull has overtaken this one: drop it.
///
/// # Errors
/// Whatever the store says; roll back and drop the pull.
pub fn stage<R: Replica>(replica: &mut R, pull: &mut Pull) -> Result<bool, R::Error> {
    let mut meta = replica.meta()?;
    let Some(mut begin) = pull.begin.clone() else { return Ok(true) };
    if !pull.still_fits(&meta) {
        return Ok(false);
    }
    if pull.deltas.is_empty() {
        return Ok(true);
    }
    if begin.fresh {
        replica.clear_staged()?;
    }
    replica.stage(&pull.deltas)?;
    #[cfg(test)]
    if is(Bug::StagedIsShown) {
        pull.deltas.iter().try_for_each(|delta| lay(replica, delta))?;
    }
    let staged = StagedMeta { epoch: begin.epoch, cursor: pull.reached, fresh: pull.is_fresh(&begin), sight: begin.scopes.clone() };
    meta.staged = Some(staged.clone());
    replica.save_meta(&meta)?;
    // From here on this pull continues what it has staged.
    pull.deltas.clear();
    pull.request.epoch = staged.epoch;
    pull.request.cursors = vec![Cursor { scope: begin.scope, seq: staged.cursor }];
    pull.request.scopes = staged.sight.clone();
    pull.resumes = Some(staged);
    begin.fresh = false;
    pull.begin = Some(begin);
    Ok(true)
}

/// What publishing came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Published {
    /// The replica stands at this sequence now; so many rows came and went.
    Now {
        /// The new cursor.
        seq: Seq,
        /// Changes that came.
        changes: usize,
        /// Whether rows went out of sight, or all were laid down anew.
        departed: bool,
    },
    /// The rows would not be those of the server: nothing was published, and the next pull brings
    /// the whole scope anew. Worth a report, with both digests.
    Mismatch {
        /// Up to where.
        seq: Seq,
        /// What this replica would hold.
        ours: Checksum,
        /// What the server holds.
        theirs: Checksum,
    },
    /// Another pull has overtaken this one; nothing happened.
    Overtaken,
}

/// Publishes a checkpoint: rows, departures, cursor, checksum and rebase, all or nothing.
///
/// # Errors
/// Whatever the store says; roll back. Frames that make no sense were refused by [`Pull::take`].
pub fn publish<R: Replica>(replica: &mut R, pull: Pull, checkpoint: &Checkpoint, now: Millis) -> Result<Published, R::Error> {
    let mut meta = replica.meta()?;
    let Some(begin) = pull.begin.clone().filter(|_| pull.still_fits(&meta)) else { return Ok(Published::Overtaken) };
    if begin.fresh {
        // What was staged before belongs to another epoch.
        replica.clear_staged()?;
    }
    let (ours, own) = checksums_after(replica, &meta, &pull, &begin)?;
    meta.staged = None;
    #[cfg(test)]
    let ours = if is(Bug::ChecksumNotCompared) { checkpoint.checksum } else { ours };
    let theirs = (checkpoint.checksum, checkpoint.own.unwrap_or(own));
    if (ours, own) != theirs {
        replica.clear_staged()?;
        meta.epoch = 0;
        replica.save_meta(&meta)?;
        let (ours, theirs) = if ours == theirs.0 { (own, theirs.1) } else { (ours, theirs.0) };
        return Ok(Published::Mismatch { seq: checkpoint.seq, ours, theirs });
    }
    #[cfg(test)]
    if is(Bug::CursorBeforeRows) {
        meta.cursor = checkpoint.seq;
        meta.epoch = begin.epoch;
        meta.checksum = ours;
        replica.save_meta(&meta)?;
        commit_here();
    }
    rebase::lay_bare(replica)?;
    if pull.is_fresh(&begin) {
        replica.remove_all()?;
    }
    let (changes, departed) = lay_down(replica, &pull)?;
    let departed = departed || pull.is_fresh(&begin) && meta.epoch != 0;
    replica.clear_staged()?;
    rebase::settle(replica, checkpoint.seq, begin.server_time)?;
    meta.sight = begin.scopes;
    rebase::show_again(replica, &meta)?;
    let today = begin.server_time;
    #[cfg(test)]
    let today = if is(Bug::OwnClockForgets) { now } else { today };
    replica.forget_done_before(today.plus(-KEEP_ACKNOWLEDGED_MS))?;
    meta.epoch = begin.epoch;
    meta.life = begin.epoch;
    meta.kept = None;
    meta.cursor = checkpoint.seq;
    meta.checksum = ours;
    meta.own = own;
    meta.synced_at = Some(now);
    replica.save_meta(&meta)?;
    Ok(Published::Now { seq: checkpoint.seq, changes, departed })
}

/// The checksums that the server rows would have after this pull: of all that are shared, and of one's own.
fn checksums_after<R: Replica>(replica: &R, meta: &Meta, pull: &Pull, begin: &Begin) -> Result<(Checksum, Checksum), R::Error> {
    let fresh = pull.is_fresh(begin);
    let (mut shared, mut own) = if fresh { Default::default() } else { (meta.checksum, meta.own) };
    // Server rows under optimistic ones, and what this pull brought before.
    let mut known: HashMap<RowKey, Option<Seq>> = HashMap::new();
    if !fresh {
        known.extend(replica.preimages()?.into_iter().map(|(key, under)| (key, under.map(|row| row.seq))));
    }
    // One snapshot names a row once; only what was staged from an earlier one may name it before.
    let once = fresh && pull.resumes.is_none();
    each(replica, pull, |replica, delta| {
        let key = delta.key();
        let old = match known.get(&key) {
            Some(seq) => *seq,
            None if fresh => None,
            None => replica.seq_of(key)?.filter(|seq| *seq != Seq(0)),
        };
        let checksum = if key.table.is_personal() { &mut own } else { &mut shared };
        if let Some(old) = old {
            checksum.remove(key, old);
        }
        let new = match delta {
            Delta::Row(synced) => {
                checksum.add(key, synced.seq);
                Some(synced.seq)
            }
            Delta::Gone(_) => None,
        };
        if !once {
            known.insert(key, new);
        }
        Ok(())
    })?;
    Ok((shared, own))
}

fn each<R: Replica>(replica: &R, pull: &Pull, mut visit: impl FnMut(&R, &Delta) -> Result<(), R::Error>) -> Result<(), R::Error> {
    if pull.resumes.is_some() {
        let mut skip = 0;
        loop {
            let chunk = replica.staged(skip, CHUNK)?;
            skip += chunk.len();
            chunk.iter().try_for_each(|delta| visit(replica, delta))?;
            if chunk.len() < CHUNK {
                break;
            }
        }
    }
    pull.deltas.iter().try_for_each(|delta| visit(replica, delta))
}

/// How many changes were laid down, and whether a row has left sight with them. One that came back in the same pull
/// has only moved.
fn lay_down<R: Replica>(replica: &mut R, pull: &Pull) -> Result<(usize, bool), R::Error> {
    let (mut count, mut left) = (pull.deltas.len(), HashSet::new());
    if pull.resumes.is_some() {
        let mut skip = 0;
        loop {
            let chunk = replica.staged(skip, CHUNK)?;
            skip += chunk.len();
            chunk.iter().try_for_each(|delta| lay(replica, delta))?;
            left.extend(chunk.iter().filter(|delta| is_departed(delta)).map(Delta::key));
            if chunk.len() < CHUNK {
                break;
            }
        }
        count += skip;
    }
    pull.deltas.iter().try_for_each(|delta| lay(replica, delta))?;
    left.extend(pull.deltas.iter().filter(|delta| is_departed(delta)).map(Delta::key));
    let mut gone = HashSet::new();
    for key in left {
        if replica.row(key)?.is_none() {
            gone.insert(key);
        }
    }
    let is_departed = |change: &Change, tenant| gone.contains(&change.target(tenant));
    departed::forget_done_to(replica, is_departed)?;
    Ok((count, !gone.is_empty()))
}

fn is_departed(delta: &Delta) -> bool {
    matches!(delta, Delta::Gone(gone) if gone.why == Departure::LeftScope)
}

fn lay<R: Replica>(replica: &mut R, delta: &Delta) -> Result<(), R::Error> {
    match delta {
        Delta::Row(synced) => replica.put(synced),
        Delta::Gone(_) => replica.remove(delta.key()),
    }
}

/// Forgets what was staged and where the replica stands, so that the next pull brings everything anew.
/// What is published stays shown until then, the outbox is untouched.
///
/// # Errors
/// Whatever the store says; roll back.
pub fn start_afresh<R: Replica>(replica: &mut R) -> Result<(), R::Error> {
    let mut meta = replica.meta()?;
    // In which life of the server it stands is not forgotten.
    meta.life = meta.lives_in();
    meta.epoch = 0;
    meta.staged = None;
    replica.clear_staged()?;
    replica.save_meta(&meta)
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::{
        entities::Site,
        ids::{ClientId, PersonId, SiteId, TenantId},
        roles::Role,
        sync::{client::{Memory, narrow}, rows::SyncedRow},
    };

    fn sites(numbers: &[u128]) -> Sight {
        Sight::Sites(numbers.iter().map(|n| SiteId(Uuid::from_u128(*n))).collect())
    }

    fn begin(scopes: Sight, to: i64) -> Frame {
        Frame::Begin(Begin { scope: Scope::Tenant, scopes, epoch: 1, from: Seq(0), to: Seq(to), fresh: true, server_time: Millis(0) })
    }

    fn row(n: u128) -> SyncedRow {
        let site = Site { id: SiteId(Uuid::from_u128(n)), name: "s".into(), address: None, time_zone: "UTC".into(), note: None, created_at: Millis(0) };
        SyncedRow { seq: Seq(i64::try_from(n).unwrap()), row: site.into() }
    }

    #[test]
    fn what_was_staged_of_a_right_that_has_gone_since_goes_with_it() {
        let id = Uuid::from_u128;
        let mut store = Memory::new(Meta { epoch: 1, cursor: Seq(1), sight: sites(&[1]), ..Meta::new(ClientId(id(1)), TenantId(id(2)), PersonId(id(3)), Role::Viewer) });
        let Ok(mut pull) = Pull::begin(&store);
        assert_eq!(pull.take(begin(sites(&[1, 2]), 9)), Ok(Step::More), "more than before: nothing goes");
        assert_eq!(pull.take(Frame::Rows(vec![row(1), row(2)])), Ok(Step::More));
        let Ok(staged) = stage(&mut store, &mut pull);
        assert!(staged && store.meta().unwrap().exceeds(&sites(&[1])));
        // Cut off here; when the next pull begins, the second site is taken away again.
        let Ok(mut pull) = Pull::begin(&store);
        assert_eq!(pull.take(begin(sites(&[1]), 10)), Ok(Step::Narrow));
        let Ok(()) = narrow(&mut store, pull.sight().unwrap());
        assert_eq!(store.staged(0, 10).unwrap(), []);
        assert!(!store.meta().unwrap().exceeds(&sites(&[1])));
    }

    #[test]
    fn only_who_never_showed_anything_is_content_with_how_it_was_a_while_ago() {
        let id = Uuid::from_u128;
        let accepted = |epoch, cursor, synced_at| {
            let store = Memory::new(Meta { epoch, cursor: Seq(cursor), synced_at, ..Meta::new(ClientId(id(1)), TenantId(id(2)), PersonId(id(3)), Role::Viewer) });
            let Ok(pull) = Pull::begin(&store);
            pull.request().accepts.clone()
        };
        assert_eq!(accepted(0, 0, None), [SEGMENT]);
        assert!(accepted(1, 9, Some(Millis(1))).is_empty());
        // All is pulled anew, after a narrowing or since something did not fit: what is shown does not go back in time.
        assert!(accepted(0, 9, Some(Millis(1))).is_empty() && accepted(0, 0, Some(Millis(1))).is_empty());
    }

    #[test]
    fn a_first_pull_that_comes_late_shows_nothing_older_than_was_shown() {
        let id = Uuid::from_u128;
        let mut store = Memory::new(Meta::new(ClientId(id(1)), TenantId(id(2)), PersonId(id(3)), Role::Viewer));
        let Ok(mut late) = Pull::begin(&store);
        late.take(begin(Sight::All, 3)).unwrap();
        // Meanwhile another pull was published, and then a greeting was taken for that of a restored server.
        store.save_meta(&Meta { synced_at: Some(Millis(1)), ..store.meta().unwrap() }).unwrap();
        let checkpoint = Checkpoint { scope: Scope::Tenant, seq: Seq(3), checksum: Checksum::default(), own: None };
        assert_eq!(publish(&mut store, late, &checkpoint, Millis(2)), Ok(Published::Overtaken));
    }

    #[test]
    fn a_poke_adds_to_what_is_here_and_replaces_nothing() {
        let id = Uuid::from_u128;
        let meta = |staged| Meta { epoch: 1, cursor: Seq(1), staged, ..Meta::new(ClientId(id(1)), TenantId(id(2)), PersonId(id(3)), Role::Viewer) };
        let checkpoint = Checkpoint { scope: Scope::Tenant, seq: Seq(2), checksum: Checksum::default(), own: None };
        let news = |from: i64, fresh, scopes| {
            let begin = Begin { scope: Scope::Tenant, scopes, epoch: 1, from: Seq(from), to: Seq(2), fresh, server_time: Millis(0) };
            vec![Frame::Begin(begin), Frame::Rows(vec![row(2)]), Frame::Checkpoint(checkpoint)]
        };
        let fits = |staged, frames| {
            let Ok(taken) = Pull::of_poke(&Memory::new(meta(staged)), frames);
            taken.is_some()
        };
        assert!(fits(None, news(1, false, Sight::All)));
        assert!(!fits(None, news(0, false, Sight::All)), "it begins elsewhere");
        assert!(!fits(None, news(0, true, Sight::All)), "it would replace everything");
        assert!(!fits(None, news(1, false, sites(&[1]))), "of other rows");
        let half = StagedMeta { epoch: 1, cursor: Seq(1), fresh: true, sight: Sight::All };
        assert!(!fits(Some(half), news(1, false, Sight::All)), "a pull is half here");
        assert!(!fits(None, vec![Frame::Rows(vec![row(2)])]));
    }
}
