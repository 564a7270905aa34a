//! Everything together: who does what, and what the network makes of it.

use std::{
    cell::RefCell,
    collections::{HashMap, HashSet},
};

use proptest::prelude::*;
use uuid::Uuid;

use super::{
    server::{NotTaken, Server},
    tablet::Tablet,
};
use crate::{
    entities::{Attempt, AttemptOutcome, DeviceModel, Security},
    ids::{AttemptId, ClientId, DeviceId, IntentId, ModelId, PersonId, SiteId, TenantId},
    roles::Role,
    sync::{
        client::Replica as _,
        intent::{Change, DevicePatch, DeviceRetire, DeviceUpdate, NewDevice, NewModel, NewSite, SitePatch, SiteUpdate},
        patch::Patch,
        rows::{Row, RowKey, Seq},
        seeded::{self, Bug},
        sight::Sight,
        wire::{Frame, PullRequest, PushRequest, PushResponse},
    },
};

const TABLETS: usize = 3;

/// What somebody does.
#[derive(Debug, Clone)]
pub enum Edit {
    CreateSite,
    RenameSite(u8),
    NoteSite(u8),
    CreateDevice { serial: u8, site: u8 },
    ChangeDevice { serial: u8, site: u8 },
    RetireDevice(u8),
    Attempt { serial: u8, site: u8, epoch: u8, succeeded: bool },
}

/// One step of the world.
#[derive(Debug, Clone)]
pub enum Event {
    Edit { tablet: u8, edit: Edit },
    Staff(Edit),
    Erase(u8),
    /// Who is a technician now, and who an admin.
    ChangeRole { tablet: u8, demoted: bool },
    /// What that tablet's person sees: everything, or every site whose bit is set.
    Show { tablet: u8, sites: Option<u8> },
    /// Departures of some time ago are forgotten.
    Compact,
    /// The server does not know this kind for now.
    Forget(Option<u8>),
    Push(u8),
    Pull(u8),
    Deliver { message: u8, and_again: bool },
    Lose(u8),
    Cut { message: u8, after: u8 },
    Crash(u8),
    CrashInNext { tablet: u8, after: u8 },
    Requeue(u8),
    Attention(u8),
    Pass(u32),
}

fn edit() -> impl Strategy<Value = Edit> {
    prop_oneof![
        3 => Just(Edit::CreateSite),
        4 => any::<u8>().prop_map(Edit::RenameSite),
        2 => any::<u8>().prop_map(Edit::NoteSite),
        3 => (0u8..4, any::<u8>()).prop_map(|(serial, site)| Edit::CreateDevice { serial, site }),
        5 => (0u8..4, any::<u8>()).prop_map(|(serial, site)| Edit::ChangeDevice { serial, site }),
        1 => (0u8..4).prop_map(Edit::RetireDevice),
        3 => (0u8..4, any::<u8>(), 1u8..4, any::<bool>()).prop_map(|(serial, site, epoch, succeeded)| Edit::Attempt { serial, site, epoch, succeeded }),
    ]
}

pub fn event() -> impl Strategy<Value = Event> {
    let tablet = 0..TABLETS as u8;
    prop_oneof![
        16 => (tablet.clone(), edit()).prop_map(|(tablet, edit)| Event::Edit { tablet, edit }),
        5 => edit().prop_map(Event::Staff),
        1 => any::<u8>().prop_map(Event::Erase),
        1 => (tablet.clone(), any::<bool>()).prop_map(|(tablet, demoted)| Event::ChangeRole { tablet, demoted }),
        6 => (tablet.clone(), proptest::option::of(any::<u8>())).prop_map(|(tablet, sites)| Event::Show { tablet, sites }),
        1 => Just(Event::Compact),
        1 => proptest::option::of(0u8..10).prop_map(Event::Forget),
        8 => tablet.clone().prop_map(Event::Push),
        8 => tablet.clone().prop_map(Event::Pull),
        24 => (any::<u8>(), proptest::bool::weighted(0.2)).prop_map(|(message, and_again)| Event::Deliver { message, and_again }),
        2 => any::<u8>().prop_map(Event::Lose),
        6 => (any::<u8>(), 0u8..6).prop_map(|(message, after)| Event::Cut { message, after }),
        1 => tablet.clone().prop_map(Event::Crash),
        3 => (tablet.clone(), 0u8..24).prop_map(|(tablet, after)| Event::CrashInNext { tablet, after }),
        1 => tablet.clone().prop_map(Event::Requeue),
        1 => tablet.prop_map(Event::Attention),
        2 => (1u32..100_000).prop_map(Event::Pass),
    ]
}

/// A message on its way.
#[derive(Debug, Clone)]
enum Message {
    Push(usize, PushRequest),
    Receipts(usize, Result<PushResponse, NotTaken>, ClientId),
    Pull(usize, u32, PullRequest),
    Frames(usize, u32, Vec<Frame>),
}

pub struct World {
    pub server: Server,
    pub tablets: Vec<Tablet>,
    net: Vec<Message>,
    /// Every push that ever reached the server.
    pub pushed: Vec<PushRequest>,
    sites: Vec<SiteId>,
    model: ModelId,
    next_id: u128,
    /// What was seen before, for "never again".
    seen: RefCell<Seen>,
}

#[derive(Default)]
struct Seen {
    cursors: HashMap<usize, Seq>,
    settled: HashSet<IntentId>,
}

const TENANT: TenantId = TenantId(Uuid::from_u128(1));

impl World {
    pub fn new() -> Self {
        let mut server = Server::new(TENANT);
        let model = ModelId(Uuid::from_u128(2));
        server.edit(&Change::ModelCreate(NewModel { id: model, name: "Sensor".into(), sku: "S".into(), min_security: Security::Sec1 }));
        let tablets = (0..TABLETS)
            .map(|n| {
                let (client, person) = (ClientId(Uuid::from_u128(10 + n as u128)), PersonId(Uuid::from_u128(20 + n as u128)));
                server.admit(person, Role::Admin, client);
                // Hours ahead, behind, and right.
                Tablet::new(client, TENANT, person, Role::Admin, [0, 3 * 3_600_000, -86_400_000][n])
            })
            .collect();
        Self { server, tablets, net: vec![], pushed: vec![], sites: vec![SiteId(Uuid::from_u128(3))], model, next_id: 1_000, seen: RefCell::default() }
    }

    fn id(&mut self) -> Uuid {
        self.next_id += 1;
        Uuid::from_u128(self.next_id)
    }

    fn site(&self, n: u8) -> SiteId {
        self.sites[usize::from(n) % self.sites.len()]
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
            Edit::NoteSite(n) => {
                let note = if label.is_multiple_of(3) { Patch::Clear } else { Patch::Set(format!("note {label}")) };
                Change::SiteUpdate(SiteUpdate { id: self.site(n), patch: SitePatch { note, name: Patch::Set(format!("name {label}")), ..SitePatch::default() } })
            }
            Edit::CreateDevice { serial: n, site } => {
                Change::DeviceCreate(NewDevice { serial: serial(n), name: format!("device {label}"), model_id: self.model, site_id: Some(self.site(site)), note: None })
            }
            Edit::ChangeDevice { serial: n, site } => {
                let patch = DevicePatch { name: Patch::Set(format!("device {label}")), site_id: Patch::Set(self.site(site)), ..DevicePatch::default() };
                Change::DeviceUpdate(DeviceUpdate { id: device(n), patch })
            }
            Edit::RetireDevice(n) => Change::DeviceRetire(DeviceRetire { id: device(n), reason: None }),
            Edit::Attempt { serial: n, site, epoch, succeeded } => {
                let person = author.map_or(PersonId(Uuid::nil()), |tablet| self.tablets[tablet].person);
                Change::AttemptRecord(Box::new(Attempt {
                    id: AttemptId(self.id()), device_id: Some(device(n)), serial: Some(serial(n)), site_id: Some(self.site(site)), technician_id: person,
                    technician_name: "Tess".into(), client_id: ClientId(Uuid::nil()), app_version: "0".into(), os: "o".into(), radio: "virtual".into(),
                    protocol: None, security: None, firmware: Some(format!("fw {label}")), identity_verified: true, rssi: None, mtu: None, steps: vec![],
                    grant_id: None, receipt: None, epoch: Some(epoch.into()), network_name: None,
                    outcome: if succeeded { AttemptOutcome::Succeeded } else { AttemptOutcome::Failed },
                    cause: None, started_at: self.server.now, ended_at: self.server.now,
                }))
            }
        }
    }

    pub fn step(&mut self, event: Event) {
        match event {
            Event::Edit { tablet, edit } => {
                let change = self.change(&edit, Some(tablet.into()));
                let (id, now) = (IntentId(self.id()), self.server.now);
                self.tablets[usize::from(tablet)].record(id, now, change);
            }
            Event::Staff(edit) => {
                let change = self.change(&edit, None);
                self.server.edit(&change);
            }
            Event::Erase(n) => self.erase(n),
            Event::ChangeRole { tablet, demoted } => {
                // Technicians may not make or edit sites: their tablets do not know yet.
                let role = if demoted { Role::Technician } else { Role::Admin };
                self.server.roles.insert(self.tablets[usize::from(tablet)].person, role);
            }
            Event::Show { tablet, sites } => {
                let chosen = |mask: u8| self.sites.iter().enumerate().filter(|(n, _)| mask >> (n % 8) & 1 == 1).map(|(_, site)| *site).collect();
                let sight = sites.map_or(Sight::All, |mask| Sight::Sites(chosen(mask)));
                self.server.show(self.tablets[usize::from(tablet)].person, sight);
            }
            Event::Compact => self.server.compact(),
            Event::Forget(kind) => self.server.unknown = kind.map(|n| Change::KINDS[usize::from(n) % Change::KINDS.len()]),
            Event::Push(tablet) => self.send_push(tablet.into()),
            Event::Pull(tablet) => self.send_pull(tablet.into()),
            Event::Deliver { message, and_again } => self.deliver(message, and_again),
            Event::Lose(message) => drop(self.pick(message, false)),
            Event::Cut { message, after } => {
                if let Some(Message::Frames(tablet, pull, mut frames)) = self.pick(message, true) {
                    frames.truncate(after.into());
                    self.net.push(Message::Frames(tablet, pull, frames));
                }
            }
            Event::Crash(tablet) => self.tablets[usize::from(tablet)].crash(),
            Event::CrashInNext { tablet, after } => self.tablets[usize::from(tablet)].dies_after = Some(after.into()),
            Event::Requeue(tablet) => self.tablets[usize::from(tablet)].requeue(),
            Event::Attention(tablet) => {
                let (id, now) = (IntentId(self.id()), self.server.now);
                self.tablets[usize::from(tablet)].decide_attention(id, now);
            }
            Event::Pass(ms) => self.server.now = self.server.now.plus(ms.into()),
        }
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
                self.pushed.push(push.clone());
                // A push that is not taken leaves nothing.
                let mut after = self.server.clone();
                let answer = after.push(&push);
                if answer.is_ok() {
                    self.server = after;
                }
                self.net.push(Message::Receipts(tablet, answer, push.client_id));
            }
            Message::Receipts(tablet, Ok(answer), _) => self.tablets[tablet].take_receipts(&answer, self.server.now),
            // A late push finds a gap only when it was made for numbers that a fork has left behind.
            Message::Receipts(_, Err(NotTaken::Gap), _) => {}
            Message::Receipts(tablet, Err(NotTaken::Forked), client) => {
                let new = ClientId(self.id());
                if self.tablets[tablet].meta().client_id == client && self.tablets[tablet].fork(new) {
                    let person = self.tablets[tablet].person;
                    let role = self.server.roles[&person];
                    self.server.admit(person, role, new);
                }
            }
            Message::Pull(tablet, pull, request) => {
                let mut frames = self.server.pull(&request);
                if seeded::is(Bug::ChecksumNotCompared) && frames.len() > 3 {
                    frames.remove(1);
                }
                self.net.push(Message::Frames(tablet, pull, frames));
            }
            Message::Frames(tablet, pull, frames) => {
                // Frames that make no sense are a pull given up.
                let _given_up = self.tablets[tablet].take_frames(pull, frames, self.server.now);
            }
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
                self.tablets[tablet].requeue();
                for _push in 0..4 {
                    self.send_push(tablet);
                    while let Some(message) = self.net.pop() {
                        self.arrive(message);
                    }
                }
                self.send_pull(tablet);
                while let Some(message) = self.net.pop() {
                    self.arrive(message);
                }
            }
        }
    }

    /// Pulls on one tablet without touching its outbox; used to see that nothing makes it wait.
    pub fn pull_alone(&mut self, tablet: usize) {
        self.net.clear();
        self.tablets[tablet].dies_after = None;
        for _again in 0..2 {
            self.send_pull(tablet);
            while let Some(message) = self.net.pop() {
                self.arrive(message);
            }
        }
    }

    pub fn cursor(&self, tablet: usize) -> Seq {
        self.tablets[tablet].store.meta().map_or_else(|never| match never {}, |meta| meta.cursor)
    }

    /// The highest cursor ever seen on a tablet, this one included.
    pub fn highest_cursor(&self, tablet: usize, now: Seq) -> Seq {
        let mut seen = self.seen.borrow_mut();
        let high = seen.cursors.entry(tablet).or_default();
        *high = (*high).max(now);
        *high
    }

    pub fn note_settled(&self, id: IntentId) {
        self.seen.borrow_mut().settled.insert(id);
    }

    pub fn was_settled(&self, id: IntentId) -> bool {
        self.seen.borrow().settled.contains(&id)
    }

    /// The model, so that nobody wonders whether it is unused.
    pub fn has_model(&self) -> bool {
        self.server.rows.values().any(|synced| matches!(&synced.row, Row::Model(DeviceModel { id, .. }) if *id == self.model))
    }
}
