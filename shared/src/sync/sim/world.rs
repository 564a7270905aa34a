//! Everything together: who does what, and what the network makes of it.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
};

use uuid::Uuid;

use super::{
    events::{Edit, Event, MOST_TABLETS},
    server::{NotTaken, Server, words},
    tablet::Tablet,
};
use crate::{
    entities::{Attempt, AttemptOutcome, DeviceModel, Security},
    ids::{AttemptId, ClientId, DeviceId, IntentId, ModelId, PersonId, SiteId, TenantId},
    roles::Role,
    sync::{
        client::{Greeting, Replica as _},
        intent::{BookmarkRemove, BookmarkSet, Change, DevicePatch, DeviceRetire, DeviceUpdate, NewDevice, NewModel, NewSite, SitePatch, SiteUpdate},
        patch::Patch,
        rows::{Row, RowKey, Seq},
        seeded::{self, Bug},
        sight::Sight,
        wire::{Frame, HelloResponse, PullRequest, PushRequest, PushResponse},
    },
    time::Millis,
};

const TABLETS: usize = 3;

/// A message on its way.
#[derive(Debug, Clone)]
enum Message {
    Push(usize, PushRequest),
    Receipts(usize, Result<PushResponse, NotTaken>, ClientId),
    Pull(usize, u32, PullRequest),
    Frames(usize, u32, Vec<Frame>),
    News(usize, Vec<Frame>),
    Hello(usize, u32, ClientId, Millis),
    Greeted(usize, u32, Box<HelloResponse>),
}

pub struct World {
    pub server: Server,
    pub tablets: Vec<Tablet>,
    net: Vec<Message>,
    /// Every push that the server took, since it was put back or before the backup.
    pub pushed: Vec<PushRequest>,
    /// The last backup, with how many pushes had come by then.
    backup: Option<(Server, usize)>,
    /// What the server was in its former lives, by their epochs.
    pub past: BTreeMap<u64, Server>,
    sites: Vec<SiteId>,
    model: ModelId,
    next_id: u128,
    /// The words that the author of an intent had read or written by then.
    pub read: HashMap<IntentId, BTreeSet<String>>,
    /// The words that somebody wrote.
    wrote: HashMap<PersonId, BTreeSet<String>>,
    /// The words of a row that were read at a tablet.
    known: HashMap<(usize, RowKey), BTreeSet<String>>,
    /// What was seen before, for "never again".
    seen: RefCell<Seen>,
}

#[derive(Default)]
struct Seen {
    cursors: HashMap<(usize, u64), Seq>,
    settled: HashSet<(usize, IntentId)>,
    /// Of which moment the rows are that a tablet shows.
    shown: HashMap<usize, (u64, Seq)>,
}

/// The words that a change says.
pub fn said(change: &Change) -> Option<String> {
    match change {
        Change::SiteUpdate(update) => update.patch.note.value().cloned(),
        Change::BookmarkSet(set) => set.note.value().cloned(),
        Change::DeviceCreate(new) => new.note.clone(),
        _ => None,
    }
}

const TENANT: TenantId = TenantId(Uuid::from_u128(1));

impl World {
    /// Three tablets whose clocks are hours ahead, a day behind, and right.
    pub fn new() -> Self {
        Self::with_clocks([0, 3 * 3_600_000, -86_400_000])
    }

    /// Three tablets whose clocks are so far ahead.
    pub fn with_clocks(ahead: [i64; TABLETS]) -> Self {
        let mut server = Server::new(TENANT);
        let model = ModelId(Uuid::from_u128(2));
        server.edit(&Change::ModelCreate(NewModel { id: model, name: "Sensor".into(), sku: "S".into(), min_security: Security::Sec1 }));
        let tablets = (0..TABLETS)
            .map(|n| {
                let (client, person) = (ClientId(Uuid::from_u128(10 + n as u128)), PersonId(Uuid::from_u128(20 + n as u128)));
                server.admit(person, Role::Admin, client);
                Tablet::new(client, TENANT, person, Role::Admin, ahead[n])
            })
            .collect();
        // One that is nowhere, and two that are there.
        let sites: Vec<SiteId> = (3..6).map(|n| SiteId(Uuid::from_u128(n))).collect();
        for id in &sites[1..] {
            server.edit(&Change::SiteCreate(NewSite { id: *id, name: "site".into(), address: None, time_zone: "UTC".into(), note: None }));
        }
        Self { server, tablets, net: vec![], pushed: vec![], backup: None, past: BTreeMap::new(), sites, model, next_id: 1_000, read: HashMap::new(), wrote: HashMap::new(), known: HashMap::new(), seen: RefCell::default() }
    }

    /// Which tablet is meant: there are more of them once some were copied.
    fn tablet(&self, n: u8) -> usize {
        usize::from(n) % self.tablets.len()
    }

    /// The server as it is, or was at the end of a former life.
    pub fn life(&self, epoch: u64) -> Option<&Server> {
        if epoch == self.server.epoch { Some(&self.server) } else { self.past.get(&epoch) }
    }

    /// Every life there was, this one first.
    pub fn lives(&self) -> impl Iterator<Item = &Server> {
        std::iter::once(&self.server).chain(self.past.values())
    }

    /// The whole as text: what any difference between two runs would show in.
    pub fn print(&self) -> String {
        let stores: Vec<_> = self.tablets.iter().map(|tablet| &tablet.store).collect();
        format!("{:?} {:?} {:?} {stores:?} {:?}", self.server.seq, self.server.rows, self.server.receipts, self.net)
    }

    fn id(&mut self) -> Uuid {
        self.next_id += 1;
        Uuid::from_u128(self.next_id)
    }

    fn site(&self, n: u8) -> SiteId {
        self.sites[usize::from(n) % self.sites.len()]
    }

    /// Whoever works with that tablet, or nobody who has one.
    fn author(&self, tablet: Option<usize>) -> PersonId {
        tablet.map_or(PersonId(Uuid::nil()), |tablet| self.tablets[tablet].person)
    }

    fn change(&mut self, edit: &Edit, author: Option<usize>) -> Change {
        let serial = |n: u8| format!("SN{n}");
        let device = |n: u8| DeviceId::for_serial(TENANT, &serial(n));
        let label = self.id().as_u128() % 97;
        match *edit {
            Edit::CreateSite => {
                let id = SiteId(self.id());
                self.sites.push(id);
                Change::SiteCreate(NewSite { id, name: format!("site {label}"), address: None, time_zone: "UTC".into(), note: None })
            }
            Edit::RenameSite(n) => Change::SiteUpdate(SiteUpdate { id: self.site(n), patch: SitePatch { name: Patch::Set(format!("name {label}")), ..SitePatch::default() } }),
            Edit::NoteMuch(n) => {
                let note = Patch::Set(format!("note {label} {}", "x".repeat(1_100)));
                Change::SiteUpdate(SiteUpdate { id: self.site(n), patch: SitePatch { note, ..SitePatch::default() } })
            }
            Edit::NoteSite(n) => {
                let site = RowKey::from(self.site(n));
                let shown = author.and_then(|tablet| self.tablets[tablet].store.rows().find(|synced| synced.row.key() == site)).map(|synced| words(Some(synced)));
                let note = match label % 4 {
                    0 => Patch::Clear,
                    1 => Patch::Set(format!("note {label}")),
                    // Under what they read there.
                    _ => Patch::Set(shown.unwrap_or_default().into_iter().filter(|line| line.len() < 100).chain([format!("note {label}")]).collect::<Vec<_>>().join("\n")),
                };
                let name = if label.is_multiple_of(2) { Patch::Set(format!("name {label}")) } else { Patch::Keep };
                Change::SiteUpdate(SiteUpdate { id: self.site(n), patch: SitePatch { name, note, ..SitePatch::default() } })
            }
            Edit::CreateDevice { serial: n, site } => {
                Change::DeviceCreate(NewDevice { serial: serial(n), name: format!("device {label}"), model_id: self.model, site_id: Some(self.site(site)), note: Some(format!("note {label}")) })
            }
            Edit::ChangeDevice { serial: n, site } => {
                let patch = DevicePatch { name: Patch::Set(format!("device {label}")), site_id: Patch::Set(self.site(site)), ..DevicePatch::default() };
                Change::DeviceUpdate(DeviceUpdate { id: device(n), patch })
            }
            Edit::Bookmark { serial: n, noted } => {
                let note = if noted { Patch::Set(format!("note {label}")) } else { Patch::Keep };
                Change::BookmarkSet(BookmarkSet { person_id: self.author(author), device_id: device(n), note })
            }
            Edit::Unmark(n) => Change::BookmarkRemove(BookmarkRemove { person_id: self.author(author), device_id: device(n) }),
            Edit::RetireDevice(n) => Change::DeviceRetire(DeviceRetire { id: device(n), reason: None }),
            Edit::Attempt { serial: n, site, epoch, succeeded } => {
                let person = self.author(author);
                Change::AttemptRecord(Box::new(Attempt {
                    id: AttemptId(self.id()), device_id: Some(device(n)), serial: Some(serial(n)), site_id: Some(self.site(site)), technician_id: person,
                    technician_name: "Tess".into(), client_id: ClientId(Uuid::nil()), app_version: "0".into(), os: "o".into(), radio: "virtual".into(),
                    protocol: None, security: None, firmware: Some(format!("fw {label}")), identity_verified: true, rssi: None, mtu: None, steps: vec![],
                    grant_id: None, receipt: Some("cmVjZWlwdA==".into()), epoch: Some(epoch.into()), network_name: None,
                    outcome: if succeeded { AttemptOutcome::Succeeded } else { AttemptOutcome::Failed },
                    cause: None, started_at: self.server.now, ended_at: self.server.now,
                }))
            }
        }
    }

    pub fn step(&mut self, event: Event) {
        match event {
            Event::Edit { tablet, edit } => self.edit(tablet, &edit),
            Event::Notes { once, twice, site, is_pulled } => {
                let note = Edit::NoteSite(site);
                self.edit(once, &note);
                self.edit(twice, &note);
                if is_pulled {
                    self.at_once(|world| world.send_push(world.tablet(once)));
                    self.at_once(|world| world.send_pull(world.tablet(twice)));
                }
                self.edit(twice, &note);
            }
            Event::PutOff { tablet, site } => {
                self.edit(tablet, &Edit::NoteSite(site));
                let unknown = self.server.unknown.replace("site.update");
                self.at_once(|world| world.send_push(world.tablet(tablet)));
                self.server.unknown = unknown;
                self.edit(tablet, &Edit::NoteSite(site));
            }
            Event::LostPast { tablet, site } => {
                let note = Edit::NoteSite(site);
                self.step(Event::Backup);
                self.step(Event::Staff(note.clone()));
                self.at_once(|world| world.send_pull(world.tablet(tablet)));
                super::invariants::hold(self);
                self.step(Event::PutBack);
                self.at_once(|world| world.send_hello(world.tablet(tablet)));
                self.step(Event::Staff(note.clone()));
                self.edit(tablet, &note);
                self.at_once(|world| world.send_push(world.tablet(tablet)));
            }
            Event::Anew { tablet, serial } => {
                self.edit(tablet, &Edit::Bookmark { serial, noted: true });
                self.at_once(|world| world.send_push(world.tablet(tablet)));
                let tablet = self.tablet(tablet);
                self.tablets[tablet].start_afresh();
                self.at_once(|world| world.send_pull(tablet));
            }
            Event::Overtaken { tablet, site } => {
                self.at_once(|world| world.send_pull(world.tablet(tablet)));
                self.step(Event::Staff(Edit::RenameSite(site)));
                self.step(Event::Poke { tablet, last: 1 });
                self.step(Event::Staff(Edit::NoteMuch(site)));
                self.edit(tablet, &Edit::NoteMuch(site));
                self.at_once(|world| world.send_push(world.tablet(tablet)));
                if let Some(news) = self.net.pop_if(|message| matches!(message, Message::News(..))) {
                    self.at_once(|world| world.arrive(news));
                }
            }
            Event::Staff(edit) => {
                let change = self.change(&edit, None);
                self.server.edit(&change);
            }
            Event::Erase(n) => self.erase(n),
            Event::ChangeRole { tablet, demoted } => {
                // Technicians may not make or edit sites: their tablets do not know yet.
                let role = if demoted { Role::Technician } else { Role::Admin };
                self.server.roles.insert(self.tablets[self.tablet(tablet)].person, role);
            }
            Event::Show { tablet, sites } => {
                let chosen = |mask: u8| self.sites.iter().enumerate().filter(|(n, _)| mask >> (n % 8) & 1 == 1).map(|(_, site)| *site).collect();
                let sight = sites.map_or(Sight::All, |mask| Sight::Sites(chosen(mask)));
                self.server.show(self.tablets[self.tablet(tablet)].person, sight);
            }
            Event::Compact => self.server.compact(),
            Event::Poke { tablet, last } => {
                let tablet = self.tablet(tablet);
                let client = self.tablets[tablet].meta().client_id;
                let last = if last == 0 { self.server.seq.0 - self.cursor(tablet).0 } else { last.into() };
                if let Some(news) = self.server.news(last, client).filter(|_| self.server.sight_of(client) == Sight::All) {
                    self.net.push(Message::News(tablet, news));
                }
            }
            Event::Forget(kind) => self.server.unknown = kind.map(|n| Change::KINDS[usize::from(n) % Change::KINDS.len()]),
            Event::Push(tablet) => self.send_push(self.tablet(tablet)),
            Event::Pull(tablet) => self.send_pull(self.tablet(tablet)),
            Event::Hello(tablet) => self.send_hello(self.tablet(tablet)),
            Event::Deliver { message, and_again } => self.deliver(message, and_again),
            Event::Lose(message) => drop(self.pick(message, false)),
            Event::Cut { message, after } => {
                if let Some(Message::Frames(tablet, pull, mut frames)) = self.pick(message, true) {
                    frames.truncate(after.into());
                    self.net.push(Message::Frames(tablet, pull, frames));
                }
            }
            Event::Crash(tablet) => {
                let tablet = self.tablet(tablet);
                self.tablets[tablet].crash();
            }
            Event::CrashInNext { tablet, after } => {
                let tablet = self.tablet(tablet);
                self.tablets[tablet].dies_after = Some(after.into());
            }
            Event::Requeue(tablet) => {
                let tablet = self.tablet(tablet);
                self.tablets[tablet].requeue();
            }
            Event::Attention(tablet) => {
                let (id, now, tablet) = (IntentId(self.id()), self.server.now, self.tablet(tablet));
                if let Some(change) = self.tablets[tablet].next_attention() {
                    self.reads_what_stands(tablet, id, &change);
                }
                self.tablets[tablet].decide_attention(id, now);
            }
            Event::SetClock { tablet, ahead } => {
                let tablet = self.tablet(tablet);
                self.tablets[tablet].skew = i64::from(ahead) * 3_600_000;
            }
            Event::Copy(tablet) => {
                if self.tablets.len() < MOST_TABLETS {
                    let original = self.tablet(tablet);
                    let seen = self.seen.get_mut();
                    if let Some(shown) = seen.shown.get(&original).copied() {
                        seen.shown.insert(self.tablets.len(), shown);
                    }
                    let copy = self.tablets.len();
                    let known: Vec<_> = self.known.iter().filter(|((tablet, _), _)| *tablet == original).map(|((_, row), known)| ((copy, *row), known.clone())).collect();
                    self.known.extend(known);
                    self.tablets.push(self.tablets[original].copied());
                }
            }
            Event::Backup => self.backup = Some((self.server.clone(), self.pushed.len())),
            Event::PutBack => self.put_back(),
            Event::Pass(ms) => self.server.now = self.server.now.plus(ms.into()),
        }
    }

    fn put_back(&mut self) {
        let Some((mut server, pushed)) = self.backup.clone() else { return };
        let epoch = 2 + self.past.len() as u64;
        server.put_back(epoch, self.server.now, self.tablets.iter().map(|tablet| (tablet.meta().client_id, tablet.person)));
        self.pushed.truncate(pushed);
        let lost = std::mem::replace(&mut self.server, server);
        self.past.insert(lost.epoch, lost);
    }

    fn edit(&mut self, tablet: u8, edit: &Edit) {
        let tablet = self.tablet(tablet);
        let change = self.change(edit, Some(tablet));
        let (id, now) = (IntentId(self.id()), self.server.now);
        self.reads_what_stands(tablet, id, &change);
        self.tablets[tablet].record(id, now, change);
    }

    /// Whoever changes something has read what their tablet shows of it, and remembers what it showed them before.
    fn reads_what_stands(&mut self, tablet: usize, intent: IntentId, change: &Change) {
        let target = change.target(TENANT);
        let row = self.tablets[tablet].store.rows().find(|synced| synced.row.key() == target);
        let known = self.known.entry((tablet, target)).or_default();
        known.extend(words(row));
        let person = self.tablets[tablet].person;
        let wrote = self.wrote.entry(person).or_default();
        self.read.insert(intent, known.union(wrote).cloned().collect());
        wrote.extend(said(change).unwrap_or_default().lines().map(str::to_owned));
    }

    /// A site that nothing stands in is erased.
    fn erase(&mut self, n: u8) {
        let site = self.site(n);
        let used = self.server.rows.values().any(|synced| matches!(&synced.row, Row::Device(device) if device.site_id == Some(site)));
        if !used {
            self.server.erase(RowKey::from(site));
        }
    }

    fn pick(&mut self, message: u8, only_frames: bool) -> Option<Message> {
        let fits: Vec<usize> = (0..self.net.len()).filter(|n| !only_frames || matches!(self.net[*n], Message::Frames(..))).collect();
        let at = *fits.get(usize::from(message) % fits.len().max(1))?;
        Some(self.net.remove(at))
    }

    fn send_push(&mut self, tablet: usize) {
        if let Some(push) = self.tablets[tablet].next_push(self.server.now) {
            self.net.push(Message::Push(tablet, push));
        }
    }

    fn send_hello(&mut self, tablet: usize) {
        let (greeting, client) = self.tablets[tablet].begin_greeting();
        let now = self.server.now.plus(self.tablets[tablet].skew);
        self.net.push(Message::Hello(tablet, greeting, client, now));
    }

    fn send_pull(&mut self, tablet: usize) {
        let (pull, request) = self.tablets[tablet].begin_pull();
        self.net.push(Message::Pull(tablet, pull, request));
    }

    fn deliver(&mut self, message: u8, and_again: bool) {
        let Some(message) = self.pick(message, false) else { return };
        if and_again {
            self.net.push(message.clone());
        }
        self.arrive(message);
    }

    fn arrive(&mut self, message: Message) {
        match message {
            Message::Push(tablet, push) => {
                // A push that is not taken leaves nothing.
                let mut after = self.server.clone();
                let answer = after.push(&push);
                if answer.is_ok() {
                    self.server = after;
                    self.pushed.push(push.clone());
                }
                self.net.push(Message::Receipts(tablet, answer, push.client_id));
            }
            Message::Receipts(tablet, Ok(answer), _) => self.tablets[tablet].take_receipts(&answer),
            // The push was made for numbers that a fork has left behind, or that this server was put back before: the next greeting tells.
            Message::Receipts(_, Err(NotTaken::Gap), _) => {}
            Message::Receipts(tablet, Err(NotTaken::OtherEpoch), _) => self.send_hello(tablet),
            Message::Receipts(tablet, Err(NotTaken::Forked), client) => {
                if self.tablets[tablet].meta().client_id == client {
                    self.rename(tablet, Greeting::Forked);
                }
            }
            Message::Hello(tablet, greeting, client, client_now) => {
                let answer = Box::new(self.server.hello(client, client_now));
                self.net.push(Message::Greeted(tablet, greeting, answer));
            }
            Message::Greeted(tablet, greeting, answer) => {
                if let Some(found) = self.tablets[tablet].take_greeting(greeting, &answer) {
                    self.rename(tablet, found);
                }
            }
            Message::Pull(tablet, pull, request) => {
                let mut frames = self.server.pull(&request);
                if seeded::is(Bug::ChecksumNotCompared) && frames.len() > 3 {
                    frames.remove(1);
                }
                self.net.push(Message::Frames(tablet, pull, frames));
            }
            Message::News(tablet, frames) => self.tablets[tablet].take_news(frames, self.server.now),
            Message::Frames(tablet, pull, frames) => {
                // Frames that make no sense are a pull given up.
                let _given_up = self.tablets[tablet].take_frames(pull, frames, self.server.now);
            }
        }
    }

    /// A replica that is a copy, or that the server has forgotten, takes a new name.
    fn rename(&mut self, tablet: usize, why: Greeting) {
        let new = ClientId(self.id());
        let renamed = match why {
            Greeting::Known => false,
            Greeting::Forked => self.tablets[tablet].fork(new),
            Greeting::Restored => self.tablets[tablet].restored(new),
        };
        if renamed {
            let person = self.tablets[tablet].person;
            let role = self.server.roles[&person];
            self.server.admit(person, role, new);
        }
        if renamed && why == Greeting::Restored {
            // What was synced with a server that is no more is not.
            self.seen.borrow_mut().settled.retain(|(whose, _)| *whose != tablet);
        }
    }

    /// The network is well again and everybody syncs, a bounded number of times.
    pub fn heal(&mut self) {
        self.server.unknown = None;
        self.net.clear();
        for tablet in 0..self.tablets.len() {
            self.tablets[tablet].dies_after = None;
        }
        for _round in 0..4 {
            for tablet in 0..self.tablets.len() {
                self.send_hello(tablet);
                self.arrive_all();
                self.tablets[tablet].requeue();
                for _push in 0..4 {
                    self.send_push(tablet);
                    self.arrive_all();
                }
                self.send_pull(tablet);
                self.arrive_all();
            }
        }
    }

    /// What is sent there and what it leads to arrives before anything else.
    fn at_once(&mut self, send: impl FnOnce(&mut Self)) {
        let others = std::mem::take(&mut self.net);
        send(self);
        self.arrive_all();
        self.net = others;
    }

    fn arrive_all(&mut self) {
        while let Some(message) = self.net.pop() {
            self.arrive(message);
        }
    }

    /// Pulls on one tablet without touching its outbox; used to see that nothing makes it wait.
    pub fn pull_alone(&mut self, tablet: usize) {
        self.net.clear();
        self.tablets[tablet].dies_after = None;
        for _again in 0..2 {
            self.send_pull(tablet);
            self.arrive_all();
        }
    }

    pub fn cursor(&self, tablet: usize) -> Seq {
        self.tablets[tablet].store.meta().map_or_else(|never| match never {}, |meta| meta.cursor)
    }

    /// The highest cursor ever seen on a tablet in one life of the server, this one included.
    pub fn highest_cursor(&self, tablet: usize, epoch: u64, now: Seq) -> Seq {
        let mut seen = self.seen.borrow_mut();
        let high = seen.cursors.entry((tablet, epoch)).or_default();
        *high = (*high).max(now);
        *high
    }

    /// Of which moment the rows are that a tablet shows: while it stands nowhere, of the last one it stood at.
    pub fn shown(&self, tablet: usize, epoch: u64, cursor: Seq) -> (u64, Seq) {
        let mut seen = self.seen.borrow_mut();
        if epoch != 0 {
            seen.shown.insert(tablet, (epoch, cursor));
        }
        seen.shown.get(&tablet).copied().unwrap_or((self.server.epoch, Seq(0)))
    }

    pub fn note_settled(&self, tablet: usize, id: IntentId) {
        self.seen.borrow_mut().settled.insert((tablet, id));
    }

    pub fn was_settled(&self, tablet: usize, id: IntentId) -> bool {
        self.seen.borrow().settled.contains(&(tablet, id))
    }

    /// The model, so that nobody wonders whether it is unused.
    pub fn has_model(&self) -> bool {
        self.server.rows.values().any(|synced| matches!(&synced.row, Row::Model(DeviceModel { id, .. }) if *id == self.model))
    }
}
