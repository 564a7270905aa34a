//! How each account stands, and those that cannot be opened.
//!
//! Deliberately not here: opening and leaving (`super`, `leaving`).

use std::{
    collections::BTreeMap,
    sync::{Arc, MutexGuard, PoisonError},
};

use serde_json::{Value, json};

use super::{Account, AccountId, Accounts, Card, Me};
use crate::{
    store::{StoreError, farewell::Farewell},
    sync::{self, status::{Ailment, State}},
    transport::Origin,
};

/// How an account stands.
struct Standing {
    state: State,
    error: Option<Ailment>,
    pending: i64,
    unsent: i64,
    farewell: Option<Farewell>,
}

impl Accounts {
    /// Why the account that the window works in cannot be opened.
    #[must_use]
    pub fn active_ailment(&self) -> Option<Ailment> {
        let active = self.registry().active.clone()?;
        self.unopened().get(&active).cloned()
    }

    /// Tries once more to open the accounts that cannot be opened: there may be room on the disk by now.
    pub async fn try_unopened(self: &Arc<Self>) -> bool {
        let _moving = self.moving.lock().await;
        let unopened: Vec<AccountId> = self.unopened().keys().cloned().collect();
        let mut opened = false;
        for card in unopened.iter().filter_map(|id| self.unopened_card(id.as_str())) {
            match self.start(&card, self.vault.get(card.id.as_str())).await {
                Ok(_) => opened = true,
                Err(error) => tracing::warn!(account = card.id.as_str(), %error, "an account still cannot be opened"),
            }
        }
        opened
    }

    /// An account as the page sees it.
    pub(super) async fn item(&self, account: &Account) -> Value {
        let (me, status) = (account.me(), account.status.now());
        let standing = match self.counted(account).await {
            Ok((pending, unsent)) => Standing { state: status.state, error: status.error, pending, unsent, farewell: sync::farewell::stands(account).await.ok().flatten() },
            // One that cannot be read any more must not hide the others.
            Err(error) => Standing { state: State::Stopped, error: Some(error.ailment()), pending: 0, unsent: 1, farewell: None },
        };
        self.shown(account.id(), account.way().origin(), &me, &standing)
    }

    /// The card of an account that cannot be opened. It may hold unsent work, so it counts as one with some.
    pub(super) fn unopened_item(&self, card: &Card) -> Value {
        let error = self.unopened().get(&card.id).cloned();
        self.shown(&card.id, &card.server, &card.me, &Standing { state: State::Stopped, error, pending: 0, unsent: 1, farewell: None })
    }

    async fn counted(&self, account: &Account) -> Result<(i64, i64), StoreError> {
        Ok((sync::waiting(account).await?.pending, self.unsent(account).await?))
    }

    fn shown(&self, id: &AccountId, server: &Origin, me: &Me, standing: &Standing) -> Value {
        json!({
            "id": id.as_str(),
            "server": server,
            "tenant": {"name": me.tenant.name, "display_name": me.tenant.display_name, "brand": me.brand},
            "person": me.person,
            "active": self.registry().active.as_ref() == Some(id),
            "locked": self.is_locked_by_id(id),
            "state": standing.state,
            "error": standing.error,
            "pending": standing.pending,
            "unsent": standing.unsent,
            "farewell": standing.farewell,
        })
    }

    pub(super) fn unopened_card(&self, id: &str) -> Option<Card> {
        let card = self.registry().accounts.iter().find(|card| card.id.as_str() == id).cloned()?;
        self.unopened().contains_key(&card.id).then_some(card)
    }

    pub(super) fn unopened(&self) -> MutexGuard<'_, BTreeMap<AccountId, Ailment>> {
        self.unopened.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
