//! A visit: many devices at one site, one after the other.
//!
//! The technician scans labels ahead, while another device joins; the visit begins the next one by itself, goes on
//! after a failure and comes back to it, and survives the death of the app. What it holds is in the vault, because
//! labels and networks are secrets ([`keeping`]).
//!
//! Deliberately not here: how one device is commissioned (`flow`), when the next one begins ([`going`]), and the
//! page ([`api`]).

use omniot_shared::{
    ids::{AttemptId, SiteId},
    label::{self, Label, Scanned},
    time::Millis,
};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;
use zeroize::Zeroizing;

pub mod api;
pub mod going;
mod keeping;
mod network;

pub use keeping::{Visits, aside_of, expected_in, keep_in_sight, labels_in};
pub use network::KeptNetwork;

/// The most labels of one visit.
pub const MOST: usize = 500;
/// So often a device is tried by itself.
const TRIES: u8 = 2;

/// What becomes of a label.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// Its turn comes.
    Waiting,
    /// Its device is being commissioned.
    Running,
    /// Its device is done.
    Done,
    /// It was tried as often as it is by itself: a person decides.
    Failed,
}

/// One label of a visit.
#[derive(Clone, Serialize, Deserialize)]
pub struct Item {
    /// Its id in this visit.
    pub id: Uuid,
    /// What it says, for as long as that is needed.
    label: Option<String>,
    /// What its device calls itself in the air.
    pub name: Option<String>,
    /// From the label.
    pub serial: Option<String>,
    /// What tells its label from others, where that names no serial number. It stays when the label goes.
    #[serde(default)]
    mark: Option<String>,
    /// What the technician calls the device.
    pub device_name: Option<String>,
    /// What became of it.
    pub fate: Fate,
    /// Failed attempts since it was added, or since somebody wanted it again.
    pub tries: u8,
    /// The latest attempt.
    pub attempt: Option<AttemptId>,
    /// Why the latest attempt failed.
    pub cause: Option<String>,
    /// How well the device was heard, dBm.
    pub rssi: Option<i32>,
    /// How long the latest attempt took, milliseconds.
    pub took_ms: Option<i64>,
    /// Done, and the device could not say itself that it is in the network.
    /// Waiting: it was done before, and is wanted again.
    #[serde(default)]
    pub unconfirmed: bool,
    /// The epoch of the receipt that its device gave to the latest attempt.
    #[serde(default)]
    pub epoch: Option<u32>,
    /// It was done before and has another turn; whether it was so by guess only.
    #[serde(default)]
    pub was_done: Option<bool>,
}

impl Item {
    /// Whether no permission was left for it.
    pub fn lacks_permission(&self) -> bool {
        self.cause.as_deref() == Some(super::Cause::NoGrant.code())
    }

    /// Whether it is news how its attempt ended.
    pub fn awaits(&self, ending: &Ending) -> bool {
        match self.fate {
            Fate::Running => true,
            // After a failure a person may have tried the same attempt once more. Of one that was done a success is known.
            Fate::Waiting | Fate::Failed => ending.done && !self.unconfirmed,
            Fate::Done => false,
        }
    }

    /// One that was done and has another turn is done again, as it was: `false` when it was not, or was heard since.
    fn back_to_done(&mut self) -> bool {
        let Some(unconfirmed) = self.was_done.take() else { return false };
        (self.fate, self.label, self.cause, self.unconfirmed) = (Fate::Done, None, None, unconfirmed);
        true
    }

    /// Whether that is the label of this device. A name in the air is no identity: makers give the same one to many.
    fn is_of(&self, new: &NewItem) -> bool {
        if new.serial.is_some() || self.serial.is_some() {
            return new.serial == self.serial;
        }
        match self.mark() {
            Some(mark) => Some(mark) == new.mark,
            // Done in a version that kept no mark: its name is all that is left of its label.
            None => self.name == new.name,
        }
    }

    fn mark(&self) -> Option<String> {
        let of_label = || match label::read(self.label.as_deref()?).ok()? {
            Scanned::Label(label) => Some(mark_of(&label)),
            Scanned::Code(_) => None,
        };
        self.mark.clone().or_else(of_label)
    }

    /// The label's text, wiped when dropped.
    pub fn label(&self) -> Option<Zeroizing<String>> {
        self.label.clone().map(Zeroizing::new)
    }
}

/// What tells a label from others that name no serial number: a digest of the name and the secret, which itself does not stay.
fn mark_of(label: &Label) -> String {
    let secret = label.pop.as_ref().map_or(&[][..], |pop| pop.reveal().as_bytes());
    let hash = Sha256::new().chain_update(b"omniot/visit-label/v1\0").chain_update([u8::try_from(label.name.len()).unwrap_or(u8::MAX)]);
    hex::encode(hash.chain_update(&label.name).chain_update(secret).finalize())
}

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ending {
    /// Whether the device is done.
    pub done: bool,
    /// Why not.
    pub cause: Option<String>,
    /// Whether the device could not say itself that it is in the network.
    pub unconfirmed: bool,
    /// Whether a second try can help.
    pub again: bool,
    /// Whether it lies at this machine, e.g. Bluetooth is off: then it would be the same with the next device.
    pub ours: bool,
    /// Whether the device was heard: then it is not silent because it was done before.
    pub heard: bool,
    /// dBm.
    pub rssi: Option<i32>,
    /// Milliseconds.
    pub took_ms: i64,
    /// Of the device's receipt, when it was claimed.
    pub epoch: Option<u32>,
}

/// Many devices at one site.
#[derive(Clone, Serialize, Deserialize)]
pub struct Visit {
    /// Where.
    pub site: SiteId,
    /// Since when.
    pub started_at: Millis,
    /// Whether the next one begins by itself.
    pub auto: bool,
    /// In the order of their turns.
    pub items: Vec<Item>,
    /// The attempt that was at work when the network was changed: what it joined is not wanted any more.
    #[serde(default)]
    pub outdated: Option<AttemptId>,
}

/// Why a label is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotAdded {
    /// It is there already.
    #[error("this device is in the visit already")]
    Known,
    /// [`MOST`].
    #[error("a visit holds at most 500 devices; end it and begin another one")]
    Full,
}

/// A label that was read.
pub struct NewItem {
    /// Its id.
    pub id: Uuid,
    /// Its text.
    pub label: Zeroizing<String>,
    /// As [`Item::name`].
    pub name: Option<String>,
    /// As [`Item::serial`].
    pub serial: Option<String>,
    /// Of a label without a serial number: what tells it from others.
    mark: Option<String>,
    /// As [`Item::device_name`].
    pub device_name: Option<String>,
    /// Whether the server has seen its device since that was done here.
    pub seen: bool,
}

impl NewItem {
    /// A label, and the text in which it was read. Nobody has seen its device yet.
    pub fn of(id: Uuid, label: &Label, text: Zeroizing<String>) -> Self {
        let serial = label.pinned.as_ref().map(|pinned| omniot_shared::ids::normal_serial(&pinned.serial));
        let mark = serial.is_none().then(|| mark_of(label));
        Self { id, label: text, name: Some(label.name.clone()), serial, mark, device_name: None, seen: false }
    }
}

impl Visit {
    /// A visit that begins.
    #[must_use]
    pub const fn new(site: SiteId, started_at: Millis, auto: bool) -> Self {
        Self { site, started_at, auto, items: Vec::new(), outdated: None }
    }

    /// Adds a label at the end. One that failed before, or is done and the server has not seen it or its device could not say
    /// so itself, gets another turn; what was
    /// answered and photographed then goes on, and so does the name.
    ///
    /// # Errors
    /// [`NotAdded`].
    pub fn add(&mut self, new: NewItem) -> Result<&Item, NotAdded> {
        let known = self.items.iter().position(|item| item.is_of(&new));
        let NewItem { id, label, name, serial, mark, device_name, seen } = new;
        let mut item = Item {
            id,
            label: Some(label.as_str().to_owned()),
            name,
            serial,
            mark,
            device_name,
            fate: Fate::Waiting,
            tries: 0,
            attempt: None,
            cause: None,
            rssi: None,
            took_ms: None,
            unconfirmed: false,
            epoch: None,
            was_done: None,
        };
        if let Some(at) = known {
            if !self.items.get(at).is_some_and(|item| item.fate == Fate::Failed || (item.fate == Fate::Done && (item.unconfirmed || !seen))) {
                return Err(NotAdded::Known);
            }
            let before = self.items.remove(at);
            (item.attempt, item.unconfirmed) = (before.attempt, before.unconfirmed || before.fate == Fate::Done);
            item.was_done = if before.fate == Fate::Done { Some(before.unconfirmed) } else { before.was_done };
            item.epoch = before.epoch;
            item.device_name = item.device_name.or(before.device_name);
        }
        if self.items.len() >= MOST {
            return Err(NotAdded::Full);
        }
        self.items.push(item);
        self.items.last().ok_or(NotAdded::Full)
    }

    /// The network was changed: the attempt that is at work may have got the one before.
    pub fn network_changed(&mut self, at_work: Option<AttemptId>) {
        self.outdated = at_work;
    }

    /// Takes a label out that is not at work. `false`: there is none. One that was done before is done as before.
    pub fn remove(&mut self, id: Uuid) -> bool {
        let Some(at) = self.items.iter().position(|item| item.id == id && item.fate != Fate::Running) else { return false };
        if !self.items.get_mut(at).is_some_and(Item::back_to_done) {
            self.items.remove(at);
        }
        true
    }

    /// Gives a device that failed another turn. `false`: there is none.
    pub fn again(&mut self, id: Uuid) -> bool {
        let failed = self.items.iter_mut().find(|item| item.id == id && item.fate == Fate::Failed);
        failed.map(|item| (item.fate, item.tries) = (Fate::Waiting, 0)).is_some()
    }

    /// Whose turn it is: the first that is heard now, else the first. Those that no permission was left for have it last:
    /// others may need none.
    pub fn next(&self, is_heard: impl Fn(&Item) -> bool) -> Option<&Item> {
        self.items.iter().filter(|item| item.fate == Fate::Waiting).min_by_key(|item| (item.lacks_permission(), !is_heard(item)))
    }

    /// Its device is being commissioned.
    pub fn began(&mut self, id: Uuid, attempt: AttemptId) {
        for item in &mut self.items {
            if item.id == id {
                (item.fate, item.attempt, item.unconfirmed) = (Fate::Running, Some(attempt), false);
            } else if item.fate == Fate::Running {
                // One at a time: of the one before it was never heard how it ended.
                item.fate = Fate::Waiting;
            }
        }
    }

    /// The one whose attempt that is.
    pub fn of(&self, attempt: AttemptId) -> Option<&Item> {
        self.items.iter().find(|item| item.attempt == Some(attempt))
    }

    /// Its attempt ended. A device that is done needs its label no more; one that failed waits behind the others.
    pub fn ended(&mut self, attempt: AttemptId, ending: Ending) {
        let Some(at) = self.items.iter().position(|item| item.attempt == Some(attempt) && item.awaits(&ending)) else { return };
        let mut item = self.items.remove(at);
        if ending.heard {
            item.was_done = None;
        }
        // As it was done it is in its network, and its label was read once more by mistake.
        if !ending.done && matches!(ending.cause.as_deref(), Some("not_advertising" | "cancelled")) && item.back_to_done() {
            self.items.insert(at, item);
            return;
        }
        (item.rssi, item.took_ms, item.epoch) = (ending.rssi.or(item.rssi), Some(ending.took_ms), ending.epoch);
        if ending.done {
            (item.fate, item.cause, item.label, item.unconfirmed, item.was_done) = (Fate::Done, None, None, ending.unconfirmed, None);
            self.items.insert(at, item);
            return;
        }
        item.cause = ending.cause;
        if ending.ours {
            item.fate = Fate::Waiting;
            self.items.insert(at, item);
            return;
        }
        item.tries = item.tries.saturating_add(1);
        item.fate = if ending.again && item.tries < TRIES { Fate::Waiting } else { Fate::Failed };
        self.items.push(item);
    }

    /// The app died: what was at work has its turn first.
    pub fn resume(&mut self) {
        let (mut items, others): (Vec<Item>, Vec<Item>) = std::mem::take(&mut self.items).into_iter().partition(|item| item.fate == Fate::Running);
        for item in &mut items {
            item.fate = Fate::Waiting;
        }
        items.extend(others);
        self.items = items;
    }

    /// How many of them there are.
    pub fn count(&self, fate: Fate) -> usize {
        self.items.iter().filter(|item| item.fate == fate).count()
    }
}

#[cfg(test)]
mod tests;
