//! What a person wants of synchronization on this machine: a pause, and care with mobile data.
//!
//! Each account has its own wishes, and they outlive the app. Deliberately not here: how the network says that
//! it is metered (`transport::metered`), and what a round leaves out because of them (`driver`, `round`).

use std::sync::{Mutex, PoisonError};

use rusqlite::Connection;
use serde::{Deserialize, Serialize};

use crate::{
    accounts::Account,
    events::Event,
    store::{StoreError, meta, on_worker},
};

/// Under this name they stand in the replica.
const WISHES: &str = "wishes";

/// When mobile data is saved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SaveData {
    /// Never.
    Off,
    /// Always.
    On,
    /// While the network says that it is metered.
    #[default]
    Automatic,
}

/// The wishes of one account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Wishes {
    /// Nothing is fetched; what is done here is sent as before.
    pub paused: bool,
    /// When mobile data is saved.
    pub save_data: SaveData,
    /// Everything may be fetched once although mobile data is saved.
    pub anyway: bool,
    /// Photos are not sent over a network that is metered.
    pub photos_wifi: bool,
}

/// Why nothing is fetched although the server would answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Hold {
    /// Somebody wants it so.
    Paused,
    /// It would be much, and mobile data is saved: somebody is asked first.
    Metered,
}

/// The wishes, at hand while the account is open.
#[derive(Debug)]
pub struct Kept {
    now: Mutex<Wishes>,
    /// Held while one is changed: two at once would undo each other.
    changing: tokio::sync::Mutex<()>,
}

impl Kept {
    /// As they stand in the replica.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn read(db: &Connection) -> Result<Self, StoreError> {
        Ok(Self { now: Mutex::new(meta::get(db, WISHES)?.unwrap_or_default()), changing: tokio::sync::Mutex::default() })
    }

    /// What is wished for now.
    #[must_use]
    pub fn now(&self) -> Wishes {
        *self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Keeps a wish; it holds from now on, also for what is under way, and after a restart.
///
/// # Errors
/// [`StoreError`]: everything is as before.
pub async fn wish(account: &Account, change: impl FnOnce(&mut Wishes)) -> Result<(), StoreError> {
    let _changing = account.wishes.changing.lock().await;
    let mut wishes = account.wishes.now();
    change(&mut wishes);
    on_worker(&account.store, move |store| store.edit(|db| meta::set(db, WISHES, &wishes))).await?;
    *account.wishes.now.lock().unwrap_or_else(PoisonError::into_inner) = wishes;
    account.status.held(wishes.paused.then_some(Hold::Paused));
    account.events.tell(Event::Sync);
    account.wish_round();
    Ok(())
}

/// Whether the network says that it is metered; `None` where it says nothing. Asks the system, somewhere else.
pub async fn is_metered(account: &Account) -> Option<bool> {
    let metered = account.metered.clone();
    tokio::task::spawn_blocking(move || metered()).await.ok().flatten()
}

/// Whether mobile data is to be saved now. The system is asked only where it matters.
pub async fn saves_data(account: &Account) -> bool {
    match account.wishes.now().save_data {
        SaveData::Off => false,
        SaveData::On => true,
        SaveData::Automatic => is_metered(account).await == Some(true),
    }
}

/// Whether photos wait for another network: looked at when one is to be sent.
pub(super) async fn bars_photos(account: &Account) -> bool {
    let wishes = account.wishes.now();
    // Who always saves mobile data may be on it wherever the system says nothing.
    wishes.photos_wifi && is_metered(account).await.unwrap_or(wishes.save_data == SaveData::On)
}

/// Why nothing is to be fetched now. `anew`: all there is would come.
pub(super) async fn hold(account: &Account, anew: bool) -> Option<Hold> {
    let wishes = account.wishes.now();
    if wishes.paused {
        return Some(Hold::Paused);
    }
    let is_large = account.status.now().rows.is_some_and(|rows| rows >= account.large);
    let asks = anew && is_large && !wishes.anyway && saves_data(account).await;
    asks.then_some(Hold::Metered)
}

/// Everything has come: the next time is another question.
pub(super) async fn everything_came(account: &Account) -> Result<(), StoreError> {
    let _changing = account.wishes.changing.lock().await;
    let mut wishes = account.wishes.now();
    if !wishes.anyway {
        return Ok(());
    }
    wishes.anyway = false;
    on_worker(&account.store, move |store| store.note(|db| meta::set(db, WISHES, &wishes))).await?;
    *account.wishes.now.lock().unwrap_or_else(PoisonError::into_inner) = wishes;
    Ok(())
}
