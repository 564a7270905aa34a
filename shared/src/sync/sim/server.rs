//! The server in memory: the same decisions as the real one, kept in maps.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::world::said;
use crate::{
    ids::{ClientId, IntentId, PersonId, TenantId},
    roles::Role,
    sync::{
        checksum::Checksum,
        intent::{Change, Intent},
        policy::{Edit, Stamps, stamped},
        receipt::{Code, Outcome, Receipt, Refusal},
        rows::{Row, RowKey, RowSet, Scope, Seq, SyncedRow},
        rules::{Actor, RowChange, Who},
        sight::Sight,
        seeded::{self, Bug},
        server::{Arrival, arrival, as_own, corrected, decide, held_by_parent},
        wire::{Began, Begin, Checkpoint, Departure, Frame, Gone, HelloResponse, PullRequest, PushRequest, PushResponse},
    },
    time::Millis,
};

/// How many rows a frame holds here: few, so that there are places to cut.
const ROWS_PER_FRAME: usize = 2;

/// A first pull that is kept is of use until so many changes came after it.
const STALE: i64 = 12;

/// So many sequences are told of for good.
const LATELY: i64 = 4;

/// Why a push as a whole is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotTaken {
    /// It was made in another life of the server: what its author has seen means nothing in this one.
    OtherEpoch,
    Gap,
    Forked,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    pub tenant: TenantId,
    /// Another one after each time that a backup was put back.
    pub epoch: u64,
    began: Vec<Began>,
    pub now: Millis,
    pub seq: Seq,
    pub rows: BTreeMap<RowKey, SyncedRow>,
    stamps: HashMap<RowKey, Stamps>,
    /// By the home that was left.
    gone: BTreeMap<(Scope, RowKey), Gone>,
    /// Below this, departures were forgotten.
    min_retained: Seq,
    /// Of what each person may see, since which sequence.
    pub sights: HashMap<PersonId, (Seq, Sight)>,
    last_n: HashMap<ClientId, u64>,
    pub receipts: BTreeMap<(ClientId, u64), Receipt>,
    pub finals: HashMap<IntentId, Receipt>,
    /// Under which number each of those was said first.
    pub first_under: HashMap<IntentId, (ClientId, u64)>,
    /// Under which number an intent was last put off; earlier such receipts are overwritten.
    put_off: HashMap<IntentId, (ClientId, u64)>,
    pub roles: HashMap<PersonId, Role>,
    people: HashMap<ClientId, PersonId>,
    /// What the rows were at each sequence.
    pub history: BTreeMap<Seq, BTreeMap<RowKey, SyncedRow>>,
    /// Words that went with an intent.
    pub words_gone: Vec<(IntentId, String)>,
    /// Lines of notes that an intent put in, was accepted with, and that never stood here.
    pub words_missing: Vec<(IntentId, String)>,
    /// All lines of notes that ever stood here.
    pub stood: BTreeSet<String>,
    /// Lines of notes that somebody online replaced.
    pub replaced: Vec<String>,
    /// The kinds of change that this version does not know yet.
    pub unknown: Option<&'static str>,
    /// First pulls of some time ago, for the next ones who see the same.
    kept: BTreeMap<Sight, (u64, Seq, Vec<Frame>)>,
}

impl Server {
    pub fn new(tenant: TenantId) -> Self {
        Self {
            tenant,
            epoch: 1,
            began: Vec::new(),
            now: Millis(1_000_000),
            seq: Seq(0),
            rows: BTreeMap::new(),
            stamps: HashMap::new(),
            gone: BTreeMap::new(),
            min_retained: Seq(0),
            sights: HashMap::new(),
            last_n: HashMap::new(),
            receipts: BTreeMap::new(),
            finals: HashMap::new(),
            first_under: HashMap::new(),
            put_off: HashMap::new(),
            roles: HashMap::new(),
            people: HashMap::new(),
            history: BTreeMap::from([(Seq(0), BTreeMap::new())]),
            words_gone: vec![],
            replaced: vec![],
            words_missing: vec![],
            stood: BTreeSet::new(),
            unknown: None,
            kept: BTreeMap::new(),
        }
    }

    /// What the last so many sequences brought, as it comes with a poke: nothing that is somebody's own, and not to
    /// them; whose own is among it is told nothing.
    pub fn news(&self, last: i64, client: ClientId) -> Option<Vec<Frame>> {
        let (since, reader) = (self.seq.0 - last, self.person(client));
        let theirs = |key: &RowKey, home: Scope| key.table.is_personal() && reader.is_some_and(|reader| home == Scope::Person(reader));
        let is_concerned = self.rows.iter().any(|(key, row)| row.seq.0 > since && theirs(key, row.row.home()))
            || self.gone.iter().any(|((home, key), gone)| gone.seq.0 > since && theirs(key, *home));
        // News are made with the change: what was forgotten since is among them, and cannot be made up here.
        let is_forgotten = Seq(since) < self.min_retained && !seeded::is(Bug::ForgottenUnsaid);
        if is_forgotten || is_concerned {
            return None;
        }
        Some(self.news_of(last))
    }

    fn news_of(&self, last: i64) -> Vec<Frame> {
        self.frames(&Sight::All, Sight::All, Seq((self.seq.0 - last).max(0)), true, None)
    }

    pub fn admit(&mut self, person: PersonId, role: Role, client: ClientId) {
        self.roles.insert(person, role);
        self.people.insert(client, person);
        self.sights.entry(person).or_default();
    }

    /// Lets a person see other things than before. It takes a sequence, so that everybody pulls.
    pub fn show(&mut self, person: PersonId, sight: Sight) {
        self.seq = Seq(self.seq.0 + 1);
        self.history.insert(self.seq, self.rows.clone());
        self.sights.insert(person, (self.seq, sight));
    }

    /// Forgets the departures of some time ago.
    pub fn compact(&mut self) {
        let last = Seq(self.seq.0 - LATELY);
        self.gone.retain(|_, gone| gone.seq > last);
        if !seeded::is(Bug::ForgottenUnsaid) {
            self.min_retained = self.min_retained.max(last);
        }
    }

    /// This backup is put back at `now`, and whoever does so says so (`omniot tenant restored`). People keep their
    /// apps, whatever the backup knows of them.
    pub fn put_back(&mut self, epoch: u64, now: Millis, apps: impl Iterator<Item = (ClientId, PersonId)>) {
        self.now = now;
        self.people.extend(apps);
        if !seeded::is(Bug::EpochStays) {
            self.epoch = epoch;
            self.began.push(Began { epoch, seq: self.seq });
            self.min_retained = self.seq;
        }
    }

    pub fn hello(&self, client: ClientId, client_now: Millis) -> HelloResponse {
        HelloResponse {
            protocol: 1,
            schema: 1,
            min_schema: 1,
            server_version: String::new(),
            capabilities: vec![],
            server_time: self.now,
            skew_ms: client_now.since(self.now),
            epoch: self.epoch,
            seq: self.seq,
            min_retained_seq: self.min_retained,
            began: self.began.clone(),
            scopes: vec![Scope::Tenant],
            sight: self.sight_of(client),
            last_n: self.last_n.get(&client).copied().unwrap_or(0),
            rows: None,
            escrow_key: None,
        }
    }

    /// What the person behind that client may see.
    pub fn sight_of(&self, client: ClientId) -> Sight {
        let of = |person: &PersonId| self.sights.get(person).map(|(_, sight)| sight.clone());
        self.people.get(&client).and_then(of).unwrap_or_default()
    }

    /// Who works with that client.
    pub fn person(&self, client: ClientId) -> Option<PersonId> {
        self.people.get(&client).copied()
    }

    /// The rows that are seen: those in sight, and the reader's own.
    pub fn seen(&self, sight: &Sight, reader: Option<PersonId>) -> BTreeMap<RowKey, SyncedRow> {
        self.rows.iter().filter(|(_, synced)| sight.covers(synced.row.home()) && is_for(synced.row.home(), reader)).map(|(key, synced)| (*key, synced.clone())).collect()
    }

    /// A change by somebody who is online.
    pub fn edit(&mut self, change: &Change) {
        let actor = Actor { tenant: self.tenant, who: Who::System, now: self.now };
        let edit = Edit { base: None, words: None, at: self.now, by: None, read: None, past_lost: false };
        if let Ok(changes) = crate::sync::apply(change, &actor, &self.row_set()) {
            let target = change.target(self.tenant);
            let before = words(self.rows.get(&target));
            self.write(changes, &edit, false);
            self.replaced.extend(before.difference(&words(self.rows.get(&target))).cloned());
        }
    }

    pub fn erase(&mut self, key: RowKey) {
        let edit = Edit { base: None, words: None, at: self.now, by: None, read: None, past_lost: false };
        if self.rows.contains_key(&key) {
            self.write(vec![RowChange::Remove(key)], &edit, false);
        }
        if seeded::is(Bug::EvidenceGoesWithSite) {
            let is_of_it = |row: &Row| matches!(row, Row::Attempt(attempt) if attempt.site_id.is_some_and(|site| RowKey::from(site) == key));
            let of_it = self.rows.iter().filter(|(_, synced)| is_of_it(&synced.row)).map(|(key, _)| RowChange::Remove(*key)).collect();
            self.write(of_it, &edit, false);
        }
    }

    pub fn row_set(&self) -> RowSet {
        self.rows.iter().map(|(key, synced)| (*key, synced.row.clone())).collect()
    }

    fn write(&mut self, changes: Vec<RowChange>, edit: &Edit<'_>, is_joined: bool) {
        for change in changes {
            self.seq = if seeded::is(Bug::SequenceFromClock) { self.seq.max(Seq(self.now.0)) } else { Seq(self.seq.0 + 1) };
            let key = change.key();
            let old = self.rows.remove(&key);
            match change {
                RowChange::Put(row) => {
                    if let Some(left) = old.as_ref().map(|old| old.row.home()).filter(|home| *home != row.home() && !seeded::is(Bug::MovesUnsaid)) {
                        self.gone.insert((left, key), Gone { table: key.table, id: key.id, seq: self.seq, why: Departure::LeftScope });
                        self.seq = Seq(self.seq.0 + 1);
                    }
                    let stamps = self.stamps.remove(&key).unwrap_or_default();
                    self.stamps.insert(key, stamped(stamps, old.as_ref().map(|old| &old.row), &row, edit, is_joined, self.seq));
                    let synced = SyncedRow { seq: self.seq, row };
                    self.stood.extend(words(Some(&synced)));
                    self.rows.insert(key, synced);
                }
                RowChange::Remove(key) => {
                    self.stamps.remove(&key);
                    let Some(old) = old else { continue };
                    self.gone.insert((old.row.home(), key), Gone { table: key.table, id: key.id, seq: self.seq, why: Departure::Deleted });
                }
            }
        }
        self.history.insert(self.seq, self.rows.clone());
    }

    /// All of a push or nothing of it.
    pub fn push(&mut self, push: &PushRequest) -> Result<PushResponse, NotTaken> {
        if push.epoch.is_some_and(|said| said != self.epoch) {
            return Err(NotTaken::OtherEpoch);
        }
        let mut intents: Vec<&Intent> = push.intents.iter().collect();
        if seeded::is(Bug::OrderedByClock) {
            intents.sort_by_key(|intent| intent.at);
        }
        let before = self.last_n.get(&push.client_id).copied().unwrap_or(0);
        if let (Some(first), false) = (push.intents.first(), seeded::is(Bug::ReplayRunsAgain))
            && matches!(arrival(before, first.n), Arrival::Gap { .. })
        {
            return Err(NotTaken::Gap);
        }
        let mut receipts = vec![];
        for intent in intents {
            if arrival(before, intent.n) == Arrival::Replay && !seeded::is(Bug::ReplayRunsAgain) {
                receipts.push(self.replay(push.client_id, intent).ok_or(NotTaken::Forked)?);
                continue;
            }
            let receipt = self.carry_out(push, intent);
            if seeded::is(Bug::RefusedStopsAll) && receipt.outcome.refusal().is_some() {
                break;
            }
            if !(seeded::is(Bug::RefusedKeepsNumber) && receipt.outcome.refusal().is_some()) {
                self.last_n.insert(push.client_id, intent.n);
            }
            if let Some(overwritten) = self.put_off.remove(&intent.id) {
                self.receipts.remove(&overwritten);
            }
            if !receipt.outcome.is_final() {
                self.put_off.insert(intent.id, (push.client_id, intent.n));
            }
            self.receipts.insert((push.client_id, intent.n), receipt.clone());
            if receipt.outcome.is_final() && !self.finals.contains_key(&intent.id) {
                self.finals.insert(intent.id, receipt.clone());
                self.first_under.insert(intent.id, (push.client_id, intent.n));
            }
            receipts.push(receipt);
        }
        let last_n = self.last_n.get(&push.client_id).copied().unwrap_or(0);
        let skew_ms = push.now.since(self.now);
        Ok(PushResponse { epoch: self.epoch, seq: self.seq, last_n, server_time: self.now, skew_ms, receipts })
    }

    fn carry_out(&mut self, push: &PushRequest, intent: &Intent) -> Receipt {
        let receipt = |seq, outcome| Receipt { n: intent.n, intent_id: intent.id, seq, outcome };
        if let Some(before) = self.finals.get(&intent.id).filter(|_| !seeded::is(Bug::ReplayRunsAgain)) {
            return receipt(before.seq, before.outcome.clone());
        }
        if let Some(held) = held_by_parent(&intent.depends_on, |id| self.outcome_of(id)) {
            return receipt(self.seq, held);
        }
        if self.unknown == Some(intent.change.kind()) {
            return receipt(self.seq, Outcome::Later(Refusal::new(Code::NeedsNewerServer, "")));
        }
        let at = if seeded::is(Bug::ClockBelieved) { intent.at } else { corrected(intent.at, push.now.since(self.now), self.now) };
        let Some((person, role)) = self.people.get(&push.client_id).and_then(|id| Some((*id, *self.roles.get(id)?))) else {
            return receipt(self.seq, Outcome::Refused(Refusal::new(Code::NotAllowed, "")));
        };
        let sight = self.sight_of(push.client_id);
        let actor = Actor { tenant: self.tenant, who: Who::Person { id: person, role, sight: &sight }, now: at };
        let edit = Edit { base: Some(intent.base.unwrap_or_default()), words: intent.words, at, by: Some(push.client_id), read: intent.read.as_deref(), past_lost: intent.past_lost };
        let stamps = self.stamps.get(&intent.change.target(self.tenant)).cloned().unwrap_or_default();
        let stamps = as_own(stamps, intent.change.target(self.tenant).table, &push.former, push.client_id);
        let decision = decide(intent.change.clone(), &edit, &actor, &self.row_set(), &stamps);
        if !seeded::is(Bug::ReceiptWithoutEffect) {
            let target = intent.change.target(self.tenant);
            let before = words(self.rows.get(&target));
            let is_taken = !decision.changes.is_empty() && decision.outcome == Outcome::Applied;
            self.write(decision.changes, &edit, decision.is_joined && !seeded::is(Bug::JoinedIsOnes));
            let after = words(self.rows.get(&target));
            let said = said(&intent.change).unwrap_or_default();
            let missing: Vec<_> = said.lines().filter(|line| is_taken && !self.stood.contains(*line)).map(|line| (intent.id, line.to_owned())).collect();
            self.words_missing.extend(missing);
            self.words_gone.extend(before.difference(&after).map(|line| (intent.id, line.clone())));
        }
        receipt(self.seq, decision.outcome)
    }

    /// What was answered before; of a number whose receipt was overwritten, the last word about its intent.
    fn replay(&self, client: ClientId, intent: &Intent) -> Option<Receipt> {
        match self.receipts.get(&(client, intent.n)) {
            Some(stored) if seeded::is(Bug::CopyUnnoticed) => Some(Receipt { intent_id: intent.id, ..stored.clone() }),
            Some(stored) => (stored.intent_id == intent.id).then(|| stored.clone()),
            None => self.word_about(intent.id).map(|word| Receipt { n: intent.n, ..word.clone() }),
        }
    }

    /// The last word about an intent, or that it was put off.
    fn word_about(&self, id: IntentId) -> Option<&Receipt> {
        let put_off = || self.put_off.get(&id).and_then(|under| self.receipts.get(under));
        self.finals.get(&id).or_else(put_off)
    }

    fn outcome_of(&self, id: IntentId) -> Option<&Outcome> {
        self.word_about(id).map(|receipt| &receipt.outcome)
    }

    pub fn pull(&mut self, request: &PullRequest) -> Vec<Frame> {
        let cursor = request.cursors.first().map_or(Seq(0), |cursor| cursor.seq);
        let sight = if seeded::is(Bug::EverybodySeesAll) { Sight::All } else { self.sight_of(request.client_id) };
        let same = request.scopes == sight || seeded::is(Bug::SightNotCompared) && sight.includes(&request.scopes);
        let useful = request.epoch == self.epoch && cursor > Seq(0) && cursor <= self.seq && cursor >= self.min_retained && same;
        let from = if useful { cursor } else { Seq(0) };
        let scopes = if useful { request.scopes.clone() } else { sight.clone() };
        let reader = self.person(request.client_id);
        let has_own = self.rows.values().any(|synced| synced.row.key().table.is_personal() && is_for(synced.row.home(), reader));
        if useful || request.accepts.is_empty() || has_own && !seeded::is(Bug::OwnForgottenInSegments) {
            return self.frames(&sight, scopes, from, useful, reader);
        }
        // As a segment: those who pull for the first time get what one of them got a while ago.
        let suits = |(epoch, seq, _): &&(u64, Seq, Vec<Frame>)| *epoch == self.epoch && *seq >= self.min_retained && self.seq.0 - seq.0 < STALE;
        if let Some((_, _, frames)) = self.kept.get(&sight).filter(suits) {
            return frames.clone();
        }
        let frames = self.frames(&sight, scopes, from, useful, None);
        self.kept.insert(sight, (self.epoch, self.seq, frames.clone()));
        frames
    }

    fn frames(&self, sight: &Sight, scopes: Sight, from: Seq, useful: bool, reader: Option<PersonId>) -> Vec<Frame> {
        let seen = self.seen(sight, reader);
        let (checksum, own) = checksums(seen.values());
        let begin = Begin { scope: Scope::Tenant, scopes, epoch: self.epoch, from, to: self.seq, fresh: !useful, server_time: self.now };
        let mut frames = vec![Frame::Begin(begin)];
        let mut deltas: BTreeMap<Seq, Result<SyncedRow, Gone>> = seen.into_values().map(|row| (row.seq, Ok(row))).collect();
        if useful && !seeded::is(Bug::TombstonesForgotten) {
            // Whoever sees everything still sees what only moved.
            let news = |(home, _): &(Scope, RowKey), gone: &Gone| sight.covers(*home) && is_for(*home, reader) && (*sight != Sight::All || gone.why == Departure::Deleted);
            deltas.extend(self.gone.iter().filter(|(from, gone)| news(from, gone)).map(|(_, gone)| (gone.seq, Err(*gone))));
        }
        for (_, delta) in deltas.range(Seq(from.0 + 1)..) {
            match (frames.last_mut(), delta) {
                (Some(Frame::Rows(rows)), Ok(row)) if rows.len() < ROWS_PER_FRAME => rows.push(row.clone()),
                (Some(Frame::Gone(gone)), Err(one)) if gone.len() < ROWS_PER_FRAME => gone.push(*one),
                (_, Ok(row)) => frames.push(Frame::Rows(vec![row.clone()])),
                (_, Err(one)) => frames.push(Frame::Gone(vec![*one])),
            }
        }
        frames.push(Frame::Checkpoint(Checkpoint { scope: Scope::Tenant, seq: self.seq, checksum, own: reader.map(|_| own) }));
        frames
    }
}

/// The lines of a row's note.
pub fn words(row: Option<&SyncedRow>) -> BTreeSet<String> {
    let note = row.and_then(|synced| match &synced.row {
        Row::Site(site) => site.note.as_deref(),
        Row::Device(device) => device.note.as_deref(),
        Row::Bookmark(bookmark) => bookmark.note.as_deref(),
        Row::Model(_) | Row::Attempt(_) => None,
    });
    note.unwrap_or_default().lines().map(|line| line.trim().to_owned()).collect()
}

/// Whether a row at that home may go to that reader: what is somebody's own goes to them only.
fn is_for(home: Scope, reader: Option<PersonId>) -> bool {
    match home {
        Scope::Person(owner) => reader == Some(owner) || reader.is_some() && seeded::is(Bug::OwnIsShown),
        _ => true,
    }
}

/// Over the rows that are shared, and over one's own.
pub fn checksums<'a>(rows: impl Iterator<Item = &'a SyncedRow>) -> (Checksum, Checksum) {
    let (own, shared): (Vec<_>, Vec<_>) = rows.map(|synced| (synced.row.key(), synced.seq)).partition(|(key, _)| key.table.is_personal());
    (Checksum::of(shared), Checksum::of(own))
}
